"""Who opened a link is kept, as evidence."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the visits."""
    op.create_table(
        "visits",
        sa.Column("assignment_id", sa.String(32), sa.ForeignKey("assignments.id"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("times", sa.Integer, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seconds_after_mail", sa.Float, nullable=True),
        sa.Column("method", sa.String, nullable=False),
        sa.Column("came_of", sa.String, nullable=False),
        sa.Column("program", sa.Text, nullable=False),
        sa.Column("network", sa.String, nullable=False),
    )
