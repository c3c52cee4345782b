"""`mailgate audit export`: a bag that anybody can check, and a table that computes nothing."""

from __future__ import annotations

import csv
import json
import subprocess
from base64 import b64decode
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from mailgate.audit.bag import check_bag, read_info
from mailgate.cli.app import app
from mailgate.cli.errors import Exit
from mailgate.model.evidence import LogVerifier
from tests.archive.kept import Kept

FILES = {"archive.mbox", "checkpoint", "decisions.csv", "eml", "log.vkey", "records.jsonl", "report.html"}


def export(kept: Kept, out: Path, *more: str, archive: Path | None = None) -> Result:
    """Export the archive."""
    words = ["audit", "export", str(archive or kept.archive), "--key", kept.vkey, "--out", str(out), *more]
    return CliRunner().invoke(app, words)


def verify(kept: Kept, archive: Path) -> Result:
    """Verify an archive."""
    return CliRunner().invoke(app, ["audit", "verify", str(archive), "--key", kept.vkey])


def code_of(result: Result) -> int:
    """Return the exit code of a command."""
    return result.exception.code if isinstance(result.exception, Exit) else result.exit_code


@pytest.fixture(scope="module")
def bag(kept: Kept, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Export the whole archive once."""
    out = tmp_path_factory.mktemp("export") / "bag"
    done = export(kept, out)
    assert code_of(done) == 0
    assert done.stdout.startswith("COMPLETE")
    return out


def test_a_bag_is_valid(kept: Kept, bag: Path) -> None:
    """By its own manifests, as other people's programs check them."""
    assert {path.name for path in (bag / "data").iterdir()} == FILES
    for manifest in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
        checked = subprocess.run(["sha256sum", "-c", manifest], cwd=bag, capture_output=True, text=True, check=True)
        assert all(line.endswith(": OK") for line in checked.stdout.splitlines())
    assert list(check_bag(bag)) == []
    info = read_info(bag)
    files = [path for path in (bag / "data").rglob("*") if path.is_file()]
    assert info["Payload-Oxum"] == f"{sum(p.stat().st_size for p in files)}.{len(files)}"
    assert (info["External-Identifier"], info["Mailgate-Verdict"]) == ("gate.example.com/approvals", "complete")


def test_what_was_changed_in_a_bag_is_found(kept: Kept, tmp_path: Path) -> None:
    """A file changed, one taken away, one put in."""
    export(kept, tmp_path / "bag")
    data = tmp_path / "bag" / "data"
    (data / "checkpoint").unlink()
    (data / "log.vkey").write_text("other\n")
    (data / "more.txt").write_text("more\n")
    assert list(check_bag(tmp_path / "bag")) == [
        "data/checkpoint is missing.",
        "data/log.vkey is not what the manifest says.",
        "data/more.txt is not in the manifest.",
    ]


def test_mails_are_in_it_as_they_were(kept: Kept, bag: Path) -> None:
    """One file each, byte for byte, and all as one mailbox; either verifies as complete."""
    assert sorted(path.read_bytes() for path in (bag / "data" / "eml").iterdir()) == sorted(
        path.read_bytes() for path in (kept.archive / "new").iterdir()
    )
    for name in ("eml", "archive.mbox"):
        assert verify(kept, bag / "data" / name).stdout.startswith("COMPLETE")


def test_records_have_their_exact_bytes_and_proofs(kept: Kept, bag: Path) -> None:
    """Every one of them, in the order of the log."""
    verifier = LogVerifier((bag / "data" / "log.vkey").read_text())
    lines = [json.loads(line) for line in (bag / "data" / "records.jsonl").read_text().splitlines()]
    for expected, line in enumerate(lines):
        assert verifier.read(b64decode(line["record"]), line["proof"]).index == expected == line["index"]
    assert verifier.read_checkpoint((bag / "data" / "checkpoint").read_text()).size == len(lines)


def test_the_same_archive_gives_the_same_bag(kept: Kept, bag: Path, tmp_path: Path) -> None:
    """No time of making is in it."""
    export(kept, tmp_path / "again")
    assert (tmp_path / "again" / "tagmanifest-sha256.txt").read_bytes() == (bag / "tagmanifest-sha256.txt").read_bytes()


def decisions(bag: Path) -> dict[str, dict[str, str]]:
    """Return the rows of the table by request."""
    with (bag / "data" / "decisions.csv").open(newline="", encoding="utf-8") as file:
        return {row["request"]: row for row in csv.DictReader(file)}


def test_the_table_has_a_row_for_each_request(kept: Kept, bag: Path) -> None:
    """Who was asked for what, who answered how well proven, what came of it, and where that stands."""
    rows = decisions(bag)
    assert set(rows) == set(kept.requests.values())
    run = rows[kept.requests["run"]]
    assert run["gate"] == "pay"
    assert json.loads(run["action"])["arguments"]["order"] == "A-1"
    assert (run["agent"], run["on_behalf_of"], run["requester"]) == ("support", "carol@example.com", "carol")
    assert (run["approved_by"], run["level"], run["outcome"]) == ("Bob Brown <bob@example.com>", "aligned", "succeeded")
    assert run["asked_at"] < run["decided_at"] < run["started_at"] <= run["ended_at"]
    failed = rows[kept.requests["failed"]]
    assert failed["approved_by"] == "Alice Adams <alice@example.com>; Bob Brown <bob@example.com>"
    assert (failed["level"], failed["outcome"]) == ("link+code; link+code", "failed")
    assert "ZeroDivisionError" in failed["reason"]
    assert rows[kept.requests["expired"]]["approved_by"] == ""
    assert rows[kept.requests["withdrawn"]]["approved_by"] == ""
    assert rows[kept.requests["open"]]["outcome"] == "pending"
    names = {path.name for path in (bag / "data" / "eml").iterdir()}
    assert f"{int(run['record']):07}-decision.eml" in names
    assert run["message_id"].encode() in (bag / "data" / "eml" / f"{int(run['record']):07}-decision.eml").read_bytes()


def test_no_cell_is_a_formula(kept: Kept, bag: Path) -> None:
    """What people and agents write stays text in a spreadsheet."""
    assert decisions(bag)[kept.requests["rejected"]]["reason"] == "'=1+1 is too much"
    with (bag / "data" / "decisions.csv").open(newline="", encoding="utf-8") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in cells)


@pytest.mark.parametrize("count", [1, 3])
def test_a_sample_verifies_alone(kept: Kept, tmp_path: Path, count: int) -> None:
    """It has whole threads, with what they are judged by, and says what it is."""
    done = export(kept, tmp_path / "bag", "--sample", str(count), "--seed", "2026-q4")
    assert code_of(done) == 0
    assert len(decisions(tmp_path / "bag")) == count
    assert read_info(tmp_path / "bag")["Mailgate-Sample"] == f"{count} of 6 requests, drawn with the seed 2026-q4"
    checked = verify(kept, tmp_path / "bag")
    assert checked.stdout.startswith("PARTIAL"), checked.stdout
    assert "sample" in checked.stdout
    assert code_of(checked) == 2
    again = export(kept, tmp_path / "again", "--sample", str(count), "--seed", "2026-q4")
    assert code_of(again) == 0
    assert decisions(tmp_path / "again") == decisions(tmp_path / "bag")


def test_a_sample_that_was_touched_is_tampered(kept: Kept, tmp_path: Path) -> None:
    """A mail of a sampled thread is missing, and the thread itself says so."""
    export(kept, tmp_path / "bag", "--sample", "3", "--seed", "s")
    rows = decisions(tmp_path / "bag")
    row = next(row for row in rows.values() if row["decided_at"])
    (tmp_path / "bag" / "data" / "eml" / f"{int(row['record']):07}-decision.eml").unlink()
    checked = verify(kept, tmp_path / "bag")
    assert checked.stdout.startswith("TAMPERED"), checked.stdout
    assert code_of(checked) == 1


def test_a_tampered_archive_is_exported_with_its_findings(kept: Kept, tmp_path: Path) -> None:
    """The report names them, and the exit code is that of a check that failed."""
    import shutil

    shutil.copytree(kept.archive, tmp_path / "archive")
    for path in (tmp_path / "archive" / "new").iterdir():
        if b"too much" in path.read_bytes():
            path.write_bytes(path.read_bytes().replace(b"too much", b"too many"))
    done = export(kept, tmp_path / "bag", archive=tmp_path / "archive")
    assert code_of(done) == 1
    assert "BODY_ALTERED" in (tmp_path / "bag" / "data" / "report.html").read_text()


@pytest.mark.parametrize("words", [("--sample", "3"), ("--seed", "x")])
def test_a_sample_needs_a_seed(kept: Kept, tmp_path: Path, words: tuple[str, str]) -> None:
    """And a seed a sample."""
    assert code_of(export(kept, tmp_path / "bag", *words)) == 2


def test_a_folder_with_something_in_it_is_left_alone(kept: Kept, tmp_path: Path) -> None:
    """Whatever that is."""
    (tmp_path / "letter").write_text("Dear Sir")
    assert code_of(export(kept, tmp_path)) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["letter"]
