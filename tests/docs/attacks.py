"""The table of attacks: what was tried on mailgate, what happened, and the test that tries it again with every run.

A test enters itself with the fixture ``attack(name, happened)``, or with pytest's ``record_property`` of the same two names,
once it has seen what happened. Words that are determined by the test's parameters are read from its source, so that the
table can be made without running anything; others are taken from the last run, of which ``tests/conftest.py`` keeps
``build/attacks.json``, and before there was one from the page as it is.

``python -m tests.docs.attacks`` says whether every row of the page was seen in the last run; CI asks it after all tests.
"""

from __future__ import annotations

import ast
import importlib
import itertools
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any, TypeGuard

import pytest

from tests.docs.pages import ROOT

PAGE = ROOT / "docs" / "reference" / "attacks.md"
LAST_RUN = ROOT / "build" / "attacks.json"
KEYS = ("attack", "happened")

_ENTRY = re.compile(r"record_property\(\s*[\"']attack[\"']|\battack\(")
_ROW = re.compile(
    r"^\| (?P<attack>.*?) \| (?P<happened>.*?) \| \[(?P<title>.*?)\]\((?:\.\./)*(?P<file>[^)]+)\)(?: × (?P<times>\d+))? \|$",
    re.M,
)


@dataclass(frozen=True, slots=True)
class Row:
    """One attack and what happened; ``test`` is its node id without parameters."""

    attack: str
    happened: str
    test: str


def table() -> str:
    """Return the table in the order of files and tests; a test that tries an attack in several ways says in how many."""
    rows = list(all_rows())
    lines = ["| attack | what happened | test |", "|---|---|---|"]
    for row in dict.fromkeys(rows):
        file, _, name = row.test.partition("::")
        title = name.removeprefix("test_").replace("_", " ")
        times = f" × {rows.count(row)}" if rows.count(row) > 1 else ""
        lines.append(f"| {_cell(row.attack)} | {_cell(row.happened)} | [{title}](../../{file}){times} |")
    return "\n" + "\n".join(lines) + "\n\n"


def all_rows() -> Iterator[Row]:
    """Yield a row for each attack of each test under ``tests/``, once for each set of its parameters.

    Raises:
        ValueError: a test whose rows nobody can know without running it, and that was not run.
    """
    last_run, page = read_last_run(), read_page()
    for file in sorted((ROOT / "tests").rglob("test_*.py")):
        source = file.read_text(encoding="utf-8")
        if not _ENTRY.search(source):
            continue
        path = file.relative_to(ROOT).as_posix()
        for function in ast.parse(source).body:
            if isinstance(function, ast.FunctionDef) and _ENTRY.search(ast.unparse(function)):
                test = f"{path}::{function.name}"
                try:
                    yield from rows_of(test, function)
                except (NameError, AttributeError, KeyError):
                    seen = last_run.get(test) or page.get(test)
                    if not seen:
                        raise ValueError(
                            f"{test} records an attack in words that its parameters do not determine; run it, or change it."
                        ) from None
                    yield from (Row(attack, happened, test) for attack, happened in seen)


def rows_of(test: str, function: ast.FunctionDef) -> Iterator[Row]:
    """Yield the rows of one test: its two records, evaluated for each set of its parameters."""
    module = importlib.import_module(test.partition("::")[0].removesuffix(".py").replace("/", "."))
    calls = [node for node in ast.walk(function) if isinstance(node, ast.Call) and property_of(node)]
    pairs = list(zip(*[[c.args[1] for c in calls if property_of(c) == key] for key in KEYS], strict=True))
    pairs += [(call.args[0], call.args[1]) for call in ast.walk(function) if _is_attack(call)]
    for values in _parameters(module, function.name):
        for attack, happened in pairs:
            yield Row(*(_evaluated(expression, module, values) for expression in (attack, happened)), test)


def _is_attack(node: ast.AST) -> TypeGuard[ast.Call]:
    return isinstance(node, ast.Call) and ast.unparse(node.func) == "attack" and len(node.args) == 2


def property_of(call: ast.Call) -> str:
    """Return which of the two properties a call records; empty if none."""
    if not (isinstance(call.func, ast.Name) and call.func.id == "record_property" and len(call.args) == 2):
        return ""
    key = call.args[0].value if isinstance(call.args[0], ast.Constant) else ""
    return key if key in KEYS else ""


def _evaluated(expression: ast.expr, module: ModuleType, values: dict[str, Any]) -> str:
    code = compile(ast.Expression(expression), str(module.__file__), "eval")
    return str(eval(code, vars(module) | values))  # our own tests' code, as pytest runs it


def _parameters(module: ModuleType, name: str) -> Iterator[dict[str, Any]]:
    """Yield each set of parameters that pytest would run a test with, by name; one empty set if it has none."""
    sets: list[list[dict[str, Any]]] = []
    for mark in getattr(getattr(module, name), "pytestmark", []):
        if mark.name == "parametrize":
            given, values = mark.args[0], mark.args[1]
            names = [n.strip() for n in given.split(",")] if isinstance(given, str) else list(given)
            sets.append([dict(zip(names, _plain(value, len(names)), strict=True)) for value in values])
    for chosen in itertools.product(*sets):
        yield {name: value for part in chosen for name, value in part.items()}


def _plain(value: Any, count: int) -> tuple[Any, ...]:
    if isinstance(value, type(pytest.param())):
        return tuple(value.values)
    return tuple(value) if count > 1 else (value,)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


# What a run sees.

_seen: dict[str, list[tuple[str, str]]] = {}


def note(report: pytest.TestReport) -> None:
    """Keep what a passed test has recorded."""
    if report.when == "call" and report.passed:
        told = {key: [str(value) for name, value in report.user_properties if name == key] for key in KEYS}
        rows = list(zip(*(told[key] for key in KEYS), strict=False))
        if rows:
            _seen.setdefault(report.nodeid.partition("[")[0], []).extend(rows)


def write_last_run() -> None:
    """Add what this run has seen to what earlier ones have, a test's later run in the place of its earlier one."""
    if _seen:
        LAST_RUN.parent.mkdir(exist_ok=True)
        LAST_RUN.write_text(json.dumps(read_last_run() | _seen, indent=1, sort_keys=True), encoding="utf-8")


def read_last_run() -> dict[str, list[tuple[str, str]]]:
    """Return what was seen, by test; nothing if nothing was run."""
    if not LAST_RUN.exists():
        return {}
    found: dict[str, list[list[str]]] = json.loads(LAST_RUN.read_text(encoding="utf-8"))
    return {test: [(attack, happened) for attack, happened in rows] for test, rows in found.items()}


def read_page() -> dict[str, list[tuple[str, str]]]:
    """Return the rows of the page as it is, by test."""
    found: dict[str, list[tuple[str, str]]] = {}
    text = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    for row in _ROW.finditer(text):
        test = f"{row['file']}::test_{row['title'].replace(' ', '_')}"
        told = tuple(row[key].replace("\\|", "|") for key in KEYS)
        found.setdefault(test, []).extend([(told[0], told[1])] * int(row["times"] or 1))
    return found


def not_seen() -> list[str]:
    """Return a sentence for each row of the page that the last run has not seen."""
    seen = {
        (_cell(attack), _cell(happened), test.partition("::")[0])
        for test, rows in read_last_run().items()
        for attack, happened in rows
    }
    shown = [(row["attack"], row["happened"], row["file"]) for row in _ROW.finditer(PAGE.read_text(encoding="utf-8"))]
    return [
        f"{file}: “{attack}” was not seen to end as the page says."
        for attack, happened, file in shown
        if (attack, happened, file) not in seen
    ]


def main() -> None:
    """Say whether the last run bears the page out."""
    missing = not_seen()
    print(*missing or ["Every attack on the page was tried, and ended as it says."], sep="\n")
    sys.exit(bool(missing))


if __name__ == "__main__":
    main()
