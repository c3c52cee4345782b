"""`mailgate audit search`: one line a request, with the mail to look at, while the archive is being read."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from mailgate.audit.reading import Item
from mailgate.audit.searching import Wanted, search
from mailgate.cli.app import app
from tests.archive.kept import Kept


def found(kept: Kept, *words: str) -> set[str]:
    """Return which requests are found, by what became of them."""
    shown = CliRunner().invoke(app, ["audit", "search", str(kept.archive), *words, "--json"])
    assert shown.exit_code == 0, shown.output
    names = {request: name for name, request in kept.requests.items()}
    return {names[json.loads(line)["request"]] for line in shown.stdout.splitlines()}


ALL = {"run", "rejected", "failed", "withdrawn", "expired", "open"}


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ((), ALL),
        (("--approver", "alice"), {"failed"}),
        (("--approver", "BOB@example.com"), {"run", "rejected", "failed", "withdrawn"}),
        (("--approver", "Alice Adams"), {"failed"}),
        (("--approver", "mallory"), set()),
        (("--gate", "pay"), {"run", "rejected", "expired"}),
        (("--outcome", "rejected"), {"rejected"}),
        (("--outcome", "pending"), {"open"}),
        (("--level", "link+code"), {"failed", "withdrawn"}),
        (("--text", "zerodivision"), {"failed"}),
        (("--text", "which CHARGE"), {"run"}),
        (("--text", "charged twice"), {"run"}),
        (("--text", '"order":"A-5"'), {"expired"}),
        (("--since", "2026-11-24T10:00"), {"expired", "open"}),
        (("--until", "2026-11-24T09:01:00Z"), {"run"}),
        (("--gate", "pay", "--outcome", "succeeded", "--level", "aligned"), {"run"}),
    ],
    ids=" ".join,
)
def test_requests_are_found(kept: Kept, words: tuple[str, ...], names: set[str]) -> None:
    """By who answered, the gate, what came of it, when, how well proven, and by words; all that is asked for must hold."""
    assert found(kept, *words) == names


def test_a_line_names_the_mail_to_look_at(kept: Kept) -> None:
    """Which is the one that says how it ended."""
    shown = CliRunner().invoke(app, ["audit", "search", str(kept.archive), "--outcome", "failed"])
    [line] = shown.stdout.splitlines()
    assert "failed        pay_twice            Alice Adams: yes (link+code), Bob Brown: yes (link+code)" in line
    place = line.rpartition("look at archive/")[2]
    assert kept.requests["failed"][:6].upper().encode() in (kept.archive / place).read_bytes()


def test_what_was_taken_back_is_said_to_be(kept: Kept) -> None:
    """An answer that does not stand is not passed over."""
    shown = CliRunner().invoke(app, ["audit", "search", str(kept.archive), "--outcome", "withdrawn"])
    assert "Bob Brown: yes (link+code), taken back" in shown.stdout


def test_what_ended_is_told_while_the_rest_is_read(kept: Kept) -> None:
    """Nothing is kept back for a later mail; each request is told once, however often it is met."""
    read = 0

    def items() -> Iterator[Item]:
        nonlocal read
        for number, raw in enumerate([*kept.mails, *kept.mails]):
            read += 1
            yield Item(place=f"mail {number}", raw=raw)

    hits = search(items(), Wanted())
    first = next(hits)
    assert first.case.request == kept.requests["run"]
    assert read < len(kept.mails)
    assert sorted([first.case.request, *(hit.case.request for hit in hits)]) == sorted(kept.requests.values())


def test_a_time_that_is_none_is_said_to_be_none(kept: Kept) -> None:
    """With what to write instead."""
    shown = CliRunner().invoke(app, ["audit", "search", str(kept.archive), "--since", "yesterday"])
    assert "--since: 'yesterday' is not a time" in shown.stderr
