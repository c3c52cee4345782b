"""An approver can ask back before deciding."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Add the questions."""
    op.create_table(
        "questions",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("request_id", sa.String(32), sa.ForeignKey("requests.id"), nullable=False),
        sa.Column("assignment_id", sa.String(32), sa.ForeignKey("assignments.id"), nullable=False),
        sa.Column("person", sa.String, nullable=False),
        sa.Column("address", sa.String, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("reply_hash", sa.String, nullable=False),
        sa.Column("mark", sa.LargeBinary, nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("answered_at", INSTANT, nullable=True),
    )
    op.create_index("ix_questions_request_id", "questions", ["request_id"])
    op.create_index("ix_questions_reply_hash", "questions", ["reply_hash"])
