"""Digests: what ran under the tier `log` is shown to people afterwards, and bound into the record by its hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from mailgate.errors import Forged
from mailgate.mail.draft import notice_letter
from mailgate.mail.letter import Letter
from mailgate.model.canonical import canonical_bytes
from mailgate.model.evidence import format_time
from mailgate.service.context import Serving
from mailgate.service.posting import order_mail
from mailgate.store import Tx
from mailgate.store.events import append_event
from mailgate.store.requests import untold_logged
from mailgate.store.tables import Digest, Event, Logged, Outgoing

MOST = 500
"""Actions in one digest; the next one follows at once."""

MOST_SHOWN = 40
"""Actions that its mail names one by one; all of them are in its attachment."""


def next_digest_at(tx: Tx, serving: Serving) -> datetime | None:
    """Return when the next digest is due; None if nothing ran that people have not been shown."""
    waiting = untold_logged(tx, 1)
    ended = waiting[0].finished_at if waiting else None
    return None if ended is None else ended + serving.config.mailgate.digest_every


def digest_if_due(tx: Tx, serving: Serving) -> bool:
    """Order a digest where one is due; return whether it was."""
    due_at = next_digest_at(tx, serving)
    if due_at is None or due_at > tx.now:
        return False
    rows = untold_logged(tx, MOST)
    lines = b"".join(canonical_bytes(_fields(row)) + b"\n" for row in rows)
    body = {"rows": len(rows), "log_tier_sha256": hashlib.sha256(lines).hexdigest()}
    event = append_event(tx, "digest", None, body, key=serving.key)
    tx.session.flush()
    tx.session.add(Digest(event_id=event.id, lines=lines))
    for row in rows:
        row.told_in = event.id
        tx.session.add(row)
    return True


def send_digest(tx: Tx, serving: Serving, event: Event) -> None:
    """Order the mails of a digest: to the operators, else to those who approve by default, and to the archive."""
    main, directory = serving.config.mailgate, serving.config.directory
    people = directory.expand(main.operators) or directory.expand(main.default_approvers)
    addresses = [directory.people[person].address for person in people]
    for address in dict.fromkeys(filter(None, (*addresses, serving.config.archive.address))):
        order_mail(tx, serving, "digest", None, to=address, events=[event])


def lines_of(tx: Tx, event: Event) -> bytes:
    """Return the exact lines of a digest.

    Raises:
        Forged: they are not those that its event binds.
    """
    found = tx.session.get(Digest, event.id)
    lines = b"" if found is None else found.lines
    if hashlib.sha256(lines).hexdigest() != json.loads(event.body)["log_tier_sha256"]:
        raise Forged("digests", event.id, "its lines are not those that were recorded")
    return lines


def digest_of(tx: Tx, serving: Serving, row: Outgoing, event: Event) -> Letter:
    """Return the mail that shows what ran without asking."""
    told = [json.loads(line) for line in lines_of(tx, event).splitlines()]
    people = {p.address: p.name for p in serving.config.people.values()}
    more = (f"And {len(told) - MOST_SHOWN} more, which are in the attachment.",) if len(told) > MOST_SHOWN else ()
    return notice_letter(
        deployment=serving.config.mailgate.name,
        recipient=people.get(row.recipient, "the archive"),
        title="What ran without asking",
        headline=f"{len(told)} action{'' if len(told) == 1 else 's'} ran under rules that let them pass, and were kept.",
        facts={f"{number}. {fact['action']}": _shown(fact) for number, fact in enumerate(told[:MOST_SHOWN], start=1)},
        next_steps=(*more, "If one of them should have been asked about, change the gate's rules."),
    )


def _shown(fact: Mapping[str, Any]) -> str:
    arguments: Sequence[tuple[str, Any]] = list(json.loads(fact["canonical"])["arguments"].items())
    said = ", ".join(f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in arguments)
    return f"{said or 'no arguments'} · {fact['agent']}, {fact['run']} · {fact['state']} · {fact['rule']}"[:400]


def _fields(row: Logged) -> dict[str, Any]:
    return {
        "id": row.id,
        "action": row.action,
        "canonical": row.canonical.decode(),
        "agent": row.agent,
        "run": row.run,
        "key": row.key,
        "on_behalf_of": row.on_behalf_of,
        "reasoning": row.reasoning,
        "confidence": row.confidence,
        "rule": row.rule,
        "ruling": row.ruling,
        "created_at": format_time(row.created_at),
        "state": row.state,
        "result": None if row.result is None else row.result.decode(),
        "error": row.error,
        "finished_at": row.finished_at and format_time(row.finished_at),
    }
