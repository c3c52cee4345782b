"""Visits of links on record: what is kept of each, how many, and that nobody waits for it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from mailgate.service.inspect import details
from mailgate.service.visits import Seen, keep_visits
from mailgate.store.tables import Outgoing, Visit
from mailgate.store.visits import MOST_VISITS
from mailgate.web import visits as book
from mailgate.web.visitor import MOST_AGENT
from tests.deployment import eventually
from tests.web.conftest import SiteMaker
from tests.web.site import Site

SCANNER = "Mozilla/5.0 (Windows NT 10.0) Chrome/131.0 Safari/537.36"
Attack = Callable[[str, object], None]


def test_each_visit_is_kept_with_what_tells_a_machine(site: Site) -> None:
    """When after the mail, by which method, what came of it, which program, which network; never the whole address."""
    request_id = site.rig.ask()
    site.rig.outbox()
    site.rig.clock.forward(seconds=12)
    path = site.path(request_id)
    site.ask("HEAD", path, User_Agent=SCANNER)
    site.ask("GET", path, User_Agent="evil\u00a0\u202e".encode().decode("latin-1") + "x" * 900)
    site.post(path, {"verdict": "approve", "code": "000000"})
    site.post(path, {"verdict": "approve", "code": site.code(request_id)}, Sec_Fetch_Site="cross-site")
    site.ask("DELETE", path)
    site.post(path, {"verdict": "perhaps"})
    site.post(path, {"verdict": "reject", "reason": "No."})
    site.ask("GET", path)
    visits = site.visits(request_id, 8)
    assert [(v.method, v.came_of) for v in visits] == [
        ("HEAD", "shown"),
        ("GET", "shown"),
        ("POST", "code_wrong"),
        ("POST", "from_another_page"),
        ("DELETE", "other_method"),
        ("POST", "unreadable"),
        ("POST", "counted"),
        ("GET", "shown"),
    ]
    assert visits[0].program == SCANNER
    assert len(visits[1].program) == MOST_AGENT
    assert visits[1].program.isprintable()
    assert {v.network for v in visits} == {"127.0.0.0/24"}
    assert all(v.seconds_after_mail is not None and 11 < v.seconds_after_mail < 14 for v in visits)
    assert [v.at for v in visits] == sorted(v.at for v in visits)


def test_visits_of_one_link_are_bounded(site: Site, record_property: Attack) -> None:
    """Fifty are kept singly, all others are counted; other links have room of their own."""
    request_id = site.rig.ask("pay_twice")
    seat, other = (site.rig.seat(request_id, person).id for person in ("bob", "alice"))

    def seen(assignment: str, number: int) -> Seen:
        ago = timedelta(seconds=1000 - number)
        return Seen(assignment=assignment, ago=ago, method="GET", came_of="shown", program=f"{number}", network="")

    keep_visits(site.rig.serving, [seen(seat, n) for n in range(30)])
    keep_visits(site.rig.serving, [seen(seat, n) for n in range(30, 90)] + [seen(other, 0), seen("nobody", 0)])
    keep_visits(site.rig.serving, [seen(seat, n) for n in range(90, 200)])
    kept = sorted(site.rig.rows(Visit, assignment_id=seat), key=lambda v: v.number)
    assert [v.number for v in kept] == list(range(1, MOST_VISITS + 2))
    assert [v.times for v in kept] == [1] * MOST_VISITS + [150]
    assert kept[-1].program == "199"
    assert len(site.rig.rows(Visit)) == MOST_VISITS + 2
    record_property("attack", "200 visits of one link, to grow the database")
    record_property("happened", f"{MOST_VISITS} kept singly, one row counts the others")


def test_a_visit_before_the_mail_server_said_yes_is_kept(site: Site) -> None:
    """Some servers open links while they take the mail; without any mail sent there is no figure."""
    request_id = site.rig.ask()
    site.ask("GET", site.path(request_id))
    assert site.visits(request_id, 1)[0].seconds_after_mail is None
    site.rig.outbox()
    later = site.rig.rows(Outgoing, kind="request", recipient="bob@example.com")[0].sent_at
    assert later is not None
    site.rig.forge("update outgoing set sent_at = :at where kind = 'request'", at=later.replace(hour=10))
    site.ask("GET", site.path(request_id))
    before = site.visits(request_id, 2)[1].seconds_after_mail
    assert before is not None
    assert -3700 < before < -3500


def test_guesses_leave_nothing(site: Site) -> None:
    """A path that no key of ours signed is nobody's visit."""
    request_id = site.rig.ask()
    for path in ("/d/x.y", f"{site.path(request_id)[:-4]}/", "/health", "/"):
        site.ask("GET", path)
    site.ask("GET", site.path(request_id))
    assert len(site.visits(request_id, 1)) == 1
    assert len(site.rig.rows(Visit)) == 1


def test_nobody_waits_for_a_visit_to_be_kept(site: Site) -> None:
    """While the database takes no write, pages are shown as ever; what was seen meanwhile is kept when it can be."""
    request_id = site.rig.ask()
    path = site.path(request_id)
    writer = sqlite3.connect(site.rig.path, isolation_level=None)
    writer.execute("begin immediate")
    try:
        for _ in range(3):
            assert site.ask("GET", path)[0] == 200
        assert site.rig.rows(Visit) == []
    finally:
        writer.execute("rollback")
        writer.close()
    assert len(site.visits(request_id, 3)) == 3


def test_visits_that_wait_are_stored_at_the_end(make_site: SiteMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page seen just before the server ends is on record all the same."""
    monkeypatch.setattr(book, "GATHER_SECONDS", 3600.0)
    site = make_site()
    request_id = site.rig.ask()
    for _ in range(3):
        site.ask("GET", site.path(request_id))
    assert site.rig.rows(Visit) == []
    site.close()
    assert len(site.rig.rows(Visit)) == 3


def test_more_than_can_wait_is_said(make_site: SiteMaker, monkeypatch: pytest.MonkeyPatch) -> None:
    """The memory is bounded; what is left out is counted in the log."""
    monkeypatch.setattr(book, "MOST_WAITING", 2)
    site = make_site()
    request_id = site.rig.ask()
    with capture_logs() as logs:
        for _ in range(5):
            site.ask("GET", site.path(request_id))
        eventually(lambda: any(entry["event"] == "visits_lost" for entry in logs), why="Saying that visits were lost")


def test_operators_see_the_visits(site: Site) -> None:
    """`requests show` lists them, and --json has them as data; no link and no code is among it."""
    request_id = site.rig.ask()
    site.rig.outbox()
    token, code = site.path(request_id).split("/")[2], site.code(request_id)
    site.ask("GET", site.path(request_id), User_Agent=SCANNER)
    site.visits(request_id, 1)
    shown = details(site.rig.working, request_id)
    [visit] = shown["visits"]
    assert (visit["person"], visit["method"], visit["came_of"], visit["times"]) == ("bob", "GET", "shown", 1)
    assert visit["program"] == SCANNER
    assert token not in json.dumps(shown)
    assert code not in json.dumps(shown["visits"])
