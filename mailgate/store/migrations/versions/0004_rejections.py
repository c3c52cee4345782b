"""A rejection can be lifted, its reason can be given later, and near repeats of it are found."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the columns, and the index by which an agent's earlier attempts are found."""
    op.add_column("requests", sa.Column("reason_later", sa.Text, nullable=False, server_default=sa.text("''")))
    op.add_column("requests", sa.Column("lifted_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("requests_by_action", "requests", ["agent", "action", "created_at"])
