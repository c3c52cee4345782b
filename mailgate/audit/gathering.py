"""Everything of a log that an archive has, in the order of the log, once it was verified: what a database is made from.

Standard library only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby

from mailgate.audit.attached import AgentState
from mailgate.audit.spill import Spill
from mailgate.model.records import parse_record

MOST_NAMED = 10
"""Missing records that a sentence names one by one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gathered:
    """One record.

    Attributes:
        record: its exact bytes; None where it was erased by authority.
        archived: whether a mail to the archive carries it; else it was found in a copy.
        mail: the Message-ID of that mail; ``mailed_at`` and ``mailed_to`` are its date and recipient.
        lines: of a digest: what ran without asking.
        state: of a request: its agent's state.
    """

    index: int
    leaf: bytes
    record: bytes | None
    archived: bool
    mail: str
    mailed_at: datetime | None
    mailed_to: str
    lines: bytes | None
    state: AgentState | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """One record of a request: its exact bytes, its hash, and the Message-ID of the archive's mail with it, if there is one."""

    raw: bytes
    leaf: bytes
    mail: str


def gather(spill: Spill) -> Iterator[Gathered]:
    """Yield every record, from the first to the last; :func:`find_holes` found that none is missing."""
    for index, leaf, archived, raw, mail, at, to, lines, media_type, version, state in spill.find(_RECORDS):
        yield Gathered(
            index=index,
            leaf=leaf,
            record=raw,
            archived=bool(archived),
            mail=mail or "",
            mailed_at=None if at is None else datetime.fromtimestamp(at, UTC),
            mailed_to=to or "",
            lines=lines,
            state=None if state is None else AgentState(media_type=media_type, version=version, raw=state),
        )


def notes(spill: Spill) -> Iterator[str]:
    """Yield the signed checkpoints, the smallest first."""
    for _, text in spill.find("select distinct size, text from note where signed order by size"):
        yield text


def erased(spill: Spill) -> dict[int, tuple[bytes, str]]:
    """Return what redactions on record say was erased: index to its leaf, and the request that it was about, or nothing."""
    found: dict[int, tuple[bytes, str]] = {}
    for (raw,) in spill.find("select raw from body join proven using (idx, leaf) where event = 'redaction'"):
        body = parse_record(raw).body
        for one in body.get("records") or body.get("erased") or ():
            found[int(one["index"])] = (bytes.fromhex(one["leaf"]), str(one["request"]))
    return found


def find_holes(spill: Spill) -> str:
    """Return a sentence on what is missing or contradicts itself, so that no database can be made; nothing where it can."""
    gone = erased(spill)
    _know(spill, gone)
    twice = spill.first("select idx from known group by idx having count(*) > 1 limit 1")
    if twice:
        return (
            f"The log key vouches for two different records {twice[0]}: one of them is forged, or the log was forked."
        )
    size = spill.first("select max(size) from note where signed")[0]
    missing = [index for index in _absent(spill, size) if index not in gone]
    if not missing:
        return ""
    named = ", ".join(map(str, missing[:MOST_NAMED])) + (" …" if len(missing) > MOST_NAMED else "")
    return (
        f"{len(missing)} of {size} records are in none of these mails: {named}. Give the mailboxes of the people who were "
        "asked as well: their mails carry the same records."
    )


def histories(spill: Spill) -> Iterator[tuple[str, list[Kept]]]:
    """Yield the records of each request, in the order in which they were asked; none is left out because others are missing."""
    for request, rows in groupby(spill.find(_HISTORIES), key=lambda row: row[1]):
        yield str(request), [Kept(raw=raw, leaf=leaf, mail=mail or "") for _, _, _, leaf, raw, mail in rows]


def _know(spill: Spill, gone: Mapping[int, tuple[bytes, str]]) -> None:
    """List each record of the log once, by what knows it best: its proof, a copy in a thread, the list of a seal, a redaction."""
    spill.change("create table known (idx integer, leaf blob, archived integer, primary key (idx, leaf)) without rowid")
    spill.change("insert into known select idx, leaf, archived from proven")
    for table in ("thread", "claim"):
        spill.change(
            f"insert into known select distinct idx, leaf, 0 from {table} where idx not in (select idx from known)"  # noqa: S608 - our own words
        )
    for index, (leaf, _) in gone.items():
        spill.change("insert into known select ?, ?, 0 where ? not in (select idx from known)", index, leaf, index)


def _absent(spill: Spill, size: int) -> Iterator[int]:
    """Yield the indices below ``size`` of which there are no bytes."""
    expected = 0
    query = (
        "select idx from known where exists (select 1 from body where body.idx = known.idx and body.leaf = known.leaf)"
    )
    copies = "or exists (select 1 from thread where thread.idx = known.idx and thread.leaf = known.leaf) order by idx"
    for (index,) in spill.find(f"{query} {copies}"):
        yield from range(expected, index)
        expected = index + 1
    yield from range(expected, size)


_RECORDS = """
select known.idx, known.leaf, known.archived, coalesce(body.raw, thread.raw), mail.message_id, mail.at, carrier.recipient,
    lines.raw, state.media_type, state.version, state.raw
from known
left join body on body.idx = known.idx and body.leaf = known.leaf
left join thread on thread.idx = known.idx and thread.leaf = known.leaf
left join carrier on known.archived and carrier.idx = known.idx and carrier.leaf = known.leaf and carrier.mail = (
    select min(other.mail) from carrier other where other.idx = known.idx and other.leaf = known.leaf
    and (other.recipient = '' or other.recipient in (select address from archive)))
left join mail on mail.id = carrier.mail
left join lines on lines.idx = known.idx and lines.leaf = known.leaf
left join state on state.idx = known.idx and state.leaf = known.leaf
order by known.idx
"""

_HISTORIES = """
with told as (
    select body.request, body.idx, body.leaf, body.raw from body join proven using (idx, leaf) where body.request != ''
    union all select thread.request, thread.idx, thread.leaf, thread.raw from thread where thread.request != ''
        and not exists (select 1 from proven where proven.idx = thread.idx)),
began as (select request, min(idx) at from told group by request)
select began.at, told.request, told.idx, told.leaf, told.raw, (
    select mail.message_id from carrier join mail on mail.id = carrier.mail
    where carrier.idx = told.idx and carrier.leaf = told.leaf
    and (carrier.recipient = '' or carrier.recipient in (select address from archive)) order by mail.id limit 1)
from told join began on began.request = told.request order by began.at, told.idx
"""
