"""One target under libFuzzer: ``python -m tests.fuzz.one TARGET [libFuzzer's options]``; it ends the process."""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["mailgate.mail", "mailgate.model"], enable_loader_override=False):
    from tests.fuzz.targets import TARGETS


def main() -> None:
    """Fuzz until the limit that the options set."""
    target = TARGETS[sys.argv[1]]
    atheris.Setup([sys.argv[0], *sys.argv[2:]], target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
