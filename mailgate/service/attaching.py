"""The one attachment of a mail: the records it carries with their proofs, what belongs to them, and the mail's stamp."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mailgate.errors import Forged
from mailgate.mail.writing import Headers
from mailgate.model.evidence import format_time
from mailgate.model.lifecycle import FINAL
from mailgate.model.merkle import leaf_hash
from mailgate.model.records import Record
from mailgate.model.stamps import Stamp
from mailgate.service.context import Serving
from mailgate.service.digesting import lines_of
from mailgate.service.proof import checkpoint_fields
from mailgate.service.withholding import can_still_decide
from mailgate.store import Tx
from mailgate.store.events import events_of, get_events
from mailgate.store.mails import find_incoming_by_hash
from mailgate.store.requests import find_checkpoint
from mailgate.store.tables import Event, Outgoing
from mailgate.store.tree import leaves_between


def evidence_of(tx: Tx, serving: Serving, row: Outgoing, headers: Headers) -> Callable[[str], bytes]:
    """Return what makes the exact bytes of a mail's attachment from the digest of what it shows.

    A mail without records has one, too: its stamp. So no mail of ours is without, and one that has none is not ours.

    Raises:
        Forged: a record that the log does not prove; no mail carries it, and no stamp vouches for it.
    """
    named = row.events.split(",") if row.events else []
    events = get_events(tx, named) if named else []
    if len(events) != len(named):
        raise Forged("outgoing", row.id, "an event whose record it carries is gone")
    proven = [_proven(serving, event) for event in events]
    told: dict[str, Any] = {
        "records": [{"record": _b64(e.record or b""), "proof": e.proof} for e in events],
        "thread": _thread(tx, serving, row, events) if events else [],
    }
    if proven:
        told |= _belongings(tx, serving, row, events[-1], proven[-1])
    leaves = tuple(leaf_hash(e.record or b"") for e in events)
    return lambda shown: json.dumps(told | {"stamp": _stamp(serving, headers, leaves, shown)}, indent=1).encode()


def _belongings(tx: Tx, serving: Serving, row: Outgoing, event: Event, own: Record) -> Mapping[str, Any]:
    """Return what travels with the record that a mail was written for, ``own``, besides the records themselves."""
    told: dict[str, Any] = {}
    is_archive = row.recipient == serving.config.archive.address and row.assignment_id is None
    if is_archive:
        told |= _inbound(tx, serving, own)
    if own.event == "request" and is_archive and serving.config.archive.carry_checkpoint:
        told |= _state(tx, own)
    if own.event == "seal":
        told["leaves"] = [leaf.hex() for leaf in leaves_between(tx, own.body["since"], own.index + 1)]
    if own.event == "digest":
        told["log_tier"] = _b64(lines_of(tx, event))
    return told


def _state(tx: Tx, own: Record) -> Mapping[str, Any]:
    """Return the agent's state, where it is the one that the request's record binds."""
    checkpoint = find_checkpoint(tx, own.request)
    if checkpoint is None or checkpoint_fields(checkpoint)["checkpoint_sha256"] != own.body["checkpoint_sha256"]:
        return {}
    said = {"media_type": checkpoint.media_type, "b64": _b64(checkpoint.body), "version": checkpoint.state_version}
    return {"checkpoint": said}


def _thread(tx: Tx, serving: Serving, row: Outgoing, events: Sequence[Event]) -> list[str]:
    """Return the earlier records of this request: from them a mail that was deleted is recovered."""
    if row.request_id is None:
        return []
    aboard, until = {e.id for e in events}, events[-1].position or 0
    records = [e for e in events_of(tx, row.request_id) if e.position is not None and e.position < until]
    earlier = sorted((e for e in records if e.id not in aboard), key=lambda e: e.position or 0)
    for event in earlier:
        _proven(serving, event)
    return [_b64(event.record or b"") for event in earlier]


def _proven(serving: Serving, event: Event) -> Record:
    """Return the record of ``event``, once its proof holds: anybody who can write to the database can put bytes there."""
    record = serving.verifier.read(event.record or b"", event.proof)
    if (record.index, record.event, record.request) != (event.position, event.kind, event.request_id or ""):
        raise Forged("events", event.id, "the record in its place is that of another event")
    return record


def _inbound(tx: Tx, serving: Serving, own: Record) -> Mapping[str, Any]:
    """Return the exact bytes of what people sent, with the mail that ends their request: before, they could still decide.

    What quotes something that is open elsewhere is named by its digest only.
    """
    if not own.request or own.body.get("outcome") not in FINAL:
        return {}
    kept: dict[str, dict[str, Any]] = {}
    for earlier in events_of(tx, own.request):
        said = _proven(serving, earlier).body if earlier.position is not None else {}
        about = {**said, **said.get("evidence", {})}
        digest = str(about.get("inbound_sha256", ""))
        row = find_incoming_by_hash(tx, digest) if digest and digest not in kept else None
        if row is not None:
            raw = serving.key.unseal(row.sealed, label=f"incoming {row.id} {format_time(row.received_at)}")
            kept[digest] = {"raw": _b64(raw), "dns": about.get("dns", {})}
            if can_still_decide(tx, serving, raw):
                kept[digest] = {"raw_sha256": hashlib.sha256(raw).hexdigest(), "withheld": _WITHHELD}
    return {"inbound": list(kept.values())} if kept else {}


_WITHHELD = "It quotes a link or an address of a request that was open when this mail was made."


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
