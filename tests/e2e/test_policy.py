"""`mailgate policy`, `requests lift` and `delegate`: what an operator sees of the gates, and what he may do about them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from sqlmodel import select
from typer.testing import CliRunner, Result

from mailgate.cli.app import app
from mailgate.config import load_config
from mailgate.errors import MailgateError
from mailgate.runtime import open_serving
from mailgate.service.policies import settle_in
from mailgate.service.sequence import sequence
from mailgate.store.tables import Delegation

EXAMPLES = """
[[examples]]
action = "issue_refund"
args = { order_id = "A-1", amount = 20.0 }
expect = "auto"

[[examples]]
action = "issue_refund"
args = { order_id = "A-1", amount = 200.0 }
expect = "require_approval"

[[examples]]
action = "issue_refund"
args = { order_id = "A-1", amount = "20" }

[[examples]]
action = "delete_everything"
"""


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


def change(folder: Path, old: str, new: str) -> None:
    """Change the configuration."""
    file = folder / "config.toml"
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def record(folder: Path) -> None:
    """Let the keeper record the policies, as it does when it starts."""
    serving = open_serving(load_config(folder / "config.toml"))
    with serving.store.write() as tx:
        settle_in(tx, serving)
    with serving.store.write() as tx:
        sequence(tx, serving)
    serving.store.close()


def test_show_says_what_each_gate_asks_for(folder: Path) -> None:
    """Rules in order, the tier when none matches, who is asked; with the digest that requests name."""
    lines = mailgate("policy", "show").stdout.splitlines()
    name, digest = lines[0].split()
    assert (name, len(digest)) == ("issue_refund", 64)
    assert lines[1].split() == ["auto", "small:", "args.amount", "<=", "50.0"]
    assert lines[2].strip() == "require_approval  when no rule matches"
    assert lines[3].strip() == "1 of group:finance"
    [shown] = json.loads(mailgate("policy", "show", "issue_refund", "--json").stdout).values()
    assert (shown["digest"], shown["valid_for"]) == (digest, "15m")


def test_show_knows_no_other_gate(folder: Path) -> None:
    """One sentence names those there are."""
    error = mailgate("policy", "show", "wire").exception
    assert isinstance(error, MailgateError)
    assert error.message == "There is no gate 'wire'; there are issue_refund."


def test_examples_are_tried(folder: Path) -> None:
    """Each ruling with the rule that made it; text is no number, and an unknown action needs approval."""
    (folder / "examples.toml").write_text(EXAMPLES)
    tried = mailgate("policy", "test", "examples.toml")
    assert tried.exit_code == 0
    tiers = [line.split()[0] for line in tried.stdout.splitlines()]
    assert tiers == ["auto", "require_approval", "require_approval", "require_approval"]
    assert "small could not be evaluated: No such overload" in tried.stdout
    assert "no gate is configured for this action" in tried.stdout


def test_an_example_that_is_ruled_otherwise_fails(folder: Path) -> None:
    """So that a check before a deploy stops it."""
    (folder / "examples.toml").write_text(EXAMPLES.replace("200.0", "49.0"))
    tried = mailgate("policy", "test", "examples.toml", "--json")
    assert tried.exit_code == 1
    assert [row["as_expected"] for row in json.loads(tried.stdout)] == [True, False, True, True]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[[examples]]\nactoin = 'x'\n", "examples.0.action: Field required; examples.0.actoin: Extra inputs"),
        (
            "[[examples]]\naction = 'x'\nconfidence = 7\n",
            "examples.0.confidence: Input should be less than or equal to 1",
        ),
        ("examples = [", "is not TOML"),
        ("", "examples: Field required"),
    ],
)
def test_a_file_of_examples_that_is_none_is_said(folder: Path, text: str, why: str) -> None:
    """Every mistake in one sentence, with the way to write it."""
    (folder / "examples.toml").write_text(text)
    error = mailgate("policy", "test", "examples.toml").exception
    assert isinstance(error, MailgateError)
    assert why in error.message


def test_diff_compares_with_what_was_recorded(folder: Path) -> None:
    """Nothing is recorded before the first start; afterwards each key that differs is shown."""
    before = mailgate("policy", "diff")
    assert before.exit_code == 1
    assert before.stdout.startswith("issue_refund\n")
    record(folder)
    same = mailgate("policy", "diff")
    assert (same.exit_code, same.stdout) == (0, "The gates and the people are as they were recorded.\n")
    change(folder, "args.amount <= 50.0", "args.amount <= 500.0")
    changed = mailgate("policy", "diff")
    assert changed.exit_code == 1
    assert '"when": "args.amount <= 50.0"' in changed.stdout
    assert '→ [{"id": "small", "tier": "auto", "when": "args.amount <= 500.0"}]' in changed.stdout
    assert list(json.loads(mailgate("policy", "diff", "--json").stdout)["issue_refund"]) == ["rules"]


def test_diff_shows_who_came_and_who_went(folder: Path) -> None:
    """People and groups are on record, too: who may approve changes with them."""
    record(folder)
    change(folder, 'address = "bob@example.com"', 'address = "b.brown@example.com"')
    change(folder, 'finance = ["alice", "bob"]', 'finance = ["alice"]')
    changed = mailgate("policy", "diff")
    assert changed.exit_code == 1
    assert 'people.bob\n  address: "bob@example.com" → "b.brown@example.com"\n' in changed.stdout
    assert 'groups\n  finance: ["alice", "bob"] → ["alice"]\n' in changed.stdout


def test_delegations_are_listed_and_ended(folder: Path) -> None:
    """Who stands in for whom, until when; ended early, the list says that it is over."""
    mailgate("delegate", "bob", "alice", "--until", "2999-12-24")
    [row] = json.loads(mailgate("delegations", "list", "--json").stdout)
    assert (row["from"], row["to"], row["gate"], row["until"], row["holds"]) == (
        "bob",
        "alice",
        "",
        "2999-12-24T00:00:00.000Z",
        True,
    )
    assert "2999-12-24 00:00 UTC  holds" in mailgate("delegations", "list").stdout
    ended = mailgate("delegations", "end", row["id"][:6])
    assert ended.stdout == "alice is asked in bob's place no longer.\n"
    [row] = json.loads(mailgate("delegations", "list", "--json").stdout)
    assert row["holds"] is False
    again = mailgate("delegations", "end", row["id"]).exception
    assert isinstance(again, MailgateError)
    assert again.message.startswith("No delegation that holds now begins with")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["policy", "test", "missing.toml"], 3),
        (["policy", "test", "config.toml"], 2),
        (["policy", "show", "nowhere"], 2),
        (["delegations", "end", "zzz"], 2),
    ],
)
def test_the_exit_code_says_what_kind_of_mistake_it_was(folder: Path, words: list[str], code: int) -> None:
    """2: the words were wrong; 3: something could not be read."""
    done = subprocess.run([sys.executable, "-m", "mailgate", *words], cwd=folder, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.count("\n") == 1


def test_delegate_notes_who_stands_in(folder: Path) -> None:
    """With its end in UTC, whatever zone it was given in."""
    done = mailgate("delegate", "bob", "alice", "--until", "2999-12-24T18:00+01:00", "--gate", "issue_refund")
    assert done.stdout == "alice is asked in bob's place at issue_refund until 2999-12-24 17:00 UTC.\n"
    serving = open_serving(load_config(folder / "config.toml"))
    with serving.store.read() as tx:
        [row] = tx.session.exec(select(Delegation)).all()
    serving.store.close()
    assert (row.principal, row.delegate, row.gate) == ("bob", "alice", "issue_refund")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["bob", "alice", "--until", "tomorrow"], "--until 'tomorrow' is no time; write it as"),
        (["bob", "zoe", "--until", "2999-01-01"], "There is nobody 'zoe' under [people]."),
    ],
)
def test_delegate_says_what_is_wrong(folder: Path, words: list[str], why: str) -> None:
    """One sentence."""
    error = mailgate("delegate", *words).exception
    assert isinstance(error, MailgateError)
    assert error.message.startswith(why)


def test_lift_needs_a_rejection(folder: Path) -> None:
    """An unknown request is said as everywhere."""
    error = mailgate("requests", "lift", "abc").exception
    assert isinstance(error, MailgateError)
    assert "No request begins with 'abc'" in error.message
