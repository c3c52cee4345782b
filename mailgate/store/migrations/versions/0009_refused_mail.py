"""Refused mail is counted, and answers to one address are found quickly."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add the counters, and an index by recipient."""
    op.create_table(
        "refused",
        sa.Column("kind", sa.String, primary_key=True),
        sa.Column("count", sa.Integer, nullable=False),
    )
    op.create_index("outgoing_to", "outgoing", ["recipient", "created_at"])
