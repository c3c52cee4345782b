"""What the service hands over when a mail is to be written: the request, the person, what happened. Plain values only.

:mod:`mailgate.mail.draft` makes letters of these. Texts in here may be hostile; nothing has been made harmless yet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """The request, the same for everybody.

    Attributes:
        deployment: ``mailgate.name`` of the configuration.
        action, short_code, digest: the action's name, the request's short code, SHA-256 of the action in hex.
        summary: the gate's summary with the arguments filled in; empty: there is none.
        arguments: decoded values, as ``Action.arguments`` gives them.
        confidence: the agent's own figure, 0 to 1, or None.
        if_approved, if_rejected: the operator's sentences from the gate.
        deadline_at: aware; None waits until answered.
        cooling_off, valid_for: from approval to the earliest and, from there, to the latest start.
        rejection_memory: for so long a rejection is remembered; zero or None: not at all.
    """

    deployment: str
    action: str
    short_code: str
    digest: str
    arguments: Mapping[str, object]
    agent: str
    run: str
    summary: str = ""
    on_behalf_of: str = ""
    reasoning: str = ""
    confidence: float | None = None
    if_approved: str = ""
    if_rejected: str = ""
    deadline_at: datetime | None = None
    cooling_off: timedelta | None = None
    valid_for: timedelta | None = None
    rejection_memory: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seat:
    """The person a mail goes to, and how that person can answer.

    Attributes:
        name: as printed.
        zone: an IANA time zone.
        nonce: the assignment's marker nonce (not a secret); needed where a reply decides.
        link: the page of this assignment, at most a few hundred characters, ending in ``/``; empty: none.
        code: six digits; empty: none is printed.
        web_confirm: ``code``, ``fresh_code`` or ``button``; ``reject`` where the link does not approve.
        by_reply: whether a reply decides.
        approves_by_reply: whether a reply can approve; where nobody vouches for senders it can only reject.
        others: names of the others who are asked.
        needed, given: how many must say yes, how many have.
        veto: whether one no ends it.
        step: a sentence on the stage, for example ``This is step 1 of 2.``
    """

    name: str
    zone: str = "UTC"
    nonce: str = ""
    link: str = ""
    code: str = ""
    web_confirm: str = "code"
    by_reply: bool = True
    approves_by_reply: bool = True
    others: Sequence[str] = ()
    needed: int = 1
    given: int = 0
    veto: bool = True
    step: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """One counted (or late) answer, as it is printed (21 CFR 11.50: name, time, meaning).

    Attributes:
        verdict: ``approved``, ``rejected`` or ``undone``.
        level: the identity level, as in the design (``aligned``, ``link+code`` …).
        reason_withheld: the reason is recorded, but its author is not proven.
        kept_from_agent: a rejection of which the agent is told neither who gave it nor why.
    """

    name: str
    address: str
    verdict: str
    at: datetime
    level: str
    reason: str = ""
    reason_withheld: bool = False
    kept_from_agent: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """Something that was nobody's decision: a deadline passed, a mail bounced, a worker died."""

    at: datetime
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How a request ended.

    Attributes:
        state: a final state, or ``in_doubt``.
        result: what the action returned, a decoded value; shown when it succeeded.
        error: the redacted error of a failed action.
        effect: of a failed action: ``none`` or ``unknown``.
    """

    state: str
    result: object = None
    error: str = ""
    effect: str = ""
