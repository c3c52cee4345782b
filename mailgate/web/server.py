"""Run the web application with uvicorn, in a thread, on a socket that was bound before anything else started."""

from __future__ import annotations

import asyncio
import errno
import socket
import threading
from collections.abc import Sequence
from typing import Any

import structlog
import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

from mailgate.errors import ConfigError
from mailgate.model.quoting import quoted

log = structlog.get_logger(__name__)

MOST_CONNECTIONS = 100
"""Open at a time. The process needs its other file descriptors for database and mail; many systems give it 1024."""

TURN_SECONDS = 40.0
"""From a connection's beginning, or its last answer, to the end of the next answer: a form is 64 KB at most, and a page
waits for the database 10 seconds at most."""

MOST_TURN_BYTES = 1_000_000
"""Sent in that time: what is more than a form is refused and thrown away, and not for ever."""

QUIET_SECONDS = 60.0
"""An overload is said at its beginning, and then so often: it may refuse thousands of connections a second."""

_ACCEPTED_AT_ONCE = 32
"""asyncio goes on accepting this often after the first failure, each time with an error of its own."""

_NO_ROOM = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes any free one.

    Raises:
        ConfigError: the port is in use or not allowed.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        # Said to be TCP outright: asyncio switches Nagle's algorithm off only then, and with it on each answer that
        # is sent in two pieces waits 40 ms for the peer's delayed acknowledgement.
        listening = socket.socket(family, kind, socket.IPPROTO_TCP)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(256)
        return listening
    except OSError as error:
        raise ConfigError(
            [
                f"[web] port = {port}: {host}:{port} cannot be listened on ({error.strerror}); stop what uses it or choose another."
            ]
        ) from error
    except UnicodeError as error:  # of a host that is no name, such as a..b
        raise ConfigError([f"[web] host = {quoted(host)}: that is no address; write one such as 127.0.0.1."]) from error


class Overload:
    """Says that connections are refused, once in a while."""

    def __init__(self) -> None:
        self._again_at = 0.0

    def say(self, now: float, why: str) -> None:
        """Log it, unless that was done a moment ago.

        Args:
            now: seconds, of any monotonic clock.
        """
        if now >= self._again_at:
            self._again_at = now + QUIET_SECONDS
            log.error("web_overloaded", why=why)

    def handle(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Take an error that a loop has no one else for; a failed accept is repeated by asyncio after a second."""
        error = context.get("exception")
        if isinstance(error, OSError) and error.errno in _NO_ROOM:
            self.say(loop.time(), f"no connection can be accepted: {error.strerror}")
        else:
            loop.default_exception_handler(context)


class Patience(H11Protocol):
    """One HTTP connection whose peer has to come to the point: uvicorn itself waits for the end of a request for ever."""

    overload = Overload()
    _turn: asyncio.TimerHandle | None = None
    _received = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """See :class:`asyncio.Protocol`."""
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            self.overload.say(self.loop.time(), f"more than {MOST_CONNECTIONS} connections at a time")
            transport.abort()
        self._begin_turn()

    def data_received(self, data: bytes) -> None:
        """See :class:`asyncio.Protocol`."""
        self._received += len(data)
        if self._received > MOST_TURN_BYTES:
            self.transport.abort()
        else:
            super().data_received(data)

    def on_response_complete(self) -> None:
        """Give the peer as long again for another request."""
        self._begin_turn()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """See :class:`asyncio.Protocol`."""
        if self._turn is not None:
            self._turn.cancel()
        super().connection_lost(exc)

    def _begin_turn(self) -> None:
        if self._turn is not None:
            self._turn.cancel()
        self._received = 0
        self._turn = self.loop.call_later(TURN_SECONDS, self.transport.abort)


class WebRole:
    """Serves the decide page until told to stop.

    Args:
        app: from :func:`mailgate.web.app.make_app`.
        trusted_proxies: addresses and networks whose ``X-Forwarded-For`` is believed; else the connection's own address is.
    """

    name = "web"

    def __init__(self, app: Starlette, listening: socket.socket, trusted_proxies: Sequence[str] = ()) -> None:
        # Access logs would hold tokens; what matters is logged as events by the application.
        config = uvicorn.Config(
            app,
            http=Patience,
            ws="none",
            log_config=None,
            access_log=False,
            lifespan="off",
            server_header=False,
            # uvicorn's own default believes whatever this machine's proxies, and its users, write into the header.
            proxy_headers=bool(trusted_proxies),
            forwarded_allow_ips=list(trusted_proxies),
            backlog=_ACCEPTED_AT_ONCE,
        )
        self._app = app
        self._server = uvicorn.Server(config)
        self._socket = listening

    def run(self, stop: threading.Event) -> None:
        """See :class:`mailgate.service.role.Role`."""
        watcher = threading.Thread(target=self._stop_after, args=(stop,), name="mailgate-web-stop", daemon=True)
        watcher.start()
        asyncio.run(self._serve())
        self._socket.close()

    async def _serve(self) -> None:
        asyncio.get_running_loop().set_exception_handler(Patience.overload.handle)
        await self._server.serve(sockets=[self._socket])
        await self._app.state.book.close()

    def _stop_after(self, stop: threading.Event) -> None:
        stop.wait()
        self._server.should_exit = True
