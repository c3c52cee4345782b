"""An old mail that comes again is known by what every signature covers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the digest and the Message-ID; of mails that were read before they stay empty."""
    op.add_column("incoming", sa.Column("message_id", sa.String, nullable=False, server_default=sa.text("''")))
    op.add_column("incoming", sa.Column("content", sa.String, nullable=False, server_default=sa.text("''")))
    op.create_index("ix_incoming_content", "incoming", ["content"])
