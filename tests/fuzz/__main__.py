"""Fuzz the readers of mail with atheris: ``python -m tests.fuzz [--seconds N | --runs N] [--seed S] [--target NAME]…``.

Each target runs in a process of its own, since libFuzzer ends the one it is in. What it found is kept in ``build/fuzz``:
inputs that reached something new in ``build/fuzz/TARGET``, one that broke a promise as ``build/fuzz/crash-…``.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.fuzz.seeds import write_dictionary, write_seeds

_SECONDS_EACH = 10
"""An input that keeps a reader busy longer is a finding: none of ours takes a tenth of a second."""

_MOST_BYTES = 16_384
_TARGETS = ("mail", "body", "results")


def main() -> int:
    """Run every target that was named, or all; return 1 if one of them broke a promise."""
    options = _options()
    kept = Path("build/fuzz").absolute()
    kept.mkdir(parents=True, exist_ok=True)
    names = options.target or list(_TARGETS)
    failed = [name for name in names if not _run(name, options, len(names), kept)]
    for name in failed:
        print(f"{name}: a promise was broken; the input is in {kept}", file=sys.stderr)
    return 1 if failed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--seconds", type=int, default=60, help="for all targets together")
    parser.add_argument("--runs", type=int, default=-1, help="inputs for each target, instead of seconds")
    parser.add_argument("--seed", type=int, default=0, help="the same inputs every time; 0: others every time")
    parser.add_argument("--seeds", type=int, default=400, help="mails of the corpus to begin with")
    parser.add_argument("--target", action="append", choices=_TARGETS, help="one of them only; may be repeated")
    return parser.parse_args()


def _run(name: str, options: argparse.Namespace, count: int, kept: Path) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        seeds, words = Path(folder) / "seeds", Path(folder) / "words"
        write_seeds(seeds, name, most=options.seeds)
        write_dictionary(words)
        # Short runs must not depend on what longer ones found.
        found = Path(folder) / "found" if options.runs >= 0 else kept / name
        found.mkdir(exist_ok=True)
        limit = (
            [f"-runs={options.runs}"] if options.runs >= 0 else [f"-max_total_time={max(1, options.seconds // count)}"]
        )
        command = [sys.executable, "-m", "tests.fuzz.one", name, *limit, f"-seed={options.seed}", f"-dict={words}"]
        command += [
            f"-max_len={_MOST_BYTES}",
            f"-timeout={_SECONDS_EACH}",
            "-rss_limit_mb=1024",
            "-print_final_stats=1",
        ]
        command += ["-verbosity=0", f"-artifact_prefix={kept}/", str(found), str(seeds)]
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False)
    stats = [
        line.removeprefix("stat::") for line in done.stderr.splitlines() if line.startswith("stat::number_of_executed")
    ]
    print(
        f"{name}: {' '.join(' '.join(stats).split()) or 'no figures'}, {'fine' if done.returncode == 0 else 'FAILED'}"
    )
    if done.returncode != 0:
        print(done.stderr[-6000:], file=sys.stderr)
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
