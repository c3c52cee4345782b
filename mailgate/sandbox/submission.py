"""The SMTP side of the site (aiosmtpd 1.4): people log in and hand mail in. The only file that knows aiosmtpd.

It checks the login and the recipients; what becomes of an accepted mail is decided by the site.
"""

from __future__ import annotations

import asyncio
import hmac
import re
import secrets
import socket
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword, Session

from mailgate.sandbox.accounts import Accounts
from mailgate.sandbox.ports import hold, release
from mailgate.sandbox.stamp import Submission

# RFC 5321 section 4.1.2 without quoted strings and address literals, which nobody at this site has.
_PLAIN_PATH = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9.-]{1,255}")
_STRAY_LF = re.compile(rb"(?<!\r)\n")
_STRAY_CR = re.compile(rb"\r(?!\n)")

Accept = Callable[[Submission, tuple[str, ...]], Awaitable[None]]


def _with_whole_line_ends(raw: bytes) -> bytes:
    """Return ``raw`` with CRLF as its only line end (RFC 5321 section 2.3.8), the way Postfix 3.9 cleans up."""
    return _STRAY_CR.sub(b" ", _STRAY_LF.sub(b"\r\n", raw))


class _Peer(Session):
    """What is known of a client, without the deprecated ``login_data`` that aiosmtpd warns about at every login."""

    login_data = None


class _Hooks:
    """What aiosmtpd asks while a client talks, under its names; each answer is one SMTP reply line."""

    def __init__(self, accounts: Accounts, accept: Accept) -> None:
        self._accounts = accounts
        self._accept = accept

    def check_login(self, server: Any, session: Any, envelope: Any, mechanism: str, login: object) -> AuthResult:
        """Answer AUTH PLAIN and AUTH LOGIN."""
        # handled=False: aiosmtpd answers for us; with its default, True, a refused client would wait for ever.
        refused = AuthResult(success=False, handled=False)
        if not isinstance(login, LoginPassword):
            return refused
        account = self._accounts.by_address.get(login.login.decode("utf-8", "replace").lower())
        if account is None or not hmac.compare_digest(account.password.encode(), login.password):
            return refused
        return AuthResult(success=True, auth_data=account.address)

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: Sequence[str]) -> str:  # noqa: N802
        if not session.authenticated:
            return "530 5.7.0 Authentication required: log in with your address and password"
        if address != "<>" and not _PLAIN_PATH.fullmatch(address):
            return "553 5.1.7 The sender must be a plain ASCII address, or <>"
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 Sender ok"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Sequence[str]) -> str:  # noqa: N802
        if not _PLAIN_PATH.fullmatch(address) or self._accounts.find(address) is None:
            return "550 5.1.1 Nobody here has this address, and mail to elsewhere is not sent"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 Recipient ok"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        submission = Submission(
            login=session.auth_data,
            envelope_from="" if envelope.mail_from == "<>" else envelope.mail_from,
            hello=session.host_name,
            queue_id=secrets.token_hex(6).upper(),
            received_at=datetime.now(UTC),
            raw=_with_whole_line_ends(envelope.original_content),
        )
        await self._accept(submission, tuple(envelope.rcpt_tos))
        return f"250 2.0.0 Accepted as {submission.queue_id}"

    async def handle_exception(self, error: Exception) -> str:
        return "451 4.3.0 Cannot take this mail now"


class SubmissionServer:
    """SMTP with AUTH on one loopback port, which it keeps while it is paused."""

    def __init__(self, accounts: Accounts, accept: Accept) -> None:
        self._accounts = accounts
        self._hooks = _Hooks(accounts, accept)
        self._server: asyncio.Server | None = None
        self._held: socket.socket | None = None
        self._port = 0
        self._open: set[asyncio.BaseTransport] = set()

    async def serve(self, listening: socket.socket) -> None:
        """Answer clients on ``listening``."""
        self._port = listening.getsockname()[1]
        self._server = await asyncio.get_running_loop().create_server(self._session, sock=listening)

    async def pause(self) -> None:
        """Break every connection and refuse new ones, as a server that went down; the port stays ours."""
        if self._server is None:
            return
        self._disconnect()
        self._held = hold(self._port)

    async def resume(self) -> None:
        """Listen again on the same port."""
        held, self._held = self._held, None
        if held is not None:
            await self.serve(release(held))

    def close(self) -> None:
        """Stop for good."""
        self._disconnect()
        if self._held is not None:
            self._held.close()
            self._held = None

    def _disconnect(self) -> None:
        server, self._server = self._server, None
        if server is not None:
            server.close()
        for transport in tuple(self._open):
            transport.abort() if isinstance(transport, asyncio.WriteTransport) else transport.close()

    def _session(self) -> SMTP:
        # auth_required is not set: aiosmtpd warns about it without TLS at every connection. handle_MAIL demands it.
        return _Session(
            self._open,
            self._hooks,
            hostname=self._accounts.authserv_id,
            ident="mailgate sandbox",
            authenticator=self._hooks.check_login,
            auth_require_tls=False,
            loop=asyncio.get_running_loop(),
        )


class _Session(SMTP):
    """One client's connection, listed in ``open_transports`` as long as it lasts."""

    def __init__(self, open_transports: set[asyncio.BaseTransport], hooks: _Hooks, **settings: Any) -> None:
        super().__init__(hooks, **settings)
        self._listed = open_transports
        self._mine: asyncio.BaseTransport | None = None

    def _create_session(self) -> Session:
        return _Peer(self.loop)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._mine = transport
        self._listed.add(transport)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        if self._mine is not None:
            self._listed.discard(self._mine)
        super().connection_lost(error)
