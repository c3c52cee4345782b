"""`mailgate keys`: what there is, new keys, and the guard of the log."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from mailgate.cli.app import app
from mailgate.config import load_config
from mailgate.errors import LogBroken
from mailgate.runtime import open_serving
from mailgate.service.ledger import let_guard_see
from mailgate.service.policies import settle_in
from mailgate.service.sequence import sequence


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a project with `mailgate init`, and be in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MAILGATE_CONFIG", raising=False)
    assert CliRunner().invoke(app, ["init", "."]).exit_code == 0
    return tmp_path


def mailgate(*words: str) -> Result:
    """Run a command in this process."""
    return CliRunner().invoke(app, list(words))


def record(folder: Path) -> None:
    """Let the keeper record what the configuration says, as it does when it starts."""
    serving = open_serving(load_config(folder / "config.toml"))
    with serving.store.write() as tx:
        settle_in(tx, serving)
        sequence(tx, serving)
    let_guard_see(serving)
    serving.store.close()


def test_keys_are_listed_without_their_secrets(folder: Path) -> None:
    """How many, where, what for; of the log the public part."""
    listed = json.loads(mailgate("keys", "list", "--json").stdout)
    assert [(row["key"], row["keys"]) for row in listed] == [("serve", 1), ("link", 1), ("log", 1)]
    assert listed[-1]["public"] == [(folder / "log.vkey").read_text().strip()]
    shown = mailgate("keys", "list").stdout
    secrets = [path.read_text().strip() for path in (folder / "keys").glob("*.key")]
    assert len(secrets) == 3
    assert not any(secret in shown for secret in secrets)


@pytest.mark.parametrize("name", ["link", "log"])
def test_a_new_key_stands_beside_the_old_one(folder: Path, name: str) -> None:
    """The serving side opens with both, and the log's new one is announced."""
    record(folder)
    before = (folder / "keys" / f"{name}.key").read_text()
    assert mailgate("keys", "rotate", name).exit_code == 0
    after = (folder / "keys" / f"{name}.key").read_text()
    assert after.startswith(before)
    assert len(after.split()) == 2
    record(folder)
    assert mailgate("keys", "guard").stdout.startswith("The log has ")


def test_a_lost_guard_is_made_again_by_hand_only(folder: Path) -> None:
    """Somebody has to say that the database is the newest there is."""
    record(folder)
    (folder / "keys" / "log.guard").unlink()
    refused = mailgate("keys", "guard").exception
    assert isinstance(refused, LogBroken)
    assert "mailgate keys guard --accept" in refused.message
    assert mailgate("keys", "guard", "--accept").stdout.startswith("Accepted: the log with ")
    assert mailgate("keys", "guard").exit_code == 0
