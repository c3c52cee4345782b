"""The sandbox over the wire: real mail clients' libraries against its SMTP and IMAP."""

from __future__ import annotations

import asyncio
import logging
import smtplib
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage

import aiosmtplib
import pytest
from imapclient import IMAPClient

from mailgate.errors import ConfigError, MailRefused, MailServerError
from mailgate.sandbox import Sandbox, StoredMail

ALICE, BOB, GATE, ARCHIVE = "alice@sandbox.test", "bob@sandbox.test", "approvals@sandbox.test", "archive@sandbox.test"
PATIENCE = 10
REQUEST = (
    f"From: Approvals <{GATE}>\r\nReply-To: approvals+k3j5@sandbox.test\r\nTo: Alice <{ALICE}>\r\n"
    "Subject: [issue_refund K7Q2] approval needed\r\nMessage-ID: <r1@gate.sandbox.test>\r\n\r\nRefund?\r\n"
).encode()


def mail(sender: str = ALICE, subject: str = "x", extra: str = "") -> bytes:
    """Return a small mail as it goes over the wire."""
    return f"From: {sender}\r\nTo: {GATE}\r\nSubject: {subject}\r\n{extra}\r\nHello.\r\n".encode()


def read(stored: StoredMail) -> EmailMessage:
    """Parse a stored mail."""
    message = message_from_bytes(stored.raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


@pytest.fixture
def site() -> Iterator[Sandbox]:
    """Run a sandbox of its own for one test (20 ms)."""
    with Sandbox() as running:
        yield running


@contextmanager
def smtp(site: Sandbox, login: str | None = ALICE) -> Iterator[smtplib.SMTP]:
    """Connect as a mail program does."""
    with smtplib.SMTP("127.0.0.1", site.smtp_port, local_hostname="pc", timeout=PATIENCE) as client:
        if login:
            client.login(login, site.passwords[login])
        yield client


@contextmanager
def imap(site: Sandbox, login: str = GATE) -> Iterator[IMAPClient]:
    """Open a mailbox as a mail program does."""
    with IMAPClient("127.0.0.1", site.imap_port, ssl=False, timeout=PATIENCE) as client:
        client.login(login, site.passwords[login])
        yield client


def arrived(site: Sandbox, address: str, *parts: bytes) -> StoredMail:
    """Wait for the mail that holds ``parts``."""
    return site.wait_for(address, lambda stored: all(p in stored.raw for p in parts), PATIENCE)


def results(stored: StoredMail) -> list[str]:
    """Return the Authentication-Results of a stored mail, topmost first."""
    return [str(v) for v in read(stored).get_all("Authentication-Results", [])]


def test_every_port_is_on_loopback_only(site: Sandbox) -> None:
    """Nothing listens on any address but 127.0.0.1, so that no other machine can reach the sandbox."""
    ports = (site.smtp_port, site.imap_port, int(site.inbox_url.rstrip("/").rpartition(":")[2]))
    for port in ports:
        for elsewhere in ("127.0.0.2", "::1"):
            family = socket.AF_INET6 if ":" in elsewhere else socket.AF_INET
            with socket.socket(family) as probe:
                assert probe.connect_ex((elsewhere, port)) != 0


def test_submission_needs_a_login(site: Sandbox) -> None:
    """Nobody hands mail in without a login."""
    with smtp(site, login=None) as client, pytest.raises(smtplib.SMTPSenderRefused) as refused:
        client.sendmail(ALICE, [GATE], mail())
    assert refused.value.smtp_code == 530


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_both_ways_to_log_in_work(site: Sandbox, mechanism: str) -> None:
    """AUTH PLAIN and AUTH LOGIN take the right password and refuse a wrong one at once."""
    with smtp(site, login=None) as client:
        client.ehlo()
        client.user, client.password = ALICE, "wrong"
        attempt = client.auth_plain if mechanism == "PLAIN" else client.auth_login
        with pytest.raises(smtplib.SMTPAuthenticationError) as refused:
            client.auth(mechanism, attempt)
        assert refused.value.smtp_code == 535
        client.password = site.passwords[ALICE]
        assert client.auth(mechanism, attempt)[0] == 235


def test_asynchronous_client_can_submit(site: Sandbox) -> None:
    """The library that mailgate sends with can hand mail in."""
    sent = aiosmtplib.send(
        mail(GATE),
        sender=GATE,
        recipients=[ALICE],
        hostname="127.0.0.1",
        port=site.smtp_port,
        username=GATE,
        password=site.passwords[GATE],
        start_tls=False,
    )
    assert asyncio.run(sent)[0] == {}
    assert arrived(site, ALICE, b"Hello.").raw.endswith(mail(GATE))


def test_unknown_recipients_are_refused(site: Sandbox) -> None:
    """An address that nobody here has gets 550 at RCPT, and the others still get the mail."""
    with smtp(site) as client:
        refused = client.sendmail(ALICE, [GATE, "nobody@sandbox.test", "alice@elsewhere.test"], mail())
    assert {a: code for a, (code, _) in refused.items()} == {"nobody@sandbox.test": 550, "alice@elsewhere.test": 550}
    assert arrived(site, GATE, b"Hello.")


def test_plus_address_lands_in_the_mailbox_and_is_kept(site: Sandbox) -> None:
    """Mail to box+detail lies in box, once for each address, and Delivered-To tells the detail."""
    with smtp(site) as client:
        client.sendmail(ALICE, ["approvals+k3j5@sandbox.test", "Approvals+Q7@sandbox.test", ARCHIVE, ARCHIVE], mail())
    assert {"approvals+k3j5@sandbox.test", "Approvals+Q7@sandbox.test"} == {
        read(m)["Delivered-To"] for m in site.messages(GATE)
    }
    assert len(site.messages(ARCHIVE)) == 1


def test_imap_hands_out_the_stored_bytes(site: Sandbox) -> None:
    """What IMAP fetches is what was submitted, below the trace fields, and fetching by PEEK leaves it unread."""
    site.send(ALICE, mail(extra="X-Odd: a\r\n\tb\r\n") + b"\xff\xfe\r\n.dot\r\n", GATE)
    stored = arrived(site, GATE, b"X-Odd")
    with imap(site) as client:
        client.select_folder("INBOX")
        (uid,) = client.search("UNSEEN")
        assert client.fetch([uid], ["BODY.PEEK[]"])[uid][b"BODY[]"] == stored.raw
        assert client.search("UNSEEN") == [uid]
    assert stored.raw.endswith(mail(extra="X-Odd: a\r\n\tb\r\n") + b"\xff\xfe\r\n.dot\r\n")
    assert (stored.unread, stored.folder) == (True, "INBOX")
    assert abs((datetime.now(UTC) - stored.arrived_at).total_seconds()) < 60


def test_lines_that_end_wrongly_are_made_whole(site: Sandbox) -> None:
    """A bare LF becomes a line end and a bare CR a blank, so that nobody hides a header from one reader only."""
    with smtp(site) as client:
        client.sendmail(ALICE, [GATE], b"From: alice@sandbox.test\nSubject: a\rFrom: bob@sandbox.test\r\n\r\nx\ny\r\n")
    assert arrived(site, GATE, b"Subject").raw.endswith(
        b"\r\nFrom: alice@sandbox.test\r\nSubject: a From: bob@sandbox.test\r\n\r\nx\r\ny\r\n"
    )


def test_idle_tells_of_new_mail_in_whole_lines(site: Sandbox) -> None:
    """A client that waits in IDLE hears of each mail, and can go on with the session after many of them."""
    with imap(site) as client:
        client.select_folder("INBOX")
        for number in range(1, 21):
            client.idle()
            site.send(ALICE, mail(subject=f"mail {number}"), GATE)
            pushed = client.idle_check(timeout=PATIENCE)
            _, rest = client.idle_done()
            assert (number, b"EXISTS") in [*pushed, *rest]
        assert len(client.search()) == 20


def test_idle_push_wakes_several_clients(site: Sandbox) -> None:
    """Two clients on one mailbox both hear of a mail."""
    with imap(site) as one, imap(site) as two:
        for client in (one, two):
            client.select_folder("INBOX")
            client.idle()
        site.send(ALICE, mail(), GATE)
        for client in (one, two):
            assert (1, b"EXISTS") in client.idle_check(timeout=PATIENCE)
            client.idle_done()


WAITING_CLIENT = """
import socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as connection:
    for command in (b"a LOGIN " + sys.argv[2].encode(), b"b SELECT INBOX", b"c IDLE"):
        connection.sendall(command + b"\\r\\n")
        answer = b""
        while command[:2] not in answer and b"+ Idling" not in answer:
            answer += connection.recv(65536)
    print("waiting", flush=True)
    while not (piece := connection.recv(65536)).startswith(b"* BYE"):
        print(repr(piece), flush=True)
"""


def test_every_push_is_one_segment(site: Sandbox) -> None:
    """Whatever another process reads while it waits in IDLE ends with a line: no response is sent in pieces."""
    command = [sys.executable, "-c", WAITING_CLIENT, str(site.imap_port), f"{GATE} {site.passwords[GATE]}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as client:
        assert client.stdout is not None
        try:
            assert client.stdout.readline() == "waiting\n"
            for number in range(1, 31):
                site.send(ALICE, mail(subject=f"mail {number}"), GATE)
                while f"* {number} EXISTS" not in (piece := client.stdout.readline()):
                    assert piece.endswith("\\r\\n'\n")
                assert piece.endswith("\\r\\n'\n")
        finally:
            client.kill()


def test_folders_can_be_made_and_mail_moved(site: Sandbox) -> None:
    """MOVE takes a mail into a new folder, where the sandbox still finds it with its time and flags."""
    site.send(ALICE, mail(), GATE)
    before = arrived(site, GATE, b"Hello.")
    with imap(site) as client:
        client.create_folder("Mailgate/Processed")
        client.select_folder("INBOX")
        client.move(client.search(), "Mailgate/Processed")
        assert client.search() == []
    (after,) = site.messages(GATE)
    assert (after.folder, after.raw, after.arrived_at, after.unread) == (
        "Mailgate/Processed",
        before.raw,
        before.arrived_at,
        True,
    )


def test_mails_are_listed_as_they_came(site: Sandbox) -> None:
    """Moving a mail changes neither its place in the order of arrival nor anybody else's."""
    for subject in ("first", "second", "third"):
        site.send(ALICE, mail(subject=subject), GATE)
    with imap(site) as client:
        client.create_folder("Aside")
        client.select_folder("INBOX")
        client.move(client.search(["SUBJECT", "third"]), "Aside")
    assert [read(m)["Subject"] for m in site.messages(GATE)] == ["first", "second", "third"]


def test_imap_needs_the_right_password(site: Sandbox) -> None:
    """A mailbox opens for its owner only."""
    with IMAPClient("127.0.0.1", site.imap_port, ssl=False, timeout=PATIENCE) as client:
        with pytest.raises(IMAPClient.Error):
            client.login(GATE, site.passwords[ALICE])
        with pytest.raises(IMAPClient.Error):
            client.login("nobody@sandbox.test", "nobody-sandbox")


def test_login_is_what_a_pass_proves(site: Sandbox) -> None:
    """Alice as Alice passes; Bob's login with Alice's From, or with her envelope too, fails."""
    site.send(ALICE, mail(ALICE, "honest"), GATE)
    site.send(BOB, mail(ALICE, "forged header"), GATE)
    site.send(BOB, mail(ALICE, "forged both"), GATE, envelope_from=ALICE)
    verdicts = {read(m)["Subject"]: results(m) for m in site.messages(GATE)}
    assert verdicts == {
        "honest": ["mx.sandbox.test; dmarc=pass header.from=sandbox.test"],
        "forged header": ["mx.sandbox.test; dmarc=fail header.from=sandbox.test"],
        "forged both": ["mx.sandbox.test; dmarc=fail header.from=sandbox.test"],
    }


def test_verdict_cannot_be_brought_along(site: Sandbox) -> None:
    """A field under the site's own id that a sender wrote is gone; those of others stay below the site's own."""
    brought = "Authentication-Results: mx.sandbox.test; dmarc=pass\r\nAuthentication-Results: other.test; spf=pass\r\n"
    site.send(BOB, mail(ALICE, extra=brought), GATE)
    assert results(arrived(site, GATE, b"Hello.")) == [
        "mx.sandbox.test; dmarc=fail header.from=sandbox.test",
        "other.test; spf=pass",
    ]


@pytest.mark.parametrize("envelope_from", ["approvals+bounce.k3@sandbox.test", ""])
def test_gate_sends_from_its_bounce_addresses(site: Sandbox, envelope_from: str) -> None:
    """The gate's mail passes with a tagged envelope sender and with the null one, which Return-Path tells."""
    site.send(GATE, REQUEST, ALICE, envelope_from=envelope_from)
    stored = arrived(site, ALICE, b"Refund?")
    assert results(stored) == ["mx.sandbox.test; dmarc=pass header.from=sandbox.test"]
    assert read(stored)["Return-Path"] == f"<{envelope_from}>"


def test_reply_threads_properly_and_is_kept(site: Sandbox) -> None:
    """A reply goes to Reply-To over SMTP, names what it answers, quotes it, passes, and is kept in Sent."""
    site.send(GATE, REQUEST, ALICE, envelope_from="approvals+b1@sandbox.test")
    request = arrived(site, ALICE, b"Refund?")
    sent = site.reply(ALICE, request, "APPROVE")
    answer = arrived(site, GATE, b"APPROVE")
    message = read(answer)
    assert answer.raw.endswith(b"\r\n" + sent)
    assert (message["Delivered-To"], message["To"]) == ("approvals+k3j5@sandbox.test", "approvals+k3j5@sandbox.test")
    assert (message["Subject"], message["In-Reply-To"], message["References"]) == (
        "Re: [issue_refund K7Q2] approval needed",
        "<r1@gate.sandbox.test>",
        "<r1@gate.sandbox.test>",
    )
    assert [line for line in message.get_content().splitlines() if line][::2] == ["APPROVE", "> Refund?"]
    assert results(answer)[0].endswith("dmarc=pass header.from=sandbox.test")
    (kept,), (original,) = site.sent(ALICE), site.messages(ALICE)
    assert (kept.raw, kept.unread, original.unread, original.answered) == (sent, False, False, True)
    assert original.arrived_at < kept.arrived_at < answer.arrived_at


def test_html_reply_has_both_parts(site: Sandbox) -> None:
    """A reply with markup arrives as text and as HTML."""
    site.send(GATE, REQUEST, ALICE)
    site.reply(ALICE, arrived(site, ALICE, b"Refund?"), "REJECT: no", "<p>REJECT: no</p>")
    assert read(arrived(site, GATE, b"REJECT")).get_content_type() == "multipart/alternative"


def test_bouncing_mailbox_accepts_and_reports(site: Sandbox) -> None:
    """Mail to a broken mailbox is accepted, and a delivery status notification goes to the envelope sender."""
    site.set_bouncing(ALICE)
    site.send(GATE, REQUEST, ALICE, envelope_from="approvals+b1@sandbox.test")
    report = read(arrived(site, GATE, b"multipart/report"))
    _, status, returned = report.iter_parts()
    assert (report["Return-Path"], report["Delivered-To"]) == ("<>", "approvals+b1@sandbox.test")
    assert [b["Final-Recipient"] for b in status.get_payload() if b["Action"] == "failed"] == [f"rfc822; {ALICE}"]
    assert returned.get_payload()[0]["Message-ID"] == "<r1@gate.sandbox.test>"
    assert site.messages(ALICE) == ()


def test_bounces_are_not_bounced(site: Sandbox) -> None:
    """Mail with the null return path to a broken mailbox vanishes; after the repair mail arrives again."""
    site.set_bouncing(ALICE)
    site.send(GATE, REQUEST, ALICE, envelope_from="")
    site.set_bouncing(ALICE, bouncing=False)
    site.send(GATE, REQUEST.replace(b"Refund?", b"Again?"), ALICE)
    assert arrived(site, ALICE, b"Again?")
    assert site.messages(GATE) == ()


def test_person_away_answers_the_envelope_sender_once(site: Sandbox) -> None:
    """Mail still arrives, and each envelope sender gets one marked reply in the thread, not the Reply-To."""
    site.set_away(ALICE, note="Back on Monday.")
    for _ in range(2):
        site.send(GATE, REQUEST, ALICE, envelope_from="approvals+b1@sandbox.test")
    site.send(GATE, REQUEST, ALICE, envelope_from="approvals+b2@sandbox.test")
    arrived(site, GATE, b"Delivered-To: approvals+b2@")
    answers = [read(m) for m in site.messages(GATE)]
    assert [(a["Delivered-To"], a["Auto-Submitted"], a["Return-Path"], a["In-Reply-To"]) for a in answers] == [
        (f"approvals+{tag}@sandbox.test", "auto-replied", "<>", "<r1@gate.sandbox.test>") for tag in ("b1", "b2")
    ]
    assert answers[0].get_content().strip() == "Back on Monday."
    assert len(site.messages(ALICE)) == 3


def test_person_who_is_back_is_silent(site: Sandbox) -> None:
    """After switching it off nothing is answered; switched on anew, the same sender is told again."""
    for away in (True, False, True):
        site.set_away(ALICE, away=away)
        site.send(GATE, REQUEST.replace(b"Refund?", str(away).encode()), ALICE)
    arrived(site, ALICE, b"False")
    site.wait_for(GATE, lambda _: len(site.messages(GATE)) == 2, PATIENCE)
    site.set_away(ALICE, away=False)
    site.send(GATE, REQUEST, ALICE)
    site.send(ALICE, mail(subject="last"), GATE)
    arrived(site, GATE, b"Subject: last")
    assert len(site.messages(GATE)) == 3


@pytest.mark.parametrize("header", ["Auto-Submitted: auto-generated", "List-Id: <l.test>"])
def test_automatic_mail_is_not_answered_when_away(site: Sandbox, header: str) -> None:
    """A receipt or a list mail draws no out-of-office reply."""
    site.set_away(ALICE)
    site.send(GATE, header.encode() + b"\r\n" + REQUEST, ALICE)
    site.send(GATE, REQUEST.replace(b"<r1@", b"<r2@"), ALICE, envelope_from="approvals+second@sandbox.test")
    arrived(site, GATE, b"<r2@")
    assert len(site.messages(GATE)) == 1


def test_only_who_is_meant_answers_when_away(site: Sandbox) -> None:
    """A blind copy, mail to oneself and mail from a broken mailbox draw no out-of-office reply that is delivered."""
    site.set_away(ALICE)
    site.set_bouncing(BOB)
    to_alice = mail().replace(f"To: {GATE}".encode(), f"To: {ALICE}".encode())
    site.send(GATE, REQUEST.replace(b"To: Alice <alice@", b"To: Bob <bob@"), ALICE)
    site.send(ALICE, to_alice, ALICE)
    site.send(BOB, to_alice, ALICE)
    site.send(GATE, REQUEST.replace(b"<r1@", b"<last@"), ALICE, envelope_from="approvals+last@sandbox.test")
    arrived(site, GATE, b"<last@")
    assert (len(site.messages(GATE)), len(site.messages(ALICE)), site.messages(BOB)) == (1, 4, ())


def test_nothing_is_written_to_the_terminal(site: Sandbox, caplog: pytest.LogCaptureFixture) -> None:
    """Logins, mails, clients that break off and a pause leave no warning in the log, where it would spoil a demo."""
    site.send(GATE, REQUEST, ALICE)
    site.reply(ALICE, arrived(site, ALICE, b"Refund?"), "APPROVE")
    with IMAPClient("127.0.0.1", site.imap_port, ssl=False, timeout=PATIENCE) as client:
        client.login(GATE, site.passwords[GATE])
        client.select_folder("INBOX")
        client.idle()
        client.shutdown()
    with socket.create_connection(("127.0.0.1", site.imap_port), timeout=PATIENCE) as raw:
        raw.sendall(b"\x00\xff {99x}\r\na LOGIN {3+}\r\n")
        raw.shutdown(socket.SHUT_WR)
        while raw.recv(4096):
            pass
    site.pause_smtp()
    assert [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING] == []


def test_paused_smtp_refuses_and_comes_back_on_its_port(site: Sandbox) -> None:
    """Paused, open connections break and new ones are refused while IMAP goes on; resumed, the same port answers."""
    with smtp(site) as client:
        site.pause_smtp()
        site.pause_smtp()
        with pytest.raises((smtplib.SMTPServerDisconnected, ConnectionError)):
            client.noop()
    with pytest.raises(ConnectionRefusedError):
        smtplib.SMTP("127.0.0.1", site.smtp_port)
    with pytest.raises(MailServerError, match=str(site.smtp_port)) as down:
        site.send(ALICE, mail(), GATE)
    assert down.value.retryable
    with imap(site) as open_mailbox:
        assert open_mailbox.folder_exists("INBOX")
    site.resume_smtp()
    site.resume_smtp()
    site.send(ALICE, mail(), GATE)
    assert arrived(site, GATE, b"Hello.")


def test_paused_port_is_kept(site: Sandbox) -> None:
    """While it is paused, another program cannot take the port, not even one that would share it."""
    site.pause_smtp()
    with pytest.raises(ConfigError, match=f"Port {site.smtp_port} "), Sandbox(smtp_port=site.smtp_port):
        pass


def test_ports_in_use_are_named(site: Sandbox) -> None:
    """Each port that is taken gets one sentence with its number and what to do, and nothing stays open."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        taken = other.getsockname()[1]
        with pytest.raises(ConfigError) as refused, Sandbox(smtp_port=taken, imap_port=site.imap_port):
            pass
    assert len(refused.value.problems) == 2
    for port, purpose, problem in zip((taken, site.imap_port), ("SMTP", "IMAP"), refused.value.problems, strict=True):
        assert f"Port {port} on 127.0.0.1, wanted for the sandbox's {purpose}, is in use" in problem
        assert "choose another port" in problem


@pytest.mark.parametrize("port", [-1, 65536])
def test_impossible_port_is_refused(port: int) -> None:
    """A number that is no port is refused in the same way."""
    with pytest.raises(ConfigError, match="cannot be used"), Sandbox(imap_port=port):
        pass


def test_ports_are_free_again_at_once() -> None:
    """A sandbox that ends leaves its ports to the next one, even after connections."""
    with Sandbox() as first:
        ports = {"smtp_port": first.smtp_port, "imap_port": first.imap_port}
        with smtp(first), imap(first):
            pass
        first.pause_smtp()
        first.resume_smtp()
        first.send(ALICE, mail(), GATE)  # the server closes first, so that its side waits in TIME_WAIT
    with Sandbox(**ports) as second:
        assert second.messages(GATE) == ()
        assert (second.smtp_port, second.imap_port) == (first.smtp_port, first.imap_port)


def test_end_closes_what_clients_hold_open() -> None:
    """Clients in mid-session, in IDLE too, do not keep the sandbox from ending, and no thread of it stays."""
    with Sandbox() as site:
        connected = IMAPClient("127.0.0.1", site.imap_port, ssl=False, timeout=PATIENCE)
        connected.login(GATE, site.passwords[GATE])
        connected.select_folder("INBOX")
        connected.idle()
        submitting = smtplib.SMTP("127.0.0.1", site.smtp_port, local_hostname="pc")
    assert "mailgate-sandbox" not in {t.name for t in threading.enumerate()}
    submitting.close()
    connected.shutdown()


def test_waiting_ends_with_a_sentence(site: Sandbox) -> None:
    """Who waits in vain is told for what, how long, and how many other mails came."""
    site.send(ALICE, mail(), GATE)
    with pytest.raises(TimeoutError, match=r"approvals@sandbox.test within 0.05 s; 1 other mails"):
        site.wait_for(GATE, lambda _: False, 0.05)


def test_waiting_sees_what_other_clients_store(site: Sandbox) -> None:
    """A mail that a client appends over IMAP is found too."""
    found: list[StoredMail] = []
    waiting = threading.Thread(target=lambda: found.append(arrived(site, ARCHIVE, b"appended")))
    waiting.start()
    with imap(site, ARCHIVE) as client:
        client.append("INBOX", b"Subject: appended\r\n\r\nx")
    waiting.join(PATIENCE)
    assert found[0].raw == b"Subject: appended\r\n\r\nx"


def test_refusals_are_typed(site: Sandbox) -> None:
    """An unknown recipient is refused for good, with the server's code; an unknown person is a LookupError."""
    with pytest.raises(MailRefused) as refused:
        site.send(ALICE, mail(), "nobody@sandbox.test")
    assert (refused.value.code, refused.value.retryable) == (550, False)
    with pytest.raises(LookupError, match=r"nobody@sandbox\.test has no mailbox"):
        site.messages("nobody@sandbox.test")


def test_sandbox_outside_its_block_says_so() -> None:
    """Before and after the with block there is nothing to ask, and the error says why."""
    site = Sandbox()
    with pytest.raises(RuntimeError, match="not running"):
        site.messages(GATE)


def test_own_people_and_addresses() -> None:
    """People, domain and the gate's addresses are the caller's; passwords are for all of them."""
    with Sandbox(
        {"Zoe@Acme.test": "Zoë"},
        gate_address="gate@acme.test",
        archive_address="records@acme.test",
    ) as site:
        assert (dict(site.people), site.authserv_id) == ({"zoe@acme.test": "Zoë"}, "mx.acme.test")
        assert set(site.passwords) == {"zoe@acme.test", "gate@acme.test", "records@acme.test"}
        site.send("zoe@acme.test", mail("zoe@acme.test"), "gate+1@acme.test")
        stored = arrived(site, "gate@acme.test", b"Hello.")
        assert results(stored) == ["mx.acme.test; dmarc=pass header.from=acme.test"]


def test_many_at_once(site: Sandbox) -> None:
    """Mails from many threads all arrive, each once."""
    threads = [
        threading.Thread(target=site.send, args=(who, mail(who, f"{who} {n}"), GATE))
        for who in (ALICE, BOB)
        for n in range(20)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    subjects = [read(m)["Subject"] for m in site.messages(GATE)]
    assert len(subjects) == len(set(subjects)) == 40
