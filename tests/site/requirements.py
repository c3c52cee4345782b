"""What a machine must have before a mail site can run on it. Nothing is installed or started here."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

SERVER_PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"))
"""Where servers are looked for: an ordinary person's PATH lacks the ``sbin`` folders."""

DOVECOT_LIBEXEC = Path("/usr/lib/dovecot")
DOVECOT_SIEVE = Path("/usr/lib/dovecot/modules/lib90_sieve_plugin.so")
INSTALL = "apt-get install -y --no-install-recommends postfix dovecot-imapd dovecot-lmtpd dovecot-sieve"


def program(name: str) -> str:
    """Return the full path of a server program.

    Raises:
        FileNotFoundError: it is not installed.
    """
    found = shutil.which(name, path=SERVER_PATH)
    if found is None:
        raise FileNotFoundError(f"{name} is not installed; as root: {INSTALL}")
    return found


def what_is_missing() -> str:
    """Say in one sentence why a mail site cannot run here and what to do; empty if it can."""
    absent = [name for name in ("postconf", "dovecot") if shutil.which(name, path=SERVER_PATH) is None]
    absent += [f"dovecot {part}" for part in ("imap", "lmtp") if not (DOVECOT_LIBEXEC / part).exists()]
    absent += [] if DOVECOT_SIEVE.exists() else ["dovecot sieve"]
    if absent:
        return f"The mail site needs {', '.join(absent)}; as root: {INSTALL}"
    if os.geteuid() != 0:
        return "The mail site must be started by root, because Postfix gives each of its parts a user of its own."
    version = subprocess.run([program("dovecot"), "--version"], capture_output=True, text=True, check=True).stdout
    if not version.startswith("2.3."):
        return f"The mail site's settings are for Dovecot 2.3 and this is {version.strip()}; use Debian 12."
    return ""
