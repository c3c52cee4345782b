"""One organisation's mail: its servers, its users' mailboxes, and the outside world's way in."""

from __future__ import annotations

import os
import shutil
import smtplib
import ssl
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Self

from tests.site.accounts import Accounts, new_local_part
from tests.site.authority import Authority
from tests.site.daemon import LOOK_EVERY_S, Sweeper
from tests.site.dovecot import MAIL_ID, SIEVE, DovecotSettings
from tests.site.maildir import Maildir
from tests.site.ports import LOOPBACK, PortLease
from tests.site.postfix import PostfixSettings

HOST = "localhost"
ROOMY_BYTES = 256 << 20
PORTS = ("submission", "submissions", "imap", "imaps", "mx")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLogin:
    """How one user reaches one server; the certificate is for ``host`` and signed by ``ca_file``."""

    host: str
    port: int
    tls: Literal["starttls", "implicit"]
    username: str
    password: str
    ca_file: Path

    def tls_context(self) -> ssl.SSLContext:
        """Make a context that trusts this site's authority only and checks the host's name."""
        return ssl.create_default_context(cafile=self.ca_file)


class MailSite:
    """Postfix and Dovecot for the domains of ``users``.

    ``postfix`` and ``dovecot`` can be stopped, killed and started, each by itself; ports, mailboxes and queue stay.
    Passwords are checked by Dovecot for both, so nobody can submit while it is down.
    """

    def __init__(
        self,
        users: Mapping[str, str],
        *,
        milters: Sequence[str] = (),
        delimiter: str = "+",
        catch_all: Mapping[str, str] | None = None,
    ) -> None:
        """Lay the site out in a new folder without starting anything; :meth:`down` must follow in any case.

        Args:
            users: address → password. The first is the one that :attr:`smtp` and :attr:`imap` log in.
            milters: sockets of mail filters, in Postfix's notation (``unix:/path``).
            delimiter: between an address and its detail (RFC 5233); empty: such addresses are nobody's.
            catch_all: domain → the user who gets what is sent there and is nobody's.
        """
        self.accounts = Accounts(users=dict(users), delimiter=delimiter, catch_all=dict(catch_all or {}))
        self.authserv_id = f"mx.{self.accounts.domains[0]}"
        self._leases = {name: PortLease() for name in PORTS}
        self.ports = {name: lease.number for name, lease in self._leases.items()}
        self.folder = _new_folder()
        self._sweeper = Sweeper(self.folder)
        (self.folder / "log").mkdir()
        (self.folder / "tls").mkdir()
        self.accounts.write(self.folder)
        authority = Authority(self.folder / "tls")
        self.ca_file = authority.ca_file
        certificate, key = authority.issue([HOST, self.authserv_id])
        dovecot = DovecotSettings(
            folder=self.folder,
            host_name=self.authserv_id,
            certificate=certificate,
            key=key,
            imap_port=self.ports["imap"],
            imaps_port=self.ports["imaps"],
            mx_port=self.ports["mx"],
            delimiter=delimiter,
        )
        self._postfix_settings = PostfixSettings(
            folder=self.folder,
            host_name=self.authserv_id,
            domains=self.accounts.domains,
            certificate=certificate,
            key=key,
            submission_port=self.ports["submission"],
            submissions_port=self.ports["submissions"],
            mx_port=self.ports["mx"],
            milters=tuple(milters),
            delimiter=delimiter,
        )
        self._mail_folder = dovecot.mail_folder
        self._maildirs: dict[Path, Maildir] = {}
        self.dovecot = dovecot.daemon()
        self.postfix = self._postfix_settings.daemon()

    @classmethod
    @contextmanager
    def start(
        cls, users: Mapping[str, str], *, delimiter: str = "+", catch_all: Mapping[str, str] | None = None
    ) -> Iterator[Self]:
        """Run a site for the length of a ``with`` block."""
        site = cls(users, delimiter=delimiter, catch_all=catch_all)
        try:
            site.up()
            yield site
        finally:
            site.down()

    def up(self) -> None:
        """Start both servers and return when they serve."""
        self.dovecot.launch()
        self.postfix.launch()
        self.dovecot.wait_ready()
        self.postfix.wait_ready()

    def route_to(self, other: MailSite) -> None:
        """Send mail for the domains of another site there, as to a stranger's server; call it before :meth:`up`."""
        self._postfix_settings.add_route(other.accounts.domains, other.ports["mx"])

    def down(self) -> None:
        """Stop both servers and remove every trace of the site."""
        self.postfix.stop()
        self.dovecot.stop()
        self._sweeper.sweep()
        for lease in self._leases.values():
            lease.release()

    @property
    def users(self) -> Mapping[str, str]:
        """The users the site was started with, address → password."""
        return self.accounts.users

    @property
    def smtp(self) -> ServerLogin:
        """Submission as the first user, STARTTLS."""
        return self.smtp_of(next(iter(self.users)))

    @property
    def imap(self) -> ServerLogin:
        """IMAP as the first user, TLS from the first byte."""
        return self.imap_of(next(iter(self.users)))

    def smtp_of(self, user: str, tls: Literal["starttls", "implicit"] = "starttls") -> ServerLogin:
        """Return how ``user`` submits mail."""
        return self._login(user, tls, "submission" if tls == "starttls" else "submissions")

    def imap_of(self, user: str, tls: Literal["starttls", "implicit"] = "implicit") -> ServerLogin:
        """Return how ``user`` reads mail."""
        return self._login(user, tls, "imap" if tls == "starttls" else "imaps")

    def fresh_user(self, name: str = "box", domain: str = "") -> str:
        """Return the address of a user with an empty mailbox, never handed out before, at ``domain`` or the first."""
        return f"{new_local_part(name)}@{domain or self.accounts.domains[0]}"

    def submit(self, user: str, to: str | Sequence[str], raw: bytes, *, mail_from: str | None = None) -> None:
        """Send a message as a person's mail program does: STARTTLS, certificate checked, logged in.

        Args:
            user: whose login; also the envelope sender unless ``mail_from`` is given (``""`` for the null sender).
            to: one or more envelope recipients.
            raw: the message as it goes over the wire.
            mail_from: another envelope sender; the site accepts the user's own address with any +detail.

        Raises:
            smtplib.SMTPException: the server refused the login, the sender, a recipient or the message.
        """
        login = self.smtp_of(user)
        with smtplib.SMTP(login.host, login.port, timeout=30) as smtp:
            smtp.starttls(context=login.tls_context())
            smtp.login(login.username, login.password)
            _send(smtp, user if mail_from is None else mail_from, to, raw)

    def deliver_from_outside(self, mail_from: str, to: str | Sequence[str], raw: bytes) -> None:
        """Hand a message in as a stranger's mail server does: no login, any sender, local recipients only.

        Raises:
            smtplib.SMTPException: the server refused a recipient or the message.
        """
        with smtplib.SMTP(LOOPBACK, self.ports["mx"], timeout=30) as smtp:
            _send(smtp, mail_from, to, raw)

    def maildir(self, user: str, mailbox: str = "INBOX") -> list[bytes]:
        """Return the raw messages of a mailbox in order of arrival, straight from disk; no flag changes."""
        return list(self._maildir(user, mailbox).messages().values())

    def wait_for_mail(
        self,
        user: str,
        predicate: Callable[[bytes], bool] = lambda _: True,
        timeout: float = 15.0,
        mailbox: str = "INBOX",
    ) -> bytes:
        """Return the first message in a mailbox that satisfies ``predicate``, waiting up to ``timeout`` seconds for it.

        Raises:
            TimeoutError: none came; the message holds the end of Postfix's log.
        """
        give_up_at = time.monotonic() + timeout
        maildir, judged = self._maildir(user, mailbox), set[str]()
        while True:
            for name, raw in maildir.messages().items():
                if name not in judged and predicate(raw):
                    return raw
                judged.add(name)
            if time.monotonic() > give_up_at:
                raise TimeoutError(
                    f"{user} has {len(judged)} messages, none of them the awaited one. "
                    f"The log of Postfix ends:\n{self.postfix.log_tail()}"
                )
            time.sleep(LOOK_EVERY_S)

    def write_sieve(self, user: str, script: str) -> None:
        """Give a user a Sieve script (RFC 5228), such as a vacation notice (RFC 5230); it holds from the next mail on."""
        home = self._maildir(user, "INBOX").folder.parent
        for folder in (home.parent, home):
            folder.mkdir(exist_ok=True)
            os.chown(folder, MAIL_ID, MAIL_ID)
        (home / SIEVE).write_text(script)

    def _login(self, user: str, tls: Literal["starttls", "implicit"], port: str) -> ServerLogin:
        return ServerLogin(
            host=HOST,
            port=self.ports[port],
            tls=tls,
            username=user,
            password=self.accounts.password(user),
            ca_file=self.ca_file,
        )

    def _maildir(self, user: str, mailbox: str) -> Maildir:
        local, _, domain = user.lower().partition("@")
        folder = self._mail_folder / domain / local / "Maildir"
        if mailbox != "INBOX":
            folder /= "." + mailbox.replace("/", ".")
        return self._maildirs.setdefault(folder, Maildir(folder))


def _send(smtp: smtplib.SMTP, mail_from: str, to: str | Sequence[str], raw: bytes) -> None:
    """Send to all recipients or to none, so that no refusal goes unnoticed."""
    refused = smtp.sendmail(mail_from, to, raw)
    if refused:
        raise smtplib.SMTPRecipientsRefused(refused)


def _new_folder() -> Path:
    """Make the site's folder, in memory where there is room: Postfix syncs each mail, three times slower on a disk.

    The path is short because those of Unix sockets end at 108 bytes (unix(7)); others than root must enter it.
    """
    memory = Path("/dev/shm")
    roomy = memory.is_dir() and shutil.disk_usage(memory).free > ROOMY_BYTES
    folder = Path(tempfile.mkdtemp(prefix="mailsite-", dir=memory if roomy else "/tmp"))
    folder.chmod(0o755)
    return folder
