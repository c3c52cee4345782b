"""Read the corpus as `mailgate explain` does, print what was meant and what was read, write ``build/corpus.json``.

``python -m tests.corpus [FOLDER]`` also reads samples of a folder outside the project. Ends with 1 if a figure is missed.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from tests.corpus.reading import Result, expected_of, figures, read, stored_results
from tests.corpus.replies import every_answer
from tests.corpus.samples import by_hand, read_samples
from tests.corpus.summary import clients, confusion, rows, systems

_CONSOLE = Console(width=None if sys.stdout.isatty() else 120)


def main(folder: str = "") -> int:
    """Read everything and return the exit code."""
    stored = [*stored_results(), *by_hand()]
    made = _made()
    _print(f"The stored corpus: {len(stored)} mails", confusion(stored))
    _print("Figures of it", [["figure", "value", "unit"], *_figures(stored)])
    _print("By client", clients(stored))
    _print("Mail that no person wrote, or that cannot be read", systems(stored))
    _print(f"Every answer in every client and language, made on the spot: {len(made)} mails", confusion(made))
    _write([*rows(stored), *rows(made, "made on the spot: ")])
    missed = [*figures(stored).missed(), *figures(made).missed()]
    if folder:
        missed += _extra(Path(folder))
    for sentence in missed:
        _CONSOLE.print(f"Missed: {sentence}.", style="bold red")
    return 1 if missed else 0


def _figures(results: Sequence[Result]) -> list[list[str]]:
    shown = [row for row in rows(results) if ": " not in row["name"] and not row["name"].startswith("read as")]
    return [[row["name"], f"{row['value']:,}", row["unit"]] for row in shown]


def _made() -> list[Result]:
    mails = [(mail.name, mail.raw, expected_of(mail)) for mail in every_answer()]
    return list(read(track(mails, description="Reading", console=_CONSOLE, transient=True)))


def _extra(folder: Path) -> list[str]:
    """Print what was read in samples from outside, every yes and no with the line that decided; return what is missed."""
    results = read_samples(folder)
    unknown = [result for result in results if result.expected.group == "unknown"]
    known = [result for result in results if result.expected.group != "unknown"]
    counted = Counter((result.found["kind"], result.said) for result in unknown)
    table = [["kind", "read as", "samples"], *([kind, said, str(n)] for (kind, said), n in sorted(counted.items()))]
    _print(f"{folder}: {len(results)} samples, {len(known)} with an expectation", table)
    for said in ("approve", "reject"):
        for result in (r for r in unknown if r.said == said):
            _CONSOLE.print(
                f"  read as {said}: {result.name}: {result.found['first_line'][:80]!r}", highlight=False, markup=False
            )
    approved = sum(result.said == "approve" for result in unknown)
    _CONSOLE.print(f"{approved} samples without an expectation were read as approve; look at each.")
    if not known:
        return []
    _print("Samples with an expectation", confusion(known))
    return figures(known).missed()


def _print(title: str, table: Sequence[Sequence[str]]) -> None:
    shown = Table(title=title, title_justify="left")
    for index, heading in enumerate(table[0]):
        shown.add_column(heading, justify="left" if index == 0 else "right")
    for row in table[1:]:
        shown.add_row(*row)
    _CONSOLE.print(shown)


def _write(found: list[dict[str, object]]) -> None:
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    Path("build").mkdir(exist_ok=True)
    Path("build/corpus.json").write_text(json.dumps({"rows": found, "machine": machine, "commit": commit}, indent=1))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
