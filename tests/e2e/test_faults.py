"""Servers that go away and processes that are killed: nothing is lost, nothing is decided or run twice."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from mailgate.runtime import open_serving
from mailgate.store.tables import Decision, Incoming, Outgoing
from mailgate.tokens import message_hash
from tests.conftest import USERS
from tests.deployment import Deployment, eventually
from tests.e2e.conftest import Maker
from tests.e2e.post import Received, visit
from tests.site import MailSite


def ask(house: Deployment, order: str, action: str = "issue_refund") -> str:
    """Ask about an order; return the request's id."""
    return house.submit(action, {"order_id": order, "amount": 120.0}, run=order)


def approve_by_link(house: Deployment, order: str) -> None:
    """Wait for Bob's mail about an order and approve on its page."""
    mail = house.mail_to("bob", order, "Decision needed")
    assert visit(mail.link, {"verdict": "approve", "code": mail.code})[0] == 200


@pytest.fixture(scope="module")
def storm(make_deployments: Maker, mail_servers: None) -> Iterator[Deployment]:
    """Run a deployment on a mail site of its own, whose servers the tests of this file stop and kill."""
    with MailSite.start(USERS) as site:
        house = make_deployments(site)
        with house.serving("--worker", "app:mg"):
            yield house


def test_mails_wait_while_the_server_is_down(storm: Deployment) -> None:
    """While Postfix is down mails are kept and tried again: the same bytes and Message-ID, delivered once."""
    storm.site.postfix.stop()
    request = ask(storm, "P-1")

    def tried() -> list[Outgoing]:
        rows = [r for r in storm.rows(Outgoing, request_id=request) if r.assignment_id]
        return [r for r in rows if r.attempts >= 2]

    [waiting] = eventually(tried, why="Two attempts")
    assert "cannot be used now" in waiting.last_error
    assert storm.state(request) == "pending"
    serving = open_serving(storm.config)
    kept = serving.key.unseal(waiting.sealed or b"", label=f"outgoing {waiting.id}")
    serving.store.close()
    storm.site.postfix.start()
    mail = storm.mail_to("bob", "P-1", "Decision needed")
    assert mail.raw.endswith(kept)
    assert message_hash(mail.message_id[1:].partition(".")[0]) == waiting.message_id
    approve_by_link(storm, "P-1")
    assert storm.resumed("P-1")["outcome"] == "succeeded"
    eventually(lambda: all(r.state == "sent" and r.sealed is None for r in storm.rows(Outgoing)), why="Sending all")
    assert len(storm.mails("bob", "P-1", "Decision needed")) == 1


def test_the_mailbox_comes_back(storm: Deployment) -> None:
    """When Dovecot is killed just after a reply was handed in, and comes back, the reply is read and counted."""
    request = ask(storm, "D-1")
    mail = storm.mail_to("bob", "D-1", "Decision needed")
    opened = storm.log().count("mailbox_open")
    storm.answer("bob", mail, "APPROVE")
    storm.site.dovecot.kill()
    eventually(lambda: "mailbox_unavailable" in storm.log(), why="Noticing that the mailbox is gone")
    storm.site.dovecot.start()
    eventually(lambda: storm.log().count("mailbox_open") > opened, why="Opening the mailbox again")
    assert storm.resumed("D-1")["outcome"] == "succeeded"
    assert len(storm.notes("executed", "D-1")) == 1
    assert [d.verdict for d in storm.rows(Decision, request_id=request)] == ["approve"]


MOMENTS = {
    "mail rendered, not sent": "mailgate.mail.smtp:SmtpSender.send:before",
    "mail sent, not noted": "mailgate.mail.smtp:SmtpSender.send:after",
    "reply stored, not read": "mailgate.service.fetch:conclude_mail:before",
    "reply counted, not committed": "mailgate.service.intake:_act:after",
    "reply counted, not recorded": "mailgate.service.fetch:conclude_mail:after",
    "reply read, not moved": "mailgate.mail.imap:ImapMailbox.move:before",
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_serve_killed_at(quiet_house: Deployment, moment: str) -> None:
    """Whenever the serving side is killed, the next one goes on: one decision, one run, byte-identical mails."""
    house = quiet_house
    house.extra["CRASH_AT"] = MOMENTS[moment]
    with house.serving(through="tests.e2e.crash") as doomed:
        request = ask(house, "C-1")
        mail = house.mail_to("bob", "C-1", "Decision needed") if moment.startswith("reply") else None
        if mail is not None:
            house.answer("bob", mail, "APPROVE")
        assert doomed.wait(60) == -signal.SIGKILL
    check_what_is_left(house, moment, request)
    with house.serving("--worker", "app:mg"):
        if mail is None:
            house.answer("bob", house.mail_to("bob", "C-1", "Decision needed"), "APPROVE")
        assert house.resumed("C-1")["outcome"] == "succeeded"
        house.mail_to("bob", "C-1", "was run and succeeded")
        eventually(lambda: all(m.state == "sent" for m in house.rows(Outgoing)), why="Sending all", seconds=40)
    assert len(house.notes("executed", "C-1")) == 1
    assert len(house.notes("resumed", "C-1")) == 1
    assert [d.verdict for d in house.rows(Decision, request_id=request)] == ["approve"]
    assert len(house.rows(Incoming)) == 1
    copies = house.mails("bob", "C-1", "Decision needed") + house.mails(house.archive, "C-1", "Decision needed")
    for one in {m.message_id: m for m in copies}.values():
        assert {as_sent(m) for m in copies if m.message_id == one.message_id} == {as_sent(one)}
    assert len({m.message_id for m in copies}) == 2
    assert (len(copies) > 2) == (moment == "mail sent, not noted")


def check_what_is_left(house: Deployment, moment: str, request: str) -> None:
    """Check that the process was killed where it was meant to be."""
    incoming = [r.state for r in house.rows(Incoming)]
    decided = bool(house.rows(Decision, request_id=request))
    match moment:
        case "mail rendered, not sent":
            assert [m.sealed is not None for m in house.rows(Outgoing, state="waiting")].count(True) >= 1
        case "reply stored, not read" | "reply counted, not committed":
            assert (incoming, decided) == (["new"], False)
        case "reply counted, not recorded" | "reply read, not moved":
            assert (incoming, decided) == (["concluded"], True)


def as_sent(mail: Received) -> bytes:
    """Return a mail as it was handed in: from our own From field on, below what servers put on top."""
    return mail.raw[mail.raw.index(b"\r\nFrom: ") :]


@pytest.fixture(scope="module")
def desk(make_deployments: Maker) -> Iterator[Deployment]:
    """Run a serving side; workers are started by the tests, and presumed dead after a second of silence."""
    house = make_deployments(more='[worker]\nlease = "1s"\n')
    with house.serving():
        yield house


def test_a_worker_killed_inside_the_action(desk: Deployment) -> None:
    """The action is in doubt and never run again; operators are told; once settled by hand the agent goes on."""
    with desk.running("worker", "app:mg") as doomed:
        request = ask(desk, "W-1", "power_cut")
        approve_by_link(desk, "W-1")
        assert doomed.wait(60) == -signal.SIGKILL
    desk.until(request, "in_doubt")
    notice = desk.mail_to("olga", "its worker died", "Whether it took effect is not known")
    assert f"mailgate requests settle {request}" in notice.words
    with desk.running("worker", "app:mg"):
        ask(desk, "W-2")
        approve_by_link(desk, "W-2")
        desk.resumed("W-2")  # so the worker has looked for work, and found nothing to do about the first one
        assert desk.state(request) == "in_doubt"
        assert desk.notes("resumed", "W-1") == []
        done = desk.call("requests", "settle", request, "--as", "succeeded")
        assert done.stdout == f"Settled {request} as succeeded; its agent is told.\n"
        assert desk.resumed("W-1")["outcome"] == "succeeded"
    assert len(desk.notes("executed", "W-1")) == 1
    desk.mail_to("bob", "W-1", "Outcome")
    again = desk.call("requests", "settle", request, "--as", "failed", check=False)
    assert (again.returncode, len(again.stderr.splitlines())) == (1, 1)


def test_two_workers_run_each_request_once(desk: Deployment) -> None:
    """However many workers look for work, every request is run by one of them, and its agent resumed once."""
    orders = [f"2W-{n}" for n in range(8)]
    with desk.running("worker", "app:mg"), desk.running("worker", "app:mg"):
        for order in orders:
            ask(desk, order)
        with ThreadPoolExecutor(4) as people:
            list(people.map(lambda order: approve_by_link(desk, order), orders))
        for order in orders:
            assert desk.resumed(order)["outcome"] == "succeeded"
    assert [len(desk.notes("executed", order)) for order in orders] == [1] * len(orders)
    assert [len(desk.notes("resumed", order)) for order in orders] == [1] * len(orders)
