"""One mailgate without mail servers: both sides on one SQLite file, people who answer, and a clock that tests set."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
import sqlite3
import threading
from base64 import b32encode
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, event
from sqlmodel import SQLModel, select

from mailgate.config import Config
from mailgate.gate import Mailgate
from mailgate.mail.templates import Templates
from mailgate.model.evidence import LogSigner, LogVerifier
from mailgate.model.signature import Signature
from mailgate.model.verdict import Level, Verdict
from mailgate.runtime import log_name
from mailgate.service.context import Serving, Working
from mailgate.service.decide import Answer, Ruled, decide
from mailgate.service.deliver import Ready, send_one, take_due
from mailgate.service.execute import Claim, Known, claim_next, report, run
from mailgate.service.guard import Guard
from mailgate.service.journal import Journal
from mailgate.service.keep import keep
from mailgate.service.ledger import let_guard_see
from mailgate.service.letters import link_of
from mailgate.service.link import Page, look, press
from mailgate.service.once import Once
from mailgate.service.posting import message_token, own_message_id
from mailgate.service.resume import Outcome, claim_resumption, resume
from mailgate.service.sequence import sequence
from mailgate.service.submit import Ticket
from mailgate.store import Store, open_store
from mailgate.store.migrate import migrate
from mailgate.store.tables import Assignment, Event, Outgoing, Request
from mailgate.store.wake import SqlitePulse
from mailgate.store.work import KEEPER, take_lease
from mailgate.tokens import LinkKeys, ServeKey

START = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
SHIPPED = Path(__file__).parents[2] / "templates"
PEOPLE = {
    "alice": {"name": "Alice Adams", "address": "alice@example.com", "aliases": ["a.adams@example.com"]},
    "bob": {"name": "Bob Brown", "address": "bob@example.com"},
    "carol": {"name": "Carol Clark", "address": "carol@example.com"},
    "oscar": {"name": "Oscar Operator", "address": "oscar@example.com"},
}
GATES: dict[str, dict[str, Any]] = {
    "pay": {"approvers": ["bob"], "remind_after": "none"},
    "pay_twice": {"approvers": ["alice", "bob"], "quorum": 2, "remind_after": "none"},
    "look_up": {"tier": "auto"},
    "note_down": {"tier": "log"},
    "warm_up": {"approvers": ["bob"], "remind_after": "none"},
}

Row = TypeVar("Row", bound=SQLModel)


class FakeClock:
    """The time that tests set; a millisecond passes with each transaction, as it would."""

    def __init__(self) -> None:
        self.at = START
        self._lock = threading.Lock()

    def now(self, connection: Connection) -> datetime:
        """See :class:`mailgate.store.clock.Clock`."""
        with self._lock:
            self.at += timedelta(milliseconds=1)
            return self.at

    def forward(self, **length: float) -> None:
        """Let time pass: ``forward(hours=1)``."""
        with self._lock:
            self.at += timedelta(**length)


class CountedChance:
    """Values that look random and are the same in every run."""

    def __init__(self) -> None:
        self._count = 0
        self._lock = threading.Lock()

    def id(self) -> str:
        """See :class:`mailgate.chance.Chance`."""
        return b32encode(self.bytes(10)).decode().lower()

    def bytes(self, size: int) -> bytes:
        """See :class:`mailgate.chance.Chance`."""
        with self._lock:
            self._count += 1
            return hashlib.shake_256(f"chance {self._count}".encode()).digest(size)


class Shop:
    """The agents' actions, which note down every call, and the agents themselves, who note how they are resumed."""

    def __init__(self) -> None:
        self.ran: list[tuple[str, dict[str, Any]]] = []
        self.resumed: list[Outcome] = []
        self.doing: Callable[[], Any] = lambda: "done"
        self.actions: dict[str, Known] = {}
        for function, idempotent in (
            (self.pay, False),
            (self.pay_twice, False),
            (self.look_up, False),
            (self.note_down, False),
            (self.warm_up, True),
        ):
            name = function.__name__
            self.actions[name] = Known(signature=Signature(name, function), function=function, idempotent=idempotent)

    def pay(self, order: str = "A-1", amount: float = 120.0, currency: str = "EUR") -> Any:
        """Pay, with one person's yes."""
        return self._note("pay", order=order, amount=amount, currency=currency)

    def pay_twice(self, order: str = "A-1", amount: float = 120.0) -> Any:
        """Pay, with two people's yes."""
        return self._note("pay_twice", order=order, amount=amount)

    def look_up(self, order: str = "A-1") -> Any:
        """Look something up, which anybody may."""
        return self._note("look_up", order=order)

    def note_down(self, order: str = "A-1") -> Any:
        """Note something down, which people see afterwards."""
        return self._note("note_down", order=order)

    def warm_up(self, order: str = "A-1") -> Any:
        """Do what may be done twice."""
        return self._note("warm_up", order=order)

    def go_on(self, outcome: Outcome) -> None:
        """Be resumed."""
        self.resumed.append(outcome)

    def _note(self, name: str, **arguments: Any) -> Any:
        self.ran.append((name, arguments))
        return self.doing()


class FakeSender:
    """Takes every mail and keeps it."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str, bytes]] = []

    async def send(self, sender: str, recipient: str, raw: bytes) -> str:
        """See :class:`mailgate.mail.smtp.SmtpSender`."""
        self.sent.append((sender, recipient, raw))
        return "250 taken"


class Place:
    """A folder and two engines that rigs use one after another, so that SQL is compiled once for all of them."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.path = folder, folder / "mailgate.db"
        folder.mkdir()
        self.engines = [self._engine(), self._engine()]

    def clear(self, database: Path) -> None:
        """Make the folder as new, with a copy of ``database`` in it."""
        shutil.rmtree(self.folder)
        self.folder.mkdir()
        shutil.copy(database, self.path)

    def _engine(self) -> Engine:
        engine = open_store(f"sqlite:///{self.path}", clock=FakeClock(), chance=CountedChance()).engine
        # Tests need nothing that survives a power cut.
        event.listen(engine, "connect", lambda connection, _: connection.execute("pragma synchronous=off"))
        return engine


class Rig:
    """Everything a test needs to play all the parts.

    Attributes:
        serving, working: the two sides, each with connections of its own.
        shop: the agents' actions and what was done with them.
        sender: what the outbox sent.
    """

    def __init__(self, place: Place, templates: Templates, sections: Mapping[str, Any]) -> None:
        self.folder, self.path, self.sections = place.folder, place.path, dict(sections)
        config = configuration(self.folder, **sections)
        self.clock, self.chance = FakeClock(), CountedChance()
        ours, theirs = (Store(e, self.clock, self.chance, SqlitePulse(self.path)) for e in place.engines)
        signer = LogSigner(log_name(config), b"l" * 32)
        verifier = LogVerifier(signer.vkey)
        self.serving = Serving(
            config=config,
            store=ours,
            key=ServeKey(b"s" * 32),
            links=LinkKeys([b"k" * 32]),
            signer=signer,
            verifier=verifier,
            templates=templates,
            guard=Guard(self.folder / "log.guard", verifier),
        )
        self.working = Working(config=config, store=theirs, verifier=verifier)
        self.shop, self.sender = Shop(), FakeSender()
        self.once, self.journal = Once(), Journal(self.folder / "worker.journal")
        self.mg = Mailgate(config)
        self.mg._working = self.working

    def close(self) -> None:
        """Close both sides."""
        self.serving.store.close()
        self.working.store.close()

    # The agents' side.

    def submit(self, name: str = "pay", args: Mapping[str, Any] | None = None, **options: Any) -> Ticket:
        """Submit an action of agent ``support``, run ``run-1``, unless told otherwise."""
        options = {"agent": "support", "run": "run-1"} | options
        known = self.shop.actions.get(name)
        filled = known.signature.action(args or {}).arguments if known else (args or {})
        return self.mg.submit(name, filled, **options)

    def ask(self, name: str = "pay", args: Mapping[str, Any] | None = None, **options: Any) -> str:
        """Submit an action, let the keeper ask the people, and return the request's id."""
        ticket = self.submit(name, args, **options)
        self.keeper()
        return ticket.request_id

    def approved(self, name: str = "pay", args: Mapping[str, Any] | None = None, **options: Any) -> str:
        """Ask, let Bob approve and the keeper record it; return the request's id."""
        request_id = self.ask(name, args, **options)
        assert self.press(request_id, "bob").done
        self.keeper()
        return request_id

    def claim(self, worker: str = "w1", journal: Journal | None = None) -> Claim | None:
        """Claim an approved request as a worker."""
        return claim_next(self.working, self.shop.actions, worker, journal or self.journal, self.once)

    def execute(self, worker: str = "w1", journal: Journal | None = None) -> Claim | None:
        """Claim, run and report as a worker."""
        claim = self.claim(worker, journal)
        if claim is not None:
            self.execute_claim(claim, worker)
        return claim

    def execute_claim(self, claim: Claim, worker: str = "w1") -> None:
        """Run and report what was claimed."""
        report(self.working, claim, run(claim, self.shop.actions[claim.action.name]), worker)

    def resume(self, handler: Callable[[Outcome], Any] | None = None, agent: str = "support") -> Outcome | None:
        """Hand one outcome back to an agent, if one waits."""
        handler = handler or self.shop.go_on
        outcome = claim_resumption(self.working, {agent: handler}, "w1", self.once)
        if outcome is not None:
            resume(self.working, outcome, handler)
        return outcome

    def work(self) -> None:
        """Do whatever a worker finds to do, the keeper recording in between."""
        while True:
            claim = self.execute()
            self.keeper()
            if claim is None and self.resume() is None:
                return

    # The serving side.

    def keeper(self) -> int:
        """Take the keeper's turns until there is nothing left to do now; return how much was done."""
        done = 0
        for _ in range(20):
            with self.serving.store.write() as tx:
                if take_lease(tx, KEEPER, "rig", timedelta(days=3650)) is None:
                    return done  # somebody else claims to be the keeper
                turn = sequence(tx, self.serving) + keep(tx, self.serving)
            let_guard_see(self.serving)
            if not turn:
                return done
            done += turn
        raise AssertionError("the keeper does not come to rest")

    def keeper_until_rest(self) -> None:
        """Take the keeper's turns however many there are."""
        for _ in range(10_000):
            with self.serving.store.write() as tx:
                done = sequence(tx, self.serving)
            let_guard_see(self.serving)
            if not done:
                return
        raise AssertionError("the keeper does not come to rest")

    def outbox(self) -> list[Ready]:
        """Take and send what is due."""
        ready = take_due(self.serving, 100)
        for mail in ready:
            asyncio.run(send_one(self.serving, self.sender, mail))
        return ready

    # People.

    def press(
        self,
        request_id: str,
        person: str,
        verdict: Verdict = Verdict.APPROVE,
        *,
        code: str | None = None,
        reason: str = "It is wrong.",
    ) -> Page:
        """Press a button on the page behind ``person``'s link; with the right code unless told otherwise."""
        seat = self.seat(request_id, person)
        right = self.serving.key.code(seat.id, seat.generation)
        return press(
            self.serving, self.token(seat), verdict=verdict, code=right if code is None else code, reason=reason
        )

    def look(self, request_id: str, person: str) -> Page:
        """Open ``person``'s link."""
        return look(self.serving, self.token(self.seat(request_id, person)))

    def token(self, seat: Assignment) -> str:
        """Return the token in the link of ``seat``."""
        return link_of(self.serving, seat).rstrip("/").rpartition("/")[2]

    def reply(
        self,
        request_id: str,
        person: str,
        verdict: Verdict = Verdict.APPROVE,
        *,
        level: Level = Level.ALIGNED,
        given_at: datetime | None = None,
        generation: int = 1,
        reason: str = "",
    ) -> Ruled:
        """Answer as if by a reply that was read and identified."""
        seat = self.seat(request_id, person)
        with self.serving.store.write() as tx:
            row = tx.session.get_one(Assignment, seat.id)
            answer = Answer(
                assignment_id=seat.id,
                generation=generation,
                verdict=verdict,
                level=level,
                channel="reply",
                given_at=given_at or tx.now,
                reason=reason,
                evidence={"from": seat.address},
            )
            return decide(tx, self.serving, row, answer)

    def changed(self, **sections: Any) -> None:
        """Let the operator change the configuration: ``changed(groups={"finance": ["bob"]})``."""
        config = configuration(self.folder, **(self.sections | sections))
        object.__setattr__(self.serving, "config", config)
        object.__setattr__(self.working, "config", config)
        self.mg.config = config

    # What the database holds.

    def request(self, request_id: str) -> Request:
        """Return a request as it stands."""
        with self.working.store.read() as tx:
            return tx.session.get_one(Request, request_id)

    def state(self, request_id: str) -> str:
        """Return a request's state."""
        return self.request(request_id).state

    def rows(self, table: type[Row], **where: Any) -> list[Row]:
        """Return the rows of a table whose columns have these values."""
        with self.working.store.read() as tx:
            return list(tx.session.exec(select(table).filter_by(**where)).all())

    def row(self, table: type[Row], **where: Any) -> Row:
        """Return the one row whose columns have these values."""
        [only] = self.rows(table, **where)
        return only

    def seat(self, request_id: str, person: str) -> Assignment:
        """Return a person's seat."""
        return self.row(Assignment, request_id=request_id, person=person)

    def asked(self, request_id: str) -> set[str]:
        """Return who has an open seat."""
        return {s.person for s in self.rows(Assignment, request_id=request_id, state="open")}

    def kinds(self, request_id: str) -> list[str]:
        """Return the kinds of a request's records, in order of the log."""
        records = [e for e in self.rows(Event, request_id=request_id) if e.position is not None]
        return [e.kind for e in sorted(records, key=lambda e: e.position or 0)]

    def bodies(self, request_id: str, kind: str) -> list[dict[str, Any]]:
        """Return what the events of one kind say."""
        return [json.loads(e.body) for e in self.rows(Event, request_id=request_id, kind=kind)]

    def bodies_of_kind(self, kind: str) -> list[dict[str, Any]]:
        """Return what the records of one kind say, whatever they belong to."""
        return [json.loads(e.body) for e in sorted(self.rows(Event, kind=kind), key=lambda e: e.position or 0)]

    def mails(self, kind: str, request_id: str | None = None) -> list[Outgoing]:
        """Return the mails of ``kind`` that were ordered."""
        found = self.rows(Outgoing, kind=kind)
        return [m for m in found if request_id is None or m.request_id == request_id]

    def message_id(self, mail: Outgoing) -> str:
        """Return the Message-ID under which a mail is sent; its row holds only a hash."""
        details = json.loads(mail.details)
        with self.serving.store.read() as tx:
            seat = tx.session.get(Assignment, mail.assignment_id) if mail.assignment_id else None
        token = message_token(self.serving.key, mail.id, mail.kind, seat, details)
        return own_message_id(self.serving, token)

    def notices(self) -> list[str]:
        """Return the headlines that operators were told."""
        return [json.loads(m.details)["headline"] for m in self.mails("notice")]

    def dump(self) -> list[str]:
        """Return the whole database as SQL text."""
        connection = sqlite3.connect(self.path)
        try:
            return list(connection.iterdump())
        finally:
            connection.close()

    def forge(self, statement: str, **values: Any) -> int:
        """Write to the database as somebody who has no key of ours; return how many rows were changed."""
        connection = sqlite3.connect(self.path)
        try:
            with connection:
                return connection.execute(statement, {n: _stored(v) for n, v in values.items()}).rowcount
        finally:
            connection.close()

    def insert(self, table: str, **values: Any) -> None:
        """Insert a row as somebody who has no key of ours."""
        names = ", ".join(f'"{n}"' for n in values)
        marks = ", ".join(f":{n}" for n in values)
        self.forge(f"insert into {table} ({names}) values ({marks})", **values)

    def copy(self, table: str, source: Mapping[str, Any], **changes: Any) -> None:
        """Insert a copy of one row with ``changes``, mark and all."""
        connection = sqlite3.connect(self.path)
        connection.row_factory = sqlite3.Row
        try:
            where = " and ".join(f'"{n}" = :{n}' for n in source)
            [found] = connection.execute(f"select * from {table} where {where}", dict(source)).fetchall()
            values = dict(found)
        finally:
            connection.close()
        self.insert(table, **(values | changes))


def configuration(folder: Path, **sections: Any) -> Config:
    """Return a configuration with the people and gates of this module, and with ``sections`` in place of theirs."""
    usual: dict[str, Any] = {
        "mailgate": {"base_url": "https://approvals.example.com", "operators": ["oscar"]},
        "smtp": {"from": "Approvals <approvals@gate.example.com>"},
        "archive": {"address": "archive@gate.example.com", "alarm_after": "3650d"},
        "people": PEOPLE,
        "gates": GATES,
    }
    return Config(**(usual | sections), folder=folder)


def make_database(path: Path) -> None:
    """Make an empty database of the present schema."""
    store = open_store(f"sqlite:///{path}", clock=FakeClock(), chance=CountedChance())
    try:
        migrate(store)
        with store.write() as tx:
            tx.session.connection().exec_driver_sql("select 1")
    finally:
        store.close()
    connection = sqlite3.connect(path)
    connection.execute("pragma wal_checkpoint(truncate)")
    connection.close()


def stamp(instant: datetime) -> str:
    """Return an instant as SQLite holds it."""
    return instant.astimezone(UTC).replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds")


def in_parallel(calls: Iterable[Callable[[], Any]]) -> list[Any]:
    """Make all ``calls`` at once, each in a thread of its own; return their results or the exceptions they raised."""
    calls = list(calls)
    results: list[Any] = [None] * len(calls)
    start = threading.Barrier(len(calls))

    def make(index: int, call: Callable[[], Any]) -> None:
        start.wait()
        try:
            results[index] = call()
        except Exception as error:
            results[index] = error

    threads = [threading.Thread(target=make, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def _stored(value: Any) -> Any:
    return stamp(value) if isinstance(value, datetime) else value
