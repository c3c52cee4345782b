"""Many histories out of a few: told mails again under other ids and later dates, in one log, signed by its key.

Quick where the rig is thorough: archives of hundreds of mails in a second, of a hundred thousand in minutes.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from email import message_from_bytes
from email.message import Message
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

from mailgate.model.evidence import LogSigner
from mailgate.model.merkle import Frontier, grow, leaf_hash, prove_inclusion
from mailgate.model.notes import Proof
from mailgate.model.records import format_time, parse_record
from mailgate.model.stamps import Stamp, visible_block, visible_hash
from tests.audit.story import Told

_ID = re.compile(r"(?<![A-Za-z0-9/+=])[a-z2-7]{16}(?![A-Za-z0-9/+=])")
_TIME = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_CODE = re.compile(r"\b[A-Z2-7]{6}\b")


@dataclass(frozen=True)
class Pattern:
    """One told mail, taken apart: header fields, the two texts, the indices of its records, its replies."""

    fields: list[tuple[str, str]]
    text: str
    html: str
    indices: list[int]
    inbound: list[Any]
    is_seal: bool
    shown_again: bool


class Cloner:
    """Tells the mails of a story again and again.

    Args:
        told: what was told; its log key signs the clones.
        every: how much later each copy is.
    """

    def __init__(self, told: Told, every: timedelta = timedelta(days=2)) -> None:
        self.signer: LogSigner = told.signer
        self._every = every
        self._patterns = [_pattern(raw) for raw in told.archive]
        self._bodies = dict(
            (parse_record(raw).index, raw.decode()) for mail in told.archive for raw in _records(_evidence(mail))
        )
        self._frontier = Frontier()
        self._sealed = 0
        self._leaves: list[bytes] = []

    def tell(self, copies: int) -> Iterator[bytes]:
        """Yield the mails of so many copies, in the order of the log."""
        for copy in range(copies):
            threads: dict[str, list[str]] = {}
            for pattern in self._patterns:
                yield self._mail(pattern, _Names(copy, self._every * copy), threads)

    def _mail(self, pattern: Pattern, names: _Names, threads: dict[str, list[str]]) -> bytes:
        indices = [i for i in pattern.indices if i or not names.copy]  # there is one genesis
        first = self._frontier.size
        records = [self._record(i, first + n, names) for n, i in enumerate(indices)]
        leaves = [leaf_hash(raw) for raw in records]
        proofs = self._grow(leaves)
        own = parse_record(records[-1])
        fields = [(n, _dated(v, names) if n == "Date" else names.renamed(v)) for n, v in pattern.fields]
        text, html = names.renamed(pattern.text), names.renamed(pattern.html)
        said: dict[str, Any] = {
            "records": [{"record": _b64(r), "proof": p} for r, p in zip(records, proofs, strict=True)],
            "thread": list(threads.get(own.request, ())) if own.request else [],
        }
        if pattern.inbound:
            said["inbound"] = pattern.inbound
        if pattern.is_seal:
            said["leaves"] = [leaf.hex() for leaf in self._leaves]
            self._leaves, self._sealed = [], self._frontier.size
        for raw in records:
            request = parse_record(raw).request
            threads.setdefault(request, []).append(_b64(raw))
        said["stamp"] = self._stamp(dict(fields), leaves, text)
        return _written(fields, text, html, json.dumps(said, indent=1).encode())

    def _record(self, index: int, number: int, names: _Names) -> bytes:
        said = json.loads(names.renamed(names.later(self._bodies[index])))
        predicate = said["predicate"]
        predicate["index"] = number
        predicate["nonce"] = hashlib.sha256(f"{names.copy} {index}".encode()).hexdigest()[:32]
        if predicate["event"] == "seal":
            predicate["since"] = self._sealed
        return json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()

    def _grow(self, leaves: list[bytes]) -> list[str]:
        before = self._frontier
        growth = grow(before, leaves)
        self._frontier = growth.frontier
        self._leaves += leaves
        note = self.signer.sign(growth.frontier.size, growth.frontier.root)
        known = dict(zip(before.places(), before.hashes, strict=True)) | growth.nodes
        return [
            Proof(
                index=i,
                path=prove_inclusion(i, growth.frontier.size, lambda level, position: known[level, position]),
                checkpoint=note,
            ).format()
            for i in range(before.size, growth.frontier.size)
        ]

    def _stamp(self, fields: dict[str, str], leaves: list[bytes], text: str) -> dict[str, Any]:
        block = visible_block(text.split("\n"))
        stamp = Stamp(
            log=self.signer.name,
            leaves=tuple(leaves),
            sender="approvals@gate.example.com",
            recipient="archive@gate.example.com",
            subject=fields["Subject"],
            date=format_time(parsedate_to_datetime(fields["Date"])),
            shown="" if block is None else visible_hash(block),
        )
        said = {name: getattr(stamp, name) for name in ("sender", "recipient", "subject", "date", "shown")}
        signature = _b64(self.signer.stamp(stamp))
        return said | {"leaves": [leaf.hex() for leaf in leaves], "signature": signature}


class _Names:
    """The ids and dates of one copy."""

    def __init__(self, copy: int, later: timedelta) -> None:
        self.copy, self._later = copy, later
        self._codes: dict[str, str] = {}

    def renamed(self, text: str) -> str:
        """Return a text with the ids and short codes of this copy."""
        if not self.copy:
            return text
        return _CODE.sub(lambda m: self._codes.get(m[0]) or self._code(m[0]), _ID.sub(lambda m: self._id(m[0]), text))

    def later(self, text: str) -> str:
        """Return a text with later instants."""
        if not self.copy:
            return text
        return _TIME.sub(lambda m: format_time(datetime.fromisoformat(m[0]) + self._later), text)

    def _id(self, text: str) -> str:
        return self._code(text[:6].upper()).lower() + text[6:]

    def _code(self, code: str) -> str:
        made = base64.b32encode(hashlib.sha256(f"{self.copy} {code}".encode()).digest()).decode()[:6]
        return self._codes.setdefault(code, made)


def _dated(value: str, names: _Names) -> str:
    return format_datetime(parsedate_to_datetime(value) + names._later)


def _pattern(raw: bytes) -> Pattern:
    mail, said = message_from_bytes(raw), _evidence(raw)
    parts = {part.get_content_type(): part for part in mail.walk() if not part.is_multipart()}
    records = [parse_record(r) for r in _records(said)]
    fields = [(n, re.sub(r"\r?\n[ \t]+", " ", str(v))) for n, v in mail.items() if not n.lower().startswith(("mime", "content"))]
    return Pattern(
        fields=fields,
        text=_content(parts["text/plain"]),
        html=_content(parts["text/html"]),
        indices=[record.index for record in records],
        inbound=said.get("inbound", []),
        is_seal=records[-1].event == "seal",
        shown_again=bool(said["stamp"]["shown"]),
    )


def _content(part: Message) -> str:
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content.decode().replace("\r\n", "\n")


def _evidence(raw: bytes) -> dict[str, Any]:
    [part] = [p for p in message_from_bytes(raw).walk() if p.get_filename() == "mailgate-evidence.json"]
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    found: dict[str, Any] = json.loads(content)
    return found


def _records(said: dict[str, Any]) -> list[bytes]:
    return [base64.b64decode(entry["record"]) for entry in said["records"]]


def _written(fields: list[tuple[str, str]], text: str, html: str, evidence: bytes) -> bytes:
    head = "".join(f"{name}: {value}\r\n" for name, value in fields)
    parts = "".join(
        f"--inner\r\nContent-Type: {kind}; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
        f"{_qp(content.encode(), istext=True)}\r\n"
        for kind, content in (("text/plain", text), ("text/html", html))
    )
    return (
        f"{head}MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=outer\r\n\r\n"
        f"--outer\r\nContent-Type: multipart/alternative; boundary=inner\r\n\r\n{parts}--inner--\r\n\r\n"
        "--outer\r\nContent-Type: application/json\r\nContent-Transfer-Encoding: quoted-printable\r\n"
        'Content-Disposition: attachment; filename="mailgate-evidence.json"\r\n\r\n'
        f"{_qp(evidence, istext=False)}\r\n--outer--\r\n"
    ).encode()


def _qp(content: bytes, *, istext: bool) -> str:
    return binascii.b2a_qp(content, istext=istext).replace(b"\n", b"\r\n").decode("ascii")


def _b64(value: bytes) -> str:
    return base64.b64encode(value).decode()
