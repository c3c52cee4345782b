"""What is not there: records that the log has and no mail of the archive carries, and mails whose evidence is gone.

Every record rides in exactly one mail to the archive, so the indices there must be 0, 1, 2 … without a gap, up to the
largest checkpoint. Standard library only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from mailgate.audit.partial import find_missing_of
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
class Lost:
    """A mail of ours that carries no evidence, or not its own: where it lies, what it is (``bare`` …), and why."""

    place: str
    state: str
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


def note_erased(spill: Spill) -> None:
    """Note in the table ``erased`` what redactions on record say: which record, its hash, of which request, and why.

    A redaction says ``{"erased": [{"index", "leaf", "request"}], "reason"}``.
    """
    spill.change("create table erased (idx integer primary key, leaf blob, request text, reason text)")
    for (raw,) in list(spill.find("select raw from body join proven using (idx, leaf) where event = 'redaction'")):
        record = parse_record(raw)
        reason = f"{record.body.get('reason', '')} (record {record.index})"
        with suppress(KeyError, TypeError, ValueError):
            for one in record.body["erased"]:
                spill.add("erased", int(one["index"]), bytes.fromhex(one["leaf"]), str(one["request"]), reason)


def find_missing(spill: Spill, extent: Extent, log: str, sample: Mapping[str, int] | None = None) -> Iterator[Found]:
    """Yield what is missing, and the mails whose evidence was taken out.

    Args:
        sample: of a sample, the requests that it has, and how many records of each; None: it is a whole archive.
    """
    _list_lost_mails(spill, log)
    if sample is not None:
        yield from find_missing_of(spill, sample)
    for gap in _gaps(spill, extent.size) if sample is None else ():
        yield from _of_gap(spill, gap)
    yield from _unread_records(spill)
    query = "select place, state, why, taken from lost where taken != 1 and state in ('bare', 'garbled')"
    for place, state, why, taken in spill.find(query):
        if state == "garbled":
            yield Found(kind=Kind.PROOF_BAD, why=f"It proves nothing: {why}.", place=place)
        elif taken:
            said = "Its evidence was taken out; its record is one of those that are missing from around its time."
            yield Found(kind=Kind.STRIPPED, why=said, place=place)
        else:
            said = "It says that it is from mailgate, and has no evidence attached."
            yield Found(kind=Kind.UNPROVEN_MAIL, why=said, place=place)


_LOST = """
    select id, place, code, at, state, why, 0 taken from mail where state in ('lost', 'garbled')
    or (state = 'bare' and (instance = ? or sender in (select sender from mail where state = 'ok')))
"""


def _list_lost_mails(spill: Spill, log: str) -> None:
    """List the mails of ours that carry no evidence, or not their own: a missing record may be theirs."""
    spill.change(f"create table lost as {_LOST}", log)
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


_SAID_WRONG = "select 1 from found where idx = ? and kind in ('RECORD_ALTERED', 'PROOF_BAD', 'PROOF_MISMATCH')"


def _of_gap(spill: Spill, gap: Gap) -> Iterator[Found]:
    """Yield what became of the records of a gap, from its end: those without a mail of their own ride in the next one."""
    rides_in = _lost_carrier(spill, gap.last + 1)
    deleted: list[tuple[int, Trace]] = []
    stripped: dict[Lost, list[tuple[int, Trace]]] = {}
    traces: list[Trace] = []
    first = max(gap.first, gap.last - MOST_LISTED + 1)
    for index in range(gap.last, first - 1, -1):
        if reason := _why_erased(spill, index):
            yield Found(kind=Kind.REDACTED, why=f"Record {index} was erased: {reason}.", index=index)
            continue
        if spill.first(_SAID_WRONG, index):
            continue  # it is there, and is said to be wrong
        trace = _trace(spill, index)
        traces.append(trace)
        if trace.event in OWN_MAIL or (not trace.event and rides_in is None):
            rides_in = _lost_mail(spill, gap, trace)
        if rides_in is not None:
            stripped.setdefault(rides_in, []).append((index, trace))
        else:
            deleted.append((index, trace))
    yield from _stripped(stripped)
    if any(not trace.event for trace in traces):
        spill.change("update lost set taken = 2 where not taken and at between ? and ?", *_window(spill, gap))
    if deleted and gap.is_tail:
        why = f"Records {gap.first} to {gap.last} are in the log, and in no mail of the archive."
        yield Found(kind=Kind.TAIL_TRUNCATED, why=why, index=gap.first)
        return
    yield from _deleted(deleted)
    if first > gap.first:
        why = f"Records {gap.first} to {first - 1} are missing, too."
        yield Found(kind=Kind.MAIL_DELETED, why=why, index=gap.first)


def _deleted(deleted: Sequence[tuple[int, Trace]]) -> Iterator[Found]:
    """Yield one finding for each mail that is gone, as far as one can be told from another; records last first."""
    mails: list[tuple[list[int], Trace]] = []
    for index, trace in deleted:
        rides = bool(trace.event) and trace.event not in OWN_MAIL
        if rides and mails and mails[-1][0][-1] == index + 1:
            mails[-1][0].append(index)
        else:
            mails.append(([index], trace))
    for indices, trace in mails:
        with_it = f", and with it those from {indices[-1]} on" if len(indices) > 1 else ""
        why = f"The mail with record {indices[0]} is gone{with_it}: {trace.why}."
        yield Found(kind=Kind.MAIL_DELETED, why=why, index=indices[0], request=trace.request)


def _stripped(stripped: Mapping[Lost, Sequence[tuple[int, Trace]]]) -> Iterator[Found]:
    """Yield one finding for each mail that is there without its evidence; of each mail its own record comes first."""
    for mail, records in stripped.items():
        index, trace = records[0]
        riders = f", and with it those from {records[-1][0]} on" if len(records) > 1 else ""
        if mail.state == "bare":
            why = f"Its evidence, record {index}, was taken out{riders}: {trace.why}."
            yield Found(kind=Kind.STRIPPED, why=why, index=index, request=trace.request, place=mail.place)
        elif mail.state == "garbled":
            why = f"It proves nothing: {mail.why}. It carried record {index}{riders}: {trace.why}."
            yield Found(kind=Kind.PROOF_BAD, why=why, index=index, request=trace.request, place=mail.place)


def _lost_carrier(spill: Spill, index: int) -> Lost | None:
    """Return the mail that carries a record, if something else was taken out of it."""
    query = """select lost.place, lost.state, lost.why from lost join carrier on carrier.mail = lost.id
        where carrier.idx = ? and lost.state = 'lost'"""
    row = spill.first(query, index)
    return Lost(place=row[0], state=row[1], why=row[2]) if row else None


def _lost_mail(spill: Spill, gap: Gap, trace: Trace) -> Lost | None:
    """Return the mail that a missing record was probably sent with: by its request's code in the subject, or by its time."""
    columns = "select rowid, place, state, why from lost where taken = 0"
    if trace.request:
        code = trace.request[:6].upper()
        row = spill.first(f"{columns} and code = ? order by abs(coalesce(at, 0) - ?) limit 1", code, trace.at)
    else:
        row = spill.first(f"{columns} and at between ? and ? order by at desc limit 1", *_window(spill, gap))
    if row is None:
        return None
    spill.change("update lost set taken = 1 where rowid = ?", row[0])
    return Lost(place=row[1], state=row[2], why=row[3])


def _window(spill: Spill, gap: Gap) -> tuple[float, float]:
    """Return between when and when the records of a gap happened, and their mails were made."""
    before = spill.first("select at from body where idx < ? order by idx desc limit 1", gap.first)
    after = spill.first("select at from body where idx > ? order by idx limit 1", gap.last)
    return (before[0] if before else 0) - _SLACK, (after[0] if after else 1e12) + _SLACK


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


def _unread_records(spill: Spill) -> Iterator[Found]:
    """Yield the records of which only the hash is there."""
    query = """select proven.idx, mail.place from proven join carrier using (idx, leaf) join mail on mail.id = carrier.mail
        where not exists (select 1 from body where body.idx = proven.idx) group by proven.idx"""
    for index, place in list(spill.find(query)):
        if reason := _why_erased(spill, index):
            yield Found(kind=Kind.REDACTED, why=f"Record {index} was erased: {reason}.", index=index, place=place)
        else:
            why = f"Record {index} was taken out, and no record says that it was erased."
            yield Found(kind=Kind.STRIPPED, why=why, index=index, place=place)


def _why_erased(spill: Spill, index: int) -> str:
    row = spill.first("select reason from erased where idx = ?", index)
    return str(row[0]) if row else ""
