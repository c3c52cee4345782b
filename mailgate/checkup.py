"""Does everything that mailgate needs work? One finding for each thing, with what to do about it."""

from __future__ import annotations

import asyncio
import email.message
import platform
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mailgate.chance import SystemChance, monotonic
from mailgate.config import Config
from mailgate.errors import MailgateError, MailServerError
from mailgate.mail.imap import ImapMailbox
from mailgate.mail.smtp import SmtpSender
from mailgate.runtime import open_serving
from mailgate.service.context import Serving
from mailgate.tokens import TOKEN_LENGTH, tagged_address

PROBE_SECONDS = 60.0
"""A mail to oneself that takes longer is not what a reply should take either."""

_PATCHED = {(3, 11): 10, (3, 12): 5}
"""Python releases from which header injection is fixed (CVE-2024-6923); our own mails do not depend on it."""


_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was checked. ``doubtful`` marks what works and should be changed all the same."""

    what: str
    fine: bool
    says: str
    doubtful: bool = False


def check_all(config: Config, *, probe: bool) -> Iterator[Finding]:
    """Yield a finding for each thing, in the order in which they depend on each other.

    Args:
        probe: also send a mail to the reply address and wait for it.
    """
    yield Finding(what="configuration", fine=True, says=_counted(config))
    yield from _doubts(config)
    yield _python()
    try:
        serving = open_serving(config)
    except MailgateError as error:
        yield Finding(what="keys and database", fine=False, says=f"{error.message} {error.hint}".strip())
        return
    try:
        yield Finding(what="keys", fine=True, says=f"public log key {serving.verifier.vkey}")
        yield _checked("database", lambda: _database(serving))
        yield _checked("SMTP", lambda: asyncio.run(_smtp(config)))
        yield _checked("IMAP", lambda: _imap(config))
        yield from _senders(config, serving)
        if probe:
            yield _checked("probe", lambda: _probe(config))
    finally:
        serving.store.close()


def _counted(config: Config) -> str:
    people, gates = len(config.people), len(config.gates)
    return f"{people} {'person' if people == 1 else 'people'}, {gates} {'gate' if gates == 1 else 'gates'}"


def _doubts(config: Config) -> Iterator[Finding]:
    """Yield what an operator should know before the first request."""
    aligned = [name for name, gate in config.gates.items() if gate.reply_level == "aligned"]
    if config.mailgate.default_approvers and not config.gates:
        aligned = ["any action"]  # without a gate of its own it has the usual one
    if aligned and not (config.imap.authserv_id or config.imap.dkim):
        says = (
            f"[imap] authserv_id is empty and dkim is false, so no reply can prove who sent it: {', '.join(aligned)} can be "
            "approved by link only, not by reply; set dkim = true, or write into authserv_id the name that your mail server "
            "puts first into Authentication-Results"
        )
        yield Finding(what="replies", fine=True, doubtful=True, says=says)
    for key in ("serve_file", "link_file", "log_file"):
        path = config.path(getattr(config.keys, key))
        try:
            is_open = path.stat().st_mode & _OTHERS
        except OSError:
            continue  # said when it is read
        if is_open:
            says = f"[keys] {key}: other users of this machine can read {path}; run chmod 600 on it"
            yield Finding(what="keys", fine=True, doubtful=True, says=says)


def _checked(what: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(what=what, fine=True, says=check())
    except (MailgateError, OSError) as error:
        hint = getattr(error, "hint", "")
        return Finding(what=what, fine=False, says=f"{error} {hint}".strip())


def _python() -> Finding:
    needed = _PATCHED.get(sys.version_info[:2], 0)
    fine = sys.version_info.micro >= needed
    says = platform.python_version()
    if not fine:
        major, minor = sys.version_info[:2]
        says += f" has a hole in its mail library (CVE-2024-6923) that mailgate does not use; update to {major}.{minor}.{needed}"
    return Finding(what="python", fine=True, says=says)


def _database(serving: Serving) -> str:
    with serving.store.write() as tx:
        skew = abs((tx.now - datetime.now(UTC)).total_seconds())
    if skew > 2:
        raise MailServerError(
            f"its clock is {skew:.0f} s off this machine's; set both by NTP, deadlines use the database's."
        )
    return f"{serving.config.database_url} can be written, its clock agrees with this machine's"


async def _smtp(config: Config) -> str:
    sender = SmtpSender(config.smtp, config.password_of(config.smtp), _authority(config, config.smtp.ca_file))
    try:
        await sender.check()
    finally:
        await sender.close()
    return f"{config.smtp.host}:{config.smtp.port} takes our login (tls = {config.smtp.tls})"


def _imap(config: Config) -> str:
    with _mailbox(config) as mailbox:
        idle = "pushes news (IDLE)" if mailbox.can_idle() else "has no IDLE: replies are seen once in [imap] poll"
        return f"{config.imap.host}:{config.imap.port} opens {config.imap.folder} and {idle}"


def _senders(config: Config, serving: Serving) -> Iterator[Finding]:
    """Yield how replies are proven, and whether keys can be looked up for that."""
    server = config.imap.authserv_id
    if serving.look_up is None:
        if server:
            yield Finding(what="senders", fine=True, says=f"a reply is proven by {server}, if it says dmarc=pass")
        return
    how = {"": "", "m365": ", if Exchange Online says dmarc=pass as well"}.get(server, f", or by {server}: dmarc=pass")
    yield Finding(what="senders", fine=True, says=f"a reply is proven by its DKIM signature{how}")
    name = f"_dmarc.{config.smtp.address.partition('@')[2]}"
    try:
        serving.look_up(name)
    except MailgateError as error:
        # A server that is believed by itself proves senders without DNS.
        enough = server not in ("", "m365")
        yield Finding(what="resolver", fine=enough, doubtful=enough, says=f"{error.message} {error.hint}")
    else:
        yield Finding(
            what="resolver", fine=True, says=f"{config.imap.resolver or 'the system'} looks up names ({name})"
        )


def _probe(config: Config) -> str:
    token = "probe" + SystemChance().id() + "a" * (TOKEN_LENGTH - 21)
    to = tagged_address(config.smtp.address, token, config.imap.reply_address)
    subject = f"mailgate probe {token}"
    with _mailbox(config) as mailbox:
        start = mailbox.uidnext - 1
        asyncio.run(_send(config, to, _probe_mail(config, to, subject)))
        end = monotonic() + PROBE_SECONDS
        while monotonic() < end:
            mailbox.noop()
            for mail in mailbox.fetch(mailbox.uids_after(start)):
                if subject.encode() in mail.raw:
                    return f"a mail to {to} came back: reply_address = {config.imap.reply_address!r} works"
            mailbox.wait(1.0, lambda: False)
    raise MailServerError(
        f"no mail to {to} came back within {PROBE_SECONDS:.0f} s; if {config.imap.reply_address!r} addresses do not reach "
        "this mailbox, set [imap] reply_address to another of plus, catchall, single."
    )


def _probe_mail(config: Config, to: str, subject: str) -> bytes:
    message = email.message.EmailMessage()
    message["From"], message["To"], message["Subject"] = config.smtp.address, to, subject
    message["Auto-Submitted"] = "auto-generated"
    message.set_content("A probe by `mailgate doctor --probe`. It may be deleted.\n")
    return message.as_bytes().replace(b"\n", b"\r\n")


async def _send(config: Config, to: str, raw: bytes) -> None:
    sender = SmtpSender(config.smtp, config.password_of(config.smtp), _authority(config, config.smtp.ca_file))
    try:
        await sender.send(config.smtp.address, to, raw)
    finally:
        await sender.close()


def _mailbox(config: Config) -> ImapMailbox:
    return ImapMailbox(config.imap, config.password_of(config.imap), _authority(config, config.imap.ca_file))


def _authority(config: Config, name: str) -> Path | None:
    return config.path(name) if name else None
