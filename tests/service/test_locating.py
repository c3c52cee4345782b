"""Where a reply belongs: by its secret address, by the mail it answers; and that rows, guesses and strangers lead nowhere."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from email import message_from_bytes
from email.utils import parseaddr
from typing import Any

import pytest

from mailgate.service.policies import settle_in
from mailgate.store.tables import Decision, Incoming, Outgoing, Question
from mailgate.tokens import message_id, tagged_address
from tests.service.conftest import RigMaker
from tests.service.post import AUTHSERV_ID, deliver, reply
from tests.service.rig import GATES, PEOPLE, Rig

READING = {"authserv_id": AUTHSERV_ID, "username": "approvals"}
GATE = "approvals@gate.example.com"
MODES = ("plus", "catchall", "single")
Record = Callable[[str, object], None]


def rig_in(make_rig: RigMaker, mode: str, **pay: Any) -> Rig:
    """Make a rig with one kind of reply address."""
    return make_rig(imap=READING | {"reply_address": mode}, gates=GATES | {"pay": GATES["pay"] | pay})


def asked(rig: Rig, request_id: str, person: str = "bob", kind: str = "request") -> Outgoing:
    """Return the mail that asked somebody."""
    [mail] = [m for m in rig.mails(kind, request_id) if m.assignment_id == rig.seat(request_id, person).id]
    return mail


def found_by(rig: Rig) -> list[str]:
    """Return what the one decision's record says named its seat."""
    found: list[str] = json.loads(rig.row(Decision).evidence)["found_by"]
    return found


@pytest.mark.parametrize("mode", MODES)
def test_a_reply_is_known_by_both_of_its_marks(make_rig: RigMaker, mode: str) -> None:
    """As mail programs send it, it has the address (where there is one) and the id of the mail it answers."""
    rig = rig_in(make_rig, mode)
    request_id = rig.ask()

    deliver(rig, reply(rig, request_id, mode=mode, answers=rig.message_id(asked(rig, request_id))))

    assert rig.state(request_id) == "approved"
    assert found_by(rig) == (["message-id"] if mode == "single" else ["message-id", "reply"])


@pytest.mark.parametrize("mode", ["plus", "catchall"])
@pytest.mark.parametrize("answers", ["", "<0100019-77@eu-west-1.amazonses.com>", "garbage <no id> <@>"])
def test_the_address_alone_is_enough(make_rig: RigMaker, mode: str, answers: str) -> None:
    """References that a phone drops, or that name an id which a mail service wrote over ours, are not missed."""
    rig = rig_in(make_rig, mode)
    request_id = rig.ask()

    deliver(rig, reply(rig, request_id, mode=mode, answers=answers))

    assert rig.state(request_id) == "approved"
    assert found_by(rig) == ["reply"]


@pytest.mark.parametrize("field", ["References", "In-Reply-To"])
@pytest.mark.parametrize("mode", MODES)
def test_the_answered_mail_alone_is_enough(make_rig: RigMaker, mode: str, field: str) -> None:
    """Where a server on the way took the tag off the address, the mail that is answered tells whose the reply is."""
    rig = rig_in(make_rig, mode)
    request_id = rig.ask()
    answers = f"<other@example.com>\r\n {rig.message_id(asked(rig, request_id)).upper()}"

    raw = reply(rig, request_id, mode="single", answers=answers).replace(b"References", field.encode())
    deliver(rig, raw)

    assert rig.state(request_id) == "approved"
    assert found_by(rig) == ["message-id"]


@pytest.mark.parametrize(("mode", "state"), [("plus", "pending"), ("catchall", "pending"), ("single", "approved")])
def test_without_the_address_a_sender_has_to_be_proven_to_approve(
    make_rig: RigMaker, record_property: Record, mode: str, state: str
) -> None:
    """Forwards and logs show a Message-ID to more people than an address: where there is an address, the id is not enough."""
    rig = rig_in(make_rig, mode, reply_level="token")
    request_id = rig.ask()
    answers = rig.message_id(asked(rig, request_id))

    deliver(rig, reply(rig, request_id, mode="single", answers=answers, aligned=False))

    assert rig.state(request_id) == state
    assert len(rig.mails("clarification")) == (state == "pending")
    record_property("attack", f"an approval by the Message-ID of a forwarded mail, reply_level token, {mode}")
    record_property("happened", "counted: the id is the secret there" if state == "approved" else "asked again")


@pytest.mark.parametrize("mode", MODES)
def test_without_the_address_a_doubtful_no_stops(make_rig: RigMaker, mode: str) -> None:
    """A rejection in doubt may stop, whatever named the request."""
    rig = rig_in(make_rig, mode)
    request_id = rig.ask()
    answers = rig.message_id(asked(rig, request_id))

    deliver(rig, reply(rig, request_id, text="REJECT", mode="single", answers=answers, aligned=False))

    assert rig.state(request_id) == "rejected"


@pytest.mark.parametrize("text", ["APPROVE", "REJECT: no", "UNDO", "QUESTION: why?", "Hm."])
def test_an_address_and_an_answered_mail_that_disagree(make_rig: RigMaker, record_property: Record, text: str) -> None:
    """Nobody guesses which is meant: nothing is decided, and whose address it was is told."""
    rig = rig_in(make_rig, "plus", allow_twins=True)
    first, second = rig.ask(), rig.ask(args={"order": "A-2"})

    mail = deliver(rig, reply(rig, first, text=text, answers=rig.message_id(asked(rig, second))))

    assert (rig.state(first), rig.state(second)) == ("pending", "pending")
    assert rig.rows(Decision) == []
    assert rig.rows(Question) == []
    assert mail.state == "concluded"
    [told] = rig.mails("clarification")
    assert (told.request_id, told.recipient) == (first, "bob@example.com")
    assert "answers another one, so nothing was decided" in told.details
    record_property("attack", f"{text}: sent to one request's address as an answer to another's mail")
    record_property("happened", "nothing decided; the person is asked again")


@pytest.mark.parametrize("mode", MODES)
def test_a_reply_to_several_mails_at_once_is_set_aside(make_rig: RigMaker, mode: str) -> None:
    """Two threads merged into one, and no address: it answers neither."""
    rig = rig_in(make_rig, mode, allow_twins=True)
    first, second = rig.ask(), rig.ask(args={"order": "A-2"})
    answers = " ".join(rig.message_id(asked(rig, r)) for r in (first, second))

    mail = deliver(rig, reply(rig, first, mode="single", answers=answers))

    assert (mail.state, rig.rows(Decision)) == ("quarantined", [])
    assert "several mails of ours" in mail.why


def test_all_mails_of_one_thread_name_one_seat(make_rig: RigMaker) -> None:
    """A reminder, and the answer that asked again, belong to the same person and request as the first mail."""
    rig = rig_in(make_rig, "single", remind_after="1h")
    request_id = rig.ask()
    first = rig.message_id(asked(rig, request_id))
    deliver(rig, reply(rig, request_id, text="Hm?", mode="single", answers=first))
    rig.clock.forward(hours=1, minutes=1)
    rig.keeper()
    ids = [rig.message_id(asked(rig, request_id, kind=kind)) for kind in ("request", "reminder", "clarification")]
    assert len(set(ids)) == 3

    deliver(rig, reply(rig, request_id, mode="single", answers=" ".join(ids)), mail_id="second")

    assert rig.state(request_id) == "approved"


@pytest.mark.parametrize("mode", MODES)
def test_an_answer_to_a_question_is_known_by_what_it_answers(make_rig: RigMaker, mode: str) -> None:
    """Questions find their way back without a tag, too, once; whoever else has the id is not believed."""
    erin = {"erin": {"name": "Erin Evans", "address": "erin@example.com"}}
    rig = make_rig(imap=READING | {"reply_address": mode}, people=PEOPLE | erin)
    request_id = rig.ask(on_behalf_of="erin@example.com")
    deliver(
        rig,
        reply(rig, request_id, text="QUESTION: why?", mode="single", answers=rig.message_id(asked(rig, request_id))),
    )
    rig.keeper()
    [question] = [m for m in rig.mails("question") if m.recipient == "erin@example.com"]

    for number, sender in enumerate(("bob", "erin")):
        raw = reply(rig, request_id, mode="single", text="Because.", answers=rig.message_id(question))
        deliver(rig, raw.replace(b"bob@example.com", f"{sender}@example.com".encode()), mail_id=f"answer {number}")
    rig.keeper()

    assert rig.state(request_id) == "pending"
    assert [b["text"] for b in rig.bodies(request_id, "answer")] == ["Because."]
    assert [m.state for m in rig.rows(Incoming) if m.id == "answer 0"] == ["quarantined"]


# Whoever reads or writes the database.


def test_the_database_holds_no_message_id(make_rig: RigMaker, record_property: Record) -> None:
    """Who can read it, as agents can, can answer no mail with what stands there; sent mails prove what was looked for."""
    rig = rig_in(make_rig, "single", reply_level="token", remind_after="1h")
    request_id = rig.ask()
    rig.outbox()
    deliver(rig, reply(rig, request_id, text="Hm?", mode="single", answers=rig.message_id(asked(rig, request_id))))
    rig.clock.forward(hours=1, minutes=1)
    rig.keeper()
    rig.outbox()
    sent = b"".join(raw for _, _, raw in rig.sender.sent)
    tokens = {t.decode() for t in re.findall(rb"<([a-z2-7]{20})\.mailgate@", sent)}
    assert len(tokens) == len(rig.sender.sent)

    database = "\n".join(rig.dump())
    assert [t for t in tokens if t in database] == []
    for number, row in enumerate(rig.rows(Outgoing)):
        for guess in (row.message_id, row.message_id[:20], row.id, "a" * 20):
            answers = message_id(guess, "gate.example.com")
            raw = reply(rig, request_id, mode="single", answers=answers, aligned=False)
            assert deliver(rig, raw, mail_id=f"{number} {guess}").state == "quarantined"
    assert rig.state(request_id) == "pending"
    record_property("attack", "an approval by what the database says of sent mails, reply_level token, single")
    record_property("happened", "quarantined: rows hold hashes of Message-IDs only")


def test_a_person_is_not_shown_another_persons_message_id(make_rig: RigMaker, record_property: Record) -> None:
    """A row that names another's mail as the beginning of one's own thread gets no secret of the other printed."""
    rig = rig_in(make_rig, "single", reply_level="token", remind_after="1h", approvers=["bob", "carol"], quorum=2)
    request_id = rig.ask()
    theirs = asked(rig, request_id, "carol")
    rig.forge("update assignments set message_id = :m where person = 'bob'", m=theirs.id)
    rig.clock.forward(hours=1, minutes=1)
    rig.keeper()
    rig.outbox()
    to_bob = b"".join(raw for _, to, raw in rig.sender.sent if to == "bob@example.com")

    assert rig.message_id(theirs).encode() not in to_bob
    for number, found in enumerate(set(re.findall(rb"<[a-z2-7]{20}\.mailgate@[^>]*>", to_bob))):
        deliver(rig, reply(rig, request_id, mode="single", answers=found.decode()), mail_id=f"m{number}")
    assert {d.person for d in rig.rows(Decision)} == {"bob"}
    record_property("attack", "another person's Message-ID drawn into one's own mail by a forged row")
    record_property("happened", "ids are bound to their seat; the other's was not shown")


def test_a_row_that_ties_a_mail_to_another_seat(make_rig: RigMaker, record_property: Record) -> None:
    """The mark and the key must both agree: the answer to one request is no yes to another."""
    rig = rig_in(make_rig, "plus", allow_twins=True)
    honest, evil = rig.ask(), rig.ask(args={"order": "EVIL"})
    mail = asked(rig, honest)
    rig.forge("update outgoing set assignment_id = :s where id = :i", s=rig.seat(evil, "bob").id, i=mail.id)

    row = deliver(rig, reply(rig, honest, mode="single", answers=rig.message_id(rig.row(Outgoing, id=mail.id))))
    row = deliver(rig, reply(rig, honest, mode="single", answers=rig.message_id(mail)), mail_id="second")

    assert (rig.rows(Decision), row.state) == ([], "quarantined")
    assert "was not ordered by the serving side" in row.why
    record_property("attack", "a row that ties an answered mail to another request's seat")
    record_property("happened", "quarantined as forged")


# People who move.


def test_a_seat_that_was_given_again(make_rig: RigMaker, record_property: Record) -> None:
    """What was sent to somebody's earlier address is worth nothing any more: not its address, its id, nor its bounce."""
    rig = rig_in(make_rig, "plus")
    request_id = rig.ask()
    old, before = asked(rig, request_id), rig.seat(request_id, "bob")
    key = rig.serving.key
    old_reply, old_bounce = key.reply_token(before.id, 1), key.bounce_token(before.id, 1)
    old_id = rig.message_id(old)
    moved = PEOPLE | {"bob": {"name": "Bob Brown", "address": "bob@new.example.com", "aliases": ["bob@example.com"]}}
    rig.changed(people=moved)
    with rig.serving.store.write() as tx:
        settle_in(tx, rig.serving)
    rig.keeper()
    assert rig.seat(request_id, "bob").generation == 2

    ways = {
        "address": reply(rig, request_id, token=old_reply),
        "id": reply(rig, request_id, mode="single", answers=old_id),
        "bounce": bounce(tagged_address(GATE, old_bounce, "plus")),
    }
    states = {name: deliver(rig, raw, mail_id=name).state for name, raw in ways.items()}

    assert states == dict.fromkeys(ways, "quarantined")
    assert rig.state(request_id) == "pending"
    assert rig.seat(request_id, "bob").state == "open"
    deliver(rig, reply(rig, request_id), mail_id="new")
    assert rig.state(request_id) == "approved"
    record_property("attack", "an answer, and a bounce, to the secrets of an address that somebody moved away from")
    record_property("happened", "quarantined; the seat at the new address stays open")


def test_a_mail_to_a_former_address_is_not_made_with_the_secrets_of_today(
    make_rig: RigMaker, record_property: Record
) -> None:
    """A mail that waited while its person moved is dropped: the new link must not reach the old mailbox."""
    rig = rig_in(make_rig, "plus")
    request_id = rig.ask()
    rig.changed(people=PEOPLE | {"bob": {"name": "Bob Brown", "address": "bob@new.example.com"}})
    with rig.serving.store.write() as tx:
        settle_in(tx, rig.serving)
    rig.keeper()

    rig.outbox()

    assert [to for _, to, _ in rig.sender.sent if to.startswith("bob@")] == ["bob@new.example.com"]
    [old] = [m for m in rig.mails("request", request_id) if m.recipient == "bob@example.com"]
    assert (old.state, old.sealed) == ("failed", None)
    assert rig.seat(request_id, "bob").state == "open"
    record_property("attack", "a mail to a former address, made after its person moved")
    record_property("happened", "not sent")


# Bounces: only who knows the address for them.


def bounce(to: str, *, returned: str = "", action: str = "failed", recipient: str = "bob@example.com") -> bytes:
    """Return a delivery report (RFC 3464) as mail servers write it."""
    part = f"--b\r\nContent-Type: message/rfc822\r\n\r\nMessage-ID: {returned}\r\n\r\nx\r\n" if returned else ""
    return (
        f"Return-Path: <>\r\nFrom: MAILER-DAEMON@mx.example.com\r\nTo: {to}\r\nSubject: Undelivered\r\n"
        "MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n"
        "--b\r\n\r\nNo such user.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\n"
        f"Reporting-MTA: dns; mx.example.com\r\n\r\nFinal-Recipient: rfc822; {recipient}\r\nAction: {action}\r\n"
        f"Status: 5.1.1\r\n\r\n{part}--b--\r\n"
    ).encode()


def test_a_bounce_loses_the_seat_whoever_it_speaks_of(make_rig: RigMaker) -> None:
    """The address it comes to says whose it is: the report may name where the mail was forwarded to."""
    rig = rig_in(make_rig, "plus")
    request_id = rig.ask()
    seat = rig.seat(request_id, "bob")
    to = tagged_address(GATE, rig.serving.key.bounce_token(seat.id, 1), "plus")

    mail = deliver(rig, bounce(to, action="delayed"), mail_id="delayed")
    assert (mail.state, rig.seat(request_id, "bob").state) == ("concluded", "open")
    mail = deliver(rig, bounce(to, recipient="bob.brown@elsewhere.example"))

    assert (mail.state, rig.seat(request_id, "bob").state) == ("concluded", "undeliverable")
    assert "5.1.1" in mail.why
    assert rig.state(request_id) == "undeliverable"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("way", ["bare", "reply address", "guess", "id"])
def test_a_bounce_that_somebody_made_up(make_rig: RigMaker, record_property: Record, mode: str, way: str) -> None:
    """Without the secret address for bounces nobody is called unreachable; without such addresses the id has to be right."""
    rig = rig_in(make_rig, mode)
    request_id = rig.ask()
    seat, sent = rig.seat(request_id, "bob"), rig.message_id(asked(rig, request_id))
    token = {"reply address": rig.serving.key.reply_token(seat.id, 1), "guess": "b" * 26}.get(way)
    to = tagged_address(GATE, token, mode) if token else GATE

    mail = deliver(rig, bounce(to, returned=sent if way == "id" else "<x@example.com>"))

    is_known = (mode, way) == ("single", "id")
    assert mail.state == ("concluded" if is_known else "quarantined")
    assert rig.seat(request_id, "bob").state == ("undeliverable" if is_known else "open")
    record_property("attack", f"a forged bounce, {mode}, {way}")
    record_property(
        "happened",
        "counted: whoever knows the secret id of our mail had that mail"
        if (mode, way) == ("single", "id")
        else "quarantined; the seat stays open",
    )


def test_an_answer_to_the_address_for_bounces_is_none(make_rig: RigMaker, record_property: Record) -> None:
    """Some responders answer the envelope sender and mark nothing: whatever they say there decides nothing."""
    rig = rig_in(make_rig, "plus")
    request_id = rig.ask()
    seat = rig.seat(request_id, "bob")
    token = rig.serving.key.bounce_token(seat.id, 1)

    for number, answers in enumerate(("", rig.message_id(asked(rig, request_id)))):
        mail = deliver(rig, reply(rig, request_id, token=token, answers=answers), mail_id=f"m{number}")
        assert mail.state == "quarantined"
        assert "no answers are read" in mail.why
    assert rig.state(request_id) == "pending"
    assert rig.mails("clarification") == []
    record_property("attack", "an unmarked automatic answer to the envelope sender that says APPROVE")
    record_property("happened", "quarantined")


FORMS = {
    "plus": r"approvals\+[a-z2-7]{26}@gate\.example\.com",
    "catchall": r"[a-z2-7]{26}@gate\.example\.com",
    "single": r"approvals@gate\.example\.com",
}


@pytest.mark.parametrize("mode", MODES)
def test_addresses_have_the_form_of_their_way(make_rig: RigMaker, mode: str) -> None:
    """In Reply-To and in the envelope; the two differ where an address can hold a secret."""
    rig = rig_in(make_rig, mode)
    rig.ask()
    rig.outbox()
    [(sender, _, raw)] = [sent for sent in rig.sender.sent if sent[1] == "bob@example.com"]
    reply_to = parseaddr(str(message_from_bytes(raw)["Reply-To"]))[1]
    assert [bool(re.fullmatch(FORMS[mode], address)) for address in (reply_to, sender)] == [True, True]
    assert (sender == reply_to) is (mode == "single")
