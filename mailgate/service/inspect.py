"""What operators see of requests, and the two things they may do to one: cancel it, settle it."""

from __future__ import annotations

from typing import Any

from mailgate.errors import InvalidArguments
from mailgate.model.lifecycle import State, Trigger
from mailgate.service.conclude import conclude
from mailgate.service.context import Serving, Working
from mailgate.service.marks import check_action
from mailgate.service.proof import approver_of, get_approval
from mailgate.service.wording import summary_of
from mailgate.store import Tx
from mailgate.store.answers import assignments_of, decisions_of
from mailgate.store.events import events_of
from mailgate.store.mails import outgoing_of
from mailgate.store.requests import find_by_prefix, get_request, latest, lock_request
from mailgate.store.tables import Request


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
                "created_at": _minute(r.created_at),
                "deadline_at": _minute(r.deadline_at),
            }
            for r in latest(tx, state=state)
        ]


def details(working: Working, prefix: str) -> dict[str, Any]:
    """Return everything about one request that is no secret.

    Raises:
        InvalidArguments: no request, or several, begin with ``prefix``.
    """
    with working.store.read() as tx:
        request = _find(tx, prefix)
        return {
            "id": request.id,
            "state": f"{request.state} ({summary_of(State(request.state))})",
            "action": request.action,
            "arguments": {n: str(v) for n, v in check_action(request).arguments.items()},
            "digest": request.digest.hex(),
            "agent": request.agent,
            "run": request.run,
            "on behalf of": request.on_behalf_of,
            "held by": request.rule,
            "asked at": _minute(request.created_at),
            "deadline": _minute(request.deadline_at),
            "decided by": request.decided_by,
            "reason": request.reason,
            "error": request.error,
            "note": request.note,
            "people": [
                {"person": a.person, "address": a.address, "seat": a.state, "away": a.away or None}
                for a in assignments_of(tx, request.id)
            ],
            "decisions": [
                {
                    "person": d.person,
                    "verdict": d.verdict,
                    "level": d.level,
                    "at": _minute(d.decided_at),
                    "reason": d.reason,
                }
                for d in decisions_of(tx, request.id)
            ],
            "records": [
                {"index": e.position, "event": e.kind, "at": _minute(e.at), "refused": e.refused}
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
        who = approver_of(get_approval(tx, serving.verifier, request)) if request.state == State.IN_DOUBT else ""
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


def _find(tx: Tx, prefix: str) -> Request:
    found = find_by_prefix(tx, prefix.lower())
    if len(found) == 1:
        return found[0]
    how_many = "no request begins" if not found else "several requests begin"
    raise InvalidArguments(f"{how_many.capitalize()} with {prefix!r}; `mailgate requests list` shows them.")


def _minute(instant: Any) -> str | None:
    return None if instant is None else f"{instant:%Y-%m-%d %H:%M} UTC"
