"""The one place that asks DNS. It looks up what domains publish about their mail, and judges none of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from math import inf

import dns.exception
import dns.name
import dns.rdatatype
import dns.resolver
from dns.rdtypes.ANY.TXT import TXT

from mailgate.errors import DnsUnavailable

PAUSE_SECONDS = 30.0
"""How long a domain that gave no answer is not asked again, so that many mails from there do not each take the limit."""


class Resolver:
    """Looks up TXT records.

    Args:
        server: ``address:port`` of the server to ask, as the configuration has it; empty: those of this system.
        limit: how long one lookup may take, repeated tries included.
        clock: seconds from some moment on (`mailgate.chance.monotonic`).
    """

    def __init__(self, server: str, limit: timedelta, clock: Callable[[], float]) -> None:
        self._server = server
        self._limit = limit.total_seconds()
        self._clock = clock
        self._silent_until: dict[str, float] = {}
        self._resolver: dns.resolver.Resolver | None = None

    def txt(self, name: str) -> bytes | None:
        """Return the TXT record at ``name``, its strings joined (RFC 6376 section 3.6.2.2).

        Returns:
            None if there is none, or more than one: then nobody can say which of them is meant.

        Raises:
            DnsUnavailable: no server answered in time, or they failed.
        """
        domain = name.rpartition("._domainkey.")[2]
        if self._clock() < self._silent_until.get(domain, -inf):
            raise _unavailable(name, "no answer a moment ago")
        try:
            found = self._opened().resolve(
                name, dns.rdatatype.TXT, lifetime=self._limit, search=False, raise_on_no_answer=False
            )
        except (dns.resolver.NXDOMAIN, dns.exception.SyntaxError, dns.name.NameTooLong):
            return None
        except (dns.exception.DNSException, OSError) as error:
            if isinstance(error, dns.exception.Timeout):
                self._silent_until[domain] = self._clock() + PAUSE_SECONDS
            raise _unavailable(name, _why(error)) from error
        records = [record for record in found if isinstance(record, TXT)]
        return b"".join(records[0].strings) if len(records) == 1 else None

    def _opened(self) -> dns.resolver.Resolver:
        """Return dnspython's resolver; made at the first lookup, since reading the system's settings may fail."""
        if self._resolver is None:
            self._resolver = dns.resolver.Resolver(configure=not self._server)
            if self._server:
                host, _, port = self._server.rpartition(":")
                self._resolver.nameservers = [host.strip("[]")]
                self._resolver.port = int(port)
        return self._resolver


def _unavailable(name: str, why: str) -> DnsUnavailable:
    hint = "Check that this machine can reach its DNS server, or name another in [imap] resolver."
    return DnsUnavailable(f"{name} could not be looked up ({why}).", hint=hint)


def _why(error: BaseException) -> str:
    if isinstance(error, dns.exception.Timeout):
        return "no answer in time"
    if isinstance(error, dns.resolver.NoNameservers):
        return "the server failed"
    return type(error).__name__
