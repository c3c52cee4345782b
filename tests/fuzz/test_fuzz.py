"""A short run of the fuzzer, always the same, and what the oracle itself is worth."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import unavailable
from tests.corpus.reading import MAILS, expectations
from tests.fuzz.oracle import could_approve, vouched_in_the_open
from tests.fuzz.targets import TARGETS

PYTHON_OF_CI = (3, 11)
ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def fuzzer() -> None:
    """Make sure that atheris is there. It has wheels for few Pythons; CI's is one of them."""
    if importlib.util.find_spec("atheris") is None:
        if sys.version_info[:2] == PYTHON_OF_CI:
            unavailable("Fuzzing needs atheris; run: make setup")
        pytest.skip(f"atheris has no wheel for Python {sys.version_info[0]}.{sys.version_info[1]}")


@pytest.mark.parametrize("target", TARGETS)
def test_no_input_of_a_short_run_breaks_a_promise(fuzzer: None, target: str) -> None:
    """Two hundred inputs from a fixed seed: no exception but MailUnreadable, no approval that the bytes do not hold."""
    command = [sys.executable, "-m", "tests.fuzz", "--runs", "200", "--seed", "7", "--seeds", "25", "--target", target]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "number_of_executed_units: 200" in done.stdout


@pytest.mark.parametrize("target", TARGETS)
def test_the_promises_hold_for_stored_mails(target: str) -> None:
    """The seeds themselves, every fifth in whole; what fuzzing begins with is not a finding."""
    for path in sorted(MAILS.glob("*.eml"))[::5]:
        TARGETS[target](path.read_bytes())


def test_the_oracle_knows_the_approvals_of_the_corpus() -> None:
    """It is too generous, never too strict: an approval that it would miss would stop the fuzzer for nothing."""
    approvals = [name for name, told in expectations().items() if told.reads == "approve" and not told.words][::3]
    assert [name for name in approvals if not could_approve((MAILS / f"{name}.eml").read_bytes())] == []


@pytest.mark.parametrize(
    "raw", [b"", b"do not approve", b"approve it", b"APPR0VE", b"QVBQUk9WRSBpdA==", "аpprove".encode()]
)
def test_the_oracle_is_no_yes_sayer(raw: bytes) -> None:
    """What holds no line that is the word is refused, in base64 as well."""
    assert not could_approve(raw)


def test_the_oracle_of_fields_sees_comments_and_strings() -> None:
    """What stands in them was chosen by whoever sent the mail."""
    assert vouched_in_the_open("mx; dmarc = pass header.from=a")
    assert not vouched_in_the_open('mx; dmarc=fail (dmarc=pass) x="dmarc=pass"')
