"""The mail site's servers can be stopped, killed and restarted without losing mail, and leave nothing behind."""

from __future__ import annotations

import os
import signal
import smtplib
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from imapclient import IMAPClient

from tests.conftest import USERS, unavailable
from tests.site import MailSite, ServerLogin
from tests.site.daemon import Daemon, living

ALICE = "alice@approvers.test"


def mail(subject: str) -> bytes:
    """Write a short message as it goes over the wire."""
    return f"From: {ALICE}\r\nSubject: {subject}\r\n\r\n{subject}\r\n".encode()


def has(subject: str) -> Callable[[bytes], bool]:
    """Make the predicate that picks the message with this subject."""
    return lambda raw: f"\r\nSubject: {subject}\r\n".encode() in raw


def imap_session(login: ServerLogin) -> IMAPClient:
    """Open IMAP and log in."""
    client = IMAPClient(login.host, login.port, ssl_context=login.tls_context())
    client.login(login.username, login.password)
    return client


def test_imap_killed_and_restarted_keeps_mail_and_port(own_mail_site: MailSite) -> None:
    """Killing Dovecot ends every session; after a start on the same port old mail is there and new mail comes in."""
    site, login = own_mail_site, own_mail_site.imap_of(ALICE)
    site.submit(ALICE, ALICE, mail("before"))
    site.wait_for_mail(ALICE)
    client, group = imap_session(login), site.dovecot.group
    site.dovecot.kill()
    assert group is not None
    assert living(group) == []
    with pytest.raises((OSError, IMAPClient.AbortError)):
        client.noop()
    client.shutdown()
    with pytest.raises(ConnectionRefusedError):
        IMAPClient(login.host, login.port)
    site.deliver_from_outside("x@strangers.test", ALICE, mail("meanwhile"))
    site.dovecot.start()
    site.wait_for_mail(ALICE, has("meanwhile"))
    with imap_session(login) as client:
        assert client.select_folder("INBOX")[b"EXISTS"] == 2


def test_smtp_killed_and_restarted_keeps_queue_and_port(own_mail_site: MailSite) -> None:
    """Mail that Postfix accepted before it was killed is delivered after a start on the same port."""
    site = own_mail_site
    site.dovecot.stop()
    site.deliver_from_outside("x@strangers.test", ALICE, mail("queued"))
    group = site.postfix.group
    site.postfix.kill()
    assert group is not None
    assert living(group) == []
    with pytest.raises(ConnectionRefusedError):
        site.submit(ALICE, ALICE, mail("too early"))
    site.dovecot.start()
    site.postfix.start()
    site.wait_for_mail(ALICE, has("queued"))
    site.submit(ALICE, ALICE, mail("works again"))
    site.wait_for_mail(ALICE, has("works again"))


def test_submission_recovers_after_passwords_could_not_be_checked(own_mail_site: MailSite) -> None:
    """A submission tried while Dovecot was down does not leave the port dead after Dovecot is back."""
    site = own_mail_site
    site.dovecot.stop()
    site.postfix.stop()
    site.postfix.launch()
    while b"throttling" not in site.postfix.log.read_bytes():
        with suppress(smtplib.SMTPException, OSError):
            site.submit(ALICE, ALICE, mail("unchecked"))
    site.dovecot.start()
    site.postfix.wait_ready()
    site.submit(ALICE, ALICE, mail("checked"))
    site.wait_for_mail(ALICE, has("checked"))


@pytest.mark.usefixtures("mail_servers")
def test_mail_waits_for_its_filter() -> None:
    """A site with a mail filter takes no mail past it: while the filter is down the answer is a 4xx."""
    site = MailSite({ALICE: "alice-pw"}, milters=["unix:/nonexistent/filter"])
    try:
        site.up()
        with pytest.raises(smtplib.SMTPResponseException) as refusal:
            site.submit(ALICE, ALICE, mail("unfiltered"))
        assert 400 <= refusal.value.smtp_code < 500
    finally:
        site.down()


@pytest.mark.usefixtures("mail_servers")
def test_site_leaves_nothing_behind() -> None:
    """After the with block neither a process nor the folder is left."""
    with MailSite.start(USERS) as site:
        groups = [site.postfix.group, site.dovecot.group]
        assert all(living(group) for group in groups if group)
    assert [living(group) for group in groups if group] == [[], []]
    assert not site.folder.exists()


@pytest.mark.usefixtures("mail_servers")
def test_site_is_swept_away_when_its_starter_is_killed() -> None:
    """Even if the starting process is killed on the spot, servers and folder are gone soon after."""
    script = (
        "from tests.site import MailSite\n"
        f"with MailSite.start({USERS!r}) as site:\n"
        "    print(site.folder, site.postfix.group, site.dovecot.group, flush=True)\n"
        "    input()\n"
    )
    starter = subprocess.Popen(
        [sys.executable, "-c", script],
        cwd=Path(__file__).parents[2],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with starter:
        assert starter.stdout
        folder, *groups = starter.stdout.readline().split()
        assert all(living(int(group)) for group in groups)
        os.kill(starter.pid, signal.SIGKILL)
    while Path(folder).exists() or any(living(int(group)) for group in groups):
        time.sleep(0.01)


def test_stragglers_do_not_survive_a_stop(tmp_path: Path) -> None:
    """A child that ignores the request to stop is killed with its group."""
    script = "(trap '' TERM; exec sleep 600) & wait"
    daemon = Daemon("stubborn", ["/bin/sh", "-c", script], folder=tmp_path, greetings={})
    daemon.start()
    group = daemon.group
    assert group is not None
    while "sleep" not in [Path(f"/proc/{pid}/comm").read_text().strip() for pid in living(group)]:
        time.sleep(0.01)
    daemon.stop()
    assert living(group) == []


@pytest.mark.parametrize(("ci", "outcome"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_missing_servers_fail_in_ci_and_skip_at_home(
    monkeypatch: pytest.MonkeyPatch, ci: str, outcome: type[BaseException]
) -> None:
    """A machine without the servers skips with a sentence that helps; CI fails, so that nothing goes untested."""
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match="apt-get install"):
        unavailable("as root: apt-get install postfix")
