"""A report as people read it, and as programs do. Standard library only."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from mailgate.audit.verdicts import Report, Verdict
from mailgate.model.findings import HARMLESS, MEANINGS, Found, Kind

MOST_TOLD = 50
"""Findings of one kind that are printed; ``--json`` has more."""


def tell(report: Report) -> Iterator[str]:
    """Yield the lines of a report: the verdict, what was counted, then each finding with what it means."""
    yield headline(report)
    yield ""
    yield from _counts(report)
    for kind in sorted(report.counts, key=lambda kind: (kind in HARMLESS, list(Kind).index(kind))):
        yield ""
        yield from _findings(report, kind)


def as_json(report: Report) -> dict[str, Any]:
    """Return a report as plain JSON; instants are RFC 3339 in UTC."""
    return {
        "verdict": report.verdict.value,
        "why": report.why,
        "log": report.log,
        "mails": {"read": report.mails, "of_this_log": report.ours, "of_other_logs": dict(report.others)},
        "records": {"in_the_log": report.size, "here": report.records, "on_their_way": report.pending},
        "requests": {"replayed": report.requests - report.unjudged, "not_replayed": report.unjudged},
        "first_at": _rfc3339(report.first_at),
        "last_at": _rfc3339(report.last_at),
        "last_seal_at": _rfc3339(report.seal_at),
        "sample_of_requests": report.sample,
        "recency_judged_as_of": _rfc3339(report.as_of),
        "dkim_checked": report.has_dkim,
        "counts": {kind.value: count for kind, count in report.counts.items()},
        "findings": [_finding_as_json(found) for found in report.found],
        "not_read": {
            "count": report.unread_count,
            "first": [{"place": unread.place, "why": unread.why} for unread in report.unread],
        },
    }


def headline(report: Report) -> str:
    """Return the first line of a report, which has the verdict."""
    match report.verdict:
        case Verdict.COMPLETE:
            return f"COMPLETE: all {report.size} records of {report.log} are here, unchanged, and nothing else claims to be."
        case Verdict.PARTIAL:
            return f"PARTIAL: what is here of {report.log} is unchanged, but it cannot be said that it is all."
        case Verdict.TAMPERED:
            total = sum(count for kind, count in report.counts.items() if kind not in HARMLESS)
            return f"TAMPERED: {total} finding{'s' if total != 1 else ''} in the archive of {report.log}."
        case Verdict.UNREADABLE:
            return f"UNREADABLE: {report.why}"


def _counts(report: Report) -> Iterator[str]:
    yield f"  mails      {report.mails} read, {report.ours} of this log"
    for name, count in sorted(report.others.items()):
        yield f"             {count} of another log, {name}: verify them with its key"
    if report.verdict is not Verdict.UNREADABLE:
        yield f"  records    {report.records} of {report.size}, from {_shown(report.first_at)} to {_shown(report.last_at)}"
        if report.pending:
            yield f"             {report.pending} more had no mail yet when the newest one was made; they ride in the next"
        unjudged = f", {report.unjudged} of them not, for what is missing" if report.unjudged else ""
        yield f"  requests   {report.requests} replayed{unjudged}"
        if report.sample is not None:
            yield f"  sample     {report.sample} requests, as declared: what belongs to others is not missed"
        yield f"  last seal  {_shown(report.seal_at) if report.seal_at else 'none'}"
        if report.as_of:
            yield f"  newer      judged as of {_shown(report.as_of)}"
        else:
            yield "  newer      whether newer mails are missing was not judged; --as-of TIME does"
        if not report.has_dkim:
            yield "  DKIM       the signatures of people's own domains under their replies were not checked"
    for number, unread in enumerate(report.unread):
        yield f"  {'' if number else 'not read':10} {unread.place}: {unread.why}"
    if report.unread_count > len(report.unread):
        yield f"             and {report.unread_count - len(report.unread)} more"


def _findings(report: Report, kind: Kind) -> Iterator[str]:
    yield f"{kind.value} ({report.counts[kind]}): {MEANINGS[kind]}"
    told = [found for found in report.found if found.kind is kind][:MOST_TOLD]
    for found in told:
        about = [f"request {found.request}"] if found.request else []
        about = ([f"record {found.index}"] if found.index is not None else []) + about
        yield f"  - {', '.join(about) or 'the archive'}: {found.why}"
        if found.place:
            yield f"    look at {found.place}"
    if report.counts[kind] > len(told):
        yield f"  - and {report.counts[kind] - len(told)} more"


def _finding_as_json(found: Found) -> dict[str, Any]:
    return {
        "kind": found.kind.value,
        "means": MEANINGS[found.kind],
        "why": found.why,
        "record": found.index,
        "request": found.request or None,
        "mail": found.place or None,
    }


def _shown(at: datetime | None) -> str:
    return "-" if at is None else f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _rfc3339(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
