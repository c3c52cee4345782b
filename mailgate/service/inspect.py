"""What operators see of requests, and the two things they may do to one: cancel it, settle it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from mailgate.errors import InvalidArguments
from mailgate.model.canonical import read_plain
from mailgate.model.evidence import format_time
from mailgate.model.lifecycle import State, Trigger
from mailgate.service.conclude import conclude
from mailgate.service.context import Serving, Working
from mailgate.service.marks import check_action
from mailgate.service.proof import approved_by
from mailgate.service.wording import summary_of
from mailgate.store import Tx
from mailgate.store.answers import assignments_of, decisions_of
from mailgate.store.events import append_event, events_of
from mailgate.store.mails import outgoing_of
from mailgate.store.requests import find_by_prefix, get_request, latest, lock_request
from mailgate.store.tables import Request
from mailgate.store.visits import visits_of


def overview(working: Working, state: str | None) -> list[dict[str, Any]]:
    """Return one plain row for each request, newest first."""
    with working.store.read() as tx:
        return [
            {
                "id": r.id,
                "state": r.state,
                "action": r.action,
                "agent": r.agent,
                "run": r.run,
                "created_at": _instant(r.created_at),
                "deadline_at": _instant(r.deadline_at),
            }
            for r in latest(tx, state=state)
        ]


def details(working: Working, prefix: str) -> dict[str, Any]:
    """Return everything about one request that is no secret, as plain JSON; instants are RFC 3339 in UTC.

    Arguments and result are as they are stored: what JSON has no type for stands in a ``$`` tag (``model/canonical.py``).

    Raises:
        InvalidArguments: no request, or several, begin with ``prefix``.
        Forged: its arguments are not those of its digest.
    """
    with working.store.read() as tx:
        request = _find(tx, prefix)
        check_action(request)
        return {
            "id": request.id,
            "state": request.state,
            "meaning": summary_of(State(request.state)),
            "action": request.action,
            "arguments": read_plain(request.canonical)["arguments"],
            "digest": request.digest.hex(),
            "agent": request.agent,
            "run": request.run,
            "on_behalf_of": request.on_behalf_of,
            "held_by": request.rule,
            "asked_at": _instant(request.created_at),
            "deadline_at": _instant(request.deadline_at),
            "finished_at": _instant(request.finished_at),
            "decided_by": request.decided_by,
            "reason": request.reason or request.reason_later,
            "result": None if request.result is None else read_plain(request.result),
            "error": request.error,
            "effect": request.effect if request.state == State.FAILED else None,
            "note": request.note,
            "people": [
                {
                    "person": a.person,
                    "for": a.for_person,
                    "address": a.address,
                    "stage": a.stage + 1,
                    "seat": a.state,
                    "away": a.away,
                }
                for a in assignments_of(tx, request.id)
            ],
            "decisions": [
                {
                    "person": d.person,
                    "verdict": d.verdict,
                    "level": d.level,
                    "at": _instant(d.decided_at),
                    "reason": d.reason,
                }
                for d in decisions_of(tx, request.id)
            ],
            "visits": _visits(tx, request),
            "records": [
                {"index": e.position, "event": e.kind, "at": _instant(e.at), "refused": e.refused}
                for e in events_of(tx, request.id)
            ],
            "mails": [
                {"kind": m.kind, "to": m.recipient, "state": m.state, "problem": m.last_error}
                for m in outgoing_of(tx, request.id)
            ],
        }


def cancel_request(working: Working, prefix: str, *, by: str, exact: bool = False) -> str:
    """Cancel a pending request and return its id.

    Args:
        exact: ``prefix`` is the whole id; programs do not guess.

    Raises:
        InvalidArguments: there is no such request.
        IllegalTransition: it is not pending.
    """
    with working.store.write() as tx:
        request = lock_request(tx, (get_request if exact else _find)(tx, prefix).id)
        conclude(tx, request, Trigger.CANCEL, kind="cancelled", body={"actor": {"by": by}}, key=None, note=f"by {by}")
        return request.id


def settle_request(serving: Serving, prefix: str, *, succeeded: bool, by: str) -> str:
    """Say what became of an execution in doubt, and return the request's id.

    Raises:
        InvalidArguments: there is no such request.
        IllegalTransition: it is not in doubt.
        Forged: no signed decision approves it, so it was not rightly started.
    """
    with serving.store.write() as tx:
        request = lock_request(tx, _find(tx, prefix).id)
        who = approved_by(tx, serving.verifier, request) if request.state == State.IN_DOUBT else ""
        trigger = Trigger.SETTLE_SUCCEEDED if succeeded else Trigger.SETTLE_FAILED
        conclude(
            tx,
            request,
            trigger,
            kind="settled",
            body={"actor": {"operator": by}},
            key=serving.key,
            error="" if succeeded else f"settled as failed by {by}",
            effect="none" if succeeded else "unknown",
            decided_by=who,
        )
        return request.id


def lift_rejection(serving: Serving, prefix: str, *, by: str) -> str:
    """Let an agent ask again for what was rejected, and return the request's id. The rejection itself stays as it is.

    Raises:
        InvalidArguments: there is no such request, or it was not rejected, or was lifted before.
    """
    with serving.store.write() as tx:
        request = lock_request(tx, _find(tx, prefix).id)
        if request.state != State.REJECTED or request.lifted_at is not None:
            stands = "was lifted before" if request.lifted_at is not None else f"is {request.state}"
            raise InvalidArguments(f"Request {request.id} {stands}; only a rejection that is remembered can be lifted.")
        request.lifted_at = tx.now
        request.key = lifted_key(request)
        tx.session.add(request)
        append_event(tx, "lifted", request.id, {"actor": {"operator": by}}, key=serving.key)
        return request.id


def lifted_key(request: Request) -> str:
    """Return the key of a request whose rejection is lifted: the same call of the same run asks anew."""
    return f"{request.key} lifted {request.id}"


def _visits(tx: Tx, request: Request) -> list[dict[str, Any]]:
    return [
        {
            "person": person,
            "at": _instant(visit.at),
            "seconds_after_mail": visit.seconds_after_mail,
            "method": visit.method,
            "came_of": visit.came_of,
            "network": visit.network,
            "program": visit.program,
            "times": visit.times,
        }
        for visit, person in visits_of(tx, request.id)
    ]


def _find(tx: Tx, prefix: str) -> Request:
    found = find_by_prefix(tx, prefix.lower())
    if len(found) == 1:
        return found[0]
    how_many = "no request begins" if not found else "several requests begin"
    raise InvalidArguments(f"{how_many.capitalize()} with {prefix!r}; `mailgate requests list` shows them.")


def _instant(at: datetime | None) -> str | None:
    return None if at is None else format_time(at)
