"""What a mail (and the decide page) says, as text, before any template: times formatted, values shown, sentences made.

A template only chooses where things stand. Whatever came from an agent or a person has been through
``mail/characters.py`` when it arrives here, so no field holds a live link, a hidden character or one of our own lines.
How a letter is built from a request is in ``mail/draft.py``; how it becomes bytes, in ``mail/compose.py``.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass, replace
from enum import StrEnum
from typing import TypeVar
from urllib.parse import urlsplit

MARKER = "mailgate-reply-above-"
"""How the reply marker line begins; a nonce of the assignment follows."""

RECORD_BEGINS = "----- begin mailgate record -----"
RECORD_ENDS = "----- end mailgate record -----"

NO_LINK = "[the link is not kept here]"
NO_CODE = "[the code is not kept here]"

_TOKEN_LENGTH = 16  # a path segment this long can be a token; shorter ones are words like "decide"
_T = TypeVar("_T")


class LetterKind(StrEnum):
    """Why a mail is written. The value is the name of its templates."""

    REQUEST = "request"  # a person is asked to decide
    REMINDER = "reminder"  # the same, again
    ESCALATION = "escalation"  # another person is asked, because the first ones did not answer
    CLARIFICATION = "clarification"  # an answer was not counted
    ANSWER = "answer"  # somebody answered a question about it
    CODE = "code"  # the page asks for a code, which this one brings; it goes to no archive
    RECEIPT = "receipt"  # an answer was counted
    LATE = "late"  # an answer came when the request had ended
    OUTCOME = "outcome"  # how it ended
    NOTICE = "notice_to_operators"  # something operators must know or do


ANSWERABLE = frozenset(
    {
        LetterKind.REQUEST,
        LetterKind.REMINDER,
        LetterKind.ESCALATION,
        LetterKind.CLARIFICATION,
        LetterKind.ANSWER,
    }
)
"""The mails that ask for a decision; each carries the reply marker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachedFile:
    """A file that goes with the mail: an ASCII name of ours, and UTF-8 text."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """Something others wrote or a value: its lines, or the first of them.

    Attributes:
        left_out: empty, or the sentence that counts what is missing, names the attached file and its SHA-256.
        is_block: whether it needs lines of its own, below its label.
    """

    lines: tuple[str, ...]
    notes: tuple[str, ...] = ()
    left_out: str = ""
    is_block: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """A labelled line, printed as ``label: value``."""

    label: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """One argument of the action, numbered from 1 as it is printed."""

    number: int
    name: str
    value: Passage


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What the agent says about itself. Nobody has checked it, and templates have to say so."""

    words: Passage
    facts: tuple[Field, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadline:
    """Until when an answer counts, in UTC and in the person's zone (empty if that is UTC), and what happens then."""

    utc: str
    local: str
    then: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """How this person can answer. The link and the code are secrets: they are in no archive copy.

    Attributes:
        ways: one sentence for the top of the mail.
        by_reply: whether a reply decides.
        approves_by_reply: whether a reply can approve, too; if not, it can only reject.
        link_url: the page of this assignment, ending in ``/``; empty: none.
        link_host: its host, for the label.
        code: six digits as ``123 456``; empty: none is printed.
        code_hint: a sentence on the code the page asks for, or empty.
        others: a sentence on who else is asked.
        quorum: sentences on how many must say yes, and what a no does.
        is_live: false in an archive copy.
    """

    ways: str
    by_reply: bool
    link_url: str
    link_host: str
    code: str
    code_hint: str
    others: str
    quorum: str
    approves_by_reply: bool = True
    is_live: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that happened: who, what, when, proven how, and the reason in the person's own words."""

    facts: tuple[Field, ...]
    reason: Passage | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """One mail to one person. Empty fields and ``None`` are left out by the templates.

    Attributes:
        deployment: the name of this mailgate, from the configuration.
        marker: the whole reply marker line, or empty where no reply decides.
        recipient: the printed name of the one who gets the mail; of a copy, the names of those who got it.
        is_copy: whether this is the archive's copy of mails to others.
        headline: one sentence: what the agent wants, or what happened.
        preface: sentences of ours that go before everything else.
        heard: what a person wrote that was not counted (clarification) or came late.
        action, short_code, digest: the operation, the request's short code, SHA-256 (hex) of name and arguments.
        arguments, more_arguments: each argument; a sentence on those only attached, or empty.
        result, result_label: what the action returned, or the error it raised; a heading that says which.
        facts: labelled lines of a notice.
        warnings: what to look at twice.
        history: who decided what, oldest first.
        next_steps: sentences on what comes next.
        recorded: whether the visible block lines are drawn (the mail carries a record).
        footer: the line that names the record's index and leaf hash; empty until they are known.
        files: what is attached besides the evidence.
    """

    kind: LetterKind
    deployment: str
    recipient: str
    headline: str
    marker: str = ""
    preface: tuple[str, ...] = ()
    heard: Passage | None = None
    action: str = ""
    short_code: str = ""
    digest: str = ""
    arguments: tuple[Argument, ...] = ()
    more_arguments: str = ""
    result: Passage | None = None
    result_label: str = ""
    facts: tuple[Field, ...] = ()
    claim: Claim | None = None
    if_approved: str = ""
    if_rejected: str = ""
    deadline: Deadline | None = None
    answering: Answering | None = None
    warnings: tuple[str, ...] = ()
    history: tuple[Entry, ...] = ()
    next_steps: tuple[str, ...] = ()
    title: str = ""
    recorded: bool = True
    footer: str = ""
    is_copy: bool = False
    files: tuple[AttachedFile, ...] = ()


def redacted(letter: Letter) -> Letter:
    """Return ``letter`` for the archive: nothing in it can still decide.

    The link, its token and the code are replaced by placeholders, also where a person quoted them. The code is left
    alone in what the agent wrote: six digits there are a coincidence, and a changed amount would be a false record.
    """
    answering = letter.answering
    if letter.kind is LetterKind.CODE:  # nobody orders one for the archive; were it so, it would hold no code
        return replace(letter, headline=f"Your code: {NO_CODE}")
    if answering is None or not answering.is_live:
        return letter
    secrets = _link_secrets(answering.link_url)
    codes = [code for code in (answering.code, answering.code.replace(" ", "")) if code]
    bare = replace(
        _mapped(letter, lambda text: _without(text, secrets, NO_LINK)),
        files=tuple(replace(file, content=_without_bytes(file.content, secrets)) for file in letter.files),
        answering=replace(
            answering,
            link_url=NO_LINK if answering.link_url else "",
            code=NO_CODE if answering.code else "",
            is_live=False,
        ),
    )
    return replace(
        bare,
        **{
            name: _mapped(getattr(bare, name), lambda text: _without(text, codes, NO_CODE))
            for name in ("preface", "heard", "history", "warnings", "next_steps")
        },
    )


def host_of(url: str) -> str:
    """Return the host of ``url``, with its port if it has one."""
    return urlsplit(url).netloc.rpartition("@")[2]


def _link_secrets(url: str) -> list[str]:
    segments = re.split(r"[/?&=#]+", url)
    return [
        part for part in (url, url.rstrip("/"), *segments[2:]) if len(part) >= _TOKEN_LENGTH and part != segments[1]
    ]


def _without(text: str, secrets: list[str], instead: str) -> str:
    for secret in secrets:
        text = text.replace(secret, instead)
    return text


def _without_bytes(content: bytes, secrets: list[str]) -> bytes:
    for secret in secrets:
        content = content.replace(secret.encode(), NO_LINK.encode())
    return content


def _mapped(value: _T, change: Callable[[str], str]) -> _T:
    """Return ``value`` with ``change`` applied to every text in it, through tuples and records."""
    result: object = value
    if isinstance(value, StrEnum):
        return value
    if isinstance(value, str):
        result = change(value)
    elif isinstance(value, tuple):
        result = tuple(_mapped(item, change) for item in value)
    elif is_dataclass(value) and not isinstance(value, type):
        result = replace(value, **{f.name: _mapped(getattr(value, f.name), change) for f in fields(value)})
    return result  # type: ignore[return-value]  # same shape as value, which mypy cannot see
