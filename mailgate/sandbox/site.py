"""The site: what becomes of a mail that was handed in, and what its people do. Runs in one event loop.

Delivery, bounces and out-of-office replies happen here; sockets, mailboxes and the wording of mails are elsewhere.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Coroutine, Sequence
from datetime import UTC, datetime
from typing import Any

import aiosmtplib

from mailgate.errors import MailRefused, MailServerError
from mailgate.sandbox import notices
from mailgate.sandbox.accounts import Account, Accounts
from mailgate.sandbox.composing import reply_to
from mailgate.sandbox.mailboxes import SENT, Mailboxes, StoredMail
from mailgate.sandbox.ports import LOOPBACK
from mailgate.sandbox.reading import read_mail
from mailgate.sandbox.stamp import Submission, delivered

_PATIENCE_SECONDS = 10  # with a server on the same machine; more would only hide that it hangs
AWAY_NOTE = "I am out of the office and do not read mail at the moment. Your message was not forwarded."


def _now() -> datetime:
    return datetime.now(UTC)


class MailSite:
    """A small organisation: accounts, their mailboxes, who is away, whose mailbox bounces."""

    def __init__(self, accounts: Accounts, *, smtp_port: int, on_change: Callable[[], None]) -> None:
        self.accounts = accounts
        self.mailboxes = Mailboxes(on_change=on_change)
        self._smtp_port = smtp_port
        self._away: dict[str, str] = {}
        self._told: set[tuple[str, str]] = set()
        self._bouncing: set[str] = set()
        self._later: set[asyncio.Task[None]] = set()  # asyncio itself holds tasks weakly

    async def open(self) -> None:
        """Open every account's mailbox."""
        for account in self.accounts.by_address.values():
            await self.mailboxes.add(account)

    async def close(self) -> None:
        """Drop what was still to be written."""
        for task in self._later:
            task.cancel()
        await asyncio.gather(*self._later, return_exceptions=True)

    def account(self, address: str) -> Account:
        """Return the account at exactly ``address``, whatever its case; raise LookupError if there is none."""
        try:
            return self.accounts.by_address[address.lower()]
        except KeyError:
            raise LookupError(
                f"{address} has no mailbox at the sandbox; these have: {', '.join(self.accounts.by_address)}"
            ) from None

    def is_away(self, address: str) -> bool:
        """Return whether this person's out-of-office reply is on."""
        return address in self._away

    def is_bouncing(self, address: str) -> bool:
        """Return whether mail to this person bounces."""
        return address in self._bouncing

    def set_away(self, address: str, *, away: bool, note: str = AWAY_NOTE) -> None:
        """Switch a person's out-of-office reply; switched on anew, it answers everybody once more."""
        account = self.account(address)
        self._told = {(who, sender) for who, sender in self._told if who != account.address}
        self._away.pop(account.address, None)
        if away:
            self._away[account.address] = note

    def set_bouncing(self, address: str, *, bouncing: bool) -> None:
        """Let mail to this person bounce, or arrive again."""
        account = self.account(address)
        self._bouncing.discard(account.address)
        if bouncing:
            self._bouncing.add(account.address)

    async def accept(self, submission: Submission, recipients: tuple[str, ...]) -> None:
        """Deliver a mail to every recipient; what the site answers by itself follows in a moment."""
        for recipient in dict.fromkeys(recipients):
            account = self.accounts.find(recipient)
            if account is None:  # refused at RCPT already
                continue
            if account.address in self._bouncing:
                self._soon(self._bounce(submission, recipient))
                continue
            raw = delivered(
                submission,
                recipient=recipient,
                authserv_id=self.accounts.authserv_id,
                gate_address=self.accounts.gate_address,
            )
            await self.mailboxes.append(account.address, raw, arrived_at=_now())
            if account.address in self._away:
                self._soon(self._answer_away(submission, account, self._away[account.address]))

    def _soon(self, notice: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(notice)
        self._later.add(task)
        task.add_done_callback(self._later.discard)

    def _origin(self) -> notices.Origin:
        accounts = self.accounts
        return notices.Origin(
            authserv_id=accounts.authserv_id, domain=accounts.domain, written_at=_now(), token=secrets.token_hex(12)
        )

    async def _bounce(self, submission: Submission, recipient: str) -> None:
        raw = notices.bounce(submission, recipient=recipient, origin=self._origin())
        await self._notify(submission.envelope_from, raw)

    async def _answer_away(self, submission: Submission, account: Account, note: str) -> None:
        sender = submission.envelope_from.lower()
        if (account.address, sender) in self._told or sender == account.address:
            return
        if notices.is_answered_when_away(submission) and notices.is_addressed_to(submission, account):
            self._told.add((account.address, sender))
            await self._notify(sender, notices.away_reply(submission, away=account, note=note, origin=self._origin()))

    async def _notify(self, recipient: str, raw: bytes) -> None:
        # Nobody is found for the null return path, so that no bounce is bounced (RFC 5321 section 6.1).
        account = self.accounts.find(recipient)
        if account is not None and account.address not in self._bouncing:
            await self.mailboxes.append(account.address, raw, arrived_at=_now())

    async def send(
        self, person: str, raw: bytes, recipients: Sequence[str], *, envelope_from: str | None = None
    ) -> None:
        """Hand ``raw`` in over SMTP with this person's own login, byte for byte.

        Raises:
            MailRefused: the server said no for good, such as 550 for an unknown recipient.
            MailServerError: it cannot be reached.
        """
        account = self.account(person)
        sender = account.address if envelope_from is None else envelope_from
        client = aiosmtplib.SMTP(
            hostname=LOOPBACK,
            port=self._smtp_port,
            local_hostname="localhost",
            start_tls=False,
            timeout=_PATIENCE_SECONDS,
        )
        try:
            async with client:
                await client.login(account.address, account.password)
                await client.sendmail(sender, list(recipients), raw)
        except aiosmtplib.SMTPRecipientsRefused as refused:
            first = refused.recipients[0]
            raise MailRefused(
                f"The mail server refused {first.recipient}: {first.message}", code=first.code
            ) from refused
        except aiosmtplib.SMTPResponseException as refused:
            if refused.code >= 500:
                raise MailRefused(f"The mail server refused: {refused.message}", code=refused.code) from refused
            raise MailServerError(f"The mail server asked to wait: {refused.message}") from refused
        except (aiosmtplib.SMTPException, OSError) as unreachable:
            raise MailServerError(
                f"The sandbox's mail server does not answer on port {self._smtp_port}; is it paused?"
            ) from unreachable

    async def reply(self, person: str, original: StoredMail, *, text: str, html: str | None) -> bytes:
        """Answer ``original`` as a mail client would, keep a copy in the Sent folder, return the mail's bytes."""
        account, written_at = self.account(person), _now()
        made = reply_to(
            read_mail(original.raw),
            received_at=original.arrived_at.astimezone(),  # a client quotes in the time of the computer it runs on
            writer=account,
            text=text,
            html=html,
            written_at=written_at,
            token=secrets.token_hex(16),
        )
        await self.send(person, made.raw, made.recipients)
        # Dated before it was sent: what comes of it may arrive while the copy is still being made.
        await self.mailboxes.append(account.address, made.raw, arrived_at=written_at, folder=SENT, is_read=True)
        await self.mailboxes.mark(account.address, original, answered=True)
        return made.raw
