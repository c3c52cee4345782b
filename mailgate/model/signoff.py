"""Tell a person's own words from what is put below them: greetings, names, numbers, "Sent from my …", legal footers.

Only the recognition of lines that *cannot* change an answer lives here; what the answer is, says `verdict`. Everything
is a list of what is known to be harmless, never of what is suspicious: a condition can be written in any words
("half of it", "Carol first"), so a line that is not recognised counts as the person's own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mailgate.model.phrases import (
    CLOSINGS,
    CONNECTORS,
    FOOTER,
    GOOD_DAY,
    IMPRINT,
    NEVER_A_NAME,
    OFFICERS,
    PARTICLES,
    PLAIN_WORDS,
    SENT_FROM,
    THANKS_FOR,
)

_LONGEST = 120
"""Characters of a single line that may still be a signature; the sentences of footers are recognised by their start."""

_MOST_LINES = 400
"""Lines that are looked at closely; a signature with legal footers in three languages has a quarter of it."""

_DELIMITER = re.compile(r"--|—|–")  # RFC 3676 section 4.3; many clients lose its trailing blank
_RULE = re.compile(r"[-_=*~–—]{3,}")
_POSTSCRIPT = re.compile(r"p\.?\s?(?:p\.?\s?)?s\b[\s.:,–-]*", re.IGNORECASE)

# A number that stands without a label must start like a telephone number: "100 000" below an answer may be an amount.
_NUMBER = r"(?:\+|0|\()[\d\s().\-/]{6,24}(?:\s*(?:x|ext\.?|durchwahl)\s*\d{1,6})?"
_LABEL = (
    r"(?:tel|telephone|telefon|teléfono|téléphone|tél|phone|ph|mobile|mobil|mob|móvil|cell|handy|cel|fax|office|direct|"
    r"desk|t|m|p|f|c|d|o|e|w|e-?mail|mail|web|www|internet|skype|тел|電話|电话)\.?\s*[:.：]?\s*"
)
_ADDRESS = r"<?(?:mailto:)?[\w.+%-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}>?(?:\s?<mailto:[^<>\s]{1,200}>)?"
_WEB = r"<?(?:https?://|www\.)[^\s<>]{1,200}>?(?:\s?<https?://[^<>\s]{1,400}>)?"
_CONTACT = re.compile(rf"(?:{_LABEL})?(?:{_NUMBER}|{_ADDRESS}|{_WEB})|{_LABEL}\+?[\d\s().\-/]{{6,24}}", re.IGNORECASE)
_PICTURE = re.compile(
    r"\[(?:cid:[^\]\s]{1,100}|(?:image|bild|logo|photo|inline image)[:\s]?[^\]\d]{0,60})\]", re.IGNORECASE
)
_BETWEEN_CONTACTS = re.compile(r"\s+[|·•/–-]\s+|\s*[|·•]\s*|,\s+|\t+")
_NAME_WORD = re.compile(r"[^\W\d_](?:[^\W\d_]|['’.-](?=[^\W\d_]|$)){0,24}")

# Figures below an answer may be an amount, so an address needs a word for "street", and a town stands next to one.
_NAMES = r"[^\W\d_][^\W\d_.'’-]*\.?(?:[ -][^\W\d_][^\W\d_.'’-]*\.?){0,3}"
_STREET = (
    rf"(?:(?:{_NAMES}[ -])?[^\W\d_]*(?:straße|strasse|str\.|weg|platz|gasse|allee|damm|ring|straat|laan|gatan|vej)"
    r"\s\d{1,4}\s?[a-z]?"
    rf"|\d{{1,4}}[a-z]?,? {_NAMES} (?:street|st|road|rd|lane|avenue|ave|drive|square|way|court|place|boulevard|blvd)\.?"
    rf"|\d{{1,4}},? (?:rue|avenue|boulevard|place|quai) {_NAMES}|(?:via|calle|rua|piazza|plaza) {_NAMES},? \d{{1,4}})"
)
_TOWN = (
    rf"(?:(?:[a-z]{{1,2}}-)?\d{{4,5}} {_NAMES}|{_NAMES},? (?:[a-z]{{2}} \d{{5}}|[a-z]{{1,2}}\d[a-z\d]? \d[a-z]{{2}}))"
)
_POSTAL = re.compile(rf"{_STREET}(?:(?:,| [|·•])\s{_TOWN})?", re.IGNORECASE)
_STREET_ABOVE, _TOWN_ALONE = re.compile(_STREET, re.IGNORECASE), re.compile(_TOWN, re.IGNORECASE)


def own_words(lines: Sequence[str], *, signer: str, guess_names: bool) -> tuple[str, ...]:
    """Return those of ``lines`` that no signature explains, in order, without blanks around them.

    Args:
        lines: what stands below the line that answers.
        signer: the sender's display name and local part, so that their own name is recognised; may be empty.
        guess_names: whether, with no ``signer`` to compare to, a line like "Alice Adams" counts as a name.

    Below a signature delimiter everything but a postscript is signature (RFC 3676 section 4.3), below the start of a
    legal footer too: both are put there by programs, at the end.
    """
    names = frozenset(word for word in re.split(r"[\W\d_]+", signer.casefold()) if word)
    guess = guess_names and not names
    own: list[str] = []
    signed = False  # a closing or a name was seen: a name, a title, an address may follow
    lines = [line.strip() for line in lines]
    lines, beyond = lines[:_MOST_LINES], lines[_MOST_LINES:]
    for index, line in enumerate(lines):
        if not line or _RULE.fullmatch(line):
            continue
        if _POSTSCRIPT.match(line):
            own.extend(below for below in (*lines[index:], *beyond) if below)
            break
        if _DELIMITER.fullmatch(line) or _starts_footer(lines, index):
            own.extend(_postscript((*lines[index:], *beyond)))
            break
        if _is_closing(line, names) or _is_name(line, names, guess=guess or signed):
            signed = True
        elif not (_is_appended(line) or (signed and (_is_title(line) or _is_postal(line, lines[index - 1])))):
            own.append(line)
            signed = False
    else:
        own.extend(below for below in beyond if below)
    return tuple(own)


def is_courtesy(line: str) -> bool:
    """Return whether ``line`` is thanks or plain assent, in words of which no combination limits anything."""
    text = " ".join(re.sub(r"[.!,;:*_\s]+", " ", line.casefold()).split())
    text = re.sub(r"\bno objections?\b", "no_objection", text).replace("it's", "it is")
    if THANKS_FOR.fullmatch(text) or GOOD_DAY.fullmatch(text):
        return True
    words = text.split()
    return words[:1] not in (["is"], ["are"], ["am"]) and all(word in PLAIN_WORDS for word in words)


def _postscript(lines: Sequence[str]) -> tuple[str, ...]:
    for index, line in enumerate(lines):
        if _POSTSCRIPT.match(line):
            return tuple(below for below in lines[index:] if below)
    return ()


def _starts_footer(lines: Sequence[str], index: int) -> bool:
    """Whether a paragraph starts here that reads like a legal footer; its sentence may be wrapped over four lines."""
    above = lines[index - 1] if index else ""
    if above and not (_RULE.fullmatch(above) or _is_contact(above)):
        return False
    return FOOTER.match(" ".join(lines[index : index + 4]).lstrip("*_[( ")[:500]) is not None


def _is_closing(line: str, names: frozenset[str]) -> bool:
    """Whether a line is a known closing, with nothing but a name after it: "Best regards, Alice", "Thanks Bob"."""
    if len(line) > _LONGEST:
        return False
    words = [word for word in re.split(r"[\s,.!。、]+", line.strip("*_ ")) if word]
    for length in range(min(len(words), 5), 0, -1):
        if " ".join(words[:length]).casefold() in CLOSINGS:
            return length == len(words) or _is_name(" ".join(words[length:]), names, guess=True)
    return False


def _is_appended(line: str) -> bool:
    """Whether a line may stand below anything a person writes: contacts, devices, what a company must print."""
    return _is_from_device(line) or _is_contact(line) or _is_imprint(line)


def _is_imprint(line: str) -> bool:
    """Whether a line is what a company must print: a register's number, or its officers and its seat by name."""
    if len(line) > _LONGEST:
        return False
    officers = OFFICERS.match(line)
    return bool(officers and _is_title(line[officers.end() :])) or IMPRINT.fullmatch(line) is not None


def _is_from_device(line: str) -> bool:
    """Whether a line is "Sent from my iPhone" and kin: at most ten words, and none that could limit something."""
    text = re.sub(r"<[^<>]*>|https?://\S+", "", line).strip("*_() ")
    if len(text) > _LONGEST or not SENT_FROM.match(text):
        return False
    return len(text.split()) <= 10 and not re.search(r"\b(?:only|but|if|not|until|unless)\b|,", text.casefold())


def _is_contact(line: str) -> bool:
    if len(line) > 2 * _LONGEST:
        return False
    if _PICTURE.fullmatch(line) or _CONTACT.fullmatch(line):
        return True
    pieces = [piece for piece in _BETWEEN_CONTACTS.split(line) if piece]
    return len(pieces) > 1 and all(_CONTACT.fullmatch(piece) for piece in pieces)


def _is_name(line: str, names: frozenset[str], *, guess: bool) -> bool:
    """Whether a line is a person's name: the sender's own, or, when guessing, one to four capitalised words."""
    text = line.strip("*_ ").lstrip("-–—~/ ").rstrip(".,! ")
    words = text.split()
    if not 1 <= len(words) <= 4 or len(text) > 60:
        return False
    known = [word for word in words if _belongs_to(word, names)]
    return bool(known or guess) and all(_looks_like_name(word) for word in words if word not in known)


def _belongs_to(word: str, names: frozenset[str]) -> bool:
    """Whether ``word`` is one of the sender's names, their shared beginning (Alex, Alexander), or initials."""
    plain = word.casefold().rstrip(".,")
    if plain in names:
        return True
    if plain in NEVER_A_NAME:
        return False
    if len(plain) >= 3 and any(len(name) >= 3 and (name.startswith(plain) or plain.startswith(name)) for name in names):
        return True
    return (
        plain.isalpha()
        and len(plain) <= 3
        and word.rstrip(".,").isupper()
        and set(plain) <= {name[0] for name in names}
    )


def _looks_like_name(word: str) -> bool:
    plain = word.strip(".,()")
    folded = plain.casefold()
    if folded in PARTICLES:
        return True
    return bool(_NAME_WORD.fullmatch(plain)) and plain[0].isupper() and folded not in NEVER_A_NAME


def _is_title(line: str) -> bool:
    """Whether a line below a name reads like a title or a company: capitalised words, no figures."""
    if len(line) > _LONGEST or line.endswith(("!", "?", ":", "…")):
        return False
    pieces = [piece for piece in _BETWEEN_CONTACTS.split(line) if piece and not _CONTACT.fullmatch(piece)]
    words = [word.strip("|,;()*_") for piece in pieces for word in re.split(r"[\s/]+", piece)]
    return all(not word or word.casefold() in CONNECTORS or _looks_like_name(word) for word in words)


def _is_postal(line: str, above: str) -> bool:
    """Whether a line is a street, with its town or without, or the town below a street."""
    if len(line) > _LONGEST:
        return False
    return bool(_POSTAL.fullmatch(line) or (_TOWN_ALONE.fullmatch(line) and _STREET_ABOVE.fullmatch(above)))
