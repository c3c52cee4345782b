"""A decision can be taken back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add when it was."""
    op.add_column("decisions", sa.Column("undone_at", sa.DateTime(timezone=True), nullable=True))
