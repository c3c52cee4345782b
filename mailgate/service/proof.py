"""Is this request really approved, and did it really end so? Answered from signed records alone, never from a state column."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from mailgate.errors import Forged
from mailgate.model.evidence import LogVerifier, Record
from mailgate.model.lifecycle import FINAL, State
from mailgate.service.marks import bears_event_mark, check_action
from mailgate.service.stating import told_digest, told_fields
from mailgate.store import Tx
from mailgate.store.events import events_of
from mailgate.store.requests import find_checkpoint
from mailgate.store.tables import Checkpoint, Request
from mailgate.tokens import ServeKey

AGENTS_ENDS: Mapping[str, frozenset[str]] = {
    "request": frozenset(),
    "executing": frozenset(),
    "outcome": frozenset({State.SUCCEEDED, State.FAILED}),
    "cancelled": frozenset({State.CANCELLED}),
    "resumed": frozenset(),
    "resume_failed": frozenset(),
}
"""Which ends the agents' side may cause, by kind of event. Whatever else a record of these kinds says ends nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """What the signed records of one request say: how it was asked, approved, started, ended and handed back, so far.

    ``approvers`` are the names of all whose yes stands, in order.
    """

    asked: Record | None
    approvers: tuple[str, ...]
    approval: Record | None
    started: Record | None
    end: Record | None
    resumed: Record | None


def read_history(tx: Tx, verifier: LogVerifier, request: Request) -> History:
    """Return what the signed records of ``request`` say.

    What a record is, its own signed bytes say; the columns beside them only have to agree.

    Raises:
        Forged: a record that does not verify, stands in another's place, or speaks of another action than the stored one.
    """
    records = _records(tx, verifier, request)
    return History(
        asked=_first(records, "request"),
        approvers=_approvers(records),
        approval=next((r for r in records if r.event == "decision" and r.body.get("outcome") == State.APPROVED), None),
        started=_first(records, "executing"),
        end=next((r for r in records if _ends(r)), None),
        resumed=_first(records, "resumed"),
    )


def find_approval(tx: Tx, verifier: LogVerifier, request: Request) -> Record | None:
    """Return the signed record of the decision that approved this very action, or None if there is none yet.

    Raises:
        Forged: see :func:`read_history`.
    """
    return read_history(tx, verifier, request).approval


def get_approval(tx: Tx, verifier: LogVerifier, request: Request) -> Record:
    """As :func:`find_approval`; there must be one.

    Raises:
        Forged: there is none.
    """
    record = find_approval(tx, verifier, request)
    if record is None:
        raise Forged("requests", request.id, f"it stands as {request.state}, but no signed decision approves it")
    return record


def find_end(tx: Tx, verifier: LogVerifier, request: Request) -> Record | None:
    """Return the signed record of the end that ``request`` stands at, or None if the keeper has not written it yet.

    Raises:
        Forged: the records say another end, or what the agent would be told is not what it was when that was recorded.
            The agent's state is not looked at: who hands it back does (:func:`check_asked`).
    """
    history = read_history(tx, verifier, request)
    end, asked = history.end, history.asked
    if end is None or asked is None:
        return None
    if end.body.get("outcome") != request.state:
        raise Forged("requests", request.id, f"it stands as {request.state}, but a signed record says otherwise")
    if request.state in (State.SUCCEEDED, State.FAILED) and history.approval is None:
        raise Forged("requests", request.id, f"it stands as {request.state}, but no signed decision approves it")
    if end.body.get("told_sha256") != told_digest(told_fields(request)):
        raise Forged("requests", request.id, "what came of it was changed after it was recorded")
    if asked.body.get("actor") != actor_of(request):
        raise Forged("requests", request.id, "whose it is was changed after it was recorded")
    return end


def check_asked(tx: Tx, history: History, request: Request) -> None:
    """Raise Forged unless ``request`` and the agent's stored state are what was recorded when it was asked."""
    asked = history.asked
    if asked is None:
        raise Forged("requests", request.id, "no signed record says that it was asked")
    said = {name: asked.body.get(name) for name in ("actor", *checkpoint_fields(None))}
    if said != {"actor": actor_of(request)} | state_fields(tx, request):
        raise Forged("requests", request.id, "whose it is, or the agent's state, was changed after it was recorded")


def check_pending(tx: Tx, key: ServeKey, verifier: LogVerifier, request: Request) -> None:
    """Raise Forged if ``request`` stands as pending although it was approved or had ended: somebody turned it back."""
    if request.state != State.PENDING:
        return
    history = read_history(tx, verifier, request)
    waiting = [e for e in events_of(tx, request.id) if e.position is None and bears_event_mark(key, e, request)]
    outcomes = {json.loads(e.body).get("outcome") for e in waiting}
    if history.approval or history.end or outcomes & {State.APPROVED, *FINAL}:
        raise Forged("requests", request.id, "it was decided or had ended before, and was turned back to pending")


def start_by(record: Record) -> datetime:
    """Return the instant until which an approved action may start."""
    return datetime.fromisoformat(str(record.body["valid_until"]))


def rejection_as_recorded(tx: Tx, verifier: LogVerifier, request: Request) -> tuple[str, str]:
    """Return who rejected a request, and why, as far as signed records bear it out; empty texts where they do not."""
    try:
        if find_end(tx, verifier, request) is None:
            return "", ""
        later = _first(_records(tx, verifier, request), "reason")
    except Forged:
        return "", ""
    return request.decided_by, request.reason or (str(later.body["reason"]) if later is not None else "")


def approved_by(tx: Tx, verifier: LogVerifier, request: Request) -> str:
    """Return the names of all whose yes stands, as a sentence has them.

    Raises:
        Forged: no signed decision approves the request.
    """
    get_approval(tx, verifier, request)
    *first, last = read_history(tx, verifier, request).approvers
    return f"{', '.join(first)} and {last}" if first else last


def start_from(record: Record) -> datetime:
    """Return the instant before which an approved action may not start: until then it can be taken back in peace."""
    return datetime.fromisoformat(str(record.body.get("not_before") or record.body["time"]))


def state_fields(tx: Tx, request: Request) -> dict[str, str]:
    """Return what records say of the agent's stored state, as it lies there now."""
    return checkpoint_fields(find_checkpoint(tx, request.id))


def checkpoint_fields(checkpoint: Checkpoint | None) -> dict[str, str]:
    """Return what records say of an agent's state: digest (hex SHA-256), media type, version; empty where it stored none."""
    if checkpoint is None:
        return {"checkpoint_sha256": "", "checkpoint_type": "", "checkpoint_version": ""}
    return {
        "checkpoint_sha256": hashlib.sha256(checkpoint.body).hexdigest(),
        "checkpoint_type": checkpoint.media_type,
        "checkpoint_version": checkpoint.state_version,
    }


def actor_of(request: Request) -> dict[str, str | None]:
    """Return who asks, as records name it."""
    return {"agent": request.agent, "run": request.run, "on_behalf_of": request.on_behalf_of}


def _records(tx: Tx, verifier: LogVerifier, request: Request) -> Sequence[Record]:
    digest = check_action(request).digest
    records = []
    for event in events_of(tx, request.id):
        if event.position is None:
            continue  # not sequenced yet; what lies in the other columns is written anew then
        record = verifier.read(event.record or b"", event.proof)
        if (record.index, record.event, record.request) != (event.position, event.kind, request.id):
            raise Forged("events", event.id, "the record in its place is that of another event")
        if record.digest != digest:
            raise Forged("requests", request.id, f"the signed {record.event} names another action than the one stored")
        records.append(record)
    return sorted(records, key=lambda r: r.index)


def _approvers(records: Sequence[Record]) -> tuple[str, ...]:
    undone = {r.body.get("undone") for r in records if r.event == "undo"}
    yes = [r for r in records if r.event == "decision" and r.body.get("meaning") == "approved"]
    return tuple(str(r.body["approver"]["name"]) for r in yes if r.body.get("decision") not in undone)


def _first(records: Sequence[Record], event: str) -> Record | None:
    return next((r for r in records if r.event == event), None)


def _ends(record: Record) -> bool:
    outcome = record.body.get("outcome")
    return outcome in AGENTS_ENDS.get(record.event, FINAL)
