"""The first tables.

Written out, not derived from ``store/tables.py``: a migration must go on meaning what it meant.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Make every table of the first version."""
    _requests()
    _answers()
    _mail()
    _work()


def _requests() -> None:
    op.create_table(
        "policies",
        sa.Column("digest", sa.LargeBinary, primary_key=True),
        sa.Column("document", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "requests",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("canonical", sa.LargeBinary, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("agent", sa.String, nullable=False),
        sa.Column("run", sa.String, nullable=False),
        sa.Column("key", sa.String, nullable=False),
        sa.Column("on_behalf_of", sa.String, nullable=True),
        sa.Column("intent", sa.String, nullable=True),
        sa.Column("reasoning", sa.Text, nullable=False),
        sa.Column("confidence", sa.Float, nullable=False),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("policy", sa.LargeBinary, nullable=True),
        sa.Column("opened_at", INSTANT, nullable=True),
        sa.Column("deadline_at", INSTANT, nullable=True),
        sa.Column("remind_at", INSTANT, nullable=True),
        sa.Column("escalate_at", INSTANT, nullable=True),
        sa.Column("mark", sa.LargeBinary, nullable=True),
        sa.Column("approved_at", INSTANT, nullable=True),
        sa.Column("valid_until", INSTANT, nullable=True),
        sa.Column("finished_at", INSTANT, nullable=True),
        sa.Column("result", sa.LargeBinary, nullable=True),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("effect", sa.String, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("decided_by", sa.String, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.UniqueConstraint("agent", "run", "key"),
    )
    op.create_index("requests_by_digest", "requests", ["agent", "digest", "state"])
    op.create_index("requests_by_state", "requests", ["state", "action"])
    op.create_index("requests_due", "requests", ["state", "deadline_at"])
    op.create_table(
        "checkpoints",
        sa.Column("request_id", sa.String(32), sa.ForeignKey("requests.id"), primary_key=True),
        sa.Column("media_type", sa.String, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("sha256", sa.LargeBinary, nullable=False),
        sa.Column("state_version", sa.String, nullable=False),
    )
    op.create_table(
        "logged",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("action", sa.String, nullable=False),
        sa.Column("canonical", sa.LargeBinary, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("agent", sa.String, nullable=False),
        sa.Column("run", sa.String, nullable=False),
        sa.Column("key", sa.String, nullable=False),
        sa.Column("on_behalf_of", sa.String, nullable=True),
        sa.Column("reasoning", sa.Text, nullable=False),
        sa.Column("confidence", sa.Float, nullable=False),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("result", sa.LargeBinary, nullable=True),
        sa.Column("error", sa.Text, nullable=False),
        sa.Column("finished_at", INSTANT, nullable=True),
        sa.UniqueConstraint("agent", "run", "key"),
    )


def _answers() -> None:
    op.create_table(
        "assignments",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("request_id", sa.String(32), sa.ForeignKey("requests.id"), nullable=False),
        sa.Column("person", sa.String, nullable=False),
        sa.Column("address", sa.String, nullable=False),
        sa.Column("stage", sa.Integer, nullable=False),
        sa.Column("generation", sa.Integer, nullable=False),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("reply_hash", sa.String, nullable=False),
        sa.Column("bounce_hash", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("mark", sa.LargeBinary, nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("message_id", sa.String, nullable=False),
        sa.Column("code_tries", sa.Integer, nullable=False),
        sa.Column("clarified", sa.Integer, nullable=False),
        sa.Column("away", sa.Boolean, nullable=False),
        sa.UniqueConstraint("request_id", "person"),
    )
    op.create_index("ix_assignments_bounce_hash", "assignments", ["bounce_hash"])
    op.create_index("ix_assignments_reply_hash", "assignments", ["reply_hash"])
    op.create_index("ix_assignments_request_id", "assignments", ["request_id"])
    op.create_table(
        "decisions",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("request_id", sa.String(32), sa.ForeignKey("requests.id"), nullable=False),
        sa.Column("assignment_id", sa.String(32), sa.ForeignKey("assignments.id"), nullable=False),
        sa.Column("person", sa.String, nullable=False),
        sa.Column("stage", sa.Integer, nullable=False),
        sa.Column("verdict", sa.String, nullable=False),
        sa.Column("level", sa.String, nullable=False),
        sa.Column("channel", sa.String, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("decided_at", INSTANT, nullable=False),
        sa.Column("evidence", sa.Text, nullable=False),
        sa.Column("incoming_id", sa.String, nullable=True),
        sa.Column("mark", sa.LargeBinary, nullable=True),
        sa.UniqueConstraint("assignment_id"),
        sa.UniqueConstraint("request_id", "person"),
    )
    op.create_index("ix_decisions_request_id", "decisions", ["request_id"])


def _mail() -> None:
    op.create_table(
        "outgoing",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("request_id", sa.String(32), sa.ForeignKey("requests.id"), nullable=True),
        sa.Column("assignment_id", sa.String, nullable=True),
        sa.Column("recipient", sa.String, nullable=False),
        sa.Column("message_id", sa.String, nullable=False),
        sa.Column("details", sa.Text, nullable=False),
        sa.Column("events", sa.String, nullable=False),
        sa.Column("mark", sa.LargeBinary, nullable=True),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=True),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_at", INSTANT, nullable=False),
        sa.Column("claimed_until", INSTANT, nullable=True),
        sa.Column("sent_at", INSTANT, nullable=True),
        sa.Column("last_error", sa.Text, nullable=False),
    )
    op.create_index("ix_outgoing_message_id", "outgoing", ["message_id"])
    op.create_index("ix_outgoing_request_id", "outgoing", ["request_id"])
    op.create_index("outgoing_due", "outgoing", ["state", "next_at"])
    op.create_table(
        "incoming",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("mailbox", sa.String, nullable=False),
        sa.Column("folder", sa.String, nullable=False),
        sa.Column("uidvalidity", sa.Integer, nullable=False),
        sa.Column("uid", sa.Integer, nullable=False),
        sa.Column("sha256", sa.String, nullable=False),
        sa.Column("sealed", sa.LargeBinary, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("received_at", INSTANT, nullable=False),
        sa.Column("fetched_at", INSTANT, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("assignment_id", sa.String, nullable=True),
        sa.Column("sender", sa.String, nullable=False),
        sa.Column("verdict", sa.String, nullable=False),
        sa.Column("level", sa.String, nullable=False),
        sa.Column("why", sa.Text, nullable=False),
        sa.Column("moved", sa.Boolean, nullable=False),
        sa.UniqueConstraint("mailbox", "folder", "uidvalidity", "uid"),
        sa.UniqueConstraint("sha256"),
    )
    op.create_index("ix_incoming_state", "incoming", ["state"])
    op.create_table(
        "cursors",
        sa.Column("mailbox", sa.String, primary_key=True),
        sa.Column("folder", sa.String, primary_key=True),
        sa.Column("uidvalidity", sa.Integer, nullable=False),
        sa.Column("uid", sa.Integer, nullable=False),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("read_at", INSTANT, nullable=False),
    )


def _work() -> None:
    op.create_table(
        "events",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("request_id", sa.String(32), sa.ForeignKey("requests.id"), nullable=True),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.Column("mark", sa.LargeBinary, nullable=True),
        sa.Column("position", sa.Integer, nullable=True),
        sa.Column("record", sa.LargeBinary, nullable=True),
        sa.Column("proof", sa.Text, nullable=False),
        sa.Column("refused", sa.Text, nullable=False),
        sa.UniqueConstraint("position"),
    )
    op.create_index("events_of_request", "events", ["request_id", "position"])
    op.create_table(
        "executions",
        sa.Column("request_id", sa.String(32), sa.ForeignKey("requests.id"), primary_key=True),
        sa.Column("attempt", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("worker", sa.String, nullable=False),
        sa.Column("idempotent", sa.Boolean, nullable=False),
        sa.Column("claimed_at", INSTANT, nullable=False),
        sa.Column("lease_until", INSTANT, nullable=False),
        sa.Column("finished_at", INSTANT, nullable=True),
        sa.Column("late_report", sa.Text, nullable=False),
    )
    op.create_table(
        "resumptions",
        sa.Column("request_id", sa.String(32), sa.ForeignKey("requests.id"), primary_key=True),
        sa.Column("agent", sa.String, nullable=False),
        sa.Column("state", sa.String, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_at", INSTANT, nullable=False),
        sa.Column("lease_until", INSTANT, nullable=True),
        sa.Column("worker", sa.String, nullable=False),
        sa.Column("finished_at", INSTANT, nullable=True),
        sa.Column("last_error", sa.Text, nullable=False),
    )
    op.create_index("resumptions_due", "resumptions", ["state", "agent", "next_at"])
    op.create_table(
        "leases",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("owner", sa.String, nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("until", INSTANT, nullable=False),
    )
