"""A second, much simpler opinion on a mail: could it say the word at all? It knows no parts, no quotes, no clients.

Written without the code it judges, and too generous on purpose: where the reader finds an approval, some naive decoding of
the bytes has to hold a line that is nothing but the word.
"""

from __future__ import annotations

import base64
import binascii
import html
import re
from collections.abc import Iterator

_WORD = re.compile(r"approved?", re.IGNORECASE)
_LINE_END = re.compile(r"[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]")
_BASE64 = re.compile(rb"[A-Za-z0-9+/=\s]{8,}")


def could_approve(raw: bytes) -> bool:
    """Return whether any naive reading of the bytes has a line of which the letters and figures are just the word."""
    return any(_is_word(line) for text in _texts(raw) for form in _forms(text) for line in _LINE_END.split(form))


def _is_word(line: str) -> bool:
    return _WORD.fullmatch("".join(letter for letter in line if letter.isalnum())) is not None


def _texts(raw: bytes) -> Iterator[str]:
    """Yield the bytes as they are, with quoted-printable undone, with everything undone that may be base64."""
    for content in (raw, binascii.a2b_qp(raw), *_unpacked(raw)):
        for charset in ("latin-1", "utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"):
            yield content.decode(charset, "ignore")
            yield content[1:].decode(charset, "ignore")
        yield content.replace(b"\0", b"").decode("latin-1")


def _unpacked(raw: bytes) -> Iterator[bytes]:
    for found in _BASE64.finditer(raw):
        letters = re.sub(rb"[^A-Za-z0-9+/]", b"", found[0])
        for start in range(4):
            whole = letters[start : start + (len(letters) - start) // 4 * 4]
            yield base64.b64decode(whole)
    letters = re.sub(rb"[^A-Za-z0-9+/]", b"", raw.partition(b"\r\n\r\n")[2])
    yield base64.b64decode(letters[: len(letters) // 4 * 4] + b"=" * 0)
    rest = letters[: len(letters) - 1] if len(letters) % 4 == 1 else letters
    yield base64.b64decode(rest + b"=" * (-len(rest) % 4))


def _forms(text: str) -> Iterator[str]:
    """Yield text as it is, and as HTML: tags left out, or taken for the ends of lines; references undone."""
    yield text
    for between in ("", "\n"):
        bare = re.sub(r"<!--.*?(?:-->|--!>|\Z)|<[^>]*(?:>|\Z)", between, text, flags=re.DOTALL)
        yield html.unescape(bare)
    yield html.unescape(
        re.sub(r"[\r\n]+", "", re.sub(r"<(?:/?(?:p|div|br|td|tr|li|h\d)\b)[^>]*>", "\v", text, flags=re.I))
    )


def vouched_in_the_open(value: str) -> bool:
    """Return whether ``dmarc`` and ``pass`` stand in an Authentication-Results field outside of comments and strings."""
    depth, quoted, skip, bare = 0, False, False, []
    for letter in value:
        if skip:
            skip = False
        elif letter == "\\" and (quoted or depth):
            skip = True
        elif quoted or (letter == '"' and not depth):
            quoted = not quoted if letter == '"' else quoted
        elif letter in "()":
            depth = max(0, depth + (1 if letter == "(" else -1))
        elif not depth:
            bare.append(letter)
    return re.search(r"dmarc[\s/\d]*=\s*pass", "".join(bare), re.IGNORECASE) is not None
