"""The parts of the documentation that are made from the code: help texts, states, configuration tables, attacks.

Made anew by ``python -m tests.docs.generated``; a test compares. A part stands between ``<!-- generated: NAME -->`` and
``<!-- end -->``.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from pathlib import Path

from typer.testing import CliRunner

from mailgate.cli.app import app
from mailgate.model.lifecycle import diagram
from mailgate.model.words import SHIPPED
from tests.corpus import summary
from tests.corpus.clients import CLIENTS
from tests.corpus.reading import Result, stored_results
from tests.corpus.summary import markdown
from tests.docs import attacks
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
    "explain",
    "quarantine",
    "quarantine list",
    "quarantine show",
    "quarantine release",
    "audit",
    "audit verify",
    "audit write-verifier",
)

NOT_YET = {
    "archive.address": "requests, decisions and ends are mailed; other records stay in the database",
    "archive.witnesses": "does nothing",
    "archive.seal_every": "does nothing",
    "archive.alarm_after": "does nothing",
    "archive.on_failure": "does nothing: an archive that takes no mail stops nothing",
    "archive.carry_checkpoint": "does nothing",
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


def words() -> str:
    """Return a table of the words of other languages that come with mailgate."""
    table = ["| language | approve | reject |", "|---|---|---|"]
    for language, own in SHIPPED.items():
        table.append(f"| `{language}` | {', '.join(own.approve)} | {', '.join(own.reject)} |")
    return "\n" + "\n".join(table) + "\n\n"


@functools.cache
def _corpus() -> tuple[Result, ...]:
    return tuple(stored_results())


def _table(rows: list[list[str]]) -> str:
    return f"\n{markdown(rows)}\n\n"


def corpus_figures() -> str:
    """Return the figures of the stored corpus."""
    found = [
        row for row in summary.rows(_corpus()) if not row["name"].startswith("read as") and ": " not in row["name"]
    ]
    table = [["figure", "value", "unit"], *([row["name"], f"{row['value']:,}", row["unit"]] for row in found)]
    told = [result.expected for result in _corpus()]
    replies = [expected for expected in told if expected.kind == "reply"]
    table.append(["clients", str(len({client.name for client in CLIENTS})), ""])
    table.append(["languages", str(len({expected.language for expected in replies})), ""])
    table.append(
        [
            "systems that write by themselves",
            str(len({e.group for e in told if e.kind in ("auto_reply", "bounce")})),
            "",
        ]
    )
    return _table(table)


def corpus_asked() -> str:
    """Return the clear answers of the stored corpus that are asked about again, and why."""
    rows = [[r.name, r.expected.means, r.said, r.expected.why] for r in _corpus() if r.asked_again]
    return _table([["mail", "means", "read as", "because"], *rows])


PARTS: dict[str, Callable[[], str]] = {
    "help": commands,
    "states": states,
    "configuration": configuration,
    "attacks": attacks.table,
    "words": words,
    "corpus_figures": corpus_figures,
    "corpus_matrix": lambda: _table(summary.confusion(_corpus())),
    "corpus_systems": lambda: _table(summary.systems(_corpus())),
    "corpus_asked": corpus_asked,
    "corpus_clients": lambda: _table(summary.clients(_corpus())),
}


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
