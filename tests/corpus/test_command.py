"""What `make corpus` writes, and how it reads samples from outside the project."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.corpus import __main__ as command
from tests.corpus.reading import Expected, Result, figures
from tests.corpus.samples import read_samples
from tests.corpus.summary import confusion, markdown, rows


def result(means: str, said: str, *, kind: str = "reply", clear: bool = True) -> Result:
    """Return a mail that was meant and read so."""
    expected = Expected(group="a client", kind=kind, means=means, clear=clear)
    found = {"kind": kind, "verdict": said, "level": "aligned", "would": "count", "because": []}
    return Result(name="a", expected=expected, found=found)


def test_rows_are_those_that_others_read() -> None:
    """Each has name, value, unit, beside and ratio; mails, false approves, false rejects and asked again are there."""
    found = {row["name"]: row for row in rows([result("approve", "approve"), result("reject", "unclear")])}
    assert {name: found[name]["value"] for name in ("mails", "false approves", "false rejects", "asked again")} == {
        "mails": 2,
        "false approves": 0,
        "false rejects": 0,
        "asked again": 1,
    }
    assert found["a client: asked again"]["value"] == 1
    assert all(row.keys() == {"name", "value", "unit", "beside", "ratio"} for row in found.values())


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (result("unclear", "approve"), "1 approvals were read that nobody gave"),
        (result("reject", "approve"), "1 approvals were read that nobody gave"),
        (result("unclear", "reject"), "1 rejections were read that nobody gave"),
        (result("none", "reject", kind="auto_reply"), "1 verdicts were read in automatic mail"),
        (result("approve", "unclear"), "only 98.0% of clear rejections"),
    ],
)
def test_a_figure_that_is_missed_is_said(wrong: Result, sentence: str) -> None:
    """One false approval among hundreds of right readings is enough; asking again is not, up to a point."""
    right = [result("approve", "approve")] * 99 + [result("reject", "reject")] * 99
    missed = figures([*right, wrong]).missed()
    assert (sentence in missed) or (wrong.asked_again and missed == [])
    assert figures([*right, *[result("approve", "unclear")] * 9]).missed() != []


def test_the_table_has_meanings_as_rows_and_readings_as_columns() -> None:
    """For a terminal and for a page."""
    table = confusion([result("approve", "approve"), result("none", "none", kind="bounce")])
    assert [row[0] for row in table] == ["meant as", "approve", "machine"]
    assert markdown(table).splitlines()[2].startswith("| approve | 1 |")


def test_samples_are_read_with_expectations_or_without(tmp_path: Path) -> None:
    """Mails and bodies, in folders too; what nobody expected anything of is only counted."""
    (tmp_path / "deep").mkdir()
    (tmp_path / "yes.txt").write_text("APPROVE\n\n> quoted\n")
    (tmp_path / "deep" / "no.html").write_text("<p>REJECT: dear</p>")
    (tmp_path / "deep" / "away.eml").write_text("From: a@b.example\nAuto-Submitted: auto-replied\n\nAPPROVE\n")
    (tmp_path / "deep" / "expectations.json").write_text(json.dumps({"no": {"verdict": "reject"}}))
    (tmp_path / "LICENSE").write_text("APPROVE")
    found = {r.name: (r.expected.group, r.found["kind"], r.said) for r in read_samples(tmp_path)}
    assert found == {
        "yes.txt": ("unknown", "reply", "unclear"),
        "deep/no.html": ("samples", "reply", "reject"),
        "deep/away.eml": ("unknown", "auto_reply", "none"),
    }


def test_samples_that_are_misread_are_a_missed_figure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A false approval in a folder of somebody's own counts; every approval without an expectation is shown."""
    (tmp_path / "yes.txt").write_text("APPROVE\n")
    assert command._extra(tmp_path) == []
    assert "read as approve: yes.txt: 'APPROVE'" in capsys.readouterr().out
    (tmp_path / "expected.json").write_text(json.dumps({"yes": {"verdict": "unclear"}}))
    assert "1 approvals were read that nobody gave" in command._extra(tmp_path)
