"""Verify an archive: read it, judge each mail, then the whole. Needs no network and no database; standard library only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from mailgate.audit.carried import read_mail
from mailgate.audit.growth import find_forks
from mailgate.audit.keyring import Keyring
from mailgate.audit.missing import Extent, extent_of, find_missing, note_erased
from mailgate.audit.parts import TooMuch
from mailgate.audit.reading import Item
from mailgate.audit.settling import settle
from mailgate.audit.spill import Spill
from mailgate.audit.taking import CheckDkim, Taking
from mailgate.audit.threads import Histories
from mailgate.audit.verdicts import MOST_FOUND, MOST_UNREAD, Report, Unread, Verdict, verdict_of
from mailgate.model.findings import Found, Kind
from mailgate.model.records import parse_record

Progress = Callable[[int, int], None]
"""Is told how many mails were read, and how many bytes of the archive."""

SEAL_EVERY = timedelta(days=1)
"""How often a log is sealed that does not say."""

SEAL_SLACK = timedelta(hours=1)
"""A seal is made by a keeper's turn, and mails take their time."""


def verify(
    items: Iterable[Item],
    keyring: Keyring,
    *,
    expected: Sequence[str] = (),
    as_of: datetime | None = None,
    check_dkim: CheckDkim | None = None,
    progress: Progress | None = None,
    spill: Spill | None = None,
    sample: Mapping[str, int] | None = None,
) -> Report:
    """Return what an archive shows.

    Args:
        items: its mails, from :func:`mailgate.audit.reading.read_archives`; of several archives one after the other.
        keyring: the log's key; keys that the log hands on are added to it.
        expected: signed checkpoints from outside of the archive.
        as_of: judge whether the last seal is as recent as it should be then.
        check_dkim: None: people's own signatures are not checked.
        spill: where to keep what was read, for somebody who goes on with it and closes it; None: nobody does.
        sample: the archive is a sample: of these requests, with so many records each.

    Raises:
        ValueError: an expected checkpoint that is not signed by the log's key.
    """
    used = spill or Spill()
    try:
        return _Verifying(used, keyring, check_dkim, sample).run(items, expected, as_of, progress)
    finally:
        if spill is None:
            used.close()


class _Verifying:
    def __init__(
        self, spill: Spill, keyring: Keyring, check_dkim: CheckDkim | None, sample: Mapping[str, int] | None
    ) -> None:
        self._spill, self._keyring, self._sample = spill, keyring, sample
        self._taking = Taking(spill, keyring, check_dkim)
        self._has_dkim = check_dkim is not None
        self._mails = self._taken = self._unread_count = 0
        self._unread: list[Unread] = []

    def run(
        self, items: Iterable[Item], expected: Sequence[str], as_of: datetime | None, progress: Progress | None
    ) -> Report:
        spill = self._spill
        self._read(items, progress)
        for note in expected:
            self._taking.note(note)
        spill.report(settle(spill, self._keyring))
        if why := self._why_unreadable():
            return self._unreadable(why)
        for note in expected:
            if not spill.first("select 1 from note where text = ? and signed", note):
                raise ValueError("An expected checkpoint is not signed by the log's key.")
        spill.report(find_forks(spill))
        extent = extent_of(spill)
        note_erased(spill)
        spill.report(find_missing(spill, extent, self._keyring.name, self._sample))
        spill.report(_contradictions(spill))
        records = spill.first("select count(distinct idx) from proven join body using (idx, leaf) where archived")[0]
        histories = Histories(spill, whole=records == extent.size)
        spill.report(histories.judge())
        spill.report(_recency(spill, as_of))
        return self._report(extent, records, histories, as_of)

    def _read(self, items: Iterable[Item], progress: Progress | None) -> None:
        size = 0
        for item in items:
            size += item.size
            if item.raw is None:
                self._leave(item.place, item.why)
                continue
            self._mails += 1
            try:
                for mail in list(read_mail(item.raw, item.place)):
                    self._taking.take(mail)
                    self._taken += 1
            except TooMuch as error:
                self._leave(item.place, str(error))
            if progress is not None:
                progress(self._mails, size)

    def _leave(self, place: str, why: str) -> None:
        self._unread_count += 1
        if len(self._unread) < MOST_UNREAD:
            self._unread.append(Unread(place=place, why=why))

    def _why_unreadable(self) -> str:
        """Return why nothing of it can be verified, or nothing."""
        name, others = self._keyring.name, self._taking.others
        if self._spill.first("select 1 from proven"):
            return ""
        if not self._taken:
            return "There is no mail in it that could be read." if self._mails else "There is no mail in it."
        if others and not self._taking.ours:
            return f"It is the archive of another log, {min(others)}; the key that was given is that of {name}."
        if self._taking.ours:
            return (
                f"Nothing in it is signed by this key: it is another key than that of {name}, or all of it is forged."
            )
        return "No mail in it carries evidence of mailgate."

    def _unreadable(self, why: str) -> Report:
        return Report(
            verdict=Verdict.UNREADABLE,
            why=why,
            log=self._keyring.name,
            mails=self._mails,
            ours=self._taking.ours,
            others=self._taking.others,
            counts={},
            unread=tuple(self._unread),
            unread_count=self._unread_count,
        )

    def _report(self, extent: Extent, records: int, histories: Histories, as_of: datetime | None) -> Report:
        counts: dict[Kind, int] = {}
        found: list[Found] = []
        for one in self._spill.findings():
            counts[one.kind] = counts.get(one.kind, 0) + 1
            if len(found) < MOST_FOUND:
                found.append(one)
        times = self._spill.first("select min(at), max(at) from body join proven using (idx, leaf)")
        return Report(
            verdict=verdict_of(counts, is_sample=self._sample is not None),
            sample=None if self._sample is None else len(self._sample),
            log=self._keyring.name,
            mails=self._mails,
            ours=self._taking.ours,
            others=self._taking.others,
            size=extent.size,
            records=records,
            pending=extent.pending,
            requests=histories.requests,
            unjudged=histories.unjudged,
            first_at=_instant(times[0]),
            last_at=_instant(times[1]),
            seal_at=_instant(_last_seal(self._spill)[0]),
            as_of=as_of,
            counts=counts,
            found=tuple(found),
            unread=tuple(self._unread),
            unread_count=self._unread_count,
            has_dkim=self._has_dkim,
        )


def _contradictions(spill: Spill) -> Iterator[Found]:
    """Yield copies of records, in threads and in the lists of seals, that are not the records."""
    query = """select thread.idx, thread.request, mail.place from thread join mail on mail.id = thread.mail
        where exists (select 1 from proven where idx = thread.idx)
        and not exists (select 1 from proven where idx = thread.idx and leaf = thread.leaf)"""
    for index, request, place in spill.find(query):
        why = f"Its copy of record {index} is not that record."
        yield Found(kind=Kind.RECORD_ALTERED, why=why, index=index, request=request, place=place)
    query = """select thread.idx, thread.request, mail.place from thread join mail on mail.id = thread.mail
        where not exists (select 1 from proven where idx = thread.idx)
        and exists (select 1 from claim where idx = thread.idx and leaf != thread.leaf)"""
    for index, request, place in spill.find(query):
        why = f"Its copy of record {index} is not the one that a seal names."
        yield Found(kind=Kind.RECORD_ALTERED, why=why, index=index, request=request, place=place)
    query = """select claim.idx, mail.place from claim join mail on mail.id = claim.mail
        where exists (select 1 from proven where idx = claim.idx)
        and not exists (select 1 from proven where idx = claim.idx and leaf = claim.leaf)"""
    for index, place in spill.find(query):
        why = f"Its list names another record {index} than the log has."
        yield Found(kind=Kind.PROOF_BAD, why=why, index=index, place=place)


def _recency(spill: Spill, as_of: datetime | None) -> Iterator[Found]:
    if as_of is None:
        return
    sealed, every = _last_seal(spill)
    if sealed is None:
        sealed = spill.first("select min(at) from body join proven using (idx, leaf)")[0]
    due = every + SEAL_SLACK
    if sealed is not None and sealed + due.total_seconds() < as_of.timestamp():
        why = f"The last seal is of {_instant(sealed):%Y-%m-%d %H:%M} UTC, and one is due every {every}."
        yield Found(kind=Kind.NO_RECENT_SEAL, why=why)


def _last_seal(spill: Spill) -> tuple[float | None, timedelta]:
    query = "select at, raw from body join proven using (idx, leaf) where event = 'seal' order by idx desc limit 1"
    row = spill.first(query)
    if row is None:
        return None, SEAL_EVERY
    every = parse_record(row[1]).body.get("every_seconds")
    return row[0], timedelta(seconds=every) if isinstance(every, int) and 0 < every < 10**9 else SEAL_EVERY


def _instant(at: float | None) -> datetime | None:
    return None if at is None else datetime.fromtimestamp(at, UTC)
