"""A whole mail site on loopback in one process: SMTP, IMAP and a web inbox, for trying mailgate out.

It plays the outside world (an organisation, its people, their mail clients), so it may look at the clock and roll
dice. It knows nothing of gates, requests or decisions, and imports nothing of
mailgate but errors and config.
"""

from __future__ import annotations

from mailgate.errors import ConfigError

try:
    from mailgate.sandbox.facade import Sandbox
    from mailgate.sandbox.mailboxes import StoredMail
except ModuleNotFoundError as missing:
    raise ConfigError(
        [f"The sandbox needs {missing.name}, which is not installed: run pip install 'mailgate[sandbox]'."]
    ) from missing

__all__ = ["Sandbox", "StoredMail"]
