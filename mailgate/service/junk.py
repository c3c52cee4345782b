"""Answers that the mail server takes for junk: looked for and reported, never read. Whether they are junk a person tells."""

from __future__ import annotations

from datetime import timedelta

import structlog

from mailgate.errors import Forged, MailServerError
from mailgate.mail.imap import ImapMailbox
from mailgate.mail.inbound import Kind
from mailgate.model.lifecycle import State
from mailgate.model.quoting import plain
from mailgate.service.complaints import was_told
from mailgate.service.context import Serving
from mailgate.service.judging import examine
from mailgate.service.locating import locate
from mailgate.service.posting import tell_operators
from mailgate.store.requests import get_request
from mailgate.store.tables import Request

log = structlog.get_logger(__name__)

MOST = 500
"""Mails looked at in one go, the newest ones: a folder of junk may hold anything."""

MOST_FAILURES = 3


class JunkWatch:
    """Looks into the junk folder of the mailbox whenever something has come there."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving
        self._folder: str | None = ""  # not asked for yet
        self._seen = 0
        self._failures = 0

    def look(self, mailbox: ImapMailbox) -> None:
        """Report the answers among what has come since the last look; the first time, since yesterday.

        A courtesy: a server that fails at it again and again is not asked any more.
        """
        if self._folder is None:
            return
        try:
            self._folder = self._folder or mailbox.junk_folder()
            following = mailbox.next_uid(self._folder) if self._folder is not None else 0
            if self._folder is not None and following != self._seen:
                self._report(mailbox, self._folder)
            self._seen = following
        except (MailServerError, Forged) as error:
            log.warning("junk_unseen", why=error.message)
            self._failures += 1
            if self._failures == MOST_FAILURES:
                self._folder = None

    def _report(self, mailbox: ImapMailbox, folder: str) -> None:
        with self._serving.store.read() as tx:
            yesterday = (tx.now - timedelta(days=1)).date()
        with mailbox.beside(folder) as junk:
            # UIDs may have begun anew; then everything counts as new.
            is_known = 0 < self._seen <= junk.uidnext
            uids = junk.uids_after(self._seen - 1) if is_known else junk.uids_since(yesterday)
            for uid, header in junk.headers(uids[-MOST:]):
                if (request := self._request(header)) is not None:
                    log.warning("in_junk", folder=folder, uid=uid, request=request.id)
                    self._tell(request, folder)

    def _request(self, header: bytes) -> Request | None:
        """Return the request that a mail is about, if it can still be answered."""
        examined = examine(header, self._serving.config, self._serving.signer.name)
        if examined.kind is Kind.OWN:
            return None
        with self._serving.store.read() as tx:
            found = locate(tx, self._serving.key, addressed=examined.tokens, answered=examined.answered)
            request = get_request(tx, found[0].at.request_id) if found else None
            return request if request is not None and request.state == State.PENDING else None

    def _tell(self, request: Request, folder: str) -> None:
        headline = (
            f"An answer about {request.action} lies in the mail server's folder {plain(folder)}, where nothing is read."
        )
        into = plain(self._serving.config.imap.folder)
        next_step = f"Look at it; if it is no junk, move it to {into}. It then counts by the time at which it came."
        with self._serving.store.write() as tx:
            if not was_told(tx, self._serving, request, headline):
                tell_operators(tx, self._serving, request, headline=headline, next_step=next_step)
