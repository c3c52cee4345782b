"""Many histories out of a few: told mails again under other ids and later dates, in one log, signed by its key.

Quick where the rig is thorough: archives of hundreds of mails in a second, of a hundred thousand in minutes. Whoever holds
the log key can write any history: ``change`` is his hand.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

from mailgate.model.evidence import LogSigner
from mailgate.model.merkle import Frontier, grow, leaf_hash, prove_inclusion
from mailgate.model.notes import Proof
from mailgate.model.records import format_time, parse_record
from mailgate.model.stamps import Stamp, visible_block, visible_hash
from tests.audit.mails import Opened, b64, open_mail, unb64
from tests.audit.story import ARCHIVE, Told

_ID = re.compile(r"(?<![A-Za-z0-9/+=])[a-z2-7]{16}(?![A-Za-z0-9/+=])")
_TIME = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
_CODE = re.compile(r"\b[A-Z2-7]{6}\b")

NEXT = b"n" * 32
"""The seed of the key after the first."""

Predicate = dict[str, Any]
Change = Callable[[int, int, Predicate], Predicate | None]
"""Rewrites a record: copy, index in the story, what it says; None leaves it out of the log."""


@dataclass
class _Pattern:
    mail: Opened
    indices: list[int]
    recipient: str
    is_seal: bool


class Cloner:
    """Tells the mails of a story again and again.

    Args:
        told: what was told; its log key signs the clones.
        every: how much later each copy is.
        signer: the key of another log, whose records they are to be. A ``key`` record hands the log on to :data:`NEXT`.
    """

    def __init__(
        self,
        told: Told,
        every: timedelta = timedelta(days=2),
        change: Change | None = None,
        signer: LogSigner | None = None,
    ) -> None:
        self._signer, self._every, self._change = signer or told.signer, every, change
        self._patterns = [_pattern(raw) for raw in told.archive]
        raws = [unb64(entry["record"]) for p in self._patterns for entry in p.mail.evidence["records"]]
        self._bodies = {parse_record(raw).index: raw.decode() for raw in raws}
        self._frontier, self._leaves, self._sealed = Frontier(), list[bytes](), 0
        self._threads: dict[str, list[str]] = {}
        self.checkpoints: list[str] = []

    def tell(self, copies: int) -> Iterator[bytes]:
        """Yield the mails of so many copies, in the order of the log."""
        for copy in range(copies):
            self._threads = {}
            names = _Names(copy, self._every * copy)
            for pattern in self._patterns:
                raw = self._mail(pattern, names)
                if raw:
                    yield raw

    def _mail(self, pattern: _Pattern, names: _Names) -> bytes:
        records = list(self._records(pattern, names))
        if not records:
            return b""
        leaves = [leaf_hash(raw) for raw in records]
        proofs = self._grow(leaves)
        own = parse_record(records[-1])
        mail = deepcopy(pattern.mail)
        mail.fields = [(n, names.dated(v) if n == "Date" else names.renamed(v)) for n, v in mail.fields]
        mail.text, mail.html = names.renamed(mail.text), names.renamed(mail.html)
        said: Predicate = {
            "records": [{"record": b64(r), "proof": p} for r, p in zip(records, proofs, strict=True)],
            "thread": list(self._threads.get(own.request, ())) if own.request else [],
        }
        if "inbound" in mail.evidence:
            said["inbound"] = mail.evidence["inbound"]
        if pattern.is_seal:
            said["leaves"] = [leaf.hex() for leaf in self._leaves]
            self._leaves, self._sealed = [], self._frontier.size
        for raw in records:
            self._threads.setdefault(parse_record(raw).request, []).append(b64(raw))
        mail.set("X-Mailgate-Instance", self._signer.name)
        mail.said = said | {"stamp": self._stamp(mail, leaves, pattern.recipient)}
        if any(parse_record(raw).event == "key" for raw in records):
            self._signer = LogSigner(self._signer.name, NEXT)
        return mail.write()

    def _records(self, pattern: _Pattern, names: _Names) -> Iterator[bytes]:
        number = self._frontier.size
        for index in pattern.indices:
            if index == 0 and names.copy:
                continue  # there is one genesis
            said = json.loads(names.renamed(names.later(self._bodies[index])))
            predicate: Predicate | None = said["predicate"]
            assert predicate is not None
            predicate["nonce"] = hashlib.sha256(f"{names.copy} {index}".encode()).hexdigest()[:32]
            if predicate["event"] == "seal":
                predicate["since"] = self._sealed
            if self._change is not None:
                predicate = self._change(names.copy, index, predicate)
            if predicate is None:
                continue
            predicate["index"] = number
            predicate["log"] = self._signer.name
            said["subject"][0]["name"] = predicate["request"] or self._signer.name
            number += 1
            if digest := predicate.pop("digest_of_action", None):
                said["subject"][0]["digest"]["sha256"] = digest
            said["predicate"] = predicate
            yield json.dumps(said, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()

    def _grow(self, leaves: list[bytes]) -> list[str]:
        before = self._frontier
        growth = grow(before, leaves)
        self._frontier = growth.frontier
        self._leaves += leaves
        size, note = growth.frontier.size, self._signer.sign(growth.frontier.size, growth.frontier.root)
        self.checkpoints = [*self.checkpoints[-10:], note]
        known = dict(zip(before.places(), before.hashes, strict=True)) | growth.nodes
        paths = [prove_inclusion(i, size, lambda level, at: known[level, at]) for i in range(before.size, size)]
        return [Proof(index=before.size + n, path=p, checkpoint=note).format() for n, p in enumerate(paths)]

    def _stamp(self, mail: Opened, leaves: list[bytes], recipient: str) -> Predicate:
        return stamped(self._signer, mail, leaves, recipient)


def stamped(signer: Any, mail: Opened, leaves: list[bytes], recipient: str = ARCHIVE) -> Predicate:
    """Return a stamp of a mail, as only the holder of the log key can make one."""
    block = visible_block(mail.text.split("\n"))
    stamp = Stamp(
        log=signer.name,
        leaves=tuple(leaves),
        sender="approvals@gate.example.com",
        recipient=recipient,
        subject=mail.field("Subject"),
        date=format_time(parsedate_to_datetime(mail.field("Date"))),
        shown="" if block is None else visible_hash(block),
    )
    said = {name: getattr(stamp, name) for name in ("sender", "recipient", "subject", "date", "shown")}
    return said | {"leaves": [leaf.hex() for leaf in leaves], "signature": b64(signer.stamp(stamp))}


class _Names:
    """The ids and dates of one copy."""

    def __init__(self, copy: int, later: timedelta) -> None:
        self.copy, self._later = copy, later
        self._codes: dict[str, str] = {}

    def renamed(self, text: str) -> str:
        """Return a text with the ids and short codes of this copy."""
        if not self.copy:
            return text
        text = _ID.sub(lambda m: self._code(m[0][:6].upper()).lower() + m[0][6:], text)
        return _CODE.sub(lambda m: self._codes.get(m[0], m[0]), text)

    def later(self, text: str) -> str:
        """Return a text with later instants."""
        if not self.copy:
            return text
        return _TIME.sub(lambda m: format_time(datetime.fromisoformat(m[0]) + self._later), text)

    def dated(self, value: str) -> str:
        """Return a later Date field."""
        return format_datetime(parsedate_to_datetime(value) + self._later)

    def _code(self, code: str) -> str:
        if code not in self._codes:
            made = hashlib.sha256(f"{self.copy} {code}".encode()).digest()
            self._codes[code] = base64.b32encode(made).decode()[:6]
        return self._codes[code]


def _pattern(raw: bytes) -> _Pattern:
    mail = open_mail(raw)
    return _Pattern(
        mail=mail,
        indices=[record.index for record in mail.records()],
        recipient=mail.evidence["stamp"]["recipient"],
        is_seal=mail.own.event == "seal",
    )
