"""``mailgate audit verify`` as an auditor meets it: the verdict first, each finding with what it means, exit codes."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from mailgate.audit import telling, verdicts
from mailgate.audit.verdicts import Verdict
from mailgate.cli.app import app
from mailgate.model.evidence import LogSigner
from mailgate.model.findings import MEANINGS, Kind
from tests.audit.cloning import Cloner
from tests.audit.mails import open_mail
from tests.audit.story import Told
from tests.audit.test_whole import checkpoint_of

JUNK = b"From: shop@example.net\r\nSubject: Sale\r\n\r\nBuy now.\r\n"


@pytest.fixture
def folder(tmp_path: Path, told: Told) -> Path:
    """Lay out what an auditor gets: a folder of mails and a key."""
    archive = tmp_path / "archive"
    archive.mkdir()
    for number, raw in enumerate(told.archive):
        (archive / f"{number:03}.eml").write_bytes(raw)
    (tmp_path / "log.vkey").write_text(told.vkey + "\n")
    return tmp_path


def run(*arguments: str | Path) -> tuple[int, str, str]:
    """Run the command in this process; return its exit code, output and complaints."""
    result = CliRunner().invoke(app, ["audit", "verify", *map(str, arguments)], catch_exceptions=False)
    return result.exit_code, result.stdout, result.stderr


def test_a_complete_archive(folder: Path) -> None:
    """In a process of its own, without a configuration: the first line is the verdict, and the exit code is 0."""
    command = [sys.executable, "-m", "mailgate", "audit", "verify", "archive", "--key", "log.vkey"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    first, blank, *rest = done.stdout.splitlines()
    assert first.startswith("COMPLETE: all ")
    assert blank == ""
    assert any("--as-of TIME" in line for line in rest)


def test_a_tampered_archive_names_the_mail(folder: Path, told: Told) -> None:
    """A deleted file and a changed amount: each finding with its meaning and the mail to look at."""
    decided = next(n for n, raw in enumerate(told.archive) if open_mail(raw).own.event == "decision")
    (folder / "archive" / f"{decided:03}.eml").unlink()
    changed = next(n for n, raw in enumerate(told.archive) if n != decided and b"A-2" in raw)
    path = folder / "archive" / f"{changed:03}.eml"
    path.write_bytes(path.read_bytes().replace(b"A-2", b"A-9"))
    code, out, _ = run(folder / "archive", "--key", folder / "log.vkey")
    assert code == 1
    assert out.startswith("TAMPERED: ")
    assert f"MAIL_DELETED (1): {MEANINGS[Kind.MAIL_DELETED]}" in out
    assert MEANINGS[Kind.BODY_ALTERED] in out
    assert f"look at archive/{changed:03}.eml" in out


def test_json(folder: Path, told: Told) -> None:
    """The same for programs; the key may be given as it is."""
    code, out, _ = run(folder / "archive", "--key", told.vkey, "--as-of", "2031-01-01", "--json")
    found: dict[str, Any] = json.loads(out)
    assert (code, found["verdict"]) == (2, "partial")
    assert found["counts"] == {"NO_RECENT_SEAL": 1}
    assert found["findings"][0]["means"] == MEANINGS[Kind.NO_RECENT_SEAL]
    assert found["records"] == {
        "in_the_log": found["records"]["here"],
        "here": found["records"]["here"],
        "on_their_way": 0,
    }
    assert found["dkim_checked"] is True


def test_an_expected_checkpoint(folder: Path, told: Told) -> None:
    """A note in a file, or a mail that has one: a witness's seal."""
    for number in range(30, len(told.archive)):
        (folder / "archive" / f"{number:03}.eml").unlink()
    note, seal = folder / "checkpoint", folder / "seal.eml"
    note.write_text(checkpoint_of(told.archive[-1]))
    seal.write_bytes(told.witness[-1])
    arguments = (folder / "archive", "--key", folder / "log.vkey")
    assert run(*arguments)[0] == 0
    for path in (note, seal):
        code, out, _ = run(*arguments, "--expect", path)
        assert (code, "TAIL_TRUNCATED (1)" in out) == (1, True)


def test_every_format_at_once(folder: Path, told: Told) -> None:
    """Half of the archive in a zip, the other half in folders."""
    with zipfile.ZipFile(folder / "half.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(0, len(told.archive), 2):
            path = folder / "archive" / f"{number:03}.eml"
            archive.write(path, path.name)
            path.unlink()
    assert run(folder / "archive", "--key", folder / "log.vkey")[0] == 1
    assert run(folder / "archive", folder / "half.zip", "--key", folder / "log.vkey")[0] == 0


BAD: dict[str, tuple[int, str]] = {
    "an empty folder": (3, "UNREADABLE: There is no mail in it."),
    "a picture": (3, "UNREADABLE: There is no mail in it."),
    "other people's mails": (3, "UNREADABLE: No mail in it carries evidence of mailgate."),
    "another mailgate's archive": (
        3,
        "UNREADABLE: It is the archive of another log, gate.example.org/refunds; the key that was given is that of "
        "gate.example.com/approvals.",
    ),
    "ten thousand attachments": (3, "UNREADABLE: There is no mail in it that could be read."),
}


@pytest.mark.parametrize("what", BAD)
def test_what_cannot_be_verified(tmp_path: Path, told: Told, what: str) -> None:
    """One sentence says why, and the exit code is 3."""
    archive = tmp_path / "archive"
    archive.mkdir()
    match what:
        case "a picture":
            (archive / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n")
        case "other people's mails":
            (archive / "x.eml").write_bytes(JUNK)
        case "another mailgate's archive":
            signer = LogSigner("gate.example.org/refunds", b"o" * 32)
            (archive / "x.eml").write_bytes(next(iter(Cloner(told, signer=signer).tell(1))))
        case "ten thousand attachments":
            parts = b"--b\r\n\r\nx\r\n" * 10_000
            (archive / "x.eml").write_bytes(b"Content-Type: multipart/mixed; boundary=b\r\n\r\n" + parts)
    code, out, _ = run(archive, "--key", told.vkey)
    assert (code, out.splitlines()[0]) == BAD[what]


def test_the_wrong_key(folder: Path) -> None:
    """A key of the same name: either it is the wrong one, or everything was forged. Nobody can say which."""
    other = LogSigner("gate.example.com/approvals", b"w" * 32)
    code, out, _ = run(folder / "archive", "--key", other.vkey)
    assert code == 3
    assert out.startswith("UNREADABLE: Nothing in it is signed by this key")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--key", "not a key"), 3, "not a key cannot be used: No such file or directory."),
        (
            ("--key", "a+b+c"),
            2,
            "--key: this is not the public key of a log; take it from log.vkey of the serving side.",
        ),
        (
            ("--key", "KEY", "--as-of", "soon"),
            2,
            "--as-of: 'soon' is not a time; write for example 2026-11-24T09:00:00Z.",
        ),
        (("--key", "KEY", "--expect", "KEYFILE"), 2, "--expect: "),
        (("nowhere", "--key", "KEY"), 3, "nowhere cannot be used: No such file or directory."),
    ],
)
def test_mistakes_in_the_command(folder: Path, told: Told, arguments: tuple[str, ...], code: int, said: str) -> None:
    """One sentence each on stderr, with what to do."""
    given = [{"KEY": told.vkey, "KEYFILE": str(folder / "log.vkey")}.get(a, a) for a in arguments]
    found, out, err = run(folder / "archive", *given)
    assert (found, out) == (code, "")
    assert err.startswith(f"mailgate: {said}")
    assert err.count("\n") == 1


def test_an_expected_checkpoint_of_another_key(folder: Path, told: Told) -> None:
    """It is no checkpoint of this log."""
    signer = LogSigner("gate.example.com/approvals", b"w" * 32)
    (folder / "note").write_text(signer.sign(5, b"r" * 32))
    code, _, err = run(folder / "archive", "--key", told.vkey, "--expect", folder / "note")
    assert (code, err) == (2, "mailgate: An expected checkpoint is not signed by the log's key.\n")


def test_what_was_not_read_is_listed(folder: Path) -> None:
    """A picture among the mails changes nothing, and is named."""
    (folder / "archive" / "scan.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    code, out, _ = run(folder / "archive", "--key", folder / "log.vkey")
    assert code == 0
    assert "not read   archive/scan.png: it is no mail and no mbox" in out


def test_words_of_others_are_printed_as_they_are_safe(folder: Path, told: Told) -> None:
    """What an attacker writes into a subject does not reach the terminal as he wrote it."""
    mail = open_mail(told.archive[2])
    mail.set("Subject", "=?utf-8?b?" + "G1szMW1hcHByb3ZlZAo=" + "?=")  # ESC[31mapproved LF
    (folder / "archive" / "002.eml").write_bytes(mail.write())
    code, out, _ = run(folder / "archive", "--key", folder / "log.vkey")
    assert code == 1
    assert "SUBJECT_ALTERED" in out
    assert "\x1b" not in out


def test_every_kind_has_a_meaning_and_every_verdict_a_code() -> None:
    """The list is closed; each verdict has an exit code of its own."""
    assert set(MEANINGS) == set(Kind)
    assert sorted(verdicts.EXIT_CODES.values()) == [0, 1, 2, 3]


def test_a_long_list_is_cut_for_people() -> None:
    """Programs get more of it."""
    found = tuple(verdicts.Found(kind=Kind.MAIL_DELETED, why="gone", index=n) for n in range(telling.MOST_TOLD + 10))
    report = verdicts.Report(
        verdict=Verdict.TAMPERED, log="l", others={}, counts={Kind.MAIL_DELETED: len(found)}, found=found
    )
    lines = list(telling.tell(report))
    assert lines[-1] == "  - and 10 more"
    assert len(telling.as_json(report)["findings"]) == len(found)
