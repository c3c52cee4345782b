"""Values as text that a person can trust: what is shown is what will run, and corresponds to it one to one.

Text stands in quotes, or line by line behind a ``|``; numbers, dates and the rest stand bare, so "5" and 5 differ.
Characters that do not show themselves are codes (``mail/characters.py``). Nothing here knows mails or templates.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

from mailgate.errors import ComposeError
from mailgate.mail.characters import coded, defang, harmless, hidden, one_line, refusable, remarks
from mailgate.model.canonical import MAX_DEPTH

__all__ = ["Shown", "coded", "defang", "harmless", "hidden", "one_line", "prose", "refusable", "show", "texts"]

_NOTES = 20  # notes under one value; nobody reads more
_BYTES_A_LINE = 16
_GROUPED_DIGITS = 30  # longer integers are counted, not repeated with separators


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A value as text.

    Attributes:
        lines: the value in full; no line holds a character that does not show itself.
        notes: what the eye would miss: the ASCII form, direction changes, mixed alphabets, digit counts.
        is_block: whether it needs lines of its own, below its label.
    """

    lines: tuple[str, ...]
    notes: tuple[str, ...] = ()
    is_block: bool = False

    @property
    def text(self) -> str:
        """The lines joined by line feeds."""
        return "\n".join(self.lines)


def show(value: object) -> Shown:
    """Return ``value`` as text, in full, one to one.

    Args:
        value: what ``model/canonical.py`` reads back: text, numbers, bytes, dates, None, lists and dicts of these.

    Raises:
        ComposeError: another type, or nested deeper than ``MAX_DEPTH``; such a value cannot be put before a person.
    """
    lines = tuple(_lines(value, 0))
    notes = [f"{path}: {note}" if path else note for path, note in _notes(value)]
    if len(notes) > _NOTES:
        notes = [*notes[:_NOTES], f"and {len(notes) - _NOTES} more notes"]
    return Shown(lines=lines, notes=tuple(notes), is_block=len(lines) > 1 or _has_members(value))


def prose(text: str) -> tuple[str, ...]:
    """Return what somebody wrote, line by line, each behind ``|``, so that no line of it can pass for one of ours."""
    return tuple(f"| {_without_trailing_blanks(line)}".rstrip(" ") for line in coded(text).split("\n"))


def texts(value: object) -> Iterator[str]:
    """Yield every text inside ``value``, the keys of dicts included; for :func:`hidden` and :func:`refusable`."""
    match value:
        case str():
            yield value
        case dict():
            for key, content in value.items():
                yield str(key)
                yield from texts(content)
        case list():
            for content in value:
                yield from texts(content)


def _lines(value: object, depth: int) -> Iterator[str]:
    if depth > MAX_DEPTH:
        raise ComposeError(f"A value is nested more than {MAX_DEPTH} levels deep; nobody could read it in a mail.")
    match value:
        case str():
            # Quotes or backslashes inside quotes would need escapes, which make a command or a path hard to read.
            needs_bars = any(char in value for char in '\n"\\')
            yield from prose(value) if needs_bars else (f'"{coded(value)}"',)
        case dict() if value:
            for key, content in value.items():
                yield from _member(f"{_quoted(str(key))}:", content, depth)
        case list() if value:
            for content in value:
                yield from _member("-", content, depth)
        case bytes() if value:
            yield f"{len(value):,} byte{'s' if len(value) > 1 else ''}:"
            for start in range(0, len(value), _BYTES_A_LINE):
                yield value[start : start + _BYTES_A_LINE].hex(" ")
        case _:
            yield _bare(value)


def _member(label: str, content: object, depth: int) -> Iterator[str]:
    lines = list(_lines(content, depth + 1))
    if label == "-" or (len(lines) == 1 and not _has_members(content)):
        yield f"{label} {lines.pop(0)}"
    else:
        yield label
    yield from (f"  {line}" for line in lines)


def _has_members(value: object) -> bool:
    return isinstance(value, dict | list) and bool(value)


def _without_trailing_blanks(line: str) -> str:
    bare = line.rstrip(" ")
    return bare + "⟨U+0020⟩" * (len(line) - len(bare))


def _quoted(key: str) -> str:
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{one_line(escaped)}"'


def _bare(value: object) -> str:
    match value:
        case None:
            return "none"
        case bool():
            return "true" if value else "false"
        case int():
            return _digits(value)
        case float() | Decimal():
            return str(value)
        case bytes():
            return "0 bytes"
        case datetime():
            return value.isoformat(" ")
        case date() | time():
            return value.isoformat()
        case timedelta():
            return f"{value.total_seconds()} seconds"
        case UUID():
            return f"uuid {value}"
        case list():
            return "[] (an empty list)"
        case dict():
            return "{} (nothing in it)"
    raise ComposeError(f"A {type(value).__name__} cannot be put before a person; pass text, numbers, lists or dicts.")


def _digits(value: int) -> str:
    try:
        return str(value)
    except ValueError:  # beyond sys.get_int_max_str_digits(), of which hexadecimal is free
        return hex(value)


def _notes(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    match value:
        case str():
            yield from ((path, note) for note in remarks(value))
        case dict():
            for key, content in value.items():
                name = f"{path}.{one_line(str(key))}" if path else one_line(str(key))
                yield from ((f"the name {name}", note) for note in remarks(str(key)))
                yield from _notes(content, name)
        case list():
            for index, content in enumerate(value, 1):
                yield from _notes(content, f"{path}[{index}]")
        case _:
            yield from ((path, note) for note in _number_notes(value))


def _number_notes(value: object) -> Iterator[str]:
    match value:
        case bool():
            return
        case int() if abs(value) >= 100_000:
            digits = _digits(abs(value))
            grouped = f": {value:,}" if len(digits) <= _GROUPED_DIGITS else ""
            yield f"{len(digits)} digits{grouped}" if digits.isdigit() else f"{len(digits) - 2} hexadecimal digits"
        case float() | Decimal() if "e" in str(value).lower() and abs(Decimal(str(value)).adjusted()) < 400:
            yield f"written out: {Decimal(str(value)):,f}"
        case bytes() if value and all(32 <= byte < 127 for byte in value):
            yield f'as ASCII: "{value.decode()}"'
        case datetime() if value.tzinfo is None:
            yield "without a time zone"
        case datetime() if value.utcoffset():
            yield f"in UTC: {value.astimezone(UTC).isoformat(' ')}"
