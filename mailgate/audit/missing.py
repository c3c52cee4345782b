"""What is not there: records that the log has and no mail of the archive carries, and mails whose evidence is gone.

Every record rides in exactly one mail to the archive, so the indices there must be 0, 1, 2 … without a gap, up to the
largest checkpoint. Standard library only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from mailgate.audit.spill import Spill
from mailgate.model.findings import Found, Kind
from mailgate.model.records import parse_record

MOST_LISTED = 10_000
"""Missing records of one gap that are listed one by one; the rest of it is counted."""

OWN_MAIL = (
    "request",
    "decision",
    "undo",
    "question",
    "answer",
    "outcome",
    "expired",
    "lapsed",
    "withdrawn",
    "undeliverable",
    "cancelled",
    "settled",
    "seal",
)
"""The events with a mail of their own to the archive; records of others ride in the next one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Missing records ``first`` to ``last``; ``is_tail``: nothing of the archive comes after."""

    first: int
    last: int
    is_tail: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """What is known of a missing record: its request, its event, when it happened, and where that is known from."""

    request: str
    event: str
    at: float | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How far the log goes, and what of it is on its way.

    Attributes:
        size: of the largest signed checkpoint.
        pending: how many of the last records no mail carries, because none had to be sent for them yet.
    """

    size: int
    pending: int


def extent_of(spill: Spill) -> Extent:
    """Return how far the log goes.

    The newest mail's checkpoint may cover records that ride in the next mail, which is not there yet. That is no cut tail,
    as long as nothing else shows that the log went on: a larger checkpoint, or a record that has a mail of its own.
    """
    size = spill.first("select max(size) from note where signed")[0] or 0
    top = spill.first("select max(idx) from proven where archived")[0]
    if top is None:
        return Extent(size=size, pending=0)
    own = spill.first(
        """select max(note.size) from note join carrier on carrier.note = note.id where note.signed and
        (carrier.recipient = '' or carrier.recipient in (select address from archive))"""
    )[0]
    marks = ",".join(f"'{event}'" for event in OWN_MAIL)
    later = spill.first(
        f"""select 1 from body join proven using (idx, leaf) where idx > ? and event in ({marks})
        and not archived limit 1""",  # noqa: S608 - our own words
        top,
    )
    on_its_way = size == own and later is None
    return Extent(size=top + 1, pending=size - top - 1) if on_its_way else Extent(size=size, pending=0)


def erased(spill: Spill) -> Mapping[int, tuple[bytes | None, str]]:
    """Return what redactions on record say was erased: index to the hash of the record, and the reason."""
    found: dict[int, tuple[bytes | None, str]] = {}
    for (raw,) in spill.find("select raw from body join proven using (idx, leaf) where event = 'redaction'"):
        record = parse_record(raw)
        reason = str(record.body.get("reason", ""))
        for one in record.body.get("erased", ()):
            try:
                found[int(one["index"])] = (bytes.fromhex(one["leaf"]), f"{reason} (record {record.index})")
            except (KeyError, TypeError, ValueError):
                continue
    return found


def find_missing(spill: Spill, extent: Extent, log: str) -> Iterator[Found]:
    """Yield what is missing, and the mails whose evidence was taken out."""
    gone = erased(spill)
    _list_lost_mails(spill, log)
    for gap in _gaps(spill, extent.size):
        yield from _of_gap(spill, gap, gone)
    yield from _unread_records(spill, gone)
    query = "select place, state, why from lost where not taken and state in ('bare', 'garbled')"
    for place, state, why in spill.find(query):
        if state == "bare":
            said = "It says that it is from mailgate, and has no evidence attached."
            yield Found(kind=Kind.UNPROVEN_MAIL, why=said, place=place)
        else:
            yield Found(kind=Kind.PROOF_BAD, why=f"It proves nothing: {why}.", place=place)


def _list_lost_mails(spill: Spill, log: str) -> None:
    """List the mails of ours that carry no evidence, or not their own: a missing record may be theirs."""
    spill.change(
        """create table lost as select id, place, code, at, state, why, 0 taken from mail where state in ('lost', 'garbled')
        or (state = 'bare' and (instance = ? or sender in (select sender from mail where state = 'ok')))""",
        log,
    )
    spill.change("create index lost_code on lost (code, taken)")
    spill.change("create index found_index on found (idx)")


def _gaps(spill: Spill, size: int) -> Iterator[Gap]:
    expected = 0
    for (index,) in list(spill.find(_GAP_ENDS, size)):
        if index >= size:
            break
        before = spill.first("select max(idx) from proven where archived and idx < ?", index)[0]
        expected = 0 if before is None else before + 1
        yield Gap(first=expected, last=index - 1, is_tail=False)
    top = spill.first("select max(idx) from proven where archived and idx < ?", size)[0]
    if size > (0 if top is None else top + 1):
        yield Gap(first=0 if top is None else top + 1, last=size - 1, is_tail=True)


_GAP_ENDS = """select idx from (select distinct idx from proven where archived and idx < ?) here
    where idx > 0 and not exists (select 1 from proven where proven.idx = here.idx - 1 and archived) order by idx"""


def _of_gap(spill: Spill, gap: Gap, gone: Mapping[int, tuple[bytes | None, str]]) -> Iterator[Found]:
    """Yield what became of each record of a gap, from its end: those without a mail of their own ride in the next one."""
    rides_in = _lost_carrier(spill, gap.last + 1)
    cut: list[int] = []
    first = max(gap.first, gap.last - MOST_LISTED + 1)
    for index in range(gap.last, first - 1, -1):
        if index in gone:
            yield Found(kind=Kind.REDACTED, why=f"Record {index} was erased: {gone[index][1]}.", index=index)
            continue
        trace = _trace(spill, index)
        if spill.first("select 1 from found where idx = ? and kind in ('RECORD_ALTERED', 'PROOF_BAD')", index):
            continue  # it is there, and is said to be wrong
        if trace.event in OWN_MAIL or not trace.event:
            rides_in = _lost_mail(spill, gap, trace)
        if rides_in is not None:
            yield from _stripped(index, trace, *rides_in)
        elif gap.is_tail:
            cut.append(index)
        else:
            yield Found(kind=Kind.MAIL_DELETED, why=f"Record {index}: {trace.why}.", index=index, request=trace.request)
    if cut:
        why = f"Records {gap.first} to {gap.last} are in the log, and in no mail of the archive."
        yield Found(kind=Kind.TAIL_TRUNCATED, why=why, index=min(cut))
    elif first > gap.first:
        why = f"Records {gap.first} to {first - 1} are missing, too."
        yield Found(kind=Kind.MAIL_DELETED, why=why, index=gap.first)


def _stripped(index: int, trace: Trace, place: str, state: str, why: str) -> Iterator[Found]:
    if state == "bare":
        said = f"Its evidence, record {index}, was taken out: {trace.why}."
        yield Found(kind=Kind.STRIPPED, why=said, index=index, request=trace.request, place=place)
    elif state == "garbled":
        said = f"It proves nothing: {why}. Record {index}: {trace.why}."
        yield Found(kind=Kind.PROOF_BAD, why=said, index=index, request=trace.request, place=place)


def _lost_carrier(spill: Spill, index: int) -> tuple[str, str, str] | None:
    """Return the mail that carries a record, if something else was taken out of it."""
    query = """select lost.place, lost.state, lost.why from lost join carrier on carrier.mail = lost.id
        where carrier.idx = ? and lost.state = 'lost'"""
    row = spill.first(query, index)
    return (row[0], row[1], row[2]) if row else None


def _lost_mail(spill: Spill, gap: Gap, trace: Trace) -> tuple[str, str, str] | None:
    """Return the mail that a missing record was probably sent with: by its request's code in the subject, or by its time."""
    columns = "select rowid, place, state, why from lost where not taken"
    if trace.request:
        code = trace.request[:6].upper()
        row = spill.first(f"{columns} and code = ? order by abs(coalesce(at, 0) - ?) limit 1", code, trace.at)
    else:
        earliest = spill.first("select max(at) from body where idx < ?", gap.first)[0] or 0
        latest = spill.first("select min(at) from body where idx > ?", gap.last)[0] or 1e12
        row = spill.first(
            f"{columns} and at between ? and ? order by at desc limit 1", earliest - _SLACK, latest + _SLACK
        )
    if row is None:
        return None
    spill.change("update lost set taken = 1 where rowid = ?", row[0])
    return row[1], row[2], row[3]


_SLACK = 60.0
"""Seconds between what happened and the mail about it."""


def _trace(spill: Spill, index: int) -> Trace:
    row = spill.first(
        """select body.request, body.event, body.at, mail.place from proven join body using (idx, leaf)
        join carrier using (idx, leaf) join mail on mail.id = carrier.mail where proven.idx = ?""",
        index,
    )
    if row:
        return Trace(request=row[0], event=row[1], at=row[2], why=f"{row[1]}, recovered from another copy, {row[3]}")
    row = spill.first(
        """select thread.request, thread.event, thread.at, mail.place from thread join mail on mail.id = thread.mail
        where thread.idx = ?""",
        index,
    )
    if row:
        return Trace(request=row[0], event=row[1], at=row[2], why=f"{row[1]}, recovered from a later mail, {row[3]}")
    row = spill.first("select claim.leaf, mail.place from claim join mail on mail.id = claim.mail where idx = ?", index)
    if row:
        return Trace(request="", event="", at=None, why=f"named by its hash {row[0].hex()[:16]} in a seal, {row[1]}")
    return Trace(request="", event="", at=None, why="nothing else says what it was")


def _unread_records(spill: Spill, gone: Mapping[int, tuple[bytes | None, str]]) -> Iterator[Found]:
    """Yield the records of which only the hash is there."""
    query = """select proven.idx, mail.place from proven join carrier using (idx, leaf) join mail on mail.id = carrier.mail
        where not exists (select 1 from body where body.idx = proven.idx) group by proven.idx"""
    for index, place in spill.find(query):
        if index in gone:
            yield Found(
                kind=Kind.REDACTED, why=f"Record {index} was erased: {gone[index][1]}.", index=index, place=place
            )
        else:
            why = f"Record {index} was taken out, and no record says that it was erased."
            yield Found(kind=Kind.STRIPPED, why=why, index=index, place=place)
