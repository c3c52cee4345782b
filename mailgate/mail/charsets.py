"""Bytes of unknown quality → text: character sets as mails name them, and encoded words of headers (RFC 2047).

Nothing here fails: what cannot be decoded as declared is read as UTF-8, else as Latin-1. The cost is linear in the input.
"""

from __future__ import annotations

import binascii
import codecs
import functools
import re
import string

_ALIASES = {
    # Names that Python does not know, and names that stand for a smaller set than their senders mean (WHATWG Encoding).
    "ascii": "utf-8",
    "us-ascii": "utf-8",
    "ansi_x3.4-1968": "utf-8",
    "646": "utf-8",
    "default": "utf-8",
    "unknown": "utf-8",
    "unknown-8bit": "utf-8",
    "x-unknown": "utf-8",
    "x-user-defined": "utf-8",
    "utf8mb4": "utf-8",
    "utf-8mb4": "utf-8",
    "unicode-1-1-utf-8": "utf-8",
    "iso-8859-1": "cp1252",
    "iso8859-1": "cp1252",
    "iso_8859-1": "cp1252",
    "latin1": "cp1252",
    "latin-1": "cp1252",
    "ansi": "cp1252",
    "x-ansi": "cp1252",
    "x-cp1252": "cp1252",
    "iso-8859-8-i": "iso-8859-8",
    "iso-8859-8-e": "iso-8859-8",
    "iso-8859-9": "cp1254",
    "iso-8859-11": "cp874",
    "windows-874": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "cp936": "gb18030",
    "big5": "big5hkscs",
    "x-big5": "big5hkscs",
    "ks_c_5601-1987": "cp949",
    "euc-kr": "cp949",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "x-sjis": "cp932",
    "sjis": "cp932",
    "iso-2022-jp": "iso2022_jp_ext",
    "_iso-2022-jp$esc": "iso2022_jp_ext",
    "cp-850": "cp850",
    "x-mac-roman": "mac-roman",
    "macintosh": "mac-roman",
}

_REFUSED = frozenset(
    # Text encodings of Python that no client writes: quadratic (punycode, idna), or letters of ASCII in other letters.
    ("punycode", "idna", "utf-7", "unicode-escape", "raw-unicode-escape", "undefined", "mbcs", "oem")
)

_ASCII = string.ascii_letters + string.digits + " .,:;!?"

_ENCODED_WORD = re.compile(r"=\?([^?\s]{1,40})\?([bBqQ])\?([^?\s]{0,1000})\?=")
_BETWEEN_WORDS = re.compile(r"(\?=)\s+(?==\?)")  # RFC 2047 section 6.2: blanks between encoded words are not text


def text_of(raw: bytes, charset: str) -> str:
    """Decode ``raw`` as ``charset``, else as UTF-8, else as Latin-1; never fails."""
    for name in (_codec(charset), "utf-8"):
        try:
            return raw.decode(name)
        except (UnicodeError, LookupError, ValueError):
            continue
    return raw.decode("latin-1")


def decode_words(value: str) -> str:
    """Return a header value with its encoded words decoded; broken ones stay as they are."""
    return _ENCODED_WORD.sub(_decoded, _BETWEEN_WORDS.sub(r"\1", value))


def _codec(charset: str) -> str:
    name = charset.strip().strip("'\"").lower().split("*", 1)[0]  # RFC 2231 section 5 allows "charset*language"
    name = _ALIASES.get(name, name)
    try:
        known = codecs.lookup(name).name
    except (LookupError, ValueError):
        return "utf-8"
    return "utf-8" if known.replace("_", "-") in _REFUSED or not _keeps_ascii(known) else known


@functools.cache
def _keeps_ascii(codec: str) -> bool:
    """Whether letters and figures of ASCII stand for themselves, as in every charset of mail but UTF-16 and UTF-32.

    In others (EBCDIC and kin) the bytes of one text are those of another one, which any other reader would see.
    """
    try:
        return codec.startswith(("utf-16", "utf-32")) or _ASCII.encode().decode(codec) == _ASCII
    except (UnicodeError, LookupError, ValueError):
        return False


def _decoded(word: re.Match[str]) -> str:
    charset, encoding, text = word.groups()
    try:
        if encoding in "bB":
            raw = binascii.a2b_base64(text + "=" * (-len(text) % 4))
        else:
            raw = binascii.a2b_qp(text.encode("ascii"), header=True)
    except (binascii.Error, ValueError):
        return word[0]
    return text_of(raw, charset)
