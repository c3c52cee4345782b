"""A mail as a mail client shows it."""

from __future__ import annotations

from email.message import EmailMessage
from email.policy import SMTP

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailgate.sandbox.reading import Correspondent, read_mail, text_of_html


def mail(**headers: str) -> EmailMessage:
    """Return a mail with these headers."""
    message = EmailMessage(policy=SMTP)
    for name, value in headers.items():
        message[name.replace("_", "-")] = value
    return message


def test_both_bodies_and_attachments_are_found() -> None:
    """The first text and HTML parts are the mail, what has a file name is attached."""
    message = mail(Subject="Grüße", From="Alice <alice@sandbox.test>")
    message.set_content("plain ä\n")
    message.add_alternative("<p>rich</p>", subtype="html")
    message.add_attachment(b"{}", maintype="application", subtype="json", filename="../räport.json")
    shown = read_mail(message.as_bytes())
    assert (shown.subject, shown.text, shown.html) == ("Grüße", "plain ä\n", "<p>rich</p>\n")
    assert [(a.filename, a.content) for a in shown.attachments] == [(".._räport.json", b"{}")]


@pytest.mark.parametrize("disposition", ["attachment", "inline; filename=a.txt"])
def test_attached_text_is_not_the_body(disposition: str) -> None:
    """A text that is attached or has a file name stays an attachment, even in front of the body."""
    raw = (
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
        f"--b\r\nContent-Disposition: {disposition}\r\n\r\nAPPROVE\r\n--b\r\n\r\nthe body\r\n--b--\r\n"
    )
    shown = read_mail(raw.encode())
    assert (shown.text, [a.content for a in shown.attachments]) == ("the body", [b"APPROVE"])


def test_attached_mail_is_one_attachment() -> None:
    """A forwarded mail is not walked into: its text is not this mail's text."""
    inner = mail(Subject="inner")
    inner.set_content("APPROVE\n")
    message = mail(Subject="outer")
    message.set_content("see below\n")
    message.add_attachment(inner)
    shown = read_mail(message.as_bytes())
    assert (shown.text, [a.filename for a in shown.attachments]) == ("see below\n", ["part-2.eml"])
    assert b"APPROVE" in shown.attachments[0].content


def test_html_only_mail_has_readable_text() -> None:
    """Without a text part the text is made from the HTML, so that it can be quoted."""
    message = mail(Subject="x")
    message.set_content("<style>p{}</style><p>Hello&nbsp;<b>you</b></p><p>there</p>", subtype="html")
    assert read_mail(message.as_bytes()).text.split("\n\n") == ["Hello you", "there"]


def test_scripts_and_styles_are_not_text() -> None:
    """What a browser would not show is not readable text."""
    assert text_of_html("<head><title>t</title></head>a<script>x</script><br><style>y</style>b") == "a\nb"


def test_replies_go_to_reply_to_else_to_the_author() -> None:
    """Reply-To wins over From (RFC 5322 section 3.6.2)."""
    alice, gate = (
        Correspondent(name="Alice", address="alice@sandbox.test"),
        Correspondent(name="gate+1@x", address="gate+1@x"),
    )
    assert (gate,) == read_mail(b"From: Alice <alice@sandbox.test>\r\nReply-To: gate+1@x\r\n\r\n").reply_to
    assert (alice,) == read_mail(b"From: Alice <alice@sandbox.test>\r\n\r\n").reply_to


@pytest.mark.parametrize(
    ("header", "checked"),
    [
        (b"Authentication-Results: mx; dmarc=pass\r\nAuthentication-Results: mx; dmarc=fail\r\n", "pass"),
        (b"Authentication-Results: mx;\r\n dmarc=fail header.from=x\r\n", "fail"),
        (b"Subject: x\r\n", ""),
    ],
)
def test_topmost_verdict_is_shown(header: bytes, checked: str) -> None:
    """The badge beside the sender is what the site stated on top."""
    assert checked == read_mail(header + b"\r\n").checked


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\r\n",
        b"no header at all",
        b"Message-ID: <[abc]@x>\r\nFrom: ((((((\r\n\r\nbody",
        b"Content-Type: text/plain; charset=nonsense\r\n\r\n\xff\xfe",
        b"Content-Type: text/plain; charset=\"utf-8\0\"\r\n\r\nx",
        b"Subject: =?utf-8?b?!!!?= =?x?q?=FF?=\r\n\r\n",
        b"\r\n\r\n--b\r\n".join([b"Content-Type: multipart/mixed; boundary=b"] * 3000),
        b"".join(b"Content-Type: multipart/mixed; boundary=b%d\r\n\r\n--b%d\r\n" % (i, i) for i in range(2000)),
        b"Content-Type: text/html\r\n\r\n<![bad<!--<p" + b"<" * 999,
    ],
)  # fmt: skip
def test_broken_mail_is_shown_somehow(raw: bytes) -> None:
    """Mail that crashes parsers still has a page."""
    assert isinstance(read_mail(raw).text, str)


@pytest.mark.parametrize("charset", ["nonsense", "utf-8\0", "base64"])
def test_unknown_charset_is_read_as_latin(charset: str) -> None:
    """Text in a charset that does not exist is still text, not the raw part."""
    raw = (
        f'Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain; charset="{charset}"\r\n\r\n'
    )
    assert read_mail(raw.encode() + b"Gr\xfc\xdfe\r\n--b--\r\n").text == "Grüße"


FRAGMENTS = [
    b"From: ",
    b"=?utf-8?q?",
    b"?=",
    b"<a@b>",
    b"(",
    b'"',
    b"\\",
    b"Content-Type: ",
    b"multipart/mixed; boundary=x",
    b"text/html",
    b"message/rfc822",
    b"\r\n",
    b"--x",
    b"Content-Transfer-Encoding: base64",
    b"Content-Disposition: attachment; filename*=utf-8''%FF",
    b"Content-Transfer-Encoding: x-uuencode\r\n",
    b"\xff",
    b"Subject:",
    b"[",
    b"References: ",
]


@settings(max_examples=300)
@given(st.lists(st.sampled_from(FRAGMENTS), max_size=25).map(b"".join) | st.binary(max_size=200))
def test_no_mail_crashes_the_reader(raw: bytes) -> None:
    """Whatever the bytes are, there is something to show."""
    shown = read_mail(raw)
    assert shown.subject
    assert all(a.filename for a in shown.attachments)
