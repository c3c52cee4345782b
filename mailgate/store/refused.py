"""How much mail was refused without a record of its own: counters, so that nobody grows the log by writing to us."""

from __future__ import annotations

from sqlalchemy import text
from sqlmodel import select

from mailgate.store.engine import Tx
from mailgate.store.tables import Refused


def count_refused(tx: Tx, kind: str) -> None:
    """Count one more mail of ``kind``."""
    tx.session.flush()
    tx.session.connection().execute(_COUNT, {"kind": kind})


def refused(tx: Tx) -> dict[str, int]:
    """Return how many mails of each kind were refused since the database was made; a seal tells what came since the last."""
    return {row.kind: row.count for row in tx.session.exec(select(Refused).order_by(Refused.kind)).all()}


# The same words on SQLite and PostgreSQL; two processes may count at once.
_COUNT = text(
    "insert into refused (kind, count) values (:kind, 1) on conflict (kind) do update set count = refused.count + 1"
)
