"""The book of visits: notes who opened which link, beside the way of the answer, and has it stored a moment later."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

import structlog
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mailgate.errors import StoreUnavailable, TokenError
from mailgate.service.visits import Seen
from mailgate.tokens import LinkKeys
from mailgate.web.guard import LINK
from mailgate.web.visitor import network_of, program_of

log = structlog.get_logger(__name__)

CAME_OF = "mailgate.came_of"
"""Key of a request's scope: a list to which the application adds what came of the visit, where the status does not tell."""

GATHER_SECONDS = 0.25
"""Visits of this time are stored together: each time wakes the other roles, and waits for the database's one writer."""

MOST_WAITING = 1000
"""Visits that wait to be stored. More are not kept, and that is said: they must not fill the memory."""

_REFUSED = {
    400: "unreadable",
    403: "from_another_page",
    404: "unknown",
    405: "other_method",
    409: "forged",
    413: "too_large",
    429: "too_soon",
}
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


@dataclass(frozen=True, slots=True, kw_only=True)
class _Noted:
    assignment: str
    at: float
    method: str
    came_of: str
    program: str
    network: str


class Book:
    """What was noted and waits to be stored.

    Args:
        keep: stores visits; called in a thread of its own.
        now: a monotonic clock.
    """

    def __init__(self, keep: Callable[[Sequence[Seen]], None], now: Callable[[], float]) -> None:
        self._keep = keep
        self._now = now
        self._waiting: list[_Noted] = []
        self._left_out = 0
        self._storing: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()
        self._waits = False

    def note(self, scope: Scope, assignment: str, came_of: str) -> None:
        """Note one visit. Never waits, and never fails."""
        if len(self._waiting) >= MOST_WAITING:
            self._left_out += 1
            return
        client = scope.get("client")
        noted = _Noted(
            assignment=assignment,
            at=self._now(),
            method=scope["method"] if scope["method"] in _METHODS else "other",
            came_of=came_of,
            program=program_of(Headers(scope=scope).get("user-agent", "")),
            network=network_of(client[0]) if client else "",
        )
        self._waiting.append(noted)
        if self._storing is None:
            self._storing = asyncio.create_task(self._store_soon())

    async def close(self) -> None:
        """Store what waits, if that is possible now."""
        self._closing.set()
        if self._storing is not None:
            await self._storing

    async def _store_soon(self) -> None:
        is_first = True
        while self._waiting and (is_first or not self._closing.is_set()):
            is_first = False
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), GATHER_SECONDS)
            await self._store()
        self._storing = None

    async def _store(self) -> None:
        noted, now = self._waiting[:], self._now()
        seen = [
            Seen(
                assignment=one.assignment,
                ago=timedelta(seconds=now - one.at),
                method=one.method,
                came_of=one.came_of,
                program=one.program,
                network=one.network,
            )
            for one in noted
        ]
        try:
            await run_in_threadpool(self._keep, seen)
        except StoreUnavailable as error:
            if not self._waits:  # said once, and not four times a second
                log.warning("visits_wait", visits=len(noted), why=error.message)
            self._waits = True
            return
        except Exception as error:  # what nobody foresaw must not end the keeping of visits
            log.error("visits_lost", visits=len(noted), why=type(error).__name__)
        if self._left_out:
            log.error("visits_lost", visits=self._left_out, why=f"more than {MOST_WAITING} waited to be stored")
        del self._waiting[: len(noted)]
        self._left_out, self._waits = 0, False


class Visits:
    """Has every visit of a genuine link noted, whatever is answered."""

    def __init__(self, app: ASGIApp, links: LinkKeys, book: Book) -> None:
        self._app = app
        self._links = links
        self._book = book

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        assignment = self._assignment(scope)
        if assignment is None:
            await self._app(scope, receive, send)
            return
        status, came_of = 500, list[str]()

        async def send_and_see(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app({**scope, CAME_OF: came_of}, receive, send_and_see)
        finally:
            self._book.note(scope, assignment, (came_of or [_REFUSED.get(status, "failed")])[-1])

    def _assignment(self, scope: Scope) -> str | None:
        if scope["type"] != "http" or not scope["path"].startswith(LINK):
            return None
        try:
            return self._links.read(scope["path"].removeprefix(LINK)).assignment
        except TokenError:
            return None
