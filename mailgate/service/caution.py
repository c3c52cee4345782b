"""What a person should know before saying yes: what came of earlier attempts of this agent. Rows to sentences."""

from __future__ import annotations

import json
from collections.abc import Iterator

from mailgate.model.evidence import LogVerifier
from mailgate.model.lifecycle import State
from mailgate.model.policy import Gate
from mailgate.service.opening import NOBODY
from mailgate.service.proof import rejection_as_recorded
from mailgate.service.reopening import ASKED_AGAIN, NOT_CERTAIN
from mailgate.store import Tx
from mailgate.store.events import events_of
from mailgate.store.requests import earlier_attempts
from mailgate.store.tables import Request

_ORDINALS = {1: "Second", 2: "Third", 3: "Fourth", 4: "Fifth"}


def cautions(tx: Tx, verifier: LogVerifier, request: Request, gate: Gate) -> Iterator[str]:
    """Yield the warnings that a request's mail carries, the gravest first."""
    yield from _reopened(tx, request)
    attempts = earlier_attempts(tx, request)
    since = request.created_at - gate.rejection_memory
    rejected = [
        r
        for r in attempts
        if r.state == State.REJECTED and (r.finished_at or r.created_at) > since and _is_near(r, request)
    ]
    if rejected:
        last = rejected[-1]
        which = _ORDINALS.get(len(rejected), f"{len(rejected) + 1}th")
        who, reason = rejection_as_recorded(tx, verifier, last)
        kept = "for a reason that nobody is proven to have written" if who == NOBODY else "without a reason"
        why = f": {reason}" if reason else f", {kept}"
        yield (
            f"{which} attempt after a rejection by {who or 'a person'} on "
            f"{last.finished_at or last.created_at:%Y-%m-%d %H:%M} UTC{why}"
        )
    unknown = [
        r for r in attempts if r.digest == request.digest and (r.effect == "unknown" or r.state == State.IN_DOUBT)
    ]
    if unknown:
        at = unknown[-1].approved_at or unknown[-1].created_at
        yield f"The very same action was started on {at:%Y-%m-%d %H:%M} UTC, and nobody knows whether it took effect."
    if json.loads(request.ruling).get("failed"):
        yield "The assessment of this action failed, so nobody knows its risk."
    if not attempts:
        yield f"{request.agent} asks for {request.action} for the first time."


def _reopened(tx: Tx, request: Request) -> Iterator[str]:
    """Yield why somebody is asked again whom a database that is gone had asked before."""
    reasons = {json.loads(event.body).get("reason") for event in events_of(tx, request.id, "revoked")}
    if NOT_CERTAIN in reasons:
        yield (
            "mailgate's database was lost and made again from the archive, which lacks what was recorded last. Make sure that "
            "this was not approved and run shortly before that. Earlier links and codes are void."
        )
    elif ASKED_AGAIN in reasons:
        yield "mailgate's database was lost and made again from the archive. Earlier links and codes are void."


def _is_near(earlier: Request, request: Request) -> bool:
    """Return whether somebody may be trying again what was rejected: the same action, in the same run, or with the same intent.

    The very same action comes again where the rejection was lifted, or was nobody's that was proven.
    """
    has_intent = request.intent is not None and earlier.intent == request.intent
    return earlier.digest == request.digest or earlier.run == request.run or has_intent
