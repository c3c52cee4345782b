"""A told mail taken apart, to be changed and written again: header fields, the two texts, the evidence."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from email import message_from_bytes
from email.message import Message
from typing import Any

from mailgate.model.records import Record, parse_record

NAME = "mailgate-evidence.json"


@dataclass
class Opened:
    """One mail of ours; ``said`` is what its evidence says, None where that was taken out."""

    fields: list[tuple[str, str]]
    text: str
    html: str
    said: dict[str, Any] | None

    def field(self, name: str) -> str:
        """Return a header field."""
        return dict(self.fields)[name]

    def set(self, name: str, value: str) -> None:
        """Change a header field."""
        self.fields = [(n, value if n == name else v) for n, v in self.fields]

    @property
    def evidence(self) -> dict[str, Any]:
        """What its evidence says."""
        assert self.said is not None
        return self.said

    def records(self) -> list[Record]:
        """Return the records it carries."""
        return [parse_record(unb64(entry["record"])) for entry in self.evidence["records"]]

    @property
    def own(self) -> Record:
        """The record it was written for."""
        return self.records()[-1]

    def write(self) -> bytes:
        """Return the mail's bytes."""
        return write(self.fields, self.text, self.html, None if self.said is None else json.dumps(self.said).encode())


def open_mail(raw: bytes) -> Opened:
    """Take a mail apart."""
    mail = message_from_bytes(raw)
    parts = {part.get_content_type(): part for part in mail.walk() if not part.is_multipart()}
    skipped = ("mime-version", "content-type", "content-transfer-encoding")
    return Opened(
        fields=[(n, re.sub(r"\r?\n[ \t]+", " ", str(v))) for n, v in mail.items() if n.lower() not in skipped],
        text=content(parts["text/plain"]).decode().replace("\r\n", "\n"),
        html=content(parts["text/html"]).decode().replace("\r\n", "\n"),
        said=json.loads(content(parts["application/json"])),
    )


def content(part: Message) -> bytes:
    """Return what a part holds, decoded."""
    found = part.get_payload(decode=True)
    assert isinstance(found, bytes)
    return found


def write(fields: list[tuple[str, str]], text: str, html: str, evidence: bytes | None) -> bytes:
    """Return a mail as mailgate makes it: mixed(alternative(text, html), evidence), 7bit or quoted-printable."""
    head = "".join(f"{name}: {value}\r\n" for name, value in fields)
    parts = "".join(
        f"--inner\r\nContent-Type: {kind}; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
        f"{_qp(words.encode(), istext=True)}\r\n"
        for kind, words in (("text/plain", text), ("text/html", html))
    )
    attached = (
        ""
        if evidence is None
        else (
            "--outer\r\nContent-Type: application/json\r\nContent-Transfer-Encoding: quoted-printable\r\n"
            f'Content-Disposition: attachment; filename="{NAME}"\r\n\r\n{_qp(evidence, istext=False)}\r\n'
        )
    )
    return (
        f"{head}MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=outer\r\n\r\n"
        f"--outer\r\nContent-Type: multipart/alternative; boundary=inner\r\n\r\n{parts}--inner--\r\n\r\n"
        f"{attached}--outer--\r\n"
    ).encode()


def b64(value: bytes) -> str:
    """Return bytes as the evidence writes them."""
    return base64.b64encode(value).decode()


def unb64(text: str) -> bytes:
    """Return the bytes that :func:`b64` wrote."""
    return base64.b64decode(text)


def _qp(value: bytes, *, istext: bool) -> str:
    return binascii.b2a_qp(value, istext=istext).replace(b"\n", b"\r\n").decode("ascii")
