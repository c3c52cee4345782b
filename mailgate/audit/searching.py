"""Search an archive for requests, mail by mail, without verifying anything. Standard library only.

The mail that ends a request carries all of its records, so it is told as soon as that mail is read; what is still open is told
in the end. Memory grows with what is open, and by an id for each request that has ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mailgate.audit.carried import Carried, read_mail
from mailgate.audit.cases import Case, case_of
from mailgate.audit.gathering import Kept
from mailgate.audit.parts import TooMuch
from mailgate.audit.reading import Item
from mailgate.model.lifecycle import FINAL
from mailgate.model.merkle import leaf_hash
from mailgate.model.records import format_time, parse_record


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to look for; empty: whatever.

    Attributes:
        approver: somebody who answered, by id, name or address.
        since, until: when it was asked at the latest, and ended at the earliest: a request that was alive in between.
        level: by which somebody who answered was proven.
        text: in what the agent asked and said, what people wrote, and what an action gave or raised; in any case.
    """

    approver: str = ""
    gate: str = ""
    outcome: str = ""
    since: datetime | None = None
    until: datetime | None = None
    level: str = ""
    text: str = ""

    def is_met_by(self, case: Case) -> bool:
        """Return whether a request is one of those that are looked for."""
        people = {word.casefold() for a in case.answers for word in (a.person, a.name, a.address)}
        return (
            (not self.approver or self.approver.casefold() in people)
            and self.gate in ("", case.gate)
            and self.outcome in ("", case.outcome)
            and (self.since is None or case.ended_at is None or case.ended_at >= self.since)
            and (self.until is None or case.asked_at <= self.until)
            and (not self.level or any(a.level == self.level for a in case.answers))
            and (not self.text or any(self.text.casefold() in text.casefold() for text in case.texts))
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One request, and the mail that says most about it: where it lies, and its Message-ID."""

    case: Case
    place: str
    message_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Thread:
    request: str
    kept: tuple[Kept, ...]
    place: str
    message_id: str
    is_over: bool


def search(items: Iterable[Item], wanted: Wanted) -> Iterator[Hit]:
    """Yield the requests of an archive that are wanted, each once: those that ended as they are met, the open ones last."""
    ended, still_open = set[str](), dict[str, _Thread]()
    for thread in _threads(items):
        if thread.request in ended:
            continue
        before = still_open.pop(thread.request, None)
        if thread.is_over:
            ended.add(thread.request)
            yield from _hit(thread, wanted)
        else:
            newer = before is None or len(thread.kept) >= len(before.kept)
            still_open[thread.request] = thread if newer or before is None else before
    for thread in still_open.values():
        yield from _hit(thread, wanted)


def as_json(hit: Hit) -> dict[str, Any]:
    """Return a hit as plain JSON; instants are RFC 3339 in UTC."""
    case = hit.case
    return {
        "request": case.request,
        "gate": case.gate,
        "action": case.action,
        "agent": case.agent,
        "on_behalf_of": case.on_behalf_of or None,
        "outcome": case.outcome,
        "reason": case.reason,
        "asked_at": format_time(case.asked_at),
        "ended_at": None if case.ended_at is None else format_time(case.ended_at),
        "answers": [
            {
                "person": answer.person,
                "name": answer.name,
                "address": answer.address,
                "verdict": "approve" if answer.approves else "reject",
                "level": answer.level,
                "at": format_time(answer.at),
                "undone": answer.is_undone,
            }
            for answer in case.answers
        ],
        "mail": hit.place,
        "message_id": hit.message_id,
    }


def in_a_line(hit: Hit) -> str:
    """Return a hit as one line: when, what came of it, of what, by whom, and which mail to look at."""
    case = hit.case
    answers = [
        f"{a.name}: {'yes' if a.approves else 'no'} ({a.level}){', taken back' if a.is_undone else ''}"
        for a in case.answers
    ]
    at = case.ended_at or case.decided_at or case.asked_at
    people = ", ".join(answers) or "nobody answered"
    return f"{at:%Y-%m-%d %H:%M}  {case.outcome:13} {case.gate:20} {people}; {case.request}; look at {hit.place}"


def _hit(thread: _Thread, wanted: Wanted) -> Iterator[Hit]:
    try:
        case = case_of(thread.request, thread.kept)
    except ValueError:
        return
    if wanted.is_met_by(case):
        yield Hit(case=case, place=thread.place, message_id=thread.message_id)


def _threads(items: Iterable[Item]) -> Iterator[_Thread]:
    for item in items:
        if item.raw is None:
            continue
        try:
            mails = list(read_mail(item.raw, item.place))
        except TooMuch:
            continue
        for mail in mails:
            yield from _thread(mail)


def _thread(mail: Carried) -> Iterator[_Thread]:
    """Yield what a mail says of the request that it was written for."""
    if mail.evidence is None or not mail.evidence.entries or mail.evidence.entries[-1].record is None:
        return
    raws = [*mail.evidence.thread, *(entry.record for entry in mail.evidence.entries if entry.record is not None)]
    try:
        own = parse_record(raws[-1])
        kept = _of(own.request, raws)
    except ValueError:
        return
    if own.request:
        is_over = own.body.get("outcome") in FINAL
        yield _Thread(request=own.request, kept=kept, place=mail.place, message_id=mail.message_id, is_over=is_over)


def _of(request: str, raws: Sequence[bytes]) -> tuple[Kept, ...]:
    """Return the records of one request among ``raws``, each once, in the order of the log."""
    found = {parsed.index: raw for raw in raws if (parsed := parse_record(raw)).request == request}
    return tuple(Kept(raw=found[index], leaf=leaf_hash(found[index]), mail="") for index in sorted(found))
