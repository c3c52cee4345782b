"""The figures of a reading as rows of data and as tables for people."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from tests.corpus.reading import SAID, Result, by_group, figures, matrix

_MEANT = (*SAID, "machine")


def rows(results: Sequence[Result], prefix: str = "") -> list[dict[str, Any]]:
    """Return rows of name, value and unit: all mails, then each group of which an answer is expected."""
    total = figures(results)
    found = [
        _row("mails", total.mails, ""),
        _row("false approves", total.false_approves, "mails"),
        _row("false rejects", total.false_rejects, "mails"),
        _row("verdicts from automatic mail", total.by_machines, "mails"),
        _row("asked again", total.asked_again, f"of {total.approvals + total.rejections} clear answers"),
        _row("clear approvals counted at once", round(100 * total.approval_rate, 1), f"% of {total.approvals}"),
        _row("clear rejections counted at once", round(100 * total.rejection_rate, 1), f"% of {total.rejections}"),
    ]
    found += [
        _row(f"read as {said}, meant as {meant}", count, "mails")
        for (meant, said), count in sorted(matrix(results).items())
    ]
    for group, members in by_group(results).items():
        part = figures(members)
        if part.approvals + part.rejections:
            found.append(
                _row(f"{group}: asked again", part.asked_again, f"of {part.approvals + part.rejections} clear answers")
            )
    return [{**row, "name": prefix + row["name"]} for row in found]


def _row(name: str, value: float, unit: str) -> dict[str, Any]:
    return {"name": name, "value": value, "unit": unit, "beside": "", "ratio": None}


def confusion(results: Iterable[Result]) -> list[list[str]]:
    """Return the table of what was meant (rows) and what was read (columns); its first row holds the headings."""
    counts = matrix(results)
    table = [["meant as", *(f"read as {said}" for said in SAID)]]
    for meant in _MEANT:
        if any(counts[meant, said] for said in SAID):
            table.append([meant, *(str(counts[meant, said] or "") for said in SAID)])
    return table


def clients(results: Iterable[Result]) -> list[list[str]]:
    """Return a table with a row for each group in which people decide; its first row holds the headings."""
    table = [
        ["client or case", "mails", "clear approvals", "counted", "clear rejections", "counted", "asked again", "false"]
    ]
    for group, members in by_group(results).items():
        part = figures(members)
        if part.approvals + part.rejections:
            false = part.false_approves + part.false_rejects
            table.append(
                [
                    group,
                    *map(str, (part.mails, part.approvals, part.approvals_counted, part.rejections)),
                    *map(str, (part.rejections_counted, part.asked_again, false)),
                ]
            )
    return table


def systems(results: Iterable[Result]) -> list[list[str]]:
    """Return how many mails of machines, of how many systems, were taken for what they are."""
    table = [["what it is", "systems", "mails", "taken for it"]]
    found = [result for result in results if result.expected.kind != "reply"]
    for kind in dict.fromkeys(result.expected.kind for result in found):
        members = [result for result in found if result.expected.kind == kind]
        right = sum(result.found["kind"] == kind for result in members)
        table.append([kind, str(len({r.expected.group for r in members})), str(len(members)), str(right)])
    return table


def markdown(table: Sequence[Sequence[str]]) -> str:
    """Return a table for a page."""
    head, *body = table
    lines = [f"| {' | '.join(head)} |", "|" + "---|" * len(head), *(f"| {' | '.join(row)} |" for row in body)]
    return "\n".join(lines)
