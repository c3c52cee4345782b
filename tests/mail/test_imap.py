"""The reading adapter against a real Dovecot: nothing is marked read, dead connections are noticed, news is pushed."""

from __future__ import annotations

import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from imapclient import IMAPClient

from mailgate.config import ImapSettings
from mailgate.errors import LeaseLost, MailServerError, StoreUnavailable
from mailgate.mail.imap import ImapMailbox
from tests.e2e.proxy import Proxy
from tests.site import MailSite
from tests.site.authority import Authority
from tests.site.ports import LOOPBACK

ALICE = "alice@approvers.test"


def mail(subject: str) -> bytes:
    """Write a short message as it goes over the wire."""
    return f"From: {ALICE}\r\nSubject: {subject}\r\n\r\n{subject}\r\n".encode()


def mailbox_for(
    site: MailSite, user: str, *, tls: str = "implicit", ca_file: Path | None = None, password: str = "", **changes: Any
) -> ImapMailbox:
    """Return the adapter for a user's mailbox."""
    login = site.imap_of(user, "implicit" if tls == "implicit" else "starttls")
    values: dict[str, Any] = {
        "host": login.host,
        "port": login.port,
        "tls": tls,
        "username": login.username,
        "timeout": timedelta(seconds=10),
    }
    return ImapMailbox(ImapSettings(**(values | changes)), password or login.password, ca_file or login.ca_file)


@contextmanager
def client(site: MailSite, user: str, folder: str = "INBOX") -> Iterator[IMAPClient]:
    """Look into a mailbox as another mail program would."""
    login = site.imap_of(user)
    with IMAPClient(login.host, login.port, ssl_context=login.tls_context()) as session:
        session.login(login.username, login.password)
        session.select_folder(folder)
        yield session


def delivered(site: MailSite, subject: str, user: str = "") -> str:
    """Deliver a message to a fresh user, or to ``user``; return the address."""
    user = user or site.fresh_user()
    site.submit(ALICE, user, mail(subject))
    site.wait_for_mail(user, lambda raw: f"Subject: {subject}".encode() in raw)
    return user


def never() -> bool:
    """Want nothing."""
    return False


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_bytes_and_time_come_as_the_server_has_them(mail_site: MailSite, tls: str) -> None:
    """A mail is read with its exact bytes, its UID, and the instant of its arrival, under both kinds of TLS."""
    before = datetime.now(UTC).replace(microsecond=0)
    user = delivered(mail_site, f"exact-{tls}")
    with mailbox_for(mail_site, user, tls=tls) as mailbox:
        [found] = mailbox.fetch(mailbox.uids_after(0))
    assert (found.uid, found.raw) == (1, mail_site.maildir(user)[0])
    assert found.received_at.utcoffset() == timedelta(0)
    assert before <= found.received_at <= datetime.now(UTC)


def test_an_hour_that_comes_twice_is_told_apart(mail_site: MailSite, monkeypatch: pytest.MonkeyPatch) -> None:
    """When clocks are set back, two arrivals an hour apart are read as an hour apart, wherever this machine stands."""
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        user, first = mail_site.fresh_user(), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
        with client(mail_site, user) as session:
            for at in (first, first + timedelta(hours=1)):
                session.append("INBOX", mail("twice"), msg_time=at)
        with mailbox_for(mail_site, user) as mailbox:
            times = [m.received_at for m in mailbox.fetch(mailbox.uids_after(0))]
    finally:
        monkeypatch.undo()
        time.tzset()
    assert times == [first, first + timedelta(hours=1)]


def test_reading_marks_nothing_read(mail_site: MailSite) -> None:
    """A person who looks at the same mailbox still finds every mail unread."""
    user = delivered(mail_site, "unread")
    with mailbox_for(mail_site, user) as mailbox:
        assert len(list(mailbox.fetch(mailbox.uids_after(0)))) == 1
    with client(mail_site, user) as session:
        assert b"\\Seen" not in session.get_flags([1])[1]


def test_only_newer_mails_are_named(mail_site: MailSite) -> None:
    """UIDs at or below the given one are left out, though "n:*" always names the last mail."""
    user = delivered(mail_site, "one")
    delivered(mail_site, "two", user)
    with mailbox_for(mail_site, user) as mailbox:
        assert [mailbox.uids_after(n) for n in (0, 1, 2, 99)] == [[1, 2], [2], [], []]


def test_mails_since_a_day(mail_site: MailSite) -> None:
    """Mails of a day and later are found, for looking again after a renumbering."""
    user = mail_site.fresh_user()
    with client(mail_site, user) as session:
        for day in (1, 2, 3):
            session.append("INBOX", mail("dated"), msg_time=datetime(2026, 11, day, 12, tzinfo=UTC))
    with mailbox_for(mail_site, user) as mailbox:
        assert mailbox.uids_since(date(2026, 11, 2)) == [2, 3]


def test_a_mail_that_is_gone_is_passed_over(mail_site: MailSite) -> None:
    """A mail that a person deletes between being found and being fetched is no error."""
    user = delivered(mail_site, "kept")
    with mailbox_for(mail_site, user) as mailbox:
        assert [m.uid for m in mailbox.fetch([99, 1])] == [1]


def test_news_is_pushed(mail_site: MailSite) -> None:
    """While we wait the server says by itself that a mail came."""
    user = mail_site.fresh_user()
    with mailbox_for(mail_site, user) as mailbox:
        assert mailbox.can_idle()
        sending = threading.Thread(target=delivered, args=(mail_site, "pushed", user))
        sending.start()
        assert mailbox.wait(30, never)
        sending.join()
        assert mailbox.uids_after(0) == [1]


def test_news_of_the_last_moment_is_not_missed(mail_site: MailSite) -> None:
    """What arrives between two waits is seen by the look between them."""
    user = mail_site.fresh_user()
    with mailbox_for(mail_site, user) as mailbox:
        assert not mailbox.wait(0.01, never)
        delivered(mail_site, "between", user)
        mailbox.noop()
        assert mailbox.uids_after(0) == [1]


class _Hasty(socketserver.StreamRequestHandler):
    """An IMAP server that says everything that follows from a command in one breath with its answer."""

    def handle(self) -> None:
        self.wfile.write(b"* OK [CAPABILITY IMAP4rev1 IDLE] hello\r\n")
        idling = b""
        for line in self.rfile:
            tag, _, rest = line.strip().partition(b" ")
            verb = rest.split(b" ")[0].upper()
            if verb == b"IDLE":
                idling = tag
                self.wfile.write(b"+ idling\r\n" + self.server.breath)  # type: ignore[attr-defined]
                continue
            answers = {
                b"SELECT": b"* 1 EXISTS\r\n* OK [UIDVALIDITY 1] ok\r\n* OK [UIDNEXT 2] ok\r\n",
                b"CAPABILITY": b"* CAPABILITY IMAP4rev1 IDLE\r\n",
            }
            tag = idling if tag == b"DONE" else tag
            self.wfile.write(answers.get(verb, b"") + tag + b" OK done\r\n")


@contextmanager
def hasty(breath: bytes) -> Iterator[ImapMailbox]:
    """Open a mailbox on a server that says ``breath`` together with its answer to IDLE."""
    with socketserver.ThreadingTCPServer((LOOPBACK, 0), _Hasty) as server:
        server.daemon_threads = True
        server.breath = breath  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        settings = ImapSettings(host=LOOPBACK, port=int(server.server_address[1]), tls="none")
        try:
            with ImapMailbox(settings, "", None) as mailbox:
                yield mailbox
        finally:
            server.shutdown()
            thread.join()


def test_news_in_one_breath_with_the_answer_to_idle() -> None:
    """What comes with the answer to IDLE lies in a buffer that poll(2) does not see; it is news all the same."""
    with hasty(b"* 2 EXISTS\r\n") as mailbox:
        assert mailbox.wait(3, never)


def test_chatter_in_one_breath_is_no_news() -> None:
    """Other words with the answer to IDLE end no wait."""
    with hasty(b"* OK Still here\r\n* 1 FETCH (FLAGS (\\Seen))\r\n") as mailbox:
        assert not mailbox.wait(0.01, never)


def test_a_goodbye_in_one_breath_is_noticed() -> None:
    """A server that gives up at once is not waited for."""
    with pytest.raises(MailServerError, match="goodbye"), hasty(b"* BYE too many of you\r\n") as mailbox:
        mailbox.wait(60, never)


class _Odd(socketserver.StreamRequestHandler):
    """An IMAP server that gives prepared answers, ``UID FETCH`` and ``UID SEARCH`` among them."""

    def handle(self) -> None:
        self.wfile.write(b"* OK [CAPABILITY IMAP4rev1] hello\r\n")
        for line in self.rfile:
            tag, _, command = line.strip().partition(b" ")
            answers = self.server.answers.items()  # type: ignore[attr-defined]
            said = next((a for start, a in answers if command.startswith(start)), b"")
            self.wfile.write(said + tag + b" OK done\r\n")


@contextmanager
def odd(select: bytes = b"* OK [UIDNEXT 1] ok\r\n", **answers: bytes) -> Iterator[ImapMailbox]:
    """Open a mailbox on a server with these answers to SELECT, ``FETCH`` and ``SEARCH``."""
    with socketserver.ThreadingTCPServer((LOOPBACK, 0), _Odd) as server:
        server.daemon_threads = True
        server.answers = {  # type: ignore[attr-defined]
            b"CAPABILITY": b"* CAPABILITY IMAP4rev1\r\n",
            b"SELECT": b"* OK [UIDVALIDITY 1] ok\r\n" + select,
        } | {f"UID {verb}".encode(): said for verb, said in answers.items()}
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        settings = ImapSettings(host=LOOPBACK, port=int(server.server_address[1]), tls="none")
        try:
            with ImapMailbox(settings, "", None) as mailbox:
                yield mailbox
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("date", [b"", b" INTERNALDATE NIL", b' INTERNALDATE "31-Dec-9999 23:59:59 -1400"'])
def test_a_mail_without_a_usable_date_is_read(date: bytes) -> None:
    """A server that does not say when a mail came, or says nonsense, has its mail read all the same."""
    with odd(FETCH=b"* 1 FETCH (UID 7 BODY[] {5}\r\nhello" + date + b")\r\n") as mailbox:
        [found] = mailbox.fetch([7])
    assert (found.raw, found.received_at) == (b"hello", None)


@pytest.mark.parametrize("body", [b"NIL", b"5", b"(1 2)"])
def test_a_body_that_is_no_text_is_passed_over(body: bytes) -> None:
    """A server that has no bytes for a mail has none; a number is not read as so many NULs."""
    with odd(FETCH=b"* 1 FETCH (UID 7 BODY[] " + body + b")\r\n") as mailbox:
        assert list(mailbox.fetch([7])) == []


@pytest.mark.parametrize(("there", "following"), [(b"* SEARCH 5 7 6\r\n", 8), (b"* SEARCH\r\n", 1)])
def test_a_server_that_keeps_its_next_number_to_itself(there: bytes, following: int) -> None:
    """Without UIDNEXT the largest UID says where new mail begins: an old mailbox must not be answered."""
    with odd(b"", SEARCH=there) as mailbox:
        assert mailbox.uidnext == following


@pytest.mark.parametrize("command", ["fetch", "move", "noop"])
def test_news_announced_with_another_command_is_not_missed(mail_site: MailSite, command: str) -> None:
    """A server announces each arrival once, with whatever command comes next: the wait after that ends at once."""
    user = delivered(mail_site, "first")
    with mailbox_for(mail_site, user) as mailbox:
        assert mailbox.uids_after(0) == [1]
        delivered(mail_site, "second", user)
        {
            "fetch": lambda: list(mailbox.fetch([1])),
            "move": lambda: mailbox.move([1], "Mailgate/Processed"),
            "noop": mailbox.noop,
        }[command]()
        assert mailbox.wait(3, never)
        assert mailbox.uids_after(1) == [2]
        assert not all(mailbox.wait(0.01, never) for _ in range(5))


def test_waiting_ends_when_something_else_is_wanted(mail_site: MailSite) -> None:
    """A wait is cut short by what it asks every second, and the connection is good for more."""
    with mailbox_for(mail_site, mail_site.fresh_user()) as mailbox:
        assert not mailbox.wait(300, lambda: True)
        assert mailbox.uids_after(0) == []


@pytest.mark.parametrize("error", [LeaseLost("lost"), StoreUnavailable("locked")])
def test_errors_of_others_stay_what_they_are(mail_site: MailSite, error: Exception) -> None:
    """A lost lease or database that is noticed while waiting is not taken for a broken mailbox."""

    def failing() -> bool:
        raise error

    with (
        pytest.raises(type(error), match=str(error)),
        mailbox_for(mail_site, mail_site.fresh_user()) as mailbox,
    ):
        mailbox.wait(300, failing)


def test_a_killed_server_is_noticed_while_waiting(own_mail_site: MailSite) -> None:
    """A connection that ends while we wait is an error, not silence for ever."""
    killing = threading.Timer(0.3, own_mail_site.dovecot.kill)
    with pytest.raises(MailServerError), mailbox_for(own_mail_site, ALICE) as mailbox:
        killing.start()
        mailbox.wait(60, never)
    killing.join()
    with pytest.raises(MailServerError), mailbox_for(own_mail_site, ALICE):
        pass
    own_mail_site.dovecot.start()
    with mailbox_for(own_mail_site, ALICE) as mailbox:
        mailbox.noop()


def test_a_stopped_server_is_noticed_while_waiting(own_mail_site: MailSite) -> None:
    """A server that is shut down in order says goodbye, which ends the wait, too."""
    stopping = threading.Timer(0.3, own_mail_site.dovecot.stop)
    with pytest.raises(MailServerError), mailbox_for(own_mail_site, ALICE) as mailbox:
        stopping.start()
        mailbox.wait(60, never)
    stopping.join()


def test_a_killed_server_is_noticed_while_reading(own_mail_site: MailSite) -> None:
    """A connection that ended between two commands is an error at the next one."""
    with pytest.raises(MailServerError), mailbox_for(own_mail_site, ALICE) as mailbox:
        own_mail_site.dovecot.kill()
        mailbox.uids_after(0)


def test_a_silent_network_is_noticed(mail_site: MailSite) -> None:
    """Behind a network that passes nothing on, a wait ends with an error once its time is over."""
    user = mail_site.fresh_user()
    with Proxy(mail_site.imap.port) as proxy:
        mailbox = mailbox_for(mail_site, user, port=proxy.port, timeout=timedelta(seconds=0.5))
        with pytest.raises(MailServerError), mailbox:
            proxy.freeze()
            mailbox.wait(0.2, never)


def test_a_cut_line_is_noticed(mail_site: MailSite) -> None:
    """A connection that is cut while we wait is an error."""
    user = mail_site.fresh_user()
    with Proxy(mail_site.imap.port) as proxy:
        cutting = threading.Timer(0.2, proxy.cut)
        with pytest.raises(MailServerError), mailbox_for(mail_site, user, port=proxy.port) as mailbox:
            cutting.start()
            mailbox.wait(60, never)
        cutting.join()


def test_moving_makes_the_folder(mail_site: MailSite) -> None:
    """Mails are moved into a folder named with the server's own delimiter, which is made once; others stay."""
    user = delivered(mail_site, "first")
    for subject in ("second", "third"):
        delivered(mail_site, subject, user)
    with mailbox_for(mail_site, user) as mailbox:
        mailbox.move([1], "Mailgate/Processed")
        mailbox.move([3], "Mailgate/Processed")
        assert mailbox.uids_after(0) == [2]
    with client(mail_site, user) as session:
        [(_, delimiter, _)] = session.list_folders("", "INBOX")
        assert session.folder_exists(f"Mailgate{delimiter.decode()}Processed")
    moved = mail_site.maildir(user, "Mailgate/Processed")
    assert [b"Subject: first" in raw for raw in moved] == [True, False]
    assert b"Subject: third" in moved[1]


@pytest.mark.parametrize("prefix", ["INBOX.", ""])
def test_moving_within_the_personal_namespace(
    mail_site: MailSite, monkeypatch: pytest.MonkeyPatch, prefix: str
) -> None:
    """Where a server keeps all folders below INBOX, ours goes there, too (RFC 2342)."""
    user = delivered(mail_site, "below")
    asked: list[str] = []
    with mailbox_for(mail_site, user) as mailbox:
        namespace = type("Namespaces", (), {"personal": ((prefix, "."),)})()
        monkeypatch.setattr(IMAPClient, "namespace", lambda _: namespace)
        monkeypatch.setattr(IMAPClient, "folder_exists", lambda _, name: bool(asked.append(name)) or True)
        monkeypatch.setattr(IMAPClient, "move", lambda *_: None)
        mailbox.move([1], "Mailgate/Quarantine")
    assert asked == [f"{prefix}Mailgate.Quarantine"]


def test_moving_without_the_extension(mail_site: MailSite, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a server without MOVE a mail is copied and only that one expunged: what a person marked deleted stays."""
    user = delivered(mail_site, "person")
    delivered(mail_site, "ours", user)
    with client(mail_site, user) as session:
        session.add_flags([1], [b"\\Deleted"])
    has: Callable[[Any, str], bool] = IMAPClient.has_capability
    monkeypatch.setattr(IMAPClient, "has_capability", lambda self, name: name != "MOVE" and has(self, name))
    with mailbox_for(mail_site, user) as mailbox:
        mailbox.move([2], "Mailgate/Processed")
        assert mailbox.uids_after(0) == [1]
    assert [b"Subject: ours" in raw for raw in mail_site.maildir(user, "Mailgate/Processed")] == [True]


def test_what_the_folder_says_of_its_numbers(mail_site: MailSite) -> None:
    """UIDVALIDITY and UIDNEXT are those of selecting the folder; they say where a first run begins."""
    user = delivered(mail_site, "numbers")
    with client(mail_site, user) as session:
        seen = session.select_folder("INBOX")
    with mailbox_for(mail_site, user) as mailbox:
        assert (mailbox.uidvalidity, mailbox.uidnext) == (seen[b"UIDVALIDITY"], 2)


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_another_authority_is_not_trusted(mail_site: MailSite, tmp_path: Path, tls: str) -> None:
    """A certificate that our authority did not sign ends the conversation before the login."""
    other = Authority(tmp_path).ca_file
    mailbox = mailbox_for(mail_site, mail_site.fresh_user(), tls=tls, ca_file=other)
    with pytest.raises(MailServerError, match="certificate"), mailbox:
        pass


def test_a_certificate_for_another_host_is_not_trusted(mail_site: MailSite) -> None:
    """The certificate must name the configured host."""
    mailbox = mailbox_for(mail_site, mail_site.fresh_user(), host=LOOPBACK)
    with pytest.raises(MailServerError, match="certificate"), mailbox:
        pass


def test_a_wrong_password_is_said(mail_site: MailSite) -> None:
    """A refused login is said with the server's own words."""
    mailbox = mailbox_for(mail_site, ALICE, password="wrong")
    with pytest.raises(MailServerError, match=r"now: \[AUTHENTICATIONFAILED\] Authentication failed\.$"), mailbox:
        pass


def test_a_folder_that_is_not_there_is_said(mail_site: MailSite) -> None:
    """A folder that does not exist is named by the server's answer."""
    mailbox = mailbox_for(mail_site, mail_site.fresh_user(), folder="Nowhere")
    with pytest.raises(MailServerError, match="Nowhere"), mailbox:
        pass
