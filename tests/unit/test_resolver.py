"""Names looked up at a real name server on loopback: what is there, what is not, and what nobody can say now."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from mailgate.chance import monotonic
from mailgate.errors import DnsUnavailable
from mailgate.mail.resolver import PAUSE_SECONDS, Resolver
from tests.signing import key, record
from tests.site.dns import NameServer
from tests.site.ports import PortLease

NAME = "s1._domainkey.example.com"


@pytest.fixture
def names() -> Iterator[NameServer]:
    """Run a name server that knows nothing yet."""
    with NameServer() as server:
        yield server


def ask(server: str, name: str = NAME) -> bytes | None:
    """Look a name up; a third of a second is long on loopback."""
    return Resolver(server, timedelta(seconds=0.3), monotonic).txt(name)


@pytest.mark.parametrize("text", ["v=DKIM1; p=", 'a "quoted" \\ one', record(), record(key("long", 4096))])
def test_a_record_is_returned_in_one_piece(names: NameServer, text: str) -> None:
    """Strings of 255 bytes are joined, and what does not fit into a datagram comes over TCP."""
    names.publish(NAME, "TXT", text)
    assert ask(names.address) == text.encode()
    assert set(names.asked) == {NAME}


def test_an_alias_is_followed(names: NameServer) -> None:
    """Exchange Online's domains name their keys by CNAME; the server gives both, or is asked again."""
    names.publish(NAME, "CNAME", "real.example.net.")
    names.publish("real.example.net", "TXT", "v=DKIM1; p=x")
    assert ask(names.address) == b"v=DKIM1; p=x"


def test_what_is_not_there_is_none(names: NameServer) -> None:
    """No such name, a name with other records only, and a name that cannot be one."""
    names.publish("mx.example.com", "A", "127.0.0.1")
    for name in (NAME, "mx.example.com", "x" * 70 + ".example.com", "a..b", ".".join(["x" * 60] * 5)):
        assert ask(names.address, name) is None


def test_of_two_records_none_is_meant(names: NameServer) -> None:
    """Nobody can say which one a signer meant (RFC 6376 section 3.6.2.2)."""
    names.publish(NAME, "TXT", "v=DKIM1; p=one", "v=DKIM1; p=two")
    assert ask(names.address) is None


def test_a_failing_server_is_not_an_absent_name(names: NameServer) -> None:
    """SERVFAIL, silence and nobody there are said as such, with what to do."""
    lease = PortLease()
    names.failing.add(NAME)
    with pytest.raises(DnsUnavailable, match=rf"{NAME} could not be looked up \(the server failed\)") as failure:
        ask(names.address)
    assert failure.value.retryable
    assert "[imap] resolver" in failure.value.hint
    names.failing.clear()
    names.silent.add(NAME)
    with pytest.raises(DnsUnavailable, match="no answer in time"):
        ask(names.address)
    with pytest.raises(DnsUnavailable):
        ask(f"127.0.0.1:{lease.number}")
    lease.release()


def test_a_silent_domain_is_left_alone_for_a_while(names: NameServer) -> None:
    """Ten mails from there do not take ten times the limit; others are asked meanwhile, and it is after the pause."""
    now = 100.0
    names.silent.add(NAME)
    names.publish("s2._domainkey.example.org", "TXT", "other")
    resolver = Resolver(names.address, timedelta(seconds=0.3), lambda: now)
    with pytest.raises(DnsUnavailable, match="no answer in time"):
        resolver.txt(NAME)
    asked = len(names.asked)
    names.silent.clear()
    names.publish("s9._domainkey.example.com", "TXT", "v=DKIM1")
    with pytest.raises(DnsUnavailable, match="no answer a moment ago"):
        resolver.txt("s9._domainkey.example.com")
    assert len(names.asked) == asked
    assert resolver.txt("s2._domainkey.example.org") == b"other"
    now += PAUSE_SECONDS
    assert resolver.txt("s9._domainkey.example.com") == b"v=DKIM1"
