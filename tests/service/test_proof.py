"""Reading signed records: the log's signature alone proves nothing about this request, this action, this kind of event."""

from __future__ import annotations

from typing import Any

import pytest

from mailgate.errors import Forged
from mailgate.model.evidence import Record, build_record
from mailgate.service.proof import History, find_end, get_approval, read_history, start_by
from mailgate.store.tables import Event
from tests.ledger import prove
from tests.service.rig import Rig

YEARS = "2030-01-01T00:00:00.000Z"


def history(rig: Rig, request_id: str) -> History:
    """Read a request's records as a worker does."""
    with rig.working.store.read() as tx:
        return read_history(tx, rig.working.verifier, rig.request(request_id))


def signed(rig: Rig, request_id: str, *, kind: str, index: int, row: dict[str, Any] | None = None, **body: Any) -> None:
    """Put in a record that our own log key did sign, in a row that may claim to be something else."""
    record = build_record(
        log=rig.serving.signer.name,
        index=index,
        event=kind,
        request=request_id,
        seq=1,
        digest=rig.request(request_id).digest,
        at=rig.clock.at,
        nonce=b"n" * 16,
        body=body,
    )
    values = {
        "id": f"row{index}",
        "request_id": request_id,
        "kind": kind,
        "body": b"{}",
        "at": rig.clock.at,
        "position": index,
        "record": record,
        "proof": prove(rig.serving.signer, record, index),
        "refused": "",
    }
    rig.insert("events", **(values | (row or {})))


def test_approval_is_found(rig: Rig) -> None:
    """A counted decision that reached the quorum approves, and says until when it may start."""
    request_id = rig.approved()

    approval = history(rig, request_id).approval

    assert approval is not None
    assert (start_by(approval) - approval.at).total_seconds() == 15 * 60
    assert history(rig, request_id).end is None


@pytest.mark.parametrize(
    "kind", ["executing", "resumed", "request", "outcome", "cancelled", "superseded", "escalation"]
)
def test_only_a_decision_approves(rig: Rig, kind: str) -> None:
    """Whatever a record of another kind says, it is no approval, though the log key signed it."""
    request_id = rig.ask()
    signed(rig, request_id, kind=kind, index=2, outcome="approved", valid_until=YEARS)

    assert history(rig, request_id).approval is None


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        ("resumed", "rejected"),
        ("executing", "succeeded"),
        ("outcome", "rejected"),
        ("cancelled", "expired"),
        ("request", "failed"),
    ],
)
def test_agents_cannot_end_it_as_people_do(rig: Rig, kind: str, outcome: str) -> None:
    """A record of something that the agents' side may cause ends a request only in the way that it may."""
    request_id = rig.ask()
    signed(rig, request_id, kind=kind, index=2, outcome=outcome)

    assert history(rig, request_id).end is None


@pytest.mark.parametrize(
    "row",
    [{"kind": "decision"}, {"position": 7}],
    ids=["another kind", "another position"],
)
def test_record_in_the_wrong_row_is_forged(rig: Rig, row: dict[str, Any]) -> None:
    """A record stands for the event it was made of and for no other."""
    request_id = rig.ask()
    signed(rig, request_id, kind="reminder", index=2, row=row)

    with pytest.raises(Forged, match="another event"):
        history(rig, request_id)


def test_record_of_another_request_is_forged(rig: Rig) -> None:
    """An approval of one request in a row of another approves neither."""
    first, second = rig.ask(), rig.ask(args={"order": "A-2"})
    signed(rig, first, kind="decision", index=3, row={"request_id": second}, outcome="approved", valid_until=YEARS)

    with pytest.raises(Forged, match="another event"):
        history(rig, second)
    assert history(rig, first).approval is None


def test_record_of_another_action_is_forged(rig: Rig) -> None:
    """Every record of a request names the one action that is stored."""
    request_id = rig.approved()
    other = rig.ask(args={"order": "A-2"})
    rig.forge(
        "update requests set canonical = (select canonical from requests where id = :o),"
        " digest = (select digest from requests where id = :o) where id = :r",
        o=other,
        r=request_id,
    )

    with pytest.raises(Forged, match="another action"):
        history(rig, request_id)


def test_there_must_be_an_approval(rig: Rig) -> None:
    """Whoever needs an approval gets an error that says there is none."""
    request_id = rig.ask()

    with rig.working.store.read() as tx, pytest.raises(Forged, match="no signed decision"):
        get_approval(tx, rig.working.verifier, rig.request(request_id))


def test_end_is_what_the_record_says(rig: Rig) -> None:
    """An end that the keeper has not recorded yet is none; recorded, it is the one that the row must agree with."""
    request_id = rig.ask()
    rig.mg.cancel(request_id)
    assert end(rig, request_id) is None
    rig.keeper()
    found = end(rig, request_id)
    assert found is not None
    assert found.body["outcome"] == "cancelled"

    rig.forge("update requests set state = 'expired'")
    with pytest.raises(Forged, match="says otherwise"):
        end(rig, request_id)


def test_success_without_an_approval_is_no_end(rig: Rig) -> None:
    """That an action succeeded is no end of a request that nobody approved, whoever signed it."""
    request_id = rig.ask()
    signed(rig, request_id, kind="outcome", index=2, outcome="succeeded")
    rig.forge("update requests set state = 'succeeded'")

    with pytest.raises(Forged, match="no signed decision"):
        end(rig, request_id)


def end(rig: Rig, request_id: str) -> Record | None:
    """Find the end of a request as a worker does."""
    with rig.working.store.read() as tx:
        return find_end(tx, rig.working.verifier, rig.request(request_id))


def test_records_of_one_instant_are_in_the_order_of_life(rig: Rig) -> None:
    """What one transaction brings about has one time; its records come in the order in which one follows from the other."""
    request_id = rig.ask()
    rig.press(request_id, "bob")
    rig.keeper()
    rig.execute()
    rig.forge("update events set at = (select max(at) from events) where position is null")
    assert len(rig.rows(Event, position=None)) == 2

    rig.keeper()

    assert rig.kinds(request_id) == ["request", "decision", "executing", "outcome"]
    assert rig.notices() == []
