"""The sending adapter against real servers: connections are reused and checked, and what a refusal means is told apart."""

from __future__ import annotations

import asyncio
import socketserver
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mailgate.config import SmtpSettings
from mailgate.errors import MailRefused, MailServerError
from mailgate.mail.smtp import MOST_SHOWN, SmtpSender
from tests.e2e.proxy import Proxy
from tests.site import MailSite
from tests.site.authority import Authority
from tests.site.ports import LOOPBACK

US = "approvals@gate.test"


def mail(subject: str, body: str = "Hello.\r\n") -> bytes:
    """Write a short message as it goes over the wire."""
    return f"From: {US}\r\nSubject: {subject}\r\nMessage-ID: <{subject}@gate.test>\r\n\r\n{body}".encode()


def sender_for(
    site: MailSite, *, tls: str = "starttls", ca_file: Path | None = None, password: str = "", **changes: Any
) -> SmtpSender:
    """Return a sender that logs in as ourselves."""
    login = site.smtp_of(US, "implicit" if tls == "implicit" else "starttls")
    values: dict[str, Any] = {
        "host": login.host,
        "port": login.port,
        "tls": tls,
        "username": login.username,
        "timeout": timedelta(seconds=10),
    }
    return SmtpSender(SmtpSettings(**(values | changes)), password or login.password, ca_file or login.ca_file)


def plain_sender(port: int, **changes: Any) -> SmtpSender:
    """Return a sender without login or TLS, as for a relay on this machine."""
    values: dict[str, Any] = {"host": LOOPBACK, "port": port, "tls": "none", "timeout": timedelta(seconds=10)}
    return SmtpSender(SmtpSettings(**(values | changes)), "", None)


def run(sender: SmtpSender, work: Callable[[SmtpSender], Awaitable[Any]]) -> Any:
    """Let a sender work in an event loop of its own, and close it."""

    async def whole() -> Any:
        try:
            return await work(sender)
        finally:
            await sender.close()

    return asyncio.run(whole())


def send(sender: SmtpSender, to: str, raw: bytes) -> Any:
    """Send one mail."""
    return run(sender, lambda s: s.send(US, to, raw))


class _Script(socketserver.StreamRequestHandler):
    server: ScriptedServer

    def handle(self) -> None:
        self.wfile.write(self.server.greeting)
        for line in self.rfile:
            command = line.decode("utf-8", "replace").strip()
            self.server.heard.append(command)
            verb = command.split(" ")[0].upper()
            self.wfile.write(self.server.answers.get(verb, b"250 fine\r\n"))
            if verb == "QUIT":
                return


class ScriptedServer(socketserver.ThreadingTCPServer):
    """A mail server that gives prepared answers, for those that a real one gives only when it is ill."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, greeting: bytes, answers: dict[str, bytes]) -> None:
        super().__init__((LOOPBACK, 0), _Script)
        self.greeting, self.answers = greeting, answers
        self.heard: list[str] = []

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])


@contextmanager
def scripted(greeting: bytes = b"220 hello\r\n", **answers: bytes) -> Iterator[ScriptedServer]:
    """Run a scripted server: ``RCPT=b"451 …"`` gives the answer to a command, everything else is fine."""
    with ScriptedServer(greeting, answers) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_bytes_arrive_unchanged_under_both_kinds_of_tls(mail_site: MailSite, tls: str) -> None:
    """What is handed in is what lies in the mailbox, dots at line starts included; the server's answer is returned."""
    box, raw = mail_site.fresh_user(), mail(tls, ".\r\n..\r\n.hidden\r\nFrom here\r\n" + "x" * 900 + "\r\n")
    answer = send(sender_for(mail_site, tls=tls), box, raw)
    assert "queued as" in answer
    assert mail_site.wait_for_mail(box).endswith(raw)


def test_one_connection_serves_many_mails(mail_site: MailSite) -> None:
    """A connection stays open between mails and is used again."""
    box = mail_site.fresh_user()
    with Proxy(mail_site.smtp.port) as proxy:

        async def three(sender: SmtpSender) -> None:
            for number in range(3):
                await sender.send(US, box, mail(f"reuse-{number}"))

        run(sender_for(mail_site, port=proxy.port), three)
        assert proxy.connections == 1
    mail_site.wait_for_mail(box, lambda raw: b"reuse-2" in raw)


def test_connections_are_bounded(mail_site: MailSite) -> None:
    """However many mails are sent at a time, no more connections are open than configured."""
    box = mail_site.fresh_user()
    with Proxy(mail_site.smtp.port) as proxy:

        async def many(sender: SmtpSender) -> None:
            await asyncio.gather(*(sender.send(US, box, mail(f"many-{n}")) for n in range(8)))

        run(sender_for(mail_site, port=proxy.port, connections=2), many)
        assert proxy.connections == 2


def test_an_unknown_recipient_is_refused_for_good(mail_site: MailSite) -> None:
    """A 5xx to the recipient is final and carries its code; the next mail goes out all the same."""
    box = mail_site.fresh_user()

    async def both(sender: SmtpSender) -> MailRefused:
        with pytest.raises(MailRefused, match="answered 550 ") as refused:
            await sender.send(US, "nobody@approvers.test", mail("refused"))
        await sender.send(US, box, mail("after"))
        return refused.value

    error = run(sender_for(mail_site), both)
    assert (error.code, error.retryable) == (550, False)
    mail_site.wait_for_mail(box)


@pytest.mark.parametrize("command", ["MAIL", "RCPT", "DATA"])
def test_a_4xx_is_to_be_tried_again(command: str) -> None:
    """Whatever step a server puts off, the mail is not refused."""
    with scripted(**{command: b"451 4.7.1 greylisted, come back later\r\n"}) as server:
        with pytest.raises(MailServerError, match="answered 451 ") as later:
            send(plain_sender(server.port), "bob@approvers.test", mail("later"))
        assert not isinstance(later.value, MailRefused)
        assert later.value.retryable


@pytest.mark.parametrize("command", ["RCPT", "DATA"])
def test_a_5xx_to_recipient_or_content_is_final(command: str) -> None:
    """A server that refuses this recipient or this content will refuse it tomorrow, too."""
    with scripted(**{command: b"554 5.7.1 not here\r\n"}) as server, pytest.raises(MailRefused) as refused:
        send(plain_sender(server.port), "bob@approvers.test", mail("final"))
    assert refused.value.code == 554


def test_an_answer_that_is_no_ascii_can_be_stored() -> None:
    """A server's words in another charset, or for a terminal, become one printable line: they go into the database."""
    answer = b"550-5.1.1 Empf\xe4nger\x1b[2J\r\n550 5.1.1 unbekannt\xe2\x80\xae" + b"x" * 400 + b"\r\n"
    with scripted(RCPT=answer) as server, pytest.raises(MailRefused) as refused:
        send(plain_sender(server.port), "bob@approvers.test", mail("umlaut"))
    said = refused.value.message
    assert said.startswith(r"The mail server answered 550 5.1.1 Empf\udce4nger [2J 5.1.1 unbekannt")
    assert said.isascii()
    assert said.isprintable()
    assert len(said) <= MOST_SHOWN + len("The mail server answered 550 .")


def test_the_answer_to_a_mail_is_plain(mail_site: MailSite) -> None:
    """Also what a server says that took a mail is one printable line: it is logged."""
    with scripted(DATA=b"354 go\r\n", **{"X": b"", ".": b"250 f\xfcr sp\xe4ter\r\n"}) as server:
        assert send(plain_sender(server.port), "bob@approvers.test", b"x\r\n") == r"f\udcfcr sp\udce4ter"


def test_a_host_that_is_no_name() -> None:
    """A host that no name service takes is a server that cannot be used, with what to check."""
    with pytest.raises(MailServerError, match=r"a\.\.b:1 cannot be used now") as later:
        send(plain_sender(1, host="a..b"), "bob@approvers.test", mail("nobody"))
    assert "[smtp] host" in later.value.hint


def test_a_mail_too_large_for_the_server_is_final() -> None:
    """A 552 to the sender's command speaks of this mail's size."""
    with scripted(MAIL=b"552 5.3.4 message too big\r\n") as server, pytest.raises(MailRefused):
        send(plain_sender(server.port), "bob@approvers.test", mail("large"))


def test_a_refused_login_says_nothing_about_the_recipient(mail_site: MailSite) -> None:
    """With a wrong password no mail is lost: the operator can correct it, and it is tried again."""
    with pytest.raises(MailServerError, match=r"535 .*username and password") as later:
        send(sender_for(mail_site, password="wrong"), "bob@approvers.test", mail("login"))
    assert not isinstance(later.value, MailRefused)


def test_a_sender_refused_says_nothing_about_the_recipient() -> None:
    """An account that may not send as the configured address is a mistake to correct, not a lost recipient."""
    with scripted(MAIL=b"553 5.7.1 not your address\r\n") as server:
        with pytest.raises(MailServerError, match=r"553 .*may send as the address in \[smtp\] from") as later:
            send(plain_sender(server.port), "bob@approvers.test", mail("sender"))
        assert not isinstance(later.value, MailRefused)


def test_a_server_that_greets_with_a_refusal_is_tried_again() -> None:
    """A 554 instead of a greeting is about us or the server, not about a mail (RFC 5321 section 3.1)."""
    with scripted(greeting=b"554 no service today\r\n") as server, pytest.raises(MailServerError) as later:
        send(plain_sender(server.port), "bob@approvers.test", mail("greeting"))
    assert not isinstance(later.value, MailRefused)


def test_passwords_cannot_be_checked_for_a_while(own_mail_site: MailSite) -> None:
    """While Dovecot, which knows the passwords, is down, nothing is refused; afterwards the mail goes out."""
    own_mail_site.dovecot.kill()
    with pytest.raises(MailServerError) as later:
        send(sender_for(own_mail_site), "bob@approvers.test", mail("meanwhile"))
    assert not isinstance(later.value, MailRefused)
    own_mail_site.dovecot.start()
    send(sender_for(own_mail_site), "bob@approvers.test", mail("afterwards"))
    own_mail_site.wait_for_mail("bob@approvers.test")


def test_nobody_listens() -> None:
    """A server that is not there is tried again, and the sentence names it."""
    with pytest.raises(MailServerError, match=r"127\.0\.0\.1:1 cannot be used now"):
        send(plain_sender(1), "bob@approvers.test", mail("nobody"))


def test_starttls_is_demanded(mail_site: MailSite) -> None:
    """A server (or somebody in between) that offers no STARTTLS gets neither login nor mail."""
    with scripted(EHLO=b"250-hello\r\n250 AUTH PLAIN LOGIN\r\n") as server, pytest.raises(MailServerError):
        send(sender_for(mail_site, host="localhost", port=server.port), "bob@approvers.test", mail("stripped"))
    assert not [c for c in server.heard if c.split(" ")[0] in ("AUTH", "MAIL", "RCPT", "DATA")]


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_another_authority_is_not_trusted(mail_site: MailSite, tmp_path: Path, tls: str) -> None:
    """A certificate that our authority did not sign ends the conversation before the login."""
    other = Authority(tmp_path).ca_file
    with pytest.raises(MailServerError, match="certificate"):
        send(sender_for(mail_site, tls=tls, ca_file=other), mail_site.fresh_user(), mail("untrusted"))


def test_a_certificate_for_another_host_is_not_trusted(mail_site: MailSite) -> None:
    """The certificate must name the configured host."""
    with pytest.raises(MailServerError, match="certificate"):
        send(sender_for(mail_site, host=LOOPBACK), mail_site.fresh_user(), mail("misnamed"))


def test_a_restarted_server_costs_no_mail(own_mail_site: MailSite) -> None:
    """A connection that died while idle is not used: the next mail opens a new one."""

    async def across(sender: SmtpSender) -> None:
        await sender.send(US, "bob@approvers.test", mail("before"))
        await asyncio.to_thread(own_mail_site.postfix.kill)
        with pytest.raises(MailServerError):
            await sender.send(US, "bob@approvers.test", mail("down"))
        await asyncio.to_thread(own_mail_site.postfix.start)
        await sender.send(US, "bob@approvers.test", mail("after"))

    run(sender_for(own_mail_site), across)
    own_mail_site.wait_for_mail("bob@approvers.test", lambda raw: b"Subject: after" in raw)


def test_a_silent_network_ends_in_an_error(mail_site: MailSite) -> None:
    """A connection that falls silent is given up after the timeout; the next mail goes over a new one."""
    box = mail_site.fresh_user()
    with Proxy(mail_site.smtp.port) as proxy:

        async def across(sender: SmtpSender) -> None:
            await sender.send(US, box, mail("before"))
            proxy.freeze()
            with pytest.raises(MailServerError):
                await sender.send(US, box, mail("silent"))
            proxy.thaw()
            await sender.send(US, box, mail("after"))

        run(sender_for(mail_site, port=proxy.port, timeout=timedelta(seconds=0.5)), across)
        assert proxy.connections == 2
    mail_site.wait_for_mail(box, lambda raw: b"Subject: after" in raw)


def test_an_idle_connection_is_asked_whether_it_lives(mail_site: MailSite, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before a mail is trusted to a connection that was long unused, a NOOP finds out whether it still works."""
    monkeypatch.setattr("mailgate.mail.smtp.IDLE_SECONDS", 0.0)
    box = mail_site.fresh_user()
    with Proxy(mail_site.smtp.port) as proxy:

        async def across(sender: SmtpSender) -> None:
            await sender.send(US, box, mail("before"))
            proxy.freeze()
            asyncio.get_running_loop().call_later(0.7, proxy.thaw)
            await sender.send(US, box, mail("after"))

        run(sender_for(mail_site, port=proxy.port, timeout=timedelta(seconds=0.5)), across)
        assert proxy.connections == 2
    mail_site.wait_for_mail(box, lambda raw: b"Subject: after" in raw)


def test_cut_after_the_server_took_it(mail_site: MailSite) -> None:
    """If the answer to the whole mail is lost, it counts as not sent; sent again, both copies are the same bytes."""
    box, raw = mail_site.fresh_user(), mail("twice")
    with Proxy(mail_site.ports["mx"]) as proxy:

        async def again(sender: SmtpSender) -> None:
            proxy.cut_at = b"queued as"
            with pytest.raises(MailServerError):
                await sender.send(US, box, raw)
            proxy.cut_at = b""
            await sender.send(US, box, raw)

        run(plain_sender(proxy.port), again)
    mail_site.wait_for_mail(box, lambda _: len(mail_site.maildir(box)) == 2)
    assert all(copy.endswith(raw) for copy in mail_site.maildir(box))


def test_the_empty_envelope_sender(mail_site: MailSite) -> None:
    """Mail that must never be answered by a machine leaves with the empty envelope sender."""
    box = mail_site.fresh_user()
    run(sender_for(mail_site), lambda s: s.send("", box, mail("null")))
    assert b"Return-Path: <>" in mail_site.wait_for_mail(box)


def test_check_goes_as_far_as_it_can_without_a_mail(mail_site: MailSite) -> None:
    """The check for `mailgate doctor` finds a wrong password, and an account that may not send as our address."""
    box = mail_site.fresh_user("box", "gate.test")
    may, must_not = {"from": box, "username": box}, {"from": box}
    run(sender_for(mail_site, password="fresh-pw", **may), lambda s: s.check())
    with pytest.raises(MailServerError, match="535 "):
        run(sender_for(mail_site, password="wrong", **may), lambda s: s.check())
    with pytest.raises(MailServerError, match="553 "):
        run(sender_for(mail_site, **must_not), lambda s: s.check())
    assert mail_site.maildir(box) == []


def test_close_leaves_no_socket_behind(mail_site: MailSite) -> None:
    """A process that ends its loop after `close` has no TLS connection left that still waits for a farewell."""

    async def files_after_close() -> list[int]:
        sender = sender_for(mail_site)
        await sender.send(US, "bob@approvers.test", mail("leaving"))
        (client, _), *_ = sender._idle
        assert client.transport is not None
        socket = client.transport.get_extra_info("socket")
        await sender.close()
        await asyncio.sleep(0)
        return [socket.fileno()]

    assert asyncio.run(files_after_close()) == [-1]
