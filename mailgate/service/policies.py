"""Policy is data: what changed in the configuration is recorded, and open requests are looked at under today's people."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import structlog

from mailgate.errors import Forged
from mailgate.model.evidence import LogVerifier, Record
from mailgate.model.policy import policy_digest
from mailgate.service.context import Serving
from mailgate.service.ledger import announce_key
from mailgate.service.reseating import look_again
from mailgate.store import Tx
from mailgate.store.events import append_event, unbound_events
from mailgate.store.requests import keep_policy

log = structlog.get_logger(__name__)

REMOVED = ""
"""The digest recorded for a gate that is no longer configured."""


def settle_in(tx: Tx, serving: Serving) -> int:
    """Do what a changed configuration asks for, once the keeper has become it; return how much there was."""
    recorded = sum(1 for _ in _record_changes(tx, serving)) + _record_people(tx, serving) + announce_key(tx, serving)
    return recorded + look_again(tx, serving)


def recorded_policies(tx: Tx, verifier: LogVerifier) -> Mapping[str, str]:
    """Return the digest (hex) last recorded for each gate; :data:`REMOVED` for one that is gone.

    A record that does not verify counts for nothing: at worst a policy is recorded again.
    """
    return {str(r.body["gate"]): str(r.body["digest"]) for r in _records(tx, verifier, "policy")}


def recorded_people(tx: Tx, verifier: LogVerifier) -> Mapping[str, Any]:
    """Return the people and groups that were recorded last, as :meth:`Directory.document` has them; nobody at first."""
    latest = _records(tx, verifier, "people")[-1:]
    return {name: latest[0].body[name] for name in ("people", "groups")} if latest else {"people": {}, "groups": {}}


def _records(tx: Tx, verifier: LogVerifier, kind: str) -> list[Record]:
    """Return the records of a kind that belong to no request, in their order."""
    records = []
    for event in unbound_events(tx, kind):
        try:
            records += [verifier.read(event.record or b"", event.proof)] if event.position is not None else []
        except Forged as error:
            log.error("forged", table="events", row=event.id, why=error.why)
    return sorted((record for record in records if record.event == kind), key=lambda record: record.index)


def _record_people(tx: Tx, serving: Serving) -> int:
    """Record who there is, where that is not what was recorded last; return how many records were ordered."""
    now = serving.config.directory.document()
    if recorded_people(tx, serving.verifier) == now:
        return 0
    append_event(tx, "people", None, now, key=serving.key)
    return 1


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
        said = {"policy": json.loads(gate.document())} if gate is not None else {}
        append_event(tx, "policy", None, {"gate": name, "digest": digest.hex()} | said, key=serving.key)
        yield name
