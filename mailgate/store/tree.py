"""Queries about the evidence log's Merkle tree: its complete subtrees, and the checkpoints that were signed of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import insert, or_, update
from sqlmodel import col, func, select

from mailgate.store.engine import Tx
from mailgate.store.tables import Head, Node


def newest_head(tx: Tx) -> Head | None:
    """Return the newest signed checkpoint, or None before the first record."""
    return tx.session.exec(select(Head).order_by(col(Head.size).desc()).limit(1)).first()


def guarded_size(tx: Tx) -> int:
    """Return up to which size the guard file is known to have the log."""
    size = tx.session.exec(select(func.max(Head.size)).where(col(Head.guarded).is_(True))).one()
    return int(size or 0)


def note_guarded(tx: Tx, size: int) -> None:
    """Note that the guard file has the log up to ``size``."""
    tx.session.connection().execute(
        update(Head).where(col(Head.size) <= size, col(Head.guarded).is_(False)).values(guarded=True)
    )


def nodes_at(tx: Tx, places: Sequence[tuple[int, int]]) -> Mapping[tuple[int, int], bytes]:
    """Return the hashes of complete subtrees by level and position; those that are not there are left out."""
    if not places:
        return {}
    named = or_(*((col(Node.level) == level) & (col(Node.position) == position) for level, position in places))
    return {(node.level, node.position): node.hash for node in tx.session.exec(select(Node).where(named)).all()}


def leaves_between(tx: Tx, start: int, end: int) -> Sequence[bytes]:
    """Return the hashes of the leaves ``start`` to ``end``, in order."""
    wanted = select(Node.hash).where(Node.level == 0, col(Node.position) >= start, col(Node.position) < end)
    return tx.session.exec(wanted.order_by(col(Node.position))).all()


def add_nodes(tx: Tx, nodes: Mapping[tuple[int, int], bytes]) -> None:
    """Store new complete subtrees."""
    if nodes:
        rows = [{"level": level, "position": position, "hash": value} for (level, position), value in nodes.items()]
        tx.session.connection().execute(insert(Node), rows)
