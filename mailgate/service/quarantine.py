"""Mails that were kept and not counted: list them, show their bytes, read them again."""

from __future__ import annotations

import re
from email import policy
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.parser import BytesHeaderParser
from typing import Any

from mailgate.errors import Forged, InvalidArguments
from mailgate.mail.characters import one_line
from mailgate.model.evidence import format_time
from mailgate.service.context import Serving
from mailgate.service.intake import conclude_mail, incoming_label
from mailgate.store import Tx
from mailgate.store.mails import incoming_in_state
from mailgate.store.tables import Incoming

_MOST_HEADER = 64_000  # bytes looked at for a line in a list
_MOST_SHOWN = 200  # characters of a field, for the same


def quarantined(serving: Serving) -> list[dict[str, Any]]:
    """Return one plain row for each quarantined mail, oldest first; instants are RFC 3339 in UTC."""
    with serving.store.read() as tx:
        rows = incoming_in_state(tx, "quarantined", limit=1000)
    return [
        {
            "id": row.id,
            "received_at": format_time(row.received_at),
            "kind": row.kind,
            "size": row.size,
            "from": sender,
            "subject": subject,
            "why": one_line(row.why),
        }
        for row in rows
        for sender, subject in [_claims(serving, row)]
    ]


def _claims(serving: Serving, row: Incoming) -> tuple[str, str]:
    """Return whom a kept mail says it is from and what about, on one line each; empty where nobody can read that.

    Only the header is parsed: a mail may be kept because its body cannot be.
    """
    try:
        raw = serving.key.unseal(row.sealed, label=incoming_label(row))
    except Forged:
        return "", ""
    header = re.split(rb"\r?\n\r?\n", raw[:_MOST_HEADER], maxsplit=1)[0]
    fields = BytesHeaderParser(policy=policy.compat32).parsebytes(header)
    return _shown(fields["From"]), _shown(fields["Subject"])


def _shown(value: object) -> str:
    """Return a header field, its encoded words decoded, with every character made visible."""
    unfolded = " ".join(str(value or "")[: 5 * _MOST_SHOWN].split())
    try:
        text = str(make_header(decode_header(unfolded)))
    except (HeaderParseError, LookupError, ValueError):
        text = unfolded
    return one_line(text[:_MOST_SHOWN])


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
    with serving.store.read() as tx:
        _get(tx, incoming_id)
    conclude_mail(serving, incoming_id, released=True)
    with serving.store.read() as tx:
        return tx.session.get_one(Incoming, incoming_id).state


def _get(tx: Tx, incoming_id: str) -> Incoming:
    row = tx.session.get(Incoming, incoming_id)
    if row is None or row.state != "quarantined":
        raise InvalidArguments(
            f"No quarantined mail has the id {incoming_id!r}; `mailgate quarantine list` shows them."
        )
    return row
