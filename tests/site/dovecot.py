"""The settings with which Dovecot 2.3 serves a site: IMAP, delivery from Postfix, and passwords for both."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tests.site.accounts import FRESH, FRESH_PASSWORD
from tests.site.daemon import Daemon
from tests.site.ports import LOOPBACK
from tests.site.requirements import program

MAIL_ID = 5000
"""Owner and group of all mailboxes; the number needs no entry in /etc/passwd."""

SIEVE = ".dovecot.sieve"
"""A user's script (RFC 5228), in the folder that holds the Maildir."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DovecotSettings:
    """What Dovecot must know of its site; ``folder`` is the site's."""

    folder: Path
    host_name: str
    certificate: Path
    key: Path
    imap_port: int
    imaps_port: int
    mx_port: int
    delimiter: str

    @property
    def mail_folder(self) -> Path:
        """Holds ``<domain>/<local part>/Maildir`` for each user."""
        return self.folder / "mail"

    def daemon(self) -> Daemon:
        """Write the settings and describe the server."""
        file = self.folder / "dovecot.conf"
        file.write_text(self._text())
        self.mail_folder.mkdir()
        os.chown(self.mail_folder, MAIL_ID, MAIL_ID)
        argv = (program("dovecot"), "-F", "-c", str(file))
        return Daemon("dovecot", argv, folder=self.folder / "log", greetings={self.imap_port: b"* OK"})

    def _text(self) -> str:
        """Put the settings into words.

        ``mail_save_crlf`` keeps on disk the very bytes that IMAP hands out. The anvil and delay settings stop Dovecot
        from slowing down after failed logins. It takes a password without TLS on the IMAP port whatever it is told,
        because a client whose address is the server's own counts as secured. Sieve scripts, such as a vacation notice, are
        their owner's file :data:`SIEVE`; what they send leaves through Postfix as mail from outside would come.
        """
        return f"""
base_dir = {self.folder}/run
state_dir = {self.folder}/run
log_path = /dev/stderr
protocols = imap lmtp
listen = {LOOPBACK}
hostname = {self.host_name}
postmaster_address = postmaster@{self.host_name}
ssl = yes
ssl_cert = <{self.certificate}
ssl_key = <{self.key}
auth_mechanisms = plain login
auth_failure_delay = 0
mail_location = maildir:~/Maildir
mail_save_crlf = yes
mail_fsync = never
first_valid_uid = {MAIL_ID}
recipient_delimiter = {self.delimiter}
submission_host = {LOOPBACK}:{self.mx_port}
protocol lmtp {{
  mail_plugins = sieve
}}
plugin {{
  sieve = file:~/{SIEVE}
  sieve_extensions = +editheader
}}
{self._accounts()}{self._services()}"""

    def _accounts(self) -> str:
        """Say whose passwords are right and where whose mail lies; any fresh user is known."""
        return f"""passdb {{
  driver = passwd-file
  args = username_format=%Lu {self.folder}/passwords
}}
passdb {{
  driver = static
  username_filter = {FRESH}*
  args = password={FRESH_PASSWORD}
}}
userdb {{
  driver = static
  args = uid={MAIL_ID} gid={MAIL_ID} home={self.mail_folder}/%Ld/%Ln
}}
namespace inbox {{
  inbox = yes
  mailbox Junk {{
    auto = create
    special_use = \\Junk
  }}
}}
"""

    def _services(self) -> str:
        """Name the ports for clients, and the sockets for Postfix to deliver and to ask about logins."""
        return f"""service imap-login {{
  inet_listener imap {{
    port = {self.imap_port}
  }}
  inet_listener imaps {{
    port = {self.imaps_port}
    ssl = yes
  }}
}}
service lmtp {{
  unix_listener lmtp {{
    mode = 0666
  }}
}}
service auth {{
  unix_listener auth-postfix {{
    mode = 0666
  }}
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
"""
