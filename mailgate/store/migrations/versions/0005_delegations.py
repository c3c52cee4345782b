"""People can let somebody else answer for them for a while."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the delegations, and for whom a seat is held."""
    op.create_table(
        "delegations",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("principal", sa.String, nullable=False),
        sa.Column("delegate", sa.String, nullable=False),
        sa.Column("gate", sa.String, nullable=False),
        sa.Column("since", INSTANT, nullable=False),
        sa.Column("until", INSTANT, nullable=False),
        sa.Column("mark", sa.LargeBinary, nullable=True),
    )
    op.create_index("delegations_until", "delegations", ["until"])
    op.add_column("assignments", sa.Column("for_person", sa.String, nullable=True))
