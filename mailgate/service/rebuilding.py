"""A database from the archive: every record in its place, and the rows that the records speak of.

All of it happens in one transaction, or nothing. Who reads the archive, and what is believed of it before, stands in
:mod:`mailgate.audit`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlmodel import col, select

from mailgate.errors import IllegalTransition, InvalidArguments, LogBroken
from mailgate.model.merkle import root_at
from mailgate.model.notes import Checkpoint
from mailgate.model.policy import Gate
from mailgate.model.records import Record, parse_record
from mailgate.service.context import Serving
from mailgate.service.ledger import node_reader
from mailgate.service.marks import check_action, mark_ruling
from mailgate.service.regrowing import Found, Regrown, regrow
from mailgate.service.reinstating import Unbound
from mailgate.service.reopening import Reopened, reopen
from mailgate.service.restoring import asked_request, restore
from mailgate.service.sequence import BY_AGENTS
from mailgate.store import Tx
from mailgate.store.events import MARK, append_event, event_fields, has_records
from mailgate.store.tables import Checkpoint as Stored
from mailgate.store.tables import Event, Request
from mailgate.store.tree import newest_head, note_guarded
from mailgate.tokens import ServeKey

_AT_ONCE = 500
"""Rows that are held in memory: enough that writing them costs little."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """What came of it.

    Attributes:
        records, requests, logged: how many there are.
        left_out: requests of which a record was erased; of them nothing is there.
        guarded: how many records the guard file knows of; None where there is none.
        accepted: whether the guard has the log now, so that `mailgate serve` goes on with it.
    """

    records: int
    requests: int
    logged: int
    left_out: int
    reopened: Reopened
    guarded: int | None
    accepted: bool


def rebuild(
    serving: Serving, found: Iterable[Found], notes: Iterable[str], *, erased: frozenset[str] = frozenset(), by: str
) -> Rebuilt:
    """Make a database from the records of an archive; it must be empty.

    Args:
        found: every record of the log, in its order, from the first.
        notes: its signed checkpoints, the smallest first.
        erased: requests of which a record was erased by authority.
        by: the operator who says so.

    Raises:
        InvalidArguments: there is something in the database.
        LogBroken: the records do not make the log that was signed, or the guard knows another one; nothing is written.
    """
    known = serving.guard.newest()
    with serving.store.write() as tx:
        if has_records(tx) or tx.session.exec(select(Request.id).limit(1)).first() is not None:
            raise InvalidArguments("The database is not empty; name one with --database that is not there yet.")
        unbound, stateless = Unbound(key=serving.key), set[str]()
        for one in regrow(tx, serving.verifier, found, notes):
            if one.record is not None and one.record.request not in erased:
                _take(tx, serving.key, one, unbound, stateless)
            if one.index % _AT_ONCE == 0:
                _let_go(tx)
        tx.session.add_all(unbound.rows())
        requests = _restore_requests(tx, serving.key, unbound, serving.config.worker.lease)
        head = newest_head(tx)
        if head is None:
            raise LogBroken("The archive has no record of this log.")
        note, checkpoint = head.note, serving.verifier.read_checkpoint(head.note)
        is_newest = known is None or _goes_on_from(tx, known, checkpoint)
        reopened = reopen(tx, serving, stateless, certain=known is not None and is_newest)
        _say_so(tx, serving, checkpoint, known, by)
        if is_newest:
            note_guarded(tx, checkpoint.size)
    if is_newest:
        serving.guard.write(note)
    return Rebuilt(
        records=checkpoint.size,
        requests=requests,
        logged=unbound.logged,
        left_out=len(erased - {""}),
        reopened=reopened,
        guarded=None if known is None else known.size,
        accepted=is_newest,
    )


def _take(tx: Tx, key: ServeKey, one: Regrown, unbound: Unbound, stateless: set[str]) -> None:
    """Store one record, and what is clear from it alone."""
    record, event = one.record, one.event
    assert record is not None
    assert event is not None
    try:
        if record.event == "request":
            _take_request(tx, key, one, unbound, stateless)
        elif not record.request:
            event.mark = key.mark(MARK, event_fields(event, None))
            if record.event == "policy" and "policy" in record.body:
                unbound.policy(tx, record.body["digest"], record.body["policy"])
            elif record.event == "delegation":
                unbound.delegation(record)
            elif record.event == "digest":
                unbound.digest(tx, record, event, one.found.lines)
        unbound.mail(tx, one, event.id)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _strange(record) from error
    tx.session.add(event)


def _take_request(tx: Tx, key: ServeKey, one: Regrown, unbound: Unbound, stateless: set[str]) -> None:
    record = one.record
    assert record is not None
    request = asked_request(record)
    check_action(request)
    mark_ruling(key, request)
    request.key = request.id  # its own may still be that of one whose rejection is lifted later
    if "policy_document" in record.body:
        unbound.policy(tx, record.body["policy"], record.body["policy_document"])
    tx.session.add(request)
    tx.session.flush()
    state, digest = one.found.state, record.body["checkpoint_sha256"]
    if state is not None and hashlib.sha256(state).hexdigest() == digest:
        tx.session.add(
            Stored(
                request_id=request.id,
                media_type=record.body["checkpoint_type"],
                body=state,
                sha256=bytes.fromhex(digest),
                state_version=record.body["checkpoint_version"],
            )
        )
    elif digest:
        stateless.add(request.id)


def _restore_requests(tx: Tx, key: ServeKey, unbound: Unbound, lease: timedelta) -> int:
    """Let every request go its way, and return how many there are."""
    _let_go(tx)
    ids = tx.session.exec(select(Request.id).order_by(col(Request.created_at), col(Request.id))).all()
    for number, request_id in enumerate(ids):
        request = tx.session.get_one(Request, request_id)
        wanted = select(Event).where(col(Event.request_id) == request_id).order_by(col(Event.position))
        events = tx.session.exec(wanted).all()
        for event in events:
            if event.kind not in BY_AGENTS:
                event.mark = key.mark(MARK, event_fields(event, request))
        records = [parse_record(event.record or b"") for event in events]
        gate = unbound.gates.get(request.policy or b"")
        tx.session.add_all([request, *events, *_restored(key, lease, request, records, gate)])
        if number % _AT_ONCE == 0:
            _let_go(tx)
    _let_go(tx)
    return len(ids)


def _restored(
    key: ServeKey, lease: timedelta, request: Request, records: Sequence[Record], gate: Gate | None
) -> list[Any]:
    try:
        return restore(key, lease, request, records, gate)
    except (IllegalTransition, KeyError, TypeError, ValueError, AttributeError) as error:
        raise LogBroken(
            f"The records of request {request.id} tell of something that cannot happen: {error}. Nothing was written. "
            "`mailgate audit verify` says more."
        ) from error


def _strange(record: Record) -> LogBroken:
    return LogBroken(
        f"Record {record.index} of the archive ({record.event}) does not say what such a record says; an older or newer "
        "mailgate may have made it. Nothing was written."
    )


def _let_go(tx: Tx) -> None:
    """Write what waits, and forget it: memory does not grow with the archive."""
    tx.session.flush()
    tx.session.expunge_all()


def _goes_on_from(tx: Tx, known: Checkpoint, head: Checkpoint) -> bool:
    """Return whether the archive has everything that the guard has seen.

    Raises:
        LogBroken: the guard knows another log.
    """
    if known.size > head.size:
        return False
    if root_at(known.size, node_reader(tx)) != known.root:
        raise LogBroken(
            f"The guard tells another story than the archive up to record {known.size - 1}: they are not of one log. "
            "Nothing was written. Find out which of them is right before you go on."
        )
    return True


def _say_so(tx: Tx, serving: Serving, head: Checkpoint, known: Checkpoint | None, by: str) -> None:
    """Put on record that the log goes on in another database than before, and what the guard knew of it."""
    body = {
        "actor": {"operator": by},
        "size": head.size,
        "root": head.root.hex(),
        "guarded": None if known is None else known.size,
    }
    append_event(tx, "rebuilt", None, body, key=serving.key)
