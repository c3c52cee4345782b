"""Answers with something beside them: pictures, signatures of programs, invitations, and what companies add on the way."""

from __future__ import annotations

from collections.abc import Iterator

from tests.corpus import ours
from tests.corpus.clients.shape import prefixed
from tests.corpus.envelope import Mail
from tests.corpus.hard import HTML, HTML_QUOTE, PLAIN, QUOTE, case, lines, parts
from tests.corpus.people import WRITERS

_BOB = WRITERS["en"]


def mails() -> Iterator[Mail]:
    """Yield the mails in a fixed order."""
    yield from _around()
    yield from _company()


_Beside = tuple[str, tuple[str, bytes], str, bool]


def _shown_beside() -> tuple[_Beside, ...]:
    """Return parts that change nothing: name, content type and body, meaning, whether it is clear."""
    quote = lines(f"\n\n{QUOTE}\n")
    picture = (
        "Content-Type: image/png; name=image001.png\nContent-ID: <logo>\nContent-Transfer-Encoding: base64",
        b"iVBORw0KGgo=",
    )
    alternative, both = parts(
        "alternative", (PLAIN, b"APPROVE" + quote), (HTML, lines(f"<p>APPROVE</p>{HTML_QUOTE}")), boundary="=_in"
    )
    signature = (
        "Content-Type: application/pkcs7-signature; name=smime.p7s\nContent-Disposition: attachment; filename=smime.p7s",
        b"MIIB",
    )
    key = (
        "Content-Type: application/pgp-keys; name=key.asc\nContent-Disposition: attachment; filename=key.asc",
        b"-----BEGIN",
    )
    pgp = ("Content-Type: application/pgp-signature; name=signature.asc", b"-----BEGIN PGP SIGNATURE-----")
    return (
        ("related-logo", parts("related", (alternative, both), picture), "approve", True),
        (
            "mixed-attachment",
            parts(
                "mixed",
                (alternative, both),
                ("Content-Type: application/pdf; name=a.pdf\nContent-Disposition: attachment; filename=a.pdf", b"%PDF"),
            ),
            "approve",
            True,
        ),
        ("smime-signed", parts("signed", (alternative, both), signature), "approve", True),
        ("pgp-signed", parts("signed", (PLAIN, b"APPROVE" + quote), pgp), "approve", True),
        ("pgp-key-attached", parts("mixed", (PLAIN, b"REJECT: dear" + quote), key), "reject", True),
        (
            "empty-text-beside-html",
            parts("alternative", (PLAIN, b"\r\n"), (HTML, lines(f"<p>APPROVE</p>{HTML_QUOTE}"))),
            "approve",
            True,
        ),
        (
            "empty-html-beside-text",
            parts("alternative", (PLAIN, b"APPROVE" + quote), (HTML, b"<html><body></body></html>")),
            "approve",
            True,
        ),
    )


def _unread_beside() -> tuple[_Beside, ...]:
    """Return parts that may say something else, and bodies that are damaged."""
    quote = lines(f"\n\n{QUOTE}\n")
    calendar = ("Content-Type: text/calendar; method=REPLY", b"BEGIN:VCALENDAR\r\nPARTSTAT=DECLINED\r\nEND:VCALENDAR")
    return (
        ("with-a-calendar", parts("mixed", (PLAIN, b"APPROVE" + quote), calendar), "unclear", False),
        (
            "winmail",
            parts("mixed", (PLAIN, b"APPROVE" + quote), ("Content-Type: application/ms-tnef; name=winmail.dat", b"x")),
            "unclear",
            False,
        ),
        (
            "parts-disagree",
            parts("alternative", (PLAIN, b"APPROVE" + quote), (HTML, lines(f"<p>REJECT</p>{HTML_QUOTE}"))),
            "unclear",
            False,
        ),
        (
            "placeholder-text",
            parts(
                "alternative",
                (PLAIN, b"Your client cannot show HTML."),
                (HTML, lines(f"<p>APPROVE</p>{HTML_QUOTE}")),
            ),
            "approve",
            True,
        ),
        ("preamble", parts("mixed", (PLAIN, b"APPROVE" + quote)), "approve", True),
        (
            "last-boundary-missing",
            (
                'Content-Type: multipart/mixed; boundary="=_b1"',
                b"--=_b1\r\nContent-Type: text/plain\r\n\r\nREJECT: dear",
            ),
            "reject",
            True,
        ),
    )


def _around() -> Iterator[Mail]:
    """Parts beside the text."""
    for name, (fields, body), means, clear in (*_shown_beside(), *_unread_beside()):
        read, why = (
            ("unclear", "a text part that says something else is believed as much")
            if name == "placeholder-text"
            else ("", "")
        )
        yield case(name, fields, body, group="parts", means=means, clear=clear, read=read, why=why)


def _company() -> Iterator[Mail]:
    """What mail systems of companies add on the way."""
    banner = "CAUTION: This email originated from outside of the organization. Do not click links unless you recognize the sender."
    disclaimer = f"\n\n{'_' * 40}\n{_BOB.legal}\n"
    group = "companies"
    asked = "no list of banners is complete, and one may be a condition"
    yield case(
        "banner-above-the-answer",
        PLAIN,
        lines(f"{banner}\n\nAPPROVE\n\n{QUOTE}\n"),
        group=group,
        clear=False,
        read="unclear",
        why=asked,
    )
    yield case("external-in-the-subject", PLAIN, lines(f"APPROVE\n\n{QUOTE}\n"), group=group)
    yield case("disclaimer-under-the-word", PLAIN, lines(f"APPROVE{disclaimer}\n\n{QUOTE}\n"), group=group)
    yield case("disclaimer-under-the-quote", PLAIN, lines(f"APPROVE\n\n{QUOTE}{disclaimer}"), group=group)
    yield case(
        "disclaimer-under-a-reject", PLAIN, lines(f"REJECT: dear\n\n{QUOTE}{disclaimer}"), group=group, means="reject"
    )
    yield case("scanned-by", PLAIN, lines(f"APPROVE\n\n{QUOTE}\n\n-- \nVirus-free.www.avast.com\n"), group=group)
    outlook = (
        f"{'_' * 32}\nFrom: Approvals <approvals@gate.example.com>\nSent: Tuesday, November 24, 2026 3:00 "
        f"PM\nTo: Bob Brown\nSubject: x\n\n"
    )
    yield case(
        "outlook-with-a-disclaimer-at-the-bottom",
        PLAIN,
        lines(f"APPROVE\n\nBob Brown\n\n{outlook}{ours.text(_BOB.name)}{disclaimer}"),
        group=group,
    )
    yield case(
        "outlook-with-banner-in-the-quote",
        PLAIN,
        lines(f"APPROVE\n\n{outlook}{banner}\n\n{ours.text(_BOB.name)}\n"),
        group=group,
    )
    yield case(
        "safe-links-in-the-quote",
        PLAIN,
        lines(
            f"REJECT: dear\n\n{QUOTE.replace('https://approvals', 'https://eur02.safelinks.example/?url=https%3A%2F%2Fapprovals')}\n"
        ),
        group=group,
        means="reject",
    )
    yield case(
        "print-less",
        PLAIN,
        lines(f"APPROVE\n\nBob Brown\n\nPlease consider the environment before printing this email.\n\n{QUOTE}\n"),
        group=group,
    )
    yield case("two-mails-quoted", PLAIN, lines(f"APPROVE\n\n{QUOTE}\n>\n{prefixed(QUOTE, '> > ')}\n"), group=group)
