"""Hand mails to the mail server: a few connections kept open, TLS always explicit, one recipient a mail (aiosmtplib 5.1)."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiosmtplib
from aiosmtplib import SMTPException, SMTPResponseException

from mailgate.config import SmtpSettings
from mailgate.errors import MailRefused, MailServerError

IDLE_SECONDS = 20.0
"""A connection unused for longer is asked whether it still lives before a mail is trusted to it."""

MOST_SHOWN = 300
"""Characters of what a server says that are repeated: a sentence or two."""

_TOO_LARGE = 552
"""The one refusal of the sender's command that is about the mail: its announced size (RFC 1870 section 6.1)."""


class SmtpSender:
    """Sends mails over at most ``settings.connections`` connections, each opened when first needed and reused.

    Belongs to one event loop.
    """

    def __init__(self, settings: SmtpSettings, password: str, ca_file: Path | None) -> None:
        self._settings = settings
        self._password = password
        self._ca_file = ca_file
        self._places = asyncio.Semaphore(settings.connections)
        self._idle: list[tuple[aiosmtplib.SMTP, float]] = []

    async def send(self, sender: str, recipient: str, raw: bytes) -> str:
        """Give one mail to the server and return its answer.

        Args:
            sender: the envelope sender; empty for mail that must not be answered (RFC 5321 section 4.5.5).

        Raises:
            MailRefused: the server said no for good (5xx) to this recipient or this mail.
            MailServerError: it cannot be reached, asked to try later (4xx), or refuses us rather than the mail (login,
                sender); it may have the mail all the same.
        """
        async with self._connection() as client:
            _, answer = await client.sendmail(sender, [recipient], raw)
            return _shown(answer)

    async def check(self) -> None:
        """Begin a mail from our address to itself and stop before its content, to see whether sending would work.

        Raises:
            MailServerError: as :meth:`send`.
        """
        async with self._connection() as client:
            await client.mail(self._settings.address)
            await client.rcpt(self._settings.address)
            await client.rset()

    async def close(self) -> None:
        """Say goodbye on every connection."""
        while self._idle:
            client, _ = self._idle.pop()
            await _leave(client)

    @asynccontextmanager
    async def _connection(self) -> AsyncIterator[aiosmtplib.SMTP]:
        loop = asyncio.get_running_loop()
        async with self._places:
            client: aiosmtplib.SMTP | None = None
            try:
                client = await self._take(loop.time())
                yield client
            except aiosmtplib.SMTPRecipientsRefused as error:
                await _leave(client)
                raise _translated(error.recipients[0]) from error
            except SMTPResponseException as error:
                # The session is stuck in its transaction: a new connection is simpler than finding out where.
                await _leave(client)
                raise _translated(error) from error
            except (SMTPException, OSError, ssl.SSLError, TimeoutError, UnicodeError) as error:
                _drop(client)
                where = f"{self._settings.host}:{self._settings.port}"
                raise MailServerError(
                    f"The mail server {where} cannot be used now: {_shown(str(error))}.",
                    hint="Check [smtp] host, port, tls and ca_file, and that a mail server listens there.",
                ) from error
            except BaseException:
                _drop(client)
                raise
            else:
                self._idle.append((client, loop.time()))

    async def _take(self, now: float) -> aiosmtplib.SMTP:
        while self._idle:
            client, since = self._idle.pop()
            if client.is_connected and (now - since < IDLE_SECONDS or await _lives(client)):
                return client
            _drop(client)
        return await self._open()

    async def _open(self) -> aiosmtplib.SMTP:
        settings = self._settings
        client = aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.port,
            # Our own name for EHLO; without it the library asks the name service, which may take long or fail.
            local_hostname=settings.address.partition("@")[2],
            timeout=settings.timeout.total_seconds(),
            use_tls=settings.tls == "implicit",
            start_tls=settings.tls == "starttls",
            tls_context=ssl.create_default_context(cafile=self._ca_file) if settings.tls != "none" else None,
        )
        try:
            await client.connect()
            if settings.username:
                await client.login(settings.username, self._password)
        except BaseException:
            _drop(client)
            raise
        return client


def _translated(error: SMTPResponseException) -> MailServerError:
    text = f"The mail server answered {error.code} {_shown(error.message)}".rstrip(".")
    if isinstance(error, aiosmtplib.SMTPAuthenticationError):
        text += "; check [smtp] username and password"
    if isinstance(error, aiosmtplib.SMTPSenderRefused) and error.code != _TOO_LARGE:
        text += "; check that [smtp] username may send as the address in [smtp] from"
    return MailRefused(f"{text}.", code=error.code) if _is_final(error) else MailServerError(f"{text}.")


def _shown(answer: str) -> str:
    """Return a server's words in printable ASCII on one line: they go into the database, mails and terminals.

    They should be ASCII (RFC 5321 section 4.2); aiosmtplib hands other bytes on as half characters, which nothing stores.
    """
    text = answer.encode("ascii", "backslashreplace").decode()
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:MOST_SHOWN]


def _is_final(error: SMTPResponseException) -> bool:
    """Return whether a refusal speaks of this very mail; about us or the server an operator can do something."""
    if isinstance(error, aiosmtplib.SMTPSenderRefused):
        return error.code == _TOO_LARGE
    return error.code >= 500 and isinstance(error, aiosmtplib.SMTPRecipientRefused | aiosmtplib.SMTPDataError)


async def _lives(client: aiosmtplib.SMTP) -> bool:
    try:
        await client.noop()
    except (SMTPException, OSError):
        return False
    return True


async def _leave(client: aiosmtplib.SMTP | None) -> None:
    if client is None:
        return
    transport = client.transport
    try:
        if client.is_connected:
            await client.quit()
    except (SMTPException, OSError, RuntimeError):
        pass
    finally:
        _end(client, transport)


def _drop(client: aiosmtplib.SMTP | None) -> None:
    """End a connection without a word: one that is broken answers nothing, and waiting for that would cost a timeout."""
    if client is not None:
        _end(client, client.transport)


def _end(client: aiosmtplib.SMTP, transport: asyncio.BaseTransport | None) -> None:
    """Close the socket now: after a mere close, TLS keeps it until the server has said goodbye, too (up to 30 seconds)."""
    client.close()
    if isinstance(transport, asyncio.WriteTransport):
        transport.abort()
