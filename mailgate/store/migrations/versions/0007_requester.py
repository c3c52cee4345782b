"""Who a request was made for is settled when it is opened."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add the person; of earlier requests it is found by address, as before."""
    op.add_column("requests", sa.Column("requester", sa.String, nullable=True))
