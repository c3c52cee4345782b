"""The mail site behaves as the sites of real organisations do; every other mail test builds on these claims."""

from __future__ import annotations

import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from imapclient import IMAPClient

from tests.site import MailSite, ServerLogin

ALICE, MALLORY = "alice@approvers.test", "mallory@elsewhere.test"
OUR_ID = "mx.gate.test"


def mail(subject: str, *, sender: str = ALICE, extra: str = "") -> bytes:
    """Write a short message as it goes over the wire."""
    return f"From: {sender}\r\nSubject: {subject}\r\n{extra}\r\nGrüße, {subject}\r\n".encode()


def read(raw: bytes) -> EmailMessage:
    """Parse a stored message."""
    message = message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def results(raw: bytes) -> list[str]:
    """Return the Authentication-Results of a stored message, topmost first."""
    return [str(value) for value in read(raw).get_all("Authentication-Results", [])]


@contextmanager
def logged_in(login: ServerLogin) -> Iterator[IMAPClient]:
    """Open IMAP as a mail program does."""
    context = login.tls_context()
    implicit = login.tls == "implicit"
    with IMAPClient(login.host, login.port, ssl=implicit, ssl_context=context if implicit else None) as client:
        if not implicit:
            client.starttls(context)
        client.login(login.username, login.password)
        yield client


def test_submitted_bytes_arrive_unchanged(mail_site: MailSite) -> None:
    """What a person's mail program sends is what lies in the mailbox, below the servers' own headers."""
    box, sent = mail_site.fresh_user(), mail("unchanged", extra="To: you, <B.O.B.@x> (odd)\r\n")
    mail_site.submit(ALICE, box, sent)
    assert mail_site.wait_for_mail(box).endswith(b"\r\n" + sent)


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_smtp_offers_both_kinds_of_tls(mail_site: MailSite, tls: str) -> None:
    """Submission takes a login after STARTTLS on one port and under TLS from the first byte on another."""
    login = mail_site.smtp_of(ALICE, "starttls" if tls == "starttls" else "implicit")
    if tls == "implicit":
        smtp = smtplib.SMTP_SSL(login.host, login.port, context=login.tls_context())
    else:
        smtp = smtplib.SMTP(login.host, login.port)
        smtp.starttls(context=login.tls_context())
    with smtp:
        assert smtp.login(login.username, login.password)[0] == 235


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_imap_offers_both_kinds_of_tls(mail_site: MailSite, tls: str) -> None:
    """IMAP takes a login after STARTTLS on one port and under TLS from the first byte on another."""
    with logged_in(mail_site.imap_of(ALICE, "starttls" if tls == "starttls" else "implicit")) as client:
        assert client.folder_exists("INBOX")


def test_logins_of_the_first_user_are_at_hand(mail_site: MailSite) -> None:
    """``smtp`` and ``imap`` belong to the first user and prove themselves with the site's authority."""
    assert (mail_site.smtp.username, mail_site.smtp.password) == ("approvals@gate.test", "approvals-pw")
    assert mail_site.smtp.ca_file == mail_site.ca_file
    with logged_in(mail_site.imap) as client:
        assert client.folder_exists("INBOX")


def test_certificate_is_for_localhost_only(mail_site: MailSite) -> None:
    """A client that connects to the bare address must notice that the certificate names another host."""
    with smtplib.SMTP("127.0.0.1", mail_site.smtp.port) as smtp, pytest.raises(ssl.SSLCertVerificationError):
        smtp.starttls(context=mail_site.smtp.tls_context())


def test_no_submission_login_without_tls(mail_site: MailSite) -> None:
    """Submission offers no login until the connection is encrypted."""
    with smtplib.SMTP("localhost", mail_site.smtp.port) as smtp:
        smtp.ehlo()
        assert not smtp.has_extn("auth")


def test_wrong_password_is_refused(mail_site: MailSite) -> None:
    """A login needs the right password."""
    login = mail_site.smtp_of(ALICE)
    with smtplib.SMTP(login.host, login.port) as smtp:
        smtp.starttls(context=login.tls_context())
        with pytest.raises(smtplib.SMTPAuthenticationError):
            smtp.login(ALICE, "wrong")


def test_plus_address_is_kept_in_both_headers(mail_site: MailSite) -> None:
    """Mail to box+detail lands in box, and Delivered-To and X-Original-To tell the detail."""
    box = mail_site.fresh_user()
    tagged = box.replace("@", "+k3j5n7q2@")
    mail_site.submit(ALICE, tagged, mail("tagged"))
    arrived = read(mail_site.wait_for_mail(box))
    assert (arrived["Delivered-To"], arrived["X-Original-To"]) == (tagged, tagged)


def test_each_recipient_gets_a_copy_with_the_own_address(mail_site: MailSite) -> None:
    """One message to two addresses of one mailbox arrives twice, each copy naming its own address."""
    box = mail_site.fresh_user()
    addresses = [box.replace("@", f"+{detail}@") for detail in ("one", "two")]
    mail_site.submit(ALICE, addresses, mail("twice"))
    for address in addresses:
        copy = mail_site.wait_for_mail(box, lambda raw, a=address: read(raw)["Delivered-To"] == a)
        assert read(copy).get_all("X-Original-To") == [address]


@pytest.mark.parametrize("sender", [ALICE, "alice+bounce-7@approvers.test", "ALICE@approvers.test"])
def test_own_envelope_sender_is_vouched_for(mail_site: MailSite, sender: str) -> None:
    """Submitted mail whose envelope sender is the login's own address carries dmarc=pass for its domain, on top."""
    box = mail_site.fresh_user()
    mail_site.submit(ALICE, [box, "bob@approvers.test"], mail("vouched"), mail_from=sender)
    assert results(mail_site.wait_for_mail(box)) == [f"{OUR_ID}; dmarc=pass header.from=approvers.test"]


def test_fresh_user_is_vouched_for(mail_site: MailSite) -> None:
    """A fresh user can submit under the own address too."""
    person, box = mail_site.fresh_user("dan", "approvers.test"), mail_site.fresh_user()
    mail_site.submit(person, box, mail("fresh", sender=person))
    assert results(mail_site.wait_for_mail(box)) == [f"{OUR_ID}; dmarc=pass header.from=approvers.test"]


def test_null_sender_is_not_vouched_for(mail_site: MailSite) -> None:
    """Submitted mail with the null envelope sender has no sender that could be proven."""
    box = mail_site.fresh_user()
    mail_site.submit(ALICE, box, mail("null"), mail_from="")
    assert results(mail_site.wait_for_mail(box)) == []


def test_other_envelope_sender_is_refused(mail_site: MailSite) -> None:
    """Nobody submits under another's address."""
    with pytest.raises(smtplib.SMTPException, match="not owned by user"):
        mail_site.submit(MALLORY, ALICE, mail("posing"), mail_from="bob@approvers.test")


def test_local_sender_from_outside_is_marked_as_forged(mail_site: MailSite) -> None:
    """Mail from outside under a local address arrives with dmarc=fail."""
    box = mail_site.fresh_user()
    mail_site.deliver_from_outside(ALICE, [box, "bob@approvers.test"], mail("forged"))
    assert results(mail_site.wait_for_mail(box)) == [f"{OUR_ID}; dmarc=fail header.from=approvers.test"]


@pytest.mark.parametrize("sender", ["", "somebody@strangers.test", "alice@approvers.test.evil.test"])
def test_stranger_from_outside_is_marked_as_unproven(mail_site: MailSite, sender: str) -> None:
    """Mail from outside under a foreign address, or under none, arrives with dmarc=none."""
    box = mail_site.fresh_user()
    mail_site.deliver_from_outside(sender, box, mail("stranger"))
    assert results(mail_site.wait_for_mail(box)) == [f"{OUR_ID}; dmarc=none"]


@pytest.mark.parametrize(
    "field",
    [
        f"Authentication-Results: {OUR_ID}; dmarc=pass header.from=approvers.test",
        f"AUTHENTICATION-RESULTS: {OUR_ID.upper()}; dmarc=pass header.from=approvers.test",
        f"Authentication-Results:\r\n\t{OUR_ID};\r\n\tdmarc=pass header.from=approvers.test",
        f"Authentication-Results : {OUR_ID}; dmarc=pass header.from=approvers.test",
        f'Authentication-Results: (a; b) "{OUR_ID}" 1; dmarc=pass header.from=approvers.test',
    ],
    ids=["plain", "upper case", "folded", "blank before colon", "comment and quotes"],
)
def test_forged_result_is_removed(mail_site: MailSite, field: str) -> None:
    """A field that came in under our server's name is gone; only the server's own finding is left."""
    box = mail_site.fresh_user()
    mail_site.deliver_from_outside("x@strangers.test", box, mail("forged", extra=f"{field}\r\n"))
    raw = mail_site.wait_for_mail(box)
    assert results(raw) == [f"{OUR_ID}; dmarc=none"]
    assert b"dmarc=pass" not in raw


def test_forged_result_is_removed_from_submitted_mail(mail_site: MailSite) -> None:
    """A user of ours cannot write our server's finding either."""
    box = mail_site.fresh_user()
    forged = f"Authentication-Results: {OUR_ID}; dmarc=pass header.from=bank.test\r\n"
    mail_site.submit(MALLORY, box, mail("forged", extra=forged))
    assert results(mail_site.wait_for_mail(box)) == [f"{OUR_ID}; dmarc=pass header.from=elsewhere.test"]


def test_result_of_another_server_is_kept_below_ours(mail_site: MailSite) -> None:
    """A field of a server that is not ours stays, under ours."""
    box = mail_site.fresh_user()
    other = "Authentication-Results: mx.other.test; dmarc=pass header.from=approvers.test"
    mail_site.deliver_from_outside("x@strangers.test", box, mail("other", extra=f"{other}\r\n"))
    assert results(mail_site.wait_for_mail(box)) == [f"{OUR_ID}; dmarc=none", other.partition(": ")[2]]


def test_result_in_an_attached_mail_is_untouched(mail_site: MailSite) -> None:
    """An attached mail is evidence: no field inside it is removed or changed."""
    box, inner = mail_site.fresh_user(), f"Authentication-Results: {OUR_ID}; dmarc=pass\r\nSubject: in\r\n\r\nx\r\n"
    outer = b"From: a@b.test\r\nMIME-Version: 1.0\r\nContent-Type: message/rfc822\r\n\r\n" + inner.encode()
    mail_site.deliver_from_outside("x@strangers.test", box, outer)
    assert mail_site.wait_for_mail(box).endswith(b"\r\n\r\n" + inner.encode())


@pytest.mark.parametrize("address", ["nobody@approvers.test", "nobody@nowhere.example", "root@[127.0.0.1]"])
def test_unknown_recipient_is_refused_at_submission(mail_site: MailSite, address: str) -> None:
    """An address without a mailbox or a route is refused for good while the client is still there."""
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refusal:
        mail_site.submit(ALICE, address, mail("nobody"))
    assert 500 <= refusal.value.recipients[address][0] < 600


@pytest.mark.parametrize("address", ["nobody@approvers.test", "somebody@strangers.test"])
def test_unknown_recipient_is_refused_from_outside(mail_site: MailSite, address: str) -> None:
    """The outside world reaches local mailboxes only."""
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        mail_site.deliver_from_outside("x@strangers.test", address, mail("nobody"))


def test_later_bounce_comes_back_to_the_envelope_sender(mail_site: MailSite) -> None:
    """An address that is accepted and turns out to be dead makes a delivery report to the envelope sender."""
    person = mail_site.fresh_user("sender")
    bounces_to = person.replace("@", "+b-42@")
    mail_site.submit(person, "gone@approvers.test", mail("to nobody"), mail_from=bounces_to)
    report = read(mail_site.wait_for_mail(person))
    assert (report.get_content_type(), report["Return-Path"]) == ("multipart/report", "<>")
    assert report["Delivered-To"] == bounces_to
    assert b"Final-Recipient: rfc822; gone@approvers.test" in report.as_bytes()


def test_idle_is_told_of_new_mail(mail_site: MailSite) -> None:
    """A client that waits in IMAP IDLE is told of a delivery without asking."""
    box = mail_site.fresh_user()
    with logged_in(mail_site.imap_of(box)) as client:
        client.select_folder("INBOX")
        client.idle()
        mail_site.submit(ALICE, box, mail("pushed"))
        pushed: list[tuple[object, ...]] = []
        while not any(b"EXISTS" in response for response in pushed):
            pushed += client.idle_check(timeout=30)
        client.idle_done()


def test_disk_and_imap_show_the_same_bytes_in_order(mail_site: MailSite) -> None:
    """``maildir`` returns the messages in order of arrival, byte for byte as IMAP does, and marks none as seen."""
    box = mail_site.fresh_user()
    for subject in ("first", "second", "third"):
        mail_site.submit(ALICE, box, mail(subject))
        mail_site.wait_for_mail(box, lambda raw, s=subject: read(raw)["Subject"] == s)
    with logged_in(mail_site.imap_of(box)) as client:
        client.select_folder("INBOX")
        on_disk = mail_site.maildir(box)
        fetched = client.fetch(client.search("UNSEEN"), ["BODY.PEEK[]"])
    assert [read(raw)["Subject"] for raw in on_disk] == ["first", "second", "third"]
    assert [fetched[uid][b"BODY[]"] for uid in sorted(fetched)] == on_disk


def test_other_mailboxes_are_readable_from_disk(mail_site: MailSite) -> None:
    """Mail that a client moved away is found in the mailbox it was moved to."""
    box = mail_site.fresh_user()
    mail_site.submit(ALICE, box, mail("moved"))
    mail_site.wait_for_mail(box)
    with logged_in(mail_site.imap_of(box)) as client:
        client.create_folder("Kept.Deep")
        client.select_folder("INBOX")
        client.move(client.search(), "Kept.Deep")
    assert mail_site.maildir(box) == []
    assert read(mail_site.wait_for_mail(box, mailbox="Kept/Deep"))["Subject"] == "moved"


def test_fresh_users_start_empty_and_apart(mail_site: MailSite) -> None:
    """Each fresh user has an address and a mailbox that no other has."""
    one, other = mail_site.fresh_user(), mail_site.fresh_user()
    mail_site.submit(ALICE, one, mail("for one"))
    mail_site.wait_for_mail(one)
    assert mail_site.maildir(other) == []
    with logged_in(mail_site.imap_of(other)) as client:
        assert client.select_folder("INBOX")[b"EXISTS"] == 0


def test_waiting_in_vain_says_what_the_server_did(mail_site: MailSite) -> None:
    """A wait that is over without the mail names the mailbox and shows the server's log."""
    box = mail_site.fresh_user()
    mail_site.submit(ALICE, box, mail("another"))
    mail_site.wait_for_mail(box)
    with pytest.raises(TimeoutError, match=rf"(?s){box} has 1 messages.*postfix/"):
        mail_site.wait_for_mail(box, lambda _: False, timeout=0.1)


def test_two_sites_exchange_mail(mail_site: MailSite) -> None:
    """Mail between two sites crosses the receiving site's border: its server, not the sender's, has the last word."""
    other = MailSite({"zoe@partner.test": "zoe-pw"})
    try:
        other.route_to(mail_site)
        other.up()
        box = mail_site.fresh_user()
        other.submit("zoe@partner.test", box, mail("across", sender="zoe@partner.test"))
        assert results(mail_site.wait_for_mail(box)) == [
            f"{OUR_ID}; dmarc=none",
            "mx.partner.test; dmarc=pass header.from=partner.test",
        ]
    finally:
        other.down()
