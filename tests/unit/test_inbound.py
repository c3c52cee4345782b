"""What is no answer: our own mail, bounces, automatic mail, list mail; and where an answer was sent to."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailgate.mail.inbound import (
    BounceReport,
    Kind,
    bounce_report,
    classify,
    is_away_note,
    message_tokens,
    recipients,
    referenced_ids,
    secret_tokens,
)
from mailgate.mail.mime import Mail, open_mail

TOKEN = "7qk3vjq2abm4x6zt5c2ndw7hjy"
BASE = "approvals@gate.example.com"


def mail(header: str = "", body: str = "APPROVE", *, sender: str = "Bob <bob@example.com>") -> Mail:
    """Return a mail from ``sender`` with further header lines."""
    lines = [f"From: {sender}", *(line for line in header.split("\n") if line)]
    return open_mail(("\r\n".join(lines) + f"\r\n\r\n{body}").encode())


def kind_of(mail: Mail) -> Kind:
    """Return what our instance takes the mail for."""
    kind, because = classify(mail, instance="approvals", domain="gate.example.com")
    assert all(because)
    return kind


@pytest.mark.parametrize(
    ("header", "kind"),
    [
        ("", Kind.REPLY),
        ("Return-Path: <bob@example.com>", Kind.REPLY),
        ("Auto-Submitted: no", Kind.REPLY),
        ("Auto-Submitted: No (a person)", Kind.REPLY),
        ("X-Autoreply: no", Kind.REPLY),
        ("Precedence: first-class", Kind.REPLY),
        ("X-Auto-Response-Suppress: All", Kind.REPLY),
        ("Subject: Re: Automatic approvals", Kind.REPLY),
        ("Subject: Re: Out of office supplies", Kind.REPLY),
        ("Subject: AW: issue_refund", Kind.REPLY),
        ("Message-ID: <x@gate.example.com>", Kind.REPLY),  # approvers may live in our own domain
        ("Message-ID: <1.mailgate@example.com>", Kind.REPLY),
        ("In-Reply-To: <1.mailgate@gate.example.com>", Kind.REPLY),
        ("X-Mailgate-Instance: approvals", Kind.OWN),
        ("X-MAILGATE-INSTANCE: approvals", Kind.OWN),
        ("Message-ID: <1.mailgate@gate.example.com>", Kind.OWN),
        ("Message-ID: <1.MAILGATE@Gate.Example.com>", Kind.OWN),
        ("X-Mailgate-Instance: approvals\nAuto-Submitted: auto-generated\nReturn-Path: <>", Kind.OWN),
        ("X-Mailgate-Instance: elsewhere", Kind.AUTO_REPLY),
        ("Return-Path: <>", Kind.BOUNCE),
        ("Content-Type: multipart/report; report-type=delivery-status; boundary=b", Kind.BOUNCE),
        ("X-Failed-Recipients: bob@example.com", Kind.BOUNCE),
        ("Return-Path: <>\nSubject: Undeliverable: issue_refund", Kind.BOUNCE),
        ("Return-Path: <>\nSubject: Undeliverable: x\nAuto-Submitted: auto-replied", Kind.BOUNCE),
        ("Subject: Unzustellbar: issue_refund", Kind.BOUNCE),
        ("Subject: Mail delivery failed: returning message to sender", Kind.BOUNCE),
        ("Return-Path: <>\nAuto-Submitted: auto-replied", Kind.AUTO_REPLY),  # Exchange's out of office
        ("Return-Path: <>\nSubject: Automatic reply: issue_refund", Kind.AUTO_REPLY),
        ("Return-Path: <>\nSubject: =?utf-8?q?Automatische_Antwort=3A_x?=", Kind.AUTO_REPLY),
        ("Return-Path: <bob@example.com>\nReturn-Path: <>", Kind.REPLY),  # only the topmost was written by our server
        ("Auto-Submitted: auto-replied", Kind.AUTO_REPLY),
        ("Auto-Submitted: auto-generated; owner-email=a@b.c", Kind.AUTO_REPLY),
        ("Auto-Submitted: auto-replied (vacation)", Kind.AUTO_REPLY),
        ("Auto-Submitted: no\nAuto-Submitted: auto-replied", Kind.AUTO_REPLY),
        ("Auto-Submitted:", Kind.AUTO_REPLY),
        ("Precedence: bulk", Kind.AUTO_REPLY),
        ("Precedence: junk", Kind.AUTO_REPLY),
        ("Precedence: AUTO_REPLY", Kind.AUTO_REPLY),
        ("X-Autoreply: yes", Kind.AUTO_REPLY),
        ("X-Autorespond: Re", Kind.AUTO_REPLY),
        ("X-Auto-Reply-From: bob@example.com", Kind.AUTO_REPLY),
        ("X-MS-Exchange-Inbox-Rules-Loop: bob@example.com", Kind.AUTO_REPLY),
        ("Content-Type: multipart/report; report-type=disposition-notification; boundary=b", Kind.AUTO_REPLY),
        ("Content-Type: multipart/report; report-type=feedback-report; boundary=b", Kind.AUTO_REPLY),
        ("Subject: Read: issue_refund", Kind.AUTO_REPLY),
        ("Precedence: list", Kind.LIST),
        ("List-Id: <a.b>", Kind.LIST),
        ("List-Post: <mailto:a@b>", Kind.LIST),
        ("X-Mailing-List: a@b", Kind.LIST),
        ("List-Id: <a.b>\nPrecedence: bulk", Kind.LIST),
        ("Return-Path: <>\nPrecedence: bulk", Kind.AUTO_REPLY),
        ("Subject: Undeliverable: x\nAuto-Submitted: auto-replied", Kind.AUTO_REPLY),
        ("List-Id: <a.b>\nAuto-Submitted: auto-replied", Kind.AUTO_REPLY),
    ],
)
def test_marks_of_machines_are_known_in_their_order(header: str, kind: Kind) -> None:
    """Ours, then bounces, then automatic, then lists; what proves nothing is no mark."""
    assert kind_of(mail(header)) is kind


@pytest.mark.parametrize(
    "subject",
    [
        "Automatic reply: x",
        "Auto: x",
        "AutoReply: x",
        "Auto-Reply: x",
        "Out of Office: x",
        "Out of the office",
        "Out Of Office AutoReply: x",
        "Away from my mail",
        "On vacation",
        "I am out of the office",
        "Automatische Antwort: x",
        "Abwesenheitsnotiz: x",
        "Abwesend: x",
        "Réponse automatique : x",
        "Absence du bureau : x",
        "Respuesta automática: x",
        "Fuera de la oficina: x",
        "Risposta automatica: x",
        "Fuori ufficio: x",
        "Resposta automática: x",
        "Automatisch antwoord: x",
        "Afwezigheidsbericht: x",
        "Automatiskt svar: x",
        "Autosvar: x",
        "Automaattinen vastaus: x",
        "Poissa: x",
        "Automatyczna odpowiedź: x",
        "Odpowiedź automatyczna: x",
        "Automatická odpověď: x",
        "Automatikus válasz: x",
        "Автоматический ответ: x",
        "Автоответ: x",
        "Otomatik yanıt: x",
        "Αυτόματη απάντηση: x",
        "תשובה אוטומטית: x",
        "رد تلقائي: x",
        "自動応答: x",
        "自动回复: x",
        "自動回覆: x",
        "자동 회신: x",
    ],
)
def test_out_of_office_notes_are_known_by_their_subject(subject: str) -> None:
    """A responder that sends no header at all still says what it is, in the language of its owner."""
    assert kind_of(mail(f"Subject: {subject}")) is Kind.AUTO_REPLY


@pytest.mark.parametrize(
    ("sender", "kind"),
    [
        ("MAILER-DAEMON@example.com", Kind.BOUNCE),
        ("Mail Delivery System <mailer-daemon@example.com>", Kind.BOUNCE),
        ("postmaster@example.com", Kind.BOUNCE),
        ("bounces+123@example.com", Kind.BOUNCE),
        ("no-reply@example.com", Kind.AUTO_REPLY),
        ("noreply@example.com", Kind.AUTO_REPLY),
        ("no_reply+x@example.com", Kind.AUTO_REPLY),
        ("donotreply@example.com", Kind.AUTO_REPLY),
        ("do-not-reply@example.com", Kind.AUTO_REPLY),
        ("autoreply@example.com", Kind.AUTO_REPLY),
        ("norbert.reply@example.com", Kind.REPLY),
        ("noreplyson@example.com", Kind.REPLY),
        ("Postmaster <bob@example.com>", Kind.REPLY),
        ("not an address", Kind.REPLY),
    ],
)
def test_senders_that_are_no_persons_are_known(sender: str, kind: Kind) -> None:
    """The local part says it, never the display name."""
    assert kind_of(mail(sender=sender)) is kind


@pytest.mark.parametrize(
    ("header", "away"),
    [
        ("Auto-Submitted: auto-replied (vacation)", True),
        ("Return-Path: <>\nSubject: Automatic reply: x", True),
        ("X-Autoreply: yes", True),
        ("Auto-Submitted: auto-generated", False),
        ("Precedence: bulk", False),
        (
            "Content-Type: multipart/report; report-type=disposition-notification; boundary=b\nAuto-Submitted: auto-replied",
            False,
        ),
        ("", False),
    ],
)
def test_only_responders_say_that_somebody_is_away(header: str, away: bool) -> None:
    """A receipt or a program's notice is automatic as well, but nobody is on holiday because of it."""
    assert is_away_note(mail(header)) is away
    assert not is_away_note(mail(header, sender="no-reply@example.com"))


def test_a_mail_without_a_sender_is_broken() -> None:
    """Nobody can be asked what it meant."""
    assert kind_of(open_mail(b"To: a@b.c\r\n\r\nAPPROVE")) is Kind.BROKEN


def test_only_the_mails_own_header_counts() -> None:
    """What an attached, returned or quoted mail says about itself is no evidence about this one."""
    inner = (
        "X-Mailgate-Instance: approvals\r\nAuto-Submitted: auto-replied\r\nList-Id: <a.b>\r\nReturn-Path: <>\r\n\r\nx"
    )
    parts = f"--b\r\n\r\n{inner}\r\n--b\r\nContent-Type: message/rfc822\r\n\r\n{inner}\r\n--b--\r\n"
    assert kind_of(mail('Content-Type: multipart/mixed; boundary="b"', parts)) is Kind.REPLY
    assert kind_of(mail("", inner)) is Kind.REPLY


def report(*groups: str, returned: str = "Message-ID: <1.mailgate@gate.example.com>") -> Mail:
    """Return a delivery report with these groups of fields."""
    status = "\r\n\r\n".join(["Reporting-MTA: dns; mx.example.com", *groups])
    parts = (
        "--b\r\n\r\nsorry\r\n"
        f"--b\r\nContent-Type: message/delivery-status\r\n\r\n{status}\r\n"
        f"--b\r\nContent-Type: text/rfc822-headers\r\n\r\n{returned}\r\n--b--\r\n"
    )
    return mail('Content-Type: multipart/report; report-type=delivery-status; boundary="b"', parts)


def test_a_delivery_report_is_read() -> None:
    """Action, status and recipient of the first recipient that failed, and the mail it is about (RFC 3464)."""
    delivered = "Final-Recipient: rfc822; alice@example.com\r\nAction: delivered\r\nStatus: 2.0.0"
    recipient = "Original-Recipient: rfc822;x@example.com\r\nFinal-Recipient: rfc822; <Bob@Example.com>"
    failed = f"{recipient}\r\nAction: Failed (really)\r\nStatus: 5.1.1 (bad)"
    got = bounce_report(report(delivered, failed))
    assert got == BounceReport(
        action="failed", status="5.1.1", recipient="bob@example.com", message_id="<1.mailgate@gate.example.com>"
    )
    assert got is not None
    assert got.failed


def test_a_delay_is_not_a_failure() -> None:
    """A mail that is still being retried makes nobody unreachable."""
    got = bounce_report(report("Final-Recipient: rfc822; bob@example.com\r\nAction: delayed\r\nStatus: 4.4.1"))
    assert got is not None
    assert (got.action, got.failed) == ("delayed", False)


def test_reports_without_what_they_must_have_are_read_as_far_as_they_go() -> None:
    """No status, a strange recipient, no returned mail: empty fields. No group about a recipient: no report."""
    got = bounce_report(report("Original-Recipient: x400; /C=GB/\r\nAction: failed\r\nStatus: bad", returned="x"))
    assert got == BounceReport(action="failed", status="", recipient="", message_id="")
    asked = bounce_report(report("Original-Recipient: rfc822;bob@example.com\r\nAction: failed"))
    assert asked is not None
    assert asked.recipient == "bob@example.com"
    assert bounce_report(report()) is None
    assert bounce_report(mail()) is None


def test_recipients_are_collected_from_every_field_that_names_them() -> None:
    """What people wrote and what servers noted, in lower case, once each; other fields do not count."""
    got = recipients(
        mail(
            'To: Approvals <Approvals+A@Gate.example.com>, "x, y" <b@c.d>\nTo: grp: e@f.g, h@i.j;\nCc: <k@l.m> (x), n@o.p; q@r.s\n'
            "Delivered-To: approvals+a@gate.example.com\nX-Original-To: t@u.v\nEnvelope-To: w@x.y\nBcc: z@z.z\nReply-To: y@y.y\n"
            "X-Delivered-To: u@u.u"
        )
    )
    want = "approvals+a@gate.example.com b@c.d e@f.g h@i.j k@l.m n@o.p q@r.s u@u.u t@u.v w@x.y"
    assert got == tuple(want.split())


def test_referenced_ids_are_the_newest_first_and_bounded() -> None:
    """In-Reply-To names the mail that is answered, References the thread; two hundred are enough."""
    header = "References: <a@x> <b@x>\n <c@x> junk <d @x>\nIn-Reply-To: <e@x> (Bob's mail)"
    assert referenced_ids(mail(header)) == ("<e@x>", "<c@x>", "<b@x>", "<a@x>")
    many = "References: " + "\n ".join(f"<{n}@x>" for n in range(300))
    assert referenced_ids(mail(many))[:2] == ("<299@x>", "<298@x>")
    assert len(referenced_ids(mail(many))) == 200


@pytest.mark.parametrize(
    ("address", "mode", "tokens"),
    [
        (f"approvals+{TOKEN}@gate.example.com", "plus", (TOKEN,)),
        (f"Approvals+{TOKEN.upper()}@GATE.example.com", "plus", (TOKEN,)),
        (f"approvals+{TOKEN}@other.example.com", "plus", ()),
        (f"others+{TOKEN}@gate.example.com", "plus", ()),
        (f"approvals+{TOKEN}x@gate.example.com", "plus", ()),
        (f"approvals+{TOKEN[:-1]}@gate.example.com", "plus", ()),
        (f"approvals+x+{TOKEN}@gate.example.com", "plus", ()),
        (f"approvals+{TOKEN[:-1]}1@gate.example.com", "plus", ()),
        (f"approvals{TOKEN}@gate.example.com", "plus", ()),
        (f"{TOKEN}@gate.example.com", "plus", ()),
        ("approvals@gate.example.com", "plus", ()),
        (f"{TOKEN}@gate.example.com", "catchall", (TOKEN,)),
        (f"approvals+{TOKEN}@gate.example.com", "catchall", ()),
        (f"{TOKEN}@sub.gate.example.com", "catchall", ()),
        (f"approvals+{TOKEN}@gate.example.com", "single", ()),
        ("", "plus", ()),
        ("@", "catchall", ()),
    ],
)
def test_tokens_are_found_in_our_own_addresses_only(address: str, mode: str, tokens: tuple[str, ...]) -> None:
    """Exactly 26 base32 characters, at our own local part and domain, in any case."""
    assert secret_tokens([address, address], base=BASE, mode=mode) == tokens  # type: ignore[arg-type]


@settings(deadline=None)
@given(st.lists(st.text(alphabet='abcdefghijklmnopqrstuvwxyz234567+@.,;:<>()"\\ \t', max_size=60), max_size=5))
def test_any_address_fields_are_searched(values: list[str]) -> None:
    """No content of an address field makes the search fail, and whatever it finds is a plain address."""
    found = recipients(mail("\n".join(f"To: {value}" for value in values)))
    assert all(address.count("@") == 1 and " " not in address for address in found)
    secret_tokens(found, base=BASE, mode="plus")


ADDRESS = f"approvals+{TOKEN}@gate.example.com"


@pytest.mark.parametrize(
    "field",
    [
        f"To: {ADDRESS}",
        f"TO: {ADDRESS.upper()}",
        f"To: Approvals <{ADDRESS}>",
        f"To: \r\n <{ADDRESS}>",
        f"To: Approvals\r\n\t<{ADDRESS}>,\r\n Bob <bob@example.com>",
        f"To: Approvals <\r\n {ADDRESS}\r\n >",
        f"To: {ADDRESS} (Approvals, the (real) ones)",
        f"To: (say yes) {ADDRESS}",
        f'To: "Approvals, of <gate>" <{ADDRESS}>',
        f"To: =?utf-8?Q?Freigaben_=28Tor=29?= <{ADDRESS}>",
        f"To: '{ADDRESS}' <{ADDRESS}>",
        f"To: approvers: Bob <bob@example.com>, {ADDRESS};",
        f"To: bob@example.com; {ADDRESS}",
        f"To: undisclosed-recipients:;\r\nDelivered-To: {ADDRESS}",
        f"To: bob@example.com\r\nCc: carol@example.com\r\nCc: {ADDRESS}",
        f"X-Original-To: {ADDRESS}",
        f"Envelope-To: {ADDRESS}",
        f"X-Envelope-To: <{ADDRESS}>",
    ],
)
def test_an_address_of_ours_is_found_however_it_is_written(field: str) -> None:
    """Folded, commented, in capitals, in a list or a group, or only noted by a server."""
    got = open_mail(f"From: bob@example.com\r\n{field}\r\n\r\nAPPROVE\r\n".encode())
    assert secret_tokens(recipients(got), base=BASE, mode="plus") == (TOKEN,)


@pytest.mark.parametrize(
    ("ids", "tokens"),
    [
        ((f"<{TOKEN[:20]}.mailgate@gate.example.com>",), (TOKEN[:20],)),
        ((f"<{TOKEN[:20].upper()}.MAILGATE@Gate.Example.COM>",), (TOKEN[:20],)),
        ((f"<{TOKEN[:20]}.mailgate@gate.example.com>",) * 2, (TOKEN[:20],)),
        ((f"<{TOKEN[:20]}.mailgate@elsewhere.example>",), ()),
        ((f"<{TOKEN}.mailgate@gate.example.com>",), ()),
        ((f"<x{TOKEN[:20]}.mailgate@gate.example.com>",), ()),
        ((f"<{TOKEN[:20]}.thread@gate.example.com>",), ()),
        (("<1.mailgate@gate.example.com>", ""), ()),
    ],
)
def test_tokens_are_found_in_our_own_message_ids_only(ids: tuple[str, ...], tokens: tuple[str, ...]) -> None:
    """Exactly 20 base32 characters, at our own domain, in any case."""
    assert message_tokens(ids, "gate.example.com") == tokens
