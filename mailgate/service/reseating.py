"""Seats of people who may not decide any more are closed, and whoever is to be asked instead is asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mailgate.model.lifecycle import UNREACHABLE, State
from mailgate.model.policy import Gate
from mailgate.service.complaints import founded
from mailgate.service.context import Serving
from mailgate.service.marks import check_ruling
from mailgate.service.opening import ask_people, ask_stage, give_up, is_entitled, reserve_of, tally_of
from mailgate.store import Tx
from mailgate.store.answers import assignments_of, decisions_of, stand_ins_over
from mailgate.store.events import append_event
from mailgate.store.requests import get_request, in_state, lock_request
from mailgate.store.tables import Assignment, Decision, Request


def look_again(tx: Tx, serving: Serving) -> int:
    """Close the seats of people who may not decide any more, and ask who is to be asked instead; return how many requests.

    Where nobody is left who could approve, the request ends.
    """
    return sum(_revoke(tx, serving, found.id) for found in in_state(tx, State.PENDING, limit=10_000) if found.opened_at)


def let_stand_ins_go(tx: Tx, serving: Serving) -> Iterator[Request]:
    """Do the same where somebody's time to stand in for another is over; yield the requests."""
    for request_id in sorted({seat.request_id for seat in stand_ins_over(tx)}):
        if _revoke(tx, serving, request_id):
            yield get_request(tx, request_id)


def _revoke(tx: Tx, serving: Serving, request_id: str) -> bool:
    request = lock_request(tx, request_id)
    if request.state != State.PENDING or not founded(tx, serving, request):
        return False
    _, gate = check_ruling(tx, serving.key, request)
    revoked = [
        seat
        for seat in assignments_of(tx, request.id)
        if seat.state == "open" and not is_entitled(tx, serving, request, gate, seat)
    ]
    if not revoked:
        return _lost_a_yes(tx, serving, request, gate, decisions_of(tx, request.id))
    reseat(tx, serving, request, gate, revoked)
    return True


def reseat(
    tx: Tx, serving: Serving, request: Request, gate: Gate, seats: Sequence[Assignment], *, because: str = ""
) -> None:
    """Close ``seats`` for good, with all their secrets, and ask whoever is to be asked now; they may be the same people.

    Args:
        because: why, where it is not that these people may not decide any more.
    """
    for seat in seats:
        seat.state = "revoked"
        tx.session.add(seat)
    body = {"people": [seat.person for seat in seats], "actor": {"system": "keeper"}}
    event = append_event(tx, "revoked", request.id, body | ({"reason": because} if because else {}), key=serving.key)
    stage = tally_of(tx, serving, request, gate, decisions_of(tx, request.id)).stage
    # A stage names only its own people: whoever was asked as well is asked again here.
    again = {seat.for_person or seat.person for seat in seats} & {*reserve_of(serving, gate)}
    list(ask_people(tx, serving, request, gate, sorted(again), stage, event, "escalation"))
    ask_stage(tx, serving, request, gate, stage, event)


def _lost_a_yes(tx: Tx, serving: Serving, request: Request, gate: Gate, decisions: Sequence[Decision]) -> bool:
    """End a request that cannot be approved any more because somebody was removed who had answered; return whether."""
    if tally_of(tx, serving, request, gate, decisions).standing not in UNREACHABLE:
        return False
    give_up(tx, serving, request, gate, decisions, because="too few people are left who may approve it")
    return True
