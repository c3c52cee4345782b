"""The report as a page that prints: one HTML file without script, with nothing remote, in light colours. Part by part.

What somebody wrote is escaped, and characters that hide are shown as codes. Standard library only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from html import escape

from mailgate.audit.byhand import BY_HAND
from mailgate.audit.cases import Answer, Case
from mailgate.audit.pictures import picture
from mailgate.audit.telling import headline
from mailgate.audit.verdicts import Report, Verdict
from mailgate.mail.characters import one_line
from mailgate.model.findings import HARMLESS, MEANINGS, Kind

MOST_DRAWN = 1000
"""Requests that get a picture; all of them are in the table, and in ``decisions.csv``."""

MOST_FOUND = 500
"""Findings of one kind that are listed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """What the page is about: what verifying came to, and what the bag holds. ``sample`` says which one it is, or nothing."""

    report: Report
    sample: str
    mails: int
    records: int
    version: str


def page(paper: Paper, cases: Callable[[], Iterable[Case]]) -> Iterator[str]:
    """Yield the page in parts; ``cases`` is called more than once, so that none of them has to be kept."""
    title = f"Audit report: {paper.report.log}"
    yield _HEAD.format(title=_safe(title), style=STYLE)
    yield f'<h1>{_safe(title)}</h1>\n<p class="verdict {paper.report.verdict.value}">{_safe(headline(paper.report))}</p>\n'
    yield from _scope(paper)
    yield from _completeness(paper)
    yield from _findings(paper.report)
    yield from _decisions(cases())
    yield from _approvers(cases())
    yield from _courses(cases())
    yield BY_HAND
    yield "</main>\n</body>\n</html>\n"


def _scope(paper: Paper) -> Iterator[str]:
    report = paper.report
    facts = {
        "Log": report.log,
        "Mails": f"{report.mails} read, {report.ours} of this log; {paper.mails} in this bag",
        "Records": f"{report.records} of {report.size} in the archive; {paper.records} in this bag, with their proofs",
        "Requests": f"{report.requests - report.unjudged} replayed{_unjudged(report)}",
        "From": _instant(report.first_at),
        "To": _instant(report.last_at),
        "Last seal": _instant(report.seal_at) if report.seal_at else "none",
        "Sample": paper.sample or "no: this is the whole archive",
        "Made with": f"mailgate {paper.version}",
    }
    yield "<h2>Scope</h2>\n<dl>\n"
    for name, value in facts.items():
        yield f"<dt>{name}</dt><dd>{_safe(value)}</dd>\n"
    yield "</dl>\n"


def _unjudged(report: Report) -> str:
    return f"; {report.unjudged} more could not be, for what is missing" if report.unjudged else ""


def _completeness(paper: Paper) -> Iterator[str]:
    yield "<h2>Completeness</h2>\n"
    for sentence in _statement(paper):
        yield f"<p>{_safe(sentence)}</p>\n"


def _statement(paper: Paper) -> Iterator[str]:
    report = paper.report
    match report.verdict:
        case Verdict.COMPLETE:
            yield (
                f"The archive has every record of the log, from the first to number {report.size - 1}, each exactly as it "
                "was recorded: the Merkle tree grown again from all of them has the root that the log’s key signed. No mail "
                "in it claims to be of this log and proves nothing, and none shows its reader something else than was sent. "
                "Every request was replayed by the rules that ran live, and nothing happened that they do not allow."
            )
        case Verdict.PARTIAL:
            yield (
                "What is here is as it was recorded, but it is not shown that it is everything: "
                + (f"this is a sample, {paper.sample}." if paper.sample else "newer mails may be missing.")
            )
        case Verdict.TAMPERED:
            yield (
                "The archive is not complete, or not as it was: the findings below say what is missing, changed or forged. "
                "What no finding names is as it was recorded."
            )
        case Verdict.UNREADABLE:
            yield report.why
    if paper.sample and report.verdict is not Verdict.PARTIAL:
        yield f"This bag has a sample of the archive: {paper.sample}."
    yield (
        f"Whether mails after {_instant(report.last_at)} are missing was judged as of {_instant(report.as_of)}."
        if report.as_of
        else f"Whether mails after {_instant(report.last_at)} are missing was not judged."
    )
    yield (
        "Nothing in an archive shows that whoever holds the log’s key did not write all of it anew. Checkpoints outside the "
        "house do: seals that went to witnesses, and mails that approvers kept (mailgate audit verify --expect)."
    )
    if not report.has_dkim:
        yield "The signatures of people’s own domains under their replies were not checked."


def _findings(report: Report) -> Iterator[str]:
    yield "<h2>Findings</h2>\n"
    if not report.counts:
        yield "<p>None.</p>\n"
    for kind in sorted(report.counts, key=lambda kind: (kind in HARMLESS, list(Kind).index(kind))):
        listed = [found for found in report.found if found.kind is kind][:MOST_FOUND]
        yield f"<h3>{kind.value} ({report.counts[kind]})</h3>\n<p>{_safe(MEANINGS[kind])}</p>\n"
        yield "<table>\n<thead><tr><th>Record</th><th>Request</th><th>What exactly</th><th>Mail</th></tr></thead>\n"
        for found in listed:
            index = "" if found.index is None else str(found.index)
            yield _row(index, found.request, found.why, found.place)
        yield "</table>\n"
        if report.counts[kind] > len(listed):
            yield f"<p>And {report.counts[kind] - len(listed)} more; mailgate audit verify --json has them.</p>\n"


def _decisions(cases: Iterable[Case]) -> Iterator[str]:
    yield "<h2>Decisions</h2>\n<p>One row for each request; <code>decisions.csv</code> has the same with more columns.</p>\n"
    yield (
        '<table class="wide">\n<thead><tr><th>Asked (UTC)</th><th>Action</th><th>Agent</th><th>Answers</th><th>Outcome</th>'
        "<th>Reason</th><th>No.</th></tr></thead>\n"
    )
    for case in cases:
        agent = f"{case.agent}, for {case.on_behalf_of}" if case.on_behalf_of else case.agent
        yield (
            f"<tr><td>{case.asked_at:%Y-%m-%d<br>%H:%M}</td><td><b>{_safe(case.gate)}</b> {_safe(_cut(case.arguments))}</td>"
            f"<td>{_safe(agent)}</td>"
            f"<td>{'<br>'.join(map(_answer, case.answers)) or '–'}</td><td>{_safe(case.outcome)}</td>"
            f'<td>{_safe(_cut(case.reason))}</td><td><a href="#{_safe(case.request)}">{case.decided_index}</a></td></tr>\n'
        )
    yield "</table>\n"


def _answer(answer: Answer) -> str:
    said = "yes" if answer.approves else "no"
    stands_in = f", for {answer.stands_in_for}" if answer.stands_in_for else ""
    taken_back = ", taken back" if answer.is_undone else ""
    return _safe(f"{answer.name}{stands_in}: {said} ({answer.level}){taken_back}")


@dataclass(slots=True)
class _Approver:
    name: str
    yes: int = 0
    no: int = 0
    undone: int = 0
    levels: dict[str, int] = field(default_factory=dict)
    first_at: datetime | None = None
    last_at: datetime | None = None


def _approvers(cases: Iterable[Case]) -> Iterator[str]:
    people: dict[tuple[str, str], _Approver] = {}
    for case in cases:
        for answer in case.answers:
            _count(people.setdefault((answer.person, answer.address), _Approver(name=answer.name)), answer)
    yield "<h2>Approvers</h2>\n"
    if not people:
        yield "<p>Nobody answered.</p>\n"
        return
    yield (
        '<table class="people">\n<thead><tr><th>Name</th><th>Address</th><th>Yes</th><th>No</th><th>Taken back</th>'
        "<th>Proven by</th><th>First</th><th>Last</th></tr></thead>\n"
    )
    for (_, address), person in sorted(people.items(), key=lambda item: (-item[1].yes - item[1].no, item[0])):
        levels = ", ".join(f"{level} ({count})" for level, count in sorted(person.levels.items()))
        counts = (str(person.yes), str(person.no), str(person.undone))
        yield _row(person.name, address, *counts, levels, _day(person.first_at), _day(person.last_at))
    yield "</table>\n"


def _count(person: _Approver, answer: Answer) -> None:
    person.yes += answer.approves
    person.no += not answer.approves
    person.undone += answer.is_undone
    person.levels[answer.level] = person.levels.get(answer.level, 0) + 1
    person.first_at = min(filter(None, (person.first_at, answer.at)))
    person.last_at = max(filter(None, (person.last_at, answer.at)))


def _courses(cases: Iterable[Case]) -> Iterator[str]:
    yield "<h2>Requests</h2>\n"
    for number, case in enumerate(cases):
        if number == MOST_DRAWN:
            yield f"<p>The first {MOST_DRAWN} requests are drawn; export a sample to see others.</p>\n"
            return
        yield (
            f'<figure id="{_safe(case.request)}">\n<figcaption><b>{_safe(case.gate)}</b> {_safe(case.outcome)} '
            f"<code>{_safe(case.request)}</code><br>{_safe(_cut(case.arguments))}</figcaption>\n"
        )
        yield from picture(case)
        yield "</figure>\n"


def _row(*cells: str) -> str:
    return "<tr>" + "".join(f"<td>{_safe(cell)}</td>" for cell in cells) + "</tr>\n"


def _cut(text: str, most: int = 300) -> str:
    return text if len(text) <= most else f"{text[:most]}… ({len(text)} characters)"


def _day(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d}"


def _instant(at: datetime | None) -> str:
    return "–" if at is None else f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _safe(text: str) -> str:
    return escape(one_line(text))


STYLE = """
:root { color-scheme: light; }
@page { size: A4; margin: 16mm 14mm 18mm; @bottom-right { content: counter(page) " / " counter(pages); font-size: 8pt; } }
* { box-sizing: border-box; }
body { margin: 0; background: #fff; color: #171b1f;
  font: 10pt/1.45 -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; overflow-wrap: anywhere; }
main { max-width: 182mm; margin: 0 auto; padding: 8mm 4mm; }
h1 { font-size: 18pt; line-height: 1.2; margin: 0 0 4mm; }
h2 { font-size: 13pt; margin: 8mm 0 2mm; break-after: avoid; }
h3 { font-size: 10pt; margin: 4mm 0 1mm; break-after: avoid; font-family: ui-monospace, Menlo, Consolas, monospace; }
p { margin: 0 0 2mm; }
.verdict { border: 1.5pt solid #171b1f; border-left-width: 6pt; padding: 3mm; font-weight: 600; }
.complete { border-color: #0e5a52; } .tampered { border-color: #9c1f1f; } .partial, .unreadable { border-color: #8a5f00; }
dl { display: grid; grid-template-columns: 28mm 1fr; gap: 1mm 4mm; margin: 0; }
dt { color: #56606b; } dd { margin: 0; }
table { width: 100%; border-collapse: collapse; font-size: 8.5pt; margin: 0 0 3mm; }
thead { display: table-header-group; } tr { break-inside: avoid; }
th { text-align: left; overflow-wrap: normal; border-bottom: 1pt solid #171b1f; padding: 1mm 1.5mm; }
td { vertical-align: top; border-bottom: .5pt solid #c3cad0; padding: 1mm 1.5mm; }
.people td:nth-child(n + 7), .wide td:first-child { white-space: nowrap; }
.wide { table-layout: fixed; }
.wide th:nth-child(1) { width: 19mm; } .wide th:nth-child(3) { width: 24mm; } .wide th:nth-child(4) { width: 33mm; }
.wide th:nth-child(5) { width: 22mm; } .wide th:nth-child(6) { width: 34mm; } .wide th:nth-child(7) { width: 11mm; }
a { color: inherit; }
figure { margin: 0 0 5mm; break-inside: avoid; border-top: .5pt solid #c3cad0; padding-top: 2mm; }
figcaption { font-size: 8.5pt; margin-bottom: 1mm; }
svg { display: block; width: 100%; height: auto; font: 10px -apple-system, "Segoe UI", Roboto, Arial, sans-serif; }
svg text { text-anchor: middle; fill: #171b1f; } svg .what { font-weight: 600; font-size: 11px; }
svg .passed, svg .at { fill: #56606b; font-size: 9px; }
svg .way { stroke: #737d86; stroke-width: 1.5; fill: none; }
svg .yes { fill: #0e5a52; } svg .no { fill: #9c1f1f; } svg .run { fill: #1746c8; } svg .end { fill: #171b1f; }
svg .other { fill: #fff; stroke: #171b1f; stroke-width: 1.5; }
pre { background: #f4f6f7; border: .5pt solid #c3cad0; padding: 2mm; font-size: 8pt; white-space: pre-wrap; break-inside: avoid; }
code, pre { font-family: ui-monospace, Menlo, Consolas, monospace; }
"""

_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
<main>
"""
