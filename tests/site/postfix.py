"""The settings with which Postfix serves a site: submission, mail from outside, and what it vouches for."""

from __future__ import annotations

import grp
import os
import pwd
import re
import secrets
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from tests.site.daemon import Daemon
from tests.site.ports import LOOPBACK
from tests.site.requirements import program

QUEUES = ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming", "private", "saved", "trace")
LARGEST_MAIL_BYTES = 25_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class PostfixSettings:
    """What Postfix must know of its site; ``folder`` is the site's.

    ``milters`` are sockets of mail filters in Postfix's notation (``unix:/path``). ``stamp`` is a header name that
    nobody can guess.
    """

    folder: Path
    host_name: str
    domains: tuple[str, ...]
    certificate: Path
    key: Path
    submission_port: int
    submissions_port: int
    mx_port: int
    milters: tuple[str, ...]
    delimiter: str
    stamp: str = field(default_factory=lambda: f"X-Site-Stamp-{secrets.token_hex(16)}")

    def daemon(self) -> Daemon:
        """Write the settings, lay out the queue and describe the server."""
        config = self.folder / "postfix"
        config.mkdir()
        (config / "main.cf").write_text(self._main())
        (config / "master.cf").write_text(self._master())
        (config / "transport").touch()
        (config / "vouch").write_text(self._vouch())
        (config / "distrust").write_text(self._distrust())
        (config / "headers").write_text(self._headers())
        _back_date(*config.iterdir(), *(self.folder / name for name in ("users", "patterns", "catchall")))
        self._lay_out_queue()
        argv = (f"{_libexec()}/master", "-s", "-c", str(config))
        greetings = {self.submission_port: b"220", self.mx_port: b"220"}
        return Daemon("postfix", argv, folder=self.folder / "log", greetings=greetings)

    def add_route(self, domains: Iterable[str], port: int) -> None:
        """Send mail for ``domains`` to the server on ``port``; Postfix must not be running yet."""
        transport = self.folder / "postfix" / "transport"
        with transport.open("a") as routes:
            routes.writelines(f"{domain} smtp:[{LOOPBACK}]:{port}\n" for domain in domains)
        _back_date(transport)

    def _vouch(self) -> str:
        """Stamp submitted mail: its envelope sender was proven to be the login's own address."""
        return "".join(
            f"/@{re.escape(domain)}$/ PREPEND {self.stamp}: {self.host_name}; dmarc=pass header.from={domain}\n"
            for domain in self.domains
        )

    def _distrust(self) -> str:
        """Stamp mail from outside: a local sender is a forgery, about any other nothing is known."""
        forged = "".join(
            f"/@{re.escape(domain)}$/ PREPEND {self.stamp}: {self.host_name}; dmarc=fail header.from={domain}\n"
            for domain in self.domains
        )
        return f"{forged}/^/ PREPEND {self.stamp}: {self.host_name}; dmarc=none\n"

    def _headers(self) -> str:
        """Rename our stamp to Authentication-Results, and drop such fields that came in as ours (RFC 8601 section 5).

        Postfix checks headers that it prepended itself like those that came in, so both could not bear one name. Each
        field meets only the first rule that matches, and a replaced one is not looked at again (header_checks(5)).
        """
        return (
            f"/^{self.stamp}:[[:space:]]*(.*)$/ REPLACE Authentication-Results: $1\n"
            f"/^Authentication-Results:.*{re.escape(self.host_name)}/ IGNORE\n"
        )

    def _main(self) -> str:
        """Put the common settings into words.

        No name is looked up and no mail leaves for a domain that has no route. Headers travel untouched. After a
        failure everything is tried again within a second or two; without ``service_throttle_time`` the port would stay
        dead for a minute once a connection came while Dovecot, which checks the passwords, was down.
        """
        return f"""
compatibility_level = 3.6
queue_directory = {self.folder}/spool
data_directory = {self.folder}/state
maillog_file_prefixes = {self.folder}
maillog_file = {self.folder}/log/postfix.log
myhostname = {self.host_name}
inet_interfaces = {LOOPBACK}
inet_protocols = ipv4
recipient_delimiter = {self.delimiter}
smtpd_peername_lookup = no
local_transport = error:5.1.1 no users of this machine
default_transport = error:5.1.2 no route to this domain
transport_maps = texthash:{self.folder}/postfix/transport
virtual_mailbox_domains = {" ".join(self.domains)}
virtual_mailbox_maps = texthash:{self.folder}/users, regexp:{self.folder}/patterns
virtual_alias_maps = texthash:{self.folder}/catchall
virtual_transport = lmtp:unix:{self.folder}/run/lmtp
lmtp_destination_recipient_limit = 1
local_header_rewrite_clients =
header_checks = regexp:{self.folder}/postfix/headers
nested_header_checks =
smtpd_milters = {" ".join(self.milters)}
milter_default_action = tempfail
smtpd_sender_login_maps = $virtual_mailbox_maps, $virtual_alias_maps
smtpd_sasl_type = dovecot
smtpd_sasl_path = {self.folder}/run/auth-postfix
smtpd_tls_cert_file = {self.certificate}
smtpd_tls_key_file = {self.key}
smtpd_tls_security_level = may
smtp_tls_security_level = may
message_size_limit = {LARGEST_MAIL_BYTES}
queue_run_delay = 1s
minimal_backoff_time = 1s
maximal_backoff_time = 2s
service_throttle_time = 1s
"""

    def _master(self) -> str:
        """List the services: two ports for our users, one for the world, and Postfix's own parts (master(5))."""
        submission = (
            "-o smtpd_sasl_auth_enable=yes -o smtpd_sender_restrictions=reject_sender_login_mismatch"
            " -o smtpd_relay_restrictions=permit_sasl_authenticated,reject"
            f" -o smtpd_data_restrictions=check_sender_access,regexp:{self.folder}/postfix/vouch"
        )
        mx = (
            "-o smtpd_relay_restrictions=reject_unauth_destination"
            f" -o smtpd_data_restrictions=check_sender_access,regexp:{self.folder}/postfix/distrust"
        )
        return f"""
{LOOPBACK}:{self.submission_port}  inet n - n - - smtpd {submission} -o smtpd_tls_security_level=encrypt
{LOOPBACK}:{self.submissions_port} inet n - n - - smtpd {submission} -o smtpd_tls_wrappermode=yes
{LOOPBACK}:{self.mx_port} inet n - n - - smtpd {mx}
cleanup unix  n - n - 0 cleanup
qmgr    unix  n - n 300 1 qmgr
tlsmgr  unix  - - n 1000? 1 tlsmgr
rewrite unix  - - n - - trivial-rewrite
bounce  unix  - - n - 0 bounce
defer   unix  - - n - 0 bounce
trace   unix  - - n - 0 bounce
proxymap unix - - n - - proxymap
smtp    unix  - - n - - smtp
lmtp    unix  - - n - - lmtp flags=O
error   unix  - - n - - error
retry   unix  - - n - - error
anvil   unix  - - n - 1 anvil
scache  unix  - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""

    def _lay_out_queue(self) -> None:
        owner, drop = pwd.getpwnam("postfix").pw_uid, grp.getgrnam("postdrop").gr_gid
        folders = [(f"spool/{queue}", owner, 0, 0o700) for queue in QUEUES]
        folders += [("spool/maildrop", owner, drop, 0o1730), ("spool/public", owner, drop, 0o2710)]
        folders += [("spool/pid", 0, 0, 0o755), ("state", owner, 0, 0o755)]
        for name, user, group, mode in folders:
            path = self.folder / name
            path.mkdir(parents=True)
            os.chown(path, user, group)
            path.chmod(mode)


def _back_date(*files: Path) -> None:
    """Make files look old: Postfix waits until one is 2 s old, in case somebody is still editing it."""
    long_ago = time.time() - 60
    for file in files:
        os.utime(file, (long_ago, long_ago))


def _libexec() -> str:
    """Ask Postfix where its parts are installed."""
    argv = [program("postconf"), "-dh", "daemon_directory"]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()
