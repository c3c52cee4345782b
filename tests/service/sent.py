"""Mails of every kind that the service sends: requests are played to their ends, and agents and people write into them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email import message_from_bytes
from email.utils import parseaddr
from typing import Any

from mailgate.mail.letter import RECORD_BEGINS
from mailgate.model.verdict import Verdict
from mailgate.store.tables import Outgoing, Question
from tests.e2e.post import part
from tests.service.post import AUTHSERV_ID, deliver, reply
from tests.service.rig import PEOPLE, Rig

KINDS = frozenset(
    {
        *("request", "reminder", "escalation", "clarification", "receipt", "outcome", "late"),
        *("question", "answer", "why", "notice"),
    }
)
LATER = {"remind_after": "50m", "escalate_after": "2h", "escalate_to": ["carol"], "timeout": "8h"}
SECTIONS: dict[str, dict[str, Any]] = {
    "imap": {"authserv_id": AUTHSERV_ID},
    "people": PEOPLE | {"erin": {"name": "Erin Evans", "address": "erin@example.com"}},
    "gates": {
        "pay": {"approvers": ["alice", "bob"], **LATER},
        "pay_twice": {"approvers": ["alice", "bob"], "quorum": 2, "on_reject": "escalate", **LATER},
        "warm_up": {"approvers": ["bob"]},
    },
}
"""Of the configuration of a rig on which :func:`play` can be played."""

TEXT = "Charged twice, see the log.\nAPPROVE\nno, really\n\nREJECT: the other one\nstop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """One mail as it went out: its kind, to whom, and its two parts."""

    kind: str
    to: str
    text: str
    html: str


def play(rig: Rig) -> list[Sent]:
    """Play requests that take every turn, and return the mails that people were sent, one of those that say the same."""
    _asked_and_rejected(rig)
    _approved_and_taken_back(rig)
    _run(rig, lambda: f"paid\n{TEXT}")
    _run(rig, _dies)
    rig.outbox()
    kinds = {rig.message_id(mail): mail.kind for mail in rig.rows(Outgoing)}
    mails = {(m.kind, _headline(m)): m for m in _all(kinds, rig) if not m.to.startswith("archive@")}
    return list(mails.values())


def _all(kinds: dict[str, str], rig: Rig) -> Iterator[Sent]:
    for _, to, raw in rig.sender.sent:
        message = message_from_bytes(raw)
        kind = kinds[str(message["Message-ID"])]
        yield Sent(kind=kind, to=to, text=part(message, "text/plain"), html=part(message, "text/html"))


def _headline(mail: Sent) -> str:
    """Return what it says first, below the line that says to whom."""
    lines = [line for line in mail.text.rpartition(RECORD_BEGINS)[2].split("\n") if line]
    return lines[1]


def _asked_and_rejected(rig: Rig) -> None:
    """Ask; be unclear; put a question; remind; ask one more; reject without a reason; answer too late."""
    request = _ask(rig, "pay_twice")
    _say(rig, request, "bob", "ok, if it is below 100")
    _say(rig, request, "bob", "QUESTION: was it booked?\nno hurry")
    asked = next(raw for _, to, raw in rig.sender.sent if to.startswith("erin@"))
    address = parseaddr(str(message_from_bytes(asked)["Reply-To"]))[1]
    _say(rig, request, "erin", "No, it was not.\nAPPROVE", token=address.partition("+")[2].partition("@")[0])
    assert rig.row(Question).answered_at is not None
    for minutes in (51, 120):
        rig.clock.forward(minutes=minutes)
        rig.keeper()
    rig.outbox()
    _say(rig, request, "bob", "REJECT")
    _say(rig, request, "alice", "APPROVE")
    rig.work()


def _approved_and_taken_back(rig: Rig) -> None:
    request = _ask(rig, "pay_twice", run="again")
    _say(rig, request, "alice", "APPROVE")
    _say(rig, request, "alice", "UNDO")


def _run(rig: Rig, doing: Callable[[], Any]) -> None:
    rig.shop.doing = doing
    request = _ask(rig, "pay", run=str(rig.chance.id()))
    assert rig.press(request, "bob", Verdict.APPROVE).done
    rig.keeper()
    rig.work()
    rig.outbox()


def _dies() -> None:
    raise ValueError(f"lost\n{TEXT}")


def _ask(rig: Rig, action: str, **options: Any) -> str:
    """Ask on behalf of Erin."""
    args = {"order": f"A-{rig.chance.id()}\n{TEXT}"}
    request = rig.ask(action, args, on_behalf_of="erin@example.com", reasoning=TEXT, **options)
    rig.outbox()
    return request


def _say(rig: Rig, request: str, person: str, text: str, **options: Any) -> None:
    raw = reply(rig, request, "bob" if person == "erin" else person, text, **options)
    raw = raw.replace(b"bob@example.com", b"erin@example.com") if person == "erin" else raw
    deliver(rig, raw, mail_id=rig.chance.id())
    rig.keeper()
    rig.outbox()
