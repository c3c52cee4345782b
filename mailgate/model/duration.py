"""Lengths of time as people write them in a configuration: ``90s``, ``15m``, ``4h``, ``2d``, ``1h 30m``."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_PART = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([smhdw])")


def parse_duration(text: Any) -> timedelta:
    """Return the time that ``text`` says; zero is allowed, less is not.

    Raises:
        ValueError: anything that is not numbers with units s, m, h, d or w.
    """
    if isinstance(text, timedelta):
        return text
    if not isinstance(text, str) or not re.fullmatch(rf"(?:{_PART.pattern})+\s*", text):
        raise ValueError(f"{text!r} is not a length of time; write for example '90s', '15m', '4h' or '2d'")
    parts = (timedelta(**{_UNITS[unit]: float(number)}) for number, unit in _PART.findall(text))
    return sum(parts, timedelta())


def format_duration(length: timedelta) -> str:
    """Return the shortest text that :func:`parse_duration` reads back as ``length``."""
    seconds = length.total_seconds()
    for unit, size in (("w", 604_800), ("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{int(seconds // size)}{unit}"
    return f"{seconds:g}s"


def words(length: timedelta) -> str:
    """Return ``length`` for a sentence: ``4 hours``, ``1 minute``, ``2 hours 30 minutes``."""
    left, parts = round(length.total_seconds()), []
    for name, size in (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {name}{'s' if count > 1 else ''}")
    return " ".join(parts[:2]) or "0 seconds"


Duration = Annotated[timedelta, BeforeValidator(parse_duration), PlainSerializer(format_duration, return_type=str)]
"""A pydantic field read by :func:`parse_duration` and written by :func:`format_duration`."""
