"""The sandbox's sockets, and what is written to them."""

from __future__ import annotations

import socket

from mailgate.sandbox.mailboxes import WholeResponses
from mailgate.sandbox.ports import listen_on


def test_sockets_name_their_protocol() -> None:
    """Listening sockets say TCP, without which asyncio leaves Nagle's delay on for their connections."""
    listening = listen_on({"a": 0, "b": 0})
    try:
        assert [s.proto for s in listening.values()] == [socket.IPPROTO_TCP] * 2
    finally:
        for sock in listening.values():
            sock.close()


class Recorder:
    """Stands for a stream writer; notes what reaches it."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


def test_response_is_written_in_one_piece() -> None:
    """What is written up to a flush reaches the connection as one write, and nothing reaches a closed one."""
    recorder = Recorder()
    responses = WholeResponses(recorder)  # type: ignore[arg-type]
    for part in (b"* 1 ", memoryview(b"EXISTS"), b"\r\n"):
        responses.write(part)
    responses.writelines([b"* 0 ", b"RECENT\r\n"])
    assert recorder.written == []
    responses.close()
    responses.write(b"late")
    responses.close()
    assert recorder.written == [b"* 1 EXISTS\r\n* 0 RECENT\r\n"]
