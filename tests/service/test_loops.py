"""Machines that answer each other: every conversation with one ends, and nobody makes the log grow by writing to us."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

from mailgate.service.intake import MOST_AN_HOUR, MOST_ANSWERS
from mailgate.service.refusals import MOST_RECORDS
from mailgate.store.refused import refused
from mailgate.store.tables import Decision, Event
from tests.service.conftest import RigMaker
from tests.service.post import AUTHSERV_ID, deliver, reply
from tests.service.rig import GATES, PEOPLE, Rig

READING = {"authserv_id": AUTHSERV_ID, "username": "approvals"}
ANSWERS = ("clarification", "late", "why")
Record = Callable[[str, object], None]


def sent_by(rig: Rig, to: str) -> Iterator[tuple[str, EmailMessage]]:
    """Send what is due; yield envelope sender and mail of what went to an address since this was last asked."""
    before = len(rig.sender.sent)
    rig.outbox()
    for sender, recipient, raw in rig.sender.sent[before:]:
        if recipient == to:
            yield sender, message_from_bytes(raw, policy=policy.default)


def answers(rig: Rig) -> int:
    """Return how many automatic answers were ordered."""
    return sum(len(rig.mails(kind)) for kind in ANSWERS)


def tally(rig: Rig) -> dict[str, int]:
    """Return the counters of refused mail."""
    with rig.serving.store.read() as tx:
        return refused(tx)


def machine(rig: Rig, mail: EmailMessage, text: str) -> bytes:
    """Return what a responder answers that marks nothing, threads well, and quotes everything."""
    body = mail.get_body(("plain",))
    assert body is not None
    quoted = "\r\n".join(f"> {line}" for line in body.get_content().splitlines())
    lines = (
        f"Authentication-Results: {AUTHSERV_ID}; dmarc=pass header.from=example.com",
        "From: bob@example.com",
        f"To: {mail['Reply-To'].addresses[0].addr_spec}",
        f"Subject: Re: {mail['Subject']}",
        f"Message-ID: <{rig.chance.id()}@example.com>",
        f"In-Reply-To: {mail['Message-ID']}",
        "",
        text,
        "",
        quoted,
        "",
    )
    return "\r\n".join(lines).encode()


@pytest.mark.parametrize(
    "text", ["Thank you for your mail. Ticket #4711 was opened.", "", "undo", "question: who are you?"]
)
def test_a_responder_that_knows_no_end(make_rig: RigMaker, record_property: Record, text: str) -> None:
    """It answers every mail of ours, marks nothing and quotes all: after two answers we are silent."""
    rig = make_rig(imap=READING, mailgate={"operators": []})
    request_id = rig.ask()
    rounds = 0
    while mails := list(sent_by(rig, "bob@example.com")):
        for _, mail in mails:
            rounds += 1
            deliver(rig, machine(rig, mail, text), mail_id=f"m{rounds}")
        rig.keeper()
        assert rounds < 20

    assert rig.state(request_id) == "pending"
    assert rig.rows(Decision) == []
    assert answers(rig) == MOST_ANSWERS
    record_property("attack", f"a responder that answers everything, unmarked, and quotes ({text or 'nothing'})")
    record_property("happened", f"{answers(rig)} answers, then silence; nothing decided")


def test_a_responder_with_many_requests(make_rig: RigMaker, record_property: Record) -> None:
    """Over all requests one address gets twenty answers an hour, and after that hour others again."""
    rig = make_rig(imap=READING, gates={"pay": GATES["pay"] | {"allow_twins": True, "timeout": "9h"}})
    for number in range(12):
        rig.submit(args={"order": f"A-{number}"})
    rig.keeper()
    mails = [mail for _, mail in sent_by(rig, "bob@example.com")]
    for number, mail in enumerate(mails * 2):
        deliver(rig, machine(rig, mail, "Hm."), mail_id=f"m{number}")

    assert len(mails) * MOST_ANSWERS > MOST_AN_HOUR
    assert answers(rig) == MOST_AN_HOUR
    rig.clock.forward(hours=1)
    for number, mail in enumerate(mails):
        deliver(rig, machine(rig, mail, "Hm."), mail_id=f"later {number}")
    assert answers(rig) == len(mails) * MOST_ANSWERS
    record_property("attack", "a responder that answers the mails of twelve requests, twice each")
    record_property("happened", f"{MOST_AN_HOUR} answers within an hour")


@pytest.mark.parametrize(
    "mark",
    [
        "Auto-Submitted: auto-replied",
        "Auto-Submitted: auto-generated",
        "Precedence: bulk",
        "List-Id: <all.example.com>",
        "Return-Path: <>",
        "X-Autoreply: yes",
        "X-Mailgate-Instance: elsewhere",
        "Content-Type: multipart/report; report-type=disposition-notification; boundary=b",
    ],
)
def test_automatic_mail_is_never_answered(make_rig: RigMaker, mark: str) -> None:
    """Whatever it says, and though it came to a secret address."""
    rig = make_rig(imap=READING)
    request_id = rig.ask()
    for number, text in enumerate(("Hm.", "APPROVE", "REJECT")):
        raw = reply(rig, request_id, text=text).replace(b"Content-Type: text/plain; charset=utf-8\r\n", b"")
        deliver(rig, f"{mark}\r\n".encode() + raw, mail_id=f"m{number}")
    assert answers(rig) == 0
    assert rig.rows(Decision) == []


def test_our_answers_say_that_they_are_automatic(make_rig: RigMaker) -> None:
    """Each kind of answer leaves without an envelope sender, marked auto-replied, as an answer to the mail it answers."""
    rig = make_rig(imap=READING, gates={"pay": GATES["pay"] | {"allow_twins": True}})
    for order, texts in {"A-1": ("Hm.",), "A-2": ("REJECT",), "A-3": ("APPROVE", "APPROVE")}.items():
        request_id = rig.ask(args={"order": order})
        for number, text in enumerate(texts):
            deliver(rig, reply(rig, request_id, text=text), mail_id=f"{order} {number}")
    rig.keeper()
    sent = list(sent_by(rig, "bob@example.com"))
    automatic = [(sender, mail) for sender, mail in sent if mail["Auto-Submitted"] == "auto-replied"]
    assert {kind for kind in ANSWERS if rig.mails(kind)} == set(ANSWERS)
    assert len(automatic) == answers(rig) == 3
    assert {sender for sender, _ in automatic} == {""}
    assert all(re.fullmatch(r"<\w+@example\.com>", str(mail["In-Reply-To"])) for _, mail in automatic)


# Two mailgates, each with the other's mailbox as an approver.


@pytest.fixture
def pair(make_rig: RigMaker) -> tuple[Rig, Rig]:
    """Make two mailgates that ask each other."""
    return (
        make_rig(
            imap=READING,
            people=PEOPLE | {"bob": {"name": "Bob", "address": "approvals@other.example.com"}},
            mailgate={"name": "one", "operators": []},
        ),
        make_rig(
            imap=READING,
            people=PEOPLE | {"bob": {"name": "Bob", "address": "approvals@gate.example.com"}},
            smtp={"from": "Approvals <approvals@other.example.com>"},
            mailgate={"name": "two", "operators": []},
        ),
    )


MARKS = re.compile(rb"(?mi)^(X-Mailgate-Instance|Auto-Submitted|Message-ID): .*\r\n")


@pytest.mark.parametrize("way", ["as they are", "marks stripped", "marks stripped, to the secret address"])
def test_two_mailgates_that_ask_each_other(pair: tuple[Rig, Rig], record_property: Record, way: str) -> None:
    """As they are they know each other; behind a gateway that strips every mark, each falls silent after two answers."""
    asked = [rig.ask() for rig in pair]
    passed = 0
    for _ in range(20):
        before = passed
        for here, there, request_id in ((pair[0], pair[1], asked[1]), (pair[1], pair[0], asked[0])):
            for _, mail in sent_by(here, here.serving.config.people["bob"].address):
                passed += 1
                raw = mail.as_bytes(policy=policy.SMTP)
                if way != "as they are":
                    raw = MARKS.sub(b"", raw)
                if way.endswith("address"):
                    raw = re.sub(rb"(?m)^To: .*\r\n", _to_seat(there, request_id), raw, count=1)
                deliver(there, raw, mail_id=f"m{passed}")
                there.keeper()
        if passed == before:
            break
    else:
        raise AssertionError("they never fall silent")

    sent = [answers(rig) for rig in pair]
    assert sent == ([MOST_ANSWERS] * 2 if way.endswith("address") else [0, 0])
    assert [rig.state(r) for rig, r in zip(pair, asked, strict=True)] == ["pending", "pending"]
    assert [rig.rows(Decision) for rig in pair] == [[], []]
    assert [rig.seat(r, "bob").away for rig, r in zip(pair, asked, strict=True)] == [False, False]
    record_property("attack", f"two mailgates whose mailboxes answer each other, {way}")
    record_property("happened", f"{sum(sent)} automatic answers in all, then silence")


def _to_seat(rig: Rig, request_id: str) -> bytes:
    seat = rig.seat(request_id, "bob")
    base = rig.serving.config.smtp.address.replace("@", f"+{rig.serving.key.reply_token(seat.id, 1)}@")
    return f"To: {base}\r\n".encode()


# The log.


def test_strangers_do_not_grow_the_log(make_rig: RigMaker, record_property: Record) -> None:
    """Mail to no secret address of ours makes no event, is answered by nobody, and is counted by kind."""
    rig = make_rig(imap=READING)
    request_id = rig.ask()
    before = len(rig.rows(Event))
    strange = {
        "reply": reply(rig, request_id, token="b" * 26),
        "list": b"List-Id: <a.b>\r\n" + reply(rig, request_id, token="b" * 26),
        "auto_reply": b"Auto-Submitted: auto-replied\r\n" + reply(rig, request_id, token="b" * 26),
        "bounce": b"Return-Path: <>\r\n" + reply(rig, request_id, token="b" * 26),
        "broken": b"no header\r\n\r\nAPPROVE",
    }
    for number in range(4):
        for kind, raw in strange.items():
            assert deliver(rig, raw, mail_id=f"{kind} {number}").kind == kind
    ours = f"X-Mailgate-Instance: {rig.serving.signer.name}\r\n".encode() + strange["reply"]
    assert deliver(rig, ours, mail_id="own").kind == "own"
    rig.keeper()

    assert len(rig.rows(Event)) == before
    assert answers(rig) == 0
    assert tally(rig) == dict.fromkeys(strange, 4)
    record_property("attack", "twenty mails of strangers to grow the log")
    record_property("happened", "no record of its own; counted")


def test_a_person_does_not_grow_the_log_either(make_rig: RigMaker, record_property: Record) -> None:
    """Of what was not counted about one request so much is on record; the rest is kept, and counted."""
    rig = make_rig(imap=READING)
    request_id = rig.ask()
    many = MOST_RECORDS + 5
    for number in range(many):
        deliver(rig, reply(rig, request_id, text="Hm."), mail_id=f"unclear {number}")
        deliver(rig, b"List-Id: <a.b>\r\n" + reply(rig, request_id), mail_id=f"list {number}")
        deliver(rig, b"Auto-Submitted: auto-replied\r\n" + reply(rig, request_id), mail_id=f"away {number}")
    rig.press(request_id, "bob")
    for number in range(3):
        deliver(rig, reply(rig, request_id, text="REJECT"), mail_id=f"late {number}")
    rig.keeper()

    kinds = rig.kinds(request_id)
    assert {k: kinds.count(k) for k in set(kinds)} == {
        "request": 1,
        "superseded": MOST_RECORDS,
        "quarantine": MOST_RECORDS,
        "away": 1,
        "decision": 1,
    }
    assert tally(rig) == {"unrecorded": 2 * 5 + 3}
    record_property("attack", f"{3 * many} mails of somebody who has an address of ours, to grow the log")
    record_property("happened", f"{MOST_RECORDS} records of a kind a request; the rest counted")


def test_nobody_is_called_away_after_the_end(make_rig: RigMaker) -> None:
    """A note that answers the outcome is of no consequence any more."""
    rig = make_rig(imap=READING)
    request_id = rig.ask()
    rig.press(request_id, "bob")
    rig.keeper()
    deliver(rig, b"Auto-Submitted: auto-replied\r\n" + reply(rig, request_id))
    assert rig.seat(request_id, "bob").away is False
    assert rig.bodies(request_id, "away") == []
