"""Histories of every kind through the real rig, and the mails that they leave: what audits are tried on."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import dkim
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from mailgate.mail.templates import Templates
from mailgate.model.evidence import LogSigner, format_time
from mailgate.model.verdict import Level, Verdict
from mailgate.service.decide import Answer, decide
from mailgate.service.delegation import delegate
from mailgate.service.inspect import cancel_request
from mailgate.service.intake import incoming_label
from mailgate.service.keep import lose_seat
from mailgate.service.policies import settle_in
from mailgate.service.questions import pass_on, take_answer
from mailgate.service.sealing import seal
from mailgate.service.undo import undo
from mailgate.store.tables import Assignment, Incoming, Question
from tests.service.rig import PEOPLE, SHIPPED, Place, Rig, make_database

ARCHIVE, WITNESS = "archive@gate.example.com", "audit@example.org"

FOLK = PEOPLE | {
    "dave": {"name": "Dave Diaz", "address": "dave@example.com"},
    "erin": {"name": "Erin Evans", "address": "erin@example.com", "aliases": ["e.evans@example.com"]},
}
GATES: dict[str, dict[str, Any]] = {
    "pay": {"approvers": ["bob"], "remind_after": "none", "if_approved": "Zahlt sofort – über die Bank."},
    "pay_twice": {"approvers": ["group:finance"], "quorum": 2, "remind_after": "30m"},
    "warm_up": {
        "approvers": ["alice"],
        "remind_after": "none",
        "escalate_after": "1h",
        "escalate_to": ["carol"],
        "reply_level": "token",
    },
    "note_down": {
        "stages": [{"approvers": ["bob"], "quorum": 1}, {"approvers": ["alice", "carol"], "quorum": 1}],
        "remind_after": "none",
        "veto": False,
    },
    "look_up": {"approvers": ["alice", "bob", "carol"], "remind_after": "none", "veto": False, "cooling_off": "5m"},
}
SECTIONS: Mapping[str, Any] = {
    "archive": {"address": ARCHIVE, "witnesses": [WITNESS], "seal_every": "1d"},
    "people": FOLK,
    "groups": {"finance": ["alice", "bob", "carol"]},
    "gates": GATES,
    "imap": {"authserv_id": "mx.gate.example.com", "username": "approvals"},
}
DKIM_NAME = "s1._domainkey.example.com"


@dataclass(frozen=True)
class Told:
    """What the rig sent.

    Attributes:
        vkey: the log's public key.
        archive: the mails to the archive, in the order in which they were sent.
        people: those to people.
        witness: those to the witness.
    """

    vkey: str
    archive: list[bytes]
    people: list[bytes]
    witness: list[bytes]

    @property
    def signer(self) -> LogSigner:
        """The rig's log key, for whoever plays its holder."""
        return LogSigner(self.vkey.partition("+")[0], b"l" * 32)


class Teller:
    """Plays histories on one rig."""

    def __init__(self, rig: Rig) -> None:
        self.rig, self._number = rig, 0
        self.settle()

    def settle(self) -> None:
        """Let the keeper take up what is configured."""
        with self.rig.serving.store.write() as tx:
            settle_in(tx, self.rig.serving)
        self.turn()

    def turn(self, **length: float) -> None:
        """Let time pass, the keeper do its work, and the mails go out."""
        self.rig.clock.forward(**(length or {"seconds": 20}))
        self.rig.keeper()
        self.rig.outbox()

    def ask(self, name: str = "pay", **options: Any) -> str:
        """Ask for something that was never asked for before."""
        self._number += 1
        args = {"order": f"A-{self._number}"}
        options = {"reasoning": f"Order {self._number} was charged twice."} | options
        request_id = self.rig.ask(name, args, run=f"run-{self._number}", **options)
        self.rig.outbox()
        return request_id

    def press(self, request_id: str, person: str, verdict: Verdict = Verdict.APPROVE) -> None:
        """Decide on the page behind a link."""
        self.rig.clock.forward(seconds=30)
        page = self.rig.press(request_id, person, verdict)
        assert page.done, page
        self.turn()

    def reply(self, request_id: str, person: str, verdict: Verdict = Verdict.APPROVE, **options: Any) -> None:
        """Decide by a reply that its sender's domain signed; its bytes are kept."""
        self.rig.clock.forward(seconds=30)
        seat, said = self.rig.seat(request_id, person), options.pop("text", verdict.value.upper())
        with self.rig.serving.store.write() as tx:
            row = tx.session.get_one(Assignment, seat.id)
            kept = self._receive(tx, seat.address, said)
            answer = Answer(
                assignment_id=seat.id,
                generation=seat.generation,
                verdict=verdict,
                level=options.pop("level", Level.ALIGNED),
                channel="reply",
                given_at=kept.received_at,
                reason=options.pop("reason", "") if verdict is Verdict.REJECT else "",
                evidence=_evidence(kept, seat.address),
                incoming_id=kept.id,
            )
            decide(tx, self.rig.serving, row, answer)
        self.turn()

    def take_back(self, request_id: str, person: str) -> None:
        """Take an answer back by a reply."""
        seat = self.rig.seat(request_id, person)
        with self.rig.serving.store.write() as tx:
            row, kept = tx.session.get_one(Assignment, seat.id), self._receive(tx, seat.address, "UNDO")
            undo(
                tx,
                self.rig.serving,
                row,
                generation=seat.generation,
                level=Level.ALIGNED,
                channel="reply",
                evidence=_evidence(kept, seat.address),
            )
        self.turn()

    def question(self, request_id: str, person: str, text: str, answer: str) -> None:
        """Ask a question back, and have it answered."""
        seat = self.rig.seat(request_id, person)
        with self.rig.serving.store.write() as tx:
            kept = self._receive(tx, seat.address, f"QUESTION: {text}")
            assert pass_on(
                tx, self.rig.serving, tx.session.get_one(Assignment, seat.id), text, inbound_sha256=kept.sha256
            )
        self.turn()
        asked = self.rig.row(Question, request_id=request_id)
        with self.rig.serving.store.write() as tx:
            kept = self._receive(tx, asked.address, answer)
            row = tx.session.get_one(Question, asked.id)
            assert take_answer(tx, self.rig.serving, row, answer, inbound_sha256=kept.sha256)
        self.turn()

    def bounce(self, request_id: str, person: str) -> None:
        """Let the mail to somebody come back."""
        with self.rig.serving.store.write() as tx:
            seat = tx.session.get_one(Assignment, self.rig.seat(request_id, person).id)
            lose_seat(tx, self.rig.serving, seat, because="550 no such user")
        self.turn()

    def seal(self) -> None:
        """Seal the log now."""
        with self.rig.serving.store.write() as tx:
            seal(tx, self.rig.serving)
        self.turn()

    def told(self) -> Told:
        """Return what was sent so far."""
        sent = self.rig.sender.sent
        return Told(
            vkey=self.rig.serving.verifier.vkey,
            archive=[raw for _, to, raw in sent if to == ARCHIVE],
            people=[raw for _, to, raw in sent if to not in (ARCHIVE, WITNESS)],
            witness=[raw for _, to, raw in sent if to == WITNESS],
        )

    def _receive(self, tx: Any, address: str, text: str) -> Incoming:
        raw = signed_reply(address, text, self.rig.clock.at, tx.chance.id())
        row = Incoming(
            id=tx.chance.id(),
            mailbox="m",
            folder="f",
            uidvalidity=1,
            uid=int.from_bytes(tx.chance.bytes(3)),
            sha256=hashlib.sha256(raw).hexdigest(),
            sealed=b"",
            size=len(raw),
            fetched_at=tx.now,
            received_at=tx.now,
            state="concluded",
        )
        row.sealed = self.rig.serving.key.seal(raw, label=incoming_label(row), nonce=tx.chance.bytes(12))
        tx.session.add(row)
        tx.session.flush()
        return row


def _evidence(kept: Incoming, address: str) -> Mapping[str, Any]:
    return {
        "from": address,
        "inbound_sha256": kept.sha256,
        "received_at": format_time(kept.received_at),
        "dns": {DKIM_NAME: dkim_record()},
    }


@cache
def _dkim_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=1024)


def dkim_record() -> str:
    """Return the TXT record of the key that replies are signed with."""
    public = _dkim_key().public_key()
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return f"v=DKIM1; k=rsa; p={base64.b64encode(der).decode()}"


def signed_reply(address: str, text: str, at: Any, mail_id: str) -> bytes:
    """Return a person's reply, signed by the domain it comes from."""
    raw = (
        f"From: {address}\r\nTo: approvals+secret@gate.example.com\r\nSubject: Re: a request\r\n"
        f"Date: {at:%a, %d %b %Y %H:%M:%S} +0000\r\nMessage-ID: <{mail_id}@example.com>\r\n\r\n{text}\r\n"
    ).encode()
    pem = _dkim_key().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    names = [b"from", b"to", b"subject", b"date", b"message-id"]
    signature = dkim.sign(raw, b"s1", b"example.com", pem, include_headers=names)
    return bytes(signature) + raw


History = Callable[[Teller], Any]


def approved_by_link(t: Teller) -> None:
    """Ask; Bob approves by link; it is run."""
    t.press(t.ask(), "bob")
    t.rig.work()
    t.turn()


def approved_by_reply(t: Teller) -> None:
    """Ask for somebody; Bob approves by reply; it is run."""
    t.reply(t.ask(on_behalf_of="erin@example.com"), "bob")
    t.rig.work()
    t.turn()


def rejected_by_reply(t: Teller) -> None:
    """Bob rejects, with a reason."""
    t.reply(t.ask(), "bob", Verdict.REJECT, reason="Nicht über 100 €, bitte.")
    t.turn()


def by_two(t: Teller) -> None:
    """Two of three approve, one by reply and one by link."""
    request_id = t.ask("pay_twice", on_behalf_of="erin@example.com")
    t.reply(request_id, "alice")
    t.press(request_id, "carol")
    t.rig.work()
    t.turn()


def one_of_two(t: Teller) -> None:
    """One approves, and the other rejects."""
    request_id = t.ask("pay_twice")
    t.press(request_id, "bob")
    t.reply(request_id, "alice", Verdict.REJECT, reason="No.")
    t.turn()


def escalated(t: Teller) -> None:
    """Nobody answers; Carol is asked as well, and approves without being proven, which this gate takes."""
    request_id = t.ask("warm_up")
    t.turn(minutes=61)
    t.reply(request_id, "carol", level=Level.TOKEN)
    t.rig.work()
    t.turn()


def expired(t: Teller) -> None:
    """Nobody answers at all, reminded or not."""
    t.ask("pay_twice")
    t.turn(minutes=31)
    t.turn(hours=4, minutes=30)


def withdrawn(t: Teller) -> None:
    """An approval is taken back while it cools off."""
    request_id = t.ask("look_up")
    t.press(request_id, "alice")
    t.take_back(request_id, "alice")


def asked_back(t: Teller) -> None:
    """A question is answered before the answer."""
    request_id = t.ask(on_behalf_of="erin@example.com")
    t.question(request_id, "bob", "Which order is it?", "The second one.")
    t.reply(request_id, "bob")
    t.rig.work()
    t.turn()


def stood_in_for(t: Teller) -> None:
    """Dave stands in for Bob, until tomorrow."""
    delegate(t.rig.serving, "bob", "dave", until=t.rig.clock.at + timedelta(hours=1), by="oscar")
    t.turn()
    t.press(t.ask(), "dave")
    t.rig.work()
    t.turn(hours=2)


def unreachable(t: Teller) -> None:
    """Bob's mail comes back, and nobody else may be asked."""
    t.bounce(t.ask(), "bob")


def cancelled(t: Teller) -> None:
    """The agent takes its question back."""
    cancel_request(t.rig.working, t.ask(), by="agent", exact=True)
    t.turn()


def failed(t: Teller) -> None:
    """It is run, and fails."""
    t.press(t.ask(), "bob")
    t.rig.shop.doing = lambda: 1 // 0
    t.rig.work()
    t.rig.shop.doing = lambda: "done"
    t.turn()


def lapsed(t: Teller) -> None:
    """It is approved, and no worker comes."""
    t.press(t.ask(), "bob")
    t.turn(minutes=20)


def in_stages(t: Teller) -> None:
    """Bob, then one of Alice and Carol, after Alice said no, which is no veto here."""
    request_id = t.ask("note_down")
    t.press(request_id, "bob")
    t.press(request_id, "alice", Verdict.REJECT)
    t.reply(request_id, "carol")
    t.rig.work()
    t.turn()


def too_weak(t: Teller) -> None:
    """A yes that is not proven does not count; then Bob uses the link; then he writes again."""
    request_id = t.ask()
    t.reply(request_id, "bob", level=Level.TOKEN)
    t.press(request_id, "bob")
    t.reply(request_id, "bob")
    t.rig.work()
    t.turn()


def by_default(t: Teller) -> None:
    """An action without a gate: the default approvers are asked."""
    t.press(t.ask("send_flowers"), "alice")
    t.turn(minutes=20)


HISTORIES: tuple[History, ...] = (
    approved_by_link,
    approved_by_reply,
    rejected_by_reply,
    by_two,
    one_of_two,
    escalated,
    expired,
    withdrawn,
    asked_back,
    stood_in_for,
    unreachable,
    cancelled,
    failed,
    lapsed,
    in_stages,
    too_weak,
    by_default,
)


def make_rig(folder: Path) -> Rig:
    """Return a rig of its own, outside of any fixture."""
    make_database(folder / "empty.db")
    place = Place(folder / "place")
    place.clear(folder / "empty.db")
    people = {
        "mailgate": {
            "base_url": "https://approvals.example.com",
            "operators": ["oscar"],
            "default_approvers": ["alice"],
        }
    }
    return Rig(place, Templates.load(SHIPPED), dict(SECTIONS) | people)


def tell(folder: Path, rounds: int) -> Told:
    """Play every history so many times, change the policy and the people in between, seal now and then."""
    rig = make_rig(folder)
    try:
        teller = Teller(rig)
        for number in range(rounds):
            for history in HISTORIES:
                history(teller)
            teller.seal()
            gates = GATES | {"pay": GATES["pay"] | {"valid_for": f"{16 + number}m"}}
            folk = FOLK | {f"guest{number}": {"name": f"Guest {number}", "address": f"guest{number}@example.com"}}
            rig.changed(gates=gates, people=folk)
            teller.settle()
        teller.seal()
        return teller.told()
    finally:
        rig.close()
