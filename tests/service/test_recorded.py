"""What records say of rows, so that the archive alone can answer for the database."""

from __future__ import annotations

from typing import Any

from mailgate.model.canonical import canonical_bytes
from mailgate.model.evidence import format_time
from mailgate.model.policy import policy_digest
from mailgate.model.records import parse_record
from mailgate.service.questions import pass_on
from mailgate.store.tables import Assignment, Event
from tests.service.conftest import RigMaker
from tests.service.rig import Rig


def said(rig: Rig, request_id: str, kind: str) -> dict[str, Any]:
    """Return what the one record of a kind says."""
    return dict(parse_record(rig.row(Event, request_id=request_id, kind=kind).record or b"").body)


def test_a_policy_that_no_record_of_its_own_has_stands_in_the_request_s(make_rig: RigMaker) -> None:
    """An action without a gate: what it was ruled by is nowhere else."""
    rig = make_rig(mailgate={"default_approvers": ["bob"], "operators": ["oscar"]})
    body = said(rig, rig.ask("unheard_of", {"x": 1}), "request")
    assert body["policy"] == policy_digest(canonical_bytes(body["policy_document"])).hex()
    assert body["policy_document"]["approvers"] == ["bob"]
    assert "policy_document" not in said(rig, rig.ask(), "request")


def test_a_seat_is_recorded_with_its_beginning(rig: Rig) -> None:
    """Those of a later stage are given out after the answer that led to it."""
    stages = [{"approvers": ["alice"]}, {"approvers": ["bob"]}]
    rig.changed(gates={"pay": {"stages": stages, "remind_after": "none"}})
    request_id = rig.ask()
    rig.press(request_id, "alice")
    rig.clock.forward(minutes=1)
    rig.keeper()
    for kind, person in (("request", "alice"), ("decision", "bob")):
        [seat] = said(rig, request_id, kind)["asked"]
        assert (seat["person"], seat["since"]) == (person, format_time(rig.seat(request_id, person).created_at))


def test_it_is_recorded_whether_an_action_may_be_run_again(rig: Rig) -> None:
    """As its worker declares it."""
    for name, may in (("pay", False), ("warm_up", True)):
        request_id = rig.approved(name)
        rig.work()
        assert said(rig, request_id, "executing")["idempotent"] is may


def test_it_is_recorded_where_a_question_went(rig: Rig) -> None:
    """To whom, and at which address."""
    request_id = rig.ask(on_behalf_of="carol@example.com")
    with rig.serving.store.write() as tx:
        seat = tx.session.get_one(Assignment, rig.seat(request_id, "bob").id)
        assert pass_on(tx, rig.serving, seat, "Which order?", inbound_sha256="")
    rig.keeper()
    body = said(rig, request_id, "question")
    assert (body["to"], body["address"], body["person"]) == ("carol", "carol@example.com", "bob")
    assert body["text"] == "Which order?"
