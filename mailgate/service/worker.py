"""The worker: beside the agent's code, it runs what was approved and hands outcomes back, several at a time."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import structlog

from mailgate.errors import StoreUnavailable
from mailgate.service.context import Working
from mailgate.service.execute import Claim, Known, claim_next, report, run, stay_alive
from mailgate.service.journal import Journal
from mailgate.service.once import Once
from mailgate.service.resume import LEASE, Outcome, claim_own, claim_resumption, prolong_resumption, resume
from mailgate.store.unserved import unserved

log = structlog.get_logger(__name__)

LOOK_SECONDS = 1.0

GIVE_WAY_SECONDS = 0.02
"""What is running commits, too, and wakes us: it goes on first, before we look for more."""


class WorkerRole:
    """Claims, executes, reports and resumes until told to stop.

    Args:
        actions: what it can run, by name.
        handlers: how agents go on, by agent.
        once: stop after one agent was resumed (for agents whose process ends at each gate).
    """

    name = "worker"

    def __init__(
        self,
        working: Working,
        *,
        actions: Mapping[str, Known],
        handlers: Mapping[str, Callable[[Outcome], Any]],
        worker: str,
        journal: Journal,
        once: bool = False,
    ) -> None:
        self._working = working
        self._actions = actions
        self._handlers = handlers
        self._worker = worker
        self._journal = journal
        self._once = once
        self._complaints = Once()
        self._busy = 0
        self._lock = threading.Lock()
        self._alive: dict[int, Callable[[], None]] = {}
        self._finished = threading.Event()

    def run(self, stop: threading.Event) -> None:
        """See :class:`mailgate.service.role.Role`."""
        most = 1 if self._once else self._working.config.worker.concurrency
        pulse = self._working.store.pulse
        log.info("worker_serves", actions=sorted(self._actions), agents=sorted(self._handlers))
        beating = threading.Thread(target=self._beat, name="mailgate-alive", daemon=True)
        beating.start()
        with ThreadPoolExecutor(most, thread_name_prefix="mailgate-worker") as pool:
            while not stop.is_set() and not self._finished.is_set():
                seen = pulse.count()
                try:
                    started = self._busy < most and self._start_one(pool)
                except StoreUnavailable as error:
                    log.warning("store_unavailable", why=error.message)
                    stop.wait(LOOK_SECONDS)
                    continue
                if not started:
                    pulse.wait(seen, LOOK_SECONDS)
                    if self._busy:
                        stop.wait(GIVE_WAY_SECONDS)
        self._finished.set()
        beating.join()

    def _start_one(self, pool: ThreadPoolExecutor) -> bool:
        claim = claim_next(self._working, self._actions, self._worker, self._journal, self._complaints)
        if claim is not None:
            self._submit(pool, self._execute, claim)
            return True
        outcome = claim_resumption(self._working, self._handlers, self._worker, self._complaints)
        if outcome is not None:
            self._submit(pool, self._resume, outcome)
            return True
        return False

    def _submit(self, pool: ThreadPoolExecutor, work: Callable[[Any], None], item: Any) -> None:
        with self._lock:
            self._busy += 1
        pool.submit(self._guarded, work, item)

    def _guarded(self, work: Callable[[Any], None], item: Any) -> None:
        try:
            work(item)
        except Exception as error:  # a lost database: leases run out, others go on
            log.error("worker_failed", why=f"{type(error).__name__}: {error}")
        finally:
            with self._lock:
                self._busy -= 1
            self._working.store.pulse.beat()

    def _execute(self, claim: Claim) -> None:
        lease = self._working.config.worker.lease
        with self._kept_alive(lambda: stay_alive(self._working, claim, self._worker, lease)):
            done = run(claim, self._actions[claim.action.name])
        kept = report(self._working, claim, done, self._worker)
        log.info("executed", request=claim.request_id, succeeded=done.succeeded, late=not kept)
        if not kept or not self._handlers:
            return
        outcome = claim_own(self._working, claim.request_id, done, self._handlers, self._worker, self._complaints)
        if outcome is not None:
            self._resume(outcome)

    def _resume(self, outcome: Outcome) -> None:
        with self._kept_alive(lambda: prolong_resumption(self._working, outcome.id)):
            done = resume(self._working, outcome, self._handlers[outcome.agent])
        if done:
            log.info("resumed", request=outcome.id, agent=outcome.agent, outcome=outcome.outcome)
        if self._once:
            self._finished.set()

    def _kept_alive(self, prolong: Callable[[], None]) -> _Alive:
        return _Alive(self._alive, self._lock, prolong)

    def _beat(self) -> None:
        """Prolong every lease three times in its length, until the last action has come back: also while we are stopping."""
        pause = min(self._working.config.worker.lease, LEASE).total_seconds() / 3
        self._look_around()
        while not self._finished.wait(pause):
            self._look_around()
            with self._lock:
                alive = list(self._alive.values())
            for prolong in alive:
                try:
                    prolong()
                except Exception as error:  # whatever became of one piece of work, the others are alive
                    log.warning("not_prolonged", why=f"{type(error).__name__}: {error}")

    def _look_around(self) -> None:
        """Say once what waits that this worker does not declare; another one may, or nobody."""
        try:
            with self._working.store.read() as tx:
                waiting = unserved(tx, self._actions, self._handlers)
        except StoreUnavailable:
            return  # said by those who work
        for kind, names in (("action", waiting.actions), ("agent", waiting.agents)):
            for name in names:
                if self._complaints.first(f"not served: {kind} {name}"):
                    log.warning("not_served", kind=kind, name=name)


class _Alive:
    """While inside, the worker's heartbeat prolongs this piece of work."""

    def __init__(self, alive: dict[int, Callable[[], None]], lock: threading.Lock, prolong: Callable[[], None]) -> None:
        self._alive, self._lock, self._prolong = alive, lock, prolong

    def __enter__(self) -> None:
        with self._lock:
            self._alive[id(self)] = self._prolong

    def __exit__(self, *_: object) -> None:
        with self._lock:
            del self._alive[id(self)]
