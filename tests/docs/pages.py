"""The pages of the documentation, as steps in their order: code blocks with what a test has to do with each, and people.

A comment above a block says how it is tested:

======================  =============================================================================================
nothing                 run it: console and sh in the page's folder, python in the page's namespace
``file NAME``           write it to a file, which a later command has to use
``append NAME``         add it to a file
``config``              run `mailgate init` in the page's folder first
``evidence``            put log.vkey and the archive's mail of an approval (mail.eml) there first, from a real sandbox
``archive``             put log.vkey and a folder with the archive's mails about one request there first
``background``          run the command until the page ends; its output has to come
``until printed``       run the command until its output has come, then stop it
``setup``               run it as one script in a folder that looks like a clone; go on where it ends
``make``                only ask make whether it knows the targets
``modules``             only look whether the modules exist
======================  =============================================================================================

``<!-- person: bob replies APPROVE -->`` in the text is what the sentence before it tells the reader to do in the inbox;
``bob about 300 replies …`` where there are several mails, of which one has that word.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
RUN = frozenset({"console", "sh", "python"})
"""Languages of blocks that tests run; others are only shown."""

_STEP = re.compile(
    r"(?:^<!-- test: (?P<how>[^>]+) -->\n)?^```(?P<language>\w*)\n(?P<text>.*?)^```$"
    r"|^<!-- person: (?P<person>\w+)(?: about (?P<about>\S+))? replies (?P<says>[^>]+) -->$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One code block: its language, how it is tested, and where it stands."""

    language: str
    how: str
    text: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a person answers in the inbox, to the first mail that has the word ``about`` in it."""

    person: str
    about: str
    says: str


def pages() -> list[Path]:
    """Return every page of the documentation."""
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def name_of(page: Path) -> str:
    """Return a page's path from the top of the repository."""
    return page.relative_to(ROOT).as_posix()


def steps(page: Path) -> list[Block | Reply]:
    """Return the steps of a page in their order."""
    text = page.read_text(encoding="utf-8")
    found: list[Block | Reply] = []
    for step in _STEP.finditer(text):
        if step["person"]:
            found.append(Reply(person=step["person"], about=step["about"] or "", says=step["says"]))
        else:
            line = text[: step.start("text")].count("\n") + 1
            found.append(Block(language=step["language"], how=step["how"] or "", text=step["text"], line=line))
    return found


def prose(page: Path) -> str:
    """Return a page without its code blocks and comments."""
    text = re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
