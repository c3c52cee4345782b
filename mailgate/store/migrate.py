"""Bring a database's schema to this version of mailgate."""

from __future__ import annotations

import threading
from pathlib import Path

from sqlalchemy import Connection, inspect, text

from mailgate.errors import StoreUnavailable
from mailgate.store.engine import Store

_MIGRATIONS = Path(__file__).parent / "migrations"

_one_at_a_time = threading.Lock()
"""Alembic keeps the migration that runs in a module, for all threads: two would write into each other's database."""


def migrate(store: Store) -> None:
    """Upgrade the schema if it is older than this version; several processes may do so at once.

    Raises:
        StoreUnavailable: the database is newer than this version, or cannot be written.
    """
    with store.read() as tx:
        if _is_current(tx.session.connection()):
            return
    with store.write() as tx:
        connection = tx.session.connection()
        if not _is_current(connection):
            with _one_at_a_time:
                _upgrade(connection)


def known_revisions() -> list[str]:
    """Return the schema versions that this mailgate has migrations for, oldest first; files are named by them."""
    return sorted(path.name.partition("_")[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*.py"))


def _is_current(connection: Connection) -> bool:
    # Asked without alembic, whose import would take a fifth of an agent's start for an answer that is nearly always yes.
    if not inspect(connection).has_table("alembic_version"):
        return False
    have = connection.execute(text("select version_num from alembic_version")).scalar()
    known = known_revisions()
    if have is not None and have not in known:
        raise StoreUnavailable(
            f"The database was made by a newer mailgate (schema {have}); upgrade mailgate on this machine.",
            hint="Or name another file under [mailgate] database.",
        )
    return bool(have == known[-1])


def _upgrade(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
