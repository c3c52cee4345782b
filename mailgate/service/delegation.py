"""Delegation: for a while somebody else is asked in a person's place. One step only, on record, and never the requester."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import structlog

from mailgate.errors import Forged, InvalidArguments
from mailgate.model.evidence import format_time
from mailgate.service.context import Serving, Working
from mailgate.service.marks import bears_event_mark
from mailgate.store import Tx
from mailgate.store.answers import all_delegations, delegations_at
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
        mark_delegation(serving.key, row)
        tx.session.add(row)
        append_event(tx, "delegation", None, _said(row, by), key=serving.key)
        return row


def end_delegation(serving: Serving, prefix: str, *, by: str) -> Delegation:
    """End a delegation now, before its time; whoever was to be asked himself is asked then, also of open requests.

    Args:
        prefix: the beginning of its id.
        by: the operator who says so.

    Raises:
        InvalidArguments: no delegation that holds now begins like that, or several do.
    """
    with serving.store.write() as tx:
        found = [row for row in delegations_at(tx, tx.now) if row.id.startswith(prefix)] if prefix else []
        if len(found) != 1:
            many = "several delegations begin" if found else "no delegation that holds now begins"
            raise InvalidArguments(f"{many.capitalize()} with {prefix!r}; `mailgate delegations list` shows them.")
        row = found[0]
        if not _is_ours(serving.key, row):
            raise Forged(
                "delegations", row.id, "this delegation was not made by the serving side; it holds for nothing"
            )
        row.until = tx.now
        mark_delegation(serving.key, row)
        tx.session.add(row)
        append_event(tx, "delegation", None, _said(row, by) | {"ended": True}, key=serving.key)
        return row


def listed(working: Working) -> list[dict[str, Any]]:
    """Return every delegation as plain JSON, earliest first; ``holds`` says whether it does now, as its row has it."""
    with working.store.read() as tx:
        return [
            {
                "id": row.id,
                "from": row.principal,
                "to": row.delegate,
                "gate": row.gate,
                "since": format_time(row.since),
                "until": format_time(row.until),
                "holds": row.since <= tx.now < row.until,
            }
            for row in all_delegations(tx)
        ]


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
    """Return for whom somebody was named whose row is gone, forged, or an older one while it should not hold."""
    said = [json.loads(e.body) for e in unbound_events(tx, "delegation") if bears_event_mark(serving.key, e, None)]
    latest = {body["delegation"]: body for body in said}  # one that was ended has a second word
    good = {row.id for row in rows if _is_ours(serving.key, row) and _is_as_said(row, latest)}
    lost = [b for b in latest.values() if b["delegation"] not in good and datetime.fromisoformat(b["until"]) > tx.now]
    forged = [row.principal for row in rows if row.id not in good]
    if lost or forged:
        log.error(
            "forged", table="delegations", row="", why="a delegation was removed, or not made by the serving side"
        )
    return frozenset([*(b["from"] for b in lost), *forged])


def _is_as_said(row: Delegation, latest: Mapping[str, Mapping[str, Any]]) -> bool:
    """Return whether a row has the end that was said last: an earlier state of it bears a right mark, too."""
    return row.id in latest and latest[row.id]["until"] == format_time(row.until)


def _said(row: Delegation, by: str) -> dict[str, Any]:
    return {
        "delegation": row.id,
        "actor": {"operator": by},
        "from": row.principal,
        "to": row.delegate,
        "gate": row.gate,
        "until": format_time(row.until),
    }


def mark_delegation(key: ServeKey, row: Delegation) -> None:
    """Mark a delegation as made by the serving side."""
    row.mark = key.mark("delegation", _fields(row))


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
