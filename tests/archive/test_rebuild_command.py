"""`mailgate audit rebuild`, as an operator runs it who has an archive, the keys and nothing else."""

from __future__ import annotations

import json
import shutil
from base64 import b64decode
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from mailgate.cli.app import app
from mailgate.cli.errors import Exit
from mailgate.model.evidence import LogSigner
from mailgate.model.records import parse_record
from tests.archive.kept import Kept
from tests.service.test_sealing import evidence


@pytest.fixture
def folder(kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a copy of the deployment, without its database, and be in it."""
    shutil.copytree(kept.folder, tmp_path / "d")
    monkeypatch.chdir(tmp_path / "d")
    monkeypatch.delenv("MAILGATE_CONFIG", raising=False)
    return tmp_path / "d"


def mailgate(*words: str) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(app, list(words))


def rebuild(archive: str = "archive", *more: str, key: str = "log.vkey") -> Result:
    """Rebuild into new.db."""
    return mailgate("audit", "rebuild", archive, "--key", key, "--database", "sqlite:///new.db", *more)


def code_of(result: Result) -> int:
    """Return the exit code of a command."""
    return result.exception.code if isinstance(result.exception, Exit) else result.exit_code


def test_a_database_is_made_from_the_archive(kept: Kept, folder: Path) -> None:
    """It says what it made and what to do next, and the requests are there."""
    done = rebuild()
    assert done.stdout.startswith("Rebuilt in sqlite:///new.db: ")
    assert "6 requests, 1 logged actions." in done.stdout
    assert "1 open: people are asked again" in done.stdout
    assert "The guard has this log now." in done.stdout
    assert code_of(done) == 0
    config = folder / "config.toml"
    config.write_text(config.read_text().replace("[mailgate]\n", '[mailgate]\ndatabase = "sqlite:///new.db"\n'))
    listed = json.loads(mailgate("requests", "list", "--json").stdout)
    states = {row["id"]: row["state"] for row in listed}
    assert states == {
        kept.requests["run"]: "succeeded",
        kept.requests["rejected"]: "rejected",
        kept.requests["failed"]: "failed",
        kept.requests["withdrawn"]: "withdrawn",
        kept.requests["expired"]: "expired",
        kept.requests["open"]: "pending",
    }
    assert mailgate("keys", "guard").stdout.startswith("The log has ")


def test_it_is_told_to_programs_as_well(folder: Path) -> None:
    """As JSON."""
    told = json.loads(rebuild("archive", "--json").stdout)
    assert (told["verdict"], told["requests"], told["accepted"]) == ("complete", 6, True)
    assert told["reopened"] == {"asked_again": 1, "in_doubt": 0, "without_state": 0}


def test_a_database_that_has_something_is_left_alone(folder: Path) -> None:
    """The second time it refuses."""
    rebuild()
    assert "The database is not empty" in str(rebuild().exception)


def carriers(folder: Path) -> list[tuple[int, Path]]:
    """Return the archive's mails by the last record that each carries, the newest last."""
    found = []
    for path in (folder / "archive" / "new").iterdir():
        records = evidence(path.read_bytes())["records"]
        found.append((parse_record(b64decode(records[-1]["record"])).index, path))
    return sorted(found)


def test_a_guard_that_has_seen_more_is_not_overruled(folder: Path) -> None:
    """The last mail is not there: the database is made, and the exit code says that something is missing."""
    carriers(folder)[-1][1].unlink()
    done = rebuild()
    assert "of them never reached this archive" in done.stdout
    assert "mailgate keys guard --accept" in done.stdout
    assert code_of(done) == 2


def test_missing_records_are_named(folder: Path) -> None:
    """And where copies of them may be."""
    carriers(folder)[0][1].unlink()
    done = rebuild()
    assert "are in none of these mails: 0, 1, 2" in done.stdout
    assert code_of(done) == 1


def test_an_archive_of_another_deployment_is_refused(folder: Path) -> None:
    """Its key is not one of ours."""
    other = LogSigner("gate.example.com/approvals", b"x" * 32).vkey
    assert code_of(rebuild(key=other)) == 2


def test_what_is_no_archive_is_said_to_be_none(folder: Path) -> None:
    """Exit code 3."""
    (folder / "letter.eml").write_text("From: a@example.com\nSubject: Hello\n\nHello.\n")
    done = rebuild("letter.eml")
    assert done.stdout.startswith("UNREADABLE")
    assert code_of(done) == 3
