"""The mailboxes of the site, in memory, and the IMAP server on them (pymap 0.36). The only file that knows pymap.

Everything here runs in the site's event loop. What is sent, by whom and why is none of its business.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import uuid
from argparse import Namespace
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from proxyprotocol.result import ProxyResultLocal
from proxyprotocol.sock import SocketInfo
from pymap.backend.dict import Config, Identity, Login
from pymap.backend.dict.mailbox import MailboxSet, Message
from pymap.concurrent import Subsystem
from pymap.flags import FlagOp
from pymap.imap import IMAPServer
from pymap.parsing.message import AppendMessage
from pymap.parsing.specials import FetchRequirement
from pymap.parsing.specials.flag import Answered, Flag, Seen
from pymap.user import Passwords, UserMetadata
from pysasl.hashing import BuiltinHash

from mailgate.sandbox.accounts import Account

INBOX = "INBOX"
SENT = "Sent"
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredMail:
    r"""One mail as it lies in a mailbox.

    Attributes:
        raw: every byte, with the trace fields of the site on top.
        arrived_at: when the site stored it, aware UTC.
        unread: whether no mail client has shown it yet (it lacks the IMAP flag ``\Seen``).
        answered: whether its owner has replied to it (it has the IMAP flag ``\Answered``).
        folder: the IMAP folder, ``INBOX`` unless somebody moved it.
        uid: its IMAP UID in that folder.
    """

    raw: bytes
    arrived_at: datetime
    unread: bool
    answered: bool
    folder: str
    uid: int


class _SiteConfig(Config):
    """pymap's settings without its look-up of this machine's name, a DNS question at every connection."""

    @property
    def greeting(self) -> bytes:
        return b"mailgate sandbox"


class WholeResponses:
    """A stream writer that sends each response in one piece.

    pymap writes a response word by word, each in its own TCP segment, and imapclient 4.1 takes the half line of an IDLE
    push that it has read so far for a broken connection.
    """

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._parts: list[bytes] = []

    def write(self, part: Any) -> None:
        self._parts.append(bytes(part))

    def writelines(self, parts: Iterable[Any]) -> None:
        self._parts.extend(bytes(p) for p in parts)

    async def drain(self) -> None:
        self._flush()
        await self._writer.drain()

    def close(self) -> None:
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        response = b"".join(self._parts)
        self._parts.clear()
        if response and not self._writer.is_closing():
            self._writer.write(response)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._writer, name)


def _config() -> Config:
    return _SiteConfig(
        Namespace(proxy_protocol=None),
        host=None,
        port=0,
        tls_enabled=False,
        ssl_context=ssl.create_default_context(ssl.Purpose.CLIENT_AUTH),  # else CERT_FILE of the environment is read
        hash_context=BuiltinHash(rounds=1),  # passwords that anybody may know need no stretching
        cpu_subsystem=Subsystem.for_asyncio(),
        invalid_user_sleep=0.0,
        demo_data=False,
        demo_user="",
        demo_password="",
    )


def _in_utc(instant: datetime) -> datetime:
    return instant.astimezone(UTC)  # an IMAP client may APPEND without a date; pymap then takes naive local time


async def _stored(message: Message, folder: str) -> StoredMail:
    content = await message.load_content(FetchRequirement.CONTENT)
    return StoredMail(
        raw=bytes(content.get_body()),
        arrived_at=_in_utc(message.internal_date),
        unread=Seen not in message.permanent_flags,
        answered=Answered in message.permanent_flags,
        folder=folder,
        uid=message.uid,
    )


class Mailboxes:
    """The folders of every account, and IMAP access to them; ``on_change`` is called after every change made here."""

    def __init__(self, *, on_change: Callable[[], None]) -> None:
        self._config = _config()
        self._login = Login(self._config)
        self._imap = IMAPServer(self._login, self._config)
        self._on_change = on_change
        self._connections: set[asyncio.Task[None]] = set()  # asyncio itself holds tasks weakly

    async def add(self, account: Account) -> None:
        """Open empty mailboxes for ``account``."""
        password = await Passwords(self._config).hash_password(account.password)
        await self._identity(account.address).set(UserMetadata(self._config, account.address, password=password))

    async def serve_imap(self, listening: socket.socket) -> asyncio.Server:
        """Serve IMAP on ``listening``; the caller closes the server, then calls :meth:`disconnect`."""
        # Not through pymap's IMAPService: its proxy reader starts sessions in tasks that nobody holds, and Python 3.13
        # collects them in mid-session.
        return await asyncio.start_server(self._connection, sock=listening)

    async def disconnect(self) -> None:
        """End every IMAP connection."""
        tasks = tuple(self._connections)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def append(
        self, address: str, raw: bytes, *, arrived_at: datetime, folder: str = INBOX, is_read: bool = False
    ) -> None:
        """Store ``raw`` in a folder at ``address``, made if need be; clients in IDLE hear of it at once."""
        flags: frozenset[Flag] = frozenset({Seen}) if is_read else frozenset()
        async with self._identity(address).new_session() as session:
            if folder not in await self._folders(session.mailbox_set):
                await session.mailbox_set.add_mailbox(folder)
            await session.append_messages(folder, [AppendMessage(raw, arrived_at, flags)])
        self._on_change()

    async def mails(self, address: str) -> tuple[StoredMail, ...]:
        """Return every mail in every folder of the mailbox at ``address``, oldest first."""
        found: list[StoredMail] = []
        async with self._identity(address).new_session() as session:
            for folder in await self._folders(session.mailbox_set):
                mailbox = await session.mailbox_set.get_mailbox(folder)
                messages = [m async for m in mailbox.messages()]
                found += [await _stored(m, folder) for m in messages]
        return tuple(sorted(found, key=lambda m: (m.arrived_at, m.uid)))

    async def unread(self, address: str) -> int:
        """Return how many mails in the mailbox at ``address`` nobody has read."""
        count = 0
        async with self._identity(address).new_session() as session:
            for folder in await self._folders(session.mailbox_set):
                count += (await (await session.mailbox_set.get_mailbox(folder)).snapshot()).unseen
        return count

    async def mark(self, address: str, mail: StoredMail, *, answered: bool = False) -> None:
        """Flag ``mail`` as read, and as answered if so; nothing happens if it is gone from its folder."""
        flags = frozenset({Seen, Answered} if answered else {Seen})
        async with self._identity(address).new_session() as session:
            if mail.folder not in await self._folders(session.mailbox_set):
                return
            mailbox = await session.mailbox_set.get_mailbox(mail.folder)
            current = [m async for m in mailbox.messages() if m.uid == mail.uid]
            for message in current:
                await mailbox.update(message.uid, message, flags, FlagOp.ADD)
        self._on_change()

    def _identity(self, address: str) -> Identity:
        return Identity(address, self._login, None, frozenset())

    @staticmethod
    async def _folders(mailbox_set: MailboxSet) -> tuple[str, ...]:
        return tuple(entry.name for entry in (await mailbox_set.list_mailboxes()).list() if entry.exists)

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        responses: Any = WholeResponses(writer)
        about = SocketInfo.get(responses, ProxyResultLocal(), unique_id=uuid.uuid4().bytes)
        try:
            await self._imap(reader, responses, about)
        except Exception as failed:  # a broken client must not end the site, nor write a traceback into the demo
            _log.info("IMAP connection ended: %r", failed)
        finally:
            self._connections.discard(task)
            writer.close()
