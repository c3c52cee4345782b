"""Read mails as `mailgate explain` does, compare with what was expected, and count. Nothing is printed here."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from mailgate.config import Config
from mailgate.explaining import Explainer
from tests.corpus.envelope import SERVER, Mail
from tests.corpus.ours import SENDER
from tests.corpus.people import WRITERS

FOLDER = Path(__file__).parent
MAILS = FOLDER / "mails"
EXPECTATIONS = FOLDER / "expectations.json"

DECIDED = ("approve", "reject")
SAID = ("approve", "reject", "question", "undo", "unclear", "none")
"""What a mail can say, in the order of the table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a mail of the corpus is, in which group it counts, and what a person reads in it (see `envelope.Mail`)."""

    group: str
    language: str = "en"
    kind: str = "reply"
    level: str = "aligned"
    means: str = "none"
    clear: bool = False
    read: str = ""
    why: str = ""
    would: str = ""
    words: tuple[str, ...] = ()

    @property
    def reads(self) -> str:
        """What mailgate is expected to read."""
        return self.read or self.means


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One mail, as it was read."""

    name: str
    expected: Expected
    found: dict[str, Any]

    @property
    def said(self) -> str:
        """The verdict, one of :data:`SAID`."""
        return str(self.found["verdict"])

    @property
    def differs(self) -> str:
        """Say where what was read is not what was expected, or nothing."""
        wanted = {"kind": self.expected.kind, "level": self.expected.level, "verdict": self.expected.reads}
        if self.expected.would:
            wanted["would"] = self.expected.would
        wrong = [
            f"{key} {self.found[key]} instead of {value}" for key, value in wanted.items() if self.found[key] != value
        ]
        return f"{self.name}: {', '.join(wrong)} ({'; '.join(self.found['because'])})" if wrong else ""

    @property
    def says_nothing_either_way(self) -> bool:
        """Whether nothing was meant and nothing read, by whatever name: both are asked about in the same way."""
        return {self.expected.reads, self.said} <= {"none", "unclear"}

    @property
    def falsely_approved(self) -> bool:
        """Whether a yes was read that nobody gave: the one mistake that must not happen."""
        return self.said == "approve" and self.expected.means != "approve"

    @property
    def falsely_rejected(self) -> bool:
        """Whether a no was read that nobody gave."""
        return self.said == "reject" and self.expected.means != "reject"

    @property
    def asked_again(self) -> bool:
        """Whether somebody decided clearly and is asked once more."""
        return self.expected.clear and self.said in ("unclear", "none")

    @property
    def by_a_machine(self) -> bool:
        """Whether a verdict was read in a mail that no person wrote."""
        return self.expected.kind != "reply" and self.said != "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """The counts of a set of results; rates are from 0 to 1, and 1 where there is nothing to count."""

    mails: int
    false_approves: int
    false_rejects: int
    by_machines: int
    asked_again: int
    approvals: int
    approvals_counted: int
    rejections: int
    rejections_counted: int

    @property
    def approval_rate(self) -> float:
        """The part of clear approvals that are counted at once."""
        return self.approvals_counted / self.approvals if self.approvals else 1.0

    @property
    def rejection_rate(self) -> float:
        """The part of clear rejections that are counted at once."""
        return self.rejections_counted / self.rejections if self.rejections else 1.0

    def missed(self) -> list[str]:
        """Return the figures that are not what is promised, one sentence each."""
        wanted = (
            (self.false_approves == 0, f"{self.false_approves} approvals were read that nobody gave"),
            (self.false_rejects == 0, f"{self.false_rejects} rejections were read that nobody gave"),
            (self.by_machines == 0, f"{self.by_machines} verdicts were read in automatic mail"),
            (
                self.approval_rate >= 0.97,
                f"only {self.approval_rate:.1%} of clear approvals are counted at once, not 97%",
            ),
            (
                self.rejection_rate >= 0.98,
                f"only {self.rejection_rate:.1%} of clear rejections are counted at once, not 98%",
            ),
        )
        return [sentence for holds, sentence in wanted if not holds]


def figures(results: Iterable[Result]) -> Figures:
    """Count."""
    found = list(results)
    clear = {means: [r for r in found if r.expected.clear and r.expected.means == means] for means in DECIDED}
    return Figures(
        mails=len(found),
        false_approves=sum(r.falsely_approved for r in found),
        false_rejects=sum(r.falsely_rejected for r in found),
        by_machines=sum(r.by_a_machine for r in found),
        asked_again=sum(r.asked_again for r in found),
        approvals=len(clear["approve"]),
        approvals_counted=sum(r.said == "approve" for r in clear["approve"]),
        rejections=len(clear["reject"]),
        rejections_counted=sum(r.said == "reject" for r in clear["reject"]),
    )


def matrix(results: Iterable[Result]) -> Counter[tuple[str, str]]:
    """Count pairs of what was meant and what was read; mail of machines means ``machine``."""
    return Counter((r.expected.means if r.expected.kind == "reply" else "machine", r.said) for r in results)


def by_group(results: Iterable[Result]) -> dict[str, list[Result]]:
    """Return results by group, in the order in which groups first occur."""
    groups: dict[str, list[Result]] = {}
    for result in results:
        groups.setdefault(result.expected.group, []).append(result)
    return groups


def expectations(path: Path = EXPECTATIONS) -> dict[str, Expected]:
    """Return the expectations by the name of the mail."""
    found = json.loads(path.read_text(encoding="utf-8"))
    return {name: Expected(**{**told, "words": tuple(told.get("words", ()))}) for name, told in found.items()}


def expected_of(mail: Mail) -> Expected:
    """Return what is expected of a mail that was just made."""
    return Expected(**{name: getattr(mail, name) for name in Expected.__dataclass_fields__})


def stored_results() -> list[Result]:
    """Read every stored mail."""
    return list(
        read((name, (MAILS / f"{name}.eml").read_bytes(), expected) for name, expected in expectations().items())
    )


def read(mails: Iterable[tuple[str, bytes, Expected]]) -> Iterator[Result]:
    """Yield what `mailgate explain` finds in each mail, with the words of its languages turned on."""
    for name, raw, expected in mails:
        yield Result(name=name, expected=expected, found=explainer(expected.words or ("en",)).explain(raw))


@cache
def explainer(languages: Sequence[str]) -> Explainer:
    """Return an explainer for a deployment that knows the people of the corpus."""
    people = {language: {"name": writer.name, "address": writer.address} for language, writer in WRITERS.items()}
    config = Config.model_validate(
        {
            "smtp": {"from": f"Approvals <{SENDER}>"},
            "imap": {"authserv_id": SERVER},
            "people": people,
            "answers": {"languages": languages},
        }
    )
    return Explainer(config, None)
