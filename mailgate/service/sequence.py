"""The keeper's main work: make events records, in order, and order what follows from each, in one short transaction."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import structlog
from sqlmodel import col, select

from mailgate.errors import Forged, LogBroken
from mailgate.model.canonical import canonical_bytes
from mailgate.model.evidence import build_record
from mailgate.model.lifecycle import FINAL
from mailgate.service.context import Serving
from mailgate.service.digesting import send_digest
from mailgate.service.following import FOLLOW, HAVE_A_MAIL
from mailgate.service.ledger import BatchVerifier, append, read_tip, signing_key
from mailgate.service.loading import load_mails
from mailgate.service.marks import bears_event_mark, check_ruling
from mailgate.service.posting import order_mail, tell_operators
from mailgate.service.proof import AGENTS_ENDS, read_history
from mailgate.service.stating import told_digest, told_fields
from mailgate.store import Tx
from mailgate.store.events import append_event, events_of, unsequenced
from mailgate.store.requests import find_request
from mailgate.store.tables import Event, Request

log = structlog.get_logger(__name__)

BATCH = 64
"""Events a transaction: enough to spread its fsync, few enough that nobody waits for the writer's lock."""

BY_AGENTS: Mapping[str, frozenset[str]] = {
    "request": frozenset({"actor", "rules", "checkpoint_sha256", "checkpoint_type", "checkpoint_version"}),
    "executing": frozenset({"actor", "attempt", "idempotent"}),
    "outcome": frozenset({"actor", "attempt", "error", "effect", "outcome", "told", "told_sha256"}),
    "cancelled": frozenset({"actor", "outcome", "told", "told_sha256"}),
    "resumed": frozenset({"actor"}),
    "resume_failed": frozenset({"actor", "attempts", "error"}),
}
"""What the agents' side may cause, and what it may say of it: the log key's word stands behind every record.

Every other kind must bear the serving side's mark.
"""


def sequence(tx: Tx, serving: Serving) -> int:
    """Make the waiting events records and order the mails that follow; return how many there were.

    Raises:
        LogBroken: the log in the database is not the one that goes on; nothing is written.
    """
    tip = read_tip(tx, serving)
    _free_positions(tx, serving, tip.size)
    waiting = unsequenced(tx, BATCH)
    if not waiting:
        return 0
    signer, batch = signing_key(tx, serving), BatchVerifier(serving.verifier)
    # What follows from an event looks at the records before it, also at those whose checkpoint is not signed yet.
    inside = replace(serving, verifier=batch)
    events = sorted(waiting, key=lambda e: (e.kind != "request", e.at, _ORDER.get(e.kind, 0)))
    events = _until_the_last_mail(events)
    if tip.size == 0:
        events.insert(0, append_event(tx, "genesis", None, {"vkey": serving.verifier.vkey}, key=serving.key))
    made: list[Event] = []
    for event in events:
        try:
            with tx.session.begin_nested():  # what a refused event ordered before it was refused is undone
                extra = _check_and_follow(tx, inside, event)
        except Forged as error:
            _refuse(tx, serving, event, error)
            continue
        _record(tx, serving, event, tip.size + len(made), extra)
        batch.note(event.record or b"")
        made.append(event)
    if made:
        append(tx, signer, tip, made)
        load_mails(tx, serving, tip.size + len(made))
    return len(waiting)


def _until_the_last_mail(events: list[Event]) -> list[Event]:
    """Leave for the next batch what comes after the last event with a mail of its own; nothing, where none has one.

    What has no mail of its own rides in the next one. Under the checkpoint of this batch's mails, the archive would have a
    tree with leaves that it does not have yet, and were the database lost now, nobody could go on from there.
    """
    with_mail = [number for number, event in enumerate(events) if event.kind in HAVE_A_MAIL]
    return events[: with_mail[-1] + 1] if with_mail else events


def _free_positions(tx: Tx, serving: Serving, size: int) -> None:
    """Take back positions from ``size`` on that rows claim: the log has no such records.

    A record that was moved there goes back to its place; any other row waits again: an event of ours becomes a record, any
    other is refused.
    """
    for event in tx.session.exec(select(Event).where(col(Event.position) >= size)).all():
        if size == 0 and event.proof.startswith(_SINGLE_SIGNATURE):
            raise LogBroken(
                "This database was made by mailgate 0.1.0, whose records are in no log. Let its requests end there, then "
                "start with a new database: name another file under [mailgate] database."
            )
        log.error("forged", table="events", row=event.id, why="its position was not given by the keeper")
        index = _own_index(serving, event)
        if index is not None and tx.session.exec(select(Event).where(Event.position == index)).first() is None:
            event.position = index
        else:
            event.position, event.record, event.proof, event.refused = None, None, "", ""
        tx.session.add(event)
        tx.session.flush()


_SINGLE_SIGNATURE = "mailgate-record-signature@v1"


def _own_index(serving: Serving, event: Event) -> int | None:
    """Return the index at which the keeper recorded ``event``, or None if it did not."""
    try:
        return serving.verifier.read(event.record or b"", event.proof).index
    except Forged:
        return None


def _check_and_follow(tx: Tx, serving: Serving, event: Event) -> dict[str, Any]:
    """Return what the keeper adds to the record, once what follows from the event is ordered.

    Raises:
        Forged: an event that nobody entitled to it can have caused.
    """
    request = find_request(tx, event.request_id) if event.request_id else None
    if event.kind not in BY_AGENTS:
        if not bears_event_mark(serving.key, event, request):
            raise Forged("events", event.id, f"this {event.kind} was not caused by the serving side")
        if event.request_id is None:
            follow_unbound = _FOLLOW_UNBOUND.get(event.kind)
            if follow_unbound is not None:
                follow_unbound(tx, serving, event)
            return {}
    if request is None:
        raise Forged("events", event.id, f"this {event.kind} speaks of no request")
    if event.kind in BY_AGENTS:
        _check_agents_word(tx, serving, request, event)
    if event.kind != "request":
        # The record names the request's action: it must still be the one that was ruled on.
        check_ruling(tx, serving.key, request)
    follow = FOLLOW.get(event.kind)
    return follow(tx, serving, request, event) if follow else {}


def _send_seal(tx: Tx, serving: Serving, event: Event) -> None:
    """Order the mails of a seal, to the archive and to every witness."""
    settings = serving.config.archive
    for address in dict.fromkeys(filter(None, (settings.address, *settings.witnesses))):
        order_mail(tx, serving, "seal", None, to=address, events=[event])


_FOLLOW_UNBOUND: Mapping[str, Callable[[Tx, Serving, Event], None]] = {"seal": _send_seal, "digest": send_digest}
"""What the keeper orders when an event that belongs to no request becomes a record."""


def _check_agents_word(tx: Tx, serving: Serving, request: Request, event: Event) -> None:
    """Raise Forged unless the agents' side may say this, and may say it now."""
    try:
        body = json.loads(event.body)
        canonical_bytes(body)  # JSON readers take NaN and endless nesting, records do not
        known = body.keys() <= BY_AGENTS[event.kind]
    except (ValueError, AttributeError, RecursionError) as error:
        raise Forged("events", event.id, f"this {event.kind} cannot be read") from error
    outcome, may_end = body.get("outcome"), AGENTS_ENDS[event.kind]
    is_theirs = (outcome == request.state and request.state in may_end) if may_end else outcome is None
    told = body.get("told")
    if told is not None and (told != told_fields(request) or told_digest(told) != body.get("told_sha256")):
        raise Forged("events", event.id, f"this {event.kind} says another end than the one that its request stands at")
    if not known or not is_theirs:
        raise Forged("events", event.id, f"this {event.kind} says what its author has no say in")
    history = read_history(tx, serving.verifier, request)
    if event.kind in ("executing", "outcome") and history.approval is None:
        raise Forged("requests", request.id, f"it stands as {request.state}, but no signed decision approves it")
    if event.kind == "outcome" and history.started is None:
        raise Forged("events", event.id, "this outcome speaks of an action that was never started")
    if event.kind in ("outcome", "cancelled") and history.end is not None:
        raise Forged("events", event.id, f"this {event.kind} speaks of a request that had ended")
    if event.kind == "cancelled" and history.approval is not None:
        raise Forged("events", event.id, "this cancelled speaks of a request that was approved")
    if event.kind in ("resumed", "resume_failed") and request.state not in FINAL:
        raise Forged("events", event.id, f"this {event.kind} speaks of a request that has not ended")


def _record(tx: Tx, serving: Serving, event: Event, position: int, extra: dict[str, Any]) -> None:
    request = find_request(tx, event.request_id) if event.request_id else None
    event.record = build_record(
        log=serving.signer.name,
        index=position,
        event=event.kind,
        request=event.request_id or "",
        seq=sum(e.position is not None for e in events_of(tx, event.request_id)) if event.request_id else 0,
        digest=request.digest if request else b"",
        at=event.at,
        nonce=tx.chance.bytes(16),
        body=json.loads(event.body) | extra,
    )
    event.position = position
    tx.session.add(event)
    tx.session.flush()


def _refuse(tx: Tx, serving: Serving, event: Event, error: Forged) -> None:
    """Keep the event as it is, say why it is no record, and tell the operators."""
    log.error("forged", table=error.table, row=error.row, why=error.why, request=event.request_id)
    event.refused = str(error)
    tx.session.add(event)
    request = find_request(tx, event.request_id) if event.request_id else None
    if request is not None:
        request.note = str(error)
        tx.session.add(request)
    tell_operators(
        tx,
        serving,
        request,
        headline=f"A forged entry was found in the database and refused: {error}.",
        next_step="Nothing was executed because of it. Find out who can write to the database.",
    )


_ORDER = {
    kind: rank
    for rank, kind in enumerate(
        ("bounce", "escalation", "decision", "undo", "superseded", "executing", "outcome", "undeliverable", "resumed"),
        start=1,
    )
}
"""The order of events of one instant: those of one transaction have the same time, and their ids are random."""
