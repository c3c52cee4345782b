"""What mails say of a real request: who is asked, how one can answer, what comes next, how it stands."""

from __future__ import annotations

import pytest

from mailgate.mail.mime import open_mail
from mailgate.model.verdict import Verdict
from mailgate.service.letters import how_it_stands
from tests.service.conftest import RigMaker
from tests.service.post import AUTHSERV_ID, deliver, reply
from tests.service.rig import GATES, Rig

DAY = "Tue 24 Nov 2026"


def mails_to(rig: Rig, name: str) -> list[str]:
    """Send what is due; return the text of every mail sent to ``name`` so far, on one line, oldest first."""
    rig.outbox()
    mails = [open_mail(raw) for _, recipient, raw in rig.sender.sent if recipient.startswith(f"{name}@")]
    return [" ".join(" ".join(mail.plain).split()) for mail in mails]


def stands(rig: Rig, request_id: str, to: str = "") -> str:
    """Return the sentences on how a request stands, as told to a person."""
    with rig.serving.store.read() as tx:
        return how_it_stands(tx, rig.serving, rig.request(request_id), to=to)


def test_archive_says_whom_the_mail_asked(rig: Rig) -> None:
    """The archive's copy of a question names the person asked, and claims nothing that is not so for the archive."""
    rig.ask()

    [copy] = mails_to(rig, "archive")

    assert "Copy for the archive. Decision needed from Bob Brown" in copy
    assert "Who is asked Asked: Bob Brown, and nobody else." in copy
    assert "Sent by approvals (mailgate) to the archive." in copy
    assert "for you alone" not in copy
    assert "Also asked" not in copy
    assert "Archive" not in copy


def test_archive_names_everyone_who_was_told(rig: Rig) -> None:
    """With two people asked, both are named in the copies of question, receipt and outcome."""
    request_id = rig.ask("pay_twice")
    rig.press(request_id, "bob", Verdict.REJECT)
    rig.keeper()

    asked, receipt = mails_to(rig, "archive")

    [both] = [b for b in ("Alice Adams and Bob Brown", "Bob Brown and Alice Adams") if f"Asked: {b}" in asked]
    assert f"Copy for the archive. Decision needed from {both}" in asked
    assert f"Asked: {both}, each in a mail of their own." in asked
    assert f"Copy for the archive. Receipt for {both} Bob Brown rejected pay_twice" in receipt


def test_archive_does_not_name_who_was_asked_later(make_rig: RigMaker) -> None:
    """Who was asked by escalation is not among those whom the first mail asked, though its copy is rendered late."""
    gate = GATES["pay"] | {"escalate_after": "1h", "escalate_to": ["carol"]}
    rig = make_rig(gates={"pay": gate})
    rig.ask()
    rig.clock.forward(hours=1, minutes=1)
    rig.keeper()

    copy = mails_to(rig, "archive")[0]

    assert "Decision needed from Bob Brown" in copy
    assert "Carol" not in copy


def test_without_a_believed_server_approval_is_offered_by_link_only(rig: Rig) -> None:
    """Where no reply can ever approve, the mail does not invite one; a reply can still reject."""
    rig.ask()

    [mail] = mails_to(rig, "bob")

    assert "Use the page linked below; a reply can only reject." in mail
    assert "To reject by a reply, write REJECT in its first line." in mail
    assert "APPROVE" not in mail


def test_approval_that_no_reply_can_give_is_told_so(rig: Rig) -> None:
    """Who replies APPROVE all the same hears that it was read and not counted, and is not sent in circles."""
    request_id = rig.ask()
    deliver(rig, reply(rig, request_id))

    _, answer = mails_to(rig, "bob")

    assert rig.state(request_id) == "pending"
    assert "Please answer again, Bob Brown: your reply was not counted" in answer
    assert "Your approval was read, but not counted: a reply cannot approve this" in answer
    assert "usual mail program" not in answer


@pytest.mark.parametrize(
    ("imap", "gate"),
    [({"authserv_id": AUTHSERV_ID}, {}), ({}, {"reply_level": "token"})],
    ids=["a believed server", "a gate that takes unproven replies"],
)
def test_where_a_reply_can_approve_it_is_offered(
    make_rig: RigMaker, imap: dict[str, str], gate: dict[str, str]
) -> None:
    """A gate that takes a reply as proven, or does not ask for proof, invites one."""
    rig = make_rig(imap=imap, gates={"pay": GATES["pay"] | gate})
    rig.ask()

    [mail] = mails_to(rig, "bob")

    assert "Reply with APPROVE or REJECT, or use the page linked below." in mail


def test_receipt_says_until_when_it_may_run(rig: Rig) -> None:
    """An approval is no run: the receipt says until when there may be one."""
    rig.approved()

    receipt = mails_to(rig, "bob")[-1]

    assert f"It may run now, until {DAY}, 09:15 UTC; a mail with the outcome follows." in receipt


def test_receipt_says_from_when_it_may_run(make_rig: RigMaker) -> None:
    """While an approval cools off, nothing runs, and the receipt does not say otherwise."""
    rig = make_rig(gates={"pay": GATES["pay"] | {"cooling_off": "10m"}})
    rig.approved()

    receipt = mails_to(rig, "bob")[-1]

    assert f"It may run from {DAY}, 09:10 UTC on, until {DAY}, 09:25 UTC" in receipt


def test_rejecting_is_said_to_be_remembered(make_rig: RigMaker) -> None:
    """The question tells what becomes of the reason, and for how long the same is refused; not where it is not."""
    rig = make_rig(gates={"pay": GATES["pay"], "pay_twice": GATES["pay_twice"] | {"rejection_memory": "0s"}})
    rig.ask()
    rig.ask("pay_twice")

    once, twice = sorted(mails_to(rig, "bob"), key=lambda mail: "pay_twice" in mail)

    assert "the agent is told your reason, too, and for 30 days the same again is refused" in once
    assert "the agent is told your reason, too." in twice
    assert "the same again" not in twice


def test_how_it_stands_says_who_when_and_what_came_of_it(rig: Rig) -> None:
    """Whoever comes later hears who approved, with the day, and that it has run since."""
    request_id = rig.approved()
    approved = f"It was already approved by Bob Brown at 09:00 UTC on {DAY}."
    assert stands(rig, request_id) == f"{approved} It may run, and has not started yet."

    rig.clock.forward(minutes=1)
    rig.execute()

    assert stands(rig, request_id) == f"{approved} It was run, and succeeded at 09:01 UTC on {DAY}."


def test_nobody_is_told_of_themselves_as_of_somebody_else(rig: Rig) -> None:
    """Bob reads what he did as his own doing, once."""
    request_id = rig.ask()
    rig.press(request_id, "bob", Verdict.REJECT)

    assert stands(rig, request_id, to="bob") == f"You rejected it at 09:00 UTC on {DAY}. It is not run."
    assert stands(rig, request_id, to="alice").startswith("It was already rejected by Bob Brown")


def test_own_yes_and_that_of_the_last_one_are_both_told(rig: Rig) -> None:
    """With two people's yes, the first one hears of both."""
    request_id = rig.ask("pay_twice")
    rig.press(request_id, "alice")
    assert stands(rig, request_id, to="alice") == f"You approved it at 09:00 UTC on {DAY}. It is still open."

    rig.press(request_id, "bob")

    told = stands(rig, request_id, to="alice")
    assert told.startswith(f"You approved it at 09:00 UTC on {DAY}. It was already approved by Bob Brown at 09:00 UTC")
