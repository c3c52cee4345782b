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
        (None, "<div id=appendonsend></div>APPROVE", Verdict.NONE),
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
    """Outlook gives the plain part no delimiter; the HTML part says which lines are the signature."""
    lines = "We accept written orders only"
    markup = f"<div>APPROVE</div><div id='Signature'>{lines}</div>"
    assert read_reply(mail(plain=f"APPROVE\n\n{lines}\n", markup=markup)).verdict is Verdict.APPROVE
    assert read_reply(mail(plain=f"APPROVE\n\n{lines}\nor not\n", markup=markup)).verdict is Verdict.UNCLEAR


def test_several_text_parts_are_one_text() -> None:
    """A condition in a second part of a mail counts for the answer in the first."""
    part = "--b\r\nContent-Type: text/plain\r\n\r\n{}\r\n"
    body = part.format("APPROVE") + part.format("only half") + "--b--\r\n"
    raw = f'From: bob@example.com\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n{body}'
    assert read_reply(open_mail(raw.encode())).verdict is Verdict.UNCLEAR
