"""What an answer says and how well its sender is proven: text → verdict, and the ladder of identity levels.

The input is a person's own new text, with quotes already removed (`mailgate.mail.reply`); nothing here knows of mail.

Two errors are possible and they are not alike. Taking something for a yes that was none lets an action run that nobody
allowed: this must never happen. Taking something for a no, or not understanding it, costs a mail. So:

*approve* is recognised by identity, not by search: the first non-empty line must be nothing but ``APPROVE`` or
``APPROVED`` in plain ASCII letters. Look-alikes (full-width, Cyrillic, letters with something invisible between them)
are not folded into it: no keyboard that is used for answering a mail writes them by accident, so they stay unclear.
Everything below that line must be recognisably harmless, a signature or thanks; a condition cannot be told from a
remark by a program, so any other words of the person's own make the answer unclear.

*reject* may be doubtful: its first word decides, in full-width letters too, and what follows is the reason. But ``no``
and ``stop`` also begin sentences that mean the opposite ("no problem, go ahead", "stop asking me"). Ending a request on
those would put a rejection into the record that the person never made, so they are unclear: the request stays where it
is, which is as safe, and the person is asked.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from mailgate.model.levels import PROVEN, Level, meets
from mailgate.model.signoff import is_courtesy, own_words

__all__ = ["PROVEN", "Level", "Reading", "Verdict", "meets", "read_verdict"]


class Verdict(StrEnum):
    """What one incoming mail or form says."""

    APPROVE = "approve"
    REJECT = "reject"
    QUESTION = "question"
    UNDO = "undo"
    UNCLEAR = "unclear"  # words, but none that decide
    NONE = "none"  # no words at all


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """One answer, understood.

    ``first_line`` is the line that decided, at most 200 characters; ``reason`` the text of a rejection, question or
    undo, at most 4,000; ``text`` all of the person's own words, at most 4,000; ``because`` says in short clauses how it
    was read. None of them is safe to show as markup.
    """

    verdict: Verdict
    first_line: str = ""
    reason: str = ""
    text: str = ""
    because: tuple[str, ...] = ()


_LINE_END = re.compile(r"\r\n|[\n\r\v\f\u0085\u2028\u2029]")

# What clients put around a line and nobody sees: blanks of every width, zero-width characters, the byte order mark,
# marks and embeddings of bidirectional text. The overrides (U+202D, U+202E) are missing: they reverse what is read.
_BLANKS = (
    " \t\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
    "\u00ad\u061c\u200b\u200c\u200d\u200e\u200f\u2060\ufeff\u202a\u202b\u202c\u2066\u2067\u2068\u2069"
)

_FILLERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")  # letters and signs by their category, which show as a blank

_WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}  # full-width forms, as Japanese keyboards write them

# The word, and what may not follow it: a letter, or a sign that makes another word of it ("no-brainer", "stop.gap").
_COMMAND = re.compile(
    r"[*_]{0,3}(?P<word>reject(?:ed)?|den(?:y|ied)|declined?|no|stop|question|undo)(?![\w'’]|[-./@‐‑]\w)"
    r"[*_]{0,3}(?P<rest>.*)",
    re.DOTALL,
)
_SEPARATOR = re.compile(r"\s*[.,:;!(–—。、*_-]|\s*$")
_NOT_A_NO = re.compile(
    r"\s+(?:further |more |real |big |strong |major |other )?(?:probs?|problem\w*|worr\w+|objections?|issues?|concerns?|"
    r"comments?|questions?|rush|hurry|need|idea|clue|doubt|matter|reasons?|preference|complaints?|reservations?|one|"
    r"biggie|stress|drama|news|brainer|chang\w+|harm|longer|reply|action)\b"
)
_NOT_A_STOP = re.compile(r"\s+(?:ask|send|mail|e-?mail|worry|wait|spam|bother|nag|bug|remind|notify)\w*\b|\s+by\b")
_NUMERO = re.compile(r"\s*(?:\.\s*)?\d")
_ASSENT = re.compile(
    r"\b(?:go ahead|approved?|proceed|fine|looks? good|all good|okay|ok|do it|yes|carry on|continue|lgtm|"
    r"no (?:problem|objections?|worries|issues?|concerns?))\b"
)
_DENIAL = re.compile(
    r"\b(?:not|never|cannot|nobody|nothing|neither|nor|without|unless|until|before|dont|wont|cant)\b|n['’]t\b"
)
_UNDOES = re.compile(r"\s+(?:that|this|it|please|my (?:approval|approve|decision|answer|yes|reply))\W*")


def read_verdict(new_text: str, *, signer: str = "") -> Reading:
    """Read what a person's own new text says.

    Args:
        new_text: the text without quotes; any length, any characters.
        signer: the sender's display name and address, by which a name below the answer is known to be theirs.

    Returns:
        The reading. An approval here is a statement, not yet a decision: who made it is another question.
    """
    lines = [line.strip(_BLANKS) for line in _LINE_END.split(new_text)]
    start = next((index for index, line in enumerate(lines) if line), None)
    if start is None:
        return Reading(verdict=Verdict.NONE, because=("there is no text of the sender's own",))
    first, below = lines[start], lines[start + 1 :]
    shown = first[:200]
    if _is_approve(first):
        return _approval(shown, below, signer)
    command = _COMMAND.match(first.translate(_WIDE).lower())
    if command:
        said = first[command.start("rest") :].lstrip(" \t\u00a0.,:;!*_–—。、：！-")
        reason = "\n".join(filter(None, (said, *own_words(below, signer=signer, strict=False))))[:4000].strip()
        reason = reason if _has_words(reason) else ""
        return _command(command["word"], command["rest"], shown, reason)
    return Reading(verdict=Verdict.UNCLEAR, first_line=shown, because=(_why_unclear(first),))


def _has_words(text: str) -> bool:
    """Whether a reader sees anything in ``text``: not only blanks, controls, marks without a letter, fillers."""
    return any(unicodedata.category(letter)[0] in "LNPS" and letter not in _FILLERS for letter in text)


def _is_approve(line: str) -> bool:
    """Whether a line, without emphasis around it and one full stop or exclamation mark, is the word itself."""
    core = _without_marks(line)
    if core[-1:] in (".", "!"):
        core = core[:-1].rstrip(_BLANKS)
        if core[-1:] in ("*", "_"):
            core = _without_marks(core)
    return core.isascii() and core.lower() in ("approve", "approved")


def _without_marks(text: str) -> str:
    """Remove ``*`` and ``_`` if the same stand on both sides: ``* APPROVE`` alone may be an item of a list."""
    length = len(text) - len(text.lstrip("*_"))
    before, after = text[:length], text[len(text) - length :]
    if 0 < length <= 3 and len(text) > 2 * length and after == before[::-1]:
        return text[length:-length].strip(_BLANKS)
    return text


def _approval(shown: str, below: Sequence[str], signer: str) -> Reading:
    words = own_words(below, signer=signer, strict=True)
    remark = next((line for line in words if not is_courtesy(line)), None)
    if remark is None:
        also = ("what stands below it is a signature or thanks",) if any(below) else ()
        return Reading(verdict=Verdict.APPROVE, first_line=shown, because=("the first line is the word itself", *also))
    return Reading(
        verdict=Verdict.UNCLEAR,
        first_line=shown,
        because=(
            "the first line is the word itself",
            f"below it stands “{_short(remark)}”, which may be a condition: an approval stands alone",
        ),
    )


def _command(word: str, rest: str, shown: str, reason: str) -> Reading:
    """Read a line that begins with another word of the grammar; ``rest`` is what follows it, in lower case."""
    verdict, because = Verdict.REJECT, f"the first word is “{word}”"
    if word == "question":
        verdict, because = Verdict.QUESTION, "the first line begins with “question:”"
        if not (re.match(r"\s*[:–—-]", rest) and reason):
            verdict, because = Verdict.UNCLEAR, "a question is asked as “question: …”"
    elif word == "undo":
        verdict, because = Verdict.UNDO, "the first word is “undo”"
        if not (_SEPARATOR.match(rest) or _UNDOES.fullmatch(rest)):
            verdict, because = Verdict.UNCLEAR, "“undo” stands alone, or with a colon and the reason"
    elif doubt := _doubt(word, rest):
        verdict, because = Verdict.UNCLEAR, doubt
    reason = "" if verdict is Verdict.UNCLEAR else reason
    return Reading(verdict=verdict, first_line=shown, reason=reason, because=(because,))


def _doubt(word: str, rest: str) -> str:
    """Say why a line that begins with a word of refusal may not be one, or nothing."""
    if rest.lstrip(_BLANKS)[:1] in ("?", "/", "|"):
        return f"“{word}” is followed by a question mark or an alternative"
    set_apart = _SEPARATOR.match(rest) is not None
    if not set_apart and rest.rstrip(_BLANKS).endswith("?"):
        return "the first line is a question"
    if word not in ("no", "stop"):
        return ""
    if word == "no" and _NUMERO.match(rest):
        return "“No.” before a figure may mean “number”"
    if (_NOT_A_NO if word == "no" else _NOT_A_STOP).match(rest):
        return f"“{word}” begins a phrase that need not mean no"
    if _ASSENT.search(rest) and not _DENIAL.search(rest):
        return f"“{word}” is followed by words of assent"
    return ""


def _why_unclear(first: str) -> str:
    if not first.isascii():
        return "the first line is no known word; it has letters or signs that are not plain A to Z"
    return f"the first line, “{_short(first)}”, is none of APPROVE, REJECT, QUESTION: … or UNDO"


def _short(text: str) -> str:
    return text if len(text) <= 80 else text[:79] + "…"
