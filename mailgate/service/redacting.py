"""Erasure by authority: what is taken out of the archive is named in the record first, so that it is not taken for a theft."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mailgate.errors import InvalidArguments
from mailgate.model.evidence import format_time
from mailgate.model.merkle import leaf_hash
from mailgate.model.policy import read_gate
from mailgate.service.context import Serving
from mailgate.store import Tx
from mailgate.store.events import append_event, events_at
from mailgate.store.requests import find_policy, find_request
from mailgate.store.tables import Event


def redact(serving: Serving, indices: Sequence[int], *, reason: str, by: str) -> list[dict[str, Any]]:
    """Record that these records may be missing from the archive from now on, and return what was recorded of each.

    Nothing is erased here: whoever keeps the archive takes the mails out, after this record has reached it.

    Raises:
        InvalidArguments: no reason, or an index that no record has.
    """
    if not reason.strip():
        raise InvalidArguments("Say why, with --reason: who asked for the erasure, and on what ground.")
    with serving.store.write() as tx:
        found = {event.position: event for event in events_at(tx, indices)}
        missing = [str(index) for index in indices if index not in found]
        if missing or not indices:
            raise InvalidArguments(
                f"There is no record {', '.join(missing) or 'named'}; name the indices that verify prints."
            )
        records = [_fields(tx, found[index]) for index in dict.fromkeys(indices)]
        body = {"actor": {"operator": by}, "reason": reason.strip()[:1000], "records": records}
        append_event(tx, "redaction", None, body, key=serving.key)
        return records


def _fields(tx: Tx, event: Event) -> dict[str, Any]:
    """Return a record's index and leaf, its request, and until when its gate says that it must be kept."""
    request = find_request(tx, event.request_id) if event.request_id else None
    document = find_policy(tx, request.policy or b"") if request is not None else None
    kept = read_gate(document).retention if document is not None else None
    return {
        "index": event.position,
        "leaf": leaf_hash(event.record or b"").hex(),
        "request": event.request_id or "",
        "keep_until": format_time(event.at + kept) if kept else None,
    }
