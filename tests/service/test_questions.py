"""A question before the answer: passed on to whoever may know, answered to everybody who decides, and it decides nothing."""

from __future__ import annotations

from email import message_from_bytes
from email.utils import parseaddr
from typing import Any

import pytest

from mailgate.store.tables import Incoming, Question
from tests.service.conftest import RigMaker
from tests.service.post import AUTHSERV_ID, deliver, reply
from tests.service.rig import GATES, PEOPLE, Rig

READING = {"authserv_id": AUTHSERV_ID, "username": "approvals"}
ERIN = {"erin": {"name": "Erin Evans", "address": "erin@example.com"}}


@pytest.fixture
def reading(make_rig: RigMaker) -> Rig:
    """Make a rig whose intake believes its mail server, with somebody for whom agents act."""
    return make_rig(
        imap=READING,
        people=PEOPLE | ERIN,
        gates=GATES | {"pay": {"approvers": ["alice", "bob"], "remind_after": "none"}},
        mailgate={"operators": ["oscar"]},
    )


def ask(rig: Rig, **options: Any) -> str:
    """Ask on behalf of Erin."""
    return rig.ask(on_behalf_of="erin@example.com", reasoning="Charged twice.", **options)


def write(rig: Rig, request_id: str, text: str, person: str = "bob", **options: Any) -> Incoming:
    """Reply to the mail that asked."""
    mail = deliver(rig, reply(rig, request_id, person, text, **options), mail_id=rig.chance.id())
    rig.keeper()
    rig.outbox()
    return mail


def got(rig: Rig, person: str) -> bytes:
    """Return the last mail that somebody was sent."""
    return [raw for _, to, raw in rig.sender.sent if to == f"{person}@example.com"][-1]


def answer(rig: Rig, mail: bytes, text: str, person: str = "erin", *, aligned: bool = True) -> Incoming:
    """Reply to a question."""
    to = parseaddr(str(message_from_bytes(mail)["Reply-To"]))[1]
    proof = f"Authentication-Results: {AUTHSERV_ID}; dmarc=pass header.from=example.com\r\n" if aligned else ""
    raw = (
        f"{proof}From: {person}@example.com\r\nTo: {to}\r\nSubject: Re: x\r\nMessage-ID: <{rig.chance.id()}@example.com>\r\n"
        f"Date: Tue, 24 Nov 2026 09:30:00 +0000\r\n\r\n{text}\r\n"
    ).encode()
    found = deliver(rig, raw, mail_id=rig.chance.id())
    rig.keeper()
    rig.outbox()
    return found


def test_a_question_goes_to_the_requester_and_the_answer_to_all_who_decide(reading: Rig) -> None:
    """Nothing is decided by it; both are on record, and everybody is asked again with both."""
    request_id = ask(reading)
    write(reading, request_id, "QUESTION: was the first charge booked?")
    question = got(reading, "erin")
    for said in (b"was the first charge booked?", b"Bob Brown has a question", b"Charged twice.", b"A-1"):
        assert said in question

    answer(reading, question, "Yes, on Monday.\r\nSee the ledger.")

    assert reading.state(request_id) == "pending"
    assert reading.kinds(request_id) == ["request", "question", "answer"]
    for person in ("alice", "bob"):
        mail = got(reading, person)
        assert b"was the first charge booked?" in mail
        assert b"Yes, on Monday." in mail
    write(reading, request_id, "APPROVE")
    assert reading.state(request_id) == "approved"


def test_where_nobody_known_is_acted_for_the_operators_are_asked(reading: Rig) -> None:
    """Not whatever address an agent names."""
    request_id = reading.ask(on_behalf_of="stranger@elsewhere.example")
    write(reading, request_id, "QUESTION: who is that?")
    assert reading.row(Question).person == "oscar"
    assert not any("elsewhere" in to for _, to, _ in reading.sender.sent)


def test_nobody_to_ask_is_said(make_rig: RigMaker) -> None:
    """One mail says so, and the request stays open."""
    rig = make_rig(imap=READING, mailgate={"operators": []})
    request_id = rig.ask()
    write(rig, request_id, "QUESTION: why?")
    assert rig.rows(Question) == []
    assert "nobody is left to ask" in rig.mails("clarification", request_id)[0].details


def test_a_question_of_somebody_unproven_is_not_passed_on(reading: Rig) -> None:
    """Else a stranger could write to people through us."""
    request_id = ask(reading)
    write(reading, request_id, "QUESTION: click here?", aligned=False)
    assert reading.rows(Question) == []
    assert len(reading.mails("clarification", request_id)) == 1


@pytest.mark.parametrize(("person", "aligned"), [("mallory", True), ("erin", False), ("bob", True)])
def test_an_answer_of_somebody_else_is_kept_apart(reading: Rig, person: str, aligned: bool) -> None:
    """It is quarantined, and nobody who decides hears of it."""
    request_id = ask(reading)
    write(reading, request_id, "QUESTION: why?")
    mail = answer(reading, got(reading, "erin"), "Because I say so.", person, aligned=aligned)
    assert mail.state == "quarantined"
    assert reading.kinds(request_id) == ["request", "question"]


@pytest.mark.parametrize("text", ["APPROVE", "REJECT", "UNDO"])
def test_an_answer_decides_nothing(reading: Rig, text: str) -> None:
    """Whatever it says: whoever is asked a question is not asked for a yes."""
    request_id = ask(reading)
    write(reading, request_id, "QUESTION: why?")
    answer(reading, got(reading, "erin"), text)
    assert reading.state(request_id) == "pending"


def test_a_question_is_answered_once_and_in_time(reading: Rig) -> None:
    """What comes later is kept with its mail."""
    request_id = ask(reading)
    write(reading, request_id, "QUESTION: why?")
    question = got(reading, "erin")
    answer(reading, question, "Because.")
    second = answer(reading, question, "No, because of that.")
    assert "not passed on" in second.why
    write(reading, request_id, "QUESTION: really?")
    other = got(reading, "erin")
    write(reading, request_id, "REJECT no")
    assert "not passed on" in answer(reading, other, "Yes.").why
    assert reading.kinds(request_id).count("answer") == 1


def test_questions_come_to_an_end(reading: Rig) -> None:
    """Two machines that ask and answer each other stop."""
    request_id = ask(reading)
    for number in range(8):
        write(reading, request_id, f"QUESTION: number {number}?")
    assert len(reading.rows(Question)) == 5


def test_the_agent_hears_nothing_of_it(reading: Rig) -> None:
    """Neither the question nor the answer is among what it is told."""
    request_id = ask(reading)
    write(reading, request_id, "QUESTION: is this SECRET-1?")
    answer(reading, got(reading, "erin"), "It is SECRET-2.")
    write(reading, request_id, "APPROVE")
    reading.work()
    [outcome] = reading.shop.resumed
    assert "SECRET" not in repr(outcome)


def test_the_archive_has_both_and_nothing_that_can_answer(reading: Rig) -> None:
    """Its copies carry the records, and no secret address."""
    request_id = ask(reading)
    write(reading, request_id, "QUESTION: why?")
    answer(reading, got(reading, "erin"), "Because.")
    copies = [raw for _, to, raw in reading.sender.sent if to.startswith("archive@")]
    assert sum(b"mailgate-evidence.json" in raw for raw in copies) == 3
    assert all(message_from_bytes(raw)["Reply-To"] is None for raw in copies)


def test_a_question_is_not_forged(reading: Rig) -> None:
    """A row that the serving side did not write brings no text before the people who decide."""
    request_id = ask(reading)
    write(reading, request_id, "QUESTION: why?")
    question = got(reading, "erin")
    reading.forge("update questions set text = 'The CFO agrees, does she?'")
    assert answer(reading, question, "Yes.").state == "quarantined"
    assert "answer" not in reading.kinds(request_id)
