"""Every table. What a column means stands beside it; what may change when is said by the queries.

``mark`` columns hold MACs under the serve key over the fields that :mod:`mailgate.service.marks` names: a row without a
right one was not written by the serving side. ``sealed`` columns hold bytes encrypted under it.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Boolean, Column, ForeignKey, Index, LargeBinary, String, UniqueConstraint, false
from sqlmodel import Field, SQLModel

from mailgate.store.columns import binary, instant, json_text, later_prose, of_request, prose


class Request(SQLModel, table=True):
    """One action held for approval."""

    __tablename__ = "requests"
    __table_args__ = (
        UniqueConstraint("agent", "run", "key"),
        Index("requests_by_digest", "agent", "digest", "state"),
        Index("requests_by_state", "state", "action"),
        Index("requests_by_action", "agent", "action", "created_at"),
        Index("requests_due", "state", "deadline_at"),
    )

    id: str = Field(primary_key=True, max_length=32)
    action: str
    canonical: bytes = binary(null=False)  # what is shown, digested and executed
    digest: bytes = binary(null=False)
    agent: str
    run: str
    key: str  # what makes two calls of one run the same call
    on_behalf_of: str | None = None  # a mail address
    intent: str | None = None
    reasoning: str = prose()
    confidence: float = 0.0
    rule: str = prose()  # which rule of the agent's side held it
    ruling: str = json_text()  # its tier, its policy by digest, and the values it saw besides the arguments
    state: str
    created_at: datetime = instant(null=False)
    policy: bytes | None = binary()  # the serving side's ruling: the policy by digest, the deadline, its mark
    requester: str | None = None  # the person acted for, if that was somebody known then
    opened_at: datetime | None = instant()
    deadline_at: datetime | None = instant()
    remind_at: datetime | None = instant()
    escalate_at: datetime | None = instant()
    mark: bytes | None = binary()
    approved_at: datetime | None = instant()
    valid_until: datetime | None = instant()
    finished_at: datetime | None = instant()
    result: bytes | None = binary()  # canonical JSON
    error: str = prose()
    effect: str = "none"  # none | unknown, where it failed
    reason: str = prose()  # what the agent may be told
    reason_later: str = later_prose()  # what a person said who had rejected without a reason
    lifted_at: datetime | None = instant()  # since when a rejection is no longer remembered
    decided_by: str = ""
    note: str = prose()  # for people: why it ended, what the keeper refused


class Checkpoint(SQLModel, table=True):
    """The agent's own state, stored with its request."""

    __tablename__ = "checkpoints"

    request_id: str = of_request(primary=True, index=False)
    media_type: str
    body: bytes = binary(null=False)
    sha256: bytes = binary(null=False)
    state_version: str = ""


class Assignment(SQLModel, table=True):
    """One seat of one request, given to one person."""

    __tablename__ = "assignments"
    __table_args__ = (UniqueConstraint("request_id", "person"),)

    id: str = Field(primary_key=True, max_length=32)
    request_id: str = of_request()
    person: str
    address: str
    stage: int
    generation: int = 1  # one more revokes every secret of the one before
    digest: bytes = binary(null=False)  # of the action this person is asked about
    reply_hash: str = Field(index=True)
    bounce_hash: str = Field(index=True)
    state: str  # open | answered | closed | undeliverable | revoked
    mark: bytes | None = binary()
    created_at: datetime = instant(null=False)
    message_id: str = ""  # which mail asked, by its row: the person's thread
    code_tries: int = 0
    clarified: int = 0
    away: bool = False
    shown: str = later_prose()  # JSON: the digest of what the latest mail that asked showed, with its mark
    for_person: str | None = None  # who would have been asked, had this person not been named to stand in


class Delegation(SQLModel, table=True):
    """Somebody's approvals, handed to somebody else for a while."""

    __tablename__ = "delegations"

    id: str = Field(primary_key=True, max_length=32)
    principal: str
    delegate: str
    gate: str = ""  # this gate only; empty: all
    since: datetime = instant(null=False)
    until: datetime = instant(null=False)
    mark: bytes | None = binary()

    __table_args__ = (Index("delegations_until", "until"),)


class Question(SQLModel, table=True):
    """What somebody who was asked wants to know first, passed on to somebody who may know."""

    __tablename__ = "questions"

    id: str = Field(primary_key=True, max_length=32)
    request_id: str = of_request()
    assignment_id: str = Field(sa_column=Column(String(32), ForeignKey("assignments.id"), nullable=False))
    person: str  # who is to answer
    address: str
    text: str = prose()
    reply_hash: str = Field(index=True)
    mark: bytes | None = binary()
    created_at: datetime = instant(null=False)
    answered_at: datetime | None = instant()


class Visit(SQLModel, table=True):
    """One visit of a seat's link, as evidence; nothing is decided by it."""

    __tablename__ = "visits"

    assignment_id: str = Field(sa_column=Column(String(32), ForeignKey("assignments.id"), primary_key=True))
    number: int = Field(primary_key=True)
    times: int = 1  # more than one: this row stands for all that came after the others, and shows the latest
    at: datetime = instant(null=False)
    seconds_after_mail: float | None = None
    method: str
    came_of: str
    program: str = prose()  # what the visiting program calls itself
    network: str = ""  # the address without its last part


class Decision(SQLModel, table=True):
    """A verdict that was proven and counted."""

    __tablename__ = "decisions"
    __table_args__ = (UniqueConstraint("assignment_id"), UniqueConstraint("request_id", "person"))

    id: str = Field(primary_key=True, max_length=32)
    request_id: str = of_request()
    assignment_id: str = Field(sa_column=Column(String(32), ForeignKey("assignments.id"), nullable=False))
    person: str
    stage: int
    verdict: str  # approve | reject
    level: str
    channel: str  # reply | link
    reason: str = prose()
    decided_at: datetime = instant(null=False)
    evidence: str = prose()  # JSON: what was checked
    incoming_id: str | None = None
    mark: bytes | None = binary()
    undone_at: datetime | None = instant()  # taken back by the same person


class Event(SQLModel, table=True):
    """Something that happened, as the use case saw it; the keeper makes it a record."""

    __tablename__ = "events"
    __table_args__ = (
        Index("events_of_request", "request_id", "position"),
        Index("events_unarchived", "archived", "position"),
    )

    id: str = Field(primary_key=True, max_length=32)
    request_id: str | None = of_request(index=False, null=True)
    kind: str
    body: bytes = binary(null=False)  # canonical JSON
    at: datetime = instant(null=False)
    mark: bytes | None = binary()
    position: int | None = Field(default=None, unique=True)  # index of the record; none until sequenced
    record: bytes | None = binary()
    proof: str = prose()
    archived: bool = Field(default=False, sa_column=Column(Boolean, nullable=False, server_default=false()))
    refused: str = prose()  # why the keeper did not make it a record


class Node(SQLModel, table=True):
    """The hash of one complete subtree of the evidence log; see :mod:`mailgate.model.merkle`."""

    __tablename__ = "nodes"

    level: int = Field(primary_key=True)
    position: int = Field(primary_key=True)
    hash: bytes = binary(null=False)


class Head(SQLModel, table=True):
    """One signed checkpoint of the evidence log, a batch each."""

    __tablename__ = "heads"

    size: int = Field(primary_key=True)
    note: str = prose()
    at: datetime = instant(null=False)
    guarded: bool = Field(default=False, sa_column=Column(Boolean, nullable=False, server_default=false()))


class Outgoing(SQLModel, table=True):
    """One mail to one recipient."""

    __tablename__ = "outgoing"
    __table_args__ = (
        Index("outgoing_due", "state", "next_at"),
        Index("outgoing_to", "recipient", "created_at"),
        Index("outgoing_unloaded", "log_size", "state", "events"),
    )

    id: str = Field(primary_key=True, max_length=32)
    kind: str
    request_id: str | None = of_request(null=True)
    assignment_id: str | None = None
    recipient: str
    message_id: str = Field(index=True)  # its token, hashed: whoever reads this table cannot answer a mail
    details: str = prose()  # canonical JSON: what the letter needs beyond request and assignment
    events: str = ""  # ids of the events whose records it carries, comma separated
    log_size: int | None = None  # of the log that has those records; it goes out once the guard has seen so much
    mark: bytes | None = binary()
    created_at: datetime = instant(null=False)
    sealed: bytes | None = binary()  # the exact bytes, from rendering until the server took them
    state: str  # waiting | sent | failed
    attempts: int = 0
    next_at: datetime = instant(null=False)
    claimed_until: datetime | None = instant()
    sent_at: datetime | None = instant()
    last_error: str = prose()


class Incoming(SQLModel, table=True):
    """One mail that reached the mailbox."""

    __tablename__ = "incoming"
    __table_args__ = (UniqueConstraint("mailbox", "folder", "uidvalidity", "uid"), UniqueConstraint("sha256"))

    id: str = Field(primary_key=True, max_length=32)
    mailbox: str
    folder: str
    uidvalidity: int
    uid: int
    sha256: str
    sealed: bytes = binary(null=False)
    size: int
    received_at: datetime = instant(null=False)  # by the mail server
    fetched_at: datetime = instant(null=False)
    state: str = Field(index=True)  # new | concluded | quarantined
    kind: str = ""
    assignment_id: str | None = None
    sender: str = ""
    verdict: str = ""
    level: str = ""
    why: str = prose()
    moved: bool = False


class Cursor(SQLModel, table=True):
    """How far a mailbox folder was read."""

    __tablename__ = "cursors"

    mailbox: str = Field(primary_key=True)
    folder: str = Field(primary_key=True)
    uidvalidity: int
    uid: int
    started_at: datetime = instant(null=False)
    read_at: datetime = instant(null=False)  # when everything that had arrived was known to be stored


class Refused(SQLModel, table=True):
    """How many mails of one kind made no record of their own, since the database was made."""

    __tablename__ = "refused"

    kind: str = Field(primary_key=True)
    count: int


class Execution(SQLModel, table=True):
    """One run of an approved action by one worker."""

    __tablename__ = "executions"

    request_id: str = of_request(primary=True, index=False)
    attempt: int = Field(primary_key=True)
    worker: str
    idempotent: bool
    claimed_at: datetime = instant(null=False)
    lease_until: datetime = instant(null=False)
    finished_at: datetime | None = instant()
    late_report: str = prose()  # what a worker said after it was presumed dead: evidence, not an outcome


class Resumption(SQLModel, table=True):
    """The handing back of one outcome to its agent."""

    __tablename__ = "resumptions"
    __table_args__ = (Index("resumptions_due", "state", "agent", "next_at"),)

    request_id: str = of_request(primary=True, index=False)
    agent: str
    state: str  # waiting | running | done | parked
    attempts: int = 0
    next_at: datetime = instant(null=False)
    lease_until: datetime | None = instant()
    worker: str = ""
    finished_at: datetime | None = instant()
    last_error: str = prose()


class Logged(SQLModel, table=True):
    """One action of tier ``log``: it ran at once and is shown to people afterwards."""

    __tablename__ = "logged"
    __table_args__ = (
        UniqueConstraint("agent", "run", "key"),
        Index("logged_untold", "told_in", "state", "finished_at"),
    )

    id: str = Field(primary_key=True, max_length=32)
    action: str
    canonical: bytes = binary(null=False)
    digest: bytes = binary(null=False)
    agent: str
    run: str
    key: str
    on_behalf_of: str | None = None
    reasoning: str = prose()
    confidence: float = 0.0
    rule: str = prose()
    ruling: str = json_text()  # as of a request
    created_at: datetime = instant(null=False)
    state: str  # executing | succeeded | failed
    result: bytes | None = binary()
    error: str = prose()
    finished_at: datetime | None = instant()
    told_in: str = later_prose()  # the event of its digest


class Digest(SQLModel, table=True):
    """The exact lines of one digest of logged actions; the record of its event binds them by hash."""

    __tablename__ = "digests"

    event_id: str = Field(sa_column=Column(String(32), ForeignKey("events.id"), primary_key=True))
    lines: bytes = binary(null=False)


class Policy(SQLModel, table=True):
    """A gate's canonical form, by its digest."""

    __tablename__ = "policies"

    digest: bytes = Field(sa_column=Column(LargeBinary, primary_key=True))
    document: bytes = binary(null=False)


class Lease(SQLModel, table=True):
    """Who is the one owner of a role; ``epoch`` grows with every change of owner."""

    __tablename__ = "leases"

    name: str = Field(primary_key=True)
    owner: str
    epoch: int
    until: datetime = instant(null=False)
