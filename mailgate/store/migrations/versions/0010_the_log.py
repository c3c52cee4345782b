"""The evidence log becomes a Merkle tree: subtrees, signed checkpoints, and mails that wait for the guard."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the tree. A log of single signatures, as 0.1.0 wrote it, is not carried over: the keeper says what to do."""
    op.create_table(
        "nodes",
        sa.Column("level", sa.Integer, primary_key=True),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("hash", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "heads",
        sa.Column("size", sa.Integer, primary_key=True),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("guarded", sa.Boolean, nullable=False, server_default=sa.false()),
    )
    op.add_column("events", sa.Column("archived", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("outgoing", sa.Column("log_size", sa.Integer, nullable=True))
    op.create_index("events_unarchived", "events", ["archived", "position"])
    op.create_index("outgoing_unloaded", "outgoing", ["log_size", "state", "events"])
    op.add_column("assignments", sa.Column("shown", sa.Text, nullable=False, server_default=sa.text("''")))
    op.add_column("logged", sa.Column("told_in", sa.Text, nullable=False, server_default=sa.text("''")))
    op.create_index("logged_untold", "logged", ["told_in", "state", "finished_at"])
    op.create_table(
        "digests",
        sa.Column("event_id", sa.String(32), sa.ForeignKey("events.id"), primary_key=True),
        sa.Column("lines", sa.LargeBinary, nullable=False),
    )
