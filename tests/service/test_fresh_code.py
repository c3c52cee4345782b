"""Codes that are mailed when a button is pressed: to whom, for how long, for what, how often, and what they prove."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from mailgate.errors import Forged, MailServerError
from mailgate.mail.mime import open_mail
from mailgate.mail.reply import read_reply
from mailgate.model.verdict import Verdict
from mailgate.service.codes import CODE_TRIES, FRESH_FOR, MOST_FRESH
from mailgate.service.link import Page, Problem, ask_code, press
from mailgate.store.tables import Decision, Outgoing
from tests.service.conftest import RigMaker
from tests.service.rig import GATES, PEOPLE, Rig, in_parallel

APPROVE, REJECT, UNDO = Verdict.APPROVE, Verdict.REJECT, Verdict.UNDO
FRESH = {"web_confirm": "fresh_code", "separation": "proven"}
FRESH_GATES = GATES | {"pay": GATES["pay"] | FRESH, "pay_twice": GATES["pay_twice"] | FRESH}
Attack = Callable[[str, object], None]


@pytest.fixture
def rig(make_rig: RigMaker) -> Rig:
    """Make a rig whose gates want fresh codes, and take nothing less."""
    return make_rig(gates=FRESH_GATES)


def press_with(rig: Rig, request_id: str, verdict: Verdict, code: str = "", person: str = "bob", **more: Any) -> Page:
    """Press a button with what was typed."""
    return rig.press(request_id, person, verdict, code=code, **more)


def mailed(rig: Rig, request_id: str, person: str = "bob") -> list[Outgoing]:
    """Return the mails with codes that were ordered for a person, oldest first."""
    found = rig.rows(Outgoing, kind="code", assignment_id=rig.seat(request_id, person).id)
    return sorted(found, key=lambda mail: mail.created_at)


def code_in(rig: Rig, request_id: str, person: str = "bob", number: int = -1) -> str:
    """Return the code that a mail brings, as the person reads it there."""
    mail = mailed(rig, request_id, person)[number]
    rig.outbox()
    [raw] = [raw for _, _, raw in rig.sender.sent if rig.message_id(mail).encode() in raw.split(b"\r\n\r\n")[0]]
    text = " ".join(" ".join(open_mail(raw).plain).split())
    return text.partition("Your code: ")[2][:7]


def not_it(code: str) -> str:
    """Return six other digits."""
    return f"{(int(code.replace(' ', '')) + 1) % 1_000_000:06d}"


def test_a_yes_has_a_code_mailed_and_counts_with_it(rig: Rig) -> None:
    """Approve is pressed, a code comes by mail, and with it the yes counts as proven; the decision names the mail."""
    request_id = rig.ask()
    first = rig.look(request_id, "bob")
    assert (first.needs_code, first.mails_code, first.approves) == (False, True, True)

    asked = press_with(rig, request_id, APPROVE)
    assert (asked.has_mailed, asked.needs_code, asked.done, asked.problem) == (True, True, False, None)
    assert asked.fresh is not None
    assert asked.fresh.hint == "b…@example.com"

    done = press_with(rig, request_id, APPROVE, code_in(rig, request_id))
    decision = rig.row(Decision)
    assert (done.done, decision.level, rig.state(request_id)) == (True, "link+fresh_code", "approved")
    assert mailed(rig, request_id)[0].id in decision.evidence


def test_the_mail_with_the_code_is_one_of_ours_and_decides_nothing(rig: Rig) -> None:
    """In the thread, said to be automatic, in both parts, with nothing that a reply could quote back as an answer."""
    request_id = rig.ask()
    press_with(rig, request_id, APPROVE)
    code = code_in(rig, request_id)
    raw = rig.sender.sent[-1][2]
    mail = open_mail(raw)
    assert mail.first("auto-submitted").strip() == "auto-generated"
    asking = rig.row(Outgoing, id=rig.seat(request_id, "bob").message_id)
    assert rig.message_id(asking) in mail.first("references")
    assert all(code in part for part in (*mail.plain, *mail.html))
    for quote in ("> ", ""):
        quoted = "\n".join(f"{quote}{line}" for line in "\n".join(mail.plain).splitlines())
        answer = f"From: bob@example.com\r\nTo: a@b\r\n\r\n\n{quoted}\n".encode()
        assert read_reply(open_mail(answer)).verdict in (Verdict.NONE, Verdict.UNCLEAR)


def test_no_code_reaches_the_archive_or_the_database_in_clear(rig: Rig) -> None:
    """The archive gets no copy of such a mail, and what is stored of it holds no code."""
    request_id = rig.ask()
    press_with(rig, request_id, APPROVE)
    stored = rig.dump()
    code = code_in(rig, request_id)
    press_with(rig, request_id, APPROVE, code)
    rig.keeper()
    rig.outbox()
    spellings = [code, code.replace(" ", "")]
    assert not any(spelled in line for spelled in spellings for line in (*stored, *rig.dump()))
    archived = [raw.decode() for _, to, raw in rig.sender.sent if to.startswith("archive@")]
    assert archived
    assert not any(spelled in raw for spelled in spellings for raw in archived)
    assert all("Your code" not in raw for raw in archived)


def test_it_goes_to_the_address_that_the_configuration_has(rig: Rig, record_property: Attack) -> None:
    """Whoever turned a seat's row to an address of their own is found out; who moved gets it at the new one, for nothing."""
    request_id = rig.ask()
    rig.forge("update assignments set address = 'mallory@evil.example'")
    with pytest.raises(Forged):
        press_with(rig, request_id, APPROVE)
    assert mailed(rig, request_id) == []
    rig.forge("update assignments set address = 'bob@example.com'")

    press_with(rig, request_id, APPROVE)
    rig.changed(gates=FRESH_GATES, people=PEOPLE | {"bob": PEOPLE["bob"] | {"address": "bob@new.example"}})
    rig.forge("update outgoing set recipient = 'mallory@evil.example' where kind = 'code'")
    rig.outbox()
    assert [to for _, to, raw in rig.sender.sent if b"Your code" in raw] == []
    record_property(
        "attack", "seat's or mail's address changed in the database, to have the fresh code mailed elsewhere"
    )
    record_property("happened", "refused as forged; no mail with a code went out")


def test_a_seat_whose_person_moved_gets_no_code(rig: Rig) -> None:
    """The seat was given out to another address, so nothing pressed there can count."""
    request_id = rig.ask()
    rig.changed(gates=FRESH_GATES, people=PEOPLE | {"bob": PEOPLE["bob"] | {"address": "bob@new.example"}})
    page = press_with(rig, request_id, APPROVE)
    assert "not asked about it any more" in page.sentence
    assert mailed(rig, request_id) == []


def test_the_code_printed_in_a_mail_is_no_fresh_one(rig: Rig, record_property: Attack) -> None:
    """Neither printed codes nor those of other seats, requests or earlier presses are taken."""
    request_id, other = rig.ask("pay_twice"), rig.ask("pay_twice", {"order": "B-2"}, run="run-2")
    for person, which in (("alice", request_id), ("bob", other), ("bob", request_id)):
        press_with(rig, which, APPROVE, person=person)
    first = code_in(rig, request_id)
    ask_code(rig.serving, rig.token(rig.seat(request_id, "bob")))
    seat = rig.seat(request_id, "bob")
    strangers = [
        rig.serving.key.code(seat.id, seat.generation),
        code_in(rig, request_id, "alice"),
        code_in(rig, other),
        first,
    ]
    problems = [press_with(rig, request_id, APPROVE, code).problem for code in strangers]
    assert problems == [Problem.CODE_WRONG] * 4
    assert press_with(rig, request_id, APPROVE, code_in(rig, request_id)).done
    record_property("attack", "codes of another seat, of another request, or of an earlier press typed into the page")
    record_property("happened", "not taken; each was one of five tries")


def test_a_code_is_void_after_its_time(rig: Rig) -> None:
    """Ten minutes by the database's clock; what is typed then is not even compared, and costs no try."""
    request_id = rig.ask()
    press_with(rig, request_id, APPROVE)
    code = code_in(rig, request_id)
    rig.clock.forward(seconds=FRESH_FOR.total_seconds())
    page = press_with(rig, request_id, APPROVE, code)
    assert (page.problem, page.done, page.tries_left, page.needs_code) == (Problem.CODE_STALE, False, CODE_TRIES, False)
    assert rig.state(request_id) == "pending"


def test_when_a_code_was_mailed_is_not_forged(rig: Rig, record_property: Attack) -> None:
    """Its row's columns can be written by anybody; until when it holds stands under the mark."""
    request_id = rig.ask()
    press_with(rig, request_id, APPROVE)
    code = code_in(rig, request_id)
    rig.clock.forward(minutes=11)
    rig.forge("update outgoing set created_at = :at where kind = 'code'", at=rig.clock.at)
    assert press_with(rig, request_id, APPROVE, code).problem is Problem.CODE_STALE
    rig.forge("update outgoing set details = replace(details, '2026', '2027') where kind = 'code'")
    with pytest.raises(Forged):
        press_with(rig, request_id, APPROVE, code)
    assert rig.rows(Decision) == []
    record_property("attack", "an old fresh code made young again in the database")
    record_property("happened", "too old by the marked instant; a changed instant is refused as forged")


def test_pressing_again_while_a_code_holds_sends_no_other(rig: Rig) -> None:
    """A double click, or a machine that presses Approve all day, costs one mail in ten minutes, and voids nothing."""
    request_id = rig.ask()
    pages = [press_with(rig, request_id, APPROVE) for _ in range(5)]
    assert [page.has_mailed for page in pages] == [True, False, False, False, False]
    assert len(mailed(rig, request_id)) == 1
    assert press_with(rig, request_id, APPROVE, code_in(rig, request_id)).done


def test_a_mailbox_is_not_flooded(rig: Rig, record_property: Attack) -> None:
    """Three codes a seat an hour, however many ask at a time; the page says from when on there is another one."""
    request_id = rig.ask()
    token = rig.token(rig.seat(request_id, "bob"))
    pages = in_parallel([lambda: ask_code(rig.serving, token)] * 12)
    problems = Counter(page.problem for page in pages)
    assert problems == {None: MOST_FRESH, Problem.TOO_MANY_CODES: 12 - MOST_FRESH}
    assert len(mailed(rig, request_id)) == MOST_FRESH

    rig.clock.forward(minutes=11)
    waiting = press_with(rig, request_id, APPROVE)
    assert waiting.problem is Problem.TOO_MANY_CODES
    assert waiting.next_code_at is not None
    rig.clock.forward(minutes=50)
    assert press_with(rig, request_id, APPROVE).has_mailed
    record_property("attack", "12 presses at once for a fresh code, to flood the approver's mailbox")
    record_property("happened", f"{MOST_FRESH} mails; the others were told from when on another one can be had")


def test_five_tries_whatever_was_mailed(rig: Rig, record_property: Attack) -> None:
    """Twenty guesses at once are five comparisons; another code brings no other tries, and rejecting still works."""
    request_id = rig.ask()
    press_with(rig, request_id, APPROVE)
    wrong = not_it(code_in(rig, request_id))
    pages = in_parallel([lambda: press_with(rig, request_id, APPROVE, wrong)] * 20)
    assert Counter(p.problem for p in pages) == {Problem.CODE_WRONG: 5, Problem.CODES_USED_UP: 15}
    assert rig.seat(request_id, "bob").code_tries == CODE_TRIES
    assert press_with(rig, request_id, APPROVE, code_in(rig, request_id)).problem is Problem.CODES_USED_UP
    assert ask_code(rig.serving, rig.token(rig.seat(request_id, "bob"))).problem is Problem.CODES_USED_UP
    assert len(mailed(rig, request_id)) == 1
    assert press_with(rig, request_id, REJECT).done
    record_property("attack", "20 guesses at a fresh code at once")
    record_property("happened", "5 were compared, then the link took no approval any more")


def test_an_undo_needs_a_code_of_its_own(rig: Rig) -> None:
    """The one that approved is used up; taking it back has another one mailed."""
    request_id = rig.ask()
    press_with(rig, request_id, APPROVE)
    code = code_in(rig, request_id)
    assert press_with(rig, request_id, APPROVE, code).done

    assert press_with(rig, request_id, UNDO, code).problem is Problem.CODE_STALE
    assert press_with(rig, request_id, UNDO).has_mailed
    assert rig.state(request_id) == "approved"
    assert press_with(rig, request_id, UNDO, code_in(rig, request_id)).done
    assert rig.state(request_id) == "withdrawn"


def test_a_no_needs_no_code_and_is_told_only_with_one(rig: Rig) -> None:
    """Rejecting stops at once; with a fresh code the agent is told why, too."""
    silent, told = rig.ask(), rig.ask(args={"order": "A-2"}, run="run-2")
    assert press_with(rig, silent, REJECT, reason="No.").done
    assert not mailed(rig, silent)
    ask_code(rig.serving, rig.token(rig.seat(told, "bob")))
    assert press_with(rig, told, REJECT, code_in(rig, told), reason="Too much.").done
    assert [(rig.request(r).state, rig.request(r).reason) for r in (silent, told)] == [
        ("rejected", ""),
        ("rejected", "Too much."),
    ]


def test_codes_are_asked_for_only_where_there_is_something_to_decide(rig: Rig) -> None:
    """Not of a gate that wants the printed code, not after the end, and not by a link that is none."""
    printed = rig.ask("warm_up")
    page = ask_code(rig.serving, rig.token(rig.seat(printed, "bob")))
    assert (page.has_mailed, page.problem) == (False, None)
    ended = rig.ask()
    press_with(rig, ended, REJECT)
    assert not ask_code(rig.serving, rig.token(rig.seat(ended, "bob"))).has_mailed
    assert rig.rows(Outgoing, kind="code") == []


def test_a_code_mail_that_nobody_takes_is_given_up_when_it_is_void(rig: Rig) -> None:
    """A code that comes tomorrow helps nobody."""

    class Busy:
        async def send(self, *_: object) -> str:
            raise MailServerError("451 later")

    request_id = rig.ask()
    rig.outbox()
    press_with(rig, request_id, APPROVE)
    rig.sender = Busy()  # type: ignore[assignment]
    rig.outbox()
    assert mailed(rig, request_id)[0].state == "waiting"
    rig.clock.forward(minutes=11)
    rig.outbox()
    assert mailed(rig, request_id)[0].state == "failed"
    assert rig.seat(request_id, "bob").state == "open"


def test_a_forwarded_mail_is_not_enough(rig: Rig, record_property: Attack) -> None:
    """Whoever has the request's mail, and not the mailbox, approves nothing: no reply, no printed code, no press."""
    request_id = rig.ask()
    rig.outbox()
    [raw] = [raw for _, to, raw in rig.sender.sent if to == "bob@example.com"]
    assert b"Code: " not in raw
    token = rig.token(rig.seat(request_id, "bob"))
    seat = rig.seat(request_id, "bob")
    tries = ["", rig.serving.key.code(seat.id, seat.generation), "000000"]
    for code in tries:
        assert not press(rig.serving, token, verdict=APPROVE, code=code, reason="").done
    assert rig.state(request_id) == "pending"
    assert {mail.recipient for mail in mailed(rig, request_id)} == {"bob@example.com"}
    record_property("attack", "a forwarded request mail: its holder presses Approve, without and with codes")
    record_property("happened", "nothing was approved; the approver himself got a mail that somebody has his link")
