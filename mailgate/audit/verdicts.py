"""What verifying an archive came to: the verdict, what was counted, what was found. Values only, standard library only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mailgate.model.findings import HARMLESS, Found, Kind


class Verdict(StrEnum):
    """What an auditor may conclude."""

    COMPLETE = "complete"  # everything that the log has is there, and is what it was
    PARTIAL = "partial"  # what is there is what it was; newer mails may be missing, or a sample was asked for
    TAMPERED = "tampered"  # something is missing, changed or forged
    UNREADABLE = "unreadable"  # nothing could be verified


EXIT_CODES = {Verdict.COMPLETE: 0, Verdict.TAMPERED: 1, Verdict.PARTIAL: 2, Verdict.UNREADABLE: 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """Something in the archive that was not read, and why."""

    place: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What verifying an archive came to.

    Attributes:
        why: a sentence, where nothing could be verified.
        log: the log whose archive it is.
        mails, ours: how many were read, and how many of them are this log's.
        others: how many are other logs'.
        size: how many records the log has, as far as is known here.
        records: how many of them the archive has.
        pending: how many more the newest mail's checkpoint covers that had no mail yet.
        requests, unjudged: how many there are, and how many could not be replayed for what is missing.
        first_at, last_at: when its first and last record happened.
        seal_at: when it was sealed last.
        as_of: for when recency was judged; None: it was not.
        counts: how often each kind was found.
        found: the findings, at most :data:`MOST_FOUND`.
        unread: what was not read, at most :data:`MOST_UNREAD`; ``unread_count`` counts all of it.
        sample: how many requests a sample was declared to have; None: it was not declared to be one.
        has_dkim: whether the signatures of people's own domains were checked.
    """

    verdict: Verdict
    why: str = ""
    log: str
    mails: int = 0
    ours: int = 0
    others: Mapping[str, int]
    size: int = 0
    records: int = 0
    pending: int = 0
    requests: int = 0
    unjudged: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    seal_at: datetime | None = None
    as_of: datetime | None = None
    counts: Mapping[Kind, int]
    found: tuple[Found, ...] = ()
    unread: tuple[Unread, ...] = ()
    unread_count: int = 0
    has_dkim: bool = False
    sample: int | None = None

    @property
    def exit_code(self) -> int:
        """The exit code of a command that reports it."""
        return EXIT_CODES[self.verdict]


MOST_FOUND = 10_000
MOST_UNREAD = 100


def verdict_of(counts: Mapping[Kind, int], *, is_sample: bool = False) -> Verdict:
    """Return the verdict on an archive that could be read, by what was found in it."""
    if any(kind not in HARMLESS for kind, count in counts.items() if count):
        return Verdict.TAMPERED
    return Verdict.PARTIAL if is_sample or counts.get(Kind.NO_RECENT_SEAL) else Verdict.COMPLETE
