"""The only SQL: tables, engine, named queries, migrations. Rows in, rows out; judging them is not done here."""

from __future__ import annotations

from mailgate.store.engine import Store, Tx, open_store

__all__ = ["Store", "Tx", "open_store"]
