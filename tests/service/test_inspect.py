"""What operators see of requests."""

from __future__ import annotations

import json
import re

import pytest

from mailgate.cli.requests import _readable, _says, _value_lines
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
    assert (shown["decided_by"], shown["reason"]) == ("Bob Brown", "Paid already.")
    assert [d["verdict"] for d in shown["decisions"]] == ["reject"]
    assert [r["event"] for r in shown["records"]] == ["request", "decision"]
    text = json.dumps(shown)
    seat = rig.seat(request_id, "bob")
    assert rig.token(seat) not in text
    assert rig.serving.key.code(seat.id, seat.generation) not in text
    assert rig.serving.key.reply_token(seat.id, seat.generation) not in text


def test_details_are_what_a_program_can_read(rig: Rig) -> None:
    """Values keep their types, instants are RFC 3339, names are in snake case, the state is one of the states."""
    rig.shop.doing = lambda: {"paid": 400.5, "on": None}
    request_id = rig.approved(args={"amount": 400})
    rig.work()

    shown = json.loads(json.dumps(details(rig.working, request_id)))

    assert shown["arguments"] == {"amount": 400, "currency": "EUR", "order": "A-1"}
    assert shown["result"] == {"paid": 400.5, "on": None}
    assert (shown["state"], shown["meaning"]) == ("succeeded", "approved and carried out")
    assert all(name.isidentifier() and name.islower() for name in shown)
    instants = [shown["asked_at"], shown["deadline_at"], shown["finished_at"], shown["decisions"][0]["at"]]
    assert all(re.fullmatch(r"2026-11-24T\d\d:\d\d:\d\d\.\d{3}Z", instant) for instant in instants)
    [row] = overview(rig.working, None)
    assert row["created_at"] == shown["asked_at"]


def test_printed_details_have_one_argument_a_line() -> None:
    """As in the mails: text in quotes, numbers bare, long values below their names, nothing hidden."""
    arguments = {"amount": 400, "to": "a\u202eb", "cent": {"$decimal": "0.10"}, "lines": "one\ntwo"}
    assert _value_lines("arguments", arguments) == [
        "arguments:",
        "  amount: 400",
        '  to: "a⟨U+202E⟩b"',
        "  cent: 0.10",
        "  lines:",
        "    | one",
        "    | two",
    ]
    assert _value_lines("result", "done") == ["result:", '  "done"']
    assert _value_lines("result", None) == []
    assert _readable("asked_at", "2026-11-24T09:00:07.001Z") == "2026-11-24 09:00:07 UTC"
    assert _readable("reason", "red\x1b[31m") == "red⟨U+001B⟩[31m"


def test_first_record_keeps_its_index() -> None:
    """What says nothing is left out of the printed details; the number 0 says something."""
    assert _says(0)
    assert not any(map(_says, ("", None, False)))


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
