"""Read one Authentication-Results field by its grammar (RFC 8601 section 2.2). Whom to believe, says `identity`.

Part of such a field is chosen by whoever sent the mail: the envelope sender is repeated in it, also as a quoted string,
and so may hold ``; dmarc=pass header.from=…``. So comments and quoted strings are taken out first, by one pass over the
characters, and only then is the rest divided.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_DEEPEST_COMMENT = 20
_METHOD = re.compile(r"(?P<method>[a-z][a-z0-9-]*)(?:/\d+)?=(?P<result>[a-z]+)", re.IGNORECASE)
_PLAIN = re.compile(r'[^"()]+')
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
_BRACKET = re.compile(r"\\.|[()]")
_PLACE = re.compile("\0(\\d+)\0")  # where a quoted string stood; a header cannot hold NUL (`mime` refuses it)


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodResult:
    """What one method found: ``dmarc``, ``pass``, and its properties by name, all in lower case but the values."""

    method: str
    result: str
    properties: tuple[tuple[str, str], ...]

    def values(self, name: str) -> tuple[str, ...]:
        """Return the values of every property of that name."""
        return tuple(value for key, value in self.properties if key == name)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerWord:
    """One field: who says it, and what. ``results`` is None where the rest of the field cannot be read."""

    authserv_id: str
    results: tuple[MethodResult, ...] | None


def read_authentication_results(value: str) -> ServerWord | None:
    """Return what a field says, or None if not even its author can be read."""
    bare = _without_comments(value)
    if bare is None:
        return None
    text, quoted = bare
    head, *segments = text.split(";")
    words = [_PLACE.sub(lambda place: quoted[int(place[1])], word) for word in head.split()]
    if not words or len(words) > 2 or (len(words) == 2 and words[1] != "1"):
        return None
    results: list[MethodResult] = []
    for segment in segments:
        found = _method(segment, quoted)
        if found is not None:
            results.append(found)
        elif segment.split() not in ([], ["none"]):
            return ServerWord(authserv_id=words[0].lower(), results=None)
    return ServerWord(authserv_id=words[0].lower(), results=tuple(results))


def _method(segment: str, quoted: list[str]) -> MethodResult | None:
    first, *rest = "=".join(side.strip() for side in segment.split("=")).split() or [""]
    found = _METHOD.fullmatch(first)
    if not found or any("=" not in word for word in rest):
        return None
    pairs = (word.partition("=") for word in rest)
    properties = tuple(
        (name.lower(), _PLACE.sub(lambda place: quoted[int(place[1])], value)) for name, _, value in pairs
    )
    return MethodResult(method=found["method"].lower(), result=found["result"].lower(), properties=properties)


def _without_comments(value: str) -> tuple[str, list[str]] | None:
    """Return the field with comments as blanks and quoted strings as places, and those strings; None if one stays open.

    A quoted string or a comment without an end has no meaning, and what seems to stand in it could be anybody's words.
    """
    text: list[str] = []
    quoted: list[str] = []
    position = 0
    while position < len(value):
        plain = _PLAIN.match(value, position)
        string = _QUOTED.match(value, position)
        if plain:
            text.append(plain[0])
            position = plain.end()
        elif string:
            text.append(f"\0{len(quoted)}\0")
            quoted.append(re.sub(r"\\(.)", r"\1", string[0][1:-1]))
            position = string.end()
        elif value[position] == '"':
            return None
        else:
            text.append(" ")
            position = _end_of_comment(value, position)
            if position < 0:
                return None
    return "".join(text), quoted


def _end_of_comment(value: str, start: int) -> int:
    """Return where the comment that begins at ``start`` ends, or -1; comments nest (RFC 5322 section 3.2.2)."""
    depth = 0
    for found in _BRACKET.finditer(value, start):
        depth += {"(": 1, ")": -1}.get(found[0], 0)
        if depth <= 0 or depth > _DEEPEST_COMMENT:
            return found.end() if depth == 0 else -1
    return -1
