"""What operators see of requests."""

from __future__ import annotations

import json

import pytest

from mailgate.errors import IllegalTransition, InvalidArguments
from mailgate.model.verdict import Verdict
from mailgate.service.inspect import cancel_request, details, overview
from tests.service.rig import Rig


def test_overview_lists_the_newest_first(rig: Rig) -> None:
    """Each request is a row; a state narrows the list."""
    first, second = rig.ask(), rig.ask(args={"order": "A-2"})
    rig.press(first, "bob", Verdict.REJECT)

    assert [r["id"] for r in overview(rig.working, None)] == [second, first]
    assert [r["id"] for r in overview(rig.working, "rejected")] == [first]


def test_details_tell_the_story_and_no_secret(rig: Rig) -> None:
    """Arguments, people, decisions, records and mails of one request are shown; codes, links and addresses' secrets are not."""
    request_id = rig.ask(args={"order": "A-77"}, on_behalf_of="carol@example.com")
    rig.outbox()
    rig.press(request_id, "bob", Verdict.REJECT, reason="Paid already.")
    rig.keeper()

    shown = details(rig.working, request_id[:4])

    assert shown["arguments"]["order"] == "A-77"
    assert (shown["decided by"], shown["reason"]) == ("Bob Brown", "Paid already.")
    assert [d["verdict"] for d in shown["decisions"]] == ["reject"]
    assert [r["event"] for r in shown["records"]] == ["request", "decision"]
    text = json.dumps(shown)
    seat = rig.seat(request_id, "bob")
    assert rig.token(seat) not in text
    assert rig.serving.key.code(seat.id, seat.generation) not in text
    assert rig.serving.key.reply_token(seat.id, seat.generation) not in text


def test_prefix_must_name_one_request(rig: Rig) -> None:
    """A prefix that fits none or several is an error with what to do."""
    rig.ask()
    rig.ask(args={"order": "A-2"})

    with pytest.raises(InvalidArguments, match="Several requests begin"):
        details(rig.working, "")
    with pytest.raises(InvalidArguments, match="requests list"):
        details(rig.working, "%")


def test_cancelling_is_for_what_is_pending(rig: Rig) -> None:
    """What was approved cannot be cancelled any more, and stays as it is."""
    request_id = rig.approved()

    with pytest.raises(IllegalTransition):
        cancel_request(rig.working, request_id, by="operator root")
    assert rig.state(request_id) == "approved"


def test_cancelled_request_is_told_to_everyone_asked(rig: Rig) -> None:
    """Who was asked hears that the question is withdrawn, and the link says so."""
    request_id = rig.ask()
    cancel_request(rig.working, request_id, by="operator root")
    rig.keeper()

    assert "bob@example.com" in {m.recipient for m in rig.mails("outcome", request_id)}
    assert "ended as cancelled" in rig.look(request_id, "bob").sentence
