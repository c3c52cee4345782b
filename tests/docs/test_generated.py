"""What is generated in the documentation is what the code says now."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from mailgate.config import Config, shipped
from tests.docs.generated import COMMANDS, NOT_YET, has_parts, help_of, made_anew, sections
from tests.docs.pages import ROOT, name_of, pages


@pytest.mark.parametrize("page", [p for p in pages() if has_parts(p)], ids=name_of)
def test_generated_parts_are_up_to_date(page: Path) -> None:
    """Help texts, states and tables are those of the code; else run: python -m tests.docs.generated."""
    assert made_anew(page) == page.read_text(encoding="utf-8")


@pytest.mark.parametrize("group", ["", "requests", "quarantine"])
def test_every_command_has_its_help_shown(group: str) -> None:
    """The page of commands leaves none out."""
    listed = help_of(group).partition("Commands:\n")[2]
    names = [line.split()[0] for line in listed.splitlines() if line.startswith("  ") and line[2:3].isalpha()]
    assert names != []
    assert {f"{group} {name}".strip() for name in names} <= set(COMMANDS)


def test_every_shipped_key_is_in_a_table() -> None:
    """No key of the shipped configuration is lost on its way into the tables."""
    shown = {(section, key) for section, _, rows in sections() for key, _, _ in rows}
    raw = tomllib.loads(shipped("config.toml").read_text(encoding="utf-8"))
    for section in (
        "mailgate",
        "smtp",
        "imap",
        "archive",
        "confidence",
        "web",
        "keys",
        "worker",
        "breaker",
        "calibration",
    ):
        assert {(section, key) for key in raw[section]} <= shown
    assert {("people.alice", key) for key in raw["people"]["alice"]} <= shown
    assert {("gates.issue_refund", key) for key in raw["gates"]["issue_refund"] if key != "rules"} <= shown


def test_keys_said_to_do_nothing_exist() -> None:
    """A key that is gone, or was renamed, does not stay in the list of those that are not used yet."""
    shown = {f"{section.split('.')[0]}.{key}" for section, _, rows in sections() for key, _, _ in rows}
    assert {name.replace("gates.rules.", "gates.") for name in NOT_YET} <= shown
    assert set(Config.model_fields) >= {name.split(".")[0] for name in NOT_YET}


def test_pages_are_found() -> None:
    """The list of pages has the README and pages of every kind."""
    folders = {page.parent.relative_to(ROOT).as_posix() for page in pages()}
    assert folders == {".", "docs", "docs/adr", "docs/how-to", "docs/reference", "docs/tutorial"}


def test_help_is_what_the_program_prints() -> None:
    """On a terminal of 80 columns, the program itself prints what the page of commands begins with."""
    command = [sys.executable, "-m", "mailgate", "--help"]
    environment = os.environ | {"COLUMNS": "80", "TERM": "dumb"}
    printed = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=60).stdout
    assert help_of("") == "\n".join(line.rstrip() for line in printed.strip("\n").split("\n"))
