"""Replies as mail clients write them."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest

from mailgate.sandbox.accounts import Account
from mailgate.sandbox.composing import Reply, quote, reply_to
from mailgate.sandbox.reading import read_mail

AT = datetime(2026, 11, 3, 14, 2, tzinfo=UTC)
ALICE = Account(address="alice@sandbox.test", name="Alice Adams", password="-")
REQUEST = (
    b"From: Approvals <approvals@sandbox.test>\r\nReply-To: approvals+k3j5@sandbox.test\r\nTo: alice@sandbox.test\r\n"
    b"Subject: [issue_refund K7Q2] approval needed\r\nMessage-ID: <r1@gate>\r\nReferences: <r0@gate>\r\n\r\n"
    b"mailgate-reply-above-abc\r\n\r\nRefund?\r\n> an older quote\r\n"
)


def reply(original: bytes = REQUEST, *, text: str = "APPROVE", html: str | None = None) -> Reply:
    """Return Alice's reply."""
    return reply_to(
        read_mail(original), received_at=AT, writer=ALICE, text=text, html=html, written_at=AT, token="t0ken"
    )


def parsed(made: Reply) -> EmailMessage:
    """Parse a reply with the standard library."""
    message = message_from_bytes(made.raw.replace(b"\r\n", b"\n"), policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def test_reply_is_addressed_as_the_original_asks() -> None:
    """It goes To the Reply-To, from the writer, and the envelope follows."""
    made = reply()
    assert (
        parsed(made)["From"],
        parsed(made)["To"],
    ) == ("Alice Adams <alice@sandbox.test>", "approvals+k3j5@sandbox.test")
    assert made.recipients == ("approvals+k3j5@sandbox.test",)


def test_reply_belongs_to_the_thread() -> None:
    """In-Reply-To names the original, References its ancestors and itself (RFC 5322 section 3.6.4)."""
    message = parsed(reply())
    assert (message["In-Reply-To"], message["References"]) == ("<r1@gate>", "<r0@gate> <r1@gate>")


@pytest.mark.parametrize(
    ("subject", "replied"),
    [("hello", "Re: hello"), ("Re: hello", "Re: hello"), ("RE : hello", "RE : hello"), ("Grüße", "Re: Grüße")],
)
def test_subject_gets_one_prefix(subject: str, replied: str) -> None:
    """``Re:`` is put before the subject once."""
    assert replied == parsed(reply(f"From: a@b\r\nSubject: {subject}\r\n\r\nx".encode()))["Subject"]


def test_text_stands_above_the_quote() -> None:
    """The answer comes first, then who wrote what, every line behind a mark."""
    lines = parsed(reply(text="APPROVE\n")).get_content().splitlines()
    assert lines == [
        "APPROVE",
        "",
        "On Tue, 03 Nov 2026 at 14:02, Approvals <approvals@sandbox.test> wrote:",
        "",
        "> mailgate-reply-above-abc",
        ">",
        "> Refund?",
        ">> an older quote",
    ]


def test_html_reply_says_the_same_twice() -> None:
    """With markup there are a text and an HTML part, and both quote."""
    message = parsed(reply(text="REJECT: no", html="<p>REJECT: no</p>"))
    text, html = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert html is not None
    assert text.get_content().startswith("REJECT: no\n")
    assert html.get_content().startswith("<p>REJECT: no</p>")
    assert '<blockquote type="cite">' in html.get_content()
    assert "Refund?<br>" in html.get_content()


def test_html_original_is_quoted_as_it_was() -> None:
    """A client quotes the markup of the original's body, not its head."""
    original = (
        b"From: a@b\r\nContent-Type: text/html\r\n\r\n<html><head><title>t</title></head><body><b>Hi</b></body></html>"
    )
    body = parsed(reply(original, html="x")).get_body(("html",))
    assert body is not None
    assert "<b>Hi</b>" in body.get_content()
    assert "<title>" not in body.get_content()


def test_original_cannot_write_headers_of_the_reply() -> None:
    """Encoded line breaks in what is quoted into the header stay in the subject."""
    made = reply(b"From: a@b\r\nSubject: =?utf-8?q?x=0D=0ABcc=3A_evil=40x?=\r\n\r\nx")
    assert parsed(made)["Bcc"] is None
    assert b"evil" not in made.raw.split(b"\r\n\r\n")[0].replace(b"Subject: Re: x Bcc: evil@x", b"")


def test_long_thread_keeps_its_first_and_latest_ids() -> None:
    """References are shortened in the middle, and ids longer than a line stay whole."""
    ids = [f"<{'x' * 80}{n}@gate>" for n in range(100)]
    original = f"From: a@b\r\nReferences: {' '.join(ids)}\r\nMessage-ID: <last@gate>\r\n\r\nx".encode()
    references = parsed(reply(original))["References"].split()
    assert (40, ids[0], ids[-1], "<last@gate>") == (len(references), references[0], references[-2], references[-1])


def test_mail_from_nobody_cannot_be_answered() -> None:
    """Where neither Reply-To nor From names anybody there is no reply."""
    with pytest.raises(ValueError, match="nobody"):
        reply(b"Subject: x\r\n\r\nx")


def test_long_text_survives_transport() -> None:
    """A line beyond SMTP's limit and letters beyond ASCII arrive as they were written."""
    text = "ä" * 2000
    made = reply(text=text)
    assert max(map(len, made.raw.split(b"\r\n"))) <= 998
    assert parsed(made).get_content().startswith(text + "\n")


def test_quote_names_an_author_without_a_name_once() -> None:
    """An author without a display name is the address alone."""
    assert quote(read_mail(b"From: a@b\r\n\r\nx"), received_at=AT).startswith(
        "On Tue, 03 Nov 2026 at 14:02, a@b wrote:"
    )
