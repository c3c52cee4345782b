"""A name server on loopback that knows what a test tells it, over UDP and TCP, and fails where it is told to."""

from __future__ import annotations

import socketserver
import struct
import threading
from typing import Any

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset

from tests.site.ports import LOOPBACK

TTL_S = 1
UDP_BYTES = 512  # without EDNS (RFC 1035 section 4.2.1); with it, what the client offers


class NameServer:
    """Answers for every name there is; what was not set does not exist.

    Attributes:
        asked: the names that were asked for, in order, in lower case.
        failing: names for which it answers SERVFAIL.
        silent: names for which it does not answer.
    """

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.failing: set[str] = set()
        self.silent: set[str] = set()
        self._records: dict[tuple[str, str], list[str]] = {}
        self._servers = self._bind()
        self.port: int = self._servers[0].server_address[1]
        self._threads = [threading.Thread(target=s.serve_forever, args=(0.02,), daemon=True) for s in self._servers]

    def __enter__(self) -> NameServer:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        for server, thread in zip(self._servers, self._threads, strict=True):
            server.shutdown()
            server.server_close()
            thread.join()

    @property
    def address(self) -> str:
        """Where it listens, as ``[imap] resolver`` wants it."""
        return f"{LOOPBACK}:{self.port}"

    def publish(self, name: str, kind: str, *values: str) -> None:
        """Let ``name`` have these records and no others of their kind; values as in a zone file, TXT without quotes."""
        quoted = [_strings(v) if kind == "TXT" else v for v in values]
        self._records[name.rstrip(".").lower(), kind] = quoted

    def answer(self, wire: bytes, limit: int) -> bytes | None:
        """Return the answer to one query; none for what is no query and for names that are silent."""
        try:
            query = dns.message.from_wire(wire)
        except dns.exception.DNSException:
            return None
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked.append(name)
        if name in self.silent:
            return None
        response = dns.message.make_response(query, recursion_available=True)
        response.flags |= dns.flags.AA
        if name in self.failing:
            response.set_rcode(dns.rcode.SERVFAIL)
        elif values := self._records.get((name, kind)):
            response.answer.append(dns.rrset.from_text_list(question.name, TTL_S, "IN", kind, values))
        elif alias := self._records.get((name, "CNAME")):
            target = alias[0].rstrip(".").lower()
            response.answer.append(dns.rrset.from_text_list(question.name, TTL_S, "IN", "CNAME", alias))
            response.answer.append(dns.rrset.from_text_list(alias[0], TTL_S, "IN", kind, self._records[target, kind]))
        else:
            if not any(known == name or known.endswith(f".{name}") for known, _ in self._records):
                response.set_rcode(dns.rcode.NXDOMAIN)
            soa = f"ns.test. root.test. 1 {TTL_S} {TTL_S} {TTL_S} {TTL_S}"
            response.authority.append(dns.rrset.from_text(dns.name.root, TTL_S, "IN", "SOA", soa))
        if len(response.to_wire()) > max(limit, query.payload if limit == UDP_BYTES else 0):
            response.answer.clear()
            response.flags |= dns.flags.TC
        return response.to_wire()

    def _bind(self) -> tuple[socketserver.BaseServer, ...]:
        """Take one free port for both protocols."""
        answer = self.answer

        class Udp(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                wire, socket = self.request
                if (found := answer(wire, UDP_BYTES)) is not None:
                    socket.sendto(found, self.client_address)

        class Tcp(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                (length,) = struct.unpack("!H", self.rfile.read(2))
                if (found := answer(self.rfile.read(length), 65535)) is not None:
                    self.wfile.write(struct.pack("!H", len(found)) + found)

        while True:
            tcp: Any = socketserver.ThreadingTCPServer((LOOPBACK, 0), Tcp)
            try:
                return tcp, socketserver.ThreadingUDPServer(tcp.server_address, Udp)
            except OSError:
                tcp.server_close()


def _strings(text: str) -> str:
    """Return a TXT record as a zone file has it: strings of at most 255 bytes (RFC 1035 section 3.3.14)."""
    escaped = (text[i : i + 255].replace("\\", r"\\").replace('"', r"\"") for i in range(0, max(len(text), 1), 255))
    return " ".join(f'"{piece}"' for piece in escaped)
