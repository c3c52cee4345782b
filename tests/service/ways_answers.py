"""Ways to forge assignments and decisions."""

from __future__ import annotations

from typing import Any

from mailgate.model.verdict import Verdict
from mailgate.tokens import address_hash
from tests.service.forging import (
    TOKEN,
    Way,
    alice_approves,
    approved_unrecorded,
    asked,
    asked_two,
    bob_approves,
    both_approve,
    decision_row,
    entering,
    evil_request,
    half,
    person_approves,
    rows,
)
from tests.service.rig import GATES, Rig

WAYS: list[Way] = []
way = entering(WAYS)


@way("assignments: a seat put in for an address of the forger's", asked_two, then=alice_approves)
def _(rig: Rig, r: str) -> None:
    seat = rows(rig, "assignments", r)[0]
    rig.insert(
        "assignments",
        **(
            seat
            | {"id": "evil", "person": "carol", "address": "mallory@evil.example", "reply_hash": address_hash(TOKEN)}
        ),
    )


@way("assignments: a seat put in beyond the last stage", half, then=bob_approves)
def _(rig: Rig, r: str) -> None:
    rig.insert("assignments", **(rows(rig, "assignments", r)[0] | {"id": "evil", "person": "carol", "stage": 99}))


@way("assignments: two people's seats exchanged", half, then=alice_approves)
def _(rig: Rig, r: str) -> None:
    rig.forge("update assignments set person = person || '2' where request_id = :r", r=r)
    rig.forge("update assignments set person = 'bob' where request_id = :r and person = 'alice2'", r=r)
    rig.forge("update assignments set person = 'alice' where request_id = :r and person = 'bob2'", r=r)


@way("assignments: a seat given to somebody else", asked, then=lambda rig, r: person_approves(rig, r, "carol"))
def _(rig: Rig, r: str) -> None:
    rig.forge("update assignments set person = 'carol', address = 'carol@example.com' where request_id = :r", r=r)


for column, value in (
    ("address", "mallory@evil.example"),
    ("reply_hash", address_hash("evil")),
    ("bounce_hash", address_hash("evil")),
    ("generation", 2),
    ("digest", b"\x00" * 32),
    ("stage", 1),
    ("mark", b"\x00" * 32),
):

    @way(f"assignments: {column} changed", asked, then=bob_approves)
    def _(rig: Rig, r: str, column: str = column, value: Any = value) -> None:
        rig.forge(f"update assignments set {column} = :v where request_id = :r", v=value, r=r)


@way(
    "assignments: a seat of a harmless request moved to an evil one",
    asked,
    then=lambda rig, r: bob_approves(rig, "evil"),
)
def _(rig: Rig, r: str) -> None:
    evil_request(rig, r)
    rig.forge("update assignments set request_id = 'evil' where request_id = :r", r=r)


@way(
    "assignments: a seat of a harmless request copied to an evil one",
    asked,
    then=lambda rig, r: bob_approves(rig, "evil"),
)
def _(rig: Rig, r: str) -> None:
    evil_request(rig, r)
    rig.insert("assignments", **(rows(rig, "assignments", r)[0] | {"id": "evil", "request_id": "evil"}))


@way("assignments: address changed while a reminder is ordered, and put right again", asked, said="operators")
def _(rig: Rig, r: str) -> None:
    rig.forge("update requests set remind_at = :now where id = :r", now=rig.clock.at, r=r)
    rig.forge("update assignments set address = 'mallory@evil.example' where request_id = :r", r=r)
    rig.keeper()
    rig.forge("update assignments set address = 'bob@example.com' where request_id = :r", r=r)


@way("assignments: address changed while a receipt is ordered, and put right again", approved_unrecorded)
def _(rig: Rig, r: str) -> None:
    rig.forge("update assignments set address = 'mallory@evil.example' where request_id = :r", r=r)
    rig.keeper()
    rig.forge("update assignments set address = 'bob@example.com' where request_id = :r", r=r)


# decisions


@way("decisions: the missing yes put in", half)
def _(rig: Rig, r: str) -> None:
    decision_row(rig, r, "bob")


@way("decisions: the missing yes put in before the other", asked_two, then=alice_approves)
def _(rig: Rig, r: str) -> None:
    decision_row(rig, r, "bob")


@way("decisions: the missing yes copied from another request", half, then=alice_approves)
def _(rig: Rig, r: str) -> None:
    other = rig.ask("pay_twice", {"order": "A-2"})
    rig.press(other, "bob")
    rig.keeper()
    [row] = rows(rig, "decisions", other)
    seat = rig.seat(r, "bob").id
    rig.insert("decisions", **(row | {"id": "evil", "request_id": r, "assignment_id": seat}))


def no_veto(rig: Rig) -> str:
    """Ask three, of whom two are enough; Alice said no, which alone does not end it."""
    gate = GATES["pay_twice"] | {"approvers": ["alice", "bob", "carol"], "veto": False}
    rig.changed(gates=GATES | {"pay_twice": gate})
    request_id = rig.ask("pay_twice")
    assert rig.press(request_id, "alice", Verdict.REJECT).done
    rig.keeper()
    return request_id


@way("decisions: a no made a yes", no_veto, then=bob_approves)
def _(rig: Rig, r: str) -> None:
    rig.forge("update decisions set verdict = 'approve' where request_id = :r", r=r)


@way("decisions: a no removed, so that its person can be asked again", no_veto, then=both_approve)
def _(rig: Rig, r: str) -> None:
    rig.forge("delete from decisions where request_id = :r", r=r)
    rig.forge("update assignments set state = 'open' where request_id = :r", r=r)


for column, value in (
    ("person", "carol"),
    ("level", "dashboard"),
    ("reason", "fine"),
    ("stage", 1),
    ("evidence", "{}"),
):

    @way(f"decisions: {column} changed", half, then=bob_approves)
    def _(rig: Rig, r: str, column: str = column, value: Any = value) -> None:
        rig.forge(f"update decisions set {column} = :v where request_id = :r", v=value, r=r)
