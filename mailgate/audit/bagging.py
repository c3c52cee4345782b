"""Put an archive's mails and records into a bag, byte for byte. Standard library only."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import count

from mailgate.audit.bag import Bag, Payload
from mailgate.audit.carried import Carried, read_mail
from mailgate.audit.parts import TooMuch
from mailgate.audit.reading import Item
from mailgate.audit.spill import Spill
from mailgate.model.merkle import leaf_hash
from mailgate.model.notes import parse_proof
from mailgate.model.records import Record, parse_record

_FROM = re.compile(rb"^(>*From )", re.MULTILINE)

IsWanted = Callable[[Sequence[Record]], bool]
"""Returns whether a mail with these records is to go into the bag."""


def write_mails(bag: Bag, spill: Spill, items: Iterable[Item], is_wanted: IsWanted) -> int:
    """Write the log's own mails as ``eml/`` and as one mailbox, ``archive.mbox``; return how many.

    A mail that says it is this log's, and proves nothing, goes along: it is evidence, too. Others stay out: an approver's own
    mailbox has mails that are nobody's business.
    """
    spill.change(_BAGGED)
    spill.change(_OURS)
    spill.change("create index ours_place on ours (place)")
    written, names = 0, set[str]()
    with bag.payload("archive.mbox") as box:
        for item in items:
            mails = _ours(spill, item)
            if item.raw is None or not mails or not is_wanted([r for mail in mails for _, r in _records(mail)]):
                continue
            for mail in mails:
                _note_records(spill, mail)
            name = next(name for name in _names(mails) if name not in names)
            names.add(name)
            bag.put(f"eml/{name}.eml", item.raw)
            _append(box, item.raw, next((mail.date for mail in mails if mail.date), None))
            written += 1
    return written


def write_records(bag: Bag, spill: Spill) -> int:
    """Write the records of those mails as ``records.jsonl``, in the order of the log, each with its proof; return how many.

    The exact bytes stand in base64: no reader of JSON that orders names anew, or writes a character in another way, can
    change what is hashed. ``jq -r .record | base64 -d | sha256sum`` needs them so.
    """
    written = 0
    with bag.payload("records.jsonl") as file:
        for index, raw, proof in spill.find("select idx, raw, proof from bagged order by idx"):
            said = {
                "index": index,
                "leaf": leaf_hash(raw).hex(),
                "record": base64.b64encode(raw).decode(),
                "proof": proof,
            }
            file.write(json.dumps(said).encode() + b"\n")
            written += 1
    return written


_BAGGED = "create table bagged (idx integer, leaf blob, raw blob, proof text, primary key (idx, leaf)) without rowid"
_OURS = """create table ours as select place from mail where state in ('ok', 'lost', 'garbled')
    union select place from lost"""


def _ours(spill: Spill, item: Item) -> list[Carried]:
    """Return the mails of this log that an item is, or wraps."""
    if item.raw is None:
        return []
    try:
        mails = list(read_mail(item.raw, item.place))
    except TooMuch:
        return []
    return [mail for mail in mails if spill.first("select 1 from ours where place = ?", mail.place)]


def _records(mail: Carried) -> Iterator[tuple[str, Record]]:
    """Yield the records that a mail carries, each with its proof."""
    for entry in mail.evidence.entries if mail.evidence else ():
        try:
            if entry.record is not None:
                yield entry.proof, parse_record(entry.record)
        except ValueError:
            continue


def _note_records(spill: Spill, mail: Carried) -> None:
    for entry in mail.evidence.entries if mail.evidence else ():
        if entry.record is None:
            continue
        try:
            index, leaf = parse_proof(entry.proof).index, leaf_hash(entry.record)
        except ValueError:
            continue
        if spill.first("select 1 from proven where idx = ? and leaf = ?", index, leaf):
            spill.add("bagged", index, leaf, entry.record, entry.proof)


def _names(mails: Sequence[Carried]) -> Iterator[str]:
    """Yield names for a mail's file: by the record it was written for, in the order of the log."""
    own = [record for mail in mails for _, record in _records(mail)][-1:]
    stem = f"{own[0].index:07}-{own[0].event}" if own else "without-a-record"
    yield stem
    yield from (f"{stem}-{number}" for number in count(2))


def _append(box: Payload, raw: bytes, at: datetime | None) -> None:
    """Append a mail to a mailbox (mboxrd: what looks like the line before a mail is quoted)."""
    at = at or datetime(1970, 1, 1, tzinfo=UTC)
    lines = _FROM.sub(rb">\1", raw.replace(b"\r\n", b"\n"))
    box.write(f"From mailgate {at:%a %b} {at.day:2} {at:%H:%M:%S %Y}\n".encode())
    box.write(lines + (b"\n" if lines.endswith(b"\n") else b"\n\n"))
