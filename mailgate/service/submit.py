"""Submit an action: judge it by the policy, and hold it where a person must clear it. The agents' side; no secrets here."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mailgate.errors import ActionRefused, AlreadyPending, InvalidArguments, KeyConflict, RejectedBefore
from mailgate.mail.display import one_line, refusable, texts
from mailgate.model.action import Action
from mailgate.model.canonical import from_plain, read_plain
from mailgate.model.confidence import Confidence
from mailgate.model.evidence import format_time
from mailgate.model.lifecycle import FINAL, State
from mailgate.model.policy import Gate, Tier
from mailgate.service.context import Working, gate_of
from mailgate.service.proof import actor_of, checkpoint_fields, find_end, rejection_as_recorded
from mailgate.service.ruling import Ruled, route_of, rule_on
from mailgate.service.snapshot import Snapshot
from mailgate.service.wording import sentence_for_model
from mailgate.store import Tx
from mailgate.store.events import append_event
from mailgate.store.requests import find_call, find_logged, find_open_twin, find_rejection
from mailgate.store.tables import Checkpoint, Logged, Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What an agent asks for. ``on_behalf_of`` is a mail address or None.

    ``values`` are the arguments as rules see them, of the types that the action's function declares.

    ``snapshot`` gives the agent's state; it is called only when the action is held.
    """

    action: Action
    values: Mapping[str, Any]
    agent: str
    run: str
    confidence: Confidence
    on_behalf_of: str | None = None
    snapshot: Callable[[], Snapshot | None] = lambda: None
    reasoning: str = ""
    key: str | None = None
    intent: str | None = None
    idempotent: bool = False

    @property
    def identity(self) -> str:
        """What makes two calls of one run the same: the key, else the action itself."""
        return f"key {self.key}" if self.key is not None else f"digest {self.action.digest.hex()}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """What became of a submission.

    Attributes:
        tier: what the policy ruled.
        status: ``run`` (may run now), a request's state, or a logged action's state.
        may_run: the caller executes it itself, now, with ``args``, and reports.
        request_id: the held request's or logged row's id; empty for ``auto``.
        result: what it gave earlier, where ``status`` is ``succeeded``.
        for_model: the sentence to hand to a language model.
    """

    tier: Tier
    status: str
    may_run: bool = False
    request_id: str = ""
    action: str = ""
    args: Mapping[str, Any] = field(default_factory=dict)
    result: Any = None
    error: str = ""
    reason: str = ""
    decided_by: str = ""
    for_model: str = ""


def submit(working: Working, call: Call) -> Ticket:
    """Judge ``call``; hold it, log it, or let it run.

    The same call of the same run gives the same ticket again. Actions of tier ``auto`` leave no row.

    Raises:
        ActionRefused: nobody is configured who could approve it.
        InvalidArguments: hidden characters that the gate refuses.
        Forged: an earlier same call stands at an end that the records do not bear out.
        KeyConflict, RejectedBefore, AlreadyPending: see :mod:`mailgate.errors`.
        StoreUnavailable: the database cannot be used now; the action must not run.
    """
    config, name = working.config, call.action.name
    gate = gate_of(config, name)
    with working.store.read() as tx:
        now, was_stopped = tx.now, gate is not None and _was_stopped(tx, call, gate)
    ruled = rule_on(
        config, call.action.name, call.values, agent=call.agent, run=call.run, confidence=call.confidence, now=now
    )
    ruling = ruled.ruling
    if ruling.tier is Tier.AUTO and not was_stopped:
        return Ticket(tier=ruling.tier, status="run", may_run=True, action=name)
    if ruling.tier is Tier.LOG and not was_stopped:
        with working.store.write() as tx:
            return _log(tx, call, ruled)
    if gate is None:
        raise ActionRefused(
            f"{name} needs approval and there is nobody to ask: name approvers under [gates.{name}] or default_approvers.",
            for_model=f"{name} is not allowed here: nobody is set up to approve it.",
        )
    snapshot = call.snapshot()
    with working.store.write() as tx:
        return _hold(tx, working, call, ruled, gate, snapshot)


def _was_stopped(tx: Tx, call: Call, gate: Gate) -> bool:
    """Return whether this very action was held, or rejected, before: more confidence does not get around a person."""
    return (
        find_call(tx, call.agent, call.run, call.identity) is not None
        or find_rejection(tx, call.agent, call.action.digest, tx.now - gate.rejection_memory) is not None
        or (not gate.allow_twins and find_open_twin(tx, call.agent, call.action.digest, call.run) is not None)
    )


def ticket_of(tx: Tx, request: Request) -> Ticket:
    """Return the ticket of a held request as it stands."""
    return Ticket(
        tier=Tier.REQUIRE_APPROVAL,
        status=request.state,
        request_id=request.id,
        action=request.action,
        result=None if request.result is None else from_plain(read_plain(request.result)),
        error=request.error,
        reason=request.reason,
        decided_by=request.decided_by,
        for_model=sentence_for_model(request, route=route_of(tx, request)),
    )


def _log(tx: Tx, call: Call, ruled: Ruled) -> Ticket:
    known = find_logged(tx, call.agent, call.run, call.identity)
    if known is not None:
        _same_action(known.digest, call)
        again = known.state == "executing" and call.idempotent
        return Ticket(
            tier=Tier.LOG,
            status="run" if again else known.state,
            may_run=again,
            request_id=known.id,
            action=known.action,
            result=None if known.result is None else from_plain(read_plain(known.result)),
            error=known.error,
        )
    row = Logged(
        id=tx.chance.id(),
        action=call.action.name,
        canonical=call.action.canonical,
        digest=call.action.digest,
        agent=call.agent,
        run=call.run,
        key=call.identity,
        on_behalf_of=call.on_behalf_of,
        reasoning=call.reasoning,
        confidence=ruled.confidence.value,
        rule=ruled.ruling.rule,
        ruling=ruled.document(),
        created_at=tx.now,
        state="executing",
    )
    tx.session.add(row)
    return Ticket(tier=Tier.LOG, status="run", may_run=True, request_id=row.id, action=row.action)


def report_logged(working: Working, ticket: Ticket, *, result: bytes, error: str) -> None:
    """Store what came of a logged action."""
    with working.store.write() as tx:
        row = tx.session.get_one(Logged, ticket.request_id)
        if row.state != "executing":
            raise InvalidArguments(f"What came of {row.action} was reported before: {row.state}.")
        row.state = "failed" if error else "succeeded"
        row.result = None if error else result
        row.error = error[:2000]
        row.finished_at = tx.now
        tx.session.add(row)


def _hold(tx: Tx, working: Working, call: Call, ruled: Ruled, gate: Gate, snapshot: Snapshot | None) -> Ticket:
    known = find_call(tx, call.agent, call.run, call.identity)
    if known is not None:
        _same_action(known.digest, call)
        if known.state != State.REJECTED:
            return _known_ticket(tx, working, known)
    _refuse_what_was_rejected(tx, working, call, gate)
    if gate.hidden_characters == "refuse":
        _refuse_hidden(call)
    if not gate.allow_twins and (twin := find_open_twin(tx, call.agent, call.action.digest, call.run)):
        raise AlreadyPending(
            f"Another run ({twin.run}) of {call.agent} has this very {call.action.name} open as request {twin.id}; "
            "wait for its outcome, or set allow_twins on the gate.",
            request_id=twin.id,
            status=twin.state,
        )
    request = _new_request(tx, call, ruled)
    tx.session.add(request)
    tx.session.flush()
    checkpoint = _checkpoint(request, snapshot) if snapshot is not None else None
    if checkpoint is not None:
        tx.session.add(checkpoint)
    body = {
        "actor": actor_of(request),
        "rules": [{"id": ruled.ruling.rule, "ok": False}],
        **checkpoint_fields(checkpoint),
    }
    append_event(tx, "request", request.id, body, key=None)
    return ticket_of(tx, request)


def _known_ticket(tx: Tx, working: Working, known: Request) -> Ticket:
    """Return the ticket of an earlier same call; an end that no record bears out yet has not come yet.

    Raises:
        Forged: the records say another end.
    """
    ticket = ticket_of(tx, known)
    if known.state in FINAL and find_end(tx, working.verifier, known) is None:
        before = State.EXECUTING if known.state in (State.SUCCEEDED, State.FAILED) else State.PENDING
        waits = sentence_for_model(known, route=route_of(tx, known), state=before)
        return replace(ticket, status=before.value, result=None, error="", reason="", for_model=waits)
    return ticket


def _refuse_what_was_rejected(tx: Tx, working: Working, call: Call, gate: Gate) -> None:
    rejected = find_rejection(tx, call.agent, call.action.digest, tx.now - gate.rejection_memory)
    known = find_call(tx, call.agent, call.run, call.identity)
    before = rejected or (known if known is not None and known.state == State.REJECTED else None)
    if before is not None:
        who, reason = rejection_as_recorded(tx, working.verifier, before)
        raise RejectedBefore(
            f"{who or 'A person'} rejected this {call.action.name} on "
            f"{format_time(before.finished_at or tx.now)[:16]} UTC: {reason or 'no reason given'}.",
            request_id=before.id,
            decided_by=who,
            reason=reason,
            for_model=sentence_for_model(before, route=route_of(tx, before), reason=reason),
        )


def _new_request(tx: Tx, call: Call, ruled: Ruled) -> Request:
    return Request(
        id=tx.chance.id(),
        action=call.action.name,
        canonical=call.action.canonical,
        digest=call.action.digest,
        agent=call.agent,
        run=call.run,
        key=call.identity,
        on_behalf_of=call.on_behalf_of,
        intent=call.intent,
        reasoning=call.reasoning,
        confidence=ruled.confidence.value,
        rule=ruled.ruling.rule,
        ruling=ruled.document(),
        state=State.PENDING,
        created_at=tx.now,
    )


def _checkpoint(request: Request, snapshot: Snapshot) -> Checkpoint:
    return Checkpoint(
        request_id=request.id,
        media_type=snapshot.media_type,
        body=snapshot.body,
        sha256=hashlib.sha256(snapshot.body).digest(),
        state_version=snapshot.version,
    )


def _same_action(digest: bytes, call: Call) -> None:
    if digest != call.action.digest:
        raise KeyConflict(
            f"The key {call.key!r} was used in this run for a {call.action.name} with other arguments; use another key."
        )


def _refuse_hidden(call: Call) -> None:
    """Refuse what only ever deceives, wherever the agent may write what a person reads."""
    for name, value in call.action.arguments.items():
        if any(refusable(text) for text in (name, *texts(value))):
            raise InvalidArguments(
                f"Argument {one_line(name)} of {call.action.name} holds characters that hide or turn text around; remove them.",
                argument=name,
            )
    said = {"agent": call.agent, "run": call.run, "on_behalf_of": call.on_behalf_of or "", "reasoning": call.reasoning}
    for what, text in said.items():
        if refusable(text):
            raise InvalidArguments(
                f"{what} holds characters that hide or turn text around; remove them.", argument=what
            )
