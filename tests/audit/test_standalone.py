"""The stand-alone verifier says of an archive what the package says, on a machine that has Python and nothing else."""

from __future__ import annotations

import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mailgate.audit import standalone
from mailgate.audit.assembling import assemble
from mailgate.audit.domains import check_dkim
from mailgate.audit.reading import read_archives
from mailgate.audit.telling import as_json, tell
from mailgate.audit.verdicts import Report
from mailgate.cli.app import app
from mailgate.model.evidence import LogSigner
from mailgate.model.records import Record
from tests.audit.benign import BENIGN, Benign
from tests.audit.cloning import Cloner
from tests.audit.forgeries import FORGERIES, Forgery, fits
from tests.audit.mails import open_mail
from tests.audit.story import Told
from tests.audit.tampers import TAMPERS, Scene, Tamper, verified

GUARD = """
import runpy, sys
def refuse(event, arguments):
    if event.startswith("socket.") or event in ("subprocess.Popen", "os.system", "os.exec"):
        raise RuntimeError(event)
sys.addaudithook(refuse)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""Runs a file as the main program, and lets it neither open a socket nor start another program."""


def bare(*arguments: object, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run Python without packages, without environment, and, where the machine allows it, without network."""
    alone = ["unshare", "-rn"] if can_unshare() else []
    command = [*alone, sys.executable, "-I", "-S", "-W", "error", *map(str, arguments)]
    return subprocess.run(command, env={}, text=True, capture_output=True, timeout=60, check=False, **options)


@cache
def can_unshare() -> bool:
    """Return whether a program can be started in a network of its own, which is none."""
    found = shutil.which("unshare")
    return (
        found is not None and subprocess.run([found, "-rn", "true"], capture_output=True, check=False).returncode == 0
    )


@pytest.fixture(scope="module")
def verifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file."""
    path = tmp_path_factory.mktemp("verifier") / "verify_mailgate.py"
    path.write_text(assemble(), encoding="utf-8")
    return path


def folder_of(path: Path, mails: Sequence[bytes]) -> Path:
    """Return a folder with these mails."""
    path.mkdir()
    for number, raw in enumerate(mails):
        (path / f"{number:04}.eml").write_bytes(raw)
    return path


def mbox_of(path: Path, mails: Sequence[bytes]) -> Path:
    """Return an mbox with these mails."""
    lines = (re.sub(rb"^(>*From )", rb">\\1", raw, flags=re.MULTILINE) for raw in mails)
    path.write_bytes(b"".join(b"From - Tue Nov 24 09:00:00 2026\n%b\n\n" % raw for raw in lines))
    return path


def by_package(archive: Path, told: Told, **options: Any) -> Report:
    """Return what the package says of an archive."""
    return verified(read_archives([archive]), told.vkey, **options)


def test_a_complete_archive_is_complete(told: Told, verifier: Path, tmp_path: Path) -> None:
    """Run as the header says, it prints the package's report without DKIM, word for word, and ends with 0."""
    archive = folder_of(tmp_path / "archive", told.archive)
    (tmp_path / "log.vkey").write_text(told.vkey)
    ran = bare(verifier, "archive", "--key", "log.vkey", cwd=tmp_path)
    assert ran.stderr == ""
    assert ran.stdout.splitlines() == list(tell(by_package(archive, told)))
    assert ran.stdout.startswith("COMPLETE: all ")
    assert "their replies were not checked" in ran.stdout
    assert ran.returncode == 0


def test_nothing_but_the_standard_library_is_there(tmp_path: Path) -> None:
    """Where these tests run the file, there is no package, and whoever opens a socket is stopped."""
    (tmp_path / "connecting.py").write_text("import socket\nsocket.socket()\n")
    assert "No module named 'cryptography'" in bare("-c", "import cryptography").stderr
    assert "RuntimeError: socket.__new__" in bare("-c", GUARD, tmp_path / "connecting.py").stderr


def said_of(archive: Path, told: Told, verifier: Path, *more: object) -> tuple[dict[str, Any], int]:
    """Return what the stand-alone verifier says of an archive, and how it ends."""
    ran = bare("-c", GUARD, verifier, archive, "--key", told.vkey, "--json", *more)
    assert ran.stderr == ""
    report: dict[str, Any] = json.loads(ran.stdout)
    return report, ran.returncode


def reported_alike(mails: Iterable[bytes | None], told: Told, verifier: Path, archive: Path) -> dict[str, Any]:
    """Return what the stand-alone verifier says of mails: verdict, counts and findings are the package's without DKIM."""
    write = mbox_of if archive.suffix == ".mbox" else folder_of
    write(archive, [raw for raw in mails if raw is not None])
    report, code = said_of(archive, told, verifier)
    mine = by_package(archive, told)
    assert (report, code) == (as_json(mine), mine.exit_code)
    return report


def findings(report: dict[str, Any]) -> set[tuple[str, ...]]:
    """Return the findings of a report that need no DKIM."""
    found = [tuple(str(value) for value in one.values()) for one in report["findings"]]
    return {one for one in found if one[0] != "DKIM_FAIL"}


@pytest.mark.parametrize("tamper", TAMPERS[::4], ids=lambda tamper: tamper.__name__)
def test_a_tampered_archive_gets_the_same_report(tamper: Tamper, told: Told, verifier: Path, tmp_path: Path) -> None:
    """Each finding has its record, its mail and its sentence as in the package's report."""
    scene = Scene(mails=list(told.archive), chance=random.Random(7))
    tamper(scene)
    report = reported_alike([*scene.mails, *scene.added], told, verifier, tmp_path / "archive")
    assert report["verdict"] == "tampered"


def test_a_seal_from_outside_shows_that_the_tail_was_cut(told: Told, verifier: Path, tmp_path: Path) -> None:
    """Without its last mails the archive is complete, for all that it shows; with the seal that a witness got, it is not."""
    archive = folder_of(tmp_path / "archive", told.archive[:-3])
    (tmp_path / "seal.eml").write_bytes(told.archive[-1])
    alone, code = said_of(archive, told, verifier)
    assert (alone["verdict"], code) == ("complete", 0)
    late, code = said_of(archive, told, verifier, "--as-of", "2030-01-01")
    assert (late["counts"], code) == ({"NO_RECENT_SEAL": 1}, 2)
    witnessed, code = said_of(archive, told, verifier, "--expect", tmp_path / "seal.eml")
    assert (witnessed["counts"], code) == ({"TAIL_TRUNCATED": 1}, 1)


WRONG = {
    "another key": (["mails", "--key", "gate.example.com/approvals+00000000+AAAA"], 2),
    "no such key": (["mails", "--key", "none.vkey"], 3),
    "no such archive": (["none", "--key", "VKEY"], 3),
    "no time": (["mails", "--key", "VKEY", "--as-of", "yesterday"], 2),
    "no checkpoint": (["mails", "--key", "VKEY", "--expect", "note.txt"], 2),
    "another log's checkpoint": (["mails", "--key", "VKEY", "--expect", "other.txt"], 2),
    "no archive": (["note.txt", "--key", "VKEY"], 3),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_words_are_answered_as_the_package_answers_them(
    case: str, told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same sentence and the same exit code as `mailgate audit verify`, but for the program's name."""
    monkeypatch.chdir(tmp_path)
    folder_of(Path("mails"), told.archive)
    Path("note.txt").write_text("nothing")
    Path("other.txt").write_text(LogSigner("elsewhere", bytes(32)).sign(1, bytes(32)))
    words, code = WRONG[case]
    words = [told.vkey if word == "VKEY" else word for word in words]
    monkeypatch.setattr(sys, "argv", ["verify_mailgate.py"])
    assert standalone.main(words) == code
    mine = capsys.readouterr()
    theirs = CliRunner().invoke(app, ["audit", "verify", *words])
    assert theirs.exit_code == code
    assert mine.err.replace("verify_mailgate.py: ", "mailgate: ") == theirs.stderr
    assert mine.out.splitlines()[:1] == theirs.stdout.splitlines()[:1]


def test_on_a_terminal_it_shows_how_far_it_is(told: Told, verifier: Path, tmp_path: Path) -> None:
    """Every hundredth mail is told on the terminal, and not in the report."""
    archive = folder_of(tmp_path / "archive", list(Cloner(told).tell(2)))
    mine, other = os.openpty()
    command = [sys.executable, "-I", "-S", str(verifier), str(archive), "--key", told.vkey]
    ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=other, timeout=60, check=True)
    os.close(other)
    assert os.read(mine, 100).startswith(b"100 mails, ")
    os.close(mine)
    assert ran.stdout.startswith(b"COMPLETE")


def test_a_reader_who_has_seen_enough_ends_it(told: Told, verifier: Path, tmp_path: Path) -> None:
    """When nobody reads its output any more, it ends without a word."""
    archive = folder_of(tmp_path / "archive", told.archive)
    reads, writes = os.pipe()
    os.close(reads)
    command = [sys.executable, "-I", "-S", str(verifier), str(archive), "--key", told.vkey]
    ran = subprocess.run(command, stdout=writes, stderr=subprocess.PIPE, timeout=60, check=False)
    os.close(writes)
    assert (ran.stderr, ran.returncode) == (b"", 0)


def test_an_older_python_is_told_what_is_needed(verifier: Path) -> None:
    """Before it imports anything that Python 3.10 lacks, it says which Python it needs."""
    older = "import sys; sys.version_info = (3, 10); " + GUARD.replace("import runpy, sys", "import runpy")
    ran = bare("-c", older, verifier)
    assert (ran.stderr, ran.returncode) == ("verify_mailgate.py needs Python 3.11 or newer.\n", 1)


def test_the_command_writes_the_file_and_overwrites_nothing(verifier: Path, tmp_path: Path) -> None:
    """`mailgate audit write-verifier` writes what `audit export` puts into a bag, names its hash, and spares what is there."""
    path = tmp_path / "verify_mailgate.py"
    made = CliRunner().invoke(app, ["audit", "write-verifier", str(path)])
    assert path.read_bytes() == verifier.read_bytes()
    assert made.stdout == f"made  {path}, SHA-256 {hashlib.sha256(path.read_bytes()).hexdigest()}\n"
    path.write_text("mine")
    assert CliRunner().invoke(app, ["audit", "write-verifier", str(path)]).exit_code == 3
    assert path.read_text() == "mine"


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100))
def test_a_hundred_tampered_archives_get_the_same_report(
    seed: int, told: Told, archive: list[bytes], verifier: Path, tmp_path: Path
) -> None:
    """Every way of tampering, several times, in archives of 200 mails; checking DKIM as well changes nothing else."""
    scene = Scene(mails=list(archive), chance=random.Random(seed))
    TAMPERS[seed % len(TAMPERS)](scene)
    report = reported_alike([*scene.mails, *scene.added], told, verifier, tmp_path / "archive")
    full = as_json(by_package(tmp_path / "archive", told, check_dkim=check_dkim))
    assert report["verdict"] == full["verdict"] == "tampered"
    assert findings(report) == findings(full)


@pytest.mark.slow
@pytest.mark.parametrize("forgery", FORGERIES, ids=lambda forgery: forgery.name)
def test_a_forged_history_gets_the_same_report(forgery: Forgery, told: Told, verifier: Path, tmp_path: Path) -> None:
    """What the holder of the log key writes is replayed alike."""
    histories: dict[str, list[Record]] = {}
    for record in sorted((r for raw in told.archive for r in open_mail(raw).records()), key=lambda r: r.index):
        histories.setdefault(record.request, []).append(record)
    history = next(records for request, records in histories.items() if request and fits(forgery, records))
    rewrites = forgery.rewrite(history)
    mails = Cloner(told, change=lambda copy, index, said: rewrites[index](said) if index in rewrites else said).tell(1)
    report = reported_alike(mails, told, verifier, tmp_path / "archive")
    assert forgery.kind.value in report["counts"]


@pytest.mark.slow
@pytest.mark.parametrize("benign", BENIGN, ids=lambda benign: benign.__name__)
def test_what_mail_systems_do_does_not_alarm(benign: Benign, told: Told, verifier: Path, tmp_path: Path) -> None:
    """Nor does it to the package."""
    report = reported_alike(benign([*told.archive, *told.people[::4]]), told, verifier, tmp_path / "a.mbox")
    assert (report["verdict"], report["findings"]) == ("complete", [])
