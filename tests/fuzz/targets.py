"""What is fuzzed, and what must hold for every input: each target raises AssertionError, or nothing at all."""

from __future__ import annotations

from collections.abc import Callable

from mailgate.errors import MailUnreadable
from mailgate.mail.authres import read_authentication_results
from mailgate.mail.inbound import Kind, bounce_report, classify, is_away_note, recipients, referenced_ids, secret_tokens
from mailgate.mail.mime import open_mail
from mailgate.mail.reply import read_reply
from mailgate.model.verdict import Verdict
from mailgate.model.words import SHIPPED
from tests.fuzz.oracle import could_approve, vouched_in_the_open

_CHARSETS = (
    "utf-8",
    "us-ascii",
    "iso-8859-1",
    "windows-1252",
    "iso-2022-jp",
    "gb18030",
    "utf-16",
    "utf-7",
    "shift_jis",
    "cp037",
)
_ENCODINGS = ("7bit", "8bit", "quoted-printable", "base64", "binary", "x-uuencode")
_SHAPES = ("plain", "html", "alternative", "mixed", "report")


def mail(data: bytes) -> None:
    """Read bytes as a mail. Only `MailUnreadable` may be raised; an approval has to stand in the bytes."""
    try:
        opened = open_mail(data)
        kind, because = classify(opened, instance="gate.example.com/approvals", domain="gate.example.com")
        assert all(because)
        bounce_report(opened)
        is_away_note(opened)
        secret_tokens(recipients(opened), base="approvals@gate.example.com", mode="plus")
        referenced_ids(opened)
        reading = read_reply(opened, "Bob Brown")
        in_german = read_reply(opened, "Bob Brown", (SHIPPED["de"],))
    except MailUnreadable:
        return
    assert reading.because
    if reading.verdict is Verdict.APPROVE:
        bare = "".join(letter for letter in reading.first_line if letter.isalnum())
        assert bare.lower() in ("approve", "approved"), reading
        assert could_approve(data), (reading, data)
        assert in_german.verdict is Verdict.APPROVE
    assert kind in Kind


def body(data: bytes) -> None:
    """Read bytes as the body of a mail, whose form the first bytes choose."""
    shape, charset, encoding = (_pick(options, data, at) for at, options in enumerate((_SHAPES, _CHARSETS, _ENCODINGS)))
    content = data[3:]
    part = f"Content-Type: text/{{}}; charset={charset}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n"
    head = b"From: Bob Brown <bob@example.com>\r\nTo: approvals@gate.example.com\r\n"
    if shape in ("plain", "html"):
        mail(head + part.format(shape).encode() + content)
        return
    half = content.find(b"\0") if b"\0" in content else len(content)
    edge = b"--b\r\n"
    parts = edge + part.format("plain").encode() + content[:half] + b"\r\n"
    parts += edge + part.format("html").encode() + content[half + 1 :] + b"\r\n--b--\r\n"
    mail(head + f'Content-Type: multipart/{shape}; boundary="b"\r\n\r\n'.encode() + parts)


def results(data: bytes) -> None:
    """Read bytes as an Authentication-Results field: what passes has to say so outside of comments and strings."""
    value = data.decode("utf-8", "replace").replace("\0", "")
    word = read_authentication_results(value)
    if word is None:
        return
    assert word.authserv_id == word.authserv_id.lower()
    for result in word.results or ():
        if result.method == "dmarc" and result.result == "pass":
            assert vouched_in_the_open(value), value


def _pick(options: tuple[str, ...], data: bytes, at: int) -> str:
    return options[data[at] % len(options)] if at < len(data) else options[0]


TARGETS: dict[str, Callable[[bytes], None]] = {"mail": mail, "body": body, "results": results}
"""By name."""
