"""On record, what was not counted; but only so much of it: whoever has an address of ours can send as often as he likes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mailgate.service.context import Serving
from mailgate.store import Tx
from mailgate.store.events import append_event, events_of
from mailgate.store.refused import count_refused

MOST_RECORDS = 20
"""Of one kind about one request: more than people need, and too few to bury what matters."""


def record_refusal(tx: Tx, serving: Serving, kind: str, request_id: str, body: Mapping[str, Any]) -> None:
    """Append the event that something was not counted; beyond :data:`MOST_RECORDS` it is only tallied."""
    if len(events_of(tx, request_id, kind)) < MOST_RECORDS:
        append_event(tx, kind, request_id, body, key=serving.key)
    else:
        count_refused(tx, "unrecorded")
