"""The long-running roles of the serving side but intake and web: wait for a commit or an instant, then do what is due."""

from __future__ import annotations

import asyncio
import math
import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog

from mailgate.errors import LeaseLost, StoreUnavailable
from mailgate.mail.smtp import SmtpSender
from mailgate.service.archiving import next_alarm_at
from mailgate.service.context import Serving
from mailgate.service.deliver import CLAIM, Ready, send_one, stay_alive, take_due
from mailgate.service.digesting import next_digest_at
from mailgate.service.keep import has_unfounded, keep
from mailgate.service.ledger import let_guard_see, read_tip
from mailgate.service.policies import settle_in
from mailgate.service.sealing import next_seal_at
from mailgate.service.sequence import BATCH, sequence
from mailgate.store import Tx
from mailgate.store.answers import stand_ins_over
from mailgate.store.events import unsequenced
from mailgate.store.mails import has_due_outgoing, next_outgoing_at
from mailgate.store.requests import next_due_at
from mailgate.store.tables import Event
from mailgate.store.work import KEEPER, Holding, hold_lease, is_free, release_lease, silent_executions, take_lease

log = structlog.get_logger(__name__)

LOOK_SECONDS = 1.0
"""Roles are woken by commits; they look by themselves this often in case a wake-up was missed."""

LEASE = timedelta(seconds=15)
RENEW_SECONDS = 5.0
IDLE_SECONDS = 0.2

PATIENT = frozenset({"executing", "outcome", "resumed"})
"""Kinds of events whose record nobody waits for: a worker goes on with what it saw itself."""

GATHER = timedelta(milliseconds=25)
"""What is not waited for is sequenced once the first of it is so old: mostly claim, outcome and resumption together."""

GIVE_WAY_SECONDS = 0.1
"""Mails wait this long for company. Rendering takes the interpreter for itself just when the keeper needs it to let an
agent go on; nobody notices a mail that leaves a blink later."""


class KeeperRole:
    """Sequences events and lets due things happen; one owner at a time, by a lease."""

    name = KEEPER

    def __init__(self, serving: Serving, owner: str, monotonic: Callable[[], float]) -> None:
        self._serving = serving
        self._owner = owner
        self._monotonic = monotonic
        self._holding: Holding | None = None
        self._renewed = 0.0
        self._looked, self._look_at = 0.0, 0.0
        self._stop = threading.Event()

    def run(self, stop: threading.Event) -> None:
        """See :class:`mailgate.service.role.Role`."""
        self._stop = stop
        store = self._serving.store
        while not stop.is_set():
            seen = store.pulse.count()
            try:
                wait = self._turn()
            except LeaseLost:
                log.warning("lease_lost", lease="keeper")
                self._holding, wait = None, LOOK_SECONDS
            except StoreUnavailable as error:
                log.warning("store_unavailable", why=error.message)
                stop.wait(LOOK_SECONDS)
                continue
            if wait > 0:
                store.pulse.wait(seen, wait)
        self._release()

    def _turn(self) -> float:
        """Do what is due and return how many seconds there is nothing to do."""
        if self._holding is None and not self._take():
            return LOOK_SECONDS
        with self._serving.store.read() as tx:
            patience = _patience(unsequenced(tx, BATCH), tx.now)
        # What time brings can wait until no record is waited for, but not for ever.
        if patience <= 0 and self._sequence() and self._monotonic() - self._looked < LOOK_SECONDS:
            self._look_at = self._monotonic() + GATHER.total_seconds()  # a new request brings deadlines
            return 0.0
        if self._monotonic() >= self._look_at:
            self._looked = self._monotonic()
            self._look_at = self._looked + self._look()
        return min(self._look_at - self._monotonic(), patience)

    def _sequence(self) -> int:
        """Make records, and let the guard see the log before anything leaves the house on them."""
        done = self._write(sequence)
        if done:
            let_guard_see(self._serving)
        return done

    def _look(self) -> float:
        """Let happen what time brings, and return how many seconds it brings nothing."""
        with self._serving.store.read() as tx:
            by_settings = (next_seal_at, next_alarm_at, next_digest_at)
            instants = (next_due_at(tx), *(look(tx, self._serving) for look in by_settings))
            due_at = min((at for at in instants if at is not None), default=None)
            left = LOOK_SECONDS if due_at is None else (due_at - tx.now).total_seconds()
            due = left <= 0 or bool(silent_executions(tx) or stand_ins_over(tx)) or has_unfounded(tx)
        if due and self._write(keep):
            return 0.0
        if due:
            # Due, but it has to wait for somebody else (a mailbox that is not read up to the deadline yet). Our own
            # write would wake us again at once: wait without listening, or nobody else gets to write.
            self._stop.wait(IDLE_SECONDS)
        elif self._monotonic() - self._renewed > RENEW_SECONDS:
            self._write(lambda tx, serving: 0)
        return max(0.05, min(left, LOOK_SECONDS))

    def _write(self, work: Callable[[Tx, Serving], int]) -> int:
        """Do ``work`` in a transaction that proves that we still are the keeper; return how much it did."""
        assert self._holding is not None
        with self._serving.store.write() as tx:
            hold_lease(tx, self._holding, LEASE)
            done = work(tx, self._serving)
        self._renewed = self._monotonic()
        return done

    def _take(self) -> bool:
        with self._serving.store.read() as tx:
            if not is_free(tx, self.name, self._owner):
                return False
        self._serving.guard.newest()  # another process may have been the keeper meanwhile
        with self._serving.store.write() as tx:
            self._holding = take_lease(tx, self.name, self._owner, LEASE)
            if self._holding is not None:
                read_tip(tx, self._serving)
                settle_in(tx, self._serving)
        if self._holding is not None:
            let_guard_see(self._serving)
        self._renewed = self._monotonic()
        return self._holding is not None

    def _release(self) -> None:
        if self._holding is None:
            return
        try:
            with self._serving.store.write() as tx:
                release_lease(tx, self._holding)
        except StoreUnavailable:
            log.warning("lease_not_released", lease="keeper")


def _patience(waiting: Sequence[Event], now: datetime) -> float:
    """Return for how many seconds ``waiting`` events can still wait for others; infinite if there are none."""
    if not waiting:
        return math.inf
    oldest = min(e.at for e in waiting)
    if oldest > now or len(waiting) == BATCH or any(e.kind not in PATIENT for e in waiting):
        return 0.0
    return (oldest + GATHER - now).total_seconds()


class OutboxRole:
    """Renders and sends what is due, some mails at a time."""

    name = "outbox"

    def __init__(self, serving: Serving, sender: Callable[[], SmtpSender]) -> None:
        self._serving = serving
        self._sender = sender
        self._stop = threading.Event()

    def run(self, stop: threading.Event) -> None:
        """See :class:`mailgate.service.role.Role`."""
        self._stop = stop
        asyncio.run(self._run(stop))

    async def _run(self, stop: threading.Event) -> None:
        sender = self._sender()
        sending: set[asyncio.Task[None]] = set()
        most = self._serving.config.smtp.connections
        try:
            while not stop.is_set():
                seen = self._serving.store.pulse.count()
                for ready in await asyncio.to_thread(self._take, most - len(sending)):
                    sending.add(asyncio.create_task(self._send(sender, ready)))
                woken = asyncio.create_task(asyncio.to_thread(self._wait, seen, bool(sending)))
                done, _ = await asyncio.wait({woken, *sending}, return_when=asyncio.FIRST_COMPLETED)
                sending -= done
                if woken not in done:
                    self._serving.store.pulse.beat()
                    await woken
            if sending:
                await asyncio.wait(sending)
        finally:
            await sender.close()

    async def _send(self, sender: SmtpSender, ready: Ready) -> None:
        keeping = asyncio.create_task(self._keep(ready.row.id))
        try:
            await send_one(self._serving, sender, ready)
        except StoreUnavailable as error:
            # The claim runs out by itself; then the same bytes are sent again.
            log.warning("store_unavailable", why=error.message)
        except Exception as error:  # what nobody foresaw: tried again like that, too, and not without a word
            log.error("send_failed", mail=ready.row.id, why=f"{type(error).__name__}: {error}")
        finally:
            keeping.cancel()

    async def _keep(self, mail_id: str) -> None:
        """Say that we are still sending, for as long as a slow server takes."""
        while True:
            await asyncio.sleep(CLAIM.total_seconds() / 3)
            try:
                await asyncio.to_thread(stay_alive, self._serving, mail_id)
            except StoreUnavailable as error:
                log.warning("store_unavailable", why=error.message)

    def _take(self, limit: int) -> list[Ready]:
        if limit <= 0:
            return []
        try:
            with self._serving.store.read() as tx:
                if not has_due_outgoing(tx):
                    return []
            return take_due(self._serving, limit)
        except StoreUnavailable as error:
            log.warning("store_unavailable", why=error.message)
            return []

    def _wait(self, seen: int, busy: bool) -> None:
        left = LOOK_SECONDS
        if not busy:
            try:
                with self._serving.store.read() as tx:
                    if has_due_outgoing(tx):
                        return
                    due_at = next_outgoing_at(tx)
                    if due_at is not None and due_at > tx.now:
                        left = min(left, (due_at - tx.now).total_seconds() + 0.001)
            except StoreUnavailable:
                pass
        self._serving.store.pulse.wait(seen, left)
        if not busy:
            self._stop.wait(GIVE_WAY_SECONDS)
