"""Header blocks as bytes: taking them apart and writing fields. Judges nothing, decodes nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable

_FOLD = re.compile(rb"\r\n(?=[ \t])")
_FIELD = re.compile(rb"[^\r\n]*(?:\r\n[ \t][^\r\n]*)*\r\n")
MESSAGE_ID = re.compile(r"<[!-;=?-~]+>")  # RFC 5322 section 3.6.4, any printable ASCII between the brackets
_LIMIT = 78  # RFC 5322 section 2.1.1: lines should not be longer


def split_message(raw: bytes) -> tuple[tuple[bytes, ...], bytes]:
    """Return the header fields of ``raw``, each with its folds and line ends, and the rest from the empty line on."""
    fields: list[bytes] = []
    at = 0
    while at < len(raw) and not raw.startswith(b"\r\n", at):
        field = _FIELD.match(raw, at)
        if field is None:  # a last line without its line end
            break
        fields.append(field[0])
        at = field.end()
    return tuple(fields), raw[at:]


def field_name(field: bytes) -> bytes:
    """Return the name of ``field`` in lower case, without the blanks before the colon (RFC 5322 section 4.5)."""
    return field.partition(b":")[0].strip().lower()


def field_value(field: bytes) -> str:
    """Return the value of ``field`` in one line; bytes beyond ASCII stay distinguishable (surrogates)."""
    return _FOLD.sub(b"", field.partition(b":")[2]).strip().decode("ascii", "surrogateescape")


def values_of(fields: Iterable[bytes], name: str) -> tuple[str, ...]:
    """Return the values of every field called ``name``, topmost first."""
    wanted = name.lower().encode()
    return tuple(field_value(f) for f in fields if field_name(f) == wanted)


def write_field(name: str, value: str) -> bytes:
    """Return one header field, folded at blanks only, so that long message ids stay whole.

    Raises:
        ValueError: a value that is not printable ASCII, which includes line breaks.
    """
    if not all(" " <= c <= "~" for c in value):
        raise ValueError(f"the value of {name} is not printable ASCII")
    lines = [f"{name}:"]
    for n, word in enumerate(value.split()):
        if n and len(lines[-1]) + 1 + len(word) > _LIMIT:
            lines.append("")
        lines[-1] += f" {word}"
    return "\r\n".join(lines).encode("ascii") + b"\r\n"
