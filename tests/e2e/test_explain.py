"""`mailgate explain` on the samples of `tests/replies`: the right verdict, and why."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.signing import record, sign

REPLIES = Path(__file__).parent.parent / "replies"

FIELDS = {"kind", "assignment", "from", "level", "verdict", "first_line", "reason", "would", "because"}

SEVEN = {
    "approve_plain_neomutt": ("reply", "approve", "clarify"),
    "reject_with_a_reason": ("reply", "reject", "count"),
    "do_not_approve": ("reply", "unclear", "clarify"),
    "out_of_office_quoting_our_mail": ("auto_reply", "none", "mark_away"),
    "bounce_user_unknown": ("bounce", "none", "mark_undeliverable"),
    "reject_outlook_quote_says_approve": ("reply", "reject", "count"),
    "approve_html_only_iphone": ("reply", "approve", "clarify"),
}
"""The mails that people get wrong most often; the Outlook one answers no above a quote that says APPROVE. Without a
configuration nobody vouches for a sender, so an approval is understood and would not be counted."""


CONFIGURED = """
[smtp]
from = "gate@gate.example"

[imap]
authserv_id = "mx.gate.example"

[people.bob]
name = "Bob"
address = "bob@example.com"
"""


@pytest.fixture(scope="module")
def explained(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, object]]:
    """Explain every sample with one call, in a folder without a configuration."""
    files = sorted(REPLIES.glob("*.eml"))
    done = _explain(tmp_path_factory.mktemp("empty"), "--json", *map(str, files))
    assert done.returncode == 0, done.stderr
    return {file.stem: json.loads(line) for file, line in zip(files, done.stdout.splitlines(), strict=True)}


@pytest.mark.parametrize("name", SEVEN)
def test_a_sample_is_explained(explained: dict[str, dict[str, object]], name: str) -> None:
    """Kind, verdict and what would be done are right, and there is a sentence that says why."""
    found = explained[name]
    assert (found["kind"], found["verdict"], found["would"]) == SEVEN[name]
    assert found["because"]
    assert found.keys() >= FIELDS


def test_all_samples_read_as_expected(explained: dict[str, dict[str, object]]) -> None:
    """The command says of every sample what its readers' own tests expect."""
    expected = json.loads((REPLIES / "expected.json").read_text(encoding="utf-8"))
    for name, wanted in expected.items():
        found = explained[name]
        # Without a configuration nobody knows our instance header; its mail is still nothing that decides.
        assert found["kind"] == ("auto_reply" if wanted["kind"] == "own" else wanted["kind"]), name
        if wanted["kind"] == "reply":
            assert found["verdict"] == wanted["verdict"], name


def test_no_machine_decides(explained: dict[str, dict[str, object]]) -> None:
    """Nothing but a reply would ever be counted."""
    assert all(found["kind"] == "reply" for found in explained.values() if found["would"] == "count")


def test_nothing_is_claimed_that_nobody_can_know(explained: dict[str, dict[str, object]]) -> None:
    """Without a configuration no approval would count, and it is not said who was asked: no request is known."""
    for name, found in explained.items():
        said = " ".join(map(str, found["because"]))  # type: ignore[call-overload]
        assert "not the person who was asked" not in said, name
        if found["verdict"] == "approve":
            assert found["would"] == "clarify", name
            assert "to approve, a gate needs a sender proven as aligned" in said, name


@pytest.mark.parametrize(
    ("address", "would", "said"),
    [
        ("bob@example.com", "count", "mx.gate.example says dmarc=pass for example.com"),
        ("eve@example.com", "clarify", "its From field names eve@example.com, which is nobody in the configuration"),
    ],
)
def test_a_configuration_without_a_database_says_whom_it_knows(
    tmp_path: Path, address: str, would: str, said: str
) -> None:
    """A proven person of the configuration could approve; anybody else could not, and both are told so."""
    (tmp_path / "config.toml").write_text(CONFIGURED)
    (tmp_path / "mail.eml").write_text(
        "Authentication-Results: mx.gate.example; dmarc=pass header.from=example.com\n"
        f"From: {address}\nTo: gate@gate.example\nSubject: Re: x\n\nAPPROVE\n"
    )
    found = json.loads(_explain(tmp_path, "--json", "mail.eml").stdout)
    assert found["would"] == would
    assert said in found["because"]


@pytest.mark.parametrize("configured", [True, False], ids=["with a configuration", "without one"])
def test_keys_come_from_a_file(tmp_path: Path, configured: bool) -> None:
    """A signature is checked with them, offline, for a mail with Unix line ends as well; without the key nothing is proven."""
    if configured:
        (tmp_path / "config.toml").write_text(CONFIGURED)
    raw = sign(b"From: bob@example.com\r\nTo: g@h.i\r\nSubject: Re: x\r\nDate: y\r\n\r\nAPPROVE\r\n")
    (tmp_path / "good.eml").write_bytes(raw)
    (tmp_path / "unix.eml").write_bytes(raw.replace(b"\r\n", b"\n"))
    (tmp_path / "changed.eml").write_bytes(raw.replace(b"Re: x", b"Re: y"))
    (tmp_path / "other.eml").write_bytes(raw.replace(b"s=s1", b"s=s2"))
    (tmp_path / "keys.json").write_text(json.dumps({"S1._domainkey.example.com.": record()}))
    files = ("good.eml", "unix.eml", "changed.eml", "other.eml")
    done = _explain(tmp_path, "--json", "--dns", "keys.json", *files)
    good, unix, changed, other = map(json.loads, done.stdout.splitlines())
    assert [(f["level"], f["would"]) for f in (good, unix)] == [("aligned", "count")] * 2
    assert [(f["level"], f["would"]) for f in (changed, other)] == [("token", "clarify")] * 2
    assert "its signature by example.com is good (key s1._domainkey.example.com)" in good["because"]
    assert "something was changed after it was signed" in " ".join(changed["because"])
    assert "names a key that is not published (s2._domainkey.example.com)" in " ".join(other["because"])


def test_a_person_reads_why(tmp_path: Path) -> None:
    """Without --json the first line is the verdict, the reasons follow."""
    printed = _explain(tmp_path, str(REPLIES / "do_not_approve.eml")).stdout.splitlines()
    assert "reply, unclear → clarify" in printed[0]
    assert any("·" in line for line in printed)


def test_an_unreadable_file_is_one_sentence(tmp_path: Path) -> None:
    """The other files are explained all the same; the exit code says that one could not be read."""
    done = _explain(tmp_path, "--json", str(tmp_path / "none.eml"), str(REPLIES / "do_not_approve.eml"))
    assert done.returncode == 3
    assert len(done.stdout.splitlines()) == 1
    assert "cannot be read" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_configuration_that_is_wrong_is_said(tmp_path: Path) -> None:
    """Mails are not explained under defaults where a configuration was meant."""
    (tmp_path / "config.toml").write_text("[mailgate]\nnames = 'x'\n")
    done = _explain(tmp_path, str(REPLIES / "do_not_approve.eml"))
    assert (done.returncode, done.stdout) == (2, "")
    assert "[mailgate] names is not a known key" in done.stderr


def _explain(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mailgate", "explain", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=folder,
    )
