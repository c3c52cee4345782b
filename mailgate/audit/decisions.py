"""``decisions.csv``: one row a request, for spreadsheets that take some texts for formulas. Standard library only.

The same records give the same bytes, from whichever archive or database they come.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from mailgate.audit.cases import Answer, Case
from mailgate.model.records import format_time

COLUMNS = (
    "request",
    "gate",
    "action",
    "digest",
    "agent",
    "run",
    "on_behalf_of",
    "requester",
    "approved_by",
    "rejected_by",
    "level",
    "outcome",
    "reason",
    "asked_at",
    "decided_at",
    "started_at",
    "ended_at",
    "policy",
    "record",
    "leaf",
    "message_id",
)

_FORMULA = "=+-@\t\r\n|%\uff1d\uff0b\uff0d\uff20"
"""What makes a spreadsheet compute a cell (OWASP, "CSV Injection"), in full width too."""


def rows(cases: Iterable[Case]) -> Iterator[bytes]:
    """Yield the lines of the file: its head, then one a request, in UTF-8 with CRLF (RFC 4180), every cell in quotes."""
    yield _line(COLUMNS)
    for case in cases:
        yield _line(_cells(case))


def defused(text: str) -> str:
    """Return a cell that no spreadsheet computes: with an apostrophe before what begins as a formula, blanks or not."""
    return f"'{text}" if text.lstrip(" \u00a0").startswith(tuple(_FORMULA)) or text[:1].isspace() else text


def _cells(case: Case) -> Sequence[str]:
    answers = (*case.approvals, *case.rejections)
    return (
        case.request,
        case.gate,
        case.action,
        case.digest,
        case.agent,
        case.run,
        case.on_behalf_of,
        case.requester,
        "; ".join(map(_who, case.approvals)),
        "; ".join(map(_who, case.rejections)),
        "; ".join(answer.level for answer in answers),
        case.outcome,
        case.reason,
        _time(case.asked_at),
        _time(case.decided_at),
        _time(case.started_at),
        _time(case.ended_at),
        case.policy,
        str(case.decided_index),
        case.decided.leaf.hex(),
        case.decided.mail,
    )


def _who(answer: Answer) -> str:
    stands_in = f" for {answer.stands_in_for}" if answer.stands_in_for else ""
    return f"{answer.name} <{answer.address}>{stands_in}"


def _time(at: datetime | None) -> str:
    return "" if at is None else format_time(at)


def _line(cells: Sequence[str]) -> bytes:
    written = io.StringIO()
    csv.writer(written, quoting=csv.QUOTE_ALL, lineterminator="\r\n").writerow(map(defused, cells))
    return written.getvalue().encode()
