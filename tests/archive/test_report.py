"""The report prints, on A4, without script and with nothing from elsewhere; what people wrote in it stays text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from mailgate.audit.cases import Case, case_of
from mailgate.audit.gathering import histories
from mailgate.audit.paper import Paper, page
from mailgate.audit.pictures import IN_A_ROW, passed
from mailgate.audit.spill import Spill
from mailgate.audit.verdicts import Report, Verdict
from mailgate.model.findings import Found, Kind
from tests.archive.kept import Kept
from tests.service.rebuilt import verified

HOSTILE = "<script>document.title='x'</script><img src=//evil.example/x>\u202e&amp;"


@pytest.fixture(scope="module")
def told(kept: Kept) -> tuple[Report, list[Case]]:
    """Verify the archive, and tell its cases."""
    spill = Spill()
    try:
        report = verified(kept.mails, kept.vkey, spill)
        return report, [case_of(request, records) for request, records in histories(spill)]
    finally:
        spill.close()


def written(report: Report, cases: list[Case], sample: str = "") -> str:
    """Return the page."""
    return "".join(page(Paper(report=report, sample=sample, mails=3, records=9, version="1"), lambda: cases))


@pytest.fixture
def opened(browser: Browser, told: tuple[Report, list[Case]], tmp_path: Path) -> Iterator[tuple[Page, list[str]]]:
    """Open the page of a case in which everything that somebody writes is hostile; list what it asks for."""
    report, cases = told
    answers = tuple(replace(answer, name=HOSTILE, reason=HOSTILE) for answer in cases[0].answers)
    steps = tuple(replace(step, who=HOSTILE) for step in cases[0].steps)
    hostile = replace(cases[0], arguments=HOSTILE, agent=HOSTILE, reason=HOSTILE, answers=answers, steps=steps)
    found = Found(kind=Kind.BODY_ALTERED, why=HOSTILE, index=3, request="r", place=HOSTILE)
    tampered = replace(report, verdict=Verdict.TAMPERED, counts={Kind.BODY_ALTERED: 1}, found=(found,))
    file = tmp_path / "report.html"
    file.write_text(written(tampered, [hostile, *cases[1:]], sample=HOSTILE), encoding="utf-8")
    context = browser.new_context(viewport={"width": 794, "height": 1123})
    shown, asked = context.new_page(), list[str]()
    shown.on("request", lambda request: asked.append(request.url))
    shown.goto(file.as_uri())
    yield shown, asked
    context.close()


def test_it_runs_nothing_and_fetches_nothing(opened: tuple[Page, list[str]]) -> None:
    """Whatever people and agents wrote: it is shown as text, hidden characters as codes."""
    shown, asked = opened
    assert [url.rpartition("/")[2] for url in asked] == ["report.html"]
    assert shown.title() == "Audit report: gate.example.com/approvals"
    assert shown.locator("script, img, link, iframe, object").count() == 0
    text = shown.locator("body").inner_text()
    assert text.count("<script>document.title='x'</script>") >= 6
    assert "⟨U+202E⟩" in text
    assert "\u202e" not in text


def test_it_is_accessible(opened: tuple[Page, list[str]], axe_serious: Callable[[Page], list[str]]) -> None:
    """Nothing serious or critical is found by axe; each picture says in words what it shows."""
    shown, _ = opened
    assert axe_serious(shown) == []
    labels = [
        shown.locator("svg").nth(n).get_attribute("aria-label") or "" for n in range(shown.locator("svg").count())
    ]
    assert len(labels) == 6
    assert any("rejected by Bob Brown at " in label for label in labels)


def test_it_prints_on_a4(opened: tuple[Page, list[str]]) -> None:
    """On several pages, without anything cut off at the side."""
    shown, _ = opened
    printed = shown.pdf(prefer_css_page_size=True)
    boxes = {tuple(map(round, map(float, box.split()))) for box in re.findall(rb"/MediaBox\s*\[([^\]]*)\]", printed)}
    assert boxes == {(0, 0, 595, 842)} or boxes == {(0, 0, 595, 841)}
    assert printed.count(b"/Type /Page\n") + printed.count(b"/Type /Page ") >= 2
    shown.emulate_media(media="print")
    wide = shown.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide == 0


def test_it_says_what_it_shows_and_what_it_cannot(told: tuple[Report, list[Case]]) -> None:
    """Scope, completeness, what no archive can show, and how to check it by hand."""
    text = written(*told)
    for title in (
        "Scope",
        "Completeness",
        "Findings",
        "Decisions",
        "Approvers",
        "Requests",
        "How to check this by hand",
    ):
        assert f"<h2>{title}</h2>" in text
    assert "every record of the log, from the first to number " in text
    assert "was not judged." in text
    assert "did not write all of it anew" in text
    assert "<p>None.</p>" in text


def test_approvers_are_counted(told: tuple[Report, list[Case]]) -> None:
    """How often each said yes and no, and how well they were proven."""
    text = written(*told)
    bob = re.search(r"<tr><td>Bob Brown</td>.*?</tr>", text)
    assert bob is not None
    assert re.findall(r"<td>([^<]*)</td>", bob[0])[:6] == [
        "Bob Brown",
        "bob@example.com",
        "3",
        "1",
        "1",
        "aligned (2), link+code (2)",
    ]


def test_a_long_course_is_drawn_in_rows(told: tuple[Report, list[Case]]) -> None:
    """Each with as many steps as fit on paper, and every step once."""
    case = told[1][0]
    steps = tuple(replace(case.steps[0], index=n, what=f"step {n}") for n in range(2 * IN_A_ROW + 1))
    text = written(told[0], [replace(case, steps=steps)])
    assert [text.count(f">step {n}</text>") for n in range(len(steps))] == [1] * len(steps)
    assert len(set(re.findall(r'class="what" x="\d+" y="(\d+)"', text))) == 3


@pytest.mark.parametrize(
    ("length", "said"),
    [
        (timedelta(milliseconds=20), "at once"),
        (timedelta(seconds=3), "3 s"),
        (timedelta(minutes=5), "5 min"),
        (timedelta(hours=4), "4 h"),
        (timedelta(days=2), "2 d"),
    ],
)
def test_time_that_passed_is_said_in_one_unit(length: timedelta, said: str) -> None:
    """Short enough to stand on a line."""
    assert said == passed(length)
