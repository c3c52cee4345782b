"""An erasure is on record before anything is taken away."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from mailgate.errors import InvalidArguments
from mailgate.model.evidence import format_time
from mailgate.model.merkle import leaf_hash
from mailgate.service.redacting import redact
from mailgate.store.tables import Event
from tests.service.conftest import RigMaker
from tests.service.rig import GATES, Rig


def test_an_erasure_is_recorded(make_rig: RigMaker) -> None:
    """Which records, by leaf hash, who said so, why, and until when they were to be kept."""
    rig = make_rig(gates={"pay": GATES["pay"] | {"retention": "7d"}})
    rig.ask(on_behalf_of="erin@example.com")
    request = rig.row(Event, kind="request")
    redact(rig.serving, [request.position or 0], reason="Art. 17, ticket 4711", by="oscar")
    rig.keeper()
    event = rig.row(Event, kind="redaction")
    body = json.loads(event.body)
    assert event.position is not None
    assert (body["actor"], body["reason"]) == ({"operator": "oscar"}, "Art. 17, ticket 4711")
    [named] = body["records"]
    assert named["leaf"] == leaf_hash(request.record or b"").hex()
    assert named["keep_until"] == format_time(request.at + timedelta(days=7))


@pytest.mark.parametrize(
    ("indices", "reason", "why"), [([], "x", "no record named"), ([99], "x", "no record 99"), ([0], " ", "Say why")]
)
def test_what_makes_no_sense_is_said(rig: Rig, indices: list[int], reason: str, why: str) -> None:
    """One sentence, and nothing is recorded."""
    rig.ask()
    with pytest.raises(InvalidArguments, match=why):
        redact(rig.serving, indices, reason=reason, by="oscar")
    assert rig.rows(Event, kind="redaction") == []
