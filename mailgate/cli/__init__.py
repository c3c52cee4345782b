"""The command line. Thin: it reads options, calls one function, prints what came back."""

from __future__ import annotations


def main() -> None:
    """Run the command that ``sys.argv`` names and exit with its code."""
    from mailgate.cli.app import app
    from mailgate.cli.errors import reported
    from mailgate.cli.options import log_to_stderr

    log_to_stderr("warning")
    with reported():
        app(prog_name="mailgate")
