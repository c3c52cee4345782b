"""Too many visits: who is told to wait, who never is, and which origins and addresses are believed."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from mailgate.errors import ConfigError
from mailgate.store.tables import Decision
from mailgate.web.guard import HEADERS
from tests.service.rig import configuration, in_parallel
from tests.web.conftest import SiteMaker
from tests.web.site import Site

Attack = Callable[[str, object], None]
STRANGER = "/d/" + "x" * 60


def form_key(text: str) -> str:
    """Return what a page's form holds besides what people type."""
    found = re.search(r'name="form" value="([^"]+)"', text)
    assert found is not None
    return found[1]


def test_a_link_that_is_opened_too_often_has_to_wait(make_site: SiteMaker, record_property: Attack) -> None:
    """429 with a page that tells nothing, the protecting headers and when to come again; other links are not braked."""
    site = make_site(web={"most_per_link": 5})
    request_id = site.rig.ask("pay_twice")
    answers = [site.ask("GET", site.path(request_id)) for _ in range(8)]
    assert [status for status, _, _ in answers] == [200] * 5 + [429] * 3
    _, headers, text = answers[-1]
    assert 1 <= int(headers["Retry-After"]) <= 12
    assert {name: headers[name] for name in HEADERS} == HEADERS
    assert "Nothing was decided by this visit. Try again in" in text
    assert "pay_twice" not in text
    refused, _, _ = site.post(site.path(request_id), {"verdict": "approve", "code": site.code(request_id)})
    assert (refused, site.rig.rows(Decision)) == (429, [])
    assert site.ask("GET", site.path(request_id, "alice"))[0] == 200
    assert site.ask("GET", "/static/style.css")[0] == 200
    record_property("attack", "one link opened again and again")
    record_property("happened", "answered 429 from the 6th time on (limit 5 a minute); other links work")


def test_strangers_wait_and_whoever_was_asked_does_not(make_site: SiteMaker, record_property: Attack) -> None:
    """Behind a proxy that hides addresses everybody comes from one network: guessing there locks no approver out."""
    site = make_site(web={"most_per_network": 5})
    request_id = site.rig.ask()
    guesses = [site.ask("GET", STRANGER)[0] for _ in range(12)]
    assert guesses == [404] * 5 + [429] * 7
    assert site.ask("GET", site.path(request_id))[0] == 200
    done, _, text = site.post(site.path(request_id), {"verdict": "approve", "code": site.code(request_id)})
    assert (done, "Your answer was counted" in text) == (200, True)
    assert site.ask("GET", "/health")[0] == 200
    record_property("attack", "links guessed by the dozen, from behind the proxy that approvers use, too")
    record_property("happened", "the guesses got 429; whoever held a genuine link approved meanwhile")


def test_twenty_codes_at_once_are_five_comparisons(site: Site, record_property: Attack) -> None:
    """Over HTTP, too: five are compared, the others learn nothing, and the right one comes too late."""
    request_id = site.rig.ask()
    path, right = site.path(request_id), site.code(request_id)
    wrong = [f"{(int(right) + n) % 1_000_000:06d}" for n in range(1, 21)]
    texts = [
        text
        for _, _, text in in_parallel([lambda c=c: site.post(path, {"verdict": "approve", "code": c}) for c in wrong])
    ]
    assert site.rig.seat(request_id, "bob").code_tries == 5
    assert sum("That is not the code" in text or "too often" in text for text in texts) == 20
    _, _, text = site.post(path, {"verdict": "approve", "code": right})
    assert "too often" in text
    assert site.rig.state(request_id) == "pending"
    came_of = [v.came_of for v in site.visits(request_id, 21)]
    assert (came_of.count("code_wrong"), came_of.count("codes_used_up")) == (5, 16)
    record_property("attack", "20 codes tried at once on one link")
    record_property("happened", "5 were compared; the link took no approval any more, not even with the right code")


def test_old_browser_on_our_page_decides_and_a_frame_elsewhere_does_not(site: Site, record_property: Attack) -> None:
    """`Origin: null` alone is what an old Safari says of our page, and any browser of a sandboxed frame: the form tells."""
    request_id = site.rig.ask()
    _, _, page = site.ask("GET", site.path(request_id))
    form = {"verdict": "reject", "reason": "x"}
    other = site.rig.ask("pay_twice")
    _, _, other_page = site.ask("GET", site.path(other))

    for lacking in ({}, {"form": ""}, {"form": form_key(other_page)}):
        status, headers, text = site.post(site.path(request_id), form | lacking, Origin="null")
        assert (status, site.rig.state(request_id)) == (403, "pending")
        assert {name: headers[name] for name in HEADERS} == HEADERS
        assert "sent from another page" in text
    status, _, _ = site.post(site.path(request_id), form | {"form": form_key(page)}, Origin="null")
    assert (status, site.rig.state(request_id)) == (200, "rejected")
    record_property("attack", "a sandboxed frame that says Origin: null posts the form, link and code known")
    record_property("happened", "refused: it lacks what only the page itself holds")


def test_what_a_stranger_says_of_its_address_is_not_believed(site: Site) -> None:
    """Without a trusted proxy X-Forwarded-For is noise, from this very machine as well."""
    request_id = site.rig.ask()
    site.ask("GET", site.path(request_id), X_Forwarded_For="198.51.100.7")
    [visit] = site.visits(request_id, 1)
    assert visit.network == "127.0.0.0/24"


@pytest.mark.parametrize(
    ("trusted", "said", "network"),
    [
        (["127.0.0.1"], "198.51.100.7", "198.51.100.0/24"),
        (["127.0.0.0/8"], "6.6.6.6, 198.51.100.7", "198.51.100.0/24"),
        (["127.0.0.1", "10.0.0.0/8"], "198.51.100.7, 10.1.2.3", "198.51.100.0/24"),
        (["127.0.0.1"], "2001:db8:1:2::3", "2001:db8:1::/48"),
        (["127.0.0.1"], "unknown", ""),
        (["192.0.2.1"], "198.51.100.7", "127.0.0.0/24"),
    ],
)
def test_a_trusted_proxy_is_believed(make_site: SiteMaker, trusted: list[str], said: str, network: str) -> None:
    """The last address that no trusted proxy has: what stands before it anybody could have written."""
    site = make_site(web={"trusted_proxies": trusted})
    request_id = site.rig.ask()
    site.ask("GET", site.path(request_id), X_Forwarded_For=said)
    [visit] = site.visits(request_id, 1)
    assert visit.network == network


@pytest.mark.parametrize("wrong", ["*", "proxy.example", "10.0.0.1/8", "10.0.0.0/99", ""])
def test_a_trusted_proxy_is_an_address_or_a_network(wrong: str, tmp_path: object) -> None:
    """Whom to believe is no pattern: a mistake is said at the start."""
    with pytest.raises((ConfigError, ValueError), match="is no address or network such as"):
        configuration(tmp_path, web={"trusted_proxies": [wrong]})  # type: ignore[arg-type]
