"""Run the web application with uvicorn, in a thread, on a socket that was bound before anything else started."""

from __future__ import annotations

import socket
import threading

import uvicorn
from starlette.applications import Starlette

from mailgate.errors import ConfigError


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


class WebRole:
    """Serves the decide page until told to stop."""

    name = "web"

    def __init__(self, app: Starlette, listening: socket.socket) -> None:
        # Access logs would hold tokens; what matters is logged as events by the application.
        config = uvicorn.Config(app, log_config=None, access_log=False, lifespan="off", server_header=False)
        self._server = uvicorn.Server(config)
        self._socket = listening

    def run(self, stop: threading.Event) -> None:
        """See :class:`mailgate.service.role.Role`."""
        watcher = threading.Thread(target=self._stop_after, args=(stop,), name="mailgate-web-stop", daemon=True)
        watcher.start()
        self._server.run(sockets=[self._socket])
        self._socket.close()

    def _stop_after(self, stop: threading.Event) -> None:
        stop.wait()
        self._server.should_exit = True
