"""Queries about requests, their checkpoints, and logged calls."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, CursorResult, bindparam, update
from sqlmodel import col, select

from mailgate.errors import IllegalTransition, InvalidArguments
from mailgate.model.lifecycle import State, Trigger, advance
from mailgate.model.policy import read_gate, speaks_for
from mailgate.model.verdict import Level, Verdict
from mailgate.store.engine import Tx
from mailgate.store.tables import Checkpoint, Decision, Logged, Policy, Request


def find_call(tx: Tx, agent: str, run: str, key: str) -> Request | None:
    """Return the request that this call of this run made earlier."""
    wanted = select(Request).where(Request.agent == agent, Request.run == run, Request.key == key)
    return tx.session.exec(wanted).first()


def find_open_twin(tx: Tx, agent: str, digest: bytes, run: str) -> Request | None:
    """Return an open request of another run of ``agent`` for the very same action."""
    wanted = select(Request).where(
        Request.agent == agent,
        Request.digest == digest,
        Request.run != run,
        col(Request.state).in_((State.PENDING, State.APPROVED, State.EXECUTING, State.IN_DOUBT)),
    )
    return tx.session.exec(wanted).first()


def find_rejection(tx: Tx, agent: str, digest: bytes, since: datetime) -> Request | None:
    """Return the latest rejection of the very same action of ``agent`` after ``since`` that counts for later ones.

    A reject that nobody is proven to have given (:func:`~mailgate.model.policy.speaks_for`, by the policy the request was
    made under) ends its own request and counts for nothing else.
    """
    wanted = (
        select(Request, Decision.level, Policy.document)
        .join(Decision, col(Decision.request_id) == col(Request.id))
        .join(Policy, col(Policy.digest) == col(Request.policy))
        .where(
            Request.agent == agent,
            Request.digest == digest,
            Request.state == State.REJECTED,
            col(Request.finished_at) > since,
            col(Request.lifted_at).is_(None),
            Decision.verdict == Verdict.REJECT,
            col(Decision.undone_at).is_(None),
        )
        .order_by(col(Request.finished_at).desc())
    )
    rows = tx.session.exec(wanted)
    return next((r for r, level, document in rows if speaks_for(Level(level), read_gate(document))), None)


def earlier_attempts(tx: Tx, request: Request, limit: int = 50) -> Sequence[Request]:
    """Return what the same agent asked for of the same action before, earliest first; the latest ``limit``."""
    wanted = (
        select(Request)
        .where(
            Request.agent == request.agent,
            Request.action == request.action,
            col(Request.created_at) <= request.created_at,
            Request.id != request.id,
        )
        .order_by(col(Request.created_at).desc())
        .limit(limit)
    )
    return list(reversed(tx.session.exec(wanted).all()))


def find_request(tx: Tx, request_id: str) -> Request | None:
    """Return the request with ``request_id`` or None."""
    return tx.session.get(Request, request_id)


def find_by_prefix(tx: Tx, prefix: str) -> Sequence[Request]:
    """Return up to two requests whose ids begin with ``prefix``."""
    return tx.session.exec(select(Request).where(col(Request.id).startswith(prefix, autoescape=True)).limit(2)).all()


def get_request(tx: Tx, request_id: str) -> Request:
    """Return the request with ``request_id``.

    Raises:
        InvalidArguments: there is none.
    """
    found = tx.session.get(Request, request_id)
    if found is None:
        raise InvalidArguments(f"There is no request {request_id!r}; `mailgate requests list` shows those there are.")
    return found


def lock_request(tx: Tx, request_id: str) -> Request:
    """Return the request, with its row locked until the transaction ends, as it stands now.

    Every use case that decides, undoes, expires or escalates starts here. SQLite's write transactions lock everything.
    """
    tx.locks(request_id)
    return tx.session.exec(_LOCKED, params={"request": request_id}).one()


def move(tx: Tx, request: Request, trigger: Trigger, **values: Any) -> State:
    """Advance ``request`` by the transition table, only if it still is in the state that was read; return the new one.

    Raises:
        IllegalTransition: the table has no such row, or somebody was faster.
    """
    following = advance(State(request.state), trigger)
    changed = _update(tx, Request.id == request.id, Request.state == request.state, state=following, **values)
    if not changed:
        raise IllegalTransition(request.state, trigger)
    tx.session.refresh(request)
    return following


def due(tx: Tx, state: State, column: Any, limit: int = 100) -> Sequence[Request]:
    """Return requests in ``state`` whose instant in ``column`` has come, earliest first."""
    wanted = select(Request).where(Request.state == state, column <= tx.now).order_by(column).limit(limit)
    return tx.session.exec(wanted).all()


def next_due_at(tx: Tx) -> datetime | None:
    """Return the next instant at which a request expires, is reminded of, is escalated or lapses; None if none is set."""
    instants: list[datetime] = []
    for state, column in (
        (State.PENDING, col(Request.deadline_at)),
        (State.PENDING, col(Request.remind_at)),
        (State.PENDING, col(Request.escalate_at)),
        (State.APPROVED, col(Request.valid_until)),
    ):
        wanted = select(column).where(Request.state == state, column.is_not(None)).order_by(column).limit(1)
        instants += [at for at in tx.session.exec(wanted).all() if at is not None]
    return min(instants, default=None)


def is_awaited(tx: Tx, read_at: datetime) -> bool:
    """Return whether a deadline has passed that the mailbox, read up to ``read_at``, was not read past yet."""
    wanted = select(Request.id).where(
        Request.state == State.PENDING, col(Request.deadline_at) <= tx.now, col(Request.deadline_at) >= read_at
    )
    return tx.session.exec(wanted.limit(1)).first() is not None


def in_state(tx: Tx, state: State, actions: Collection[str] | None = None, limit: int = 100) -> Sequence[Request]:
    """Return requests in ``state``, oldest first, of ``actions`` only where given."""
    wanted = select(Request).where(Request.state == state)
    if actions is not None:
        wanted = wanted.where(col(Request.action).in_(sorted(actions)))
    return tx.session.exec(wanted.order_by(col(Request.created_at)).limit(limit)).all()


def latest(tx: Tx, *, state: str | None = None, limit: int = 100) -> Sequence[Request]:
    """Return requests, newest first."""
    wanted = select(Request)
    if state:
        wanted = wanted.where(Request.state == state)
    return tx.session.exec(wanted.order_by(col(Request.created_at).desc()).limit(limit)).all()


def find_checkpoint(tx: Tx, request_id: str) -> Checkpoint | None:
    """Return the checkpoint stored with a request, if the agent gave one."""
    return tx.session.get(Checkpoint, request_id)


def find_logged(tx: Tx, agent: str, run: str, key: str) -> Logged | None:
    """Return the logged action that this call of this run made earlier."""
    wanted = select(Logged).where(Logged.agent == agent, Logged.run == run, Logged.key == key)
    return tx.session.exec(wanted).first()


def untold_logged(tx: Tx, limit: int) -> Sequence[Logged]:
    """Return logged actions that ended and stand in no digest yet, earliest ended first."""
    wanted = select(Logged).where(Logged.told_in == "", Logged.state != "executing")
    return tx.session.exec(wanted.order_by(col(Logged.finished_at), col(Logged.id)).limit(limit)).all()


def keep_policy(tx: Tx, digest: bytes, document: bytes) -> None:
    """Keep a gate's canonical form under its digest, once."""
    if tx.session.get(Policy, digest) is None:
        tx.session.add(Policy(digest=digest, document=document))


def find_policy(tx: Tx, digest: bytes) -> bytes | None:
    """Return the gate's canonical form that was kept under ``digest``; the caller compares the digest."""
    kept = tx.remember("policy", digest.hex(), lambda: [tx.session.get(Policy, digest)])[0]
    return kept.document if kept else None


# Built once: the hot path asks this several times an answer, and building costs as much as asking.
_LOCKED = (
    select(Request)
    .where(col(Request.id) == bindparam("request"))
    .with_for_update()
    .execution_options(populate_existing=True)
)


def _update(tx: Tx, *where: bool | ColumnElement[bool], **values: Any) -> int:
    tx.session.flush()
    result = tx.session.connection().execute(update(Request).where(*where).values(**values))  # type: ignore[arg-type]
    assert isinstance(result, CursorResult)
    return result.rowcount
