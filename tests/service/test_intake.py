"""Replies from the mailbox to the door: what counts, what is asked back, and what is told to whom."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from mailgate.service.letters import link_of
from mailgate.store.tables import Assignment, Decision, Event, Incoming, Outgoing
from mailgate.tokens import tagged_address
from tests.service.conftest import RigMaker
from tests.service.forging import evil_request
from tests.service.post import AUTHSERV_ID, deliver, reply
from tests.service.rig import GATES, Rig

READING = {"authserv_id": AUTHSERV_ID, "username": "approvals"}


@pytest.fixture
def reading(make_rig: RigMaker) -> Rig:
    """Make a rig whose intake believes its mail server."""
    return make_rig(imap=READING)


def told(rig: Rig, kind: str) -> list[tuple[str, str]]:
    """Return to whom mails of ``kind`` were ordered, and the sentence they say."""
    return [(m.recipient, json.loads(m.details)["because"]) for m in rig.mails(kind)]


def test_proven_approve_counts(reading: Rig) -> None:
    """An aligned APPROVE to the secret address decides, and the record keeps what proved it."""
    request_id = reading.ask()

    mail = deliver(reading, reply(reading, request_id))

    assert reading.state(request_id) == "approved"
    assert (mail.state, mail.verdict, mail.level) == ("concluded", "approve", "aligned")
    evidence = json.loads(reading.row(Decision).evidence)
    assert evidence["from"] == "bob@example.com"
    assert "dmarc=pass" in evidence["authentication_results"]


def test_approve_below_the_level_is_told(reading: Rig) -> None:
    """An approve that is not proven enough is not counted, and the person who was asked is told how to answer."""
    request_id = reading.ask()

    mail = deliver(reading, reply(reading, request_id, aligned=False))
    reading.outbox()

    assert reading.state(request_id) == "pending"
    assert reading.rows(Decision) == []
    [(recipient, sentence)] = told(reading, "clarification")
    assert recipient == "bob@example.com"
    assert "without proof that it is from you" in sentence
    assert "aligned" in mail.why
    assert b"without proof" in reading.sender.sent[-1][2]


def test_doubtful_reject_counts(reading: Rig) -> None:
    """A reject to the secret address ends it, proven or not."""
    request_id = reading.ask()

    deliver(reading, reply(reading, request_id, text="REJECT: no invoice", aligned=False))

    assert reading.state(request_id) == "rejected"
    assert reading.request(request_id).reason == ""
    assert reading.row(Decision).reason == "no invoice"


def test_reply_that_arrived_in_time_counts_though_it_is_read_late(reading: Rig) -> None:
    """A reply counts by the time the mail server received it."""
    request_id = reading.ask()
    end = reading.request(request_id).deadline_at
    assert end is not None
    reading.clock.forward(hours=4, minutes=3)

    deliver(reading, reply(reading, request_id), received_at=end - timedelta(seconds=1))

    assert reading.state(request_id) == "approved"


def test_late_reply_is_told_the_truth(reading: Rig) -> None:
    """A reply that arrived after the deadline decides nothing, and its sender hears how it stands."""
    request_id = reading.ask()
    raw = reply(reading, request_id)
    reading.clock.forward(hours=5)
    reading.keeper()

    deliver(reading, raw)

    assert reading.state(request_id) == "expired"
    [(recipient, sentence)] = told(reading, "late")
    assert recipient == "bob@example.com"
    assert "It expired at" in sentence


def test_second_answer_is_told_that_the_first_stands(reading: Rig) -> None:
    """Who answers twice hears that the first answer stands."""
    request_id = reading.ask("pay_twice")
    deliver(reading, reply(reading, request_id), mail_id="first")

    deliver(reading, reply(reading, request_id, text="REJECT no"), mail_id="second")

    assert reading.state(request_id) == "pending"
    assert "Your first answer stands" in told(reading, "late")[0][1]


def test_unclear_reply_is_asked_back_at_most_twice(reading: Rig) -> None:
    """A reply that does not decide is asked back, and after the second time no more."""
    request_id = reading.ask()

    for number in range(4):
        deliver(reading, reply(reading, request_id, text=f"Hm, {number}?"), mail_id=f"mail-{number}")

    assert reading.state(request_id) == "pending"
    assert len(told(reading, "clarification")) == 2


def test_mail_to_no_seat_is_quarantined_and_makes_no_record(reading: Rig) -> None:
    """Nobody can grow the log by writing to us: a mail without a valid secret is kept, and nothing else."""
    request_id = reading.ask()
    before = len(reading.kinds(request_id))

    mail = deliver(reading, reply(reading, request_id, token="b" * 26))
    reading.keeper()

    assert mail.state == "quarantined"
    assert reading.state(request_id) == "pending"
    assert len(reading.kinds(request_id)) == before
    assert [m for m in reading.rows(Outgoing) if m.kind == "clarification"] == []


def test_mail_that_cannot_be_concluded_does_not_stop_the_next(reading: Rig, logs: list[Any]) -> None:
    """A mail with a forged row behind it is quarantined with the reason; the next one is read."""
    first, second = reading.ask(), reading.ask(args={"order": "A-2"})
    reading.forge("update requests set on_behalf_of = 'x@example.com' where id = :r", r=first)

    bad = deliver(reading, reply(reading, first), mail_id="bad")
    good = deliver(reading, reply(reading, second), mail_id="good")

    assert (bad.state, good.state) == ("quarantined", "concluded")
    assert "ruling was not made by the keeper" in bad.why
    assert "forged" in {e["event"] for e in logs}
    assert (reading.state(first), reading.state(second)) == ("pending", "approved")


def single(make_rig: RigMaker) -> Rig:
    """Make a rig without tagged addresses: a reply is told by the Message-ID it answers."""
    return make_rig(imap=READING | {"reply_address": "single"}, gates={"pay": GATES["pay"] | {"allow_twins": True}})


def test_single_address_tells_replies_by_what_they_answer(make_rig: RigMaker) -> None:
    """Without secret addresses a reply belongs to the seat whose mail it answers."""
    rig = single(make_rig)
    first, second = rig.ask(), rig.ask(args={"order": "A-2"})
    [mail] = [m for m in rig.mails("request", second) if m.recipient == "bob@example.com"]

    deliver(rig, reply(rig, second, answers=rig.message_id(mail), mode="single"))

    assert (rig.state(first), rig.state(second)) == ("pending", "approved")


def test_single_address_is_not_led_astray_by_a_forged_row(make_rig: RigMaker) -> None:
    """A row that ties an honest mail's Message-ID to another seat does not make the answer to one a yes to the other."""
    rig = single(make_rig)
    honest, evil = rig.ask(), rig.ask(args={"order": "EVIL"})
    [mail] = [m for m in rig.mails("request", honest) if m.recipient == "bob@example.com"]
    rig.copy("outgoing", {"id": mail.id}, id="0", assignment_id=rig.seat(evil, "bob").id, request_id=evil)
    rig.forge("delete from outgoing where id = :i", i=mail.id)

    row = deliver(rig, reply(rig, honest, answers=rig.message_id(mail), mode="single"))

    assert rig.state(evil) == "pending"
    assert rig.rows(Decision) == []
    assert row.state == "quarantined"


def test_single_address_prefers_the_honest_row(make_rig: RigMaker) -> None:
    """Where the honest row is still there, the answer counts for what it answers."""
    rig = single(make_rig)
    honest, evil = rig.ask(), rig.ask(args={"order": "EVIL"})
    [mail] = [m for m in rig.mails("request", honest) if m.recipient == "bob@example.com"]
    rig.copy("outgoing", {"id": mail.id}, id="0", assignment_id=rig.seat(evil, "bob").id, request_id=evil)

    deliver(rig, reply(rig, honest, answers=rig.message_id(mail), mode="single"))

    assert rig.state(evil) == "pending"
    assert {d.request_id for d in rig.rows(Decision)} <= {honest}


def test_secret_of_an_honest_seat_does_not_open_a_forged_one(reading: Rig) -> None:
    """A seat that was copied with its address hash to another request is not that request's seat."""
    request_id = reading.ask()
    evil_request(reading, request_id)
    seat = reading.seat(request_id, "bob")
    reading.copy("assignments", {"id": seat.id}, id="0", request_id="evil")

    deliver(reading, reply(reading, request_id, token=reading.serving.key.reply_token(seat.id, 1)))

    assert reading.state("evil") == "pending"
    assert {d.request_id for d in reading.rows(Decision)} <= {request_id}
    assert {a.request_id for a in reading.rows(Assignment)} == {request_id, "evil"}
    assert reading.rows(Incoming)[0].state in ("concluded", "quarantined")


@pytest.mark.parametrize(
    ("header", "away"), [("Auto-Submitted: auto-replied", True), ("Auto-Submitted: auto-generated", False)]
)
def test_only_an_out_of_office_note_marks_away(reading: Rig, header: str, away: bool) -> None:
    """A read receipt or a ticket system is automatic, too: it decides nothing, and nobody is called away for it."""
    request_id = reading.ask()

    mail = deliver(reading, header.encode() + b"\r\n" + reply(reading, request_id))

    assert (mail.kind, reading.state(request_id)) == ("auto_reply", "pending")
    assert reading.seat(request_id, "bob").away is away
    assert ("away" in [e.kind for e in reading.rows(Event, request_id=request_id)]) is away


def test_secrets_that_a_person_quotes_are_not_kept(reading: Rig) -> None:
    """The agent's side can read the database: a link with its code in an answer would let it approve for the person."""
    request_id = reading.ask()
    seat = reading.seat(request_id, "bob")
    code = reading.serving.key.code(seat.id, 1)
    token = reading.serving.key.reply_token(seat.id, 1)
    said = f"Your {link_of(reading.serving, seat)} with {code[:3]} {code[3:]} or {code} at approvals+{token}@x fails"

    deliver(reading, reply(reading, request_id, text=said))
    deliver(reading, reply(reading, request_id, text=f"REJECT {code} {said}"), mail_id="second")

    kept = "\n".join(reading.dump())
    for secret in (code, f"{code[:3]} {code[3:]}", token, reading.token(seat)):
        assert secret not in kept
    assert "with [redacted] or [redacted] at approvals+[redacted]@x fails" in kept


def test_a_mail_to_two_seats_answers_neither(make_rig: RigMaker) -> None:
    """Nobody can say which of the two requests it approves."""
    rig = make_rig(imap=READING)
    first, second = rig.ask(), rig.ask(args={"order": "A-2"})
    other = rig.seat(second, "bob")
    address = tagged_address("approvals@gate.example.com", rig.serving.key.reply_token(other.id, 1), "plus")

    mail = deliver(rig, f"Cc: {address}\r\n".encode() + reply(rig, first))

    assert (mail.state, rig.state(first), rig.state(second)) == ("quarantined", "pending", "pending")
    assert "several secret addresses" in mail.why
