"""The promise of design section 2: writing into the database is not enough to get an action run.

Every row that could matter is forged, in every way somebody could think of who may write to every table and has none of
the serving side's keys. Nothing that no person allowed ever runs, and the keeper says why.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from mailgate.errors import LeaseLost, MailgateError
from mailgate.model.action import make_action
from mailgate.model.evidence import LogSigner, build_record
from mailgate.model.lifecycle import FINAL
from mailgate.model.policy import Gate, policy_digest
from mailgate.model.verdict import Verdict
from mailgate.service.deliver import take_due
from mailgate.service.intake import conclude_mail, incoming_label
from mailgate.service.journal import Journal
from mailgate.store.mails import incoming_in_state
from mailgate.store.tables import Event, Incoming, Request
from mailgate.store.work import hold_lease, take_lease
from mailgate.tokens import ServeKey, address_hash, tagged_address
from tests.service.conftest import RigMaker
from tests.service.rig import GATES, PEOPLE, Rig, stamp

OURS = {p["address"] for p in PEOPLE.values()}
EVIL = make_action("pay", {"order": "EVIL", "amount": 9999, "currency": "EUR"})
"""What the forger wants to run, and nobody was ever asked about."""

Step = Callable[[Rig, str], Any]


@dataclass(frozen=True)
class Way:
    """One way of forging.

    Attributes:
        name: ``table: what is done``.
        before: what happens honestly first; returns the request's id.
        forge: what the forger writes.
        then: what people do after that, in good faith.
        said: where it must be said: ``operators`` (a notice was ordered), ``row`` (the row says why), ``worker`` (its log),
            ``visitor`` (who comes by the link hears that something is wrong), ``nowhere`` (it pretends no decision).
        may_run: the orders that people did allow.
    """

    name: str
    before: Callable[[Rig], str]
    forge: Step
    then: Step = lambda rig, request_id: None
    said: str = "operators"
    may_run: tuple[str, ...] = ()


WAYS: list[Way] = []


def way(name: str, before: Callable[[Rig], str], **more: Any) -> Callable[[Step], Step]:
    """Enter a function that forges as one more way."""

    def enter(forge: Step) -> Step:
        WAYS.append(Way(name=name, before=before, forge=forge, **more))
        return forge

    return enter


# What happened honestly before.


def asked(rig: Rig) -> str:
    """Ask Bob about a harmless payment."""
    return rig.ask(state={"at": 1})


def mailed(rig: Rig) -> str:
    """Ask Bob about a harmless payment; the mails are out."""
    request_id = asked(rig)
    rig.outbox()
    return request_id


def asked_two(rig: Rig) -> str:
    """Ask Alice and Bob, both of whom are needed."""
    return rig.ask("pay_twice")


def half(rig: Rig) -> str:
    """Ask Alice and Bob; Alice has said yes."""
    request_id = rig.ask("pay_twice")
    assert rig.press(request_id, "alice").done
    rig.keeper()
    return request_id


def half_unrecorded(rig: Rig) -> str:
    """As :func:`half`, and the keeper has not come by yet."""
    request_id = rig.ask("pay_twice")
    assert rig.press(request_id, "alice").done
    return request_id


def approved(rig: Rig) -> str:
    """Let Bob approve a harmless payment; it is recorded."""
    return rig.approved(state={"at": 1})


def approved_unrecorded(rig: Rig) -> str:
    """Let Bob approve a harmless payment, and let the keeper not come by yet."""
    request_id = rig.ask()
    assert rig.press(request_id, "bob").done
    return request_id


def rejected(rig: Rig) -> str:
    """Let Alice reject what Bob could have approved as well."""
    rig.changed(gates=GATES | {"pay": GATES["pay"] | {"approvers": ["alice", "bob"]}})
    request_id = rig.ask(state={"at": 1})
    assert rig.press(request_id, "alice", Verdict.REJECT, reason="Never.").done
    rig.keeper()
    return request_id


def expired(rig: Rig) -> str:
    """Let the time pass."""
    request_id = rig.ask()
    rig.clock.forward(hours=5)
    rig.keeper()
    return request_id


def cancelled(rig: Rig) -> str:
    """Let the agent take it back."""
    request_id = rig.ask()
    rig.mg.cancel(request_id)
    rig.keeper()
    return request_id


def lapsed(rig: Rig) -> str:
    """Let an approval lapse."""
    request_id = rig.approved()
    rig.clock.forward(minutes=20)
    rig.keeper()
    return request_id


def succeeded(rig: Rig) -> str:
    """Let it run, and not be resumed yet."""
    request_id = rig.approved(state={"at": 1})
    rig.execute()
    rig.keeper()
    return request_id


def claimed(rig: Rig) -> str:
    """Let a worker of another machine be inside the action."""
    request_id = rig.approved()
    assert rig.claim("elsewhere", Journal(rig.folder / "elsewhere.journal")) is not None
    rig.keeper()
    return request_id


# What people do afterwards, in good faith.


def bob_approves(rig: Rig, request_id: str) -> None:
    """Bob opens his link and approves, whatever the page says."""
    person_approves(rig, request_id, "bob")


def alice_approves(rig: Rig, request_id: str) -> None:
    """Alice does."""
    person_approves(rig, request_id, "alice")


def both_approve(rig: Rig, request_id: str) -> None:
    """Both do."""
    person_approves(rig, request_id, "alice")
    person_approves(rig, request_id, "bob")


def person_approves(rig: Rig, request_id: str, person: str) -> None:
    """Answer by link and by reply; an honest person's secrets are those of the honest row."""
    for answer in (rig.press, rig.reply):
        with suppress(MailgateError, ValueError):
            answer(request_id, person)


# requests


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


@way("requests: another action after approval, the decision to be recorded anew", approved)
def _(rig: Rig, r: str) -> None:
    other_action(rig, r)
    rig.forge("update events set position = null, record = null, proof = '' where kind = 'decision'")


@way("requests: another name for the approved bytes", approved)
def _(rig: Rig, r: str) -> None:
    rig.forge("update requests set action = 'warm_up' where id = :r", r=r)


@way("requests: mark and policy copied from another request", asked, then=bob_approves)
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


WAYS[-1] = Way(**{**WAYS[-1].__dict__, "may_run": ("A-2",)})


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


# assignments


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


# events


@way("events: a decision put in without a mark", asked)
def _(rig: Rig, r: str) -> None:
    claim_approved(rig, r)
    rig.insert("events", **event_row(rig, r))


@way("events: a decision put in with a mark of another key", asked)
def _(rig: Rig, r: str) -> None:
    claim_approved(rig, r)
    rig.insert("events", **(event_row(rig, r) | {"mark": ServeKey(b"e" * 32).mark("event", {"id": "evil"})}))


@way("events: a decision put in with the mark of a reminder", asked)
def _(rig: Rig, r: str) -> None:
    honest = half(rig)
    [marked] = [e for e in rig.rows(Event, request_id=honest) if e.mark is not None]
    claim_approved(rig, r)
    rig.insert("events", **(event_row(rig, r) | {"mark": marked.mark}))


@way("events: a decision put in with a record of the forger's own", asked)
def _(rig: Rig, r: str) -> None:
    claim_approved(rig, r)
    rig.insert("events", **forged_record(rig, r))


@way("events: a record of the forger's own in place of an honest half", half)
def _(rig: Rig, r: str) -> None:
    claim_approved(rig, r)
    forged = forged_record(rig, r)
    rig.forge(
        "update events set record = :record, proof = :proof, body = :body where kind = 'decision'",
        **{n: forged[n] for n in ("record", "proof", "body")},
    )


@way("events: a position written by hand", asked)
def _(rig: Rig, r: str) -> None:
    claim_approved(rig, r)
    rig.insert("events", **(event_row(rig, r) | {"position": 1}))


@way("events: a position far ahead written by hand", asked)
def _(rig: Rig, r: str) -> None:
    rig.insert("events", **(event_row(rig, r) | {"position": 1_000_000}))


@way("events: an approval's record copied from another request", asked, may_run=("A-2",))
def _(rig: Rig, r: str) -> None:
    other = rig.approved(args={"order": "A-2"})
    rig.execute()
    [honest] = [e for e in rows(rig, "events", other) if e["kind"] == "decision"]
    claim_approved(rig, r)
    rig.insert("events", **(honest | {"id": "evil", "request_id": r, "position": 77}))


@way("events: an approval's event moved to another request", asked, may_run=())
def _(rig: Rig, r: str) -> None:
    other = rig.approved(args={"order": "A-2"})
    claim_approved(rig, r)
    rig.forge("update events set request_id = :r where request_id = :o and kind = 'decision'", r=r, o=other)


for kind, extra in (
    ("resumed", {}),
    ("resume_failed", {}),
    ("executing", {"attempt": 1}),
    ("cancelled", {}),
    ("request", {"rules": []}),
    ("outcome", {"attempt": 1}),
):

    @way(f"events: a {kind} that says approved, made a decision once it was signed", asked)
    def _(rig: Rig, r: str, kind: str = kind, extra: Any = extra) -> None:
        body = {"outcome": "approved", "valid_until": "2030-01-01T00:00:00.000Z", "actor": {}} | extra
        claim_approved(rig, r)
        rig.insert("events", **event_row(rig, r, kind=kind, body=body))
        rig.keeper()
        rig.forge("update events set kind = 'decision', refused = '' where id = 'evil'")


@way("events: an executing that says approved, after one yes of two", half)
def _(rig: Rig, r: str) -> None:
    body = {"outcome": "approved", "valid_until": "2030-01-01T00:00:00.000Z", "actor": {"worker": "w"}}
    rig.insert("events", **event_row(rig, r, kind="executing", body=body))
    rig.keeper()
    rig.forge("update events set kind = 'decision', refused = '' where id = 'evil'")
    claim_approved(rig, r)


@way("events: an approval that did happen signed anew with more time", lapsed)
def _(rig: Rig, r: str) -> None:
    body = {"outcome": "approved", "valid_until": "2030-01-01T00:00:00.000Z", "actor": {"worker": "w"}}
    rig.insert("events", **event_row(rig, r, kind="executing", body=body))
    rig.keeper()
    rig.forge("delete from events where kind in ('decision', 'lapsed')")
    rig.forge("update events set kind = 'decision', refused = '' where id = 'evil'")
    claim_approved(rig, r)


@way("events: what a half decision says changed before it was recorded", half_unrecorded)
def _(rig: Rig, r: str) -> None:
    [row] = [e for e in rows(rig, "events", r) if e["kind"] == "decision"]
    body = json.loads(row["body"]) | {"outcome": "approved", "valid_until": "2030-01-01T00:00:00.000Z"}
    rig.forge("update events set body = :b where id = :i", b=canonical(body), i=row["id"])
    claim_approved(rig, r)


for name, body in (("that is no JSON", b"{"), ("that is no text", b"\xff\xfe"), ("that is no object", b"[]")):
    for kind in ("decision", "outcome"):

        @way(f"events: a {kind} with a body {name}", asked)
        def _(rig: Rig, r: str, kind: str = kind, body: bytes = body) -> None:
            rig.insert("events", **(event_row(rig, r, kind=kind) | {"body": body}))


for kind in ("expired", "settled", "undeliverable", "lapsed", "escalation", "in_doubt", "superseded", "nonsense"):

    @way(f"events: {kind} put in without a mark", asked)
    def _(rig: Rig, r: str, kind: str = kind) -> None:
        rig.insert("events", **event_row(rig, r, kind=kind, body={"outcome": kind, "actor": {"system": "keeper"}}))


@way("events: an outcome of what nobody approved", asked)
def _(rig: Rig, r: str) -> None:
    rig.forge("update requests set state = 'succeeded', result = '1' where id = :r", r=r)
    rig.insert("events", **event_row(rig, r, kind="outcome", body={"outcome": "succeeded", "actor": {"worker": "w"}}))


@way("events: an outcome that speaks of no request", asked)
def _(rig: Rig, r: str) -> None:
    body = {"outcome": "succeeded", "actor": {"worker": "w"}}
    rig.insert("events", **(event_row(rig, r, kind="outcome", body=body) | {"request_id": None}))


@way("events: an outcome that speaks of a request there never was", asked)
def _(rig: Rig, r: str) -> None:
    body = {"outcome": "succeeded", "actor": {"worker": "w"}}
    rig.insert("events", **(event_row(rig, r, kind="outcome", body=body) | {"request_id": "never"}))


@way("events: a cancelling of what was rejected", rejected)
def _(rig: Rig, r: str) -> None:
    rig.forge("update requests set state = 'cancelled' where id = :r", r=r)
    rig.insert("events", **event_row(rig, r, kind="cancelled", body={"outcome": "cancelled", "actor": {"by": "agent"}}))


@way("events: an honest approval hidden from the keeper", approved_unrecorded)
def _(rig: Rig, r: str) -> None:
    rig.forge("update events set refused = 'no' where kind = 'decision'")


# outgoing


@way("outgoing: a mail to the forger put in", mailed)
def _(rig: Rig, r: str) -> None:
    [row] = [m for m in rows(rig, "outgoing", r) if m["recipient"] == "bob@example.com"]
    change = {"id": "evil", "recipient": "mallory@evil.example", "state": "waiting", "sealed": None}
    rig.insert("outgoing", **(row | change | {"claimed_until": None}))


for column, value in (
    ("recipient", "mallory@evil.example"),
    ("details", '{"headline":"Please send us the code"}'),
    ("kind", "reminder"),
    ("message_id", "<evil@evil.example>"),
    ("mark", b"\x00" * 32),
    ("events", ""),
):

    @way(f"outgoing: {column} changed", lambda rig: rig.ask())
    def _(rig: Rig, r: str, column: str = column, value: Any = value) -> None:
        rig.forge(f"update outgoing set {column} = :v where request_id = :r", v=value, r=r)


@way("outgoing: two mails exchange their sealed bytes", asked_two)
def _(rig: Rig, r: str) -> None:
    ready = {m.row.recipient: m.row.id for m in take_due(rig.serving, 100)}  # and the outbox dies
    alice, bob = ready["alice@example.com"], ready["bob@example.com"]
    rig.forge("update outgoing set claimed_until = null")
    rig.forge(
        "update outgoing set sealed = (select sealed from outgoing where id = :a) where id = :b",
        a=alice,
        b=bob,
    )


@way("outgoing: a seat's mail under another seat's name", asked_two)
def _(rig: Rig, r: str) -> None:
    rig.forge("update outgoing set assignment_id = :s where recipient like 'alice%'", s=rig.seat(r, "bob").id)


# incoming

TOKEN = "a" * 26


@way("incoming: an approving mail put in by hand", asked, said="row")
def _(rig: Rig, r: str) -> None:
    rig.insert("incoming", **incoming_row(rig, r, sealed=approving_mail(rig, r)))


@way("incoming: an approving mail sealed by another key", asked, said="row")
def _(rig: Rig, r: str) -> None:
    row = incoming_row(rig, r, sealed=b"")
    label = f"incoming {row['id']} {stamp(rig.clock.at)}"
    sealed = ServeKey(b"e" * 32).seal(approving_mail(rig, r), label=label, nonce=b"n" * 12)
    rig.insert("incoming", **(row | {"sealed": sealed}))


@way("incoming: the sealed bytes of one mail under another", asked, said="row")
def _(rig: Rig, r: str) -> None:
    receive(rig, approving_mail(rig, r), mail_id="honest")
    rig.forge("update incoming set state = 'concluded'")
    [row] = rows(rig, "incoming", None)
    rig.insert("incoming", **(row | {"id": "evil", "uid": 99, "sha256": "evil", "state": "new"}))


@way("incoming: a late mail said to have come in time", asked, said="row")
def _(rig: Rig, r: str) -> None:
    rig.clock.forward(hours=4, minutes=1)
    receive(rig, approving_mail(rig, r))
    rig.forge("update incoming set received_at = :at", at=rig.clock.at - timedelta(hours=2))


@way("incoming: an approving mail of somebody else for a forged seat", asked, said="row")
def _(rig: Rig, r: str) -> None:
    rig.forge("update assignments set reply_hash = :h where request_id = :r", h=address_hash(TOKEN), r=r)
    receive(rig, approving_mail(rig, r, token=TOKEN))


# cursors, executions, resumptions, leases, policies, logged


@way("cursors: a mailbox said to have been read", asked, said="nowhere")
def _(rig: Rig, r: str) -> None:
    far = rig.clock.at + timedelta(days=9)
    rig.insert("cursors", mailbox="m", folder="f", uidvalidity=1, uid=1, started_at=far, read_at=far)


@way("executions: an action that may run once said to be idempotent, its worker silent", claimed)
def _(rig: Rig, r: str) -> None:
    rig.forge("update executions set idempotent = 1, lease_until = :p", p=rig.clock.at - timedelta(hours=1))
    assert rig.execute("w2", Journal(rig.folder / "w2.journal")) is None
    rig.forge("update requests set note = ''")
    other_action(rig, r)


@way("executions: a run of what nobody approved", asked, said="nowhere")
def _(rig: Rig, r: str) -> None:
    execution(rig, r, idempotent=1)


for state in sorted(FINAL):

    @way(f"resumptions: {state} written, and its agent due", asked, said="worker")
    def _(rig: Rig, r: str, state: str = state) -> None:
        rig.forge(
            "update requests set state = :s, result = '\"paid\"', finished_at = :n where id = :r",
            s=state,
            r=r,
            n=rig.clock.at,
        )
        resumption(rig, r)


@way("resumptions: success written over an approval that did not run", approved, said="worker")
def _(rig: Rig, r: str) -> None:
    rig.forge(
        "update requests set state = 'succeeded', result = '\"paid\"', finished_at = :n where id = :r",
        n=rig.clock.at,
        r=r,
    )
    resumption(rig, r)


for column, value in (
    ("result", b'"paid twice"'),
    ("error", "none"),
    ("effect", "unknown"),
    ("agent", "billing"),
    ("run", "run-9"),
    ("on_behalf_of", "mallory@evil.example"),
    ("state", "failed"),
):

    @way(f"resumptions: {column} changed after it ran", succeeded, said="worker", may_run=("A-1",))
    def _(rig: Rig, r: str, column: str = column, value: Any = value) -> None:
        rig.forge(f"update requests set {column} = :v where id = :r", v=value, r=r)


for column, value in (("reason", "Try the other account."), ("decided_by", "The Board"), ("state", "expired")):

    @way(f"resumptions: {column} changed after a rejection", rejected, said="worker")
    def _(rig: Rig, r: str, column: str = column, value: Any = value) -> None:
        rig.forge(f"update requests set {column} = :v where id = :r", v=value, r=r)


@way("resumptions: one put in for what is still open", asked, said="nowhere")
def _(rig: Rig, r: str) -> None:
    resumption(rig, r)


@way("resumptions: one that belongs to no request", asked, said="nowhere")
def _(rig: Rig, r: str) -> None:
    resumption(rig, "never")


@way("leases: the keeper's lease taken by the forger", asked, said="nowhere")
def _(rig: Rig, r: str) -> None:
    with rig.serving.store.write() as tx:
        holding = take_lease(tx, "keeper", "honest", timedelta(seconds=15))
    assert holding is not None
    rig.forge("update leases set owner = 'evil', epoch = epoch + 1, until = :u", u=rig.clock.at + timedelta(days=9))
    with pytest.raises(LeaseLost), rig.serving.store.write() as tx:
        hold_lease(tx, holding, timedelta(seconds=15))


@way("policies: the document of a quorum of two replaced by one", half, then=alice_approves)
def _(rig: Rig, r: str) -> None:
    easier = Gate(approvers=("alice", "bob"), quorum=1).document()
    rig.forge("update policies set document = :d", d=easier)


@way("policies: an easier policy put in and the request pointed at it", half, then=alice_approves)
def _(rig: Rig, r: str) -> None:
    easier = Gate(approvers=("alice", "bob"), quorum=1).document()
    rig.insert("policies", digest=policy_digest(easier), document=easier)
    rig.forge("update requests set policy = :p where id = :r", p=policy_digest(easier), r=r)


@way("policies: all of them removed", asked, then=bob_approves)
def _(rig: Rig, r: str) -> None:
    rig.forge("delete from policies")


for state in ("executing", "succeeded"):

    @way(f"logged: one put in as {state}", asked, said="nowhere")
    def _(rig: Rig, r: str, state: str = state) -> None:
        rig.insert(
            "logged",
            id="evil",
            action="pay",
            canonical=EVIL.canonical,
            digest=EVIL.digest,
            agent="support",
            run="run-1",
            key="k",
            reasoning="",
            confidence=1,
            rule="",
            state=state,
            error="",
            created_at=rig.clock.at,
        )


# What the forger has at hand.


def canonical(body: Any) -> bytes:
    """Return canonical JSON."""
    return json.dumps(body, sort_keys=True, separators=(",", ":")).encode()


def rows(rig: Rig, table: str, request_id: str | None) -> list[dict[str, Any]]:
    """Return the raw rows of a table, of one request where given."""
    with rig.working.store.read() as tx:
        where = " where request_id = ?" if request_id else ""
        parameters = (request_id,) if request_id else ()
        found = tx.session.connection().exec_driver_sql(f"select * from {table}{where} order by rowid", parameters)
        return [dict(row) for row in found.mappings()]


def other_action(rig: Rig, request_id: str) -> None:
    """Put another action into a request, digest and all."""
    rig.forge(
        "update requests set canonical = :c, digest = :d, action = 'pay' where id = :r",
        c=EVIL.canonical,
        d=EVIL.digest,
        r=request_id,
    )


def turned_back(rig: Rig, request_id: str) -> None:
    """Make a request that ended look as if it were still open."""
    rig.forge(
        "update requests set state = 'pending', finished_at = null, decided_by = '', reason = '' where id = :r",
        r=request_id,
    )
    rig.forge("update assignments set state = 'open' where request_id = :r", r=request_id)
    rig.forge("delete from resumptions where request_id = :r", r=request_id)


def claim_approved(rig: Rig, request_id: str) -> None:
    """Write that a request is approved, for long."""
    rig.forge(
        "update requests set state = 'approved', valid_until = :l where id = :r",
        l=rig.clock.at + timedelta(days=900),
        r=request_id,
    )


def evil_request(rig: Rig, harmless: str) -> None:
    """Insert another request, ruled on as the harmless one was."""
    rig.copy("requests", {"id": harmless}, id="evil", run="run-2", key="evil")
    other_action(rig, "evil")


def execution(rig: Rig, request_id: str, *, idempotent: int) -> None:
    """Insert a run whose worker has fallen silent."""
    long_ago = rig.clock.at - timedelta(hours=1)
    rig.insert(
        "executions",
        request_id=request_id,
        attempt=1,
        worker="w",
        idempotent=idempotent,
        late_report="",
        claimed_at=long_ago,
        lease_until=long_ago,
    )


def ended(rig: Rig, request_id: str, state: str) -> None:
    """Write that a request ended, and make its agent due."""
    rig.forge(
        "update requests set state = :s, result = :paid, finished_at = :n where id = :r",
        s=state,
        paid=b'"paid"',
        n=rig.clock.at,
        r=request_id,
    )
    resumption(rig, request_id)


def resumption(rig: Rig, request_id: str) -> None:
    """Make an agent due."""
    rig.insert(
        "resumptions",
        request_id=request_id,
        agent="support",
        state="waiting",
        attempts=0,
        worker="",
        next_at=rig.clock.at,
        last_error="",
    )


def decision_row(rig: Rig, request_id: str, person: str) -> None:
    """Insert a yes."""
    rig.insert(
        "decisions",
        id="evil",
        request_id=request_id,
        assignment_id=rig.seat(request_id, person).id,
        stage=0,
        person=person,
        verdict="approve",
        level="aligned",
        channel="reply",
        reason="",
        decided_at=rig.clock.at,
        evidence="{}",
        mark=b"\x00" * 32,
    )


def body_of(rig: Rig, request_id: str, kind: str) -> dict[str, Any]:
    """Return what an honest event says."""
    return rig.bodies(request_id, kind)[0]


def event_row(
    rig: Rig, request_id: str, *, kind: str = "decision", body: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return the row of an event, by default of an approval."""
    approval = {
        "decision": "evil",
        "outcome": "approved",
        "meaning": "approved",
        "valid_until": "2030-01-01T00:00:00.000Z",
        "approver": {"person": "bob", "name": "Bob Brown", "address": "bob@example.com"},
        "level": "aligned",
    }
    return {
        "id": "evil",
        "request_id": request_id,
        "kind": kind,
        "body": canonical(approval if body is None else body),
        "at": rig.clock.at,
        "proof": "",
        "refused": "",
    }


def forged_record(rig: Rig, request_id: str) -> dict[str, Any]:
    """Return the row of an approval with a record that another log key of the same name signed."""
    signer = LogSigner(rig.serving.signer.name, b"e" * 32)
    row = event_row(rig, request_id)
    record = build_record(
        log=signer.name,
        index=1,
        event="decision",
        request=request_id,
        digest=rig.request(request_id).digest,
        at=rig.clock.at,
        nonce=b"n" * 16,
        body=json.loads(row["body"]),
    )
    return row | {"record": record, "proof": signer.prove(record, 1), "position": 1}


def approving_mail(rig: Rig, request_id: str, token: str = "") -> bytes:
    """Return an aligned APPROVE from Bob, as the mail server would hand it out."""
    token = token or rig.serving.key.reply_token(rig.seat(request_id, "bob").id, 1)
    lines = (
        "Authentication-Results: mx.gate.example.com; dmarc=pass header.from=example.com",
        "From: Bob Brown <bob@example.com>",
        f"To: {tagged_address('approvals@gate.example.com', token, 'plus')}",
        "Subject: Re: pay",
        "Date: Tue, 24 Nov 2026 09:30:00 +0000",
        f"Message-ID: <{token}@example.com>",
        "Content-Type: text/plain; charset=utf-8",
        "MIME-Version: 1.0",
        "",
        "APPROVE",
        "",
    )
    return "\r\n".join(lines).encode()


def incoming_row(rig: Rig, request_id: str, *, sealed: bytes) -> dict[str, Any]:
    """Return the row of a mail that nobody received."""
    return {
        "id": "evil",
        "mailbox": "m",
        "folder": "f",
        "uidvalidity": 1,
        "uid": 7,
        "sha256": "evil",
        "size": 1,
        "sealed": sealed,
        "received_at": rig.clock.at,
        "fetched_at": rig.clock.at,
        "state": "new",
        "kind": "",
        "sender": "",
        "verdict": "",
        "level": "",
        "why": "",
        "moved": 0,
    }


def receive(rig: Rig, raw: bytes, mail_id: str = "mail") -> None:
    """Store a mail as intake does when it arrives."""
    with rig.serving.store.write() as tx:
        row = Incoming(
            id=mail_id,
            mailbox="m",
            folder="f",
            uidvalidity=1,
            uid=1,
            sha256=mail_id,
            size=1,
            sealed=b"",
            received_at=tx.now,
            fetched_at=tx.now,
            state="new",
        )
        row.sealed = rig.serving.key.seal(raw, label=incoming_label(row), nonce=tx.chance.bytes(12))
        tx.session.add(row)


# What everybody does then.


def intake(rig: Rig) -> None:
    """Conclude every mail that waits."""
    with rig.serving.store.read() as tx:
        waiting = [row.id for row in incoming_in_state(tx, "new")]
    for mail_id in waiting:
        conclude_mail(rig.serving, mail_id)


def everybody_works(rig: Rig) -> None:
    """Let every role take its turns, now and while time passes; workers on this machine and on a new one."""
    for minutes in (0, 7, 60, 300):
        rig.clock.forward(minutes=minutes)
        rig.keeper()
        rig.outbox()
        intake(rig)
        rig.execute()
        rig.execute("w9", Journal(rig.folder / "w9.journal"))
        rig.keeper()
        rig.resume()
        rig.resume(agent="billing")


@pytest.fixture
def patient(make_rig: RigMaker) -> Rig:
    """Make a rig whose intake believes its mail server, and whose people are reminded and more are asked in time."""
    later = {"remind_after": "50m", "escalate_after": "2h", "escalate_to": ["carol"]}
    return make_rig(
        imap={"authserv_id": "mx.gate.example.com"},
        archive={},
        gates={name: gate | later for name, gate in GATES.items()},
    )


@pytest.mark.parametrize("way", [pytest.param(w, id=w.name) for w in WAYS])
def test_forged_row_runs_nothing(patient: Rig, logs: list[Any], way: Way) -> None:
    """With write access to every table and none of the keys nothing runs that no person allowed, and it is said why."""
    rig = patient
    request_id = way.before(rig)
    honest_notices = len(rig.notices())
    honest_resumed = len(rig.shop.resumed)

    way.forge(rig, request_id)
    way.then(rig, request_id)
    everybody_works(rig)

    ran = [arguments.get("order") for _, arguments in rig.shop.ran]
    assert sorted(ran) == sorted(way.may_run)
    assert {recipient for _, recipient, _ in rig.sender.sent} <= OURS
    assert all(b"evil.example" not in raw for _, recipient, raw in rig.sender.sent if recipient != "oscar@example.com")
    check_resumed(rig, honest_resumed)
    check_said(rig, way, logs, honest_notices)


def check_resumed(rig: Rig, honest: int) -> None:
    """Nobody was resumed with anything but what a record says: what ran, or an end by the keeper or a person."""
    for outcome in rig.shop.resumed[honest:]:
        ends = {"succeeded": "outcome", "rejected": "decision"}
        kind = ends.get(outcome.outcome, outcome.outcome)
        assert kind in rig.kinds(outcome.id)
        assert outcome.result in (None, "done")
        assert outcome.state in (None, {"at": 1})
        assert outcome.agent == "support"


def check_said(rig: Rig, way: Way, logs: list[Any], honest_notices: int) -> None:
    """It was said where the way claims."""
    errors = {e["event"] for e in logs if e["log_level"] == "error"}
    notices = [n for n in rig.notices()[honest_notices:] if "forged" in n.lower()]
    match way.said:
        case "operators":
            assert notices
            assert "forged" in errors
        case "row":
            [mail] = [m for m in rig.rows(Incoming) if m.state == "quarantined"]
            assert "could not be concluded" in mail.why
            assert "forged" in errors
        case "worker":
            assert errors & {"not_resumed", "forged", "not_claimed"}
        case "nowhere":
            assert "forged" not in errors
            assert not notices
