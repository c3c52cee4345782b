"""Roundcube for tests: the webmail as a distribution packages it, on a site's Dovecot and Postfix, in a temporary folder.

SQLite and PHP's own web server. The program is read from where the packages put it; nothing under ``/etc`` or ``/var`` is
written. How a person uses it in a browser is in ``tests/clients/webmail.py``.
"""

from __future__ import annotations

import secrets
import shutil
import sqlite3
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from tests.site.daemon import LOOK_EVERY_S, READY_WITHIN_S, Daemon
from tests.site.mailsite import MailSite
from tests.site.ports import LOOPBACK, PortLease

INSTALL = (
    "apt-get install -y --no-install-recommends roundcube-core roundcube-sqlite3 php-cli php-sqlite3 php-mbstring php-xml"
    " php-intl"
)
PROGRAM = Path("/usr/share/roundcube")
PAGES = Path("/var/lib/roundcube/public_html")
DEFAULTS = Path("/etc/roundcube")
"""Where Debian's packages put the program, what a browser may see of it, and the defaults that it reads beside ours."""

_EXTENSIONS = frozenset({"pdo_sqlite", "mbstring", "dom", "intl"})


def what_roundcube_lacks() -> str:
    """Say in one sentence why Roundcube cannot run here and what to do; empty if it can."""
    absent = [] if PAGES.is_dir() and (PROGRAM / "SQL/sqlite.initial.sql").is_file() else ["roundcube"]
    if shutil.which("php") is None:
        absent.append("php")
    else:
        modules = subprocess.run(["php", "-m"], capture_output=True, text=True, check=True).stdout.lower().split()
        absent += sorted(f"php {name}" for name in _EXTENSIONS - set(modules))
    return f"The webmail needs {', '.join(absent)}; as root: {INSTALL}" if absent else ""


@contextmanager
def running_roundcube(site: MailSite, folder: Path) -> Iterator[str]:
    """Run Roundcube on ``site`` until the block ends, and give its address; ``folder`` is empty and its own."""
    lease = PortLease()
    try:
        _lay_out(site, folder)
        command = ["env", f"ROUNDCUBE_CONFIG_DIR={folder / 'config'}", "PHP_CLI_SERVER_WORKERS=4", "php"]
        command += ["-d", f"session.save_path={folder / 'temp'}", "-d", f"error_log={folder / 'logs/php'}"]
        command += ["-S", f"{LOOPBACK}:{lease.number}", "-t", str(PAGES)]
        server = Daemon("php", command, folder=folder / "logs", greetings={})
        server.launch()
        try:
            url = f"http://{LOOPBACK}:{lease.number}/"
            _wait_until_it_answers(url, server)
            yield url
        finally:
            server.stop()
    finally:
        lease.release()


def _lay_out(site: MailSite, folder: Path) -> None:
    for name in ("config", "temp", "logs"):
        (folder / name).mkdir(parents=True)
    with closing(sqlite3.connect(folder / "roundcube.db")) as database:
        database.executescript((PROGRAM / "SQL/sqlite.initial.sql").read_text())
    for name in ("defaults.inc.php", "mimetypes.php"):  # it looks for them beside its configuration only
        shutil.copy(DEFAULTS / name, folder / "config" / name)
    (folder / "config/config.inc.php").write_text(_config(site, folder))


def _config(site: MailSite, folder: Path) -> str:
    """Put the settings into words: replies above the quote, as most people's; mails opened in HTML where they have it."""
    user = next(iter(site.users))
    imap, smtp = site.imap_of(user), site.smtp_of(user)
    tls = f"['ssl' => ['verify_peer' => true, 'verify_peer_name' => true, 'cafile' => '{imap.ca_file}']]"
    return f"""<?php
$config['db_dsnw'] = 'sqlite:///{folder}/roundcube.db?mode=0600';
$config['imap_host'] = 'ssl://{imap.host}:{imap.port}';
$config['smtp_host'] = 'tls://{smtp.host}:{smtp.port}';
$config['smtp_user'] = '%u';
$config['smtp_pass'] = '%p';
$config['imap_conn_options'] = {tls};
$config['smtp_conn_options'] = {tls};
$config['des_key'] = '{secrets.token_hex(12)}';
$config['temp_dir'] = '{folder}/temp';
$config['log_dir'] = '{folder}/logs';
$config['log_driver'] = 'file';
$config['mime_types'] = '/etc/mime.types';
$config['product_name'] = 'Webmail';
$config['skin'] = 'elastic';
$config['language'] = 'en_GB';
$config['plugins'] = [];
$config['enable_installer'] = false;
$config['support_url'] = '';
$config['display_product_info'] = 0;
$config['drafts_mbox'] = '';
$config['sent_mbox'] = '';
$config['draft_autosave'] = 0;
$config['reply_mode'] = 1;
$config['prefer_html'] = true;
"""


def _wait_until_it_answers(url: str, server: Daemon) -> None:
    """Return when the login page comes: a web server greets nobody who only connects."""
    give_up_at = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < give_up_at:
        with suppress(OSError), urllib.request.urlopen(url, timeout=READY_WITHIN_S) as page:
            if b"rcmloginuser" in page.read():
                return
        time.sleep(LOOK_EVERY_S)
    raise TimeoutError(f"Roundcube does not answer. Its log ends:\n{server.log_tail()}")
