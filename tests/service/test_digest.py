"""What ran under the tier log is shown to people afterwards, once, and bound into the record."""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode
from typing import Any

import pytest

from mailgate.store.tables import Event, Logged
from tests.service.conftest import RigMaker
from tests.service.rig import Rig
from tests.service.test_sealing import evidence

ARCHIVE = "archive@gate.example.com"


@pytest.fixture
def told(make_rig: RigMaker) -> Rig:
    """Make a rig in which three actions ran and were kept."""
    rig = make_rig(archive={"address": ARCHIVE}, gates={"note_down": {"tier": "log"}})
    for number in range(3):
        ticket = rig.submit("note_down", {"order": f"A-{number}"}, key=f"{number}")
        rig.mg.report(ticket, result="done")
    return rig


def mails(rig: Rig) -> list[tuple[str, dict[str, Any]]]:
    """Return to whom digests went, and what they carry."""
    ids = {rig.message_id(m) for m in rig.mails("digest")}
    return [(to, evidence(raw)) for _, to, raw in rig.sender.sent if any(i.encode() in raw for i in ids)]


def test_people_are_shown_what_ran(told: Rig) -> None:
    """Operators and the archive, a day later; not twice."""
    told.keeper()
    assert told.mails("digest") == []
    for _ in range(3):
        told.clock.forward(days=1, minutes=1)
        told.keeper()
    told.outbox()
    assert sorted(to for to, _ in mails(told)) == [ARCHIVE, "oscar@example.com"]
    assert {row.told_in for row in told.rows(Logged)} == {told.row(Event, kind="digest").id}


def test_its_record_binds_every_line(told: Rig) -> None:
    """The lines travel with it, and hash to what the record says."""
    told.clock.forward(days=1, minutes=1)
    told.keeper()
    told.outbox()
    [carried] = [found for to, found in mails(told) if to == ARCHIVE]
    lines = b64decode(carried["log_tier"])
    record = told.working.verifier.read(b64decode(carried["records"][-1]["record"]), carried["records"][-1]["proof"])
    assert record.body["log_tier_sha256"] == hashlib.sha256(lines).hexdigest()
    assert [json.loads(json.loads(line)["canonical"])["arguments"]["order"] for line in lines.splitlines()] == [
        "A-0",
        "A-1",
        "A-2",
    ]


def test_lines_that_were_changed_are_not_sent(told: Rig, logs: list[Any]) -> None:
    """Between record and mail somebody wrote others."""
    told.clock.forward(days=1, minutes=1)
    told.keeper()
    told.forge("update digests set lines = x'00'")
    told.outbox()
    assert mails(told) == []
    assert any(entry["event"] == "forged" and "digests" in entry["why"] for entry in logs)
