"""How often somebody may come: buckets of tokens in memory, one for each link, and one for each network of strangers.

Whoever holds a genuine link is counted by the link alone. So a reverse proxy that hides where people come from can make
strangers share a bucket, who have no business here, and never shuts out anybody who was asked.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Hashable

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from mailgate.errors import TokenError
from mailgate.tokens import LinkKeys
from mailgate.web.guard import LINK
from mailgate.web.visitor import network_of

MOST_BUCKETS = 10_000
"""Kept at a time, about 2 MB; the one that was not used for the longest is full again anyway, and goes first."""


class Buckets:
    """Token buckets: each holds so many, and fills up within a minute.

    Args:
        per_minute: tokens of a full bucket; 0: nobody is braked.
    """

    def __init__(self, per_minute: int) -> None:
        self._size = float(per_minute)
        self._left: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def take(self, key: Hashable, now: float) -> float:
        """Take one token of the bucket ``key``; return 0, or after how many seconds there will be one.

        Args:
            now: seconds, of any monotonic clock.
        """
        if not self._size:
            return 0.0
        left, at = self._left.pop(key, (self._size, now))
        left = min(self._size, left + (now - at) * self._size / 60)
        wait = 0.0 if left >= 1 else (1 - left) * 60 / self._size
        self._left[key] = (left if wait else left - 1, now)
        if len(self._left) > MOST_BUCKETS:
            self._left.popitem(last=False)
        return wait


class Brakes:
    """Answers a visit that comes too soon after others with ``too_soon``, before anything is looked up.

    Args:
        links: by which a genuine link is known.
        per_link, per_network: visits a minute; 0: any number.
        too_soon: makes the answer; it is given the seconds after which another visit would be welcome.
        now: a monotonic clock.
    """

    def __init__(
        self,
        app: ASGIApp,
        links: LinkKeys,
        *,
        per_link: int,
        per_network: int,
        too_soon: Callable[[int], Response],
        now: Callable[[], float],
    ) -> None:
        self._app = app
        self._links = links
        self._of_links, self._of_networks = Buckets(per_link), Buckets(per_network)
        self._too_soon = too_soon
        self._now = now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        wait = self._wait(scope) if scope["type"] == "http" and scope["path"].startswith(LINK) else 0.0
        if wait:
            seconds = math.ceil(wait)
            answer = self._too_soon(seconds)
            answer.headers["Retry-After"] = str(seconds)
            await answer(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _wait(self, scope: Scope) -> float:
        try:
            seat = self._links.read(scope["path"].removeprefix(LINK)).assignment
        except TokenError:
            client = scope.get("client")
            return self._of_networks.take(network_of(client[0]) if client else "", self._now())
        return self._of_links.take(seat, self._now())
