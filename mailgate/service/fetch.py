"""Intake's first half: get mails off the server and store their exact bytes; what they mean is concluded after that.

What was read is known from the database, never from flags: a person may look at the mailbox, too.
"""

from __future__ import annotations

import hashlib
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta

import structlog

from mailgate.errors import LeaseLost, MailServerError, StoreUnavailable
from mailgate.mail.imap import Arrived, ImapMailbox
from mailgate.service.context import Serving
from mailgate.service.intake import conclude_mail, incoming_label
from mailgate.service.junk import JunkWatch
from mailgate.store import Tx
from mailgate.store.mails import find_incoming_by_hash, get_cursor, incoming_in_state, unmoved
from mailgate.store.requests import is_awaited
from mailgate.store.tables import Cursor, Incoming
from mailgate.store.work import Holding, hold_lease, is_free, release_lease, take_lease

log = structlog.get_logger(__name__)

LEASE = timedelta(seconds=30)
FOLDERS = {"concluded": "Mailgate/Processed", "quarantined": "Mailgate/Quarantine"}
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 60.0
MOST_FAILURES = 3
"""A mail at which reading broke off so often is left where it is: those behind it are waited for, too."""

GIVE_WAY_SECONDS = 0.1
"""An agent waits for what was just decided, nobody for the mail to lie in another folder."""

CURSOR_SECONDS = 10.0
"""How often the cursor is written while nothing arrives; expiry waits for it only near a deadline."""


class InboxRole:
    """Reads one mailbox in one thread; one owner at a time, by a lease."""

    name = "inbox"

    def __init__(self, serving: Serving, open_mailbox: Callable[[], ImapMailbox], owner: str) -> None:
        settings = serving.config.imap
        self._serving = serving
        self._open = open_mailbox
        self._owner = owner
        self._mailbox = f"{settings.username}@{settings.host}"
        self._folder = settings.folder
        self._wait = min(settings.idle, settings.poll).total_seconds()
        self._holding: Holding | None = None
        self._held_at: datetime | None = None
        self._stop = threading.Event()
        self._pause = FIRST_PAUSE_SECONDS
        self._junk = JunkWatch(serving)
        self._failures: Counter[tuple[int, int]] = Counter()  # by UIDVALIDITY and UID

    def run(self, stop: threading.Event) -> None:
        """Read until ``stop``; whatever breaks the connection means a new one, after a pause that grows."""
        self._stop = stop
        while not stop.is_set():
            try:
                if not self._own():
                    stop.wait(1.0)
                    continue
                self._conclude_new()
                with self._open() as mailbox:
                    self._read(mailbox)
            except (MailServerError, StoreUnavailable) as error:
                log.warning("mailbox_unavailable", why=error.message, again_in=self._pause)
                stop.wait(self._pause)
                self._pause = min(self._pause * 2, LONGEST_PAUSE_SECONDS)
            except LeaseLost:
                log.warning("lease_lost", lease="inbox")
                self._holding = None
        self._release()

    def _read(self, mailbox: ImapMailbox) -> None:
        uid, renumbered_since = self._start(mailbox)
        if renumbered_since is not None:
            # UIDs began anew: look at everything that came after we first looked, and let the hashes tell what is known.
            # From the day before, because SEARCH compares days as the server's own zone has them; servers keep whole seconds.
            since = renumbered_since.replace(microsecond=0)
            again = self._fetched(mailbox, mailbox.uids_since(since.date() - timedelta(days=1)))
            uid = self._keep(mailbox, (a for a in again if a.received_at is None or a.received_at >= since), uid)
        log.info("mailbox_open", folder=self._folder, after_uid=uid)
        while not self._stop.is_set():
            with self._serving.store.read() as tx:
                looked_at = tx.now
            before, uid = uid, self._keep(mailbox, self._fetched(mailbox, mailbox.uids_after(uid)), uid)
            self._pause = FIRST_PAUSE_SECONDS
            self._conclude_new()
            self._note_read(looked_at, uid)
            if uid > before:
                self._stop.wait(GIVE_WAY_SECONDS)
            self._move_concluded(mailbox)
            self._junk.look(mailbox)
            mailbox.wait(self._wait, self._wanted)
            mailbox.noop()

    def _start(self, mailbox: ImapMailbox) -> tuple[int, datetime | None]:
        """Return the UID to read after, and since when to read again if the server numbered its mails anew."""
        with self._serving.store.write() as tx:
            cursor = get_cursor(tx, self._mailbox, self._folder)
            newest = max(mailbox.uidnext - 1, 0)
            renumbered_since = None
            if cursor is None:
                # An old mailbox must not be answered: we begin with what comes from now on.
                cursor = Cursor(
                    mailbox=self._mailbox,
                    folder=self._folder,
                    uidvalidity=mailbox.uidvalidity,
                    uid=newest,
                    started_at=tx.now,
                    read_at=tx.now,
                )
            elif cursor.uidvalidity != mailbox.uidvalidity:
                log.warning("mailbox_renumbered", before=cursor.uidvalidity, now=mailbox.uidvalidity)
                renumbered_since = cursor.started_at
                cursor.uidvalidity, cursor.uid = mailbox.uidvalidity, newest
            tx.session.add(cursor)
            return cursor.uid, renumbered_since

    def _fetched(self, mailbox: ImapMailbox, uids: Iterable[int]) -> Iterator[Arrived]:
        """Yield mails one by one, without those at which reading has broken off again and again.

        Such a mail stays in the folder, untouched; moved out and back in it has another UID and is tried again.
        """
        for uid in uids:
            place = mailbox.uidvalidity, uid
            if self._failures[place] >= MOST_FAILURES:
                continue
            try:
                yield from mailbox.fetch([uid])
            except MailServerError as error:
                self._failures[place] += 1
                if self._failures[place] == MOST_FAILURES:
                    log.error("mail_unreadable", folder=self._folder, uid=uid, why=error.message)
                raise
            del self._failures[place]

    def _keep(self, mailbox: ImapMailbox, arrived: Iterable[Arrived], uid: int) -> int:
        """Store mails one by one, each with the cursor that says it is stored; return the last UID."""
        for mail in arrived:
            with self._serving.store.write() as tx:
                self._hold(tx)
                digest = hashlib.sha256(mail.raw).hexdigest()
                if find_incoming_by_hash(tx, digest) is None:
                    tx.session.add(self._row(tx, mail, mailbox.uidvalidity, digest))
                cursor = get_cursor(tx, self._mailbox, self._folder)
                assert cursor is not None
                cursor.uid = max(cursor.uid, mail.uid)
                tx.session.add(cursor)
                uid = max(uid, mail.uid)
        return uid

    def _row(self, tx: Tx, mail: Arrived, uidvalidity: int, digest: str) -> Incoming:
        if mail.received_at is None:
            # It was there by now; that it may have been there before a deadline nobody can prove.
            log.warning("arrival_unknown", folder=self._folder, uid=mail.uid)
        row = Incoming(
            id=tx.chance.id(),
            mailbox=self._mailbox,
            folder=self._folder,
            uidvalidity=uidvalidity,
            uid=mail.uid,
            sha256=digest,
            sealed=b"",
            size=len(mail.raw),
            received_at=mail.received_at or tx.now,
            fetched_at=tx.now,
            state="new",
        )
        # Sealed, because a reply quotes our mail and with it a link and a code that may still decide.
        row.sealed = self._serving.key.seal(mail.raw, label=incoming_label(row), nonce=tx.chance.bytes(12))
        return row

    def _conclude_new(self) -> None:
        with self._serving.store.read() as tx:
            waiting = [row.id for row in incoming_in_state(tx, "new")]
        for incoming_id in waiting:
            conclude_mail(self._serving, incoming_id)

    def _note_read(self, looked_at: datetime, uid: int) -> None:
        """Say that everything which had arrived by ``looked_at`` is stored; expiry waits for that."""
        with self._serving.store.read() as tx:
            cursor = get_cursor(tx, self._mailbox, self._folder)
            assert cursor is not None
            old = (looked_at - cursor.read_at).total_seconds() > CURSOR_SECONDS
            if not old and not is_awaited(tx, cursor.read_at):
                return
        with self._serving.store.write() as tx:
            self._hold(tx)
            cursor = get_cursor(tx, self._mailbox, self._folder)
            assert cursor is not None
            cursor.read_at, cursor.uid = max(cursor.read_at, looked_at), max(cursor.uid, uid)
            tx.session.add(cursor)

    def _move_concluded(self, mailbox: ImapMailbox) -> None:
        """Put what was concluded into our folders, so that a person sees what was read and how.

        That is a courtesy: a server that does not let us is read all the same.
        """
        place = self._folder, mailbox.uidvalidity
        with self._serving.store.read() as tx:
            rows = [r for r in unmoved(tx, self._mailbox) if (r.folder, r.uidvalidity) == place]
        for state, folder in FOLDERS.items():
            uids = [r.uid for r in rows if r.state == state]
            if not uids:
                continue
            try:
                mailbox.move(uids, folder)
            except MailServerError as error:
                log.warning("not_moved", folder=folder, why=error.message)
                continue
            with self._serving.store.write() as tx:
                for row in rows:
                    if row.state == state:
                        tx.session.get_one(Incoming, row.id).moved = True

    def _wanted(self) -> bool:
        """Return whether to stop waiting: we must end, or the keeper waits for us to read past a deadline."""
        if self._stop.is_set():
            return True
        with self._serving.store.read() as tx:
            cursor = get_cursor(tx, self._mailbox, self._folder)
            now = tx.now
            awaited = cursor is not None and is_awaited(tx, cursor.read_at)
        if self._held_at is None or now - self._held_at > LEASE / 3:
            with self._serving.store.write() as tx:
                self._hold(tx)
        return awaited

    def _own(self) -> bool:
        if self._holding is not None:
            return True
        name = f"inbox {self._mailbox}/{self._folder}"
        with self._serving.store.read() as tx:
            if not is_free(tx, name, self._owner):
                return False
        with self._serving.store.write() as tx:
            self._holding = take_lease(tx, name, self._owner, LEASE)
        return self._holding is not None

    def _hold(self, tx: Tx) -> None:
        if self._holding is not None:
            hold_lease(tx, self._holding, LEASE)
            self._held_at = tx.now

    def _release(self) -> None:
        if self._holding is None:
            return
        try:
            with self._serving.store.write() as tx:
                release_lease(tx, self._holding)
        except StoreUnavailable:
            log.warning("lease_not_released", lease="inbox")
