"""What belongs to no request, from its records: policies, delegations, what ran unasked; and which mails the archive has."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from mailgate.errors import LogBroken
from mailgate.model.action import read_action
from mailgate.model.canonical import canonical_bytes
from mailgate.model.lifecycle import State
from mailgate.model.policy import Gate, policy_digest, read_gate
from mailgate.model.records import Record
from mailgate.service.delegation import mark_delegation
from mailgate.service.marks import mark_outgoing
from mailgate.service.regrowing import Regrown
from mailgate.store import Tx
from mailgate.store.tables import Delegation, Digest, Event, Logged, Outgoing, Policy
from mailgate.tokens import ServeKey, message_hash


@dataclass(slots=True, kw_only=True)
class Unbound:
    """What records have said so far; delegations by id, gates by the digest of their policy, mails by Message-ID."""

    key: ServeKey
    delegations: dict[str, Delegation] = field(default_factory=dict)
    gates: dict[bytes, Gate] = field(default_factory=dict)
    mails: dict[str, Outgoing] = field(default_factory=dict)
    logged: int = 0

    def policy(self, tx: Tx, digest: str, document: Any) -> None:
        """Keep a policy that a record has, once.

        Raises:
            LogBroken: it is not the one that its digest names.
        """
        canonical, named = canonical_bytes(document), bytes.fromhex(digest)
        if policy_digest(canonical) != named:
            raise LogBroken(f"A record has another policy than the one that it names, {digest[:16]}.")
        if named not in self.gates:
            self.gates[named] = read_gate(canonical)
            tx.session.add(Policy(digest=named, document=canonical))

    def delegation(self, record: Record) -> None:
        """Note who stands in for whom, or that it ended."""
        body, until = record.body, datetime.fromisoformat(record.body["until"])
        row = self.delegations.get(body["delegation"])
        if row is None:
            row = self.delegations[body["delegation"]] = Delegation(
                id=body["delegation"],
                principal=body["from"],
                delegate=body["to"],
                gate=body["gate"],
                since=record.at,
                until=until,
            )
        row.until = until
        mark_delegation(self.key, row)

    def digest(self, tx: Tx, record: Record, event: Event, lines: bytes | None) -> None:
        """Store what ran without asking, as a digest showed it.

        Raises:
            LogBroken: its lines are not there, or not those that the record binds.
        """
        if lines is None or hashlib.sha256(lines).hexdigest() != record.body["log_tier_sha256"]:
            raise LogBroken(f"The actions that the digest of record {record.index} shows are missing, or others.")
        tx.session.add(event)
        tx.session.flush()
        tx.session.add(Digest(event_id=event.id, lines=lines))
        rows = [_logged(json.loads(line), event) for line in lines.splitlines()]
        tx.session.add_all(rows)
        self.logged += len(rows)

    def mail(self, tx: Tx, one: Regrown, event_id: str) -> None:
        """Note which mail took a record to the archive."""
        found, record = one.found, one.record
        if not found.archived or not found.mail or record is None:
            return
        row = self.mails.get(found.mail)
        at = found.mailed_at or record.at
        if row is None:
            row = self.mails[found.mail] = Outgoing(
                id=tx.chance.id(),
                kind=_kind(record),
                recipient=found.mailed_to,
                message_id=message_hash(found.mail.removeprefix("<").partition(".mailgate@")[0]),
                details=canonical_bytes({"message_id": found.mail}).decode(),
                created_at=at,
                state="sent",
                next_at=at,
                sent_at=at,
            )
        # Records come in their order, and a mail was written for the last one that it carries.
        row.events = f"{row.events},{event_id}" if row.events else event_id
        row.kind, row.request_id, row.log_size = _kind(record), record.request or None, record.index + 1

    def rows(self) -> list[Any]:
        """Return the rows that can only be made in the end, with marks."""
        for row in self.mails.values():
            mark_outgoing(self.key, row)
        return [*self.delegations.values(), *self.mails.values()]


def _kind(record: Record) -> str:
    if record.event == "undo" and record.body["outcome"] == State.PENDING:
        return "receipt"
    return _KINDS.get(record.event, "outcome")


_KINDS: Mapping[str, str] = {
    "request": "request",
    "decision": "receipt",
    "question": "question",
    "answer": "answer",
    "seal": "seal",
    "digest": "digest",
}
"""What kind of mail tells the archive of an event; of everything else, that a request ended."""


def _logged(said: Mapping[str, Any], event: Event) -> Logged:
    canonical = said["canonical"].encode()
    texts = (
        "id",
        "action",
        "agent",
        "run",
        "key",
        "on_behalf_of",
        "reasoning",
        "confidence",
        "rule",
        "ruling",
        "state",
    )
    return Logged(
        **{name: said[name] for name in (*texts, "error")},
        canonical=canonical,
        digest=read_action(canonical).digest,
        result=None if said["result"] is None else said["result"].encode(),
        created_at=datetime.fromisoformat(said["created_at"]),
        finished_at=datetime.fromisoformat(said["finished_at"]),
        told_in=event.id,
    )
