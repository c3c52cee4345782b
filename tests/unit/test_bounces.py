"""Bounces without a standard report: what flufl.bounce knows of them, and that nothing depends on it."""

from __future__ import annotations

import sys

import pytest

from mailgate.config import Config
from mailgate.mail.bounces import scanned_report
from mailgate.mail.inbound import BounceReport, Kind
from mailgate.service.judging import Would, examine, judge_mail
from tests.corpus.reading import MAILS

BOB = "bob.brown@example.com"


def stored(name: str) -> bytes:
    """Return a bounce of the corpus."""
    return (MAILS / f"{name}.eml").read_bytes()


@pytest.mark.parametrize("name", ["qmail", "yahoo-old", "smtp32", "exim"])
def test_the_recipient_of_an_old_bounce_is_known(name: str) -> None:
    """Each server's own words say that it failed for good, and for whom."""
    failed = BounceReport(action="failed", status="", recipient=BOB, message_id="")
    assert scanned_report(stored(name)) == failed


def test_a_warning_without_a_report_makes_nobody_unreachable() -> None:
    """A server that goes on trying says so in words that flufl.bounce knows."""
    raw = (
        "Return-Path: <>\r\nFrom: MAILER-DAEMON@example.com\r\nSubject: Warning: message delayed 24 hours\r\n\r\n"
        "A message that you sent has not yet been delivered to one or more of its recipients\r\n"
        f"after more than 24 hours. The address to which it has not yet been delivered is:\r\n\r\n  {BOB}\r\n\r\n"
        "No action is required on your part. Delivery attempts will continue for some time.\r\n"
    ).encode()
    found = scanned_report(raw)
    assert found is not None
    assert (found.action, found.recipient) == ("delayed", BOB)
    examined = examine(raw, Config(), "approvals")
    assert examined.kind is Kind.BOUNCE
    assert judge_mail(None, Config(), examined).would is Would.IGNORE


def test_without_the_extra_a_bounce_is_one_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it is not installed nobody knows whom it is about; what is done stays the same."""
    monkeypatch.setitem(sys.modules, "flufl.bounce", None)
    assert scanned_report(stored("qmail")) is None
    examined = examine(stored("qmail"), Config(), "approvals")
    assert (examined.kind, examined.report) == (Kind.BOUNCE, None)
    assert judge_mail(None, Config(), examined).would is Would.MARK_UNDELIVERABLE


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\xff\xfe\r\n\r\n",
        b"Subject: failure notice\r\n\r\nHi. This is the qmail-send program at <\xff>:\r\n<\xff@\xfe>:\r\n",
        b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n" + b"--b\r\n" * 9000,
        b"Content-Type: multipart/mixed; boundary=b0\r\n\r\n"
        + b"--b0\r\nContent-Type: multipart/mixed; boundary=b0\r\n\r\n" * 900,
    ],
)
def test_a_mail_made_to_break_other_parsers_says_nothing(raw: bytes) -> None:
    """Whatever they raise, and however they are misled, it is not passed on."""
    found = scanned_report(raw)
    assert found is None or "@" not in found.recipient


def test_a_reply_is_never_asked_about() -> None:
    """A person who quotes a bounce has still answered."""
    raw = (
        b"From: Bob <bob.brown@example.com>\r\nSubject: Re: x\r\n\r\nREJECT\r\n\r\n"
        + stored("qmail").partition(b"\r\n\r\n")[2]
    )
    examined = examine(raw, Config(), "approvals")
    assert (examined.kind, examined.report) == (Kind.REPLY, None)
