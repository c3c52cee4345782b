"""Bring a database's schema to this version of mailgate."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from mailgate.errors import StoreUnavailable
from mailgate.store.engine import Store


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
            command.upgrade(_alembic(connection), "head")


def _is_current(connection: Connection) -> bool:
    script = ScriptDirectory.from_config(_alembic(connection))
    have = MigrationContext.configure(connection).get_current_revision()
    known = {r.revision for r in script.walk_revisions()}
    if have is not None and have not in known:
        raise StoreUnavailable(
            f"The database was made by a newer mailgate (schema {have}); upgrade mailgate on this machine."
        )
    return have == script.get_current_head()


def _alembic(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
