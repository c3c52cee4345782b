"""Archives of what rigs sent, databases made from them, and what is compared of two."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from sqlmodel import SQLModel

from mailgate.audit.cases import case_of
from mailgate.audit.decisions import rows
from mailgate.audit.gathering import Kept, find_holes, histories
from mailgate.audit.keyring import Keyring
from mailgate.audit.reading import Item
from mailgate.audit.spill import Spill
from mailgate.audit.verdicts import Report
from mailgate.audit.verify import verify
from mailgate.model.evidence import verify_ed25519
from mailgate.model.merkle import leaf_hash
from mailgate.runtime import rebuild_database
from mailgate.service.rebuilding import Rebuilt
from mailgate.store.tables import (
    Assignment,
    Checkpoint,
    Decision,
    Delegation,
    Digest,
    Event,
    Execution,
    Head,
    Logged,
    Node,
    Outgoing,
    Policy,
    Question,
    Request,
    Resumption,
)
from tests.service.rig import Rig

ARCHIVE = "archive@gate.example.com"

EXCEPTIONS: Mapping[str, str] = {
    "assignments.clarified": "how often a person's mail was answered by itself is counted anew",
    "assignments.code_tries": "tries at a code are counted anew; the code is another one",
    "assignments.message_id": "which mail began a person's thread is not recorded; the next one begins another",
    "assignments.shown": "what a mail showed is recorded with the answer to it, and not before",
    "decisions.incoming_id": "the stored reply; the record names it by its digest, and the archive keeps it",
    "digests.event_id": "ids of events are not recorded",
    "events.body": "an event says what its record says, which is more",
    "events.id": "ids of events are not recorded",
    "events.mark": "a mark covers the id",
    "executions.late_report": "what a worker said after it was presumed dead",
    "executions.lease_until": "a worker that is not heard of again is presumed dead one lease after it began",
    "heads.at": "when a batch was signed; the time of its last record stands for it",
    "logged.told_in": "ids of events are not recorded",
    "requests.escalate_at": "a step at which nobody was left to ask leaves no record; it is looked at again",
    "resumptions.attempts": "how often a handler was entered, unless it was given up",
    "resumptions.last_error": "beyond 500 characters, and unless it was given up",
    "resumptions.lease_until": "who was inside a handler when the database was lost is not known",
    "resumptions.next_at": "when a handler that failed is entered again: at once",
    "resumptions.state": "a handler that was entered and has not come back is entered again",
    "resumptions.worker": "who handed an outcome back",
}
"""What a database that was made from the archive has not, or has otherwise: column, and why."""

KEYS: Mapping[type[SQLModel], Sequence[str]] = {
    Request: ("id",),
    Assignment: ("id",),
    Checkpoint: ("request_id",),
    Decision: ("id",),
    Delegation: ("id",),
    Digest: ("lines",),
    Event: ("position",),
    Execution: ("request_id", "attempt"),
    Head: ("size",),
    Logged: ("id",),
    Node: ("level", "position"),
    Policy: ("digest",),
    Question: ("id",),
    Resumption: ("request_id",),
}
"""The tables that are compared, and by what their rows are told apart."""


def archived(rig: Rig) -> list[bytes]:
    """Return the mails that reached the archive."""
    rig.outbox()
    return [raw for _, to, raw in rig.sender.sent if to == ARCHIVE]


def verified(mails: Sequence[bytes], vkey: str, spill: Spill) -> Report:
    """Return what verifying an archive comes to; what it was read into stays in ``spill``."""
    items = (Item(place=f"mail {n}", raw=raw, size=len(raw)) for n, raw in enumerate(mails))
    return verify(items, Keyring(vkey, verify_ed25519), spill=spill)


def decisions_in(mails: Sequence[bytes], vkey: str) -> bytes:
    """Return ``decisions.csv`` of an archive."""
    spill = Spill()
    try:
        verified(mails, vkey, spill)
        return b"".join(rows(case_of(request, kept) for request, kept in histories(spill)))
    finally:
        spill.close()


def rebuild_from(mails: Sequence[bytes], rig: Rig) -> tuple[Rebuilt, Report]:
    """Make the empty database of ``rig`` from an archive."""
    spill = Spill()
    try:
        report = verified(mails, rig.working.verifier.vkey, spill)
        holes = find_holes(spill)
        assert not holes, holes
        return rebuild_database(rig.serving, spill, by="olive"), report
    finally:
        spill.close()


def decisions_of(rig: Rig) -> bytes:
    """Return ``decisions.csv`` as a database itself has it: its records, and which mail took each to the archive."""
    mails: dict[str, str] = {}
    for mail in sorted(rig.rows(Outgoing, recipient=ARCHIVE), key=lambda mail: mail.created_at):
        said = json.loads(mail.details).get("message_id") or rig.message_id(mail)
        mails |= dict.fromkeys(mail.events.split(","), said)
    kept: dict[str, list[Kept]] = {}
    events = sorted((e for e in rig.rows(Event) if e.position is not None), key=lambda e: e.position or 0)
    for event in events:
        one = Kept(raw=event.record or b"", leaf=leaf_hash(event.record or b""), mail=mails.get(event.id, ""))
        kept.setdefault(event.request_id or "", []).append(one)
    return b"".join(rows(case_of(request, records) for request, records in kept.items() if request))


def table_of(rig: Rig, table: type[SQLModel]) -> dict[Any, dict[str, Any]]:
    """Return what a table has that records have, too: rows by what tells them apart, without the exceptions."""
    name = str(table.__tablename__)
    rows = (row.model_dump() for row in rig.rows(table) if _is_recorded(row))
    return {
        tuple(row[key] for key in KEYS[table]): {c: v for c, v in row.items() if f"{name}.{c}" not in EXCEPTIONS}
        for row in rows
    }


def _is_recorded(row: SQLModel) -> bool:
    """Return whether a row reached the log: the actions of no digest, and what waits for the keeper, did not."""
    if isinstance(row, Event):
        return row.position is not None
    return row.told_in != "" if isinstance(row, Logged) else True
