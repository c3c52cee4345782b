"""Bounces, by the system that sent them: with the report of RFC 3464, and the many that have none."""

from __future__ import annotations

from collections.abc import Iterator

from tests.corpus import ours
from tests.corpus.envelope import Mail
from tests.corpus.machines.notes import BOB, RETURNED, note, report

_BACK = f"{RETURNED}\n\n{ours.text(BOB.name)}"


_REPORTED = (
    (
        "postfix",
        "Mail Delivery System <MAILER-DAEMON@example.com>",
        "Undelivered Mail Returned to Sender",
        "This is the mail system at host mx.example.com.\n\nAPPROVE",
        "X-Postfix-Queue-ID: 2679E752E",
    ),
    (
        "sendmail",
        "Mail Delivery Subsystem <MAILER-DAEMON@example.com>",
        "Returned mail: see transcript for details",
        (
            "The original message was received at Tue, 24 Nov 2026\n\n   ----- The following addresses had "
            "permanent fatal errors -----"
        ),
        "",
    ),
    (
        "exchange",
        "Microsoft Outlook <MicrosoftExchange329e71ec88ae4615bbc36ab6ce41109e@example.com>",
        "Undeliverable: issue_refund (R-7K2M9Q)",
        "Delivery has failed to these recipients or groups:\n\nBob Brown",
        "X-Display-Name: Bob Brown",
    ),
    (
        "microsoft 365",
        "postmaster@example.com",
        "Undeliverable: issue_refund (R-7K2M9Q)",
        "Your message to bob.brown@example.com couldn't be delivered.\n\nbob.brown wasn't found at example.com.",
        "Remote-MTA: dns; 192.0.2.9",
    ),
    (
        "gmail",
        "Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
        "Delivery Status Notification (Failure)",
        (
            "** Address not found **\n\nYour message wasn't delivered to bob.brown@example.com because the "
            "address couldn't be found."
        ),
        "",
    ),
    (
        "amazon ses",
        "MAILER-DAEMON@eu-west-1.amazonses.example",
        "Delivery Status Notification (Failure)",
        "An error occurred while trying to deliver the mail to the following recipients:",
        "",
    ),
    (
        "proofpoint",
        "Mail Delivery Subsystem <MAILER-DAEMON@mx0a.pphosted.example>",
        "Returned mail: see transcript for details",
        "   ----- The following addresses had permanent fatal errors -----",
        "",
    ),
    (
        "ironport",
        "Mail Delivery System <MAILER-DAEMON@esa1.example.com>",
        "Undeliverable Message",
        "The following message to <bob.brown@example.com> was undeliverable.",
        "",
    ),
    (
        "barracuda",
        "Mail Delivery System <MAILER-DAEMON@d12345.ess.barracuda.example>",
        "Undelivered Mail Returned to Sender",
        "This is the Barracuda Email Security Gateway.",
        "",
    ),
    (
        "zimbra",
        "Mail Delivery System <MAILER-DAEMON@zimbra.example.com>",
        "Undelivered Mail Returned to Sender",
        "This is the mail system at host zimbra.example.com.",
        "",
    ),
    (
        "exim dsn",
        "Mail Delivery System <Mailer-Daemon@mail.example.com>",
        "Mail delivery failed: returning message to sender",
        "This message was created automatically by mail delivery software.",
        "Remote-MTA: dns; mx.example.com",
    ),
    (
        "opensmtpd",
        "Mailer Daemon <MAILER-DAEMON@mail.example.com>",
        "Delivery status notification: error",
        "    Hi!\n\n    This is the MAILER-DAEMON, please DO NOT REPLY to this email.",
        "",
    ),
    (
        "courier",
        '"Courier mail server at mail.example.com" <@mail.example.com>',
        "NOTICE: mail delivery status.",
        "UNDELIVERABLE MAIL\n\nYour message to the following recipients cannot be delivered:",
        "",
    ),
    (
        "domino",
        "Postmaster@example.com",
        "DELIVERY FAILURE: User bob.brown (bob.brown@example.com) not listed in Domino Directory",
        "Your message\n\n  Subject: issue_refund\n\nwas not delivered to: bob.brown@example.com",
        "",
    ),
    (
        "yahoo",
        "MAILER-DAEMON@yahoo.example",
        "Failure Notice",
        "Sorry, we were unable to deliver your message to the following address.",
        "",
    ),
    (
        "apple",
        "Mail Delivery System <MAILER-DAEMON@icloud.example>",
        "Undelivered Mail Returned to Sender",
        "The user you are trying to contact is receiving mail at a rate...",
        "",
    ),
    (
        "mailgun",
        "Mailer-Daemon <postmaster@mg.example.com>",
        "Undeliverable: issue_refund",
        "The message could not be delivered.",
        "",
    ),
    (
        "sap",
        "System Mail <sapconnect@example.com>",
        "Nachricht konnte nicht zugestellt werden",
        "Ihre Nachricht konnte nicht zugestellt werden.",
        "",
    ),
)
"""System, sender, subject, words for people, and a further field of the report."""


_UNREPORTED = (
    (
        "qmail",
        "MAILER-DAEMON@mail.example.com",
        "Return-Path: <>\nSubject: failure notice",
        f"Hi. This is the qmail-send program at mail.example.com.\nI'm afraid I wasn't able to deliver "
        f"your message to the following addresses.\nThis is a permanent error; I've given up. Sorry it "
        f"didn't work out.\n\n<{BOB.address}>:\nSorry, no mailbox here by that name. (#5.1.1)\n\n--- "
        f"Below this line is a copy of the message.\n\n{_BACK}",
        {},
    ),
    (
        "exim",
        "Mail Delivery System <Mailer-Daemon@mail.example.com>",
        f"Return-Path: <>\nSubject: Mail delivery failed: returning message to sender\n"
        f"X-Failed-Recipients: {BOB.address}\nAuto-Submitted: auto-replied",
        f"This message was created automatically by mail delivery software.\n\nA message that you sent "
        f"could not be delivered to one or more of its\nrecipients. This is a permanent error. The "
        f"following address(es) failed:\n\n  {BOB.address}\n    Unrouteable address\n\n------ This is a "
        f"copy of the message, including all the headers. ------\n\n{_BACK}",
        {},
    ),
    (
        "mimecast",
        "postmaster@example.com",
        "Return-Path: <>\nSubject: Undeliverable message\nAuto-Submitted: auto-generated",
        f"APPROVE\n\nYour message could not be delivered to {BOB.address}: 550 Invalid Recipient.",
        {},
    ),
    (
        "messagelabs",
        "MAILER-DAEMON@messagelabs.example",
        "Return-Path: <>\nSubject: failure notice",
        f"This is the mail delivery agent at messagelabs.\nI was unable to deliver your message to the "
        f"following addresses.\n\n{BOB.address}\n\nReason: 550 5.1.1 User unknown",
        {},
    ),
    (
        "smtpsvc",
        "postmaster@example.com",
        "Return-Path: <>\nSubject: Delivery Status Notification (Failure)",
        f"This is an automatically generated Delivery Status Notification.\n\nDelivery to the following "
        f"recipients failed.\n\n       {BOB.address}",
        {},
    ),
    (
        "groupwise",
        "Mail System <Mailer-Daemon@example.com>",
        "Return-Path: <>\nSubject: Message status - undeliverable",
        f"The message that you sent was undeliverable to the following:\n\t{BOB.address} (user not found)",
        {},
    ),
    (
        "domino",
        "Postmaster@example.com",
        "Return-Path: <>\nSubject: NOTICE: mail delivery status.",
        f"Your message was not delivered to: {BOB.address} because: User not listed",
        {"variant": "old"},
    ),
    (
        "yahoo",
        "MAILER-DAEMON@yahoo.example",
        "Return-Path: <>\nSubject: Failure Notice",
        f"Sorry, we were unable to deliver your message to the following address.\n\n<{BOB.address}>:\n"
        f"554: delivery error: dd This user doesn't have an account\n\n--- Original message follows.\n\n"
        f"{_BACK}",
        {"variant": "old"},
    ),
    (
        "aol",
        "Mail Delivery Subsystem <MAILER-DAEMON@aol.example>",
        "Return-Path: <>\nSubject: Returned mail: User unknown",
        f"   ----- The following addresses had permanent fatal errors -----\n<{BOB.address}>\n   ----- "
        f"Transcript of session follows -----\n550 {BOB.address} IS NOT ACCEPTING MAIL FROM THIS SENDER",
        {},
    ),
    (
        "smtp32",
        "Mail Delivery <postmaster@example.com>",
        "Return-Path: <>\nSubject: Undeliverable Mail\nX-Mailer: <SMTP32 v8.05>",
        f"Unknown user: {BOB.address}\n\nRCPT TO generated following response:\n550 not local host\n\n"
        f"Original message follows.\n\n{_BACK}",
        {},
    ),
    (
        "sina",
        "MAILER-DAEMON@sina.example",
        "Return-Path: <>\nSubject: 系统退信",
        f"抱歉，您的邮件被退回来了……\n\n{BOB.address}",
        {"language": "zh"},
    ),
    (
        "qq mail",
        "PostMaster@qq.example",
        "Return-Path: <>\nSubject: 系统退信/Systems bounce",
        f"抱歉，您的邮件被退回来了\n收件人邮箱 {BOB.address} 不存在",
        {"language": "zh"},
    ),
    (
        "orange",
        "MAILER-DAEMON@orange.example",
        "Return-Path: <>\nSubject: Message non distribué",
        f"Le message n'a pas pu être remis à {BOB.address}.",
        {"language": "fr"},
    ),
    (
        "gmx",
        "MAILER-DAEMON@gmx.example",
        "Return-Path: <>\nSubject: Mail delivery failed: returning message to sender",
        f"Diese Nachricht wurde automatisch erstellt.\n\n{BOB.address}:\nSMTP error: 550 mailbox unavailable",
        {},
    ),
    (
        "hostmaster without marks",
        "Systeme <admin@example.com>",
        "Subject: Undeliverable: issue_refund",
        "APPROVE could not be delivered.",
        {},
    ),
)
"""System, sender, header fields, text, and what else is to be said of it."""


def _status(
    mta: str, *, action: str = "failed", status: str = "5.1.1", more: str = "", said: str = "550 5.1.1 User unknown"
) -> str:
    return (
        f"Reporting-MTA: dns; {mta}\nArrival-Date: Tue, 24 Nov 2026 15:00:00 +0000\n\nFinal-Recipient: rfc822; {BOB.address}\n"
        f"Action: {action}\nStatus: {status}\nDiagnostic-Code: smtp; {said}{more}"
    )


def mails() -> Iterator[Mail]:
    """Yield the bounces in a fixed order."""
    yield from _with_report()
    yield from _that_may_still_arrive()
    yield from _without_report()


def _failed(system: str, sender: str, fields: str, body: str, **more: str) -> Mail:
    return note(system, fields, body, kind="bounce", would="mark_undeliverable", sender=sender, **more)


def _with_report() -> Iterator[Mail]:
    for system, sender, subject, human, more in _REPORTED:
        status = _status("mx.example.com", more=f"\n{more}" if more else "")
        content, body = report(human, status)
        fields = f"Return-Path: <>\nSubject: {subject}\nAuto-Submitted: auto-replied\n{content}"
        yield _failed(system, sender, fields, body)
    content, body = report(
        "Mailbox full.", _status("mx.example.com", status="5.2.2", said="552 5.2.2 Over quota"), headers_only=True
    )
    yield _failed(
        "postfix",
        "MAILER-DAEMON@example.com",
        f"Return-Path: <>\nSubject: Undelivered Mail Returned to Sender\n{content}",
        body,
        variant="over quota",
    )
    content, body = report("Nicht zugestellt.", _status("mx.example.de"))
    yield _failed(
        "microsoft 365",
        "postmaster@example.com",
        f"Return-Path: <>\nSubject: Unzustellbar: issue_refund (R-7K2M9Q)\n{content}",
        body,
        variant="german",
        language="de",
    )


def _that_may_still_arrive() -> Iterator[Mail]:
    for system, action, subject in (
        ("postfix", "delayed", "Delayed Mail (still being retried)"),
        ("exchange", "delayed", "Delivery delayed: issue_refund (R-7K2M9Q)"),
        ("exim dsn", "delayed", "Warning: message 1tF delayed 24 hours"),
        ("microsoft 365", "relayed", "Relayed: issue_refund (R-7K2M9Q)"),
        ("postfix", "delivered", "Successful Mail Delivery Report"),
        ("sendmail", "expanded", "Return receipt"),
    ):
        content, body = report(
            "APPROVE\n\nYour message is on its way.",
            _status("mx.example.com", action=action, status="4.4.1", said="connection timed out"),
        )
        sender = "postmaster@example.com" if system in ("exchange", "microsoft 365") else "MAILER-DAEMON@example.com"
        fields = f"Return-Path: <>\nSubject: {subject}\nAuto-Submitted: auto-replied\n{content}"
        yield note(system, fields, body, kind="bounce", would="ignore", sender=sender, variant=action)


def _without_report() -> Iterator[Mail]:
    for system, sender, fields, body, more in _UNREPORTED:
        yield _failed(system, sender, fields, body, **more)
