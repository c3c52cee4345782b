"""``mailgate audit``: what an auditor does, with an archive and a key and nothing else."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mailgate.cli.errors import CHECK_FAILED, UNREADABLE, USAGE, Exit, reported
from mailgate.cli.options import JsonOption
from mailgate.model.quoting import plain

if TYPE_CHECKING:
    from mailgate.audit.keyring import Keyring

app = typer.Typer(no_args_is_help=True, help="Check what the mails of an archive prove, without the database.")

ArchivesArgument = Annotated[
    list[Path],
    typer.Argument(metavar="ARCHIVE", help="mbox, Maildir, folder of EML, single mail, a zip of these, or a bag."),
]
AsOfOption = Annotated[
    str, typer.Option("--as-of", metavar="TIME", help="Judge whether the last seal is recent enough for then.")
]
KeyOption = Annotated[str, typer.Option("--key", metavar="VKEY", help="The log's public key, or the file it is in.")]


@app.command()
def verify(
    archives: ArchivesArgument,
    key: KeyOption,
    expect: Annotated[
        list[Path] | None,
        typer.Option(
            "--expect", metavar="CHECKPOINT", help="A signed checkpoint, or a seal, from outside the archive."
        ),
    ] = None,
    as_of: AsOfOption = "",
    as_json: JsonOption = False,
) -> None:
    """Tell whether anything of an archive was removed, changed or forged."""
    with reported():
        from mailgate.audit import telling
        from mailgate.audit.domains import check_dkim
        from mailgate.audit.reading import read_archives
        from mailgate.audit.sources import sources_of
        from mailgate.audit.verify import verify as verify_archive

        keyring, until = read_keyring(key), instant("--as-of", as_of) if as_of else None
        expected = _expected(expect or [])
        try:
            sources = sources_of(archives)
            with progress(sources.paths) as tell:
                report = verify_archive(
                    read_archives(sources.paths),
                    keyring,
                    expected=expected,
                    as_of=until,
                    check_dkim=check_dkim,
                    progress=tell,
                    sample=sources.sample,
                )
        except ValueError as error:
            raise wrong(str(error)) from error
        if as_json:
            typer.echo(json.dumps(telling.as_json(report) | {"bag": list(sources.faults)}, indent=1))
        else:
            for line in telling.tell(report):
                typer.echo(plain(line))
            for fault in sources.faults:
                typer.echo(plain(f"The bag was changed: {fault}"))
        raise Exit(CHECK_FAILED if sources.faults and report.exit_code != UNREADABLE else report.exit_code)


def read_keyring(key: str) -> Keyring:
    """Return the keys that ``--key`` names: a key itself, or a file with one or more of them, one a line.

    Raises:
        Exit: it is none; a sentence was said.
    """
    from mailgate.audit.keyring import Keyring
    from mailgate.model.evidence import verify_ed25519

    try:
        text = key if "+" in key and not Path(key).is_file() else Path(key).read_text(encoding="utf-8")
        return Keyring(text, verify_ed25519)
    except OSError:
        raise
    except ValueError as error:
        raise wrong("--key: this is not the public key of a log; take it from log.vkey of the serving side.") from error


def _expected(paths: list[Path]) -> list[str]:
    from mailgate.audit.expecting import read_expected

    try:
        return [note for path in paths for note in read_expected(path)]
    except ValueError as error:
        raise wrong(f"--expect: {error}.") from error


def instant(option: str, text: str) -> datetime:
    """Return the time that an option names; without a zone it is UTC.

    Raises:
        Exit: it is none; a sentence was said.
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise wrong(f"{option}: {text!r} is not a time; write for example 2026-11-24T09:00:00Z.") from error
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


def wrong(sentence: str) -> Exit:
    """Say what is wrong with an option, and return what ends the command."""
    print(f"mailgate: {plain(sentence)}", file=sys.stderr)
    return Exit(USAGE)


@contextmanager
def progress(archives: Sequence[Path]) -> Iterator[Callable[[int, int], None] | None]:
    """Show on a terminal how far the reading is; elsewhere nothing."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    total = sum(_size(path) for path in archives)
    columns = (TextColumn("{task.fields[mails]} mails"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task("", total=total or None, mails=0)

        def tell(mails: int, size: int) -> None:
            if mails % 100 == 0:
                shown.update(task, completed=size, mails=mails)

        yield tell


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(_size(inner) for inner in path.iterdir())
    return path.stat().st_size
