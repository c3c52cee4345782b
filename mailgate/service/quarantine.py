"""Mails that were kept and not counted: list them, show their bytes, read them again."""

from __future__ import annotations

from typing import Any

from mailgate.errors import InvalidArguments
from mailgate.service.context import Serving
from mailgate.service.intake import conclude_mail, incoming_label
from mailgate.store import Tx
from mailgate.store.mails import incoming_in_state
from mailgate.store.tables import Incoming


def quarantined(serving: Serving) -> list[dict[str, Any]]:
    """Return one plain row for each quarantined mail, oldest first."""
    with serving.store.read() as tx:
        return [
            {
                "id": row.id,
                "received_at": f"{row.received_at:%Y-%m-%d %H:%M} UTC",
                "kind": row.kind,
                "size": row.size,
                "from": row.sender,
                "why": row.why,
            }
            for row in incoming_in_state(tx, "quarantined", limit=1000)
        ]


def raw_of(serving: Serving, incoming_id: str) -> bytes:
    """Return the exact bytes of a quarantined mail.

    Raises:
        InvalidArguments: there is no such mail.
        Forged: its row was not written by the serving side.
    """
    with serving.store.read() as tx:
        row = _get(tx, incoming_id)
        return serving.key.unseal(row.sealed, label=incoming_label(row))


def read_again(serving: Serving, incoming_id: str) -> str:
    """Conclude a quarantined mail once more, and return the state it is in now.

    Raises:
        InvalidArguments: there is no such mail.
    """
    with serving.store.write() as tx:
        row = _get(tx, incoming_id)
        row.state = "new"
        tx.session.add(row)
    conclude_mail(serving, incoming_id)
    with serving.store.read() as tx:
        return tx.session.get_one(Incoming, incoming_id).state


def _get(tx: Tx, incoming_id: str) -> Incoming:
    row = tx.session.get(Incoming, incoming_id)
    if row is None or row.state != "quarantined":
        raise InvalidArguments(
            f"No quarantined mail has the id {incoming_id!r}; `mailgate quarantine list` shows them."
        )
    return row
