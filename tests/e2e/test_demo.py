"""The demo, told once for all tests here: every path is visible, and what it keeps can be read."""

from __future__ import annotations

import mailbox
import re
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    """Run the unattended demo as a user would; return what it printed and the folder it kept."""
    kept = tmp_path_factory.mktemp("demo") / "kept"
    done = subprocess.run(
        [sys.executable, "-m", "mailgate", "demo", "--unattended", "--keep", str(kept)],
        capture_output=True,
        text=True,
        timeout=110,
        cwd=kept.parent,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, kept


@pytest.mark.parametrize(
    "words",
    [
        "Bob receives",
        "replies “APPROVE”",
        "follows the link and approves with the code",
        "replies “REJECT: 48,210 mails about a short outage? Put it on the status page.”",
        "took another way",
        "does not answer",
        "resumed at ticket 9: expired",
        "replies “ok go ahead I guess”",
        "Please answer again: your reply was not counted · Agent support asks",
        "all tickets are done",
        "extend_credit was not run: nobody answered in time",
    ],
)
def test_every_path_is_told(told: tuple[str, Path], words: str) -> None:
    """Reply, link with code, rejection and another way, silence, and a second question are all in the story."""
    printed = " ".join(told[0].split())
    assert words in printed


def test_the_story_stays_in_sight_and_ends_with_the_archive(told: tuple[str, Path]) -> None:
    """After the story come a list, one thread with each mail's beginning, what the archive holds, and what to try next."""
    lines = told[0].rstrip().splitlines()
    after = lines[next(i for i, line in enumerate(lines) if "good night" in line) :]
    assert len(after) < 70
    printed = " ".join(" ".join(after).split())
    assert "The archive holds 13 mails with 13 signed records" in printed
    assert "docs/how-to/check-a-record.md" in printed
    assert "One thread, as a mail reader shows it ─" in printed
    assert "Next: gate a function of your own" in after[-1]


def test_another_process_goes_on_after_each_gate(told: tuple[str, Path]) -> None:
    """The process that asked has ended, and the one that is resumed has another id, at all five gates."""
    stops = re.findall(r"\[(\d+)\]\s+needs a person", told[0])
    starts = re.findall(r"\[(\d+)\]\s+resumed at ticket", told[0])
    assert len(stops) == len(starts) == 5
    assert all(before != after for before, after in zip(stops, starts, strict=True))


def test_nothing_ran_that_nobody_approved(told: tuple[str, Path]) -> None:
    """Of the five held actions the three approved ones succeeded; the others ended rejected and expired."""
    with sqlite3.connect(told[1] / "mailgate.db") as database:
        states = dict(database.execute("select action || substr(id, 1, 0), state from requests").fetchall())
        ended = sorted(row[0] for row in database.execute("select state from requests"))
    assert ended == ["expired", "rejected", "succeeded", "succeeded", "succeeded"]
    assert states["send_bulk_mail"] == "rejected"
    assert states["extend_credit"] == "expired"


def test_the_folder_keeps_what_an_auditor_needs(told: tuple[str, Path]) -> None:
    """The archive is a Maildir with a mail for every request, decision and end, and the public key lies beside it."""
    kept = told[1]
    assert (kept / "config.toml").is_file()
    assert (kept / "log.vkey").read_text().startswith("sandbox.test/sandbox+")
    mails = list(mailbox.Maildir(kept / "archive", create=False))
    assert len(mails) == 5 + 4 + 4  # asked, decided (silence decides nothing), ended (a rejection ends by its decision)
    for mail in mails:
        assert any(part.get_filename() == "mailgate-evidence.json" for part in mail.walk())


def test_the_archive_holds_nothing_that_decides(told: tuple[str, Path]) -> None:
    """No link and no reply address of any request is in the bytes of the archive."""
    for path in (told[1] / "archive" / "new").iterdir():
        raw = path.read_bytes()
        assert not re.search(rb"/d/[A-Za-z0-9_.=-]{20,}", raw)
        assert not re.search(rb"approvals\+[a-z2-7]{26}@", raw)


def test_a_second_demo_does_not_overwrite_what_is_kept(told: tuple[str, Path]) -> None:
    """A folder that holds a configuration is refused in one sentence."""
    again = subprocess.run(
        [sys.executable, "-m", "mailgate", "demo", "--unattended", "--keep", str(told[1])],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert again.returncode == 1
    assert again.stderr.strip().count("\n") == 0
    assert "holds a configuration already" in again.stderr
