"""Queries about executions, resumptions and the leases of roles that have one owner at a time."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import CursorResult, bindparam, exists, update
from sqlalchemy.orm import aliased
from sqlmodel import col, or_, select

from mailgate.errors import LeaseLost
from mailgate.model.lifecycle import State
from mailgate.store.columns import Instant
from mailgate.store.engine import Tx
from mailgate.store.tables import Execution, Lease, Request, Resumption


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """A lease as held: its name, our name, and the epoch that makes late writers notice."""

    name: str
    owner: str
    epoch: int


def take_lease(tx: Tx, name: str, owner: str, length: timedelta) -> Holding | None:
    """Become the owner of ``name`` if nobody is, or if its owner has fallen silent; None if somebody else is."""
    lease = tx.session.get(Lease, name, with_for_update=True, populate_existing=True)
    if lease is None:
        lease = Lease(name=name, owner=owner, epoch=0, until=tx.now)
    elif lease.owner != owner and lease.until > tx.now:
        return None
    lease.owner, lease.epoch, lease.until = owner, lease.epoch + 1, tx.now + length
    tx.session.add(lease)
    return Holding(name=name, owner=owner, epoch=lease.epoch)


KEEPER = "keeper"
"""The lease of whoever sequences events into the log."""


def is_live(tx: Tx, name: str) -> bool:
    """Return whether somebody owns ``name`` and has said so lately."""
    lease = tx.session.get(Lease, name)
    return lease is not None and lease.until > tx.now


def is_free(tx: Tx, name: str, owner: str) -> bool:
    """Return whether :func:`take_lease` would succeed now; a look before a write."""
    lease = tx.session.get(Lease, name)
    return lease is None or lease.owner == owner or lease.until <= tx.now


def hold_lease(tx: Tx, holding: Holding, length: timedelta) -> None:
    """Prolong a lease in the transaction that writes under it.

    Raises:
        LeaseLost: it has another owner or epoch by now; the transaction must not commit.
    """
    result = tx.session.connection().execute(
        update(Lease)
        .where(col(Lease.name) == holding.name, col(Lease.owner) == holding.owner, col(Lease.epoch) == holding.epoch)
        .values(until=tx.now + length)
    )
    assert isinstance(result, CursorResult)
    if result.rowcount != 1:
        raise LeaseLost(f"Another process is the {holding.name} now.")


def release_lease(tx: Tx, holding: Holding) -> None:
    """Give a lease back, so that the next owner need not wait for it to run out."""
    tx.session.connection().execute(
        update(Lease)
        .where(col(Lease.name) == holding.name, col(Lease.owner) == holding.owner, col(Lease.epoch) == holding.epoch)
        .values(until=tx.now)
    )


def executions_of(tx: Tx, request_id: str) -> Sequence[Execution]:
    """Return the runs of a request, first to last."""
    return tx.session.exec(_RUNS, params={"request": request_id}).all()


def silent_executions(tx: Tx) -> Sequence[tuple[Request, Execution]]:
    """Return requests being executed whose worker has fallen silent; where it was claimed again, the latest one."""
    return tx.session.exec(_SILENT, params={"now": tx.now}).all()


def prolong_execution(tx: Tx, request_id: str, attempt: int, worker: str, length: timedelta) -> None:
    """Say that the worker is alive inside the action."""
    tx.session.connection().execute(
        update(Execution)
        .where(
            col(Execution.request_id) == request_id, col(Execution.attempt) == attempt, col(Execution.worker) == worker
        )
        .values(lease_until=tx.now + length)
    )


def due_resumptions(tx: Tx, agents: Collection[str], limit: int) -> Sequence[Resumption]:
    """Return outcomes of ``agents`` that wait to be handed back, or whose worker has fallen silent."""
    silent = (col(Resumption.state) == "running") & (col(Resumption.lease_until) < tx.now)
    waiting = (col(Resumption.state) == "waiting") & (col(Resumption.next_at) <= tx.now)
    wanted = (
        select(Resumption)
        .where(col(Resumption.agent).in_(sorted(agents)), or_(silent, waiting))
        .order_by(col(Resumption.next_at))
        .limit(limit)
    )
    return tx.session.exec(wanted).all()


# Built once: building costs as much as asking, and workers ask after every commit.
_RUNS = select(Execution).where(col(Execution.request_id) == bindparam("request")).order_by(col(Execution.attempt))
_LATER = aliased(Execution)
_SILENT = (
    select(Request, Execution)
    .join(Execution, col(Execution.request_id) == Request.id)
    .where(
        col(Request.state) == State.EXECUTING,
        col(Execution.finished_at).is_(None),
        col(Execution.lease_until) < bindparam("now", type_=Instant()),
        ~exists().where(
            col(_LATER.request_id) == col(Execution.request_id), col(_LATER.attempt) > col(Execution.attempt)
        ),
    )
)
