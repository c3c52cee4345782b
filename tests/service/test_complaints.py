"""What is said about forged rows: to whom, how often, and that nobody can silence it by writing a note."""

from __future__ import annotations

from typing import Any

import pytest

from mailgate.errors import Forged
from mailgate.service.complaints import complain
from mailgate.service.once import MOST, Once
from mailgate.store.requests import lock_request
from mailgate.store.tables import Outgoing
from tests.service.conftest import RigMaker
from tests.service.rig import Rig


def forged(rig: Rig) -> str:
    """Write that a request is approved."""
    request_id = rig.ask()
    rig.forge("update requests set state = 'approved' where id = :r", r=request_id)
    return request_id


def said(logs: list[Any]) -> int:
    """Return how often something forged was logged."""
    return sum(entry["event"] == "forged" for entry in logs)


def test_it_is_said_once(rig: Rig, logs: list[Any]) -> None:
    """A row that stays forged is logged once and told once, to every operator, with what to do."""
    request_id = forged(rig)

    for _ in range(3):
        rig.keeper()

    assert said(logs) == 1
    [mail] = rig.mails("notice", request_id)
    assert mail.recipient == "oscar@example.com"
    assert "Find out who can write to the database" in mail.details
    assert "no decision was counted" in rig.request(request_id).note


def test_note_does_not_silence_it(rig: Rig, logs: list[Any]) -> None:
    """Writing a note, even the very sentence that we would write, silences nothing."""
    request_id = forged(rig)
    note = f"requests {request_id}: it stands as approved, but no decision was counted"
    rig.forge("update requests set note = :n", n=note)

    rig.keeper()

    assert said(logs) == 1
    assert len(rig.notices()) == 1


def test_notice_of_the_forgers_own_does_not_silence_it(rig: Rig) -> None:
    """A notice that somebody put in, saying what ours would say, silences nothing: ours bear our mark."""
    request_id = forged(rig)
    rig.keeper()
    [ours] = rig.rows(Outgoing, kind="notice")
    rig.copy("outgoing", {"id": ours.id}, id="evil", state="sent")
    rig.forge("delete from outgoing where id = :i", i=ours.id)

    rig.keeper()

    assert len([m for m in rig.rows(Outgoing, kind="notice", request_id=request_id) if m.id != "evil"]) == 1


def test_taking_the_note_away_floods_nobody(rig: Rig) -> None:
    """A note that is taken away is written again, and logged; the operators are not told a second time."""
    request_id = forged(rig)
    for _ in range(3):
        rig.keeper()
        rig.forge("update requests set note = ''")
    rig.keeper()

    assert len(rig.notices()) == 1
    assert rig.request(request_id).note


def test_another_forgery_is_another_notice(rig: Rig) -> None:
    """What is forged next is told as well."""
    request_id = forged(rig)
    rig.keeper()
    rig.forge("update requests set canonical = '{}'")
    rig.keeper()

    assert len(rig.notices()) == 2
    assert "cannot be read" in rig.request(request_id).note


def test_without_operators_it_is_logged_and_noted(make_rig: RigMaker, logs: list[Any]) -> None:
    """Where nobody is named to be told, the log and the request's note say it, once."""
    rig = make_rig(mailgate={"operators": []})
    request_id = forged(rig)

    for _ in range(3):
        rig.keeper()

    assert said(logs) == 1
    assert rig.request(request_id).note


def test_visitor_of_a_link_brings_it_to_light(rig: Rig) -> None:
    """A forgery that nothing else touches is told when somebody tries to decide; looking alone changes nothing."""
    request_id = rig.ask()
    rig.forge("update requests set run = 'another' where id = :r", r=request_id)
    before = rig.dump()
    with pytest.raises(Forged):
        rig.look(request_id, "bob")
    assert rig.dump() == before

    with pytest.raises(Forged):
        rig.press(request_id, "bob")

    assert len(rig.notices()) == 1
    assert "ruling was not made by the keeper" in rig.request(request_id).note


def test_forged_request_ends_nowhere_by_itself(rig: Rig) -> None:
    """A request whose ruling was forged neither expires nor escalates; operators may cancel it."""
    request_id = rig.ask()
    rig.forge("update requests set run = 'another' where id = :r", r=request_id)
    rig.clock.forward(days=3)
    rig.keeper()
    assert rig.state(request_id) == "pending"

    rig.mg.cancel(request_id)
    assert rig.state(request_id) == "cancelled"


def test_complaint_tells_whether_it_was_new(rig: Rig) -> None:
    """Whoever complains hears whether it was said before."""
    request_id = rig.ask()
    error = Forged("requests", request_id, "somebody scribbled on it")
    new = []
    for _ in range(2):
        with rig.serving.store.write() as tx:
            new.append(complain(tx, rig.serving, lock_request(tx, request_id), error))

    assert new == [True, False]


def test_complaints_remembered_are_bounded() -> None:
    """A thing is said once, and what is remembered does not grow without end."""
    once = Once()
    assert once.first("a")
    assert not once.first("a")
    for number in range(MOST):
        once.first(str(number))
    assert once.first("a")
