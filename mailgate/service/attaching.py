"""The one attachment of a mail: the records it carries with their proofs, what belongs to them, and the mail's stamp."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mailgate.mail.writing import Headers
from mailgate.model.evidence import format_time
from mailgate.model.lifecycle import FINAL
from mailgate.model.merkle import leaf_hash
from mailgate.model.stamps import Stamp
from mailgate.service.context import Serving
from mailgate.service.digesting import lines_of
from mailgate.store import Tx
from mailgate.store.events import events_of, get_events
from mailgate.store.mails import find_incoming_by_hash
from mailgate.store.tables import Event, Outgoing
from mailgate.store.tree import leaves_between


def evidence_of(tx: Tx, serving: Serving, row: Outgoing, headers: Headers) -> Callable[[str], bytes]:
    """Return what makes the exact bytes of a mail's attachment from the digest of what it shows.

    A mail without records has one, too: its stamp. So no mail of ours is without, and one that has none is not ours.
    """
    events = [e for e in get_events(tx, row.events.split(",")) if e.record is not None] if row.events else []
    told: dict[str, Any] = {
        "records": [{"record": _b64(e.record or b""), "proof": e.proof} for e in events],
        "thread": _thread(tx, row, events) if events else [],
    }
    if events and row.recipient == serving.config.archive.address and row.assignment_id is None:
        told |= _inbound(tx, serving, events[-1])
    if events and events[-1].kind == "seal":
        said = json.loads(events[-1].body)
        told["leaves"] = [leaf.hex() for leaf in leaves_between(tx, said["since"], (events[-1].position or 0) + 1)]
    if events[-1].kind == "digest":
        told["log_tier"] = _b64(lines_of(tx, events[-1]))
    leaves = tuple(leaf_hash(e.record or b"") for e in events)
    return lambda shown: json.dumps(told | {"stamp": _stamp(serving, headers, leaves, shown)}, indent=1).encode()


def _thread(tx: Tx, row: Outgoing, events: Sequence[Event]) -> list[str]:
    """Return the earlier records of this request: from them a mail that was deleted is recovered."""
    if row.request_id is None:
        return []
    aboard, until = {e.id for e in events}, events[-1].position or 0
    records = [e for e in events_of(tx, row.request_id) if e.position is not None and e.position < until]
    return [_b64(e.record or b"") for e in sorted(records, key=lambda e: e.position or 0) if e.id not in aboard]


def _inbound(tx: Tx, serving: Serving, event: Event) -> Mapping[str, Any]:
    """Return the exact bytes of what people sent, with the mail that ends their request: before, they could still decide."""
    if event.request_id is None or json.loads(event.body).get("outcome") not in FINAL:
        return {}
    kept: dict[str, dict[str, Any]] = {}
    for earlier in events_of(tx, event.request_id):
        said = json.loads(earlier.body) if earlier.position is not None else {}
        about = said | said.get("evidence", {})
        digest = str(about.get("inbound_sha256", ""))
        row = find_incoming_by_hash(tx, digest) if digest and digest not in kept else None
        if row is not None:
            raw = serving.key.unseal(row.sealed, label=f"incoming {row.id} {format_time(row.received_at)}")
            kept[digest] = {"raw": _b64(raw), "dns": about.get("dns", {})}
    return {"inbound": list(kept.values())} if kept else {}


def _stamp(serving: Serving, headers: Headers, leaves: tuple[bytes, ...], shown: str) -> dict[str, Any]:
    stamp = Stamp(
        log=serving.signer.name,
        leaves=leaves,
        sender=headers.sender[1],
        recipient=headers.recipient[1],
        subject=headers.subject,
        date=format_time(headers.date.replace(microsecond=0)),
        shown=shown,
    )
    said = {name: getattr(stamp, name) for name in ("sender", "recipient", "subject", "date", "shown")}
    return said | {"leaves": [leaf.hex() for leaf in leaves], "signature": _b64(serving.signer.stamp(stamp))}


def _b64(value: bytes) -> str:
    return base64.b64encode(value).decode()
