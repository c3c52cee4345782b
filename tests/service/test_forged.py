"""The promise of design section 2: writing into the database is not enough to get an action run.

Every row that could matter is forged, in every way somebody could think of who may write to every table and has none of
the serving side's keys. Nothing that no person allowed ever runs, and the keeper says why.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mailgate.service.journal import Journal
from mailgate.store.tables import Incoming
from tests.service import ways_answers, ways_events, ways_mails, ways_requests, ways_work
from tests.service.conftest import RigMaker
from tests.service.forging import Way
from tests.service.post import AUTHSERV_ID, conclude_all
from tests.service.rig import GATES, PEOPLE, Rig

MODULES = (ways_requests, ways_answers, ways_events, ways_mails, ways_work)
OURS = {p["address"] for p in PEOPLE.values()}


def everybody_works(rig: Rig) -> None:
    """Let every role take its turns, now and while time passes; workers on this machine and on a new one."""
    for minutes in (0, 7, 130, 240):
        rig.clock.forward(minutes=minutes)
        rig.keeper()
        rig.outbox()
        conclude_all(rig)
        rig.execute()
        rig.execute("w9", Journal(rig.folder / "w9.journal"))
        rig.resume()
        rig.resume(agent="billing")


@pytest.fixture
def patient(make_rig: RigMaker) -> Rig:
    """Make a rig whose intake believes its mail server, and whose people are reminded and more are asked in time."""
    later = {"remind_after": "50m", "escalate_after": "2h", "escalate_to": ["carol"]}
    return make_rig(
        imap={"authserv_id": AUTHSERV_ID},
        archive={},
        gates={name: gate | later for name, gate in GATES.items()},
    )


@pytest.mark.parametrize("way", [pytest.param(w, id=w.name) for m in MODULES for w in m.WAYS])
def test_forged_row_runs_nothing(
    patient: Rig, logs: list[Any], way: Way, record_property: Callable[[str, object], None]
) -> None:
    """With write access to every table and none of the keys nothing runs that no person allowed, and it is said why."""
    rig = patient
    request_id = way.before(rig)
    honest_notices = len(rig.notices())
    honest_resumed = len(rig.shop.resumed)

    way.forge(rig, request_id)
    way.then(rig, request_id)
    everybody_works(rig)

    ran = [arguments.get("order") for _, arguments in rig.shop.ran]
    assert sorted(ran) == sorted(way.may_run)
    assert {recipient for _, recipient, _ in rig.sender.sent} <= OURS
    assert all(b"evil.example" not in raw for _, recipient, raw in rig.sender.sent if recipient != "oscar@example.com")
    check_resumed(rig, honest_resumed)
    check_said(rig, way, logs, honest_notices)
    record_property("attack", f"Rows are forged in the database, without the serve key: {way.name.partition(':')[0]}")
    record_property("happened", "Nothing ran that no person had allowed.")


def check_resumed(rig: Rig, honest: int) -> None:
    """Nobody was resumed with anything but what a record says: what ran, or an end by the keeper or a person."""
    for outcome in rig.shop.resumed[honest:]:
        ends = {"succeeded": "outcome", "rejected": "decision"}
        kind = ends.get(outcome.outcome, outcome.outcome)
        assert kind in rig.kinds(outcome.id)
        assert outcome.result in (None, "done")
        assert outcome.state in (None, {"at": 1})
        assert outcome.agent == "support"


def check_said(rig: Rig, way: Way, logs: list[Any], honest_notices: int) -> None:
    """It was said where the way claims."""
    errors = {e["event"] for e in logs if e["log_level"] == "error"}
    notices = [n for n in rig.notices()[honest_notices:] if "forged" in n.lower()]
    match way.said:
        case "operators":
            assert notices
            assert "forged" in errors
        case "row":
            [mail] = [m for m in rig.rows(Incoming) if m.state == "quarantined"]
            assert "could not be concluded" in mail.why
            assert "forged" in errors
        case "worker":
            assert errors & {"not_resumed", "forged", "not_claimed"}
        case "log":
            assert "forged" in errors
        case "nowhere":
            assert "forged" not in errors
            assert not notices
