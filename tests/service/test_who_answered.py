"""Who really answered: signatures checked on the way to the door, and old mails that are sent again to another request."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from email import message_from_bytes
from email.utils import parseaddr
from typing import Any

import pytest

from mailgate.errors import DnsUnavailable
from mailgate.mail.dkim import Outcome, check_signatures
from mailgate.mail.mime import open_mail
from mailgate.service.notices import short_code
from mailgate.store.tables import Decision, Event, Incoming, Outgoing, Question
from mailgate.tokens import tagged_address
from tests.conftest import Attack
from tests.service.conftest import RigMaker
from tests.service.post import AUTHSERV_ID, conclude_all, deliver
from tests.service.rig import GATES, PEOPLE, START, Rig
from tests.signing import EXCHANGE, GMAIL, USUAL, key, look_up, record, sign

KEYS = look_up(s1=record())
GATE = "approvals@gate.example.com"


@pytest.fixture
def house(make_rig: RigMaker) -> Callable[..., Rig]:
    """Return the maker of rigs that check signatures; options go into ``[imap]``."""

    def make(**imap: Any) -> Rig:
        twins = GATES | {"pay": GATES["pay"] | {"allow_twins": True}}
        people = PEOPLE | {"erin": {"name": "Erin Evans", "address": "erin@example.com"}}
        rig = make_rig(imap={"username": "approvals"} | imap, gates=twins, people=people)
        object.__setattr__(rig.serving, "look_up", KEYS)
        return rig

    return make


def address(rig: Rig, request_id: str, person: str = "bob") -> str:
    """Return the secret address of a seat."""
    seat = rig.seat(request_id, person)
    return tagged_address(GATE, rig.serving.key.reply_token(seat.id, seat.generation), "plus")


def asked_by(rig: Rig, request_id: str, person: str = "bob") -> str:
    """Return the Message-ID of the mail that asked."""
    return rig.message_id(rig.row(Outgoing, id=rig.seat(request_id, person).message_id))


def quoted(rig: Rig, request_id: str, person: str = "bob") -> str:
    """Return what a mail program quotes of the mail that asked: its first line."""
    seat = rig.seat(request_id, person)
    return (
        f"\r\n\r\nOn Tue, 24 Nov 2026 Approvals wrote:\r\n> mailgate-reply-above-{rig.serving.key.marker(seat.id, 1)}"
    )


def subject(rig: Rig, request_id: str) -> str:
    """Return the subject of a reply."""
    return f"Re: [approvals] pay {short_code(rig.request(request_id))}"


def written(
    to: str, text: str = "APPROVE", *, about: str = "Re: pay", who: str = "bob", more: Sequence[str] = ()
) -> bytes:
    """Return a mail as it leaves a person's program."""
    lines = (
        f"From: {PEOPLE[who]['name'] if who in PEOPLE else who} <{who}@example.com>",
        f"To: {to}",
        f"Subject: {about}",
        "Date: Tue, 24 Nov 2026 09:30:00 +0000",
        "Message-ID: <reply-1@example.com>",
        *more,
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "",
        text,
        "",
    )
    return "\r\n".join(lines).encode()


def arrived(raw: bytes, at: str, *above: str) -> bytes:
    """Return a mail as the mailbox has it: our server has noted on top where it went."""
    return (
        "\r\n".join(
            [*above, f"Delivered-To: {at}", "Received: from x by y; Tue, 24 Nov 2026 09:31:00 +0000", ""]
        ).encode()
        + raw
    )


def vouched(result: str = "pass", server: str = f"{AUTHSERV_ID}; ") -> str:
    """Return what a mail server has found by DMARC."""
    return f"Authentication-Results: {server}dmarc={result} header.from=example.com"


def told(rig: Rig, kind: str = "clarification") -> list[str]:
    """Return what people were told in mails of ``kind``, each to the registered address."""
    mails = rig.mails(kind)
    assert {m.recipient for m in mails} <= {"bob@example.com", "alice@example.com"}
    return [json.loads(m.details)["because"] for m in mails]


def recorded(rig: Rig, request_id: str, kind: str) -> dict[str, Any]:
    """Return what the signed record of an event says."""
    rig.keeper()
    event = rig.row(Event, request_id=request_id, kind=kind)
    body: dict[str, Any] = rig.serving.verifier.read(event.record or b"", event.proof).body
    return body


# A good signature.


def test_a_signed_reply_counts_where_no_server_is_believed(house: Callable[..., Rig]) -> None:
    """The domain's own signature proves the person, and the key it was checked with is kept."""
    rig = house()
    request_id = rig.ask()

    mail = deliver(rig, arrived(sign(written(address(rig, request_id))), address(rig, request_id)))

    assert (rig.state(request_id), mail.level) == ("approved", "aligned")
    evidence = json.loads(rig.row(Decision).evidence)
    assert (evidence["dkim"], evidence["dkim_key"]) == ("pass", record())
    assert "its signature by example.com is good (key s1._domainkey.example.com)" in evidence["because"]


def test_an_auditor_can_check_the_reply_again(house: Callable[..., Rig]) -> None:
    """From the kept mail and the signed record alone, when the domain has long taken its key out of DNS."""
    rig = house()
    request_id = rig.ask()
    raw = arrived(
        sign(written(address(rig, request_id)), x=str(int(START.timestamp()) + 86400)), address(rig, request_id)
    )
    deliver(rig, raw)

    kept = recorded(rig, request_id, "decision")["inbound"]
    [(name, text)] = kept["key"].items()

    assert kept["message_id"] == "<reply-1@example.com>"
    assert kept["signature"].startswith("v=1; a=rsa-sha256")
    when = datetime.fromisoformat(json.loads(rig.row(Decision).evidence)["received_at"])
    keys = {name: text.encode()}.get
    again = check_signatures(raw, open_mail(raw), sender="bob@example.com", look_up=keys, at=when)
    assert again.outcome is Outcome.PASS


@pytest.mark.parametrize("covers", [USUAL, GMAIL, EXCHANGE], ids=["usual", "as Gmail", "as Exchange Online"])
def test_what_different_servers_sign_is_enough(house: Callable[..., Rig], covers: Sequence[str]) -> None:
    """Exchange Online signs no To: there the quoted mail and the subject say what is answered."""
    rig = house()
    request_id = rig.ask()
    text = "APPROVE" + quoted(rig, request_id)

    raw = sign(written(address(rig, request_id), text, about=subject(rig, request_id)), covers=covers)
    deliver(rig, arrived(raw, address(rig, request_id)))

    assert rig.state(request_id) == "approved"


def test_without_to_and_quote_a_signature_does_not_say_what_it_answers(house: Callable[..., Rig]) -> None:
    """Somebody at Exchange Online who deletes the quoted mail is told to leave it there."""
    rig = house()
    request_id = rig.ask()

    raw = sign(written(address(rig, request_id), about=subject(rig, request_id)), covers=EXCHANGE)
    deliver(rig, arrived(raw, address(rig, request_id)))

    assert rig.state(request_id) == "pending"
    assert "leave its text below your answer" in told(rig)[0]


def test_signed_references_say_what_is_answered(house: Callable[..., Rig]) -> None:
    """Without secret addresses they are the only thing that does."""
    rig = house(reply_address="single")
    request_id, other = rig.ask(), rig.ask(args={"order": "A-2"})

    deliver(rig, arrived(sign(written(GATE, more=[f"In-Reply-To: {asked_by(rig, request_id)}"])), GATE))

    assert (rig.state(request_id), rig.state(other)) == ("approved", "pending")


@pytest.mark.parametrize("signed", ["In-Reply-To", "References", "text"])
def test_a_reply_whose_secret_address_was_lost_is_bound_by_what_it_answers(
    house: Callable[..., Rig], signed: str
) -> None:
    """To holds our plain address; the mail that asked is named by a signed field or quoted in the signed text."""
    rig = house()
    request_id, other = rig.ask(), rig.ask(args={"order": "A-2"})
    more = [f"{'In-Reply-To' if signed == 'text' else signed}: {asked_by(rig, request_id)}"]
    text = "APPROVE" + (quoted(rig, request_id) if signed == "text" else "")
    covers = [name for name in USUAL if name not in ("in-reply-to", "references") or name == signed.lower()]

    deliver(rig, arrived(sign(written(GATE, text, more=more), covers=covers), GATE))

    assert (rig.state(request_id), rig.state(other)) == ("approved", "pending")
    assert json.loads(rig.row(Decision).evidence)["found_by"] == ["message-id"]


def test_a_reply_to_an_address_of_before_is_bound_by_it(house: Callable[..., Rig]) -> None:
    """After a change of ``reply_address`` it is found by what it answers, and the secret address in To still binds it."""
    rig = house(reply_address="single")
    request_id = rig.ask()
    free = [name for name in USUAL if name not in ("in-reply-to", "references")]
    raw = written(address(rig, request_id), more=[f"In-Reply-To: {asked_by(rig, request_id)}"])

    deliver(rig, arrived(sign(raw, covers=free), address(rig, request_id)))

    assert rig.state(request_id) == "approved"


# Attacks. Mallory has seen mails of Bob's, knows the secret address of a request, and has a mail server of her own.


Made = tuple[bytes, Rig, str]
Maker = Callable[[Callable[..., Rig]], Made]


def _old_mail_to_somebody_else(house: Callable[..., Rig]) -> Made:
    rig = house()
    request_id = rig.ask()
    return arrived(sign(written("carol@example.com", about="Re: lunch")), address(rig, request_id)), rig, request_id


def _old_answer_to_another_request(house: Callable[..., Rig]) -> Made:
    rig = house()
    first, request_id = rig.ask(), rig.ask(args={"order": "A-2"})
    raw = sign(written(address(rig, first), "APPROVE" + quoted(rig, first), about=subject(rig, first)))
    deliver(rig, arrived(raw, address(rig, first)), mail_id="first")
    assert rig.state(first) == "approved"
    return arrived(raw, address(rig, request_id)), rig, request_id


def _old_answer_to_another_deployment(house: Callable[..., Rig]) -> Made:
    rig = house()
    request_id = rig.ask()
    return arrived(sign(written(tagged_address(GATE, "a" * 26, "plus"))), address(rig, request_id)), rig, request_id


def _secret_address_added_above(house: Callable[..., Rig]) -> Made:
    rig = house()
    request_id = rig.ask()
    to = address(rig, request_id)
    return arrived(f"To: {to}\r\n".encode() + sign(written("carol@example.com")), to), rig, request_id


def _secret_address_in_an_unsigned_to(house: Callable[..., Rig]) -> Made:
    rig = house()
    first, request_id = rig.ask(), rig.ask(args={"order": "A-2"})
    text = "APPROVE" + quoted(rig, first)
    raw = sign(written("carol@example.com", text, about=subject(rig, first)), covers=EXCHANGE)
    raw = raw.replace(b"To: carol@example.com", f"To: {address(rig, request_id)}".encode())
    return arrived(raw, address(rig, request_id)), rig, request_id


def _forwarded_request(house: Callable[..., Rig]) -> Made:
    rig = house()
    request_id = rig.ask()
    about = subject(rig, request_id).replace("Re:", "FW:")
    raw = sign(written("carol@example.com", "APPROVE" + quoted(rig, request_id), about=about), covers=EXCHANGE)
    return arrived(raw, address(rig, request_id)), rig, request_id


def _forwarded_request_with_a_signed_to(house: Callable[..., Rig]) -> Made:
    rig = house()
    request_id = rig.ask()
    raw = sign(written("carol@example.com", "APPROVE" + quoted(rig, request_id), about=subject(rig, request_id)))
    return arrived(raw, address(rig, request_id)), rig, request_id


def _references_exchanged(mode: str) -> Maker:
    def make(house: Callable[..., Rig]) -> Made:
        rig = house(reply_address=mode)
        first, request_id = rig.ask(), rig.ask(args={"order": "A-2"})
        covers = [name for name in USUAL if name not in ("in-reply-to", "references")]
        raw = sign(written(GATE, more=[f"References: {asked_by(rig, first)}"]), covers=covers)
        raw = raw.replace(asked_by(rig, first).encode(), asked_by(rig, request_id).encode())
        return arrived(raw, GATE), rig, request_id

    return make


def _answer_to_somebody_else(house: Callable[..., Rig]) -> Made:
    rig = house()
    request_id = rig.ask()
    more = [f"In-Reply-To: {asked_by(rig, request_id)}"]
    return arrived(sign(written("carol@example.com", "Approve!", more=more)), GATE), rig, request_id


def _old_answer_with_a_forged_reference(house: Callable[..., Rig]) -> Made:
    rig = house()
    first, request_id = rig.ask(), rig.ask(args={"order": "A-2"})
    covers = [name for name in USUAL if name not in ("in-reply-to", "references")]
    raw = sign(written(tagged_address(GATE, "a" * 26, "plus"), "APPROVE" + quoted(rig, first)), covers=covers)
    return arrived(f"In-Reply-To: {asked_by(rig, request_id)}\r\n".encode() + raw, GATE), rig, request_id


def _believed_server_and_old_mail(house: Callable[..., Rig]) -> Made:
    rig = house(authserv_id=AUTHSERV_ID, dkim=False)
    request_id = rig.ask()
    object.__setattr__(rig.serving, "look_up", None)
    raw = sign(written("carol@example.com", about="Re: lunch"))
    return arrived(raw, address(rig, request_id), vouched()), rig, request_id


def _believed_server_and_old_mail_without_a_signature(house: Callable[..., Rig]) -> Made:
    rig = house(authserv_id=AUTHSERV_ID)
    request_id = rig.ask()
    return arrived(written("carol@example.com"), address(rig, request_id), vouched()), rig, request_id


def _believed_server_and_text_after_the_length(house: Callable[..., Rig]) -> Made:
    rig = house(authserv_id=AUTHSERV_ID)
    request_id = rig.ask()
    raw = sign(written(address(rig, request_id), "\r\n"), length=2) + b"APPROVE\r\n"
    return arrived(raw, address(rig, request_id), vouched()), rig, request_id


def _believed_server_says_no(house: Callable[..., Rig]) -> Made:
    rig = house(authserv_id=AUTHSERV_ID)
    request_id = rig.ask()
    raw = sign(written(address(rig, request_id)))
    return arrived(raw, address(rig, request_id), vouched("fail")), rig, request_id


def _forged_word_of_the_believed_server(house: Callable[..., Rig]) -> Made:
    rig = house(authserv_id=AUTHSERV_ID)
    request_id = rig.ask()
    raw = f"{vouched()}\r\n".encode() + written(address(rig, request_id))
    return arrived(raw, address(rig, request_id), vouched("none")), rig, request_id


def _same_content_made_to_look_new(house: Callable[..., Rig]) -> Made:
    rig = house(authserv_id=AUTHSERV_ID)
    first, request_id = rig.ask(), rig.ask(args={"order": "A-2"})
    raw = written(address(rig, first))
    deliver(rig, arrived(raw, address(rig, first), vouched()), mail_id="first")
    assert rig.state(first) == "approved"
    raw = raw.replace(address(rig, first).encode(), address(rig, request_id).encode())
    return arrived(raw, address(rig, request_id), vouched()), rig, request_id


def _unsigned(house: Callable[..., Rig]) -> Made:
    rig = house()
    request_id = rig.ask()
    return arrived(written(address(rig, request_id)), address(rig, request_id)), rig, request_id


def _signed_by(domain: str, private: str = "usual") -> Maker:
    def make(house: Callable[..., Rig]) -> Made:
        rig = house()
        request_id = rig.ask()
        raw = sign(written(address(rig, request_id)), domain=domain, private=key(private))
        return arrived(raw, address(rig, request_id)), rig, request_id

    return make


def _after_signing(change: Callable[[bytes], bytes], text: str = "APPROVE") -> Maker:
    def make(house: Callable[..., Rig]) -> Made:
        rig = house()
        request_id = rig.ask()
        raw = change(sign(written(address(rig, request_id), text)))
        return arrived(raw, address(rig, request_id)), rig, request_id

    return make


def _colleague(house: Callable[..., Rig]) -> Made:
    rig = house()
    request_id = rig.ask()
    raw = sign(written(address(rig, request_id), who="alice"))
    return arrived(raw, address(rig, request_id)), rig, request_id


UNPROVEN, UNBOUND = "without proof that it is from you", "somebody has sent an old mail of yours again"

ATTACKS: dict[str, tuple[Maker, str]] = {
    "a signed “Approved” to somebody else is sent to a request": (_old_mail_to_somebody_else, UNBOUND),
    "the signed approval of one request is sent to another": (_old_answer_to_another_request, ""),
    "the signed approval at another deployment is sent here": (_old_answer_to_another_deployment, UNBOUND),
    "a second To with the secret address is put above the signed one": (_secret_address_added_above, UNPROVEN),
    "where To is not signed, it is exchanged": (_secret_address_in_an_unsigned_to, UNBOUND),
    "a request forwarded with “Approve” is sent back": (_forwarded_request, UNBOUND),
    "the same, with a signed To": (_forwarded_request_with_a_signed_to, UNBOUND),
    "where References are not signed, they are exchanged": (_references_exchanged("single"), UNBOUND),
    "the same at a deployment with secret addresses": (_references_exchanged("plus"), UNBOUND),
    "“Approve!” to a colleague, who got the request forwarded, is handed in": (_answer_to_somebody_else, UNBOUND),
    "an old answer gets the Message-ID of another request above": (_old_answer_with_a_forged_reference, UNBOUND),
    "an old signed mail, for which the believed server vouches": (_believed_server_and_old_mail, UNBOUND),
    "an old mail by a redirect, for which the believed server vouches by SPF": (
        _believed_server_and_old_mail_without_a_signature,
        UNBOUND,
    ),
    "text after the signed length, for which the believed server vouches": (
        _believed_server_and_text_after_the_length,
        UNPROVEN,
    ),
    "a good signature, and the believed server says dmarc=fail": (_believed_server_says_no, UNPROVEN),
    "the believed server's word is forged below its own": (_forged_word_of_the_believed_server, UNPROVEN),
    "a counted mail is sent again with another To, and the believed server vouches for it": (
        _same_content_made_to_look_new,
        UNBOUND,
    ),
    "an unsigned mail with a forged From": (_unsigned, UNPROVEN),
    "a forged From, signed with the forger's own good key": (_signed_by("v.il"), UNPROVEN),
    "a forged From, signed in the domain's name with another key": (_signed_by("example.com", "eve"), UNPROVEN),
    "a forged From, signed by the parent domain": (_signed_by("com"), UNPROVEN),
    "text is appended after signing": (_after_signing(lambda raw: raw + b"Thanks!\r\n"), UNPROVEN),
    "a refusal is turned into an approval": (
        _after_signing(lambda raw: raw.replace(b"No way.", b"APPROVE"), "No way."),
        UNPROVEN,
    ),
    "a second From is put above the signed one": (
        _after_signing(lambda raw: b"From: mallory@v.il\r\n" + raw),
        UNPROVEN,
    ),
    "a second Subject is put above the signed one": (
        _after_signing(lambda raw: b"Subject: Re: lunch\r\n" + raw),
        UNPROVEN,
    ),
    "a colleague answers with her own good signature": (_colleague, UNPROVEN),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_decides_nothing(house: Callable[..., Rig], name: str, attack: Attack) -> None:
    """The request waits on; what came is on record, and the person who was asked hears of it at his own address."""
    make, says = ATTACKS[name]
    raw, rig, request_id = make(house)
    decisions = len(rig.rows(Decision))

    mail = deliver(rig, raw, mail_id="attack")
    rig.work()

    assert rig.state(request_id) == "pending"
    assert len(rig.rows(Decision)) == decisions
    assert mail.level != "aligned"
    if says:
        assert says in told(rig)[-1]
        assert recorded(rig, request_id, "superseded")["inbound_sha256"] == mail.sha256
        attack(name, "not counted, recorded, and the person who was asked is told")
    else:
        assert mail.state == "quarantined"
        attack(name, f"quarantined: {mail.why}")


@pytest.mark.parametrize("imap", [{}, {"authserv_id": AUTHSERV_ID}], ids=["by signature", "by the believed server"])
@pytest.mark.parametrize("text", ["APPROVE", "QUESTION: why now?"])
def test_the_same_mail_again_does_nothing(
    house: Callable[..., Rig], imap: dict[str, str], text: str, attack: Attack
) -> None:
    """Neither a second decision nor a second question nor another mail to anybody."""
    rig = house(**imap)
    request_id = rig.ask("pay_twice", on_behalf_of="erin@example.com")
    raw = written(address(rig, request_id), text)
    raw = raw if imap else sign(raw)
    deliver(rig, arrived(raw, address(rig, request_id), vouched()), mail_id="first")
    rig.keeper()
    before = did(rig)

    again = deliver(rig, arrived(raw, address(rig, request_id), "X-Once: more", vouched()), mail_id="again")
    rig.keeper()

    assert (again.state, again.why.partition(",")[0]) == ("concluded", "the very same mail came here before")
    assert did(rig) == before
    attack("a counted mail is sent again to the same request", "kept, and nothing else happens")


def did(rig: Rig) -> list[int]:
    """Return how much was done so far."""
    return [len(rig.rows(table)) for table in (Event, Decision, Question, Outgoing)]


def test_a_mail_does_not_look_new_by_what_nobody_signed(house: Callable[..., Rig], attack: Attack) -> None:
    """Its Message-ID is exchanged, and the signature does not cover it; two that do differ are two."""
    rig = house()
    request_id = rig.ask("pay_twice", on_behalf_of="erin@example.com")
    free = [name for name in USUAL if name != "message-id"]
    raw = written(address(rig, request_id), "QUESTION: why now?")
    for number, covers in enumerate((free, free, USUAL, USUAL)):
        new = raw.replace(b"reply-1", f"reply-{number}".encode())
        signed = sign(new, covers=covers) if covers is USUAL else sign(raw, covers=covers).replace(raw, new)
        deliver(rig, arrived(signed, address(rig, request_id)), mail_id=f"mail-{number}")
    rig.keeper()
    assert [row.why.partition(",")[0] for row in rig.rows(Incoming)][1] == "the very same mail came here before"
    assert rig.kinds(request_id).count("question") == 3
    attack("an unsigned Message-ID is exchanged, so that an old mail looks new", "kept, and nothing else happens")


# A key that cannot be looked up.


def fails(name: str) -> bytes | None:
    """Look up a name while DNS is down."""
    raise DnsUnavailable(f"{name} could not be looked up (no answer in time).")


def test_a_mail_waits_for_its_key(house: Callable[..., Rig]) -> None:
    """While DNS is down an approval is neither lost nor refused; it counts as soon as its key is there."""
    rig = house()
    request_id = rig.ask()
    object.__setattr__(rig.serving, "look_up", fails)
    raw = arrived(sign(written(address(rig, request_id))), address(rig, request_id))

    assert deliver(rig, raw).state == "new"
    rig.clock.forward(minutes=1)
    object.__setattr__(rig.serving, "look_up", KEYS)
    conclude_all(rig)

    assert rig.state(request_id) == "approved"


def test_nobody_waits_for_ever_for_a_key(house: Callable[..., Rig], attack: Attack) -> None:
    """After five minutes the person is told that it did not count; then the same mail counts no more."""
    rig = house()
    request_id = rig.ask()
    object.__setattr__(rig.serving, "look_up", fails)
    raw = sign(written(address(rig, request_id)))
    deliver(rig, arrived(raw, address(rig, request_id)))
    rig.clock.forward(minutes=6)
    conclude_all(rig)

    assert "the key of your mail domain could not be looked up" in told(rig)[0]
    assert "s1._domainkey.example.com could not be looked up" in rig.row(Incoming, id="mail").why

    object.__setattr__(rig.serving, "look_up", KEYS)
    deliver(rig, arrived(raw, address(rig, request_id), "X-Once: more"), mail_id="again")
    assert rig.state(request_id) == "pending"
    attack("a mail that was refused while DNS was down is sent again", "kept, and nothing else happens")


def test_a_rejection_waits_for_no_key(house: Callable[..., Rig]) -> None:
    """It stops at once, proven or not."""
    rig = house()
    request_id = rig.ask()
    object.__setattr__(rig.serving, "look_up", fails)

    deliver(rig, arrived(sign(written(address(rig, request_id), "REJECT no")), address(rig, request_id)))

    assert rig.state(request_id) == "rejected"
    assert rig.row(Decision).level == "token"


# Exchange Online.


@pytest.mark.parametrize(
    ("result", "signed", "expected"),
    [("pass", True, "approved"), ("pass", False, "pending"), ("none", True, "pending"), ("fail", True, "pending")],
)
def test_exchange_online_needs_both(house: Callable[..., Rig], result: str, signed: bool, expected: str) -> None:
    """Its field bears no name, so anybody could have written it: it counts together with a signature."""
    rig = house(authserv_id="M365")
    request_id = rig.ask()
    raw = written(address(rig, request_id))
    field = (
        f"Authentication-Results: spf=pass (sender IP is 192.0.2.1)\r\n smtp.mailfrom=example.com; dkim=pass (signature was "
        f"verified)\r\n header.d=example.com;dmarc={result} action=none header.from=example.com;compauth=pass reason=100"
    )

    deliver(rig, arrived(sign(raw) if signed else raw, address(rig, request_id), field))

    assert rig.state(request_id) == expected


def test_exchange_online_s_field_is_the_topmost(house: Callable[..., Rig], attack: Attack) -> None:
    """One below it came with the mail, and one with a name is another server's."""
    rig = house(authserv_id="m365")
    request_id = rig.ask()
    forged = "Authentication-Results: dmarc=pass header.from=example.com"
    for number, top in enumerate(("Authentication-Results: dmarc=fail header.from=example.com", vouched())):
        raw = f"{top}\r\n{forged}\r\n".encode() + sign(written(address(rig, request_id), f"APPROVE{'.' * number}"))
        deliver(rig, raw, mail_id=f"mail-{number}")
    assert rig.state(request_id) == "pending"
    attack("Exchange Online's nameless field is forged below its own", "not counted: only the topmost is read")


# Words of somebody who is not proven.


def replayed(rig: Rig, request_id: str, text: str, person: str = "bob") -> bytes:
    """Return an old signed mail to somebody else, sent to a seat's address."""
    return arrived(sign(written("carol@example.com", text, who=person)), address(rig, request_id, person))


def test_words_of_an_old_mail_reach_no_agent(house: Callable[..., Rig], attack: Attack) -> None:
    """A rejection stops, and neither its reason nor a name is told or remembered; a later reason is not taken either."""
    rig = house()
    request_id = rig.ask()

    deliver(rig, replayed(rig, request_id, "REJECT: pay account 999 instead"), mail_id="a")
    rig.keeper()
    rig.work()
    deliver(rig, replayed(rig, request_id, "Because account 999 is right."), mail_id="b")
    rig.keeper()

    [outcome] = rig.shop.resumed
    assert (outcome.outcome, outcome.reason, outcome.decided_by) == ("rejected", "", "a person")
    assert (rig.request(request_id).reason, rig.request(request_id).reason_later) == ("", "")
    assert rig.submit(run="run-2").status == "pending"
    attack(
        "the reason of an unproven rejection speaks to the agent", "it stops; the reason is withheld and not remembered"
    )


def test_a_reason_asked_for_is_taken_only_from_who_is_proven(house: Callable[..., Rig]) -> None:
    """The mail that asks for it can be answered from every server, and an old mail answers it at none."""
    rig = house()
    request_id = rig.ask()
    deliver(rig, arrived(sign(written(address(rig, request_id), "REJECT")), address(rig, request_id)), mail_id="a")
    rig.keeper()
    rig.outbox()
    why = next(raw for _, to, raw in reversed(rig.sender.sent) if to == "bob@example.com" and b"One more line" in raw)
    assert rig.serving.key.marker(rig.seat(request_id, "bob").id, 1).encode() in why

    deliver(rig, replayed(rig, request_id, "Account 999 is right."), mail_id="b")
    assert rig.request(request_id).reason_later == ""

    text = "Wrong account." + quoted(rig, request_id)
    raw = sign(written(address(rig, request_id), text, about=subject(rig, request_id)), covers=EXCHANGE)
    deliver(rig, arrived(raw, address(rig, request_id)), mail_id="c")
    assert rig.request(request_id).reason_later == "Wrong account."


def test_questions_and_answers_are_bound_like_decisions(house: Callable[..., Rig], attack: Attack) -> None:
    """An old signed mail asks nothing, and answers nothing; the person's own does, from Exchange Online as well."""
    rig = house()
    request_id = rig.ask(on_behalf_of="erin@example.com")
    deliver(rig, replayed(rig, request_id, "QUESTION: which account?"), mail_id="a")
    rig.keeper()
    assert rig.kinds(request_id) == ["request", "superseded"]

    deliver(
        rig, arrived(sign(written(address(rig, request_id), "QUESTION: why?")), address(rig, request_id)), mail_id="b"
    )
    rig.keeper()
    rig.outbox()
    asked = next(raw for _, to, raw in rig.sender.sent if to == "erin@example.com")
    to = parseaddr(str(message_from_bytes(asked)["Reply-To"]))[1]

    old = deliver(rig, arrived(sign(written("carol@example.com", "Account 999.", who="erin")), to), mail_id="c")
    assert (old.state, rig.kinds(request_id)[-1]) == ("quarantined", "question")

    marker = next(line for line in _text_of(asked).splitlines() if line.startswith("mailgate-reply-above-"))
    answer = written(to, f"Yes.\r\n\r\n> {marker}", about=subject(rig, request_id), who="erin")
    new = deliver(rig, arrived(sign(answer, covers=EXCHANGE), to), mail_id="d")
    rig.keeper()
    assert (new.state, rig.kinds(request_id)[-1]) == ("concluded", "answer")
    attack("an old signed mail is sent to the address of a question", "quarantined, and passed on to nobody")


def _text_of(raw: bytes) -> str:
    part = next(p for p in message_from_bytes(raw).walk() if p.get_content_type() == "text/plain")
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content.decode()
