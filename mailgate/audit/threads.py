"""Every request's history, replayed from its records by the code that ran live. Standard library only."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import groupby

from mailgate.audit.replies import check_replies, is_whole
from mailgate.audit.spill import Spill
from mailgate.model.findings import Found, Kind
from mailgate.model.records import Record, parse_record
from mailgate.model.replay import replay
from mailgate.model.terms import Crowd, Terms, read_crowd, read_terms

_HISTORIES = """
    select body.request, body.idx, body.raw from body join proven using (idx, leaf) where body.request != ''
    union all select thread.request, thread.idx, thread.raw from thread where thread.request != ''
        and not exists (select 1 from proven where proven.idx = thread.idx)
    order by 1, 2
"""


_HOLE = """
    select min(idx) from (select 0 idx union select idx + 1 from proven union select idx from erased) here
    where not exists (select 1 from body join proven using (idx, leaf) where idx = here.idx)
    and not exists (select 1 from thread where thread.idx = here.idx)
    and not exists (select 1 from erased where erased.idx = here.idx and erased.request != '')
"""


class _UnknownTerms(Exception):
    """The policy of a request is in a record that is missing."""


class Histories:
    """Replays the requests of an archive.

    Args:
        whole: whether no record is missing; where some are, a history with a hole is not judged.
    """

    def __init__(self, spill: Spill, *, whole: bool) -> None:
        self._spill, self._whole = spill, whole
        self._terms = dict(_policies(spill))
        self._crowds = list(_crowds(spill))
        self._hole = None if whole else _first_hole(spill)
        self.requests = 0
        self.unjudged = 0

    def judge(self) -> Iterator[Found]:
        """Yield what is wrong with each request."""
        self._spill.change("create index body_request on body (request, idx)")
        self._spill.change("create index kept_request on kept (request)")
        for request, rows in groupby(self._spill.find(_HISTORIES), key=lambda row: row[0]):
            records = [parse_record(raw) for _, _, raw in rows]
            self.requests += 1
            yield from self._replayed(request, records)
            yield from check_replies(self._spill, records)

    def _replayed(self, request: str, records: Sequence[Record]) -> Iterator[Found]:
        has_hole = not is_whole(records)
        own = records[0].body.get("policy_document")

        def terms(digest: str) -> Terms | None:
            return read_terms(own) if own is not None else self._of(digest)

        try:
            faults = [] if has_hole and not self._whole else replay(records, terms=terms, crowd=self._crowd)
        except _UnknownTerms:
            faults, has_hole = [], True
        unsure = [f for f in faults if f.kind is Kind.QUORUM and self._hole is not None and f.index > self._hole]
        self.unjudged += not self._whole and (has_hole or bool(unsure))
        for fault in faults:
            if fault in unsure:
                continue  # who was there, and who stood in for whom, may be in a record that is missing
            place = self._place(fault.index)
            yield Found(kind=fault.kind, why=fault.why, index=fault.index, request=request, place=place)

    def _of(self, digest: str) -> Terms | None:
        if digest not in self._terms and not self._whole:
            raise _UnknownTerms
        return self._terms.get(digest)

    def _crowd(self, index: int) -> Crowd | None:
        at = bisect_right(self._crowds, index, key=lambda known: known[0])
        return self._crowds[at - 1][1] if at else None

    def _place(self, index: int) -> str:
        query = "select mail.place from carrier join mail on mail.id = carrier.mail where carrier.idx = ?"
        row = self._spill.first(query, index)
        return str(row[0]) if row else ""


def _first_hole(spill: Spill) -> int | None:
    """Return the first record of which nothing is known."""
    found: int | None = spill.first(_HOLE)[0]
    return found


def _policies(spill: Spill) -> Iterator[tuple[str, Terms]]:
    """Yield every policy on record by its digest: of gates as they were configured, and of requests that had none."""
    query = "select raw from body join proven using (idx, leaf) where event = 'policy'"
    for (raw,) in spill.find(query):
        body = parse_record(raw).body
        if "policy" in body:
            with suppress(ValueError):  # then no record has it, and nothing was allowed by it
                yield str(body.get("digest")), read_terms(body["policy"])


def _crowds(spill: Spill) -> Iterator[tuple[int, Crowd]]:
    query = "select idx, raw from body join proven using (idx, leaf) where event = 'people' order by idx"
    for index, raw in spill.find(query):
        with suppress(ValueError):
            yield index, read_crowd(parse_record(raw).body)
