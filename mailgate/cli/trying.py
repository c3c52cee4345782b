"""`mailgate sandbox` and `mailgate demo`: try it out on this machine, with nobody outside involved."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TextIO, cast

import typer

from mailgate.cli.options import log_to_stderr
from mailgate.cli.running import until_told


def sandbox(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where its config.toml and database go.")] = Path(
        "sandbox"
    ),
    inbox_port: Annotated[int, typer.Option(help="Port of the web inbox; 0 for any free one.")] = 8025,
    port: Annotated[
        int | None,
        typer.Option(
            help="Port of the decide page; 0 for any free one.", show_default="8080, or as config.toml there has it"
        ),
    ] = None,
    mail_only: Annotated[
        bool, typer.Option("--mail-only", help="Only the mail site; run `mailgate serve` yourself.")
    ] = False,
) -> None:
    """Run a mail site with a web inbox, and the serving side, on loopback: for developing against."""
    from mailgate.demo.site import run_sandbox

    log_to_stderr("warning")
    run_sandbox(folder, inbox_port=inbox_port, web_port=port, mail_only=mail_only, stop=until_told(), say=typer.echo)


def demo(
    unattended: Annotated[
        bool, typer.Option("--unattended", help="Scripted people answer; it ends by itself.")
    ] = False,
    keep: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Keep config.toml, mailgate.db, archive/ and log.vkey there.")
    ] = None,
) -> None:
    """Tell the whole story on loopback: an agent's day, with people who answer by mail and by link."""
    from mailgate.demo.story import tell

    log_to_stderr("error")
    stop = until_told()
    # Scripted people come to their end by themselves; you, without our words, hardly.
    sys.stdout = cast("TextIO", Unheard(sys.stdout, (lambda: None) if unattended else stop.set))
    tell(unattended=unattended, keep=keep, stop=stop)


class Unheard:
    """Standard output whose reader may leave (head, less): what is said after that goes nowhere, and nobody fails.

    The story is told by several threads and processes; one that cannot print would break off amid the others.

    Args:
        left: called when the reader has left.
    """

    def __init__(self, stream: TextIO, left: Callable[[], object]) -> None:
        self._stream = stream
        self._left = left

    def write(self, text: str) -> int:
        """See :class:`io.TextIOBase`."""
        try:
            return self._stream.write(text)
        except BrokenPipeError:
            self._leave()
            return len(text)

    def flush(self) -> None:
        """See :class:`io.TextIOBase`."""
        try:
            self._stream.flush()
        except BrokenPipeError:
            self._leave()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _leave(self) -> None:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)
        self._left()
