"""The table of attacks is that of the tests, and says only what a run has seen."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

from tests.docs import attacks
from tests.docs.pages import ROOT


def test_every_attack_that_a_test_names_is_on_the_page() -> None:
    """Whatever stands in a test as the name of an attack stands in the table too, with the test's file."""
    page = attacks.PAGE.read_text(encoding="utf-8")
    named = 0
    for file in (ROOT / "tests").rglob("test_*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and attacks.property_of(node) == "attack":
                assert f"(../../{file.relative_to(ROOT).as_posix()})" in page
                if isinstance(node.args[1], ast.Constant):
                    assert f"| {node.args[1].value} |" in page
                named += 1
    assert named > 5


def report(nodeid: str, *properties: tuple[str, str], outcome: str = "passed", when: str = "call") -> pytest.TestReport:
    """Return what pytest says of a test."""
    return pytest.TestReport(
        nodeid=nodeid,
        location=("", 0, ""),
        keywords={},
        outcome=outcome,  # type: ignore[arg-type]
        longrepr=None,
        when=when,  # type: ignore[arg-type]
        user_properties=properties,
    )


@pytest.fixture
def last_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let a run be written elsewhere, and a page with two rows stand elsewhere."""
    page = "| A | It ended. | [x](../../tests/test_a.py) |\n| B | It ended. | [y](../../tests/test_b.py) × 2 |\n"
    (tmp_path / "attacks.md").write_text(page)
    monkeypatch.setattr(attacks, "PAGE", tmp_path / "attacks.md")
    monkeypatch.setattr(attacks, "LAST_RUN", tmp_path / "build" / "attacks.json")
    monkeypatch.setattr(attacks, "_seen", {})
    return tmp_path / "build" / "attacks.json"


def test_what_passed_is_kept_and_bears_the_page_out(last_run: Path) -> None:
    """Runs add up; a row that no passed test has recorded is named."""
    attacks.note(report("tests/test_a.py::test_x[1]", ("attack", "A"), ("happened", "It ended.")))
    attacks.note(report("tests/test_b.py::test_y", ("attack", "B"), ("happened", "It ended."), outcome="failed"))
    attacks.note(report("tests/test_b.py::test_y", ("attack", "B"), ("happened", "It ended."), when="setup"))
    attacks.write_last_run()
    assert json.loads(last_run.read_text()) == {"tests/test_a.py::test_x": [["A", "It ended."]]}
    assert attacks.not_seen() == ["tests/test_b.py: “B” was not seen to end as the page says."]
    attacks._seen.clear()
    attacks.note(report("tests/test_b.py::test_y", ("attack", "B"), ("happened", "It ended.")))
    attacks.write_last_run()
    assert attacks.not_seen() == []


def test_without_a_run_nothing_is_borne_out(last_run: Path) -> None:
    """A page alone proves nothing."""
    assert not last_run.exists()
    assert len(attacks.not_seen()) == 2


STRANGE = "strange"


def records(attack: str) -> ast.FunctionDef:
    """Return a test that records ``attack``, an expression, as it is read from its file."""
    name = "test_words_of_parameters_are_known_without_running"
    source = f'def {name}():\n    record_property("attack", {attack})\n    record_property("happened", STRANGE)\n'
    function = ast.parse(source).body[0]
    assert isinstance(function, ast.FunctionDef)
    return function


@pytest.mark.parametrize("number", [1, pytest.param(2, id="second")])
@pytest.mark.parametrize(("name", "unused"), [("one", 0), ("other", 0)])
def test_words_of_parameters_are_known_without_running(name: str, unused: int, number: int) -> None:
    """What a test's parameters and its module's names determine is found for each set of them."""
    file = f"{__name__.replace('.', '/')}.py"
    function = records('f"{name}{number} of {len(STRANGE)}"')
    rows = list(attacks.rows_of(f"{file}::{function.name}", function))
    assert len(rows) == 4
    assert attacks.Row(f"{name}{number} of 7", "strange", f"{file}::{function.name}") in rows


def test_words_of_the_moment_are_not_known() -> None:
    """What only running the test can tell is no row without a run."""
    function = records("answer.status")
    with pytest.raises(NameError):
        list(attacks.rows_of(f"{__name__.replace('.', '/')}.py::{function.name}", function))
