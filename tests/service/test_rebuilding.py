"""A database from the archive answers what the lost one did, and lets nothing run that nobody vouches for."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings

from mailgate.audit.verdicts import Verdict
from mailgate.mail.templates import Templates
from mailgate.model.records import Record
from mailgate.model.verdict import Verdict as Answer
from mailgate.service import rebuilding
from mailgate.service.policies import settle_in
from mailgate.service.redacting import redact
from mailgate.service.reopening import Reopened
from mailgate.service.sealing import seal
from mailgate.store.tables import Event, Node, Request
from tests.service.conftest import RigMaker
from tests.service.histories import HISTORIES, SECTIONS, play
from tests.service.rebuilt import ARCHIVE, KEYS, archived, decisions_in, decisions_of, rebuild_from, table_of
from tests.service.rig import Place, Rig
from tests.service.test_sealing import evidence

History = Sequence[tuple[str, int]]


@pytest.fixture
def asked_of_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave open requests as they stood, so that all tables can be compared."""
    nothing = Reopened(asked_again=0, in_doubt=0, without_state=0)
    monkeypatch.setattr(rebuilding, "reopen", lambda *_, **__: nothing)


def compare(places: list[Place], database: Path, templates: Templates, moves: History) -> None:
    """Play a history, make a database from its archive, and compare every table, and what auditors get of each."""
    rigs = []
    for place in places:
        place.clear(database)
        rigs.append(Rig(place, templates, SECTIONS))
    lived, rebuilt = rigs
    try:
        play(lived, moves)
        mails = archived(lived)
        _, report = rebuild_from(mails, rebuilt)
        assert report.verdict is Verdict.COMPLETE, report.found
        for table in KEYS:
            assert table_of(rebuilt, table) == table_of(lived, table), table.__tablename__
        assert decisions_in(mails, lived.working.verifier.vkey) == decisions_of(lived) == decisions_of(rebuilt)
    finally:
        for rig in rigs:
            rig.close()


@pytest.mark.usefixtures("asked_of_nobody")
@pytest.mark.parametrize("examples", [2, pytest.param(50, marks=[pytest.mark.slow, pytest.mark.timeout(1800)])])
def test_every_table_is_as_it_was(
    places: list[Place], empty_database: Path, shipped_templates: Templates, examples: int
) -> None:
    """Whatever happened: from the archive alone every table comes back, but for what is declared."""

    @settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=examples < 50,
        suppress_health_check=list(HealthCheck),
    )
    @given(moves=HISTORIES)
    def compared(moves: History) -> None:
        compare(places, empty_database, shipped_templates, moves)

    compared()


@pytest.fixture
def two(make_rig: RigMaker) -> tuple[Rig, Rig]:
    """Make a rig that lives, and an empty one."""
    lived, empty = (make_rig(archive={"address": ARCHIVE}) for _ in range(2))
    with lived.serving.store.write() as tx:
        settle_in(tx, lived.serving)
    lived.keeper()
    return lived, empty


def carried(rig: Rig, raw: bytes) -> list[Record]:
    """Return the records that a mail carries."""
    return [rig.working.verifier.read(b64decode(e["record"]), e["proof"]) for e in evidence(raw)["records"]]


def test_what_was_erased_by_authority_is_left_out(two: tuple[Rig, Rig]) -> None:
    """A request of which a record was erased is not made up; everything else is there, and the tree is whole."""
    lived, empty = two
    kept, gone = lived.ask(args={"order": "1"}), lived.ask(args={"order": "2"})
    lived.press(gone, "bob", Answer.REJECT)
    lived.keeper()
    indices = [e.position or 0 for e in lived.rows(Event, request_id=gone)]
    redact(lived.serving, indices, reason="Art. 17 GDPR", by="oscar")
    lived.keeper()
    with lived.serving.store.write() as tx:
        seal(tx, lived.serving)
    lived.keeper()
    mails = [raw for raw in archived(lived) if gone not in {record.request for record in carried(lived, raw)}]
    done, _ = rebuild_from(mails, empty)
    assert (done.requests, done.left_out) == (1, 1)
    assert [r.id for r in empty.rows(Request)] == [kept]
    assert table_of(empty, Node) == table_of(lived, Node)


def test_a_record_that_is_missing_stops_it(two: tuple[Rig, Rig]) -> None:
    """Nothing says what it was: no database is made of the rest."""
    lived, empty = two
    lived.press(lived.ask(), "bob")
    lived.keeper()
    with pytest.raises(AssertionError, match="are in none of these mails: 0, 1, 2"):
        rebuild_from(archived(lived)[1:], empty)


def test_a_copy_in_a_later_mail_makes_good_for_a_missing_one(two: tuple[Rig, Rig]) -> None:
    """The record is there again, and rides in the next mail to the archive, which has lost it."""
    lived, empty = two
    lived.ask(args={"order": "1"})
    lost = lived.ask(args={"order": "2"})
    lived.press(lost, "bob", Answer.REJECT)
    lived.keeper()
    first, _, third = archived(lived)
    rebuild_from([first, third], empty)
    assert [(e.kind, e.request_id) for e in empty.rows(Event, archived=False) if e.position] == [("request", lost)]
