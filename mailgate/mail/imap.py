"""Read a mailbox: the one adapter to imapclient 4.1, used by one thread. What its quirks demand is said where it is done."""

from __future__ import annotations

import contextlib
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from imapclient import IMAPClient, SocketTimeout

from mailgate.config import ImapSettings
from mailgate.errors import MailgateError, MailServerError
from mailgate.model.quoting import plain

MOST_SHOWN = 300
"""Characters of what a server says that are repeated: a sentence or two."""

_GOODBYE = "The mail server said goodbye."


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrived:
    """One mail as the server holds it: its UID, exact bytes, and when the server received it, if it says so."""

    uid: int
    raw: bytes
    received_at: datetime | None


class ImapMailbox:
    """One folder of one mailbox, opened for reading and moving.

    Every method raises MailServerError when the connection cannot be trusted any more; then open a new one.
    """

    def __init__(
        self, settings: ImapSettings, password: str, ca_file: Path | None, *, folder: str = "", readonly: bool = False
    ) -> None:
        self._settings = settings
        self._folder = folder or settings.folder
        self._readonly = readonly
        self._password = password
        self._ca_file = ca_file
        self._client: Any = None
        self.uidvalidity = 0
        self.uidnext = 0

    def __enter__(self) -> Self:
        """Connect, log in and select the folder."""
        try:
            self._connect()
        except MailServerError as error:
            self.__exit__(type(error), error, error.__traceback__)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Log out, or drop the connection where it is broken."""
        client, self._client = self._client, None
        if client is None:
            return
        with contextlib.suppress(Exception):
            client.logout() if kind is None else client.shutdown()

    def _connect(self) -> None:
        settings = self._settings
        seconds = settings.timeout.total_seconds()
        with self._translated():
            context = ssl.create_default_context(cafile=self._ca_file) if settings.tls != "none" else None
            self._client = IMAPClient(
                settings.host,
                settings.port,
                ssl=settings.tls == "implicit",
                ssl_context=context,
                # Without a read timeout idle_done() waits for ever on a silent peer (imapclient#449).
                timeout=SocketTimeout(connect=seconds, read=seconds),
            )
            # Instants with their offset: a naive one in the machine's zone means two, in the hour that comes twice.
            self._client.normalise_times = False
            if settings.tls == "starttls":
                self._client.starttls(ssl_context=context)
            self._client.login(settings.username, self._password)
            selected = self._client.select_folder(self._folder, readonly=self._readonly)
            self.uidvalidity = int(selected[b"UIDVALIDITY"])
            self.uidnext = int(selected.get(b"UIDNEXT") or max(self._client.search(["ALL"]), default=0) + 1)
            self._is_announced()  # by the selection itself: that is no news

    def beside(self, folder: str, *, readonly: bool = True) -> ImapMailbox:
        """Return another folder of the same mailbox, on a connection of its own that is not opened yet.

        Args:
            folder: as the server names it, see :meth:`junk_folder` and :meth:`own_folder`.
        """
        return ImapMailbox(self._settings, self._password, self._ca_file, folder=folder, readonly=readonly)

    def junk_folder(self) -> str | None:
        """Return where the server puts what it takes for junk (RFC 6154, or a usual name), or None."""
        with self._translated():
            found = self._client.find_special_folder(b"\\Junk")
            return str(found) if found is not None else None

    def own_folder(self, folder: str) -> str:
        """Return how the server names a folder of ours, such as ``Mailgate/Processed``, whether it is there or not."""
        with self._translated():
            prefix, delimiter = self._namespace()
            return prefix + folder.replace("/", delimiter)

    def next_uid(self, folder: str) -> int:
        """Return the UID that the next mail in another folder will get; 0 if there is no such folder."""
        with self._translated():
            if not self._client.folder_exists(folder):
                return 0
            return int(self._client.folder_status(folder, [b"UIDNEXT"])[b"UIDNEXT"])

    def can_idle(self) -> bool:
        """Return whether the server pushes news (RFC 2177)."""
        with self._translated():
            return bool(self._client.has_capability("IDLE"))

    def uids_after(self, uid: int) -> list[int]:
        """Return the UIDs above ``uid``, ascending."""
        with self._translated():
            self._is_announced()
            found = self._client.search(["UID", f"{uid + 1}:*"])
        # "n:*" names the last message even where its UID is below n (RFC 3501 section 6.4.8).
        return sorted(u for u in found if u > uid)

    def uids_since(self, day: date) -> list[int]:
        """Return the UIDs of mails received on ``day`` or later, ascending."""
        with self._translated():
            return sorted(self._client.search(["SINCE", day]))

    def fetch(self, uids: Iterable[int]) -> Iterator[Arrived]:
        """Yield the mails with ``uids``, without marking them read; one at a time, since one may be very large."""
        for uid in uids:
            with self._translated():
                # PEEK: plain RFC822 would set \Seen on a person's mail. Explicit UIDs: ranges are refused.
                response = self._client.fetch([uid], [b"BODY.PEEK[]", b"INTERNALDATE"]).get(uid, {})
            body = response.get(b"BODY[]")
            if isinstance(body, bytes):
                yield Arrived(uid=uid, raw=body, received_at=_instant(response.get(b"INTERNALDATE")))

    def headers(self, uids: Iterable[int]) -> Iterator[tuple[int, bytes]]:
        """Yield UID and header block of mails, without marking them read."""
        for uid in uids:
            with self._translated():
                header = self._client.fetch([uid], [b"BODY.PEEK[HEADER]"]).get(uid, {}).get(b"BODY[HEADER]")
            if isinstance(header, bytes):
                yield uid, header

    def wait(self, seconds: float, wanted: Callable[[], bool]) -> bool:
        """Wait up to ``seconds`` for the server to say that something arrived since we last looked (IDLE); True if it did.

        Args:
            wanted: called about every second; a true answer ends the wait early.
        """
        with self._translated():
            if self._is_announced():
                return True
            end = time.monotonic() + seconds
            if not self._client.has_capability("IDLE"):
                while (left := end - time.monotonic()) > 0 and not wanted():
                    time.sleep(min(left, 1.0))
                return False
            self._client.idle()
            news = self._is_said_already()
            while not news and (left := end - time.monotonic()) > 0 and not wanted():
                news = self._listen(min(left, 1.0))
            _, rest = self._client.idle_done()
            return news or any(_is_arrival(r) for r in rest)

    def noop(self) -> None:
        """Let the server tell what is new."""
        with self._translated():
            self._client.noop()

    def move(self, uids: list[int], folder: str) -> None:
        """Move mails into ``folder``, which is made if it is missing."""
        target = self.own_folder(folder)
        with self._translated():
            if not self._client.folder_exists(target):
                self._client.create_folder(target)
            if self._client.has_capability("MOVE"):
                self._client.move(uids, target)
                return
            self._client.copy(uids, target)
        self.delete(uids)

    def delete(self, uids: list[int]) -> None:
        """Delete mails; on a server without UIDPLUS (RFC 4315) they are only marked so."""
        with self._translated():
            self._client.add_flags(uids, [b"\\Deleted"], silent=True)
            # A plain EXPUNGE would also remove what a person marked deleted.
            if self._client.has_capability("UIDPLUS"):
                self._client.uid_expunge(uids)

    def _is_announced(self) -> bool:
        """Return whether the server announced mail together with some command since this was last asked.

        It does so once, so that an IDLE after that command would hear of it no more.
        """
        _, announced = self._client._imap.response("EXISTS")
        return bool(announced != [None])

    def _is_said_already(self) -> bool:
        """Return whether the server announced mail in one breath with its answer to IDLE.

        Those lines lie in a buffer before the socket, where idle_check(), which asks poll(2), does not see them.
        """
        news = False
        while self._is_buffered():
            line = self._client._imap._get_line().upper()
            if line.startswith(b"* BYE"):
                raise MailServerError(_GOODBYE)
            news |= line.endswith((b" EXISTS", b" RECENT"))
        return news

    def _is_buffered(self) -> bool:
        connection = self._client._imap
        connection.sock.settimeout(0.0)
        try:
            return bool(connection.file.peek(1))
        except OSError:  # under TLS "nothing yet" is an error
            return False
        finally:
            connection.sock.settimeout(self._settings.timeout.total_seconds())

    def _listen(self, seconds: float) -> bool:
        started = time.monotonic()
        lines = self._client.idle_check(timeout=seconds)
        # After EOF idle_check() returns [] at once, for ever (imapclient#565): only that betrays a dead connection.
        if not lines and time.monotonic() - started < seconds * 0.5:
            raise MailServerError("The mail server closed the connection while we waited.")
        if any(_is_goodbye(line) for line in lines):
            raise MailServerError(_GOODBYE)
        return any(_is_arrival(line) for line in lines)

    def _namespace(self) -> tuple[str, str]:
        listed = self._client.list_folders("", "INBOX")
        delimiter = (listed[0][1] or b"/").decode() if listed else "/"
        prefix = ""
        if self._client.has_capability("NAMESPACE"):
            personal = self._client.namespace().personal
            prefix = personal[0][0] if personal else ""
        return prefix, delimiter

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except MailgateError:
            raise
        except Exception as error:  # imaplib.abort, IMAPClientError, OSError, ssl.SSLError, ValueErrors of the parser
            where = f"{self._settings.host}:{self._settings.port}"
            raise MailServerError(
                f"The mailbox at {where} cannot be read now: {_said(error)}.",
                hint="Check [imap] host, port, tls, username and password, and that a mail server listens there.",
            ) from error


def _said(error: Exception) -> str:
    # imaplib hands on what a server said as the text of a bytes literal.
    said = str(error)
    if said.startswith("b'"):
        said = said.removeprefix("b'").removesuffix("'")
    return plain(said.rstrip("."))[:MOST_SHOWN] or type(error).__name__


def _instant(given: Any) -> datetime | None:
    """Return an INTERNALDATE in UTC; None for one that is missing, no date, or outside the calendar."""
    try:
        return given.astimezone(UTC) if isinstance(given, datetime) else None
    except (OverflowError, ValueError):
        return None


def _is_arrival(line: Any) -> bool:
    return isinstance(line, tuple) and len(line) > 1 and line[1] in (b"EXISTS", b"RECENT")


def _is_goodbye(line: Any) -> bool:
    return isinstance(line, tuple) and bool(line) and line[0] == b"BYE"
