"""The three kinds of reply address on real mail sites that allow just that: answers, bounces and notices find their way."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from mailgate.runtime import open_serving, roles_of, run_roles
from mailgate.store.tables import Assignment, Cursor, Decision, Event, Incoming
from tests.conftest import CAUGHT
from tests.deployment import Deployment, eventually
from tests.e2e.post import Received, reply
from tests.site import MailSite

GATES = """
[gates.issue_refund]
approvers = ["bob"]

[gates.close_account]
approvers = ["gustav"]

[gates.pay_out]
approvers = ["dora"]
escalate_when_away = true
escalate_to = ["carol"]
"""
Record = Callable[[str, object], None]


@contextmanager
def serving(house: Deployment) -> Iterator[None]:
    """Run keeper, outbox and inbox in this process until the block ends; give them once the mailbox is read."""
    side, stop = open_serving(house.config), threading.Event()
    roles = roles_of(side, ("keeper", "outbox", "inbox"))
    thread = threading.Thread(target=run_roles, args=(roles, stop, side.store.pulse.beat))
    thread.start()
    try:
        eventually(lambda: house.rows(Cursor), why="Reading the mailbox")
        yield
    finally:
        stop.set()
        thread.join()
        side.store.close()


@pytest.fixture(scope="module", params=["plus", "catchall", "single"])
def house(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    mail_site: MailSite,
    catch_all_site: MailSite,
    plain_site: MailSite,
) -> Iterator[Deployment]:
    """Run mailgate on a site whose addresses are of one kind."""
    site = {"plus": mail_site, "catchall": catch_all_site, "single": plain_site}[request.param]
    people = {name: site.fresh_user(name, "approvers.test") for name in ("bob", "carol", "dora", "olga")}
    deployment = Deployment(
        tmp_path_factory.mktemp("house"),
        site,
        gates=GATES,
        people=people | {"gustav": "gone@approvers.test"},
        operators=["olga"],
        gate=CAUGHT if request.param == "catchall" else "",
        reply_address=request.param,
    )
    with serving(deployment):
        yield deployment
    deployment.close()


def asked(house: Deployment, order: str, who: str = "bob", action: str = "issue_refund") -> tuple[str, Received]:
    """Ask about an order; return the request's id and the mail about it."""
    request = house.submit(action, {"order_id": order, "amount": 120.0}, run=order)
    return request, house.mail_to(who, order, "Decision needed")


def test_an_answer_finds_its_way(house: Deployment) -> None:
    """As a mail program answers; the mail says where to, and lies in our folder afterwards."""
    request, mail = asked(house, "T-100")
    local, _, domain = house.gate.partition("@")
    reply_to = mail.reply_to.rpartition("@")
    assert reply_to[2] == domain
    assert len(reply_to[0]) - len(local) == {"plus": 27, "catchall": 26 - len(local), "single": 0}[house.reply_address]
    raw = house.answer("bob", mail, "APPROVE")
    house.until(request, "approved")
    eventually(lambda: [m for m in house.site.maildir(house.gate, "Mailgate/Processed") if m.endswith(raw)])


def test_an_answer_without_its_tag_finds_its_way(house: Deployment) -> None:
    """A server on the way cut the secret part off the address: the mail it answers tells."""
    request, mail = asked(house, "T-200")
    raw = reply(mail, house.people["bob"], "APPROVE").replace(mail.reply_to.encode(), house.gate.encode())
    house.site.submit(house.people["bob"], house.gate, raw)
    house.until(request, "approved")
    [decision] = house.rows(Decision, request_id=request)
    assert '"found_by":["message-id"]' in decision.evidence


def test_an_answer_without_references_finds_its_way(house: Deployment) -> None:
    """A phone dropped them, or a service replaced our Message-ID: the address tells; without one the mail is set aside."""
    request, mail = asked(house, "T-300")
    raw = reply(mail, house.people["bob"], "APPROVE").replace(mail.message_id.encode(), b"<0100-1@amazonses.test>")
    house.site.submit(house.people["bob"], mail.reply_to, raw)
    if house.reply_address == "single":
        eventually(lambda: [r for r in house.rows(Incoming, state="quarantined") if "answers no mail" in r.why])
        assert house.state(request) == "pending"
    else:
        house.until(request, "approved")


def test_a_bounce_of_a_real_server(house: Deployment) -> None:
    """Postfix cannot deliver: the request ends at once, since nobody else is left, and the operators are told."""
    request = house.submit("close_account", {"order_id": "B-1", "amount": 1.0}, run="B-1")
    house.until(request, "undeliverable")
    [bounced] = [r for r in house.rows(Incoming, kind="bounce") if r.assignment_id]
    assert (bounced.state, "5.1.1" in bounced.why) == ("concluded", True)
    assert "cannot be reached" in house.mail_to("olga", "close_account").words


def test_a_bounce_that_was_made_up(house: Deployment, record_property: Record) -> None:
    """From outside, and to the address that everybody on the thread can see: the person is asked as before."""
    request, mail = asked(house, "B-2")
    known = len(house.rows(Incoming, kind="bounce", state="quarantined"))
    report = (
        f"From: MAILER-DAEMON@elsewhere.test\r\nTo: {mail.reply_to}\r\nSubject: Undelivered\r\nMessage-ID: <dsn@elsewhere.test>\r\n"
        "MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\r\n\r\n--b\r\n\r\n"
        "Gone.\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; elsewhere.test\r\n\r\n"
        f"Final-Recipient: rfc822; {house.people['bob']}\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--b--\r\n"
    )
    house.site.deliver_from_outside("", mail.reply_to, report.encode())
    eventually(lambda: len(house.rows(Incoming, kind="bounce", state="quarantined")) > known)
    assert [s.state for s in house.rows(Assignment, request_id=request)] == ["open"]
    assert house.state(request) == "pending"
    record_property("attack", f"a bounce made up outside, to the reply address, {house.reply_address}")
    record_property("happened", "quarantined; the seat stays open")


def test_a_vacation_notice_of_a_real_server(house: Deployment) -> None:
    """Sieve answers the address for bounces: its owner is away, somebody else is asked, and nothing is decided by it."""
    house.site.write_sieve(house.people["dora"], 'require "vacation"; vacation :days 1 "APPROVE. I am away.";')
    request = house.submit("pay_out", {"order_id": "V-1", "amount": 5.0}, run="V-1")
    house.mail_to("carol", "V-1", "Decision needed")
    seats = {s.person: (s.away, s.state) for s in house.rows(Assignment, request_id=request)}
    assert seats == {"dora": (True, "open"), "carol": (False, "open")}
    assert {"away", "escalation"} <= {e.kind for e in house.rows(Event, request_id=request)}
    assert (house.state(request), house.rows(Decision, request_id=request)) == ("pending", [])
