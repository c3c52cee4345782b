"""The keeper's log: what becomes a record, in which order, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mailgate.model.evidence import build_record
from mailgate.model.notes import parse_proof
from mailgate.service.execute import report, run
from mailgate.service.ledger import let_guard_see
from mailgate.service.resume import claim_own, resume
from mailgate.service.sequence import BATCH, sequence
from mailgate.store.tables import Event
from tests.service.conftest import RigMaker
from tests.service.forging import canonical, event_row, half_unrecorded
from tests.service.rig import Rig
from tests.service.test_sealing import evidence

LONG = "2030-01-01T00:00:00.000Z"


def positions(rig: Rig) -> list[int]:
    """Return the indices of the log, in order."""
    return sorted(e.position for e in rig.rows(Event) if e.position is not None)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("resumed", {"actor": {}, "outcome": "approved"}),
        ("resumed", {"actor": {}, "outcome": "succeeded"}),
        ("executing", {"actor": {}, "attempt": 1, "outcome": "approved", "valid_until": LONG}),
        ("executing", {"actor": {}, "attempt": 1, "approver": {"name": "Bob Brown"}}),
        ("resume_failed", {"actor": {}, "valid_until": LONG}),
        ("outcome", {"actor": {}, "attempt": 1}),
        ("outcome", {"actor": {}, "attempt": 1, "outcome": "rejected"}),
        ("outcome", {"actor": {}, "attempt": 1, "outcome": ["succeeded"]}),
        ("outcome", {"actor": {}, "attempt": 1, "outcome": "failed"}),
        ("cancelled", {"actor": {}, "outcome": "cancelled"}),
        ("cancelled", {"actor": {}, "outcome": "expired"}),
        ("resumed", []),
        ("resumed", "text"),
    ],
    ids=str,
)
def test_agents_say_only_what_they_have_a_say_in(rig: Rig, kind: str, body: Any) -> None:
    """The log key's word stands behind no record by which the agents' side would decide, date or end what is not theirs."""
    request_id = rig.approved()
    before = positions(rig)
    rig.insert("events", **(event_row(rig, request_id, kind=kind) | {"body": canonical(body)}))

    rig.keeper()

    event = rig.row(Event, id="evil")
    assert (event.position, event.record) == (None, None)
    assert "this" in event.refused
    assert rig.request(request_id).note == event.refused
    assert positions(rig) == before
    assert len(rig.notices()) == 1


def test_agents_resume_nothing_that_has_not_ended(rig: Rig) -> None:
    """That an agent was resumed is no record before there is an end to resume it with."""
    request_id = rig.ask()
    rig.insert("events", **event_row(rig, request_id, kind="resumed", body={"actor": {"agent": "support"}}))

    rig.keeper()

    assert "has not ended" in rig.row(Event, id="evil").refused


def test_agents_cannot_cancel_what_was_approved(rig: Rig) -> None:
    """An approval stands though somebody writes that it was cancelled."""
    request_id = rig.approved()
    rig.forge("update requests set state = 'cancelled'")
    rig.insert("events", **event_row(rig, request_id, kind="cancelled", body={"actor": {}, "outcome": "cancelled"}))

    rig.keeper()

    assert "was approved" in rig.row(Event, id="evil").refused
    assert rig.resume() is None


def test_refused_event_orders_no_mail(rig: Rig) -> None:
    """What a refused event would have brought about is undone: nobody gets a receipt of it."""
    request_id = half_unrecorded(rig)
    rig.forge("update assignments set address = 'mallory@evil.example' where person = 'bob'")

    rig.keeper()

    [event] = rig.rows(Event, kind="decision")
    assert "not made by the serving side" in event.refused
    assert rig.mails("receipt") == []
    assert rig.kinds(request_id) == ["request"]


@pytest.mark.parametrize("ahead", [2, 3, 1_000_000])
def test_position_that_the_keeper_did_not_give_is_taken_away(rig: Rig, ahead: int) -> None:
    """A row that claims the newest position tears no hole into the log, whatever it claims to be."""
    request_id = rig.ask()
    rig.insert("events", **(event_row(rig, request_id) | {"position": ahead}))
    rig.mg.cancel(request_id)

    rig.keeper()

    assert positions(rig) == [0, 1, 2]
    assert rig.kinds(request_id) == ["request", "cancelled"]
    assert rig.row(Event, id="evil").refused


def test_record_that_was_moved_goes_back(rig: Rig, logs: list[Any]) -> None:
    """An honest record that was given another position gets its own back, bytes and all."""
    request_id = rig.ask()
    honest = rig.row(Event, kind="request")
    rig.forge("update events set position = 5000 where kind = 'request'")

    rig.keeper()
    rig.press(request_id, "bob")
    rig.keeper()

    assert positions(rig) == [0, 1, 2]
    assert rig.row(Event, kind="request").record == honest.record
    assert "forged" in {entry["event"] for entry in logs}


def test_copy_of_a_record_gets_no_place_of_its_own(rig: Rig) -> None:
    """A copy of an honest record further on is no record."""
    request_id = rig.ask()
    rig.copy("events", {"request_id": request_id}, id="evil", position=5000)
    rig.submit(args={"order": "A-2"})

    rig.keeper()

    assert positions(rig) == [0, 1, 2]
    assert "opened before" in rig.row(Event, id="evil").refused


def test_event_of_ours_whose_position_was_taken_is_recorded(rig: Rig) -> None:
    """A position written onto an honest event does not keep it from becoming a record."""
    request_id = rig.ask()
    rig.press(request_id, "bob")
    rig.forge("update events set position = 77 where kind = 'decision'")

    rig.keeper()

    assert rig.kinds(request_id) == ["request", "decision"]
    assert positions(rig) == [0, 1, 2]
    assert rig.execute() is not None


def test_log_grows_in_batches_without_holes(rig: Rig) -> None:
    """However many events wait, each becomes one record, a batch at a time, in the order in which they happened."""
    for number in range(BATCH + 5):
        rig.submit(args={"order": f"A-{number}"})

    with rig.serving.store.write() as tx:
        assert sequence(tx, rig.serving) == BATCH
    let_guard_see(rig.serving)
    rig.keeper()

    events = sorted(rig.rows(Event, kind="request"), key=lambda e: e.at)
    assert [e.position for e in events] == list(range(1, BATCH + 6))


def test_record_says_what_the_event_said(rig: Rig) -> None:
    """A record carries its event's own time and words, and what the keeper ruled."""
    request_id = rig.ask(on_behalf_of="carol@example.com")
    event = rig.row(Event, kind="request")

    record = rig.working.verifier.read(event.record or b"", event.proof)

    assert (record.event, record.request, record.at) == ("request", request_id, event.at)
    assert record.digest == rig.request(request_id).digest
    assert record.body["actor"] == {"agent": "support", "run": "run-1", "on_behalf_of": "carol@example.com"}
    assert record.body["to"] == ["bob@example.com"]
    assert record.body["policy"] == (rig.request(request_id).policy or b"").hex()


def test_names_of_every_record_are_the_keepers(rig: Rig) -> None:
    """Nothing that an event says hides the log's name, index, kind, request or time of its record."""
    body = {"index": 99, "event": "decision", "request": "other", "log": "other", "time": "never", "reason": "x"}
    record = json.loads(
        build_record(
            log="log",
            index=1,
            event="away",
            request="r",
            seq=0,
            digest=b"",
            nonce=b"n" * 16,
            at=rig.clock.at,
            body=body,
        )
    )

    predicate = record["predicate"]
    assert (predicate["index"], predicate["event"], predicate["request"]) == (1, "away", "r")
    assert (predicate["log"], predicate["reason"]) == ("log", "x")


def test_no_checkpoint_reaches_the_archive_before_its_records(make_rig: RigMaker) -> None:
    """However events come together: of the tree that an archive mail names, the archive has every leaf by then."""
    rig = make_rig(archive={"address": "archive@gate.example.com"})
    rig.approved()
    claim = rig.claim()
    assert claim is not None
    done = run(claim, rig.shop.actions["pay"])
    assert report(rig.working, claim, done, "w1")
    handlers = {"support": rig.shop.go_on}
    outcome = claim_own(rig.working, claim.request_id, done, handlers, "w1", rig.once)
    assert outcome is not None
    assert resume(rig.working, outcome, rig.shop.go_on)
    assert {e.kind for e in rig.rows(Event, position=None)} == {"executing", "outcome", "resumed"}
    rig.keeper()
    rig.outbox()
    sizes = [
        (proof.index, rig.working.verifier.read_checkpoint(proof.checkpoint).size)
        for _, to, raw in rig.sender.sent
        if to == "archive@gate.example.com"
        for entry in evidence(raw)["records"]
        for proof in [parse_proof(entry["proof"])]
    ]
    assert max(size for _, size in sizes) == max(index for index, _ in sizes) + 1
