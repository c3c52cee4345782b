"""Whole mails: the sample replies of tests/replies, and how plain text and HTML are read together."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mailgate.mail.identity import identify
from mailgate.mail.inbound import Kind, classify
from mailgate.mail.mime import Mail, open_mail
from mailgate.mail.reply import read_reply
from mailgate.model.verdict import Verdict

SAMPLES = Path(__file__).parent.parent / "replies"
EXPECTED: dict[str, dict[str, Any]] = json.loads((SAMPLES / "expected.json").read_text("utf-8"))


def test_every_sample_has_an_expectation() -> None:
    """No sample is left out, and no expectation is about a sample that is gone."""
    assert sorted(EXPECTED) == sorted(path.stem for path in SAMPLES.glob("*.eml"))


@pytest.mark.parametrize("name", EXPECTED)
def test_a_sample_is_what_is_expected(name: str) -> None:
    """Each sample is of its kind; a reply says what its sender wrote, proven as far as its header goes."""
    mail = open_mail((SAMPLES / f"{name}.eml").read_bytes(), unix_lines=True)
    kind, because = classify(mail, instance="approvals", domain="gate.example.com")
    got: dict[str, Any] = {"kind": kind.value, "verdict": None, "reason": None}
    if kind is Kind.REPLY:
        reading = read_reply(mail)
        who = identify(mail, person_addresses=frozenset(("bob@example.com",)), authserv_id="mx.gate.example.com")
        got |= {
            "level": who.level.value,
            "sender": who.sender,
            "verdict": reading.verdict.value,
            "reason": reading.reason,
        }
        because = reading.because
    assert got == EXPECTED[name], because


@pytest.mark.parametrize("name", [name for name, expected in EXPECTED.items() if expected["verdict"] == "approve"])
def test_a_sample_read_through_a_server_that_sends_crlf_is_the_same(name: str) -> None:
    """The line endings of the file change nothing."""
    raw = (SAMPLES / f"{name}.eml").read_bytes().replace(b"\n", b"\r\n")
    assert read_reply(open_mail(raw)).verdict is Verdict.APPROVE


def mail(*, plain: str | None = None, markup: str | None = None, sender: str = "Bob Brown <bob@example.com>") -> Mail:
    """Return a mail with these parts."""
    parts = [(kind, text) for kind, text in (("plain", plain), ("html", markup)) if text is not None]
    body = "".join(f"--b\r\nContent-Type: text/{kind}; charset=utf-8\r\n\r\n{text}\r\n" for kind, text in parts)
    header = f'From: {sender}\r\nContent-Type: multipart/alternative; boundary="b"\r\n\r\n'
    return open_mail(f"{header}{body}--b--\r\n".encode())


@pytest.mark.parametrize(
    ("plain", "markup", "verdict"),
    [
        ("APPROVE", "<p>APPROVE</p>", Verdict.APPROVE),
        ("*APPROVE*", "<p><b>Approve</b></p>", Verdict.APPROVE),
        ("APPROVE", None, Verdict.APPROVE),
        (None, "<p>APPROVE</p>", Verdict.APPROVE),
        ("\n", "<p>APPROVE</p>", Verdict.APPROVE),
        ("APPROVE", "<p></p>", Verdict.APPROVE),
        ("APPROVE", "<p>REJECT</p>", Verdict.UNCLEAR),
        ("REJECT", "<p>APPROVE</p>", Verdict.UNCLEAR),
        ("APPROVE", "<p>APPROVE</p><p>only half</p>", Verdict.UNCLEAR),
        ("APPROVE\n\nonly half", "<p>APPROVE</p>", Verdict.UNCLEAR),
        ("This is an HTML mail.", "<p>APPROVE</p>", Verdict.UNCLEAR),
        ("mailgate-reply-above-x\nAPPROVE", "<p>APPROVE</p>", Verdict.UNCLEAR),
        ("REJECT: a", "<p>REJECT</p>", Verdict.REJECT),
        ("REJECT", "<p>well</p>", Verdict.UNCLEAR),
        ("question: a?", "<p>question: a?</p>", Verdict.QUESTION),
        ("", "", Verdict.NONE),
        ("\u200b", "<p>&nbsp;</p>", Verdict.NONE),
        ("mailgate-reply-above-x\nAPPROVE", "<p>mailgate-reply-above-x</p>APPROVE", Verdict.NONE),
        (None, "<div id=divRplyFwdMsg></div>APPROVE", Verdict.NONE),
        (None, None, Verdict.UNCLEAR),
        ("> mailgate-reply-above-x\nAPPROVE", None, Verdict.UNCLEAR),
        ("> mailgate-reply-above-x\nREJECT", None, Verdict.UNCLEAR),
    ],
)
def test_both_parts_must_say_the_same(plain: str | None, markup: str | None, verdict: Verdict) -> None:
    """Parts that disagree, or say it where it cannot be told from a quote, are unclear; an empty part says nothing."""
    reading = read_reply(mail(plain=plain, markup=markup))
    assert reading.verdict is verdict
    assert reading.because
    assert not (verdict is Verdict.UNCLEAR and reading.reason)


def test_a_disagreement_tells_what_each_part_says() -> None:
    """Whoever runs ``explain`` sees both readings."""
    told = " ".join(read_reply(mail(plain="APPROVE", markup="REJECT")).because)
    assert "plain text part reads as approve" in told
    assert "HTML part reads as reject" in told


def test_the_senders_name_below_an_answer_is_known_from_the_header() -> None:
    """The From field says whose name may stand there, also encoded."""
    assert read_reply(mail(plain="APPROVE\n\nBob")).verdict is Verdict.APPROVE
    assert read_reply(mail(plain="APPROVE\n\nHamburg")).verdict is Verdict.UNCLEAR
    encoded = "=?utf-8?q?J=C3=BCrgen_Gro=C3=9F?= <jg@example.com>"
    assert read_reply(mail(plain="APPROVE\n\nJürgen", sender=encoded)).verdict is Verdict.APPROVE
    assert read_reply(mail(plain="APPROVE\n\nadams", sender="a.adams@example.com")).verdict is Verdict.APPROVE


def test_a_signature_that_html_names_is_one_in_plain_text_too() -> None:
    """Outlook gives the plain part no delimiter; the HTML part says which lines are the signature, and no reason."""
    motto = "We accept written orders only"
    signature = f"<div id='Signature'>{motto}</div>"
    refusal = read_reply(mail(plain=f"REJECT\n\n{motto}\n", markup=f"<div>REJECT</div>{signature}"))
    assert (refusal.verdict, refusal.reason) == (Verdict.REJECT, "")
    approval = read_reply(mail(plain=f"APPROVE\n\n{motto}\n", markup=f"<div>APPROVE</div>{signature}"))
    assert approval.verdict is Verdict.UNCLEAR


BANNER = "CAUTION: This mail came from outside."
ADDED = f"{BANNER}\nWe are not liable for anything."
ON = "On Tue, 24 Nov 2026 at 15:00, Approvals <approvals@gate.example.com> wrote:"


@pytest.mark.parametrize(
    ("plain", "verdict"),
    [
        (f"{BANNER}\n\nAPPROVE\n\nBob\n\nWe are not liable for anything.", Verdict.APPROVE),
        (f"*{BANNER}*\nREJECT: dear", Verdict.REJECT),
        (f"Hello\n{BANNER}\n\nAPPROVE", Verdict.UNCLEAR),
        (f"{BANNER} Really.\n\nAPPROVE", Verdict.UNCLEAR),
        (f"{BANNER}\n\nAPPROVE\n\nonly half", Verdict.UNCLEAR),
        (BANNER, Verdict.NONE),
        # An empty answer below a banner: what stands among quoted lines, or right below them, may be the rest of one.
        (f"{BANNER}\n\n{ON}\n> mailgate-reply-above-x\n> {'x' * 60}\nAPPROVE\n> end", Verdict.UNCLEAR),
        (f"{BANNER}\n\n{ON}\n> mailgate-reply-above-x\n> {'x' * 60}\nAPPROVE\n", Verdict.UNCLEAR),
        (f"{BANNER}\n\n{ON}\n> mailgate-reply-above-x\n> end\n\nAPPROVE\n", Verdict.APPROVE),
    ],
)
def test_lines_that_a_mail_system_adds_are_nobodys_words(plain: str, verdict: Verdict) -> None:
    """A configured banner or disclaimer is left out before anything is read; unconfigured, it is the first line."""
    opened = mail(plain=plain)
    assert read_reply(opened, added=ADDED).verdict is verdict
    assert read_reply(mail(markup=f"<p>{BANNER}</p><div>APPROVE</div>"), added=ADDED).verdict is Verdict.APPROVE
    assert read_reply(opened).verdict is not Verdict.APPROVE or not plain.startswith(BANNER)


TEXT = "Content-Type: text/plain; charset=utf-8"


def parts(kind: str, *pieces: tuple[str, str]) -> Mail:
    """Return a multipart of that kind; each piece is a header and a content."""
    body = "".join(f"--b\r\n{head}\r\n\r\n{content}\r\n" for head, content in pieces)
    head = f'From: Bob Brown <bob@example.com>\r\nContent-Type: multipart/{kind}; boundary="b"\r\n\r\n'
    return open_mail(f"{head}{body}--b--\r\n".encode())


@pytest.mark.parametrize(
    ("kind", "head", "content"),
    [
        ("mixed", 'Content-Type: text/plain; name="ATT00001.txt"\r\nContent-Disposition: inline', "only up to 50"),
        (
            "mixed",
            "Content-Type: text/html\r\nContent-Disposition: attachment; filename=ATT00001.htm",
            "<p>only 50</p>",
        ),
        ("mixed", "Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=ATT2.txt", "x"),
        (
            "mixed",
            "Content-Type: text/plain; name*0*=utf-8''ATT00001.txt\r\nContent-Disposition: attachment",
            "only 50",
        ),
        ("alternative", 'Content-Type: text/html; name="body.html"', "<p>REJECT</p>"),
        ("alternative", "Content-Type: text/enriched", "<bold>REJECT</bold>"),
        ("alternative", "Content-Type: text/x-amp-html", "REJECT"),
        ("alternative", "Content-Type: text/calendar; method=REPLY", "PARTSTAT=DECLINED"),
        ("mixed", "Content-Type: application/ics; name=a.ics\r\nContent-Disposition: attachment", "PARTSTAT=DECLINED"),
        ("mixed", "Content-Type: application/ms-tnef; name=winmail.dat", "x"),
        ("mixed", "Content-Type: application/vnd.ms-tnef\r\nContent-Disposition: attachment", "x"),
        ("mixed", "Content-Type: message/rfc822", "Subject: y\r\n\r\nREJECT"),
        ("mixed", "Content-Type: text/markdown\r\nContent-Disposition: inline", "only 50"),
        ("mixed", "Content-Type: text/plain; name=note.txt", "only 50"),
    ],
)
def test_a_yes_beside_words_that_were_not_read_is_unclear(kind: str, head: str, content: str) -> None:
    """Whatever a client may show as part of the mail may hold a condition; a refusal stands all the same."""
    reading = read_reply(parts(kind, (TEXT, "APPROVE"), (head, content)))
    assert reading.verdict is Verdict.UNCLEAR
    assert "not read" in reading.because[-1]
    assert read_reply(parts(kind, (TEXT, "REJECT: dear"), (head, content))).reason == "dear"


@pytest.mark.parametrize(
    "head",
    [
        "Content-Type: application/pkcs7-signature; name=smime.p7s\r\nContent-Disposition: attachment; filename=smime.p7s",
        "Content-Type: image/png; name=image001.png\r\nContent-Disposition: inline; filename=image001.png",
        "Content-Type: text/vcard; name=bob.vcf",
        "Content-Type: text/plain\r\nContent-Disposition: attachment; filename=invoice.txt",
        "Content-Type: message/rfc822\r\nContent-Disposition: attachment; filename=mail.eml",
    ],
)
def test_files_and_pictures_beside_a_yes_change_nothing(head: str) -> None:
    """A signature, a logo, a business card and what is plainly attached are no words of the mail."""
    assert read_reply(parts("mixed", (TEXT, "APPROVE"), (head, "x"))).verdict is Verdict.APPROVE


def test_several_text_parts_are_one_text() -> None:
    """A condition in a second part of a mail counts for the answer in the first."""
    part = "--b\r\nContent-Type: text/plain\r\n\r\n{}\r\n"
    body = part.format("APPROVE") + part.format("only half") + "--b--\r\n"
    raw = f'From: bob@example.com\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n{body}'
    assert read_reply(open_mail(raw.encode())).verdict is Verdict.UNCLEAR
