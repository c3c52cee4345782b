"""A real mail site for tests: Postfix and Dovecot on free loopback ports, in a temporary folder, gone when stopped.

Here lives what runs the servers and looks into their mailboxes. Nothing here knows mailgate, and no test lives here.

One :class:`MailSite` is one organisation. Two of them, given each other's ``routes``, exchange mail as two
organisations do; with a ``name_server`` each signs what it sends and verifies what it gets (OpenDKIM).
"""

from __future__ import annotations

from tests.site.mailsite import MailSite, ServerLogin
from tests.site.requirements import what_is_missing

__all__ = ["MailSite", "ServerLogin", "what_is_missing"]
