"""Receipts, ticket systems, challenges, notifications, list servers, invitations: automatic, and nobody is away."""

from __future__ import annotations

from collections.abc import Iterator

from tests.corpus import ours
from tests.corpus.envelope import Mail
from tests.corpus.machines.notes import BOB, note, report

_TICKET = f"Your request has been received (#4711). APPROVE this answer or add a comment.\n\n{ours.text(BOB.name)}"


def _ignored(system: str, fields: str, body: str = _TICKET, **more: str) -> Mail:
    return note(system, fields, body, kind="auto_reply", would="ignore", **more)


def mails() -> Iterator[Mail]:
    """Yield the mails in a fixed order."""
    yield from _receipts()
    yield from _tickets()
    yield from _notices()
    yield from _challenges()
    yield from _lists()


def _receipts() -> Iterator[Mail]:
    disposition = (
        f"Reporting-UA: mail.example.com; Microsoft Outlook\nFinal-Recipient: rfc822; {BOB.address}\n"
        f"Original-Message-ID: {ours.MESSAGE_ID}\n"
        "Disposition: manual-action/MDN-sent-manually; displayed"
    )
    for system, subject, human in (
        ("outlook receipt", "Read: issue_refund (R-7K2M9Q)", "Your message was read on Tuesday."),
        ("outlook receipt", "Not read: issue_refund (R-7K2M9Q)", "Your message was deleted without being read."),
        (
            "thunderbird receipt",
            "Return Receipt (displayed) - issue_refund",
            "This is a Return Receipt for the mail that you sent.",
        ),
        ("notes receipt", "Return Receipt", "Your document was received by Bob Brown."),
    ):
        content, body = report(f"APPROVE\n\n{human}", disposition, kind="disposition-notification", headers_only=True)
        variant = "not read" if subject.startswith("Not") else ""
        yield _ignored(system, f"Subject: {subject}\n{content}", body, variant=variant)
    yield _ignored("receipt without report", "Subject: Gelesen: issue_refund (R-7K2M9Q)", "APPROVE", language="de")


def _tickets() -> Iterator[Mail]:
    yield _ignored(
        "zendesk",
        "Subject: [Example] Re: issue_refund\nAuto-Submitted: auto-generated\nX-Auto-Response-Suppress: "
        "All\nX-Mailer: Zendesk Mailer\nX-Zendesk-From-Account-Id: 7f",
        sender="Example Support <support@example.com>",
    )
    yield _ignored(
        "jira",
        "Subject: SUP-4711 issue_refund\nAuto-Submitted: auto-generated\nPrecedence: bulk\nX-JIRA-FingerPrint: 1b2c",
        sender="jira@example.com",
    )
    yield _ignored(
        "servicenow",
        "Subject: INC0012345 has been opened on your behalf\nX-ServiceNow-Generated: true\n"
        "Auto-Submitted: auto-generated\nPrecedence: bulk",
        sender="IT Service Desk <example@service-now.example>",
    )
    yield _ignored(
        "otrs",
        "Subject: [Ticket#2026112410000012] RE: issue_refund\nPrecedence: bulk\nX-OTRS-Loop: yes\n"
        "Auto-Submitted: auto-generated\nX-Powered-By: OTRS",
        sender="help@example.com",
    )
    yield _ignored(
        "request tracker",
        "Subject: [example.com #4711] AutoReply: issue_refund\nPrecedence: bulk\nX-RT-Loop-Prevention: "
        "example.com\nAuto-Submitted: auto-generated",
        sender="rt@example.com",
    )
    yield _ignored(
        "freshdesk",
        "Subject: Ticket Received - issue_refund\nAuto-Submitted: auto-replied\nX-FD-Auto: 1",
        sender="no-reply@example.com",
    )


def _notices() -> Iterator[Mail]:
    yield _ignored(
        "salesforce",
        "Subject: Case 00012345 created\nX-SFDC-EmailCategory: workflowActionAlert\nPrecedence: bulk",
        sender="support@example.com",
    )
    yield _ignored(
        "github",
        "Subject: Re: [example/shop] issue_refund (#12)\nPrecedence: list\nList-ID: example/shop "
        "<shop.example.github.example>\nX-Auto-Response-Suppress: All\nAuto-Submitted: auto-generated",
        sender="notifications@github.example",
    )
    yield _ignored("no-reply sender", "Subject: issue_refund", "APPROVE", sender="noreply@example.com")
    yield note(
        "outlook rule",
        "Subject: Re: issue_refund\nX-MS-Exchange-Inbox-Rules-Loop: bob.brown@example.com",
        "APPROVE\n\nThis mailbox is read on Mondays.",
        kind="auto_reply",
        would="mark_away",
    )
    yield _ignored(
        "cron",
        "Subject: Cron <bob@mail> approve\nX-Cron-Env: <SHELL=/bin/sh>\nAuto-Submitted: auto-generated",
        "APPROVE",
        sender="root@example.com",
    )


def _challenges() -> Iterator[Mail]:
    ask = "Please click below to prove that you are a person. APPROVE will be delivered then."
    yield _ignored(
        "boxbe",
        "Subject: Re: issue_refund (Action Required)\nAuto-Submitted: auto-replied\nX-Boxbe-Challenge: 1",
        ask,
        sender="Boxbe <noreply@boxbe.example>",
    )
    yield _ignored(
        "spam arrest",
        "Subject: Re: issue_refund (verification)\nPrecedence: bulk\nX-SpamArrest-Challenge: 1",
        ask,
        sender="Bob Brown <bob.brown@spamarrest.example>",
    )
    yield note(
        "tmda",
        "Subject: Please confirm your message\nX-Delivery-Agent: TMDA/1.1.12\nPrecedence: bulk\n"
        "Auto-Submitted: auto-replied (challenge)",
        ask,
        kind="auto_reply",
        would="mark_away",
    )
    yield _ignored(
        "milter greylist", "Subject: Your mail is being held\nPrecedence: junk", ask, sender="do-not-reply@example.com"
    )


def _lists() -> Iterator[Mail]:
    for system, fields in (
        (
            "mailman",
            "Subject: [team] Re: issue_refund\nList-Id: Team <team.example.com>\nPrecedence: list\n"
            "X-Mailman-Version: 3.3.9\nX-BeenThere: team@example.com",
        ),
        (
            "google groups",
            "Subject: [team] issue_refund\nPrecedence: list\nMailing-list: list team@example.com; contact "
            "team+owners@example.com\nList-ID: <team.example.com>\nX-Google-Group-Id: 1",
        ),
        ("exchange list", "Subject: Re: issue_refund\nList-Post: <mailto:team@example.com>"),
        (
            "sympa",
            "Subject: Re: issue_refund\nX-Loop: team@example.com\nList-Id: <team.example.com>\nX-no-archive: yes",
        ),
    ):
        yield note(system, fields, "APPROVE", kind="list", would="quarantine")
    yield note(
        "our own mail",
        "Subject: issue_refund (R-7K2M9Q)\nX-Mailgate-Instance: gate.example.com/approvals\nAuto-Submitted: auto-generated",
        f"APPROVE\n{ours.text(BOB.name)}",
        kind="own",
        would="ignore",
        sender=f"Approvals <{ours.SENDER}>",
    )
    yield note(
        "our own mail",
        f"Subject: issue_refund (R-7K2M9Q)\nMessage-ID: {ours.MESSAGE_ID}",
        "APPROVE",
        kind="own",
        would="ignore",
        variant="by its id",
        sender=f"Approvals <{ours.SENDER}>",
    )
    yield note(
        "another mailgate",
        "Subject: other (R-ABCDEF)\nX-Mailgate-Instance: elsewhere.example/approvals",
        "APPROVE",
        kind="auto_reply",
        would="ignore",
        sender="approvals@elsewhere.example",
    )
