"""A TCP proxy between a client and a server, with which a network fails on purpose: it falls silent, or it is cut."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from tests.site.ports import LOOPBACK


class Proxy:
    """Passes connections on to ``port`` of loopback while inside a ``with`` block.

    Attributes:
        port: where clients connect.
        connections: how many have connected so far.
        cut_at: cut the connection instead of passing on what the server says with this in it; empty: never.
    """

    def __init__(self, port: int) -> None:
        self._upstream = port
        self._listening = socket.create_server((LOOPBACK, 0))
        self.port = int(self._listening.getsockname()[1])
        self.connections = 0
        self.cut_at = b""
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._flowing = threading.Event()
        self._flowing.set()

    def __enter__(self) -> Self:
        """Begin to accept."""
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close everything and wait until it is closed."""
        self.thaw()
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self.cut()
        for thread in self._threads:
            thread.join()

    def freeze(self) -> None:
        """Keep every connection open, but pass nothing on: a network that drops packets."""
        self._flowing.clear()

    def thaw(self) -> None:
        """Pass on what was held back, and what comes."""
        self._flowing.set()

    def cut(self) -> None:
        """End every connection."""
        for end in list(self._open):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listening.accept()
                self.connections += 1
                try:
                    server = socket.create_connection((LOOPBACK, self._upstream))
                except OSError:
                    client.close()
                    continue
                self._open += [client, server]
                self._start(self._pass_on, client, server, False)
                self._start(self._pass_on, server, client, True)

    def _pass_on(self, source: socket.socket, target: socket.socket, from_server: bool) -> None:
        for chunk in _chunks(source):
            self._flowing.wait()
            if from_server and self.cut_at and self.cut_at in chunk:
                break
            try:
                target.sendall(chunk)
            except OSError:
                break
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        source.close()

    def _start(self, target: object, *args: object) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()


def _chunks(source: socket.socket) -> Iterator[bytes]:
    with contextlib.suppress(OSError):
        while chunk := source.recv(65536):
            yield chunk
