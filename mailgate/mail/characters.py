"""Text, character by character: what hides is shown as a code, what could be tapped or taken for ours is broken.

Codes look like ``⟨U+202E⟩``; the brackets themselves are coded too, so that no text can imitate a code. Nothing here
knows values, mails or templates.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

SHORT = 200
"""Up to this many characters a text is repeated whole in its ASCII form; of a longer one the others are listed."""

_LISTED = 24  # kinds of foreign character named one by one in a note
_MARKS_IN_A_ROW = 3  # Vietnamese and Hindi stack two or three; a tower of marks hides the lines around it
_BRACKETS = "⟨⟩"
_BIDI_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
# Blank when printed, though Unicode files them under letters, marks or symbols.
_ODD_BLANKS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\U0001d159")
_HIDDEN_CATEGORIES = frozenset({"Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp"})
_UNNAMED = {"Cc": "control character", "Co": "private use", "Cs": "half a character"}
_EAST_ASIAN = frozenset({"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "BOPOMOFO", "HANGUL", "IDEOGRAPHIC"})
_NO_SCRIPT = frozenset({"MICRO", "FEMININE", "MASCULINE", "MODIFIER"})  # µm, 1ª: letters of any script

# Bounded, so that a megabyte of letters costs a linear search.
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]{0,30})://")
_WEB_SCHEME = re.compile(r"(?i)(?<=h)tt(?=ps?$)")
_BROKEN_SCHEME = re.compile(r"(?i)hxxps?$")
_AUTHORITY = re.compile(r"(?<=[:\]]//)[^\s/?#\"'<>]+")
_SCHEME = re.compile(r"(?i)\b(javascript|vbscript|data|mailto|tel|sms|callto|facetime|webcal|intent|file):(?=\S)")
_TOKEN = re.compile(r"[\w.@+-]+")
# Names that clients turn into links without a scheme: every two-letter ending but those of ordinary files, and these.
_FILE_ENDING = re.compile(r"cc|cs|db|gz|go|hs|js|kt|md|mk|ml|pl|ps|py|rb|rs|sh|so|ts|vb|xz")
_LINKED_ENDING = re.compile(
    r"com|net|org|edu|gov|mil|int|info|biz|app|dev|page|site|online|shop|store|club|link|click|live|zip|mov|top|xyz"
    r"|cloud|tech|pro|name|mobi|agency|email|support|services|company|bank|finance|money|pay|news|blog|wiki|win|work"
    r"|world|today|space|host|press|life|xn--.*|.*[^\x00-\x7f].*"
)

_SHORTEST_LINK = len("t.co")
_MARKER = re.compile(r"(?i)(mailgate)-(reply-above)")
_BLOCK_LINE = re.compile(r"(?i)(begin|end)(\s*)(mailgate)(\s*)(record)")


def coded(text: str) -> str:
    """Return ``text`` with each character that does not show itself as a code; line feeds stay."""
    written, marks = [], _MARKS_IN_A_ROW
    for char in text:
        is_mark = unicodedata.category(char) in {"Mn", "Me"}
        # A mark with no letter before it would sit on our own quote or bar.
        if char != "\n" and (is_hidden(char) or char in _BRACKETS or (is_mark and marks >= _MARKS_IN_A_ROW)):
            written.append(f"⟨{_number(char)}⟩")
        else:
            written.append(char)
        marks = marks + 1 if is_mark else (_MARKS_IN_A_ROW if char in " \n" or is_hidden(char) else 0)
    return "".join(written)


def one_line(text: str) -> str:
    """Return ``text`` with every character made visible, line feeds too, for use inside a sentence of ours."""
    return coded(text).replace("\n", "⟨U+000A⟩")


def harmless(text: str) -> str:
    """Return coded text in which nothing can be tapped and nothing can pass for one of our own lines."""
    if len(text) < _SHORTEST_LINK:  # of a flood of empty lines each would cost as much as a full one
        return text
    return defang(_BLOCK_LINE.sub(r"\1\2[\3]\4\5", _MARKER.sub(r"\1[-]\2", text)))


def defang(text: str) -> str:
    """Return ``text`` with its links written so that no mail client makes them tappable (``hxxps://evil[.]example``).

    Host names without a scheme are broken too where clients would link them; mail addresses and file names are kept.
    """
    text = _AUTHORITY.sub(lambda match: match[0].replace(".", "[.]"), _URL.sub(_broken_scheme, text))
    text = _SCHEME.sub(r"\1[:]", text)
    return _TOKEN.sub(_broken_host, text)


def is_hidden(char: str) -> bool:
    """Return whether ``char`` is a control, format, private, unassigned, odd blank or variation selecting character."""
    category = unicodedata.category(char)
    if category in _HIDDEN_CATEGORIES or char in _ODD_BLANKS:
        return True
    if char in "\u180b\u180c\u180d\u180f" or "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef":
        return True
    return category == "Zs" and char != " "


def hidden(text: str) -> tuple[str, ...]:
    """Return the names of the characters in ``text`` that do not show themselves, each once, in order.

    Line feeds, a carriage return before one, and tabs are not among them: they are ordinary in text (and shown anyway).
    """
    ordinary = text.replace("\r\n", "\n").replace("\t", "")
    return tuple(_named(char) for char in dict.fromkeys(ordinary) if char != "\n" and is_hidden(char))


def refusable(text: str) -> bool:
    """Return whether ``text`` holds characters that only ever deceive in an argument.

    These are the direction controls (Unicode property Bidi_Control) and the tag characters U+E0000 to U+E007F.
    """
    return any(char in _BIDI_CONTROLS or _is_tag(char) for char in text)


def remarks(text: str) -> Iterator[str]:
    """Yield what the eye would miss in ``text``, one phrase each; nothing for ASCII."""
    if text.isascii():
        return
    yield f"in ASCII: {text!a}" if len(text) <= SHORT else _foreign(text)
    if controls := _BIDI_CONTROLS.intersection(text):
        yield f"holds characters that change the reading direction ({', '.join(sorted(map(_number, controls)))})"
    if any(map(_is_tag, text)):
        yield "holds invisible tag characters, which people cannot see and programs read as text"
    if any(unicodedata.bidirectional(char) in {"R", "AL"} for char in text):
        yield "holds letters written from right to left"
    if found := mixed(text):
        yield f"mixes alphabets within a word: {', '.join(found[:3])}"
    if not unicodedata.is_normalized("NFC", text):
        yield "not in Unicode's normal form (NFC): other text can look the same"


def mixed(text: str) -> tuple[str, ...]:
    """Return the words of ``text`` that hold letters of several alphabets, in ASCII form, with their alphabets."""
    if text.isascii():
        return ()
    return tuple(_alphabets(word) for word in re.findall(r"\w+", text) if len(_scripts(word)) > 1)


def _broken_scheme(match: re.Match[str]) -> str:
    scheme = _WEB_SCHEME.sub("xx", match[1])
    return f"{scheme}://" if _BROKEN_SCHEME.search(scheme) else f"{scheme}[:]//"


def _broken_host(match: re.Match[str]) -> str:
    token = match[0]
    before = match.string[max(match.start() - 1, 0) : match.start()]
    after = match.string[match.end() : match.end() + 1]
    host = token.rstrip(".")
    labels = host.rpartition("@")[2].lower().split(".")
    is_address = "@" in host and after != "/"
    if len(labels) < 2 or "" in labels or is_address or not _would_link(labels, in_path=before == "/", after=after):
        return token
    return host.replace(".", "[.]") + token[len(host) :]


def _would_link(labels: list[str], *, in_path: bool, after: str) -> bool:
    ending = labels[-1]
    if ending.isdigit():
        return len(labels) == 4 and after in {"/", ":"} and not in_path
    if labels[0] == "www" or _LINKED_ENDING.fullmatch(ending):
        return True
    if len(ending) == 2 and ending.isalpha() and not _FILE_ENDING.fullmatch(ending):
        return True
    return after == "/" and not in_path


def _foreign(text: str) -> str:
    counts: dict[str, int] = {}
    for char in text:
        if not char.isascii():
            counts[char] = counts.get(char, 0) + 1
    listed = ", ".join(map(_named, list(counts)[:_LISTED]))
    more = f", and {len(counts) - _LISTED} more kinds" if len(counts) > _LISTED else ""
    return f"{sum(counts.values()):,} characters outside ASCII: {listed}{more}"


def _scripts(word: str) -> set[str]:
    names = (unicodedata.name(char, "?").split(" ")[0] for char in word if unicodedata.category(char)[0] == "L")
    return {"EAST-ASIAN" if name in _EAST_ASIAN else name for name in names if name not in _NO_SCRIPT}


def _alphabets(word: str) -> str:
    return f"{word[:40]!a} ({' and '.join(sorted(name.capitalize() for name in _scripts(word)))})"


def _is_tag(char: str) -> bool:
    return "\U000e0000" <= char <= "\U000e007f"


def _named(char: str) -> str:
    return f"{_number(char)} {unicodedata.name(char, _UNNAMED.get(unicodedata.category(char), 'unassigned'))}"


def _number(char: str) -> str:
    return f"U+{ord(char):04X}"
