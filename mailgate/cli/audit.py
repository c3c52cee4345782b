"""``mailgate audit``: what an auditor does, with an archive and a key and nothing else."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mailgate.cli.errors import USAGE, Exit, reported
from mailgate.cli.options import JsonOption
from mailgate.model.quoting import plain

if TYPE_CHECKING:
    from mailgate.audit.keyring import Keyring

app = typer.Typer(no_args_is_help=True, help="Check what the mails of an archive prove, without the database.")

ArchivesArgument = Annotated[
    list[Path],
    typer.Argument(metavar="ARCHIVE", help="mbox, Maildir, folder of EML, single mail, or a zip of these."),
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
    as_of: Annotated[
        str, typer.Option("--as-of", metavar="TIME", help="Judge whether the last seal is recent enough for then.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Tell whether anything of an archive was removed, changed or forged."""
    with reported():
        from mailgate.audit import telling
        from mailgate.audit.domains import check_dkim
        from mailgate.audit.given import read_checkpoints, read_time
        from mailgate.audit.reading import read_archives
        from mailgate.audit.verify import verify as verify_archive

        keyring = read_keyring(key)
        try:
            until, expected = read_time(as_of), read_checkpoints(expect or [])
            for path in archives:
                path.stat()
            with _progress(archives) as progress:
                report = verify_archive(
                    read_archives(archives),
                    keyring,
                    expected=expected,
                    as_of=until,
                    check_dkim=check_dkim,
                    progress=progress,
                )
        except ValueError as error:
            raise _wrong(str(error)) from error
        if as_json:
            typer.echo(json.dumps(telling.as_json(report), indent=1))
        else:
            for line in telling.tell(report):
                typer.echo(plain(line))
        raise Exit(report.exit_code)


@app.command()
def write_verifier(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to put it; nothing is overwritten.")] = Path(
        "verify_mailgate.py"
    ),
) -> None:
    """Write the stand-alone verifier: one file that checks an archive with Python 3.11 and nothing else."""
    import hashlib

    with reported():
        from mailgate.audit.assembling import assemble

        text = assemble().encode()
        with file.open("xb") as made:
            made.write(text)
        typer.echo(f"made  {file}, SHA-256 {hashlib.sha256(text).hexdigest()}")


def read_keyring(key: str) -> Keyring:
    """Return the keys that ``--key`` names: a key itself, or a file with one or more of them, one a line.

    Raises:
        Exit: it is none; a sentence was said.
    """
    from mailgate.audit import given
    from mailgate.model.evidence import verify_ed25519

    try:
        return given.read_keyring(key, verify_ed25519)
    except ValueError as error:
        raise _wrong(str(error)) from error


def _wrong(sentence: str) -> Exit:
    print(f"mailgate: {plain(sentence)}", file=sys.stderr)
    return Exit(USAGE)


@contextmanager
def _progress(archives: list[Path]) -> Iterator[Callable[[int, int], None] | None]:
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
