"""What the holder of the log key can write, and what finds it: the replay, and checkpoints that have left the house."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from mailgate.audit.verdicts import Verdict
from mailgate.model.findings import Kind
from mailgate.model.notes import parse_proof
from mailgate.model.records import Record
from tests.audit.cloning import Change, Cloner
from tests.audit.forgeries import FORGERIES, Forgery, Predicate, Rewrite, fits
from tests.audit.mails import open_mail
from tests.audit.story import Told
from tests.audit.tampers import items_of, verified


@pytest.fixture(scope="session")
def histories(told: Told) -> list[Sequence[Record]]:
    """Return the records of each request of the story."""
    found: dict[str, list[Record]] = {}
    for raw in told.archive:
        for record in open_mail(raw).records():
            found.setdefault(record.request, []).append(record)
    return [sorted(records, key=lambda r: r.index) for request, records in found.items() if request]


def rewriting(rewrites: Mapping[tuple[int, int], Rewrite]) -> Change:
    """Return the hand that rewrites records by copy and index."""

    def change(copy: int, index: int, said: Predicate) -> Predicate | None:
        rewrite = rewrites.get((copy, index))
        return rewrite(said) if rewrite else said

    return change


@pytest.mark.parametrize("forgery", FORGERIES, ids=lambda forgery: forgery.name)
def test_a_history_that_cannot_be_is_found(told: Told, histories: list[Sequence[Record]], forgery: Forgery) -> None:
    """Though every record is proven, and nothing is missing."""
    history = next(records for records in histories if fits(forgery, records))
    rewrites = {(0, index): rewrite for index, rewrite in forgery.rewrite(history).items()}
    report = verified(items_of(Cloner(told, change=rewriting(rewrites)).tell(1)), told.vkey)
    found = [one for one in report.found if one.kind is forgery.kind]
    assert {one.request for one in found} == {history[0].request}
    assert {one.request for one in report.found} == {history[0].request}
    assert report.verdict is Verdict.TAMPERED


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_many_forgeries_at_once_are_all_found(
    told: Told, histories: list[Sequence[Record]], capsys: pytest.CaptureFixture[str]
) -> None:
    """Three hundred of each, in archives of several hundred mails; the table is printed."""
    chance = random.Random(3)
    with capsys.disabled():
        print(f"\n{'forgery':42} {'done':>5} {'named':>5}   kind")
        for forgery in FORGERIES:
            fitting = [records for records in histories if fits(forgery, records)]
            done = named = 0
            while done < 300:
                picked = [chance.choice(fitting) for _ in range(25)]
                rewrites = {
                    (copy, index): rewrite
                    for copy, records in enumerate(picked)
                    for index, rewrite in forgery.rewrite(records).items()
                }
                report = verified(items_of(Cloner(told, change=rewriting(rewrites)).tell(25)), told.vkey)
                done += len(picked)
                named += len({one.request for one in report.found if one.kind is forgery.kind})
            print(f"{forgery.name:42} {done:5} {named:5}   {forgery.kind}")
            assert named == done


@pytest.mark.parametrize("seed", range(10))
def test_history_written_anew_is_a_fork(told: Told, seed: int) -> None:
    """One record is changed and everything signed again: only a checkpoint that has left the house shows it."""
    chance = random.Random(seed)
    honest = Cloner(told)
    mails = list(honest.tell(1))
    noted = [parse_proof(open_mail(raw).evidence["records"][0]["proof"]).checkpoint for raw in mails]
    changed = chance.randrange(1, 60)
    expected = chance.choice([note for note in noted if int(note.split("\n")[1]) > changed])

    def change(copy: int, index: int, said: dict[str, Any]) -> dict[str, Any]:
        return said | {"note": "it was otherwise"} if index == changed else said

    anew = list(Cloner(told, change=change).tell(1))
    assert verified(items_of(anew), told.vkey).verdict is Verdict.COMPLETE
    report = verified(items_of(anew), told.vkey, expected=[expected])
    assert (report.verdict, set(report.counts)) == (Verdict.TAMPERED, {Kind.FORK})
    elsewhere = [raw for raw, note in zip(mails, noted, strict=True) if note == expected]
    assert Kind.FORK in verified(items_of([*anew, *elsewhere]), told.vkey).counts


def test_the_key_of_another_log_proves_nothing(told: Told) -> None:
    """An expected checkpoint has to be signed by the log's key, too."""
    note = Cloner(told)
    list(note.tell(1))
    forged = note.checkpoints[-1].replace("\n— gate.example.com/approvals ", "\n— gate.example.com/approvals AAAA", 1)
    with pytest.raises(ValueError):
        verified(items_of(told.archive), told.vkey, expected=[forged])
