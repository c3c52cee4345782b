"""``mailgate audit rebuild``, ``export``, ``search``: what else an archive is good for than being verified."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mailgate.audit.sources import sources_of
from mailgate.cli.audit import ArchivesArgument, AsOfOption, KeyOption, instant, progress, read_keyring, wrong
from mailgate.cli.errors import CHECK_FAILED, UNREADABLE, USAGE, Exit
from mailgate.cli.options import ConfigOption, JsonOption, read_config
from mailgate.model.levels import Level
from mailgate.model.lifecycle import State
from mailgate.model.quoting import plain

if TYPE_CHECKING:
    from mailgate.config import Config
    from mailgate.service.rebuilding import Rebuilt


def rebuild(
    archives: ArchivesArgument,
    key: KeyOption,
    database: Annotated[str, typer.Option(metavar="URL", help="The new database, such as sqlite:///new.db.")],
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Make a database from an archive, after the old one was lost. On the serving side only."""
    from mailgate.audit.domains import check_dkim
    from mailgate.audit.gathering import find_holes
    from mailgate.audit.reading import read_archives
    from mailgate.audit.spill import Spill
    from mailgate.audit.telling import headline
    from mailgate.audit.verdicts import Verdict
    from mailgate.audit.verify import verify
    from mailgate.runtime import open_serving, rebuild_database

    keyring = read_keyring(key)
    paths = sources_of(archives).paths
    serving = open_serving(_with_database(read_config(config), database))
    spill = Spill()
    try:
        if not set(keyring.keys) <= set(serving.verifier.keys):
            raise wrong(
                "--key: this is not a key of this deployment's log; an archive of another one is of no use here."
            )
        with progress(paths) as tell:
            report = verify(read_archives(paths), keyring, check_dkim=check_dkim, progress=tell, spill=spill)
        if report.verdict is Verdict.UNREADABLE:
            typer.echo(headline(report))
            raise Exit(UNREADABLE)
        if holes := find_holes(spill):
            typer.echo(f"Nothing was rebuilt. {holes}")
            raise Exit(CHECK_FAILED)
        done = rebuild_database(serving, spill, by=getpass.getuser())
    finally:
        spill.close()
        serving.store.close()
    if as_json:
        typer.echo(json.dumps({"verdict": report.verdict.value} | asdict(done), indent=1))
    else:
        for line in (*_told(done, database), *((headline(report),) if report.verdict is Verdict.TAMPERED else ())):
            typer.echo(line)
    raise Exit(0 if done.accepted else USAGE)


def export(
    archives: ArchivesArgument,
    key: KeyOption,
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder to write; not there yet, or empty.")],
    sample: Annotated[int, typer.Option(min=0, metavar="N", help="Only N requests, with all their mails.")] = 0,
    seed: Annotated[str, typer.Option(metavar="S", help="Which N: the same seed draws the same requests.")] = "",
    as_of: AsOfOption = "",
) -> None:
    """Write an archive as a bag (BagIt): mails, records, a table of decisions, a report to print."""
    from mailgate.audit.domains import check_dkim
    from mailgate.audit.exporting import export as write
    from mailgate.audit.reading import read_archives
    from mailgate.audit.sampling import Sample
    from mailgate.audit.spill import Spill
    from mailgate.audit.telling import headline
    from mailgate.audit.verdicts import Verdict
    from mailgate.audit.verify import verify

    keyring, until = read_keyring(key), instant("--as-of", as_of) if as_of else None
    sources = sources_of(archives)
    if bool(sample) != bool(seed):
        raise wrong("--sample and --seed go together: write for example --sample 25 --seed 2026-q4.")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise wrong(f"--out: {out} is there already; name a folder that is not, or an empty one.")
    spill = Spill()
    try:
        with progress(sources.paths) as tell:
            report = verify(
                read_archives(sources.paths),
                keyring,
                as_of=until,
                check_dkim=check_dkim,
                progress=tell,
                spill=spill,
                sample=sources.sample,
            )
        typer.echo(headline(report))
        if report.verdict is Verdict.UNREADABLE:
            raise Exit(UNREADABLE)
        done = write(
            out,
            spill,
            report,
            keyring,
            lambda: read_archives(sources.paths),
            sample=Sample(count=sample, seed=seed) if sample else None,
            tools=_tools(),
            version=version("mailgate"),
        )
    finally:
        spill.close()
    part = f" of {done.total}" if sample else ""
    typer.echo(
        f"{out} has {done.mails} mails, {done.records} records, {done.requests}{part} requests; see {out}/data/report.html"
    )
    raise Exit(CHECK_FAILED if report.verdict is Verdict.TAMPERED else 0)


def search(
    archives: ArchivesArgument,
    approver: Annotated[str, typer.Option(help="Who answered: id, name or address.")] = "",
    gate: Annotated[str, typer.Option(help="The action's name.")] = "",
    outcome: Annotated[State | None, typer.Option(help="What came of it, or where it stands.")] = None,
    since: Annotated[str, typer.Option(metavar="TIME", help="Not what had ended before.")] = "",
    until: Annotated[str, typer.Option(metavar="TIME", help="Not what was asked after.")] = "",
    level: Annotated[Level | None, typer.Option(help="How well somebody who answered was proven.")] = None,
    text: Annotated[str, typer.Option(help="Words of the action, the agent, a person or a result.")] = "",
    as_json: JsonOption = False,
) -> None:
    """Find requests in an archive: one line each, with the mail to look at. Nothing is verified; `audit verify` does that."""
    from mailgate.audit.reading import read_archives
    from mailgate.audit.searching import Wanted, in_a_line
    from mailgate.audit.searching import as_json as plain_json
    from mailgate.audit.searching import search as find

    wanted = Wanted(
        approver=approver,
        gate=gate,
        outcome=outcome or "",
        since=instant("--since", since) if since else None,
        until=instant("--until", until) if until else None,
        level=level or "",
        text=text,
    )
    for hit in find(read_archives(sources_of(archives).paths), wanted):
        typer.echo(json.dumps(plain_json(hit)) if as_json else plain(in_a_line(hit)))


def _tools() -> Mapping[str, bytes]:
    """Return files to lie beside an export under ``data/``, by name: what verifies it on a machine without mailgate."""
    return {}


def _with_database(config: Config, url: str) -> Config:
    """Return the configuration with another database; a relative path is meant from here, not from the configuration."""
    prefix = "sqlite:///"
    if url.startswith(prefix) and not url.startswith(f"{prefix}/"):
        url = f"{prefix}{Path(url.removeprefix(prefix)).absolute()}"
    return config.model_copy(update={"mailgate": config.mailgate.model_copy(update={"database": url})})


def _told(done: Rebuilt, database: str) -> Iterator[str]:
    yield f"Rebuilt in {database}: {done.records} records, {done.requests} requests, {done.logged} logged actions."
    opened = done.reopened
    if opened.asked_again:
        yield f"{opened.asked_again} open: people are asked again, with new links, once `mailgate serve` runs."
    if opened.in_doubt:
        yield (
            f"{opened.in_doubt} approved: nobody knows whether they were started. Look at `mailgate requests list --state "
            "in_doubt`, find out, and settle them."
        )
    if opened.without_state:
        yield f"{opened.without_state} of agents whose state is not in the archive: these agents are not resumed."
    if done.left_out:
        yield f"{done.left_out} left out: one of their records was erased by authority."
    if done.accepted:
        yield "The guard has this log now. Name the database under [mailgate] in config.toml, and start `mailgate serve`."
        return
    lost = (done.guarded or 0) - done.records
    yield (
        f"The guard has seen {done.guarded} records: {lost} of them never reached this archive, and nobody knows here what "
        "they say. Look for the mails that carry them, in the mail server's queue and with the people who were asked, and "
        "rebuild again with these. If they are lost for good: cancel what you know to be done, and run `mailgate keys guard "
        "--accept` with the new database in config.toml."
    )
