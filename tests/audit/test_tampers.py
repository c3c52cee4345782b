"""The tamper campaign: everything somebody without the log key may do to an archive is found, and called by its name."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest

from mailgate.audit.domains import check_dkim
from mailgate.audit.verdicts import Report, Verdict
from tests.audit.story import Told
from tests.audit.tampers import TAMPERS, Expected, Scene, Tamper, delete_a_seal, items_of, verified
from tests.audit.tampers import change_the_list_of_a_seal as change_a_list

AT_ONCE = 10
"""Tampers of one archive at the same time, each of another thread."""

MANY = 300


def tampered(mails: Sequence[bytes], vkey: str, tamper: Tamper, seed: int) -> tuple[list[Expected], Report]:
    """Tamper with an archive in several places; return what must be found, and what is."""
    scene = Scene(list(mails), random.Random(seed))
    times = 1 if tamper in (delete_a_seal, change_a_list) else AT_ONCE
    expected = [one for _ in range(times) for one in tamper(scene)]
    return expected, verified(scene.items(), vkey, check_dkim=check_dkim)


def test_the_archive_is_complete_before(archive: list[bytes], told: Told) -> None:
    """Nothing was done to it, and nothing is found."""
    report = verified(items_of(archive), told.vkey, check_dkim=check_dkim)
    assert (report.verdict, report.counts, report.unread) == (Verdict.COMPLETE, {}, ())
    assert report.records == report.size > len(archive)


@pytest.mark.parametrize("tamper", TAMPERS, ids=lambda tamper: tamper.__name__)
def test_it_is_found_and_named(archive: list[bytes], told: Told, tamper: Tamper) -> None:
    """Each of ten places, by the right finding, at the right record or mail."""
    expected, report = tampered(archive, told.vkey, tamper, seed=1)
    assert [one for one in expected if not one.is_in(report)] == []
    assert report.verdict is Verdict.TAMPERED


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_all_of_many_are_found_and_named(long_story: Told, capsys: pytest.CaptureFixture[str]) -> None:
    """Three hundred of each, in an archive that the rig itself told; the table is printed."""
    missed: list[tuple[str, int, Expected]] = []
    with capsys.disabled():
        print(f"\n{'tamper':42} {'done':>5} {'named':>5}   other findings beside the expected ones")
        for tamper in TAMPERS:
            done = named = 0
            beside: dict[str, int] = {}
            for seed in range(10_000):
                expected, report = tampered(long_story.archive, long_story.vkey, tamper, seed)
                wrong = [(tamper.__name__, seed, one) for one in expected if not one.is_in(report)]
                missed += wrong
                done, named = done + len(expected), named + len(expected) - len(wrong)
                meant = {one.kind for one in expected}
                for kind in report.counts.keys() - meant:
                    beside[kind.value] = beside.get(kind.value, 0) + report.counts[kind]
                if done >= MANY:
                    break
            print(f"{tamper.__name__:42} {done:5} {named:5}   {beside or ''}")
    assert missed == []
