"""No false alarms: what mail systems do to mails on their way and in archives, none of which may be a finding."""

from __future__ import annotations

import pytest

from mailgate.audit.domains import check_dkim
from mailgate.audit.verdicts import Verdict
from tests.audit.benign import BENIGN, Benign
from tests.audit.story import Told
from tests.audit.tampers import items_of, verified

UNCHANGED = {"eight_bit"}
"""What leaves some mails as they were, because nothing in them needs a coding."""


@pytest.mark.parametrize("benign", BENIGN, ids=lambda benign: benign.__name__)
def test_it_does_not_alarm(told: Told, benign: Benign) -> None:
    """Neither in the archive's mails nor in people's own, which were given together."""
    mails = [*told.archive, *told.people[::4]]
    changed = list(benign(mails))
    assert benign.__name__ in UNCHANGED or changed != mails
    report = verified(items_of(changed), told.vkey, check_dkim=check_dkim)
    assert (report.verdict, dict(report.counts), report.unread) == (Verdict.COMPLETE, {}, ())


def test_several_at_once_do_not_alarm(archive: list[bytes], told: Told) -> None:
    """A banner, a mark and a relay, wrapped by a journal, in any order."""
    names = ("banner_around", "marked_external", "sent_by_ses", "journaled", "shuffled", "doubled")
    for name in names:
        archive = list(next(b for b in BENIGN if b.__name__ == name)(archive))
    assert verified(items_of(archive), told.vkey).verdict is Verdict.COMPLETE


def test_there_are_many_of_them() -> None:
    """At least seventeen, each another."""
    assert len({benign.__name__ for benign in BENIGN}) == len(BENIGN) >= 17
