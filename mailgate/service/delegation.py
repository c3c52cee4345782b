"""Delegation: for a while somebody else is asked in a person's place. One step only, on record, and never the requester."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import structlog

from mailgate.errors import InvalidArguments
from mailgate.model.evidence import format_time
from mailgate.service.context import Serving
from mailgate.service.marks import bears_event_mark
from mailgate.store import Tx
from mailgate.store.answers import delegations_at
from mailgate.store.events import append_event, unbound_events
from mailgate.store.tables import Delegation
from mailgate.tokens import ServeKey

log = structlog.get_logger(__name__)


def delegate(serving: Serving, principal: str, to: str, *, until: datetime, gate: str = "", by: str) -> Delegation:
    """Let ``to`` be asked instead of ``principal`` from now on; requests that are open stay with whoever was asked.

    Args:
        until: aware; the delegation ends then by itself.
        gate: for this gate only; empty: for all.
        by: the operator who says so.

    Raises:
        InvalidArguments: unknown or shared people, an end that is past, or somebody who hands on what he was handed.
    """
    people, now_bad = serving.config.people, None
    for name in (principal, to):
        if name not in people:
            raise InvalidArguments(f"There is nobody {name!r} under [people].")
        if people[name].group:
            raise InvalidArguments(f"{name} is a shared mailbox (group = true); name one person.")
    if gate and gate not in serving.config.gates:
        raise InvalidArguments(f"There is no gate {gate!r}; `mailgate policy show` lists them.")
    if principal == to:
        now_bad = f"{principal} cannot stand in for {principal}."
    with serving.store.write() as tx:
        if until <= tx.now:
            now_bad = f"The end, {until:%Y-%m-%d %H:%M} UTC, is past."
        if now_bad:
            raise InvalidArguments(now_bad)
        row = Delegation(id=tx.chance.id(), principal=principal, delegate=to, gate=gate, since=tx.now, until=until)
        row.mark = serving.key.mark("delegation", _fields(row))
        tx.session.add(row)
        body = {
            "delegation": row.id,
            "actor": {"operator": by},
            "from": principal,
            "to": to,
            "gate": gate,
            "until": format_time(until),
        }
        append_event(tx, "delegation", None, body, key=serving.key)
        return row


def stand_ins(tx: Tx, serving: Serving, action: str) -> Mapping[str, str]:
    """Return who is asked instead of whom for ``action`` now: principal to delegate; the latest word counts.

    One step only: who stands in for somebody does so himself, also where he has handed his own approvals on. Where a row
    was forged, or removed, the person is asked himself.
    """
    found: dict[str, str] = {}
    rows = delegations_at(tx, tx.now)
    for row in rows:
        if row.gate in ("", action) and _is_ours(serving.key, row) and row.delegate in serving.config.people:
            found[row.principal] = row.delegate
    doubtful = _in_doubt(tx, serving, rows)
    return {principal: to for principal, to in found.items() if principal not in doubtful}


def _in_doubt(tx: Tx, serving: Serving, rows: Sequence[Delegation]) -> frozenset[str]:
    """Return for whom somebody was named whose row is gone or forged while it should hold."""
    good = {row.id for row in rows if _is_ours(serving.key, row)}
    made = [json.loads(e.body) for e in unbound_events(tx, "delegation") if bears_event_mark(serving.key, e, None)]
    lost = [b for b in made if b["delegation"] not in good and datetime.fromisoformat(b["until"]) > tx.now]
    forged = [row.principal for row in rows if row.id not in good]
    if lost or forged:
        log.error(
            "forged", table="delegations", row="", why="a delegation was removed, or not made by the serving side"
        )
    return frozenset([*(b["from"] for b in lost), *forged])


def _is_ours(key: ServeKey, row: Delegation) -> bool:
    return key.bears_mark("delegation", _fields(row), row.mark)


def _fields(row: Delegation) -> dict[str, Any]:
    return {
        "id": row.id,
        "principal": row.principal,
        "delegate": row.delegate,
        "gate": row.gate,
        "since": format_time(row.since),
        "until": format_time(row.until),
    }
