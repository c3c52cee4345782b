"""The outbox's promises without a mail server: rendered once, sent as those bytes, never lost, never sent by two at once."""

from __future__ import annotations

import asyncio
import json
from base64 import b64decode
from datetime import timedelta
from email import message_from_bytes
from email.policy import default
from itertools import pairwise
from typing import Any

import pytest

from mailgate.errors import InvalidArguments, MailServerError
from mailgate.mail.mime import open_mail
from mailgate.service.deliver import Ready, send_one, take_due
from mailgate.service.marks import mark_outgoing
from mailgate.service.quarantine import quarantined, raw_of, read_again
from mailgate.store.mails import outgoing_of
from mailgate.store.tables import Assignment, Outgoing
from tests.service.conftest import RigMaker
from tests.service.post import AUTHSERV_ID, deliver, reply
from tests.service.rig import GATES, Rig, in_parallel


class BusySender:
    """A server that asks to wait, each time."""

    def __init__(self) -> None:
        self.tried: list[bytes] = []

    async def send(self, sender: str, recipient: str, raw: bytes) -> str:
        """See :class:`mailgate.mail.smtp.SmtpSender`."""
        self.tried.append(raw)
        raise MailServerError("451 try again later")


def send(rig: Rig, ready: Ready, sender: Any) -> None:
    """Send one mail by ``sender``."""
    asyncio.run(send_one(rig.serving, sender, ready))


def test_each_mail_is_taken_by_one_outbox(rig: Rig) -> None:
    """Outboxes that look at once take different mails, and each mail is taken once."""
    for number in range(4):
        rig.ask(args={"order": f"A-{number}"})

    taken = in_parallel([lambda: [m.row.id for m in take_due(rig.serving, 3)] for _ in range(4)])

    ids = [i for some in taken for i in some]
    assert sorted(ids) == sorted(m.id for m in rig.rows(Outgoing))


def test_outbox_that_died_loses_nothing_and_changes_nothing(rig: Rig) -> None:
    """A mail that was rendered and perhaps sent is sent again after a while: the same bytes, the same Message-ID."""
    rig.ask()
    first = {m.row.id: m.raw for m in take_due(rig.serving, 10)}
    assert take_due(rig.serving, 10) == []
    rig.forge("update requests set reasoning = 'changed meanwhile'")

    rig.clock.forward(hours=1)
    again = {m.row.id: m.raw for m in rig.outbox()}

    assert again == first


def test_stored_bytes_are_sealed_and_deleted_after(rig: Rig) -> None:
    """What lies in the database until a server took it cannot be read there; afterwards it is gone."""
    request_id = rig.ask()
    seat = rig.seat(request_id, "bob")
    code, token = rig.serving.key.code(seat.id, 1), rig.serving.key.reply_token(seat.id, 1)
    ready = take_due(rig.serving, 10)
    assert any(token.encode() in mail.raw for mail in ready)

    dump = "\n".join(rig.dump())
    assert all(secret not in dump for secret in (token, f"{code[:3]} {code[3:]}", rig.token(seat)))
    assert all(m.sealed for m in rig.rows(Outgoing))

    rig.clock.forward(hours=1)
    rig.outbox()
    assert {(m.state, m.sealed) for m in rig.rows(Outgoing)} == {("sent", None)}


def test_busy_server_is_asked_again_with_growing_pauses(make_rig: RigMaker) -> None:
    """A mail that the server does not take now is tried again, as the same bytes, and then given up: the seat is lost."""
    rig = make_rig(archive={}, gates={"pay": GATES["pay"] | {"timeout": "none"}})
    request_id = rig.ask()
    sender, tries = BusySender(), []
    while (row := rig.row(Outgoing, kind="request")).state == "waiting":
        rig.clock.at = max(rig.clock.at, row.next_at)
        [ready] = take_due(rig.serving, 10)
        tries.append(rig.clock.at)
        send(rig, ready, sender)
    rig.keeper()

    pauses = [b - a for a, b in pairwise(tries)]
    assert len(set(sender.tried)) == 1
    assert pauses == sorted(pauses)
    assert timedelta(seconds=29) < pauses[0] < timedelta(seconds=31)
    assert timedelta(minutes=59) < pauses[-1] < timedelta(minutes=61)
    assert timedelta(hours=24) <= tries[-1] - tries[0] < timedelta(hours=25, minutes=1)
    assert rig.state(request_id) == "undeliverable"


def test_mail_goes_to_one_person_and_bounces_to_its_seat(rig: Rig) -> None:
    """Each mail has one recipient, and its envelope sender is the seat's own bounce address."""
    request_id = rig.ask("pay_twice")
    rig.outbox()

    envelopes = {recipient: sender for sender, recipient, _ in rig.sender.sent}
    for person in ("alice", "bob"):
        seat = rig.seat(request_id, person)
        bounce = rig.serving.key.bounce_token(seat.id, seat.generation)
        assert envelopes[f"{person}@example.com"] == f"approvals+{bounce}@gate.example.com"
    assert envelopes["archive@gate.example.com"] == "approvals@gate.example.com"


def test_archive_gets_nothing_that_can_still_decide(rig: Rig) -> None:
    """The archive's copies hold no reply address, no code and no link, whatever happens to the request."""
    request_id = rig.ask()
    seat = rig.seat(request_id, "bob")
    rig.outbox()
    rig.press(request_id, "bob")
    rig.keeper()
    rig.work()
    rig.outbox()

    archived = [raw for _, recipient, raw in rig.sender.sent if recipient.startswith("archive")]
    code = rig.serving.key.code(seat.id, seat.generation)
    secrets = (
        rig.serving.key.reply_token(seat.id, seat.generation),
        rig.serving.key.bounce_token(seat.id, seat.generation),
        f"{code[:3]} {code[3:]}",
        rig.token(seat),
    )
    assert len(archived) == 3
    for raw in archived:
        mail = open_mail(raw)
        text = " ".join((*mail.plain, *mail.html, raw.decode()))
        assert all(secret not in text for secret in secrets)


@pytest.fixture
def reading(make_rig: RigMaker) -> Rig:
    """Make a rig whose intake believes its mail server."""
    return make_rig(imap={"authserv_id": AUTHSERV_ID})


def test_quarantined_mail_can_be_looked_at_and_read_again(reading: Rig) -> None:
    """What was kept can be listed, shown byte for byte, and concluded once more when its cause is mended."""
    request_id = reading.ask()
    reading.forge("update requests set run = 'another'")
    raw = reply(reading, request_id)
    deliver(reading, raw)
    [listed] = quarantined(reading.serving)
    assert "ruling was not made by the keeper" in listed["why"]
    assert raw_of(reading.serving, "mail") == raw

    reading.forge("update requests set run = 'run-1'")

    assert read_again(reading.serving, "mail")[0] == "concluded"
    assert reading.state(request_id) == "approved"
    with pytest.raises(InvalidArguments, match="quarantine list"):
        raw_of(reading.serving, "mail")


def test_quarantine_shows_whose_mail_it_is_and_what_about(reading: Rig) -> None:
    """Sender and subject are those that the mail claims, decoded, on one line, with nothing hidden in them."""
    raw = (
        b"From: =?utf-8?q?Alice_\xe2=82=AC?= <alice@example.com>\r\nTo: approvals@gate.example.com\r\n"
        b"Subject: =?utf-8?q?Pay_=1B[31m?=\r\n =?utf-8?q?now?=\r\nMIME-Version: 1.0\r\n\r\nAPPROVE\r\n"
    ).replace(b"\xe2", b"=E2")
    deliver(reading, raw)
    deliver(reading, b"no mail at all", mail_id="broken")

    mail, broken = sorted(quarantined(reading.serving), key=lambda row: row["id"], reverse=True)

    assert mail["from"] == "Alice € <alice@example.com>"
    assert mail["subject"] == "Pay ⟨U+001B⟩[31mnow"
    assert mail["received_at"].startswith("2026-11-24T09:00:00.")
    assert (broken["from"], broken["subject"]) == ("", "")


def test_forged_row_does_not_hide_the_others(reading: Rig) -> None:
    """A kept mail whose bytes were changed in the database is listed, without what cannot be trusted."""
    deliver(reading, reply(reading, reading.ask(), token="a" * 26))
    reading.forge("update incoming set sealed = x'00'")

    [listed] = quarantined(reading.serving)

    assert (listed["id"], listed["from"]) == ("mail", "")


def test_evidence_rides_with_each_mail(rig: Rig) -> None:
    """The mails about an event carry its record and proof, which verify against the public log key."""
    request_id = rig.ask()
    rig.outbox()

    assert len(rig.sender.sent) == 2
    for _, _, raw in rig.sender.sent:
        [attached] = message_from_bytes(raw, policy=default).iter_attachments()
        assert attached.get_filename() == "mailgate-evidence.json"
        entry = json.loads(attached.get_content())["records"][-1]
        record = rig.working.verifier.read(b64decode(entry["record"]), entry["proof"])
        assert (record.event, record.request, record.index) == ("request", request_id, 1)


def test_a_mail_that_an_earlier_version_ordered_is_sent(rig: Rig) -> None:
    """Its row has a Message-ID in clear, and so has the seat; it goes out, under an id that nobody can read there."""
    request_id = rig.ask()
    with rig.serving.store.write() as tx:
        [mail] = [m for m in outgoing_of(tx, request_id) if m.assignment_id is not None]
        mail.message_id = "<abc.mailgate@gate.example.com>"
        mark_outgoing(rig.serving.key, mail)
        seat = tx.session.get_one(Assignment, mail.assignment_id)
        seat.message_id = mail.message_id
        tx.session.add_all((mail, seat))

    rig.outbox()

    [raw] = [raw for _, to, raw in rig.sender.sent if to == "bob@example.com"]
    assert mail.message_id.encode() not in raw
    assert rig.row(Outgoing, id=mail.id).state == "sent"
