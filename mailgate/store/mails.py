"""Queries about outgoing and incoming mail, and about how far mailboxes were read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, CursorResult, func, update
from sqlmodel import col, or_, select

from mailgate.store.engine import Tx
from mailgate.store.tables import Cursor, Incoming, Outgoing
from mailgate.store.tree import guarded_size
from mailgate.store.work import KEEPER, is_live


def claim_outgoing(tx: Tx, limit: int, lease: timedelta) -> Sequence[Outgoing]:
    """Take up to ``limit`` mails that are due, for ``lease``; another outbox takes them only after that."""
    wanted = (
        select(Outgoing)
        .where(Outgoing.state == "waiting", col(Outgoing.next_at) <= tx.now, _unclaimed(tx), _loaded(tx))
        .order_by(col(Outgoing.next_at), col(Outgoing.created_at))
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    rows = tx.session.exec(wanted).all()
    for row in rows:
        row.claimed_until = tx.now + lease
        tx.session.add(row)
    return rows


def prolong_claim(tx: Tx, mail_id: str, lease: timedelta) -> None:
    """Keep a claimed mail for ``lease`` from now on, unless it was sent or given up."""
    tx.session.connection().execute(
        update(Outgoing)
        .where(col(Outgoing.id) == mail_id, col(Outgoing.state) == "waiting", col(Outgoing.claimed_until).is_not(None))
        .values(claimed_until=tx.now + lease)
    )


def has_due_outgoing(tx: Tx) -> bool:
    """Return whether :func:`claim_outgoing` would find a mail now; a look before a write."""
    wanted = select(Outgoing.id).where(
        Outgoing.state == "waiting", col(Outgoing.next_at) <= tx.now, _unclaimed(tx), _loaded(tx)
    )
    return tx.session.exec(wanted.limit(1)).first() is not None


def next_outgoing_at(tx: Tx) -> datetime | None:
    """Return when the next waiting mail that nobody is sending becomes due."""
    wanted = select(Outgoing.next_at).where(Outgoing.state == "waiting", _unclaimed(tx), _loaded(tx))
    return tx.session.exec(wanted.order_by(col(Outgoing.next_at)).limit(1)).first()


def _loaded(tx: Tx) -> ColumnElement[bool]:
    """A mail with records goes out once they are in the log, and the guard has seen so much of it.

    And while there is a keeper: nobody else notices that the database went back in time, and that the mail went out long since.
    """
    seen = guarded_size(tx) if is_live(tx, KEEPER) else 0
    return or_(col(Outgoing.events) == "", col(Outgoing.log_size) <= seen)


def unloaded(tx: Tx) -> Sequence[Outgoing]:
    """Return the mails that are to carry records and wait for these to be in the log."""
    wanted = select(Outgoing).where(
        col(Outgoing.log_size).is_(None), Outgoing.state == "waiting", Outgoing.events != ""
    )
    return tx.session.exec(wanted.order_by(col(Outgoing.created_at), col(Outgoing.id))).all()


def _unclaimed(tx: Tx) -> ColumnElement[bool]:
    return or_(col(Outgoing.claimed_until).is_(None), col(Outgoing.claimed_until) < tx.now)


def set_sealed(tx: Tx, outgoing_id: str, sealed: bytes) -> bool:
    """Store a mail's bytes once; False if they were stored before, and those are the ones to send."""
    result = tx.session.connection().execute(
        update(Outgoing).where(col(Outgoing.id) == outgoing_id, col(Outgoing.sealed).is_(None)).values(sealed=sealed)
    )
    assert isinstance(result, CursorResult)
    return result.rowcount == 1


def change_outgoing(tx: Tx, outgoing_id: str, **values: Any) -> None:
    """Set columns of one outgoing mail."""
    tx.session.connection().execute(update(Outgoing).where(col(Outgoing.id) == outgoing_id).values(**values))


def oldest_unsent_to(tx: Tx, address: str) -> datetime | None:
    """Return when the oldest mail to ``address`` was ordered that no server has taken yet."""
    wanted = select(Outgoing.created_at).where(
        Outgoing.state == "waiting", Outgoing.recipient == address, col(Outgoing.log_size).is_not(None)
    )
    return tx.session.exec(wanted.order_by(col(Outgoing.created_at)).limit(1)).first()


def archive_failures(tx: Tx, address: str) -> Sequence[Outgoing]:
    """Return the mails with records that were refused at ``address``, or came back from there."""
    wanted = select(Outgoing).where(Outgoing.state == "failed", Outgoing.recipient == address, Outgoing.events != "")
    return tx.session.exec(wanted.order_by(col(Outgoing.created_at))).all()


def was_noticed(tx: Tx, headline: str, *, since: datetime) -> bool:
    """Return whether operators were told something since an instant."""
    wanted = select(Outgoing.id).where(
        Outgoing.kind == "notice", col(Outgoing.created_at) >= since, col(Outgoing.details).contains(headline)
    )
    return tx.session.exec(wanted.limit(1)).first() is not None


def outgoing_of(tx: Tx, request_id: str) -> Sequence[Outgoing]:
    """Return every mail about a request, in order."""
    wanted = select(Outgoing).where(Outgoing.request_id == request_id).order_by(col(Outgoing.created_at), Outgoing.id)
    return tx.session.exec(wanted).all()


def outgoing_to_seat(tx: Tx, request_id: str, assignment_id: str, kind: str) -> Sequence[Outgoing]:
    """Return the mails of one kind to one seat, in order."""
    wanted = select(Outgoing).where(
        Outgoing.request_id == request_id, Outgoing.assignment_id == assignment_id, Outgoing.kind == kind
    )
    return tx.session.exec(wanted.order_by(col(Outgoing.created_at), Outgoing.id)).all()


def sent_since(tx: Tx, recipient: str, kinds: Iterable[str], since: datetime) -> int:
    """Return how many mails of ``kinds`` were ordered to an address after an instant."""
    wanted = select(func.count()).where(
        Outgoing.recipient == recipient, col(Outgoing.created_at) > since, col(Outgoing.kind).in_(kinds)
    )
    return tx.session.exec(wanted).one()


def find_incoming_by_hash(tx: Tx, sha256: str) -> Incoming | None:
    """Return the mail with these very bytes, if it came before."""
    return tx.session.exec(select(Incoming).where(Incoming.sha256 == sha256)).first()


def incoming_in_state(tx: Tx, state: str, limit: int = 100) -> Sequence[Incoming]:
    """Return incoming mails in ``state``, in the order they were fetched."""
    wanted = select(Incoming).where(Incoming.state == state).order_by(col(Incoming.fetched_at), col(Incoming.uid))
    return tx.session.exec(wanted.limit(limit)).all()


def unmoved(tx: Tx, mailbox: str, limit: int = 200) -> Sequence[Incoming]:
    """Return concluded mails that still lie where they arrived."""
    wanted = select(Incoming).where(
        Incoming.mailbox == mailbox, col(Incoming.moved).is_(False), Incoming.state != "new"
    )
    return tx.session.exec(wanted.limit(limit)).all()


def get_cursor(tx: Tx, mailbox: str, folder: str) -> Cursor | None:
    """Return how far a folder was read, or None before the first time."""
    return tx.session.get(Cursor, (mailbox, folder))


def oldest_read_at(tx: Tx) -> datetime | None:
    """Return the instant up to which every mailbox was read, or None where none ever was."""
    return tx.session.exec(select(Cursor.read_at).order_by(col(Cursor.read_at)).limit(1)).first()


def unread_before(tx: Tx, instant: datetime) -> bool:
    """Return whether a mail that arrived by ``instant`` is stored but not concluded yet."""
    wanted = select(Incoming.id).where(Incoming.state == "new", col(Incoming.received_at) <= instant).limit(1)
    return tx.session.exec(wanted).first() is not None
