"""Policy is data: what changed in the configuration is recorded, and open requests are looked at under today's people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import structlog

from mailgate.errors import Forged
from mailgate.model.evidence import LogVerifier
from mailgate.model.lifecycle import State
from mailgate.model.policy import policy_digest
from mailgate.service.context import Serving
from mailgate.service.keep import founded
from mailgate.service.marks import check_ruling
from mailgate.service.opening import ask_stage, is_entitled, tally_of
from mailgate.store import Tx
from mailgate.store.answers import assignments_of, decisions_of
from mailgate.store.events import append_event, unbound_events
from mailgate.store.requests import in_state, keep_policy, lock_request
from mailgate.store.tables import Request

log = structlog.get_logger(__name__)

REMOVED = ""
"""The digest recorded for a gate that is no longer configured."""


def settle_in(tx: Tx, serving: Serving) -> int:
    """Do what a changed configuration asks for, once the keeper has become it; return how much there was."""
    return sum(1 for _ in _record_changes(tx, serving)) + sum(1 for _ in _look_again(tx, serving))


def recorded_policies(tx: Tx, verifier: LogVerifier) -> Mapping[str, str]:
    """Return the digest (hex) last recorded for each gate; :data:`REMOVED` for one that is gone.

    A record that does not verify counts for nothing: at worst a policy is recorded again.
    """
    records = []
    for event in unbound_events(tx, "policy"):
        try:
            records += [verifier.read(event.record or b"", event.proof)] if event.position is not None else []
        except Forged as error:
            log.error("forged", table="events", row=event.id, why=error.why)
    records.sort(key=lambda record: record.index)
    return {str(r.body["gate"]): str(r.body["digest"]) for r in records if r.event == "policy"}


def _record_changes(tx: Tx, serving: Serving) -> Iterator[str]:
    """Record each gate whose policy is another than was recorded last, and yield its name."""
    before = recorded_policies(tx, serving.verifier)
    for name in sorted({*serving.config.gates, *before}):
        gate = serving.config.gates.get(name)
        digest = policy_digest(gate.document()) if gate is not None else b""
        if before.get(name, REMOVED) == digest.hex():
            continue
        if gate is not None:
            keep_policy(tx, digest, gate.document())
        append_event(tx, "policy", None, {"gate": name, "digest": digest.hex()}, key=serving.key)
        yield name


def _look_again(tx: Tx, serving: Serving) -> Iterator[Request]:
    """Close the seats of people who may not decide any more, and end what nobody is left to approve; yield what changed."""
    for found in in_state(tx, State.PENDING, limit=10_000):
        if found.opened_at is None:
            continue
        request = lock_request(tx, found.id)
        if not founded(tx, serving, request):
            continue
        _, gate = check_ruling(tx, serving.key, request)
        revoked = [
            seat
            for seat in assignments_of(tx, request.id)
            if seat.state == "open" and not is_entitled(tx, serving, request, gate, seat)
        ]
        for seat in revoked:
            seat.state = "revoked"
            tx.session.add(seat)
        if not revoked:
            continue
        people = [seat.person for seat in revoked]
        event = append_event(
            tx, "revoked", request.id, {"people": people, "actor": {"system": "keeper"}}, key=serving.key
        )
        stage = tally_of(tx, serving, request, gate, decisions_of(tx, request.id)).stage
        ask_stage(tx, serving, request, gate, stage, event)
        yield request
