"""What the pages say about the code is what the code does: names, tables, versions, readings."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from itertools import pairwise

import pytest

import mailgate
from mailgate import errors
from mailgate.model.lifecycle import FINAL, State
from mailgate.model.verdict import read_verdict
from mailgate.service.resume import Outcome
from mailgate.service.submit import Ticket
from tests.docs.pages import ROOT

DOCS = ROOT / "docs"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def rows(page: str, heading: str) -> list[list[str]]:
    """Return the cells of the first table below ``heading``, without its first two lines."""
    section = (DOCS / page).read_text(encoding="utf-8").partition(f"{heading}\n")[2]
    table = re.search(r"^\|.*?(?=\n[^|]|\Z)", section, re.MULTILINE | re.DOTALL)
    assert table is not None
    return [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in table[0].splitlines()[2:]]


def test_dependencies_have_their_line() -> None:
    """The record of dependencies lists what pyproject.toml asks for, in the versions that tests run with."""
    pinned = dict(
        line.lower().split("==")
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").split()
        if "==" in line
    )
    page = "adr/0002-dependencies.md"
    required = rows(page, "## What we do")
    sandbox = rows(page, "Extra `sandbox`, never needed by a deployment:")
    assert {r[0] for r in required} == {bare(d) for d in PROJECT["project"]["dependencies"]}
    bounces = rows(page, "Extra `bounces`, asked only about bounces without a standard report:")
    assert {r[0] for r in sandbox} == {bare(d) for d in PROJECT["project"]["optional-dependencies"]["sandbox"]}
    assert {r[0] for r in bounces} == {bare(d) for d in PROJECT["project"]["optional-dependencies"]["bounces"]}
    assert {r[0]: r[2].partition(";")[0] for r in (*required, *sandbox, *bounces)} == {
        r[0]: pinned[r[0].lower()] for r in (*required, *sandbox, *bounces)
    }
    text = (DOCS / page).read_text(encoding="utf-8")
    assert [bare(d) for d in PROJECT["dependency-groups"]["dev"] if bare(d) not in text] == []


def test_floors_are_those_of_the_contract() -> None:
    """The table of floors has the layers of pyproject.toml, in their order."""
    [contract] = PROJECT["tool"]["importlinter"]["contracts"]
    layers = [set(re.findall(r"\w+", layer)) for layer in contract["layers"]]
    floors = [set(re.findall(r"`(\w+)/?`", row[0])) for row in rows("adr/0001-house-and-floors.md", "From the top:")]
    numbers = [{n for n, layer in enumerate(layers) if layer & floor} for floor in floors]
    assert set().union(*floors) == set().union(*layers) - {"integrations", "audit"}
    assert all(max(above) < min(below) for above, below in pairwise(numbers))


def test_public_names_are_explained() -> None:
    """The library reference names everything that `from mailgate import` gives."""
    text = (DOCS / "reference" / "library.md").read_text(encoding="utf-8")
    assert [name for name in mailgate.__all__ if name not in text and name != "Session"] == []


def test_errors_table_is_true() -> None:
    """The table of errors has every public one, and says of the right ones that a retry may help."""
    table = {row[0].strip("`"): row for row in rows("reference/library.md", "## Errors")}
    public = {n for n in mailgate.__all__ if isinstance(getattr(errors, n, None), type)} - {"MailgateError"}
    assert set(table) == public
    said = {name for name, row in table.items() if "`retryable`" in row[2]}
    assert said == {name for name in public if getattr(errors, name).retryable}


def test_outcome_fields_are_explained() -> None:
    """The table of an outcome's fields has all of them."""
    table = rows("reference/library.md", "The handler is called with an `Outcome`:")
    shown = {name for row in table for name in re.findall(r"`(\w+)`", row[0])}
    assert shown == set(Outcome.__dataclass_fields__)


def test_ticket_fields_are_explained() -> None:
    """The table of a ticket's fields has all but the action's name, which the caller knows."""
    text = (DOCS / "reference" / "library.md").read_text(encoding="utf-8")
    table = text.partition("| field of `Ticket` |")[2].partition("\n\n")[0]
    shown = {name for line in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", line.split("|")[1])}
    assert shown == set(Ticket.__dataclass_fields__) - {"action"}


def test_states_and_outcomes_are_all_there() -> None:
    """Both tables of states have every state, and the agent is told what to do after every outcome it can meet."""
    states = {row[0].strip("`") for row in rows("reference/states.md", "<!-- end -->")}
    assert states == set(State)
    told = rows("reference/library.md", "### Outcomes, and what an agent does then")
    outcomes = {re.findall(r"`(\w+)`", row[0])[0] for row in told}
    assert outcomes == FINAL


@pytest.mark.parametrize("row", rows("reference/answers.md", "## Then: what it says"), ids=lambda row: row[0])
def test_first_lines_are_read_as_said(row: list[str]) -> None:
    """Each example of a first line is read as the page says."""
    assert read_verdict(row[0]).verdict == row[1]


@pytest.mark.parametrize("row", rows("adr/0010-no-and-stop.md", "## What we found"), ids=lambda row: row[0])
def test_no_and_stop_decide_as_recorded(row: list[str]) -> None:
    """Each example of the record is read as it says: what means no rejects, anything else is asked about."""
    assert read_verdict(row[0]).verdict == ("reject" if row[1] == "no" else "unclear")


def test_log_events_are_explained() -> None:
    """The operators' table has every event that is logged, with its level."""
    table = rows("how-to/operate.md", "## Logs")
    shown = {(name, row[1]) for row in table for name in re.findall(r"`(\w+)`", row[0])}
    assert shown == set(logged())


def test_changelog_is_about_this_version() -> None:
    """The newest entry is that of pyproject.toml."""
    released = re.findall(r"^## \[(\d[^\]]*)\]", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert released[0] == PROJECT["project"]["version"]


def logged() -> Iterator[tuple[str, str]]:
    """Yield name and level of every log event in the code."""
    for module in (ROOT / "mailgate").rglob("*.py"):
        for call in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)):
                continue
            if ast.unparse(call.func.value) == "log":
                names = [name.value for name in ast.walk(call.args[0]) if isinstance(name, ast.Constant)]
                yield from ((str(name), call.func.attr) for name in names)


def bare(requirement: str) -> str:
    """Return the name of a requirement."""
    return re.split(r"[ <>=!~;\[]", requirement)[0]
