"""What one mail shows by itself: whether its header, its texts and its records are those that the log key vouches for.

Each check is a function from a mail and its evidence to findings; :data:`CHECKS` lists them. What takes all mails to say
(what is missing, what contradicts) stands elsewhere. Standard library only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mailgate.audit.attached import Entry, Evidence, Stamped
from mailgate.audit.blocks import html_shows, text_shows
from mailgate.audit.carried import Carried, Text, as_instant, read_date
from mailgate.model.findings import Found, Kind
from mailgate.model.merkle import leaf_hash, root_by_inclusion
from mailgate.model.notes import Checkpoint, Proof, parse_proof, parse_signed_checkpoint
from mailgate.model.records import Record, parse_record

EARLY = timedelta(minutes=10)
"""Clocks of mail servers differ; more than this before it was made, no mail was received."""

LATEST = timedelta(days=7)
"""mailgate tries for a day, mail servers for five."""

RELAYED = timedelta(days=1)
"""A relay that gives mails an id of its own (Amazon SES) also dates them anew, when it takes them."""

_TAG = (
    r"(?:\[\s*(?:external|extern|externe|externo|ext|outside|spam|bulk|caution|warning|suspicious|suspected spam|"
    r"unverified)(?:[ :_-]*(?:e-?mail|mail|message|sender|source|spam))?\s*\]|\(external\)|external:|caution:|"
    r"\*{2,5}\s*spam\s*\*{2,5}|\{spam\?\}|(?:re|fw|fwd|aw|wg|sv|vs|tr|rv)\s*:)"
)
_TAGS = re.compile(rf"(?:{_TAG}\s*)*", re.IGNORECASE)
_CODE = re.compile(r"\(([A-Z2-7]{6})\)\s*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """One entry of a mail's evidence, as far as it leads.

    Attributes:
        record: parsed, None where it cannot be.
        leaf: the hash of the record as it is here, or of the one that was erased.
        note: the checkpoint that its proof names, a signed note; empty where it cannot be read.
        origin: the log that the checkpoint is of.
        fault: what is wrong, or None: then the proof leads from the record to the checkpoint.
    """

    raw: bytes
    record: Record | None
    leaf: bytes
    index: int | None
    note: str
    origin: str
    fault: Found | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """A mail with its evidence, for the checks to look at.

    Attributes:
        entries: its records, each followed as far as its proof leads.
        shows: each of its texts, and whether the block in it is the one that was sent; None: it has no block.
    """

    mail: Carried
    evidence: Evidence
    entries: tuple[Proven, ...]
    shows: tuple[tuple[Text, bool | None], ...]

    @property
    def stamp(self) -> Stamped | None:
        """The mail's stamp."""
        return self.evidence.stamp

    @property
    def own(self) -> Record | None:
        """The record that the mail was written for: the last one."""
        return self.entries[-1].record if self.entries else None

    def found(self, kind: Kind, why: str) -> Found:
        """Return a finding about this mail."""
        own = self.own
        return Found(
            kind=kind,
            why=why,
            index=own.index if own else None,
            request=own.request if own else "",
            place=self.mail.place,
        )


Check = Callable[[Looked], Iterator[Found]]


def look(mail: Carried, evidence: Evidence, log: str, *, is_stamped: bool) -> Looked:
    """Follow each record of a mail to the checkpoint that its proof names.

    Args:
        is_stamped: whether the log key signed the mail's stamp, so that it can be told by it which records stood here.
    """
    stamp = evidence.stamp
    meant = stamp.leaves if is_stamped and stamp and len(stamp.leaves) == len(evidence.entries) else None
    entries = tuple(
        _follow(entry, meant[number] if meant else None, log, mail.place)
        for number, entry in enumerate(evidence.entries)
    )
    shows = tuple((text, _shows(text, stamp.shown)) for text in mail.texts) if stamp else ()
    return Looked(mail=mail, evidence=evidence, entries=entries, shows=shows)


def judge(looked: Looked) -> Iterator[Found]:
    """Yield what is wrong with a mail by itself."""
    grafted = list(_grafted(looked))
    yield from grafted
    for name, check in CHECKS.items():
        # Of evidence that belongs to another mail, only what it proves by itself is of interest.
        if not grafted or name in ("entries", "stamp's records"):
            yield from check(looked)


def code_of(subject: str) -> str:
    """Return the short code of the request that a subject of ours names, or nothing."""
    found = _CODE.search(subject)
    return found[1] if found else ""


def _follow(entry: Entry, meant: bytes | None, log: str, place: str) -> Proven:
    """Return where a record's proof leads, and what is wrong with the two.

    Args:
        meant: the hash of the record that the stamp says stood here.
    """
    raw = entry.record or b""
    leaf = leaf_hash(raw) if entry.leaf is None else entry.leaf
    record = _parsed(raw)
    proof, note, checkpoint = _proof(entry.proof)
    index = record.index if record else proof.index if proof else None

    def wrong(kind: Kind, why: str) -> Found:
        return Found(kind=kind, why=why, index=index, request=record.request if record else "", place=place)

    fault = None
    if proof is None or checkpoint is None:
        fault = wrong(Kind.PROOF_BAD, "The proof is not in the one form that proofs have.")
    elif checkpoint.origin != log:
        fault = wrong(Kind.PROOF_BAD, "The proof leads to the checkpoint of another log.")
    elif record is not None and record.index != proof.index:
        fault = wrong(Kind.PROOF_MISMATCH, f"The proof is that of record {proof.index}.")
    elif root_by_inclusion(leaf, proof.index, checkpoint.size, proof.path) != checkpoint.root:
        kind = Kind.PROOF_BAD if meant == leaf else Kind.RECORD_ALTERED
        fault = wrong(kind, "The proof does not lead from this record to the checkpoint that the log key signed.")
    elif entry.record is not None and (record is None or record.log != log):
        fault = wrong(Kind.PROOF_MISMATCH, "The log has this, and it is no record of it.")
    return Proven(
        raw=raw,
        record=record,
        leaf=leaf,
        index=index,
        note=note,
        origin=checkpoint.origin if checkpoint else "",
        fault=fault,
    )


def _parsed(raw: bytes) -> Record | None:
    try:
        return parse_record(raw)
    except ValueError:
        return None


def _proof(text: str) -> tuple[Proof | None, str, Checkpoint | None]:
    try:
        proof = parse_proof(text)
        return proof, proof.checkpoint, _checkpoint(proof.checkpoint)
    except (ValueError, UnicodeEncodeError):
        return None, "", None


_LAST: dict[str, Checkpoint] = {}
"""The checkpoint that was read last: the records of one mail share it."""


def _checkpoint(note: str) -> Checkpoint:
    found = _LAST.get(note)
    if found is None:
        found = parse_signed_checkpoint(note).checkpoint
        _LAST.clear()
        _LAST[note] = found
    return found


def _grafted(looked: Looked) -> Iterator[Found]:
    """Evidence of one request in a mail about another: neither its subject nor its block are those of the stamp."""
    stamp, mail = looked.stamp, looked.mail
    if stamp is None or not stamp.shown:
        return
    here, there = code_of(mail.subject), code_of(stamp.subject)
    if here and there and here != there and any(said is False for _, said in looked.shows):
        why = f"The mail is about request {here}; the evidence in it was made for a mail about {there}."
        yield looked.found(Kind.PROOF_MISMATCH, why)


def _entries(looked: Looked) -> Iterator[Found]:
    """Each record is the one that its proof proves."""
    for entry in looked.entries:
        if entry.fault is not None:
            yield entry.fault


def _records_of_stamp(looked: Looked) -> Iterator[Found]:
    """The mail carries the records that it was sent with, all of them and no others."""
    stamp = looked.stamp
    if stamp is None:
        yield looked.found(Kind.STRIPPED, "The stamp, which binds what the mail shows to its records, was taken out.")
        return
    if any(entry.fault for entry in looked.entries):
        return
    here = tuple(entry.leaf for entry in looked.entries)
    if here == stamp.leaves:
        return
    if set(here) < set(stamp.leaves):
        missing = len(stamp.leaves) - len(here)
        yield looked.found(Kind.STRIPPED, f"{missing} of the {len(stamp.leaves)} records of this mail were taken out.")
    else:
        yield looked.found(Kind.PROOF_MISMATCH, "The records in this mail are not those that it was sent with.")


def _sender(looked: Looked) -> Iterator[Found]:
    found, stamp = looked.mail.addresses("from"), looked.stamp
    if found is not None and stamp is not None and found != (stamp.sender.lower(),):
        why = f"It is from {', '.join(found) or 'nobody'} now, and was sent from {stamp.sender}."
        yield looked.found(Kind.SENDER_ALTERED, why)


def _recipient(looked: Looked) -> Iterator[Found]:
    found, stamp = looked.mail.addresses("to"), looked.stamp
    if found is not None and stamp is not None and found != (stamp.recipient.lower(),):
        why = f"It is to {', '.join(found) or 'nobody'} now, and was sent to {stamp.recipient}."
        yield looked.found(Kind.RECIPIENT_ALTERED, why)


def _subject(looked: Looked) -> Iterator[Found]:
    stamp, mail = looked.stamp, looked.mail
    if stamp is None or not mail.all("subject"):
        return
    begin = _TAGS.match(mail.subject)
    rest = mail.subject[begin.end() if begin else 0 :]
    if (
        len(mail.all("subject")) > 1
        or not rest.startswith(stamp.subject)
        or not _TAGS.fullmatch(rest[len(stamp.subject) :].strip())
    ):
        yield looked.found(Kind.SUBJECT_ALTERED, f"Its subject is {mail.subject!r}, and was {stamp.subject!r}.")


def _date(looked: Looked) -> Iterator[Found]:
    """The Date field is the one it was sent with, or that of a relay that gave the mail an id of its own."""
    stamp, mail = looked.stamp, looked.mail
    made_at = _instant(stamp.date) if stamp else None
    if made_at is None or not mail.all("date"):
        return
    date = mail.date
    if date == made_at:
        return
    relayed = date is not None and bool(mail.message_id) and not mail.has_own_id
    if (
        not relayed
        or date is None
        or not made_at - EARLY <= date <= made_at + RELAYED
        or not _fits(date, _received(mail))
    ):
        shown = f"{date:%Y-%m-%d %H:%M:%S} UTC" if date else "no date"
        why = f"It is dated {shown}, and was made at {made_at:%Y-%m-%d %H:%M:%S} UTC."
        yield looked.found(Kind.TIME_SKEW, why)


def _fits(date: datetime, received: list[datetime]) -> bool:
    return not received or min(received) - EARLY <= date <= min(received) + EARLY


def _transit(looked: Looked) -> Iterator[Found]:
    """Mail servers received it after it was made, and not weeks later."""
    made_at = _instant(looked.stamp.date) if looked.stamp else None
    received = _received(looked.mail)
    if made_at is None or not received:
        return
    if min(received) < made_at - EARLY or min(received) > made_at + LATEST:
        why = (
            f"A mail server received it at {min(received):%Y-%m-%d %H:%M:%S} UTC, and it was made at "
            f"{made_at:%Y-%m-%d %H:%M:%S} UTC."
        )
        yield looked.found(Kind.TIME_SKEW, why)


def _received(mail: Carried) -> list[datetime]:
    return [at for value in mail.all("received") if (at := read_date(value.rpartition(";")[2].strip())) is not None]


def _text(looked: Looked) -> Iterator[Found]:
    yield from _block(looked, is_html=False)


def _html(looked: Looked) -> Iterator[Found]:
    yield from _block(looked, is_html=True)


def _block(looked: Looked, *, is_html: bool) -> Iterator[Found]:
    """The block that a reader sees is the one that was sent, in each form of the mail that has one, or should have."""
    stamp, entries = looked.stamp, looked.evidence.entries
    if stamp is None or (entries and entries[-1].record is None):
        return  # of a record that was erased, the text is erased as well
    kind = "HTML" if is_html else "text"
    if any(said is False for text, said in looked.shows if text.is_html is is_html):
        yield looked.found(Kind.BODY_ALTERED, f"What its {kind} shows between the two lines is not what was sent.")
    elif stamp.shown and _lacks_block(looked.shows, is_html=is_html):
        yield looked.found(Kind.BODY_ALTERED, f"The block between the two lines is gone from its {kind}.")


def _lacks_block(shows: Sequence[tuple[Text, bool | None]], *, is_html: bool) -> bool:
    """Return whether a form of the mail has no block, where another form of the same text has one, or none has."""
    with_block = {text.choice for text, said in shows if said is not None}
    mine = [text for text, said in shows if text.is_html is is_html and said is None]
    return any(text.choice and text.choice in with_block for text in mine) or not with_block


def _shows(text: Text, shown: str) -> bool | None:
    """Return whether a text shows the block of the digest, by the charset it declares or, mislabelled, by UTF-8."""
    judge_words = html_shows if text.is_html else text_shows
    said = judge_words(text.words(), shown)
    if said is False and not text.raw.isascii():
        return judge_words(text.raw.decode("utf-8", "replace"), shown)
    return said


def _instant(text: str) -> datetime | None:
    try:
        return as_instant(datetime.fromisoformat(text))
    except ValueError:
        return None


CHECKS: Mapping[str, Check] = {
    "entries": _entries,
    "stamp's records": _records_of_stamp,
    "sender": _sender,
    "recipient": _recipient,
    "subject": _subject,
    "date": _date,
    "transit": _transit,
    "text": _text,
    "html": _html,
}
"""What is checked of each mail, by a name for the tests that take one away."""
