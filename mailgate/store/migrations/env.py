"""Alembic's entry: runs the versions on the connection it is given (see ``store/migrate.py``)."""

from __future__ import annotations

from alembic import context
from sqlmodel import SQLModel

from mailgate.store import tables

assert tables.Request.metadata is SQLModel.metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=SQLModel.metadata,
    render_as_batch=True,
    user_module_prefix="tables.",
)
with context.begin_transaction():
    context.run_migrations()
