"""Ways to forge requests and checkpoints."""

from __future__ import annotations

from datetime import timedelta

from mailgate.store.tables import Request
from tests.service.forging import (
    EVIL,
    Way,
    alice_approves,
    approved,
    approved_unrecorded,
    asked,
    bob_approves,
    body_of,
    both_approve,
    cancelled,
    entering,
    event_row,
    execution,
    expired,
    half,
    half_unrecorded,
    lapsed,
    other_action,
    rejected,
    rows,
    succeeded,
    turned_back,
)
from tests.service.rig import Rig

WAYS: list[Way] = []
way = entering(WAYS)


@way("requests: state written as approved", asked)
def _(rig: Rig, r: str) -> None:
    rig.forge("update requests set state = 'approved' where id = :r", r=r)


@way("requests: state written as approved, with everything an approved row has", asked)
def _(rig: Rig, r: str) -> None:
    rig.forge(
        "update requests set state = 'approved', decided_by = 'Bob Brown', approved_at = :now, valid_until = :late,"
        " note = 'nothing to see here' where id = :r",
        now=rig.clock.at,
        late=rig.clock.at + timedelta(days=9),
        r=r,
    )


@way("requests: state written as approved, to lapse at once", asked)
def _(rig: Rig, r: str) -> None:
    rig.forge("update requests set state = 'approved', valid_until = :at where id = :r", at=rig.clock.at, r=r)


@way("requests: state written as approved after one yes of two", half)
def _(rig: Rig, r: str) -> None:
    rig.forge("update requests set state = 'approved', valid_until = :l where id = :r", l=rig.clock.at, r=r)


@way("requests: state written as approved after one yes of two, not recorded yet", half_unrecorded)
def _(rig: Rig, r: str) -> None:
    rig.forge("update requests set state = 'approved' where id = :r", r=r)


@way("requests: state written as approved before anybody was asked", lambda rig: rig.submit().request_id)
def _(rig: Rig, r: str) -> None:
    rig.forge("update requests set state = 'approved' where id = :r", r=r)


@way(
    "requests: state written as executing, its worker silent and its action idempotent", lambda rig: rig.ask("warm_up")
)
def _(rig: Rig, r: str) -> None:
    rig.forge("update requests set state = 'executing' where id = :r", r=r)
    execution(rig, r, idempotent=1)


@way("requests: state written as executing, its worker silent", asked)
def _(rig: Rig, r: str) -> None:
    rig.forge("update requests set state = 'executing' where id = :r", r=r)
    execution(rig, r, idempotent=0)


@way("requests: another action after asking", asked, then=bob_approves)
def _(rig: Rig, r: str) -> None:
    other_action(rig, r)


@way("requests: another action after approval", approved)
def _(rig: Rig, r: str) -> None:
    other_action(rig, r)


@way("requests: other bytes under the approved digest", approved)
def _(rig: Rig, r: str) -> None:
    rig.forge("update requests set canonical = :c where id = :r", c=EVIL.canonical, r=r)


@way("requests: another action after approval, before it was recorded", approved_unrecorded)
def _(rig: Rig, r: str) -> None:
    other_action(rig, r)


@way("requests: another action after approval, before it was recorded, the seats removed", approved_unrecorded)
def _(rig: Rig, r: str) -> None:
    other_action(rig, r)
    rig.forge("delete from assignments where request_id = :r", r=r)


@way("requests: another action after approval, the decision to be recorded anew", approved)
def _(rig: Rig, r: str) -> None:
    other_action(rig, r)
    rig.forge("update events set position = null, record = null, proof = '' where kind = 'decision'")


@way("requests: another name for the approved bytes", approved)
def _(rig: Rig, r: str) -> None:
    rig.forge("update requests set action = 'warm_up' where id = :r", r=r)


@way("requests: mark and policy copied from another request", asked, then=bob_approves, may_run=("A-2",))
def _(rig: Rig, r: str) -> None:
    other = rig.approved(args={"order": "A-2"})
    rig.execute()
    other_action(rig, r)
    rig.forge(
        "update requests set (mark, policy, opened_at, deadline_at) ="
        " (select mark, policy, opened_at, deadline_at from requests where id = :o) where id = :r",
        o=other,
        r=r,
    )


@way("requests: deadline moved", asked, then=lambda rig, r: (rig.clock.forward(hours=6), bob_approves(rig, r)))
def _(rig: Rig, r: str) -> None:
    rig.forge("update requests set deadline_at = :late where id = :r", late=rig.clock.at + timedelta(days=9), r=r)


@way("requests: policy swapped for an easier one", half, then=alice_approves)
def _(rig: Rig, r: str) -> None:
    rig.ask(args={"order": "A-2"})
    easier = rig.row(Request, action="pay").policy
    rig.forge("update requests set policy = :p where id = :r", p=easier, r=r)


@way("requests: the requester no longer named", lambda rig: rig.ask("pay_twice"), then=both_approve)
def _(rig: Rig, r: str) -> None:
    rig.forge("update requests set on_behalf_of = 'somebody@else.example' where id = :r", r=r)


@way("requests: opened anew without its requester", lambda rig: rig.ask(on_behalf_of="alice@example.com"))
def _(rig: Rig, r: str) -> None:
    rig.forge("update requests set mark = null, on_behalf_of = null where id = :r", r=r)
    rig.forge("update events set position = null, record = null, proof = '' where request_id = :r", r=r)


@way("requests: opened anew for another action", asked, then=bob_approves)
def _(rig: Rig, r: str) -> None:
    other_action(rig, r)
    rig.forge("update requests set mark = null where id = :r", r=r)
    rig.insert("events", **event_row(rig, r, kind="request", body=body_of(rig, r, "request")))


@way("requests: a rejected one turned back to pending", rejected, then=bob_approves)
def _(rig: Rig, r: str) -> None:
    turned_back(rig, r)


@way("requests: a rejected one turned back to pending, its decision removed", rejected, then=both_approve)
def _(rig: Rig, r: str) -> None:
    turned_back(rig, r)
    rig.forge("delete from decisions where request_id = :r", r=r)


@way("requests: a rejected one turned back to pending, decision and event removed", rejected, then=both_approve)
def _(rig: Rig, r: str) -> None:
    turned_back(rig, r)
    rig.forge("delete from decisions where request_id = :r", r=r)
    rig.forge("update events set kind = 'superseded' where request_id = :r and kind = 'decision'", r=r)


@way("requests: an expired one turned back to pending", expired, then=bob_approves)
def _(rig: Rig, r: str) -> None:
    turned_back(rig, r)


@way("requests: a cancelled one turned back to pending", cancelled, then=bob_approves)
def _(rig: Rig, r: str) -> None:
    turned_back(rig, r)


@way("requests: a lapsed one turned back to approved", lapsed)
def _(rig: Rig, r: str) -> None:
    rig.forge(
        "update requests set state = 'approved', valid_until = :late where id = :r",
        late=rig.clock.at + timedelta(hours=1),
        r=r,
    )


@way("requests: an executed one turned back to approved", succeeded, may_run=("A-1",))
def _(rig: Rig, r: str) -> None:
    rig.forge("delete from executions where request_id = :r", r=r)
    rig.forge("update requests set state = 'approved' where id = :r", r=r)


@way("requests: an executed one turned back to pending", succeeded, then=bob_approves, may_run=("A-1",))
def _(rig: Rig, r: str) -> None:
    rig.forge("delete from executions where request_id = :r", r=r)
    turned_back(rig, r)


@way("requests: valid_until moved", lambda rig: rig.approved("warm_up"))
def _(rig: Rig, r: str) -> None:
    rig.clock.forward(minutes=20)
    rig.forge("update requests set valid_until = :l where id = :r", l=rig.clock.at + timedelta(days=1), r=r)


@way("requests: an approved one copied under another id, with all that belongs to it", approved, may_run=("A-1",))
def _(rig: Rig, r: str) -> None:
    rig.copy("requests", {"id": r}, id="evil", run="run-2", key="other")
    other_action(rig, "evil")
    for table, name in (("assignments", "id"), ("decisions", "id"), ("events", "id")):
        for number, row in enumerate(rows(rig, table, r)):
            changes = {"request_id": "evil", name: f"evil{number}"} | ({"position": None} if table == "events" else {})
            changes |= {"assignment_id": "evil0"} if table == "decisions" else {}
            rig.insert(table, **(row | changes))


@way("requests: an approved one's rows given to another id", approved)
def _(rig: Rig, r: str) -> None:
    rig.copy("requests", {"id": r}, id="evil", run="run-2", key="other")
    other_action(rig, "evil")
    for table in ("assignments", "decisions", "events"):
        rig.forge(f"update {table} set request_id = 'evil' where request_id = :r", r=r)


# checkpoints


@way("checkpoints: the agent's state changed", succeeded, said="worker", may_run=("A-1",))
def _(rig: Rig, r: str) -> None:
    rig.forge("update checkpoints set body = :b where request_id = :r", b=b'{"at": 666}', r=r)


@way("checkpoints: a state put in where there was none", lambda rig: rig.approved(), said="worker", may_run=("A-1",))
def _(rig: Rig, r: str) -> None:
    rig.insert("checkpoints", request_id=r, media_type="application/json", body=b"{}", sha256=b"", state_version="")


@way("checkpoints: the agent's state changed before anybody was asked", lambda rig: rig.submit(state=1).request_id)
def _(rig: Rig, r: str) -> None:
    rig.forge("update checkpoints set body = :b where request_id = :r", b=b"2", r=r)
