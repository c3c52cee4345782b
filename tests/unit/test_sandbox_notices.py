"""Mails the site writes by itself: bounces and out-of-office replies, as the standards want them."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

from mailgate.sandbox.accounts import Account
from mailgate.sandbox.notices import Origin, away_reply, bounce, is_addressed_to, is_answered_when_away
from mailgate.sandbox.stamp import Submission

AT = datetime(2026, 11, 3, 14, 2, tzinfo=UTC)
ORIGIN = Origin(authserv_id="mx.sandbox.test", domain="sandbox.test", written_at=AT, token="t0ken")
ALICE = Account(address="alice@sandbox.test", name="Älice Adams", password="-")
SENDER = "approvals+b1@sandbox.test"


def submission(header: str = "", *, envelope_from: str = SENDER) -> Submission:
    """Return a request mail with these additional header fields."""
    raw = f"Message-ID: <r1@gate>\r\nSubject: [x K7] approval needed\r\n{header}\r\nReply with APPROVE.\r\n"
    return Submission(
        login="approvals@sandbox.test",
        envelope_from=envelope_from,
        hello="pc",
        queue_id="Q1",
        received_at=AT,
        raw=raw.encode(),
    )


def parsed(raw: bytes) -> EmailMessage:
    """Parse a mail with the standard library."""
    message = message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    return message


def test_bounce_says_which_recipient_failed_and_how() -> None:
    """A program can read the final recipient, the action and the status (RFC 3464 sections 2.3.2 to 2.3.4)."""
    report = parsed(bounce(submission(), recipient="alice+x@sandbox.test", origin=ORIGIN))
    assert (report.get_content_type(), report.get_param("report-type")) == ("multipart/report", "delivery-status")
    _, status, _ = report.iter_parts()
    about_message, about_recipient = status.get_payload()
    assert about_message["Reporting-MTA"] == "dns; mx.sandbox.test"
    assert (
        about_recipient["Final-Recipient"],
        about_recipient["Action"],
        about_recipient["Status"],
    ) == ("rfc822; alice+x@sandbox.test", "failed", "5.2.1")


def test_bounce_returns_the_mail_whole() -> None:
    """The third part holds the undelivered mail, byte for byte."""
    mail = submission()
    raw = bounce(mail, recipient=ALICE.address, origin=ORIGIN)
    assert b"\r\n\r\n" + mail.raw + b"\r\n--bounce-t0ken--\r\n" in raw
    *_, returned = parsed(raw).iter_parts()
    assert returned.get_payload()[0]["Message-ID"] == "<r1@gate>"


def test_bounce_goes_to_the_envelope_sender_and_can_not_be_bounced() -> None:
    """It is addressed to the envelope sender, with the null return path (RFC 5321 section 6.1)."""
    report = parsed(bounce(submission(), recipient=ALICE.address, origin=ORIGIN))
    assert (
        report["Return-Path"],
        report["Delivered-To"],
        report["To"],
        report["Auto-Submitted"],
    ) == ("<>", SENDER, SENDER, "auto-replied")


def test_away_reply_is_marked_and_threaded() -> None:
    """It says that no person wrote it and belongs to the mail it answers (RFC 3834 section 3)."""
    reply = parsed(
        away_reply(submission("References: <r0@gate>\r\n"), away=ALICE, note="Back on Monday.", origin=ORIGIN)
    )
    assert (reply["Auto-Submitted"], reply["Return-Path"], reply["Delivered-To"]) == ("auto-replied", "<>", SENDER)
    assert (
        reply["Subject"],
        reply["In-Reply-To"],
        reply["References"],
    ) == ("Auto: [x K7] approval needed", "<r1@gate>", "<r0@gate> <r1@gate>")
    assert (
        reply["From"].addresses[0].display_name,
        reply["From"].addresses[0].addr_spec,
    ) == ("Älice Adams", "alice@sandbox.test")
    assert reply.get_content().strip() == "Back on Monday."


def test_person_is_answered() -> None:
    """An ordinary mail is one that a responder answers."""
    assert is_answered_when_away(submission("Auto-Submitted: no\r\n"))


@pytest.mark.parametrize(
    "header",
    [
        "Auto-Submitted: auto-generated\r\n",
        "Auto-Submitted: auto-replied; owner-email=x\r\n",
        "Precedence: Bulk\r\n",
        "List-Id: <l.example>\r\n",
        "List-Unsubscribe: <mailto:x@y>\r\n",
    ],
)
def test_machines_and_lists_are_not_answered(header: str) -> None:
    """A responder keeps silent towards automatic mail and lists (RFC 3834 section 2)."""
    assert not is_answered_when_away(submission(header))


@pytest.mark.parametrize("sender", ["", "MAILER-DAEMON@sandbox.test", "no-reply@x.test", "owner-list@x.test"])
def test_nobody_at_the_other_end_is_not_answered(sender: str) -> None:
    """A responder keeps silent towards the null return path and machines' addresses."""
    assert not is_answered_when_away(submission(envelope_from=sender))


@pytest.mark.parametrize(
    ("header", "is_meant"),
    [
        ("To: Alice <Alice@sandbox.test>\r\n", True),
        ("To: bob@sandbox.test\r\nCc: bob@x, alice+tag@sandbox.test\r\n", True),
        ("To: bob@sandbox.test\r\n", False),
        ("", False),
    ],
)
def test_only_who_is_named_answers(header: str, is_meant: bool) -> None:
    """A responder answers only mail that names its owner in To or Cc (RFC 3834 section 2)."""
    assert is_meant is is_addressed_to(submission(header), ALICE)
