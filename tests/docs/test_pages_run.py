"""Every command and every piece of Python in the documentation runs, and prints what the page says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.pages import RUN, Block, Reply, name_of, pages, steps
from tests.docs.running import PageRunner, commands

PAGES = [page for page in pages() if any(isinstance(s, Reply) or s.language in RUN for s in steps(page))]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_page_runs_from_top_to_bottom(page: Path, tmp_path: Path) -> None:
    """In an empty folder, each step of a page works and prints what the page shows."""
    with PageRunner(tmp_path) as runner:
        for step in steps(page):
            if isinstance(step, Reply) or step.how or step.language in RUN:
                runner.take(step)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_written_file_is_used(page: Path) -> None:
    """A program that a page only lets its reader write is run by a later command of the page."""
    waiting: list[str] = []
    for step in steps(page):
        if isinstance(step, Reply):
            continue
        if step.how.startswith("file "):
            waiting.append(step.how.removeprefix("file "))
        elif step.language == "console":
            used = " ".join(command for command, _ in commands(step.text))
            waiting = [name for name in waiting if name not in used]
    assert waiting == []


def test_every_block_says_its_language() -> None:
    """No code block is without a language, so none escapes being run by accident."""
    nameless = [
        f"{name_of(page)}:{step.line}"
        for page in pages()
        for step in steps(page)
        if isinstance(step, Block) and not step.language
    ]
    assert nameless == []
