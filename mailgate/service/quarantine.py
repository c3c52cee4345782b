"""Mails that were kept and not counted: list them, show them, give their bytes away, read them again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from email import policy
from email.errors import HeaderParseError
from email.header import decode_header, make_header
from email.parser import BytesHeaderParser
from functools import reduce
from typing import Any

from mailgate.errors import Forged, InvalidArguments, MailUnreadable
from mailgate.mail.characters import coded, one_line
from mailgate.mail.markup import html_lines
from mailgate.model.evidence import format_time
from mailgate.service.context import Serving
from mailgate.service.hiding import hide_any, hiding
from mailgate.service.intake import conclude_mail, incoming_label
from mailgate.service.judging import Examined, examine
from mailgate.service.locating import locate
from mailgate.store import Tx
from mailgate.store.answers import find_assignment
from mailgate.store.mails import incoming_in_state
from mailgate.store.refused import refused
from mailgate.store.tables import Assignment, Incoming

_MOST_HEADER = 64_000  # bytes looked at for a line in a list
_MOST_SHOWN = 200  # characters of a field, for the same
_MOST_TEXT = 4000


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
            **_claims(serving, row, ("from", "subject")),
            "why": one_line(hide_any(row.why)),
        }
        for row in rows
    ]


def refused_so_far(serving: Serving) -> dict[str, int]:
    """Return how many mails of each kind belonged to nobody, since the database was made."""
    with serving.store.read() as tx:
        return refused(tx)


def shown(serving: Serving, incoming_id: str) -> dict[str, Any]:
    """Return a quarantined mail as a person may look at it: no character acts on a terminal, no secret of ours stands in it.

    Whoever may see the secrets too takes the bytes (:func:`raw_of`). ``text`` is what its reader sees, quotes included, at
    most 4,000 characters; ``more`` how many follow.

    Raises:
        InvalidArguments: there is no such mail.
        Forged: its row was not written by the serving side.
    """
    with serving.store.read() as tx:
        row = _get(tx, incoming_id)
        raw = serving.key.unseal(row.sealed, label=incoming_label(row))
        examined = examine(raw, serving.config, serving.signer.name)
        hide = _hiding(tx, serving, row, examined)
    text = "\n".join(_visible(examined)).strip()
    return {
        "id": row.id,
        "received_at": format_time(row.received_at),
        "kind": row.kind,
        "size": row.size,
        "sha256": row.sha256,
        **{name: hide(said) for name, said in _claims(serving, row, ("from", "to", "subject", "date")).items()},
        "why": one_line(hide(row.why)),
        "text": coded(hide(text[:_MOST_TEXT])),
        "more": max(len(text) - _MOST_TEXT, 0),
    }


def _hiding(tx: Tx, serving: Serving, row: Incoming, examined: Examined) -> Callable[[str], str]:
    """Return what takes secrets out of a mail: of the seats that it names exactly, of others by their form."""
    try:
        found = locate(tx, serving.key, addressed=examined.tokens, answered=examined.answered)
    except Forged:
        found = ()
    seats = {f.at.id: f.at for f in found if isinstance(f.at, Assignment)}
    if row.assignment_id is not None and (seat := find_assignment(tx, row.assignment_id)) is not None:
        seats[seat.id] = seat
    hides = [hiding(serving, seat) for seat in seats.values()]
    return lambda text: reduce(lambda so_far, hide: hide(so_far), [hide_any, *hides], text)


def _visible(examined: Examined) -> Iterator[str]:
    """Yield the lines of a mail's texts; of HTML where there is no plain text, as its reader sees it."""
    mail = examined.mail
    if mail is None:
        return
    for text in mail.plain:
        yield from (line.expandtabs() for line in text.splitlines())
    if not mail.plain:
        try:
            yield from (line.text for text in mail.html for line in html_lines(text))
        except MailUnreadable:
            yield "(HTML that cannot be read)"


def _claims(serving: Serving, row: Incoming, names: Sequence[str]) -> dict[str, str]:
    """Return what a kept mail says in header fields, on one line each; empty where nobody can read that.

    Only the header is parsed: a mail may be kept because its body cannot be.
    """
    try:
        raw = serving.key.unseal(row.sealed, label=incoming_label(row))
    except Forged:
        return dict.fromkeys(names, "")
    header = re.split(rb"\r?\n\r?\n", raw[:_MOST_HEADER], maxsplit=1)[0]
    fields = BytesHeaderParser(policy=policy.compat32).parsebytes(header)
    return {name: hide_any(_shown(fields[name])) for name in names}


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


def read_again(serving: Serving, incoming_id: str) -> tuple[str, str]:
    """Conclude a quarantined mail once more; return the state it is in now, and why.

    Raises:
        InvalidArguments: there is no such mail.
    """
    with serving.store.read() as tx:
        _get(tx, incoming_id)
    conclude_mail(serving, incoming_id, released=True)
    with serving.store.read() as tx:
        row = tx.session.get_one(Incoming, incoming_id)
        return row.state, one_line(hide_any(row.why))


def _get(tx: Tx, incoming_id: str) -> Incoming:
    row = tx.session.get(Incoming, incoming_id)
    if row is None or row.state != "quarantined":
        raise InvalidArguments(
            f"No quarantined mail has the id {incoming_id!r}; `mailgate quarantine list` shows them."
        )
    return row
