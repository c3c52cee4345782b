"""Words of other languages that decide, besides the English ones of `verdict`: tables, and what makes a word fit for one.

A deployment turns a language on ([answers] languages) and may add words of its own ([words]). The rules of reading stay:
an approval is a line that is nothing but the word, spelled in just these letters; a rejection is a first word that is set
apart from its reason. A word that is part of what we print, or of what mail clients print around it, must not be one,
since it would then be found in mails that nobody meant as an answer; and one that looks like another decides nothing.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from mailgate.model.phrases import NEVER_A_NAME
from mailgate.model.quoting import quoted


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """The words of one language, in lower case and Unicode's normal form NFC.

    ``assent`` are phrases behind a refusal that show that it was none ("nein, alles gut"), ``denial`` words that show that
    it was one all the same. Without them only a colon may stand between a word of refusal and its reason.
    """

    language: str
    approve: tuple[str, ...] = ()
    reject: tuple[str, ...] = ()
    assent: tuple[str, ...] = ()
    denial: tuple[str, ...] = ()


SHIPPED: Mapping[str, Words] = {
    words.language: words
    for words in (
        Words(
            language="de",
            approve=("genehmigt", "freigegeben", "bewilligt"),
            reject=("ablehnen", "abgelehnt", "ablehnung", "nein"),
            assent=(
                *(
                    "alles gut",
                    "passt",
                    "in ordnung",
                    "kein problem",
                    "keine einwände",
                    "mach",
                    "macht",
                    "weitermachen",
                    "weiter",
                ),
                *("gern", "gerne", "einverstanden", "genehmigt", "freigegeben", "ja", "doch"),
            ),
            denial=("nicht", "kein", "keine", "keinen", "nie", "niemals", "ohne", "erst"),
        ),
        Words(
            language="fr",
            approve=("approuvé", "approuvée", "approuve", "approuver", "validé", "validée"),
            reject=("refusé", "refusée", "refuse", "refuser", "rejeté", "rejetée", "rejeter", "non"),
            assent=(
                *(
                    "c'est bon",
                    "c’est bon",
                    "allez-y",
                    "vas-y",
                    "d'accord",
                    "d’accord",
                    "pas de problème",
                    "aucun problème",
                ),
                *("pas d'objection", "pas d’objection", "parfait", "continuez", "approuvé", "validé", "oui", "si"),
            ),
            denial=("pas", "jamais", "aucun", "aucune", "rien", "sans"),
        ),
        Words(
            language="es",
            approve=("aprobado", "aprobada", "aprobar", "apruebo"),
            reject=("rechazado", "rechazada", "rechazar", "rechazo", "denegado", "denegada", "denegar"),
            assent=(
                "adelante",
                "de acuerdo",
                "está bien",
                "vale",
                "sin problema",
                "aprobado",
                "sí",
                "claro",
                "hay problema",
                "hay inconveniente",
                "hay objeciones",
                "tengo inconveniente",
                "tengo objeciones",
            ),
            denial=("no", "nunca", "nada", "sin"),
        ),
        Words(
            language="ja",
            approve=("承認", "承認する", "承認します", "承認しました", "承認いたします"),
            reject=("却下", "却下する", "却下します", "却下しました", "否認", "否認します", "拒否", "拒否します"),
            assent=("問題ありません", "問題ない", "大丈夫", "進めて", "承認", "了解"),
            denial=("違", "できません", "しません"),
        ),
    )
}
"""The tables that come with mailgate, by language."""


def _named(text: str) -> frozenset[str]:
    return frozenset(text.split())


ENGLISH = "en"
"""The language whose words always count, because our mails ask for them; they stand in `verdict`."""

_COMMANDS = _named("approve approved reject rejected deny denied decline declined no stop question undo")
_NEGATIONS = _named("un dis non not no nicht nein kein nie ne pas in im des mal anti не ни")
_NEGATING_ENDS = ("ない", "ません", "なかった", "ず", "不", "안함")
_LIKE_LATIN = frozenset("аеорсухіјѕԁһӏԛԝвкмнтοαενρτυχικ")
"""Cyrillic and Greek letters that look like Latin ones; a word of nothing else may be taken for another one."""

_EAST_ASIAN = frozenset({"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA", "HANGUL", "BOPOMOFO"})
_FINAL = ".!。．！"


def spells(line: str, word: str) -> bool:
    """Return whether ``line`` is ``word`` in any case, letter by letter; only its decomposed form (NFD) is the same to us."""
    return any(_same(line, form) for form in (word, unicodedata.normalize("NFD", word)))


def _same(line: str, word: str) -> bool:
    # Not by folding the line: that makes letters of others equal, such as the Kelvin sign and k.
    return len(line) == len(word) and all(a in (b, b.upper()) for a, b in zip(line, word, strict=True))


def approving(line: str, words: Iterable[Words]) -> Words | None:
    """Return the language in which a line, without blanks and emphasis around it, is an approval by itself."""
    core = line[:-1].rstrip() if line[-1:] in _FINAL and line else line
    return next((own for own in words if any(spells(core, word) for word in own.approve)), None)


@functools.cache
def refusal(words: Words) -> re.Pattern[str]:
    """Return what matches a line that begins with a word of refusal: groups ``word`` and ``rest``, as in `verdict`."""
    forms = {form for word in words.reject for form in (word, unicodedata.normalize("NFD", word))}
    spelled = ("".join(f"[{c}{c.upper()}]" if len(c.upper()) == 1 else c for c in form) for form in forms)
    either = "|".join(sorted(spelled, key=len, reverse=True)) or r"(?!)"
    return re.compile(rf"[*_]{{0,3}}(?P<word>{either})(?![\w'’]|[-./@‐‑]\w)[*_]{{0,3}}(?P<rest>.*)", re.DOTALL)


def assents(words: Words, rest: str) -> bool:
    """Return whether what follows a word of refusal says that it was none; ``rest`` is in lower case."""
    phrases = _phrases(words.assent)
    return phrases.search(rest) is not None and not _phrases(words.denial).search(phrases.sub(" ", rest))


@functools.cache
def _phrases(phrases: tuple[str, ...]) -> re.Pattern[str]:
    """Return what matches any of the phrases as whole words; scripts without blanks have no words to be whole."""
    bounded = (rf"\b{re.escape(p)}\b" if _alphabet(p) not in _EAST_ASIAN else re.escape(p) for p in phrases)
    return re.compile("|".join(bounded) or r"(?!)")


def tokens(text: str) -> frozenset[str]:
    """Return the words of a text in lower case and NFC, for looking whether one of ours is among them."""
    return frozenset(re.findall(r"[^\W\d_]+", unicodedata.normalize("NFC", text).lower()))


def found_in(text: str, words: Iterable[str]) -> Iterator[str]:
    """Yield those of ``words`` that stand in ``text``: as whole words, or anywhere in scripts without blanks."""
    held = tokens(text)
    yield from (word for word in words if word in held or (_alphabet(word) in _EAST_ASIAN and word in text))


def opening(line: str, words: Iterable[str]) -> Iterator[str]:
    """Yield those of ``words`` with which a line begins, after quoting, emphasis, bars and numbers."""
    bare = re.sub(r"\A[\s>|*_#.!\d-]+", "", unicodedata.normalize("NFC", line)).lower()
    yield from (word for word in words if bare.startswith(word) and not bare[len(word) : len(word) + 1].isalpha())


def faults(own: Words) -> Iterator[tuple[str, str]]:
    """Yield why words cannot be used: the key (``approve`` or ``reject``), and a sentence without its final stop."""
    for key, listed in (("approve", own.approve), ("reject", own.reject)):
        for word in listed:
            if why := _unfit(word):
                yield key, f"{quoted(word)} {why}"
    for word in own.approve:
        if why := _negates(word, own):
            yield "approve", f"{quoted(word)} {why}"
    for word in own.reject:
        if word in ("approve", "approved") or any(word in known.approve for known in SHIPPED.values()):
            yield "reject", f"{quoted(word)} approves"


def _unfit(word: str) -> str:
    """Say what is wrong with the letters of a word, or nothing."""
    if len(word) < 2 or len(word) > 40:
        return "has not 2 to 40 letters"
    if unicodedata.normalize("NFC", word) != word or unicodedata.normalize("NFKC", word) != word:
        return "has letters that are written in another way as well (Unicode NFC, NFKC); write it in plain ones"
    if not all(unicodedata.category(letter)[0] == "L" for letter in word):
        return "is not made of letters alone; no blanks, figures, signs or marks"
    if word != word.lower():
        return "is not in lower case; it counts in any case anyway"
    alphabets = {"EAST ASIAN" if _alphabet(c) in _EAST_ASIAN else _alphabet(c) for c in word}
    if len(alphabets) > 1:
        return "mixes alphabets, so that it may only look like a word"
    if all(letter in _LIKE_LATIN for letter in word):
        return "looks like a word in Latin letters and is none"
    return ""


def _negates(word: str, own: Words) -> str:
    """Say why a word of approval may mean a refusal, or nothing."""
    refused = _COMMANDS - {"approve", "approved"} | {w for known in SHIPPED.values() for w in known.reject}
    if word in refused:
        return "refuses"
    if word in own.reject:
        return "is under reject as well"
    if word in NEVER_A_NAME:
        return "limits or negates; it cannot approve"
    known = {"approve", "approved", *own.approve, *(w for shipped in SHIPPED.values() for w in shipped.approve)} - {
        word
    }
    if any(word.endswith(yes) and word.removesuffix(yes) in _NEGATIONS for yes in known):
        return "negates another word of approval"
    if any(word.endswith(end) for end in _NEGATING_ENDS) and _alphabet(word) in _EAST_ASIAN:
        return "ends as a negation does"
    return ""


def _alphabet(text: str) -> str:
    return unicodedata.name(text[:1], "?").split(" ")[0]
