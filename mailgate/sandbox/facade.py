"""The sandbox as its users hold it: a context manager whose methods may be called from any thread.

Behind it one thread runs one event loop with the SMTP, IMAP and web servers. Nothing about mail is decided here.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Future
from contextlib import AsyncExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self, TypeVar

from mailgate.sandbox.accounts import accounts_for
from mailgate.sandbox.inbox import WebInbox
from mailgate.sandbox.mailboxes import SENT, StoredMail
from mailgate.sandbox.ports import LOOPBACK, listen_on
from mailgate.sandbox.site import AWAY_NOTE, MailSite
from mailgate.sandbox.submission import SubmissionServer

Result = TypeVar("Result")

PEOPLE: Mapping[str, str] = {
    "alice@sandbox.test": "Alice Adams",
    "bob@sandbox.test": "Bob Brown",
    "carol@sandbox.test": "Carol Clark",
}
_LOOK_AGAIN_SECONDS = 0.2  # other mail clients move and append mail without telling us
_PATIENCE_SECONDS = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Running:
    loop: asyncio.AbstractEventLoop
    stop: asyncio.Event
    site: MailSite
    submission: SubmissionServer


class Sandbox:
    """A whole mail site on 127.0.0.1, running while the ``with`` block does.

    Attributes:
        smtp_port, imap_port: where to connect, without TLS; the user name is the address.
        inbox_url: the web inbox, with a slash at its end.
        authserv_id: the id of the site's own Authentication-Results fields.
        passwords: address to password, for the people, the gate and the archive.
        people: address to name, without the gate and the archive.
        gate_address, archive_address: the two mailboxes that belong to mailgate.
    """

    def __init__(
        self,
        people: Mapping[str, str] = PEOPLE,
        *,
        gate_address: str = "approvals@sandbox.test",
        archive_address: str = "archive@sandbox.test",
        smtp_port: int = 0,
        imap_port: int = 0,
        inbox_port: int = 0,
    ) -> None:
        """Describe a site; nothing is opened before ``with``. Port 0 means any free one.

        Raises:
            ConfigError: an address that cannot be a mailbox, or one that is there twice.
        """
        self._accounts = accounts_for(people, gate_address=gate_address, archive_address=archive_address)
        self._wanted = {"SMTP": smtp_port, "IMAP": imap_port, "web inbox": inbox_port}
        everybody = self._accounts.by_address.values()
        self.people: Mapping[str, str] = {a.address: a.name for a in everybody if a.is_person}
        self.passwords: Mapping[str, str] = {a.address: a.password for a in everybody}
        self.gate_address = self._accounts.gate_address
        self.archive_address = self._accounts.archive_address
        self.authserv_id = self._accounts.authserv_id
        self.smtp_port = smtp_port
        self.imap_port = imap_port
        self.inbox_url = ""
        self._changes = 0
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._running: _Running | None = None

    def __enter__(self) -> Self:
        """Start the site.

        Raises:
            ConfigError: ports that are in use, one sentence each.
        """
        sockets = listen_on(self._wanted)
        self.smtp_port = sockets["SMTP"].getsockname()[1]
        self.imap_port = sockets["IMAP"].getsockname()[1]
        self.inbox_url = f"http://{LOOPBACK}:{sockets['web inbox'].getsockname()[1]}/"
        started: Future[_Running] = Future()
        self._thread = threading.Thread(target=self._run, args=(sockets, started), name="mailgate-sandbox", daemon=True)
        self._thread.start()
        self._running = started.result(_PATIENCE_SECONDS)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        running, self._running = self._running, None
        if running is not None:
            running.loop.call_soon_threadsafe(running.stop.set)
        if self._thread is not None:
            self._thread.join(_PATIENCE_SECONDS)
            self._thread = None

    def messages(self, address: str) -> tuple[StoredMail, ...]:
        """Return every mail that came to ``address``, oldest first, whatever folder it is in now; none that it sent."""
        return tuple(m for m in self._all(address) if m.folder != SENT)

    def sent(self, address: str) -> tuple[StoredMail, ...]:
        """Return the replies of this person, as the mail client kept them (without trace fields), oldest first."""
        return tuple(m for m in self._all(address) if m.folder == SENT)

    def wait_for(self, address: str, predicate: Callable[[StoredMail], bool], timeout_seconds: float) -> StoredMail:
        """Return the oldest mail at ``address`` that ``predicate`` accepts, as soon as there is one.

        Raises:
            TimeoutError: none came in time.
        """
        give_up_at = time.monotonic() + timeout_seconds
        while True:
            changes = self._changes
            mails = self.messages(address)
            for mail in mails:
                if predicate(mail):
                    return mail
            left = give_up_at - time.monotonic()
            if left <= 0:
                raise TimeoutError(
                    f"No such mail came to {address} within {timeout_seconds:g} s; {len(mails)} other mails are there."
                )
            with self._changed:
                if self._changes == changes:
                    self._changed.wait(min(left, _LOOK_AGAIN_SECONDS))

    def send(self, person: str, raw: bytes, to: str | Sequence[str], *, envelope_from: str | None = None) -> None:
        """Hand ``raw`` in over SMTP with this person's login, to one address or several, byte for byte.

        ``envelope_from`` is the person's own address if not given; ``""`` is the null return path.

        Raises:
            MailRefused: the server said no for good.
            MailServerError: it cannot be reached, because it is paused.
        """
        recipients = (to,) if isinstance(to, str) else tuple(to)
        self._call(lambda on: on.site.send(person, raw, recipients, envelope_from=envelope_from))

    def reply(self, person: str, to_message: StoredMail, text: str, html: str | None = None) -> bytes:
        """Answer a mail as a mail client would, and return the reply's bytes.

        ``text`` stands above the quoted original; with ``html``, what the person typed as markup, there are both parts.

        Raises:
            MailRefused, MailServerError: as :meth:`send`.
            ValueError: the mail names nobody who could be answered.
        """
        return self._call(lambda on: on.site.reply(person, to_message, text=text, html=html))

    def set_away(self, person: str, *, away: bool = True, note: str = AWAY_NOTE) -> None:
        """Switch a person's out-of-office reply (RFC 3834) on or off."""
        self._call(lambda on: _soon(lambda: on.site.set_away(person, away=away, note=note)))

    def set_bouncing(self, person: str, *, bouncing: bool = True) -> None:
        """Let mail to this person be accepted and then bounce (RFC 3464), or arrive again."""
        self._call(lambda on: _soon(lambda: on.site.set_bouncing(person, bouncing=bouncing)))

    def pause_smtp(self) -> None:
        """Take the SMTP server down: connections break, new ones are refused. IMAP and the web inbox go on."""
        self._call(lambda on: on.submission.pause())

    def resume_smtp(self) -> None:
        """Bring the SMTP server back on the same port."""
        self._call(lambda on: on.submission.resume())

    def _all(self, address: str) -> tuple[StoredMail, ...]:
        return self._call(lambda on: on.site.mailboxes.mails(on.site.account(address).address))

    def _call(self, ask: Callable[[_Running], Coroutine[Any, Any, Result]]) -> Result:
        running = self._running
        if running is None:
            raise RuntimeError("The sandbox is not running: use it inside its with block.")
        return asyncio.run_coroutine_threadsafe(ask(running), running.loop).result(_PATIENCE_SECONDS)

    def _note_change(self) -> None:
        with self._changed:
            self._changes += 1
            self._changed.notify_all()

    def _run(self, sockets: Mapping[str, Any], started: Future[_Running]) -> None:
        try:
            asyncio.run(self._serve(sockets, started))
        except BaseException as failed:
            if started.done():
                raise
            started.set_exception(failed)

    async def _serve(self, sockets: Mapping[str, Any], started: Future[_Running]) -> None:
        site = MailSite(self._accounts, smtp_port=self.smtp_port, on_change=self._note_change)
        submission = SubmissionServer(self._accounts, site.accept)
        stop = asyncio.Event()
        async with AsyncExitStack() as until_stopped:
            await site.open()
            until_stopped.push_async_callback(site.close)
            await submission.serve(sockets["SMTP"])
            until_stopped.callback(submission.close)
            imap = await site.mailboxes.serve_imap(sockets["IMAP"])
            until_stopped.push_async_callback(site.mailboxes.disconnect)
            until_stopped.callback(imap.close)
            inbox = WebInbox(site, imap_port=self.imap_port, smtp_port=self.smtp_port)
            await inbox.serve(sockets["web inbox"])
            until_stopped.push_async_callback(inbox.close)
            started.set_result(_Running(loop=asyncio.get_running_loop(), stop=stop, site=site, submission=submission))
            await stop.wait()


async def _soon(change: Callable[[], None]) -> None:
    change()
