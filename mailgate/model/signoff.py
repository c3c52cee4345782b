"""Tell a person's own words from what is put below them: greetings, their name, title and numbers, and footers.

Only the recognition of lines that *cannot* change an answer lives here; what the answer is, says `verdict`. Everything
is a list of what is known to be harmless, never of what is suspicious: a condition can be written in any words
("half of it", "Carol first", "Dry Run"), so a line that is not recognised counts as the person's own.

Two readers ask. An approval is taken back by any word that is not known, so every word of a signature must be: a name is
the sender's own, a title has the words of titles, a number follows either. The reason of a refusal only loses its
signature; there, what looks like one by its shape is left out too, so that a signed "REJECT" is still without a reason.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from mailgate.model.footers import is_from_device, is_legal, is_officers, is_register_entry, is_registered
from mailgate.model.phrases import (
    ASSENT,
    BESIDE_TITLES,
    CLOSINGS,
    CONNECTORS,
    GOOD_DAY,
    LEGAL_FORMS,
    NEVER_A_NAME,
    PARTICLES,
    PLAIN_WORDS,
    PROFILES,
    SHARED_BOXES,
    THANKS_FOR,
    TITLES,
)
from mailgate.model.postal import is_postal

_LONGEST = 120
"""Characters of a single line that may still be a signature; the paragraphs of legal footers may be longer."""

_MOST_LINES = 400
"""Lines that are looked at closely; a signature with legal footers in three languages has a quarter of it."""

_DELIMITER = re.compile(r"--|—|–")  # RFC 3676 section 4.3; many clients lose its trailing blank
_RULE = re.compile(r"[-_=*~–—]{3,}")
_POSTSCRIPT = re.compile(r"p\.?\s?(?:p\.?\s?)?s\b[\s.:,–-]*", re.IGNORECASE)
_FOR = re.compile(
    r"(?:i\. ?[av]\.|ppa\.|p\. ?p\.) ", re.IGNORECASE
)  # who signs for a company in German, before the name
_PRONOUNS = re.compile(r"\(?(?:pronouns: ?)?(?:she/her|he/him|they/them|sie/ihr|er/ihm)(?:/\w+)?\)?", re.IGNORECASE)

_LABEL = re.compile(
    r"(?:telephone|telefon|teléfono|téléphone|tel|tél|phone|ph|mobile|mobil|mob|móvil|cell|handy|cel|port|fax|office|direct|"
    r"desk|e-?mail|mail|web|www|internet|skype|тел|電話|电话|t|m|p|f|c|d|o|e|w)(?:\.?\s*[:：]\s*|\.\s*|\s+)",
    re.IGNORECASE,
)
_NUMBER = re.compile(
    r"(?P<number>[+(]{0,2}\d[\d\s().\-/]{6,24})(?:\s*(?:x|ext\.?|durchwahl)\s*\d{1,6})?", re.IGNORECASE
)
_NO_TELEPHONE = re.compile(r"(?:19|20)\d\d[-./]\d\d[-./]\d\d|\d\d?[-./]\d\d?[-./](?:19|20)\d\d|\b000[ .]?000\)?\s*$")
_FEWEST_DIGITS, _MOST_DIGITS = 9, 15  # with area code; E.164 allows fifteen, and amounts of money rarely have nine
_ADDRESS = re.compile(r"<?(?:mailto:)?(?P<local>[\w.+%-]{1,64})@(?P<domain>[\w-]{1,63}(?:\.[\w-]{1,63}){1,5})>?")
_SITE = re.compile(r"<?(?:https?://)?(?P<domain>[\w-]{1,63}(?:\.[\w-]{1,63}){1,5})/?>?", re.IGNORECASE)
_TARGET = re.compile(r"(?<=\w)\s?<(?:mailto:|https?://|tel:)[^<>\s]{1,400}>")  # what a client adds to a link's text
_PICTURE = re.compile(
    r"\[(?:cid:[^\]\s]{1,100}|(?:image|bild|logo|photo|inline image)[:\s]{0,2}(?P<about>[^\]]{0,60}))\]", re.IGNORECASE
)
_PICTURE_FILE = re.compile(r"(?:image|img|logo|icon|bild|picture)?[\d_-]*(?:\.(?:png|jpe?g|gif|svg))?", re.IGNORECASE)
_BETWEEN_CONTACTS = re.compile(r"\s+[|·•/–-]\s+|\s*[|·•]\s*|,\s+|\t+")
_BETWEEN = (CONNECTORS, PARTICLES, frozenset(("", "-", "–")))
_JOINING = frozenset(("and", "und", "&", "et", "y", "e", "en", "og", "och"))
_NAME_WORD = re.compile(r"[^\W\d_](?:[^\W\d_]|['’.-](?=[^\W\d_]|$)){0,24}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Signer:
    """Whose signature is expected: the words of the name, those of the company by its mail domain, in lower case."""

    names: frozenset[str]
    house: frozenset[str]


def own_words(lines: Sequence[str], *, signer: str, strict: bool) -> tuple[str, ...]:
    """Return those of ``lines`` that no signature explains, in order, without blanks around them.

    Args:
        lines: what stands below the line that answers.
        signer: the sender's display name and address, by which their own name is recognised; may be empty.
        strict: leave out only what is known word by word, as below an approval; else also what looks like a signature.
    """
    who = _signer(signer)
    own: list[str] = []
    signed = named = False  # a closing or their name was seen: numbers may follow; a name: a title, an address
    lines = [line.strip() for line in lines]
    lines, beyond = lines[:_MOST_LINES], lines[_MOST_LINES:]
    registered = any(is_registered(line) for line in lines)
    footer_ends = 0
    for index, line in enumerate(lines):
        if not line or index < footer_ends or _RULE.fullmatch(line):
            continue
        if _POSTSCRIPT.match(line) or (not strict and _DELIMITER.fullmatch(line)):
            own.extend(_postscript((*lines[index:], *beyond)))
            return tuple(own)
        if end := _end_of_footer(lines, index, who, strict=strict):
            footer_ends = end
        elif _is_name(line, who) or (not strict and signed and _looks_like_names(line)):
            signed = named = True
        elif _is_closing(line, who, strict=strict):
            signed = True
        elif not (
            _DELIMITER.fullmatch(line)
            or is_from_device(line)
            or is_registered(line)
            or is_register_entry(line)
            or (registered and is_officers(line))
            or (signed and (_is_contact(line, who) or _PRONOUNS.fullmatch(line)))
            or (named and (_is_title(line, who) or is_postal(line, _above(lines, index)) or _is_card(line, who)))
            or (not strict and signed and _looks_like_title(line))
        ):
            own.append(line)
            signed = named = False
    own.extend(below for below in beyond if below)
    return tuple(own)


def spellings(lines: str) -> frozenset[str]:
    """Return the lines of a configured text as :func:`spelled` has them, for looking up others among them."""
    return frozenset(map(spelled, lines.splitlines())) - {""}


def spelled(line: str) -> str:
    """Return a line without blanks and the marks that clients put for emphasis: what is the same in text and in HTML."""
    return re.sub(r"[\s*_|\u200b-\u200f\ufeff]+", "", line)


def is_courtesy(line: str) -> bool:
    """Return whether ``line`` is thanks or plain assent, in words of which no combination limits anything."""
    text = " ".join(re.sub(r"[.!,;:*_\s]+", " ", line.casefold()).split())
    if THANKS_FOR.fullmatch(text) or GOOD_DAY.fullmatch(text):
        return True
    if text.startswith(("is ", "are ", "am ", "do ")):
        return False
    text = ASSENT.sub("ok", text.replace("it's", "it is"))
    return all(word in PLAIN_WORDS for word in text.split())


def _signer(text: str) -> _Signer:
    parts = text.split()
    domains = [part.rpartition("@")[2].strip("<>") for part in parts if "@" in part]
    labels = {label for domain in domains for label in re.split(r"[.-]", domain.casefold())[:-1]}
    named = " ".join(part.rpartition("@")[0] or part for part in parts)
    names = {spelling for word in re.split(r"[\W\d_]+", named) if word for spelling in _spellings(word)}
    return _Signer(names=frozenset(names), house=frozenset(label for label in labels if len(label) > 1) - NEVER_A_NAME)


def _spellings(word: str) -> frozenset[str]:
    """Return a word as a mail client, an address book and an address may each spell it: Jürgen, Juergen, Jurgen."""
    plain = word.casefold()
    bare = "".join(letter for letter in unicodedata.normalize("NFKD", plain) if not unicodedata.combining(letter))
    umlauts = plain.translate({ord("ä"): "ae", ord("ö"): "oe", ord("ü"): "ue", ord("ø"): "oe", ord("å"): "aa"})
    return frozenset((plain, bare, umlauts))


def _postscript(lines: Sequence[str]) -> tuple[str, ...]:
    for index, line in enumerate(lines):
        if _POSTSCRIPT.match(line):
            return tuple(below for below in lines[index:] if below)
    return ()


def _end_of_footer(lines: Sequence[str], index: int, who: _Signer, *, strict: bool) -> int:
    """Return where the legal paragraph that begins at ``index`` ends; 0 if none does. It goes to the next empty line."""
    below = range(index + 1, len(lines))
    # A telephone puts its own line right below.
    ends = (
        row
        for row in below
        if not lines[row]
        or _RULE.fullmatch(lines[row])
        or _DELIMITER.fullmatch(lines[row])
        or is_from_device(lines[row])
    )
    end = next(ends, len(lines))
    house = who.house | who.names
    return end if is_legal(" ".join(lines[index:end]), house=house, whole=strict) else 0


def _is_closing(line: str, who: _Signer, *, strict: bool) -> bool:
    """Whether a line is known closings, with nothing but the sender's name after them: "Thanks and best regards, Alice"."""
    if len(line) > _LONGEST:
        return False
    words = [word for word in re.split(r"[\s,.!。、/]+", line.strip("*_ ")) if word]
    closed = _closed(words)
    if not closed:
        return False
    rest = words[closed:]
    if rest[:1] == ["aus"] and 1 < len(rest) <= 3:  # "Viele Grüße aus Köln"
        return closed > 1 and all(_looks_like_name(word) for word in rest[1:])
    said = " ".join(rest)
    return not said or _is_name(said, who) or (not strict and _looks_like_names(said))


def _closed(words: Sequence[str]) -> int:
    """Return how many of the first words are closings, one after the other, joined or not."""
    at = 0
    while at < len(words):
        start = at + 1 if at and words[at].casefold() in _JOINING else at
        ends = (start + length for length in range(min(len(words) - start, 5), 0, -1))
        found = next((end for end in ends if " ".join(words[start:end]).casefold() in CLOSINGS), 0)
        if not found:
            break
        at = found
    return at


def _is_contact(line: str, who: _Signer) -> bool:
    """Whether a line holds telephone numbers, the sender's own addresses, the company's page, or a picture."""
    if len(line) > 8 * _LONGEST:
        return False
    text = _TARGET.sub("", line)
    if len(text) > 2 * _LONGEST:
        return False
    pieces = [text] if _is_contact_piece(text, who) else [piece for piece in _BETWEEN_CONTACTS.split(text) if piece]
    return bool(pieces) and all(_is_contact_piece(piece, who) for piece in pieces)


def _is_contact_piece(piece: str, who: _Signer) -> bool:
    if picture := _PICTURE.fullmatch(piece):
        about = (picture["about"] or "").strip()
        return _PICTURE_FILE.fullmatch(about) is not None or _is_title(about, who)
    if piece.casefold() in PROFILES:
        return True
    label = _LABEL.match(piece)
    text = piece[label.end() :] if label else piece
    if number := _NUMBER.fullmatch(text):
        digits = sum(letter.isdigit() for letter in number["number"])
        starts = bool(label) or text.startswith(("+", "0", "("))
        return starts and _FEWEST_DIGITS <= digits <= _MOST_DIGITS and not _NO_TELEPHONE.search(number["number"])
    if address := _ADDRESS.fullmatch(text):
        locals_ = [word for word in re.split(r"[\W\d_]+", address["local"]) if word]
        own = address["local"].casefold() in SHARED_BOXES or all(_is_own(word.upper(), who) for word in locals_)
        return own and _is_house(address["domain"], who)
    site = _SITE.fullmatch(text)
    return site is not None and _is_house(site["domain"], who)


def _is_house(domain: str, who: _Signer) -> bool:
    """Whether a domain has a word of the sender's own, without its ending."""
    return not who.house.isdisjoint(re.split(r"[.-]", domain.casefold())[:-1])


def _is_name(line: str, who: _Signer) -> bool:
    """Whether a line is the sender's own name, with a title or without; no word of it may be anything else."""
    words = _signature_words(_FOR.sub("", line.lstrip("-–—~/ ")))
    if not words or len(line) > _LONGEST or not any(_is_own(word, who) for word in words[:2]):
        return False
    return (_is_own(words[0], who) or words[0].casefold().strip(".") in TITLES) and all(
        _is_own(word, who) or _is_known(word, who) or re.fullmatch(r"[^\W\d_]\.", word) for word in words
    )


def _is_title(line: str, who: _Signer) -> bool:
    """Whether a line is a title or the sender's company, in known words only."""
    pieces = [piece for piece in _BETWEEN_CONTACTS.split(line) if piece and not _is_contact_piece(piece, who)]
    words = [word for piece in pieces for word in _signature_words(piece)]
    telling = any(_bare(word) in TITLES or _bare(word) in who.house or _is_own(word, who) for word in words)
    return telling and len(line) <= _LONGEST and all(_is_known(word, who) or _is_own(word, who) for word in words)


def _signature_words(text: str) -> list[str]:
    text = _PRONOUNS.sub(" ", text[: _LONGEST + 1])
    return [word for word in (raw.strip("|·•,;()*_") for raw in re.split(r"[\s/]+|(?<=\w)[–-](?=\s)", text)) if word]


def _bare(word: str) -> str:
    return word.casefold().strip(".")


def _is_known(word: str, who: _Signer) -> bool:
    plain = _bare(word)
    return any(plain in words for words in (TITLES, BESIDE_TITLES, who.house, LEGAL_FORMS, *_BETWEEN))


def _is_own(word: str, who: _Signer) -> bool:
    """Return whether ``word`` is one of the sender's names, a short form of one (Alex), or initials."""
    plain = word.casefold().rstrip(".,")
    parts = re.split(r"-|['’](?=\w{3})", plain)  # O'Neill; never "don't", though a name may be Don T.
    if plain and all(not _spellings(part).isdisjoint(who.names) for part in parts):
        return True
    if not plain.isalpha() or plain in NEVER_A_NAME:
        return False
    if len(plain) >= 3 and any(name.startswith(spelling) for name in who.names for spelling in _spellings(plain)):
        return True
    return len(plain) <= 3 and word.rstrip(".,").isupper() and set(plain) <= {name[0] for name in who.names}


def _looks_like_names(line: str) -> bool:
    """Whether a line is one to four capitalised words, as a name is."""
    words = line.strip("*_ ").lstrip("-–—~/ ").rstrip(".,! ").split()
    return 1 <= len(words) <= 4 and len(line) <= 60 and all(_looks_like_name(word) for word in words)


def _looks_like_title(line: str) -> bool:
    """Whether a line has the shape of a title or a company: capitalised words, no figures."""
    if len(line) > _LONGEST or line.endswith(("!", "?", ":", "…")):
        return False
    return all(word.casefold() in CONNECTORS or _looks_like_name(word) for word in _signature_words(line))


def _looks_like_name(word: str) -> bool:
    plain = word.strip(".,()")
    if plain.casefold() in PARTICLES:
        return True
    return bool(_NAME_WORD.fullmatch(plain)) and plain[0].isupper() and plain.casefold() not in NEVER_A_NAME


def _is_card(line: str, who: _Signer) -> bool:
    """Whether a line is several things that a signature may hold, set apart: company | street, town | telephone."""
    pieces = re.split(r"\s*[|·•]\s*", line.strip("|·• ")) if len(line) <= 2 * _LONGEST else []
    return len(pieces) > 1 and all(
        is_postal(piece, pieces[max(0, index - 1)]) or _is_title(piece, who) or _is_contact_piece(piece, who)
        for index, piece in enumerate(pieces)
    )


def _above(lines: Sequence[str], index: int) -> str:
    """Return the nearest line above that is not empty: HTML gives each paragraph an empty line of its own."""
    return next((line for line in reversed(lines[max(0, index - 3) : index]) if line), "")
