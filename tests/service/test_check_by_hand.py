"""The script in `docs/how-to/check-a-record.md` takes honest mails, and finds what was changed in others."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import unavailable
from tests.docs.pages import ROOT, Block, steps
from tests.service.rig import Rig

ARCHIVE = "archive@gate.example.com"
SCRIPTS = {
    step.how.removeprefix("file "): step.text
    for step in steps(ROOT / "docs" / "how-to" / "check-a-record.md")
    if isinstance(step, Block) and step.how.startswith("file ")
}


@pytest.fixture
def folder(tmp_path: Path, rig: Rig) -> Path:
    """Make a folder with the page's scripts, the key, and the archive's mail of an approval, which brings other records along."""
    if shutil.which("openssl") is None:
        unavailable("This test needs openssl.")
    for name, text in SCRIPTS.items():
        (tmp_path / name).write_text(text)
    rig.approved()
    rig.outbox()
    (tmp_path / "log.vkey").write_text(f"{rig.serving.verifier.vkey}\n")
    receipt = [raw for _, to, raw in rig.sender.sent if to == ARCHIVE][-1]
    (tmp_path / "mail.eml").write_bytes(receipt)
    return tmp_path


def checks(folder: Path) -> bool:
    """Return whether both scripts find nothing wrong."""
    for command in ([sys.executable, "check.py"], ["sh", "check.sh"]):
        if subprocess.run(command, cwd=folder, capture_output=True, check=False, timeout=60).returncode != 0:
            return False
    return True


def test_an_honest_mail_is_taken(folder: Path) -> None:
    """As it was sent, and with other line breaks in its encoding."""
    assert checks(folder)
    mail = folder / "mail.eml"
    mail.write_bytes(mail.read_bytes().replace(b"=\r\n", b""))
    assert checks(folder)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"amount: 120", b"amount: 121"),
        (b"Bob Brown approved", b"Bob Brown rejected"),
        (b"To: archive@", b"To: other@"),
        (b"From: Approvals <approvals@", b"From: Approvals <approval@"),
        (b"Subject: [approvals] ", b"Subject: [approvals] Re: "),
        (b"Date: Tue, 24 Nov 2026 09:", b"Date: Tue, 24 Nov 2026 10:"),
        (b"tlog-proof@v1\\nindex 2", b"tlog-proof@v1\\nindex 1"),
        (b"gate.example.com/approvals\\n3\\n", b"gate.example.com/approvals\\n4\\n"),
        (b'"record": "eyJ', b'"record": "eyK'),
        (b'"signature": "', b'"signature": "AAAA'),
    ],
)
def test_a_changed_mail_is_found(folder: Path, old: bytes, new: bytes) -> None:
    """In its text, its header, a record, a proof, a checkpoint or its stamp."""
    raw = (folder / "mail.eml").read_bytes()
    assert raw.replace(b"=\r\n", b"").count(old) > 0
    (folder / "mail.eml").write_bytes(raw.replace(b"=\r\n", b"").replace(old, new))
    assert not checks(folder)


def test_another_log_s_key_takes_nothing(folder: Path) -> None:
    """Whether only its key is another one, or only its name."""
    vkey = (folder / "log.vkey").read_text()
    name, key_id, key = vkey.split("+", 2)
    (folder / "log.vkey").write_text(f"{name}+{key_id}+{key[:-5]}AAA=\n")
    assert not checks(folder)
    (folder / "log.vkey").write_text(vkey.replace("gate.example.com", "gate.example.org"))
    assert not checks(folder)
