"""The role that reads the mailbox, on a real Dovecot: where it begins, what it looks at again, and who may read."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from imapclient import IMAPClient
from sqlmodel import select
from structlog.testing import capture_logs

from mailgate.errors import MailServerError
from mailgate.mail.imap import ImapMailbox
from mailgate.runtime import open_serving
from mailgate.service.context import Serving
from mailgate.service.fetch import InboxRole
from mailgate.service.intake import incoming_label
from mailgate.service.sequence import sequence
from mailgate.store.tables import Assignment, Cursor, Incoming, Lease, Outgoing
from tests.deployment import Deployment, eventually

BOB = "bob@approvers.test"


def mail(subject: str) -> bytes:
    """Write a stranger's message as it goes over the wire; it will be quarantined."""
    unique = secrets.token_hex(6)
    return f"From: {BOB}\r\nSubject: {subject}\r\nMessage-ID: <{unique}@x.test>\r\n\r\n{subject}\r\n".encode()


class Desk:
    """One serving side whose inbox runs in a thread of this process."""

    def __init__(self, house: Deployment) -> None:
        self.house = house
        self.serving: Serving = open_serving(house.config)
        self.opened = 0

    def open(self) -> ImapMailbox:
        """Open the mailbox as the role does, counting how often."""
        self.opened += 1
        settings = self.serving.config.imap
        return ImapMailbox(settings, self.house.config.password_of(settings), self.house.site.ca_file)

    @contextmanager
    def reading(self, owner: str = "one") -> Iterator[InboxRole]:
        """Run the role until the block ends; give it once it reads."""
        role, stop = InboxRole(self.serving, self.open, owner), threading.Event()
        thread = threading.Thread(target=role.run, args=(stop,))
        thread.start()
        try:
            yield role
        finally:
            stop.set()
            thread.join()

    @contextmanager
    def session(self, folder: str = "INBOX") -> Iterator[IMAPClient]:
        """Look into the mailbox as another mail program would."""
        login = self.house.site.imap_of(self.house.gate)
        with IMAPClient(login.host, login.port, ssl_context=login.tls_context()) as session:
            session.login(login.username, login.password)
            if session.folder_exists(folder):
                session.select_folder(folder)
            yield session

    def subjects(self) -> list[str]:
        """Return the subjects of the stored mails, in the order they were stored."""
        with self.serving.store.read() as tx:
            rows = sorted(tx.session.exec(select(Incoming)).all(), key=lambda r: (r.fetched_at, r.uid))
        mails = [self.serving.key.unseal(r.sealed, label=incoming_label(r)) for r in rows]
        return [raw.split(b"Subject: ")[1].split(b"\r\n")[0].decode() for raw in mails]

    def started(self) -> None:
        """Wait until the role has looked into the mailbox for the first time."""

        def look() -> bool:
            with self.serving.store.read() as tx:
                return tx.session.exec(select(Cursor)).first() is not None

        eventually(look, why="The first look")

    def first_run(self) -> datetime:
        """Return when the role first looked into the mailbox."""
        with self.serving.store.read() as tx:
            return tx.session.exec(select(Cursor)).one().started_at

    def stores(self, *subjects: str) -> None:
        """Wait until these mails, and no others, are stored."""
        eventually(lambda: self.subjects() == list(subjects), why=f"Storing {subjects}, not {self.subjects()}")


@pytest.fixture
def desk(quiet_house: Deployment) -> Iterator[Desk]:
    """Make a desk with an empty mailbox."""
    desk = Desk(quiet_house)
    yield desk
    desk.serving.store.close()


@pytest.fixture
def folder_desk(quiet_house: Deployment, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """Make a desk that reads a folder of its own, which can be deleted and made anew."""
    monkeypatch.setenv("MAILGATE_IMAP__FOLDER", "Replies")
    desk = Desk(quiet_house)
    with desk.session() as session:
        session.create_folder("Replies")
    yield desk
    desk.serving.store.close()


def deliver(desk: Desk, subject: str) -> bytes:
    """Deliver a mail to our mailbox and return its bytes as they lie there."""
    raw = mail(subject)
    desk.house.site.submit(BOB, desk.house.gate, raw)
    return desk.house.site.wait_for_mail(desk.house.gate, lambda found: found.endswith(raw))


def test_an_old_mailbox_is_not_answered(desk: Desk, record_property: Callable[[str, object], None]) -> None:
    """The first run begins at the next UID; what lay there before is neither read, moved nor answered, however much it is."""
    old = 60
    with desk.session() as session:
        for _ in range(old):
            session.append("INBOX", mail("long ago"))
        uidnext = int(session.select_folder("INBOX")[b"UIDNEXT"])
    with desk.reading():
        desk.started()
        with desk.serving.store.read() as tx:
            assert tx.session.exec(select(Cursor)).one().uid == uidnext - 1 == old
        deliver(desk, "today")
        desk.stores("today")
    left = [b"Subject: long ago" in raw for raw in desk.house.site.maildir(desk.house.gate)]
    assert left == [True] * old
    with desk.serving.store.read() as tx:
        assert tx.session.exec(select(Outgoing)).all() == []
    record_property("attack", f"a first run on a mailbox with {old} old mails")
    record_property("happened", "begun at UIDNEXT: none read, none answered")


def test_what_came_meanwhile_is_read_after_a_restart(desk: Desk) -> None:
    """A restart goes on where the last run ended."""
    with desk.reading():
        desk.started()
    for subject in ("one", "two"):
        deliver(desk, subject)
    with desk.reading():
        desk.stores("one", "two")


def test_mails_are_moved_and_stay_unread(desk: Desk) -> None:
    """What was read lies in our folder afterwards, and a person still sees it as unread."""
    with desk.reading():
        desk.started()
        deliver(desk, "moved")
        eventually(lambda: desk.house.site.maildir(desk.house.gate, "Mailgate/Quarantine"), why="Moving")
    assert desk.house.site.maildir(desk.house.gate) == []
    with desk.session("Mailgate.Quarantine") as session:
        assert b"\\Seen" not in session.get_flags([1])[1]


def test_an_answer_among_the_junk_is_reported(desk: Desk) -> None:
    """It is not read, and the operators are told once; whoever moves it to where answers arrive gets it read."""
    request = desk.house.submit("issue_refund", {"order_id": "J-100", "amount": 120.0}, run="J-100")
    with desk.serving.store.write() as tx:
        sequence(tx, desk.serving)
    [seat] = desk.house.rows(Assignment, request_id=request)
    token = desk.serving.key.reply_token(seat.id, 1)
    answer = mail("answer").replace(b"Subject", f"To: {desk.house.gate.replace('@', f'+{token}@')}\r\nSubject".encode())
    with desk.session("Junk") as session, capture_logs() as logs:
        session.append("Junk", mail("really junk"))
        session.append("Junk", answer)
        with desk.reading():
            desk.started()
            deliver(desk, "one")
            deliver(desk, "two")
            desk.stores("one", "two")
            eventually(lambda: desk.house.rows(Outgoing, kind="notice"), why="Telling the operators")
            assert session.get_flags([1, 2]) == {1: (b"\\Recent",), 2: (b"\\Recent",)}
            session.move([2], "INBOX")
            desk.stores("one", "two", "answer")
    [notice] = desk.house.rows(Outgoing, kind="notice")
    assert "lies in the mail server's folder Junk" in notice.details
    assert [(e["uid"], e["request"]) for e in logs if e["event"] == "in_junk"] == [(2, request)]


def test_the_same_bytes_are_stored_once(folder_desk: Desk) -> None:
    """A mail that was delivered twice, to the byte, is one mail."""
    raw = mail("twin")
    with folder_desk.session("Replies") as session, folder_desk.reading():
        folder_desk.started()
        session.append("Replies", raw)
        folder_desk.stores("twin")
        session.append("Replies", raw)
        session.append("Replies", mail("next"))
        folder_desk.stores("twin", "next")


def test_a_renumbered_folder_is_looked_through_again(folder_desk: Desk) -> None:
    """When the server numbers its mails anew, nothing that came since the first run is lost, nothing older is read."""
    raw, long_ago = mail("known"), datetime.now(UTC) - timedelta(days=3)
    with folder_desk.session("Replies") as session:
        with folder_desk.reading():
            folder_desk.started()
            session.append("Replies", raw)
            folder_desk.stores("known")
        session.select_folder("INBOX")
        before = session.folder_status("Replies", ["UIDVALIDITY"])
        session.delete_folder("Replies")
        session.create_folder("Replies")
        assert session.folder_status("Replies", ["UIDVALIDITY"]) != before
        session.append("Replies", mail("older"), msg_time=long_ago)
        session.append("Replies", raw)
        # As the server keeps it: in whole seconds, so that it seems to have come a moment before the first run.
        session.append("Replies", mail("missed"), msg_time=folder_desk.first_run().replace(microsecond=0))
        with folder_desk.reading():
            folder_desk.stores("known", "missed")
            session.append("Replies", mail("after"))
            folder_desk.stores("known", "missed", "after")


def test_looking_again_begins_a_day_early(folder_desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers compare days in their own zone, which may be behind ours: the search begins a day before."""
    asked: list[date] = []
    since: Callable[[Any, date], list[int]] = ImapMailbox.uids_since
    monkeypatch.setattr(ImapMailbox, "uids_since", lambda self, day: asked.append(day) or since(self, day))
    with folder_desk.reading():
        folder_desk.started()
    with folder_desk.serving.store.write() as tx:
        cursor = tx.session.exec(select(Cursor)).one()
        cursor.uidvalidity += 1
        first_run = cursor.started_at
    with folder_desk.reading():
        eventually(lambda: asked)
    assert set(asked) == {first_run.date() - timedelta(days=1)}


def test_one_of_two_reads_and_the_other_takes_over(desk: Desk) -> None:
    """A mailbox has one reader at a time; when it ends, the next one goes on at once."""
    with desk.reading("two"):
        desk.started()
        with desk.reading("three"):
            deliver(desk, "for two")
            desk.stores("for two")
            assert desk.opened == 1
    with desk.reading("four"):
        deliver(desk, "for four")
        desk.stores("for two", "for four")
    assert desk.opened == 2


def test_a_reader_that_lost_its_lease_stops_writing(desk: Desk) -> None:
    """A reader that was presumed dead notices before it stores anything, and begins anew."""
    with capture_logs() as logs, desk.reading():
        desk.started()
        with desk.serving.store.write() as tx:
            tx.session.exec(select(Lease)).one().epoch += 1
        deliver(desk, "late")
        desk.stores("late")
    assert [e["lease"] for e in logs if e["event"] == "lease_lost"] == ["inbox"]


def test_a_mail_that_cannot_be_read_does_not_hold_up_the_others(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mail at which reading breaks off is tried again, ever later, then left in its place; the next one is read."""
    fetch: Callable[[Any, Any], Any] = ImapMailbox.fetch
    monkeypatch.setattr("mailgate.service.fetch.FIRST_PAUSE_SECONDS", 0.01)

    def failing(self: ImapMailbox, uids: list[int]) -> Any:
        for mail in fetch(self, uids):
            if b"Subject: broken" in mail.raw:
                raise MailServerError("The server's answer makes no sense.")
            yield mail

    monkeypatch.setattr(ImapMailbox, "fetch", failing)
    with capture_logs() as logs, desk.reading():
        desk.started()
        for subject in ("broken", "whole"):
            deliver(desk, subject)
        desk.stores("whole")
        assert [b"Subject: broken" in raw for raw in desk.house.site.maildir(desk.house.gate)][:1] == [True]
    pauses = [e["again_in"] for e in logs if e["event"] == "mailbox_unavailable"]
    assert pauses == [0.01, 0.02, 0.04]
    assert [e["uid"] for e in logs if e["event"] == "mail_unreadable"] == [1]


def test_a_mail_without_a_date_came_when_it_was_read(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the server does not say when a mail came, it counts from when it was read, and that is said."""
    fetch: Callable[[Any, Any], Any] = ImapMailbox.fetch
    monkeypatch.setattr(
        ImapMailbox, "fetch", lambda self, uids: (replace(m, received_at=None) for m in fetch(self, uids))
    )
    with capture_logs() as logs, desk.reading():
        desk.started()
        deliver(desk, "undated")
        desk.stores("undated")
    with desk.serving.store.read() as tx:
        row = tx.session.exec(select(Incoming)).one()
    assert row.received_at == row.fetched_at
    assert "arrival_unknown" in [e["event"] for e in logs]


def test_a_server_that_lets_us_move_nothing_is_read_all_the_same(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Moving is a courtesy: where it fails, the next mails are read over the same connection."""

    def refuse(*_: object) -> None:
        raise MailServerError("You may not make folders here.")

    monkeypatch.setattr(ImapMailbox, "move", refuse)
    with capture_logs() as logs, desk.reading():
        desk.started()
        for subject in ("first", "second"):
            deliver(desk, subject)
        desk.stores("first", "second")
        assert desk.opened == 1
    assert "not_moved" in [e["event"] for e in logs]
