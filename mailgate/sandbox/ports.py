"""Loopback sockets: bind them or say in one sentence why not. Nothing here speaks a protocol."""

from __future__ import annotations

import errno
import socket
from collections.abc import Mapping

from mailgate.errors import ConfigError

LOOPBACK = "127.0.0.1"


def _bind(port: int) -> socket.socket:
    # The protocol is named because asyncio sets TCP_NODELAY on such sockets only; without it each exchange waits 40 ms.
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        # Without it a sandbox that is started again right away finds its own port in TIME_WAIT.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((LOOPBACK, port))
    except (OSError, OverflowError):
        sock.close()
        raise
    return sock


def hold(port: int) -> socket.socket:
    """Bind ``port`` on loopback without listening: connections are refused, and nobody else gets the port meanwhile."""
    sock = _bind(port)
    # Two sockets may share a port while both say SO_REUSEADDR and neither listens; this one no longer says it.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    return sock


def release(sock: socket.socket) -> socket.socket:
    """Listen on a socket that was held; return it."""
    # What the listener says is inherited by its connections, whose TIME_WAIT must not block the next bind.
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.listen()
    return sock


def _listen(port: int) -> socket.socket:
    sock = _bind(port)
    try:
        sock.listen()
    except OSError:
        sock.close()
        raise
    return sock


def _why_not(purpose: str, port: int, failed: OSError | OverflowError) -> str:
    what = f"Port {port} on {LOOPBACK}, wanted for the sandbox's {purpose},"
    match getattr(failed, "errno", None):
        case errno.EADDRINUSE:
            return (
                f"{what} is in use: stop the program that listens there, or choose another port (0 takes any free one)."
            )
        case errno.EACCES:
            return f"{what} needs administrator rights: choose a port above 1023 (0 takes any free one)."
    return f"{what} cannot be used ({failed}): choose one from 1024 to 65535 (0 takes any free one)."


def listen_on(wanted: Mapping[str, int]) -> dict[str, socket.socket]:
    """Listen on every port of ``wanted`` (purpose to port, 0 for any free one), on loopback only.

    Raises:
        ConfigError: ports that cannot be used, one sentence each; then none stays open.
    """
    listening: dict[str, socket.socket] = {}
    problems: list[str] = []
    for purpose, port in wanted.items():
        try:
            listening[purpose] = _listen(port)
        except (OSError, OverflowError) as failed:
            problems.append(_why_not(purpose, port, failed))
    if problems:
        for sock in listening.values():
            sock.close()
        raise ConfigError(problems)
    return listening
