"""How a mail of a machine is put together: fields as they stand, then one text or the parts of a report."""

from __future__ import annotations

from tests.corpus import ours
from tests.corpus.envelope import Mail, digest, encoded_word
from tests.corpus.people import WRITERS

BOB = WRITERS["en"]
BOB_ADDRESS = f"{BOB.name} <{BOB.address}>"
RETURNED = (
    f"Return-Path: <{ours.SENDER}>\nFrom: Approvals <{ours.SENDER}>\nTo: {BOB_ADDRESS}\nReply-To: Approvals <{ours.REPLY_TO}>\n"
    f"Subject: {ours.SUBJECT}\nMessage-ID: {ours.MESSAGE_ID}\nDate: Tue, 24 Nov 2026 15:00:00 +0000\n"
    "X-Mailgate-Instance: gate.example.com/approvals\nMIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8"
)
"""The header of the mail that comes back."""


def note(
    system: str,
    fields: str,
    body: str,
    *,
    kind: str,
    would: str,
    variant: str = "",
    sender: str = BOB_ADDRESS,
    language: str = "en",
    charset: str = "utf-8",
) -> Mail:
    """Return a mail of one text part. ``fields`` are further header lines, the subject among them."""
    name = f"{system} {variant}".strip().lower().replace(" ", "-").replace(".", "")
    lines = [f"Delivered-To: {ours.REPLY_TO}", f"From: {sender}", f"To: Approvals <{ours.REPLY_TO}>"]
    lines += [_encoded(line, charset) for line in fields.strip().split("\n")]
    if "message-id:" not in fields.lower():
        lines.append(f"Message-ID: <{digest(name)}@mail.example.com>")
    lines += ["Date: Tue, 24 Nov 2026 15:42:05 +0000", "MIME-Version: 1.0"]
    if "content-type:" not in fields.lower():
        lines.append(f"Content-Type: text/plain; charset={charset}")
    head = "\r\n".join(lines).encode()
    raw = head + b"\r\n\r\n" + body.replace("\n", "\r\n").encode(charset) + b"\r\n"
    return Mail(name=name, raw=raw, group=system, language=language, kind=kind, level="none", would=would)


def _encoded(line: str, charset: str) -> str:
    field, _, value = line.partition(": ")
    return f"{field}: {encoded_word(value, charset)}" if not line.startswith((" ", "\t")) else line


def report(
    human: str, status: str, *, returned: str = RETURNED, kind: str = "delivery-status", headers_only: bool = False
) -> tuple[str, str]:
    """Return the Content-Type and the body of a report (RFC 6522): words for people, fields for machines, what came back."""
    boundary = digest(human + status)
    machine = "message/disposition-notification" if kind == "disposition-notification" else "message/delivery-status"
    last = "text/rfc822-headers" if headers_only else "message/rfc822"
    back = returned if headers_only else f"{returned}\n\n{ours.text(BOB.name)}"
    parts = (
        f"Content-Type: text/plain; charset=utf-8\n\n{human}",
        f"Content-Type: {machine}\n\n{status}",
        f"Content-Type: {last}\n\n{back}",
    )
    body = "".join(f"--{boundary}\n{part}\n\n" for part in parts) + f"--{boundary}--"
    return f'Content-Type: multipart/report; report-type={kind}; boundary="{boundary}"', body
