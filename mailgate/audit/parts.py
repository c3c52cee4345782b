"""Take an archived mail apart: header fields and leaf parts, whatever a mail system made of it. Standard library only.

This is not :mod:`mailgate.mail.mime`, which refuses every mail that two readers could read differently, because it reads
what decides. Here nothing decides: an archive's mails were rewrapped, lost headers, have LF for CRLF, and must be read all
the same, quickly and within bounds. It is linear in the size of the mail, and copies no more than it decodes.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

MAX_HEADER = 256 * 1024
"""Bytes of a header that are looked at: journals and filters add hundreds of lines, not megabytes."""

MAX_PARTS = 1000
MAX_DEPTH = 20

_FOLD = re.compile(rb"\r?\n[ \t]+")
_BLANK = re.compile(rb"\r?\n\r?\n")
_PARAMETER = re.compile(rb';\s*+([\w*-]++)\s*+=\s*+(?:"((?:[^"\\]|\\.)*+)"|([^\s;"]*+))')
_NOT_BASE64 = re.compile(rb"[^A-Za-z0-9+/]")
_GUESS = re.compile(rb"\s*--([^\r\n]{1,200}?)[ \t]*\r?\n")

Fields = Mapping[str, tuple[str, ...]]
"""Header fields: name in lower case, values in their order, unfolded, Latin-1."""


class TooMuch(ValueError):
    """A mail with more parts, or nested more deeply, than is read; the message is a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """A part that is no multipart.

    Attributes:
        media_type: in lower case, such as ``text/plain``.
        charset: as declared, or empty.
        file_name: as declared, or empty.
        choice: which ``multipart/alternative`` it is a form of, numbered within the mail; 0: of none.
        in_report: whether it belongs to a delivery report.
        span: where its content begins and ends in the mail; still encoded.
    """

    media_type: str
    charset: str
    file_name: str
    encoding: str
    choice: int
    in_report: bool
    span: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where the walk is: how deep, in which alternative, in a report or not."""

    depth: int = 0
    choice: int = 0
    in_report: bool = False


def header_of(raw: bytes, start: int = 0, end: int | None = None) -> tuple[Fields, int]:
    """Return the header fields of a mail or part, and where its body begins."""
    end = len(raw) if end is None else end
    while raw.startswith((b"\r\n", b"\n"), start) and start < end:
        start += 2 if raw[start : start + 1] == b"\r" else 1
    if raw.startswith(b"--", start):
        return {}, start  # all header is lost, and this is the first line between parts
    blank = _BLANK.search(raw, start, min(end, start + MAX_HEADER))
    stop, body = (blank.start(), blank.end()) if blank else (min(end, start + MAX_HEADER), end)
    return _fields(raw[start:stop]), body


def leaves_of(raw: bytes, fields: Fields, body: int) -> list[Leaf]:
    """Return the leaf parts of a mail, depth first; an attached mail is one leaf.

    Raises:
        TooMuch: out of bounds.
    """
    found: list[Leaf] = []
    for leaf in _walk(raw, fields, body, len(raw), _Place(), default=b"text/plain"):
        found.append(leaf)
        if len(found) > MAX_PARTS:
            raise TooMuch(f"it has more than {MAX_PARTS} parts")
    return found


def content_of(raw: bytes, leaf: Leaf) -> bytes:
    """Return the content of a leaf, decoded; what cannot be decoded as declared comes as it is."""
    content = raw[leaf.span[0] : leaf.span[1]]
    if leaf.encoding == "quoted-printable":
        return binascii.a2b_qp(content)
    if leaf.encoding == "base64":
        letters = _NOT_BASE64.sub(b"", content)
        letters = letters[: len(letters) - 1] if len(letters) % 4 == 1 else letters
        return base64.b64decode(letters + b"=" * (-len(letters) % 4))
    return content


def _walk(raw: bytes, fields: Fields, start: int, end: int, place: _Place, *, default: bytes) -> Iterator[Leaf]:
    if place.depth > MAX_DEPTH:
        raise TooMuch(f"its parts are nested more than {MAX_DEPTH} deep")
    declared = fields.get("content-type", ("",))[0].encode("latin-1", "replace") or default
    kind = declared.split(b";", 1)[0].strip().lower()
    parameters = _parameters(declared)
    boundary = _joined(parameters, b"boundary")
    if "content-type" not in fields and place.depth == 0 and (guessed := _GUESS.match(raw, start, end)):
        kind, boundary = b"multipart/mixed", guessed[1]  # its header was lost; the body still shows what it is
    if not kind.startswith(b"multipart/") or not boundary:
        yield _leaf(fields, kind, parameters, (start, end), place)
        return
    below = _Place(
        depth=place.depth + 1,
        choice=start if kind == b"multipart/alternative" else 0 if kind == b"multipart/mixed" else place.choice,
        in_report=place.in_report or kind == b"multipart/report",
    )
    child_default = b"message/rfc822" if kind == b"multipart/digest" else b"text/plain"
    for first, last in _between(raw, boundary, start, end):
        # A part whose first line is empty has no header of its own (RFC 2046 section 5.1).
        bare = raw.startswith((b"\r\n", b"\n"), first)
        inner, body = ({}, first + (2 if raw[first : first + 1] == b"\r" else 1)) if bare else _part(raw, first, last)
        yield from _walk(raw, inner, min(body, last), last, below, default=child_default)


def _part(raw: bytes, first: int, last: int) -> tuple[Fields, int]:
    return header_of(raw, first, last)


def _leaf(fields: Fields, kind: bytes, parameters: Mapping[bytes, bytes], span: tuple[int, int], place: _Place) -> Leaf:
    disposition = fields.get("content-disposition", ("",))[0].encode("latin-1", "replace")
    name = _joined(_parameters(b";" + disposition), b"filename") or _joined(parameters, b"name")
    return Leaf(
        media_type=kind.decode("ascii", "replace") if b"/" in kind else "text/plain",
        charset=_joined(parameters, b"charset").decode("ascii", "replace").lower(),
        file_name=name.decode("utf-8", "replace"),
        encoding=fields.get("content-transfer-encoding", ("",))[0].split(";", 1)[0].strip().lower(),
        choice=place.choice,
        in_report=place.in_report,
        span=span,
    )


def _between(raw: bytes, boundary: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield where each part of a multipart begins and ends (RFC 2046 section 5.1.1); a missing last line is forgiven."""
    line, first, at = b"--" + boundary, -1, start
    while True:
        at = raw.find(line, at, end)
        if at < 0:
            break
        if at > start and raw[at - 1 : at] != b"\n":
            at += len(line)
            continue
        after = at + len(line)
        closes = raw.startswith(b"--", after)
        stop = raw.find(b"\n", after, end)
        stop = end if stop < 0 else stop + 1
        if raw[after + 2 * closes : stop].strip(b" \t\r\n"):
            at = after  # another boundary that begins like this one
            continue
        if first >= 0:
            yield first, max(first, at - (2 if raw[at - 2 : at] == b"\r\n" else 1))
        first, at = stop, stop
        if closes:
            return
    if first >= 0:
        yield first, end


def _fields(block: bytes) -> Fields:
    found: dict[str, list[str]] = {}
    for line in _FOLD.sub(b" ", block).split(b"\n"):
        name, colon, value = line.partition(b":")
        if colon and name and not name[:1].isspace():
            found.setdefault(name.strip().lower().decode("latin-1"), []).append(value.strip().decode("latin-1"))
    return {name: tuple(values) for name, values in found.items()}


def _parameters(declared: bytes) -> dict[bytes, bytes]:
    if b";" not in declared:
        return {}
    return {
        name.lower(): re.sub(rb"\\(.)", rb"\1", quoted) if quoted else plain
        for name, quoted, plain in _PARAMETER.findall(declared[:4000])
    }


def _joined(parameters: Mapping[bytes, bytes], name: bytes) -> bytes:
    """Return a parameter, put together where it was split (RFC 2231 section 3)."""
    if name in parameters or not parameters:
        return parameters.get(name, b"").strip()
    whole, number = b"", 0
    while (piece := parameters.get(b"%s*%d" % (name, number), parameters.get(b"%s*%d*" % (name, number)))) is not None:
        whole, number = whole + piece, number + 1
    return (whole or parameters.get(name + b"*", b"").rpartition(b"'")[2]).strip()
