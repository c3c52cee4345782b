"""What the policy ruled is kept with every action it stopped or logged."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the rulings; of earlier actions only the rule is known."""
    for table in ("requests", "logged"):
        op.add_column(table, sa.Column("ruling", sa.Text, nullable=False, server_default="{}"))
