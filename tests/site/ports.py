"""Loopback ports that stay one site's own while its servers are down."""

from __future__ import annotations

import random
import socket

LOOPBACK = "127.0.0.1"

# Below the range from which kernels pick ports for outgoing connections (32768 and up on Linux, 49152 by RFC 6335):
# one of those could otherwise take the port of a server that a test has stopped for a moment.
LOWEST, HIGHEST = 20_000, 32_000


class PortLease:
    """A TCP port that no other site on this machine uses until :meth:`release`.

    The lease is a UDP socket bound to the same number: TCP stays free for the server itself, which may stop and
    start again, and the kernel ends the lease should this process die.
    """

    def __init__(self) -> None:
        for _ in range(1000):
            self.number = random.randrange(LOWEST, HIGHEST)
            self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                self._socket.bind((LOOPBACK, self.number))
                with socket.socket() as probe:
                    probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                    probe.bind((LOOPBACK, self.number))
            except OSError:
                self._socket.close()
            else:
                return
        raise OSError(f"No free port between {LOWEST} and {HIGHEST} on {LOOPBACK}.")

    def release(self) -> None:
        """Give the port back."""
        self._socket.close()
