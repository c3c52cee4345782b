"""How the pages are written: links lead somewhere, words are the project's, and nothing is said that should not be."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, Block, name_of, pages, prose, steps

REGISTRIES = re.compile(r"py(?:pi)\.(?:org|io)|pythonho(?:sted)|np(?:mj)s|crat(?:es)\.io|doc(?:ker)\.io", re.IGNORECASE)
PRAISE = re.compile(
    r"\b(?:seamless\w*|powerful|robust|blazing\w*|effortless\w*|cutting-edge|world-class|enterprise-grade|simply|easily|"
    r"leverage\w*|best-in-class|revolutionary|state-of-the-art|delightful)\b",
    re.IGNORECASE,
)
AMERICAN = re.compile(
    r"\b(?:behavior\w*|color\w*|honor\w*|favor\w*|center\w*|canceled|labeled|analyz\w*|organiz\w*|recogniz\w*|initializ\w*)\b",
    re.IGNORECASE,
)
_LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)|<img src=\"(?P<image>[^\"]+)\"")

everywhere = pytest.mark.parametrize("page", pages(), ids=name_of)


@everywhere
def test_links_lead_to_pages_and_headings(page: Path) -> None:
    """Every link within the repository leads to a file, and to a heading in it where it names one."""
    broken = []
    for link in _LINK.finditer(page.read_text(encoding="utf-8")):
        target = link["target"] or link["image"]
        if re.match(r"https?:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(target)
    assert broken == []


@everywhere
def test_nothing_names_this_machine_or_a_registry(page: Path) -> None:
    """No page holds a path of the machine it was written on, or a package registry's host."""
    text = page.read_text(encoding="utf-8")
    places = [str(p) for p in (ROOT, ROOT.parent, Path.home(), Path(sys.base_prefix)) if len(p.parts) > 1]
    assert [place for place in places if f"{place}/" in text] == []
    assert REGISTRIES.findall(text) == []


@everywhere
def test_no_praise_and_one_spelling(page: Path) -> None:
    """Pages praise nothing, and are written in British English."""
    text = prose(page)
    assert PRAISE.findall(text) == []
    assert AMERICAN.findall(text) == []


@everywhere
def test_lines_are_readable_in_an_editor(page: Path) -> None:
    """Prose is wrapped; only tables and links may be longer."""
    long = [line for line in prose(page).splitlines() if len(line) > 132 and not line.startswith(("|", "<img"))]
    assert long == []


@everywhere
def test_toml_in_pages_is_toml(page: Path) -> None:
    """A piece of configuration that somebody copies can be read."""
    for step in steps(page):
        if isinstance(step, Block) and step.language == "toml":
            assert tomllib.loads(step.text)


def test_every_page_is_reached_from_the_first_one() -> None:
    """Following links from the README leads to every page."""
    seen, waiting = set[Path](), [ROOT / "README.md"]
    while waiting:
        page = waiting.pop()
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        for link in _LINK.finditer(page.read_text(encoding="utf-8")):
            target = (link["target"] or link["image"]).partition("#")[0]
            if target and not re.match(r"https?:", target):
                waiting.append((page.parent / target).resolve())
    assert {name_of(page) for page in pages()} - {name_of(page) for page in seen} == set()


def test_glossary_words_are_the_words_used() -> None:
    """Each word of the glossary stands in another page or in the code, so none is explained that nobody says."""
    glossary = ROOT / "docs" / "glossary.md"
    elsewhere = " ".join(
        re.sub(r"[_\s]+", " ", p.read_text(encoding="utf-8").lower())
        for p in [*pages(), *(ROOT / "mailgate").rglob("*.py"), *(ROOT / "templates").rglob("*.j2")]
        if p != glossary
    )
    rows = re.findall(r"^\| (\*\*.*?) \|", glossary.read_text(encoding="utf-8"), re.MULTILINE)
    words = [word.lower() for row in rows for word in re.findall(r"\*\*(.+?)\*\*", row)]
    assert len(words) > 50
    assert [word for word in words if word not in elsewhere] == []


def test_glossary_explains_each_word_once() -> None:
    """No word has two meanings."""
    rows = re.findall(r"^\| (\*\*.*?) \|", (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) == len(set(rows))


def test_decision_records_are_numbered_short_and_open_to_change() -> None:
    """Records are numbered without gaps, fit a page, and end in what would change our mind."""
    records = sorted((ROOT / "docs" / "adr").glob("*.md"))
    assert [r.name[:4] for r in records] == [f"{n:04}" for n in range(1, len(records) + 1)]
    for record in records:
        text = record.read_text(encoding="utf-8")
        assert text.startswith(f"# {record.name[:4]}. ")
        assert re.findall(r"^## (.*)$", text, re.MULTILINE)[-1] == "What would change our mind"
        assert len(text.splitlines()) <= 75, record.name


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as forges make them."""
    headings = re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}
