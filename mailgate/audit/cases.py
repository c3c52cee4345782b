"""One request as an auditor tells it: what was asked, who answered how, what came of it. Records to plain values.

Nothing is judged here: whether it may have happened so is replayed in :mod:`mailgate.model.replay`. Standard library only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from mailgate.audit.gathering import Kept
from mailgate.model.lifecycle import FINAL, State
from mailgate.model.records import Record, parse_record


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One counted answer. ``stands_in_for`` is the id of who would have been asked instead, or nothing."""

    person: str
    name: str
    address: str
    approves: bool
    level: str
    reason: str
    at: datetime
    stands_in_for: str
    is_undone: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One record of the request, in a few words: what happened, who did it, when, and whether the request ended with it."""

    index: int
    event: str
    who: str
    what: str
    at: datetime
    ends: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One request.

    Attributes:
        gate: the action's name, which is that of its gate.
        action: its canonical text; ``arguments`` are those in it.
        digest: of the action, in hex.
        on_behalf_of: the address of the person the agent acts for; ``requester`` is that person's id, if known.
        outcome: what came of it; where nothing did yet, where it stands.
        reason: why it was rejected, ended or failed.
        policy: digest of the policy it was made under, in hex.
        decided: the record that settled it: the decision, else how it ended, else the latest.
    """

    request: str
    gate: str
    action: str
    arguments: str
    digest: str
    agent: str
    run: str
    on_behalf_of: str
    requester: str
    answers: tuple[Answer, ...]
    outcome: str
    reason: str
    asked_at: datetime
    decided_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    policy: str
    decided: Kept
    decided_index: int
    steps: tuple[Step, ...]
    texts: tuple[str, ...]

    @property
    def approvals(self) -> tuple[Answer, ...]:
        """The yeses that stand."""
        return tuple(answer for answer in self.answers if answer.approves and not answer.is_undone)

    @property
    def rejections(self) -> tuple[Answer, ...]:
        """The noes that stand."""
        return tuple(answer for answer in self.answers if not answer.approves and not answer.is_undone)


@dataclass(slots=True)
class _Course:
    """What the records have said so far."""

    answers: dict[str, Answer] = field(default_factory=dict)
    outcome: str = State.PENDING.value
    reason: str = ""
    decided: int | None = None  # positions among the records
    ended: int | None = None
    started_at: datetime | None = None


def case_of(request: str, kept: Sequence[Kept]) -> Case:
    """Return a request as its records tell it; what a missing or strange record would have said is left empty."""
    records = [parse_record(one.raw) for one in kept]
    course = _Course()
    for number, record in enumerate(records):
        _hear(course, record, number)
    asked = next((record for record in records if record.event == "request"), records[0])
    said, actor = asked.body, _mapping(asked.body.get("actor"))
    settled = course.decided if course.decided is not None else course.ended
    last = settled if settled is not None else len(records) - 1
    return Case(
        request=request,
        gate=_text(said.get("action")),
        action=_text(said.get("canonical")),
        arguments=_arguments(_text(said.get("canonical"))),
        digest=asked.digest.hex(),
        agent=_text(actor.get("agent")),
        run=_text(actor.get("run")),
        on_behalf_of=_text(actor.get("on_behalf_of")),
        requester=_text(said.get("requester")),
        answers=tuple(course.answers.values()),
        outcome=course.outcome,
        reason=course.reason,
        asked_at=asked.at,
        decided_at=None if course.decided is None else records[course.decided].at,
        started_at=course.started_at,
        ended_at=None if course.ended is None else records[course.ended].at,
        policy=_text(said.get("policy")),
        decided=kept[last],
        decided_index=records[last].index,
        steps=tuple(map(_step, records)),
        texts=tuple(text for record in records for text in _texts(record)),
    )


def _hear(course: _Course, record: Record, number: int) -> None:
    body = record.body
    if record.event == "decision":
        answer = _answer(record)
        course.answers[_text(body.get("decision"))] = answer
        if body.get("outcome") in (State.APPROVED, State.REJECTED):
            course.decided = number
    if record.event == "undo" and (taken := course.answers.get(_text(body.get("undone")))) is not None:
        course.answers[_text(body.get("undone"))] = _undone(taken)
    if record.event == "executing" and course.started_at is None:
        course.started_at = record.at
    outcome = _STANDS.get(record.event, _text(body.get("outcome")))
    if outcome in _STATES and outcome != State.PENDING:
        course.outcome = outcome
    if outcome in FINAL:
        course.ended = number
        told = _mapping(body.get("told"))
        course.reason = _text(told.get("error")) or _text(told.get("reason")) or _text(body.get("reason"))
    if record.event == "reason":
        course.reason = _text(body.get("reason"))


_STATES = frozenset(State)
_STANDS = {"executing": State.EXECUTING.value, "in_doubt": State.IN_DOUBT.value}
"""Where a request stands after records that name no outcome."""


def _answer(record: Record) -> Answer:
    body, approver = record.body, _mapping(record.body.get("approver"))
    return Answer(
        person=_text(approver.get("person")),
        name=_text(approver.get("name")),
        address=_text(approver.get("address")),
        approves=body.get("meaning") == "approved",
        level=_text(body.get("level")),
        reason=_text(body.get("reason")),
        at=record.at,
        stands_in_for=_text(body.get("for")),
        is_undone=False,
    )


def _undone(answer: Answer) -> Answer:
    return Answer(**{name: getattr(answer, name) for name in Answer.__slots__} | {"is_undone": True})


def _step(record: Record) -> Step:
    body, actor = record.body, _mapping(record.body.get("actor"))
    who = next((_text(actor[name]) for name in ("operator", "worker", "by", "agent", "system") if actor.get(name)), "")
    who = _text(_mapping(body.get("approver")).get("name")) or _text(body.get("person")) or who
    what = _text(body.get("meaning")) if record.event == "decision" else _WORDS.get(record.event, record.event)
    if record.event in _ENDS:
        what = _text(body.get("outcome"))
    ends = body.get("outcome") in FINAL
    return Step(index=record.index, event=record.event, who=who, what=what, at=record.at, ends=ends)


_ENDS = frozenset({"outcome", "settled", "undeliverable"})
_WORDS: Mapping[str, str] = {
    "request": "asked",
    "executing": "started",
    "in_doubt": "left in doubt",
    "undo": "taken back",
    "resume_failed": "not resumed",
    "superseded": "not counted",
    "reminder": "reminded",
    "escalation": "escalated",
    "bounce": "bounced",
    "reason": "reason given",
    "answer": "answered",
}
"""What a step is called, where that is not the event's own name."""


def _texts(record: Record) -> list[str]:
    """Return the words of a record that somebody wrote: an agent, a person, a failed action."""
    body, told = record.body, _mapping(record.body.get("told"))
    found = [body.get(name) for name in ("canonical", "reasoning", "intent", "reason", "text", "error")]
    return [text for text in (*found, told.get("result"), told.get("error")) if isinstance(text, str) and text]


def _arguments(canonical: str) -> str:
    """Return the arguments of an action's canonical text, as they stand there."""
    try:
        return json.dumps(json.loads(canonical)["arguments"], ensure_ascii=False, separators=(", ", ": "))
    except (ValueError, TypeError, KeyError):
        return canonical


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
