"""Lengths of time as people write them in a configuration: ``90s``, ``15m``, ``4h``, ``2d``, ``1h 30m``."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, PlainSerializer

from mailgate.model.quoting import quoted

_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_PART = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([smhdw])")

_EXAMPLES = "write for example '90s', '15m', '4h' or '2d'"

LONGEST = timedelta(days=36_500)
"""A hundred years: no deadline is meant to be later, and instants end with the year 9999."""


def parse_duration(text: Any) -> timedelta:
    """Return the time that ``text`` says; zero is allowed, less is not, nor more than :data:`LONGEST`.

    Raises:
        ValueError: anything that is not numbers with units s, m, h, d or w.
    """
    if isinstance(text, timedelta):
        length = text
    elif isinstance(text, str) and re.fullmatch(rf"(?:{_PART.pattern})+\s*", text):
        microseconds = sum(Decimal(number) * _SECONDS[unit] for number, unit in _PART.findall(text)) * 1_000_000
        length = timedelta(microseconds=int(min(microseconds, 2 * LONGEST // timedelta(microseconds=1))))
    else:
        raise ValueError(f"{quoted(text)} is not a length of time; {_EXAMPLES}")
    if not timedelta() <= length <= LONGEST:
        raise ValueError(f"{quoted(text)} is not a length of time between '0s' and '{LONGEST.days}d'; {_EXAMPLES}")
    return length


def format_duration(length: timedelta) -> str:
    """Return the shortest text with one unit that :func:`parse_duration` reads back as ``length``, to the microsecond."""
    microseconds = length // timedelta(microseconds=1)
    for unit in ("w", "d", "h", "m"):
        count, rest = divmod(microseconds, _SECONDS[unit] * 1_000_000)
        if count and not rest:
            return f"{count}{unit}"
    return f"{Decimal(microseconds) / 1_000_000:f}s"


def words(length: timedelta) -> str:
    """Return ``length`` for a sentence: ``4 hours``, ``1 minute``, ``2 hours 30 minutes``."""
    left, parts = round(length.total_seconds()), []
    for name, size in (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1)):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {name}{'s' if count > 1 else ''}")
    return " ".join(parts[:2]) or "0 seconds"


def _takes_time(length: timedelta) -> timedelta:
    if not length:
        raise ValueError("'0s' leaves no time for it; make it longer")
    return length


Duration = Annotated[timedelta, BeforeValidator(parse_duration), PlainSerializer(format_duration, return_type=str)]
"""A pydantic field read by :func:`parse_duration` and written by :func:`format_duration`."""

Period = Annotated[Duration, AfterValidator(_takes_time)]
"""A :data:`Duration` that must be longer than nothing."""
