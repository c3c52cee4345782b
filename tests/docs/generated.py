"""The parts of the documentation that are made from the code: help texts, states, configuration tables.

Made anew by ``python -m tests.docs.generated``; a test compares. A part stands between ``<!-- generated: NAME -->`` and
``<!-- end -->``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from typer.testing import CliRunner

from mailgate.cli.app import app
from mailgate.model.lifecycle import diagram
from tests.docs.pages import ROOT, name_of, pages

COMMANDS = (
    "",
    "demo",
    "sandbox",
    "init",
    "doctor",
    "serve",
    "worker",
    "requests",
    "requests list",
    "requests show",
    "requests cancel",
    "requests settle",
    "requests archive",
    "requests lift",
    "policy",
    "policy show",
    "policy diff",
    "policy test",
    "delegate",
    "delegations",
    "delegations list",
    "delegations end",
    "keys",
    "keys list",
    "keys rotate",
    "keys guard",
    "audit",
    "audit verify",
    "audit rebuild",
    "audit export",
    "audit search",
    "explain",
    "quarantine",
    "quarantine list",
    "quarantine show",
    "quarantine release",
)

NOT_YET = {
    "archive.address": "requests, decisions and ends are mailed; other records stay in the database",
    "archive.witnesses": "does nothing",
    "archive.seal_every": "does nothing",
    "archive.alarm_after": "does nothing",
    "archive.on_failure": "does nothing: an archive that takes no mail stops nothing",
    "people.language": "does nothing: mails are in English",
    "people.roles": "does nothing",
    "gates.tier": "`log` keeps a row and shows it to nobody",
    "gates.rules.tier": "as above",
    "gates.batch_window": "only `0s`",
    "breaker.window": "does nothing",
    "breaker.max_rejection_rate": "does nothing",
    "breaker.min_decisions": "does nothing",
    "calibration.flag_above": "does nothing",
    "calibration.min_decisions": "does nothing",
}
"""Keys that this version takes and does not act upon, or takes one value of."""

HELP_WIDTH = 78
"""Columns that help texts fill on a terminal of 80."""

_PART = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
_SECTION = re.compile(r"\[+(?P<name>[\w.]+)\]+(?:\s*#\s*(?P<says>.*))?")
_KEY = re.compile(r"(?:# )?(?P<key>\w+) = (?P<value>(?:\"(?:[^\"])*\"|\[.*?\](?=\s|$)|[^\s#]+))\s*#\s*(?P<says>.*)")


def help_of(command: str) -> str:
    """Return what `mailgate COMMAND --help` prints on 80 columns."""
    shown = CliRunner().invoke(app, [*command.split(), "--help"], prog_name="mailgate", terminal_width=HELP_WIDTH)
    assert shown.exit_code == 0, shown.output
    return "\n".join(line.rstrip() for line in shown.output.strip("\n").split("\n"))


def commands() -> str:
    """Return a section for each command."""
    parts = []
    for command in COMMANDS:
        title = f"mailgate {command}".strip()
        parts.append(f"## {title}\n\n```text\n{help_of(command)}\n```\n")
    return "\n" + "\n".join(parts) + "\n"


def states() -> str:
    """Return the transition table as a picture."""
    return f"\n```mermaid\n{diagram()}\n```\n\n"


def configuration() -> str:
    """Return a table for each section of the shipped config.toml, from the comments beside its keys."""
    parts: list[str] = []
    for section, says, rows in sections():
        parts.append(f"## [{section}]\n")
        if says:
            parts.append(f"{says[0].upper()}{says[1:]}.\n")
        table = ["| key | shipped as | meaning | not yet |", "|---|---|---|---|"]
        for key, value, meaning in rows:
            missing = NOT_YET.get(f"{_plain(section)}.{key}", "")
            table.append(f"| `{key}` | `{_cell(value)}` | {_cell(meaning)} | {missing} |")
        parts.append("\n".join(table) + "\n")
    return "\n" + "\n".join(parts) + "\n"


def sections() -> Iterator[tuple[str, str, list[tuple[str, str, str]]]]:
    """Yield each section of the shipped configuration once: its name, its comment, its keys with value and comment."""
    name, says, rows = "", "", list[tuple[str, str, str]]()
    seen: set[str] = set()
    for line in (ROOT / "config.toml").read_text(encoding="utf-8").splitlines():
        section, key = _SECTION.match(line), _KEY.match(line)
        if section:
            if rows and _plain(name) not in seen:
                yield name, says, rows
                seen.add(_plain(name))
            name, says, rows = section["name"], section["says"] or "", []
        elif key:
            rows.append((key["key"], key["value"], key["says"]))
    if rows and _plain(name) not in seen:
        yield name, says, rows


PARTS: dict[str, Callable[[], str]] = {"help": commands, "states": states, "configuration": configuration}


def made_anew(page: Path) -> str:
    """Return a page with its generated parts as they should be."""
    return _PART.sub(lambda part: part[1] + PARTS[part[2]]() + part[3], page.read_text(encoding="utf-8"))


def has_parts(page: Path) -> bool:
    """Return whether a page has generated parts."""
    return bool(_PART.search(page.read_text(encoding="utf-8")))


def _plain(section: str) -> str:
    """Return a section's name without that of a person or gate, except for rules."""
    first, *rest = section.split(".")
    return f"{first}.rules" if rest[1:] == ["rules"] else first


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main() -> None:
    """Write every page that has generated parts."""
    for page in pages():
        if has_parts(page):
            page.write_text(made_anew(page), encoding="utf-8")
            print(f"made {name_of(page)}")


if __name__ == "__main__":
    main()
