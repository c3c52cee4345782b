"""The mail site's addresses: with details, caught by domain, or neither; bounces and vacation notices as servers send them."""

from __future__ import annotations

import smtplib
from email import message_from_bytes, policy

import pytest

from tests.conftest import CAUGHT
from tests.site import MailSite

ALICE = "alice@approvers.test"


def mail(subject: str, to: str) -> bytes:
    """Write a short message as it goes over the wire."""
    return f"From: {ALICE}\r\nTo: {to}\r\nSubject: {subject}\r\n\r\n{subject}\r\n".encode()


def test_a_domain_can_catch_all(catch_all_site: MailSite) -> None:
    """Any address of it reaches its user, who may send as any of them; other domains are as before."""
    catch_all_site.submit(ALICE, "whoever@catch.test", mail("caught", "whoever@catch.test"))
    raw = catch_all_site.wait_for_mail(CAUGHT)
    assert b"X-Original-To: whoever@catch.test\r\n" in raw
    catch_all_site.submit(CAUGHT, ALICE, mail("sent", ALICE), mail_from="whoever@catch.test")
    assert b"Return-Path: <whoever@catch.test>" in catch_all_site.wait_for_mail(ALICE)
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        catch_all_site.submit(ALICE, "whoever@gate.test", mail("refused", "whoever@gate.test"))


def test_a_site_can_do_without_details(plain_site: MailSite) -> None:
    """Then an address with one is nobody's, to send to or to send as."""
    box = plain_site.fresh_user()
    detailed = box.replace("@", "+detail@")
    with pytest.raises(smtplib.SMTPRecipientsRefused, match="User unknown"):
        plain_site.submit(ALICE, detailed, mail("refused", detailed))
    with pytest.raises(smtplib.SMTPRecipientsRefused, match="not owned by user"):
        plain_site.submit(box, ALICE, mail("refused", ALICE), mail_from=detailed)
    plain_site.submit(ALICE, box, mail("taken", box))
    assert plain_site.wait_for_mail(box)


def test_a_vacation_notice_goes_to_the_envelope_sender(mail_site: MailSite) -> None:
    """As RFC 5230 has it: marked, from the null sender; and not to mail that says it is automatic."""
    alice, bob = mail_site.fresh_user("alice", "approvers.test"), mail_site.fresh_user("bob", "approvers.test")
    mail_site.write_sieve(bob, 'require "vacation"; vacation :days 1 :subject "Gone fishing" "Back on Monday.";')
    automatic = mail("automatic", bob).replace(b"Subject", b"Auto-Submitted: auto-generated\r\nSubject")
    mail_site.submit(alice, bob, automatic, mail_from=alice.replace("@", "+one@"))
    mail_site.submit(alice, bob, mail("asked", bob), mail_from=alice.replace("@", "+two@"))
    notice = message_from_bytes(mail_site.wait_for_mail(alice), policy=policy.default)
    assert notice["Return-Path"] == "<>"
    assert notice["To"] == alice.replace("@", "+two@")
    assert notice["Auto-Submitted"] == "auto-replied (vacation)"
    assert notice["Subject"] == "Gone fishing"
    assert len(mail_site.maildir(bob)) == 2
    assert len(mail_site.maildir(alice)) == 1
