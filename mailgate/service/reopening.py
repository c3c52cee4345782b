"""What was open when a database was lost, in the one made from the archive: nothing runs on it that nobody can vouch for.

A seat's tries at its code, and what was sent and not recorded, are not in the archive. So the secrets of open requests die:
people are asked again, under new ones. What was approved may have been started since: a person finds out. An agent whose
state the archive does not carry is not resumed.
"""

from __future__ import annotations

from dataclasses import dataclass

from mailgate.model.lifecycle import State, Trigger
from mailgate.service.complaints import founded
from mailgate.service.context import Serving
from mailgate.service.marks import check_ruling
from mailgate.service.posting import tell_operators
from mailgate.service.reseating import look_again, reseat
from mailgate.store import Tx
from mailgate.store.answers import assignments_of
from mailgate.store.events import append_event
from mailgate.store.requests import in_state, move
from mailgate.store.tables import Request, Resumption

MOST = 100_000

ASKED_AGAIN = "the database was made from the archive, and earlier links and codes are void"
"""Why the people of an open request are asked again."""

NOT_CERTAIN = f"{ASKED_AGAIN}; nobody knows whether the archive has what was recorded last"
"""The same, where the guard is gone too, or has seen records that never reached the archive."""

NOT_KNOWN = "the database was made from the archive, and nobody knows whether it was started before"

NO_STATE = "The database was made from the archive, which does not carry agents' states (archive.carry_checkpoint)."


@dataclass(frozen=True, slots=True, kw_only=True)
class Reopened:
    """How many requests are asked about again, were left in doubt, and have lost their agent's state."""

    asked_again: int
    in_doubt: int
    without_state: int


def reopen(tx: Tx, serving: Serving, stateless: set[str], *, certain: bool) -> Reopened:
    """Let what is open be asked anew or be looked into, and say so in events that wait for the keeper.

    Args:
        stateless: the requests whose agent's state is not there.
        certain: whether the archive is known to have every record that was made.
    """
    doubtful = in_state(tx, State.APPROVED, limit=MOST)
    for request in doubtful:
        _leave_in_doubt(tx, serving, request)
    look_again(tx, serving)
    again = [_ask_again(tx, serving, r, certain=certain) for r in in_state(tx, State.PENDING, limit=MOST)]
    lost = [_leave_unresumed(tx, request_id) for request_id in sorted(stateless)]
    return Reopened(asked_again=sum(again), in_doubt=len(doubtful), without_state=sum(lost))


def _leave_in_doubt(tx: Tx, serving: Serving, request: Request) -> None:
    """A worker may have claimed what was approved without a record that reached the archive: it must not run twice."""
    move(tx, request, Trigger.DIE, note=NOT_KNOWN)
    body = {"actor": {"system": "rebuild"}, "reason": NOT_KNOWN}
    append_event(tx, "in_doubt", request.id, body, key=serving.key)
    tell_operators(
        tx,
        serving,
        request,
        headline=f"{request.action} was approved, and {NOT_KNOWN}.",
        next_step=f"Find out, then run: mailgate requests settle {request.id} --as succeeded   (or --as failed)",
    )


def _ask_again(tx: Tx, serving: Serving, request: Request, *, certain: bool) -> bool:
    """Give everybody who may still answer a new link, code and address; not after the deadline."""
    seats = [seat for seat in assignments_of(tx, request.id) if seat.state == "open"]
    is_over = request.deadline_at is not None and request.deadline_at <= tx.now
    if not seats or is_over or not founded(tx, serving, request):
        return False
    _, gate = check_ruling(tx, serving.key, request)
    reseat(tx, serving, request, gate, seats, because=ASKED_AGAIN if certain else NOT_CERTAIN)
    return True


def _leave_unresumed(tx: Tx, request_id: str) -> bool:
    """Resume no agent without its state; return whether one was still to be resumed."""
    request, waiting = tx.session.get_one(Request, request_id), tx.session.get(Resumption, request_id)
    if waiting is not None and waiting.state != "waiting":
        return False
    if waiting is None:
        # It has not ended yet: when it does, this is there already, and nothing is due.
        tx.session.add(
            Resumption(request_id=request.id, agent=request.agent, state="parked", next_at=tx.now, last_error=NO_STATE)
        )
        return True
    waiting.state, waiting.last_error = "parked", NO_STATE
    tx.session.add(waiting)
    body = {"actor": {"agent": request.agent}, "attempts": 0, "error": NO_STATE}
    append_event(tx, "resume_failed", request.id, body, key=None)
    return True
