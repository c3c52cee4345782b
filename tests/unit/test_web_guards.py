"""What stands before the decide page, as functions of values: networks, names, paths, origins, buckets of tokens."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from mailgate.web.brakes import MOST_BUCKETS, Buckets
from mailgate.web.guard import OnePath, OwnForms, origin_of
from mailgate.web.visitor import MOST_AGENT, network_of, program_of


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.77", "192.0.2.0/24"),
        ("127.0.0.1", "127.0.0.0/24"),
        ("::ffff:192.0.2.77", "192.0.2.0/24"),
        ("2001:db8:12:34::9", "2001:db8:12::/48"),
        ("fe80::1%eth0", "fe80::/48"),
        ("", ""),
        ("testclient", ""),
        ("192.0.2.77:4242", ""),
        ("192.0.2.077", ""),
        ("evil\n<script>", ""),
    ],
)
def test_only_the_network_of_an_address_is_kept(address: str, network: str) -> None:
    """/24 or /48; of an IPv4 address in IPv6 clothes the IPv4 network; of nonsense nothing."""
    assert network_of(address) == network


@given(st.text(max_size=2000))
def test_what_a_program_calls_itself_is_harmless(text: str) -> None:
    """One line, bounded, every character one that shows itself."""
    shown = program_of(text)
    assert len(shown) <= MOST_AGENT
    assert shown == "" or shown.isprintable()


def test_an_ordinary_program_is_kept_as_it_is() -> None:
    """Nothing is lost of a usual browser's name."""
    name = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
    assert program_of(name) == name
    assert program_of("x" * 5000) == "x" * (MOST_AGENT - 1) + "…"


@pytest.mark.parametrize(
    ("base", "path", "known"),
    [
        ("", "/d/TOKEN/", "/d/TOKEN"),
        ("", "/d/TOKEN", "/d/TOKEN"),
        ("", "/d/TOKEN//", "/d/TOKEN"),
        ("", "/health/", "/health/"),
        ("/approvals", "/approvals/d/TOKEN/", "/d/TOKEN"),
        ("/approvals", "/d/TOKEN/", "/d/TOKEN"),
        ("/approvals", "/approvals/static/style.css", "/static/style.css"),
        ("/approvals", "/approvalsd/TOKEN", "/approvalsd/TOKEN"),
        ("/approvals", "/other/d/TOKEN", "/other/d/TOKEN"),
        ("/a/b", "/a/b/health", "/health"),
        ("/d", "/d/TOKEN/", "/d/TOKEN"),
        ("/d", "/d/d/TOKEN/", "/d/TOKEN"),
        ("", "/", "/"),
    ],
)
def test_a_path_has_one_spelling(base: str, path: str, known: str) -> None:
    """With the base path or without, with the slash at the end or without, or with two."""
    assert OnePath(_nothing, base)._path(path) == known


@pytest.mark.parametrize(
    ("base_url", "origin", "is_own"),
    [
        ("https://a.example", "https://a.example", True),
        ("https://a.example:443/x", "https://a.example", True),
        ("https://A.example", "https://a.example:443", True),
        ("http://127.0.0.1:80", "http://127.0.0.1", True),
        ("https://a.example", "http://a.example", False),
        ("https://a.example", "https://a.example:8443", False),
        ("https://a.example", "https://a.example.evil.example", False),
        ("https://a.example", "https://evil.example", False),
        ("https://a.example", "null", None),
        ("https://a.example", "", False),
        ("https://a.example", "https://[", False),
        ("https://a.example", "https://a.example:99999", False),
    ],
)
def test_an_origin_is_compared_as_browsers_mean_it(base_url: str, origin: str, is_own: bool | None) -> None:
    """A port that goes without saying, upper case; `null` alone tells nothing."""
    assert OwnForms(_nothing, base_url)._is_own(Headers({"origin": origin})) is is_own


@given(st.text(max_size=50))
def test_no_origin_raises(text: str) -> None:
    """Whatever a header holds has an origin, or none."""
    assert len(origin_of(text)) == 3


def test_a_bucket_empties_and_fills_up() -> None:
    """So many at once, then as they come back, one at a time; a wait that was promised is enough."""
    buckets = Buckets(60)
    assert [buckets.take("a", 0.0) for _ in range(60)] == [0.0] * 60
    assert buckets.take("a", 0.0) == 1.0
    assert buckets.take("a", 0.5) == 0.5
    assert buckets.take("a", 1.0) == 0.0
    assert buckets.take("a", 1.0) == 1.0
    assert buckets.take("b", 1.0) == 0.0


def test_a_wait_does_not_grow_by_asking() -> None:
    """Whoever asks too soon waits no longer for it: a person who reloads is not punished."""
    buckets = Buckets(1)
    assert buckets.take("a", 0.0) == 0.0
    assert [round(buckets.take("a", float(s)), 6) for s in range(1, 60)] == [60.0 - s for s in range(1, 60)]
    assert buckets.take("a", 60.0) == 0.0


def test_no_limit_is_none() -> None:
    """Zero means that nobody is braked."""
    buckets = Buckets(0)
    assert [buckets.take("a", 0.0) for _ in range(1000)] == [0.0] * 1000


def test_buckets_are_bounded() -> None:
    """Strangers from everywhere do not fill the memory; the one that was used last stays."""
    buckets = Buckets(1)
    buckets.take("kept", 0.0)
    for number in range(MOST_BUCKETS + 10):
        buckets.take(number, 0.0)
        buckets.take("kept", 0.0)
    assert len(buckets._left) == MOST_BUCKETS
    assert buckets.take("kept", 0.0) > 0


async def _nothing(*_: object) -> None:
    return None
