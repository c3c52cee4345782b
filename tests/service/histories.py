"""Histories of all kinds, drawn at random and played on a rig: whatever a deployment may live through in a month."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any

from hypothesis import strategies as st

from mailgate.errors import IllegalTransition, InvalidArguments, KeyConflict, NotDone, Stopped
from mailgate.model.lifecycle import State
from mailgate.model.verdict import Level, Verdict
from mailgate.service.delegation import delegate, end_delegation
from mailgate.service.digesting import digest_if_due
from mailgate.service.inspect import cancel_request, lift_rejection, settle_request
from mailgate.service.keep import lose_seat
from mailgate.service.policies import settle_in
from mailgate.service.questions import question_token
from mailgate.service.sealing import seal
from mailgate.service.undo import undo
from mailgate.store.answers import delegations_at
from mailgate.store.tables import Assignment, Question, Request
from tests.service.post import AUTHSERV_ID, deliver, reply
from tests.service.rig import PEOPLE, Rig

ARCHIVE = "archive@gate.example.com"
GROUPS = ({"finance": ["alice", "bob", "carol"]}, {"finance": ["alice", "bob"]}, {"finance": ["bob", "carol"]})
GATES: dict[str, dict[str, Any]] = {
    "pay": {
        "approvers": ["bob"],
        "remind_after": "30m",
        "escalate_after": "1h",
        "escalate_to": ["carol"],
        "veto": False,
    },
    "pay_twice": {"approvers": ["group:finance"], "quorum": 2, "remind_after": "none", "escalate_when_away": True}
    | {"escalate_after": "90m", "escalate_to": ["oscar"], "escalate_further": [{"after": "2h", "ask": ["carol"]}]},
    "look_up": {
        "stages": [{"approvers": ["alice"]}, {"approvers": ["group:finance"], "quorum": 1}],
        "cooling_off": "10m",
        "on_reject": "escalate",
    },
    "note_down": {"tier": "log"},
    "warm_up": {"approvers": ["alice", "bob"], "timeout": "none", "reply_level": "token"},
}
SECTIONS: Mapping[str, Any] = {
    "mailgate": {
        "base_url": "https://approvals.example.com",
        "operators": ["oscar"],
        "default_approvers": ["alice"],
        "digest_every": "1h",
    },
    "archive": {"address": ARCHIVE, "seal_every": "1d", "on_failure": "warn", "carry_checkpoint": True},
    "groups": GROUPS[0],
    "gates": GATES,
    "imap": {"authserv_id": AUTHSERV_ID},
}
ASKED = ("pay", "pay", "pay_twice", "pay_twice", "look_up", "warm_up", "unheard_of")
STATES: tuple[Any, ...] = (None, None, {"step": 3}, b"\x00\x01bytes", (b"<x/>", "application/xml"))


class Player:
    """Plays one history. Each move takes a number, which chooses among what is possible; impossible ones do nothing."""

    def __init__(self, rig: Rig) -> None:
        self.rig, self.sections, self._moves = rig, dict(SECTIONS), 0
        self.settle()

    def settle(self) -> None:
        """Let the keeper take up what is configured, as when it starts."""
        with self.rig.serving.store.write() as tx:
            settle_in(tx, self.rig.serving)
        self.rig.keeper()

    def move(self, name: str, number: int) -> None:
        """Make one move; what mailgate refuses to do is refused.

        The number is stirred: those that are drawn like to be small, and the choices in one move should not hang together.
        """
        self._moves += 1
        number = int.from_bytes(hashlib.sha256(f"{name} {number} {self._moves}".encode()).digest()[:4])
        with suppress(Stopped, IllegalTransition, InvalidArguments, KeyConflict):
            MOVES[name](self, number)
        if number % 4:  # else the next move comes before the keeper's turn
            self.rig.keeper()

    def end(self) -> None:
        """Let everything that happened reach the archive."""
        for _ in range(2):
            self.rig.keeper()
            with self.rig.serving.store.write() as tx:
                seal(tx, self.rig.serving)
        self.rig.keeper()
        # What people get costs most of the time, and is no matter here.
        self.rig.forge("update outgoing set state = 'sent' where recipient != :a and state = 'waiting'", a=ARCHIVE)
        self.rig.outbox()

    # What is there to choose from.

    def request(self, number: int, *states: State) -> Request | None:
        """Return one of the requests in ``states``; of all where none is given."""
        found = sorted((r for r in self.rig.rows(Request) if not states or r.state in states), key=lambda r: r.id)
        return found[number % len(found)] if found else None

    def seat(self, number: int, state: str = "open") -> Assignment | None:
        """Return one of the seats in a state, of a request that is pending or approved."""
        alive = {r.id for r in self.rig.rows(Request) if r.state in (State.PENDING, State.APPROVED)}
        found = [s for s in self.rig.rows(Assignment, state=state) if s.request_id in alive]
        return sorted(found, key=lambda s: s.id)[number % len(found)] if found else None

    # Moves of the agents' side.

    def ask(self, number: int) -> None:
        """Ask for something; sometimes for the very same again."""
        name = ASKED[number % len(ASKED)]
        person = (None, "carol@example.com", "a.adams@example.com", "somebody@example.net")[number % 4]
        self.rig.submit(
            name,
            {"order": f"A-{number % 5}"} if name != "unheard_of" else {"x": number % 5, "text": "Ä\u2028=1+1"},
            agent=("support", "billing")[number % 2],
            run=f"run-{number % 7}",
            on_behalf_of=person,
            reasoning="" if number % 3 else "The customer asked – twice.",
            confidence=(None, 0.25, 1.0)[number % 3],
            state=STATES[number % len(STATES)],
            state_version="v2" if number % 2 else "",
            key=None if number % 6 else f"key {number}",
        )

    def log(self, number: int) -> None:
        """Run something that people are shown afterwards."""
        ticket = self.rig.submit("note_down", {"order": f"B-{number % 9}"}, run=f"run-{number % 3}")
        if ticket.may_run:
            said: dict[str, Any] = {"error": RuntimeError("it broke")} if number % 4 == 0 else {"result": {"n": number}}
            self.rig.mg.report(ticket, **said)

    def execute(self, number: int) -> None:
        """Let a worker run what is approved: well, badly, with no effect, or not to its end."""
        claim = self.rig.claim(f"w{number % 2}")
        if claim is None or number % 4 == 3:
            return

        def doing() -> Any:
            if number % 4 == 1:
                raise NotDone("there was nothing to do")
            if number % 4 == 2:
                raise RuntimeError(f"it broke at {number}")
            return {"paid": number, "at": [1.5, None, "ü"]}

        self.rig.shop.doing = doing
        self.rig.execute_claim(claim, f"w{number % 2}")

    def die(self, number: int) -> None:
        """Let a worker die inside an action, and be settled or claimed again."""
        if self.rig.claim("w3") is not None:
            self.rig.clock.forward(minutes=90 if number % 3 else 10)
            self.rig.keeper()
            self.settle_one(number)

    def resume(self, number: int) -> None:
        """Hand an outcome back; some agents cannot take it."""

        def fails(_: Any) -> None:
            raise ValueError("the agent's own code")

        agent = ("support", "billing")[number % 2]
        for _ in range(9 if number % 5 == 0 else 1):
            self.rig.resume(fails if number % 5 == 0 else None, agent)
            if number % 5 == 0:
                self.rig.clock.forward(minutes=10)

    def cancel(self, number: int) -> None:
        """Cancel what is pending, before or after people were asked."""
        request = self.request(number, State.PENDING)
        if request is not None:
            cancel_request(self.rig.working, request.id, by="agent support", exact=True)

    # Moves of people.

    def press(self, number: int) -> None:
        """Answer on the page behind a link."""
        seat = self.seat(number)
        if seat is not None:
            verdict = Verdict.REJECT if number % 3 == 0 else Verdict.APPROVE
            self.rig.press(seat.request_id, seat.person, verdict, reason="=2+3 is too much")

    def reply(self, number: int) -> None:
        """Answer by mail: a word, a question, an absence, or nothing that can be understood."""
        seat = self.seat(number)
        if seat is not None and seat.person in PEOPLE:
            texts = ("APPROVE", "reject: not this one", "no", "QUESTION: which order?", "perhaps", "APPROVE", "undo")
            raw = reply(self.rig, seat.request_id, seat.person, texts[number % 7], aligned=number % 5 != 0)
            self._mail(raw.replace(b"Subject:", b"List-Id: <all.example.com>\r\nSubject:") if number % 11 == 0 else raw)
            if number % 2:
                self.answer(number)

    def write_again(self, number: int) -> None:
        """Write once more after an answer: take it back, or say why."""
        seat = self.seat(number, "answered") or self.seat(number, "closed")
        if seat is not None and seat.person in PEOPLE:
            texts = ("undo", "because it is too much", "APPROVE")
            self._mail(reply(self.rig, seat.request_id, seat.person, texts[number % 3]))

    def say_why(self, number: int) -> None:
        """Reject by a bare word and, asked for it, say why."""
        seat = self.seat(number)
        if seat is not None and seat.person in PEOPLE:
            self._mail(reply(self.rig, seat.request_id, seat.person, "reject"))
            self._mail(reply(self.rig, seat.request_id, seat.person, "It was paid twice."))

    def undo(self, number: int) -> None:
        """Take an answer back by link."""
        seat = self.seat(number, "answered")
        if seat is not None:
            with self.rig.serving.store.write() as tx:
                row = tx.session.get_one(Assignment, seat.id)
                level = Level.LINK_CODE if number % 2 else Level.LINK
                undo(tx, self.rig.serving, row, generation=row.generation, level=level, channel="link", evidence={})

    def answer(self, number: int) -> None:
        """Answer a question."""
        found = sorted(self.rig.rows(Question, answered_at=None), key=lambda q: q.id)
        if found:
            question = found[number % len(found)]
            token = question_token(self.rig.serving.key, question.id)
            self._mail(reply(self.rig, question.request_id, question.person, "The second one.", token=token))

    def be_away(self, number: int) -> None:
        """Be out of office."""
        seat = self.seat(number)
        if seat is not None:
            token = self.rig.serving.key.bounce_token(seat.id, seat.generation)
            raw = reply(self.rig, seat.request_id, "bob", "I am away.", token=token)
            self._mail(raw.replace(b"Subject: Re:", b"Auto-Submitted: auto-replied\r\nSubject: Out of office:"))

    def bounce(self, number: int) -> None:
        """Let the mail to somebody come back."""
        seat = self.seat(number)
        if seat is not None:
            with self.rig.serving.store.write() as tx:
                row = tx.session.get_one(Assignment, seat.id)
                lose_seat(tx, self.rig.serving, row, because="550 no such user")

    # Moves of operators, and of time.

    def settle_one(self, number: int) -> None:
        """Settle what is in doubt."""
        request = self.request(number, State.IN_DOUBT)
        if request is not None:
            settle_request(self.rig.serving, request.id, succeeded=number % 2 == 0, by="oscar")

    def lift(self, number: int) -> None:
        """Lift a rejection."""
        request = self.request(number, State.REJECTED)
        if request is not None:
            lift_rejection(self.rig.serving, request.id, by="oscar")

    def hand_over(self, number: int) -> None:
        """Let somebody stand in for somebody."""
        people = sorted(PEOPLE)
        who, to = people[number % 4], people[number // 4 % 4]
        until = self.rig.clock.at + timedelta(hours=1 + number % 30)
        gate = ("", "pay", "pay_twice")[number % 3]
        delegate(self.rig.serving, who, to, until=until, gate=gate, by="oscar")

    def take_over_again(self, number: int) -> None:
        """End a delegation early."""
        with self.rig.serving.store.read() as tx:
            found = delegations_at(tx, tx.now)
        if found:
            end_delegation(self.rig.serving, found[number % len(found)].id, by="oscar")

    def reconfigure(self, number: int) -> None:
        """Change people, groups or a policy, and start the keeper again."""
        gates = GATES | ({"pay": GATES["pay"] | {"quorum": 1, "valid_for": "1h"}} if number % 3 == 1 else {})
        people = {n: p for n, p in PEOPLE.items() if n != "carol" or number % 5} if number % 2 else dict(PEOPLE)
        if number % 7 == 3:
            people["bob"] = {"name": "Bob Brown", "address": "bob@elsewhere.example"}
        self.rig.changed(**(self.sections | {"gates": gates, "people": people, "groups": GROUPS[number % 3]}))
        self.settle()

    def wait(self, number: int) -> None:
        """Let time pass."""
        self.rig.clock.forward(minutes=(1, 12, 31, 61, 125, 250, 300)[number % 7])

    def turn(self, number: int) -> None:
        """Let the keeper and the outbox do their work."""
        self.rig.keeper()
        if number % 5 == 0:
            self.rig.outbox()
        with self.rig.serving.store.write() as tx:
            digest_if_due(tx, self.rig.serving)

    def _mail(self, raw: bytes) -> None:
        deliver(self.rig, raw, mail_id=hashlib.sha256(raw).hexdigest())


MOVES: Mapping[str, Callable[[Player, int], None]] = {
    name: getattr(Player, name)
    for name in (
        "ask",
        "log",
        "execute",
        "die",
        "resume",
        "cancel",
        "press",
        "reply",
        "write_again",
        "say_why",
        "undo",
        "answer",
        "be_away",
        "bounce",
        "settle_one",
        "lift",
        "hand_over",
        "take_over_again",
        "reconfigure",
        "wait",
        "turn",
    )
}
OFTEN = 3 * ("ask", "ask", "ask", "press", "press", "press", "reply", "execute", "execute", "resume") + (
    "wait",
    "wait",
    "wait",
    "die",
    "reply",
    "log",
    "undo",
    "write_again",
)
"""Moves without which nothing much happens."""

HISTORIES = st.lists(
    st.tuples(st.sampled_from((*MOVES, *OFTEN)), st.integers(min_value=0, max_value=999)), min_size=40, max_size=70
)


def play(rig: Rig, moves: list[tuple[str, int]]) -> Player:
    """Play a history to its end on a rig with :data:`SECTIONS`."""
    player = Player(rig)
    for name, number in moves:
        player.move(name, number)
    player.end()
    return player
