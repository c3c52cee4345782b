"""Values as unambiguous canonical JSON (RFC 8785), and back. Nothing here knows what an action or a policy is.

JSON has no bytes, no decimals, no dates, and RFC 8785 rounds integers beyond 2^53 as IEEE doubles do. Such values are
wrapped in an object with one key that begins with ``$`` (``{"$int": "12345678901234567890"}``). A caller's own key that
begins with ``$`` gets a second one, so no value can be taken for another.
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any
from uuid import UUID

import rfc8785

SAFE_INTEGER = 2**53 - 1
"""Beyond it JSON readers disagree (RFC 8785 section 3.2.2.3, RFC 7493 section 2.2)."""

MAX_DEPTH = 64
"""Deeper values are refused: nobody can read them in a mail, and parsers recurse."""

_MAX_BITS = 14_000
"""Some 4,200 digits: Python refuses to write or read integers of more than 4,300 (CVE-2020-10735)."""

_MAX_PATH = 120
"""Characters of a place that a sentence repeats."""


class NotCanonical(ValueError):
    """A value that cannot be written unambiguously; the message says why, ``path`` where."""

    def __init__(self, path: str, why: str) -> None:
        path = path if len(path) <= _MAX_PATH else f"{path[:_MAX_PATH]}…"
        super().__init__(f"{path or 'the value'} {why}")
        self.path = path
        self.why = why


def to_plain(value: Any, *, path: str = "", tagged: bool = True, depth: int = 0) -> Any:  # noqa: C901
    """Return ``value`` in the JSON types, with everything else wrapped in a ``$`` tag.

    Args:
        tagged: when false only plain JSON is taken: big integers, bytes and the like are refused. Used where no
            signature declares the type, so that no reader has to guess.

    Raises:
        NotCanonical: NaN, infinity, a lone surrogate, a key that is no text, an unknown type, too deep or too long.
    """
    if depth > MAX_DEPTH:
        raise NotCanonical(path, f"is nested more than {MAX_DEPTH} levels deep")
    match value:
        case Enum():
            return to_plain(value.value, path=path, tagged=tagged, depth=depth)
        case None | bool():
            return value
        case str():
            return _text(value, path)
        case int() if abs(value) <= SAFE_INTEGER:
            return int(value)
        case float() | Decimal() if not (value.is_finite() if isinstance(value, Decimal) else math.isfinite(value)):
            raise NotCanonical(path, f"is {value}, which is not a number that can be approved")
        case float():
            return _whole_or_float(value, path, tagged=tagged)
        case Mapping():
            return _object(value, path, tagged=tagged, depth=depth)
        case list() | tuple():
            return [to_plain(v, path=f"{path}[{i}]", tagged=tagged, depth=depth + 1) for i, v in enumerate(value)]
        case set() | frozenset():
            members = [to_plain(v, path=f"{path}{{}}", tagged=tagged, depth=depth + 1) for v in value]
            return sorted(members, key=rfc8785.dumps)
    tag = _tag(value, path)
    if tag is None:
        raise NotCanonical(
            path, f"is a {type(value).__name__}, which cannot be stored; pass text, numbers, lists or dicts"
        )
    if not tagged:
        what = (
            f"an integer beyond 2^53 ({len(str(abs(value)))} digits)"
            if isinstance(value, int)
            else f"a {type(value).__name__}"
        )
        raise NotCanonical(
            path, f"is {what}; declare its type in the action's signature so that it can be stored exactly"
        )
    return tag


def from_plain(value: Any) -> Any:
    """Return the value that :func:`to_plain` wrote; the inverse of it but for sets, tuples, enums and paths (text).

    Raises:
        NotCanonical: anything that :func:`to_plain` does not write, such as an unknown ``$`` tag or a second spelling.
    """
    match value:
        case list():
            return [from_plain(v) for v in value]
        case dict():
            [(key, content), *more] = value.items() or [("", None)]
            if key in _READERS and not more:
                return _read_tag(key, content)
            return {_unescape(k): from_plain(v) for k, v in value.items()}
        case int() | float() if to_plain(value) != value:
            raise NotCanonical("", f"is {value}, a number that is stored in another form")
    return value


def canonical_bytes(plain: Any) -> bytes:
    """Return the one byte string of a plain JSON value (RFC 8785).

    Raises:
        NotCanonical: what :func:`to_plain` would have refused.
    """
    try:
        return rfc8785.dumps(plain)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise NotCanonical("", f"cannot be written as canonical JSON: {error}") from error


def read_plain(stored: bytes) -> Any:
    """Return the plain JSON value of stored canonical bytes."""
    return json.loads(stored)


def escape_key(key: str) -> str:
    """Return a caller's own key as it is written: one that begins with ``$`` gets a second one."""
    return f"${key}" if key.startswith("$") else key


def _text(value: str, path: str) -> str:
    text = str.__str__(value)  # not str(value): an enum, or any subclass, may print as something else
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise NotCanonical(path, "holds half a character (a lone surrogate)") from error
    return text


def _whole_or_float(value: float, path: str, *, tagged: bool) -> Any:
    # RFC 8785 writes 1e20 as the integer 100000000000000000000; read back it would be an int of another identity.
    if value.is_integer() and abs(value) > SAFE_INTEGER:
        if not tagged:
            raise NotCanonical(path, "is a float beyond 2^53; declare its type in the action's signature")
        return {"$float": float.hex(value)}
    return float(value)


def _object(value: Mapping[Any, Any], path: str, *, tagged: bool, depth: int) -> dict[str, Any]:
    plain = {}
    for key, content in value.items():
        if not isinstance(key, str):
            raise NotCanonical(path, f"has the key {key!r}, which is not text")
        text = str.__str__(key)
        shown = text if text.isprintable() else ascii(text)
        name = f"{path}.{shown}" if path else shown
        plain[escape_key(_text(text, name))] = to_plain(content, path=name, tagged=tagged, depth=depth + 1)
    return plain


def _unescape(key: str) -> str:
    if key.startswith("$$"):
        return key[1:]
    if key.startswith("$"):
        raise NotCanonical(key, "is not a tag that this version knows")
    return key


def _tag(value: Any, path: str) -> dict[str, str] | None:
    match value:
        case int() if value.bit_length() > _MAX_BITS:
            raise NotCanonical(path, "is an integer of more than 4,200 digits")
        case int():
            return {"$int": str(value)}
        case bytes() | bytearray() | memoryview():
            return {"$bytes": base64.b64encode(bytes(value)).decode()}
        case Decimal():
            return {"$decimal": str(value)}
        case datetime() | time() if value.tzinfo is not None and value.utcoffset() is None:
            raise NotCanonical(path, "has a time zone without an offset, which would be lost; give a date with it")
        case datetime():
            return {"$datetime": value.isoformat()}
        case date():
            return {"$date": value.isoformat()}
        case time():
            return {"$time": value.isoformat()}
        case timedelta():
            return {"$seconds": f"{Decimal(value // timedelta(microseconds=1)) / 1_000_000:f}"}
        case UUID():
            return {"$uuid": str(value)}
        case PurePath():
            return {"$path": str(value)}
    return None


def _read_tag(key: str, content: Any) -> Any:
    try:
        value = _READERS[key](content)
    except (ValueError, TypeError, AttributeError, ArithmeticError) as error:
        raise NotCanonical(key, "does not parse") from error
    # Readers are lax: int() takes blanks, b64decode other last characters. One value must have one spelling.
    again = {key: value} if key == "$path" else to_plain(value)
    if again != {key: content}:
        raise NotCanonical(key, "is not in its one form")
    return value


_READERS: dict[str, Callable[[Any], Any]] = {
    "$int": int,
    "$float": float.fromhex,
    "$bytes": lambda text: base64.b64decode(text, validate=True),
    "$decimal": Decimal,
    "$datetime": datetime.fromisoformat,
    "$date": date.fromisoformat,
    "$time": time.fromisoformat,
    "$seconds": lambda text: timedelta(microseconds=int(Decimal(text).scaleb(6))),
    "$uuid": UUID,
    "$path": str,
}
