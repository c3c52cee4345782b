"""Is this request really approved? Answered from signed records alone, never from a state column."""

from __future__ import annotations

from datetime import datetime

from mailgate.errors import Forged
from mailgate.model.evidence import LogVerifier, Record
from mailgate.service.marks import check_action
from mailgate.store import Tx
from mailgate.store.events import events_of
from mailgate.store.tables import Request


def find_approval(tx: Tx, verifier: LogVerifier, request: Request) -> Record | None:
    """Return the signed record of the decision that approved this very action, or None if there is none yet.

    Raises:
        Forged: a record that does not verify, or that names another action than the one stored.
    """
    action = check_action(request)
    record = _find(tx, verifier, request, "approved", "decision")
    if record is not None and record.digest != action.digest:
        raise Forged("requests", request.id, "the signed decision approved another action than the one stored")
    return record


def get_approval(tx: Tx, verifier: LogVerifier, request: Request) -> Record:
    """As :func:`find_approval`; there must be one.

    Raises:
        Forged: there is none.
    """
    record = find_approval(tx, verifier, request)
    if record is None:
        raise Forged("requests", request.id, f"it stands as {request.state}, but no signed decision approves it")
    return record


def is_recorded(tx: Tx, verifier: LogVerifier, request: Request) -> bool:
    """Return whether a signed record says that the request ended as it stands (for outcomes the serving side causes).

    Raises:
        Forged: a record that does not verify.
    """
    return _find(tx, verifier, request, request.state) is not None


def start_by(record: Record) -> datetime:
    """Return the instant until which an approved action may start."""
    return datetime.fromisoformat(str(record.body["valid_until"]))


def _find(tx: Tx, verifier: LogVerifier, request: Request, outcome: str, *kinds: str) -> Record | None:
    for event in events_of(tx, request.id, *kinds):
        if event.record is None:
            continue
        record = verifier.read(event.record, event.proof)
        if record.request == request.id and record.body.get("outcome") == outcome:
            return record
    return None
