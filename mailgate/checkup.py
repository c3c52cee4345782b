"""Does everything that mailgate needs work? One finding for each thing, with what to do about it."""

from __future__ import annotations

import asyncio
import platform
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from mailgate.chance import SystemChance, monotonic
from mailgate.config import Config
from mailgate.errors import MailgateError, MailServerError
from mailgate.mail.imap import ImapMailbox
from mailgate.mail.inbound import Kind
from mailgate.mail.probe import WAYS, Probe, Probed, Way, probe
from mailgate.mail.smtp import SmtpSender
from mailgate.model.quoting import plain
from mailgate.runtime import log_name, open_serving
from mailgate.service.context import Serving
from mailgate.service.judging import examine
from mailgate.service.junk import MOST

PROBE_SECONDS = 60.0  # at most
"""A mail to oneself that takes longer is not what a reply should take either."""

_PATCHED = {(3, 11): 10, (3, 12): 5}
"""Python releases from which header injection is fixed (CVE-2024-6923); our own mails do not depend on it."""


_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was checked.

    Attributes:
        doubtful: it works, and should be changed all the same.
        aside: whether it works does not matter here.
    """

    what: str
    fine: bool
    says: str
    doubtful: bool = False
    aside: bool = False


def check_all(
    config: Config, *, probe: bool, patience: float = PROBE_SECONDS, say: Callable[[str], None] = lambda _: None
) -> Iterator[Finding]:
    """Yield a finding for each thing, in the order in which they depend on each other.

    Args:
        probe: also send a mail to each kind of reply address and wait for them, up to ``patience`` seconds.
        say: is told what is waited for.
    """
    yield Finding(what="configuration", fine=True, says=_counted(config))
    yield from _doubts(config)
    yield _python()
    yield from _own(config)
    servers = _checked("SMTP", lambda: asyncio.run(_smtp(config))), _checked("IMAP", lambda: _imap(config))
    yield from servers
    if servers[1].fine:
        yield from _junk(config)
    if probe:
        yield from _probe(config, patience, say, down=[s.what for s in servers if not s.fine])


def _own(config: Config) -> Iterator[Finding]:
    try:
        serving = open_serving(config)
    except MailgateError as error:
        yield Finding(what="keys and database", fine=False, says=f"{error.message} {error.hint}".strip())
        return
    try:
        yield Finding(what="keys", fine=True, says=f"public log key {serving.verifier.vkey}")
        yield _checked("database", lambda: _database(serving))
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
    if aligned and not config.imap.authserv_id:
        says = (
            f"[imap] authserv_id is empty, so no reply can prove who sent it: {', '.join(aligned)} can be approved by "
            "link only, not by reply; write there the name your mail server puts first into Authentication-Results"
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


def _junk(config: Config) -> Iterator[Finding]:
    """Yield how many answers of the last day the server took for junk, if any: nobody reads them there."""
    yesterday = (datetime.now(UTC) - timedelta(days=1)).date()
    try:
        with _mailbox(config) as mailbox:
            if (folder := mailbox.junk_folder()) is None:
                return
            with mailbox.beside(folder) as junk:
                headers = [header for _, header in junk.headers(junk.uids_since(yesterday)[-MOST:])]
    except MailServerError:
        return  # a courtesy; that the mailbox can be read was found before
    seen = [examine(header, config, log_name(config)) for header in headers]
    ours = sum(bool(one.tokens or one.answered) and one.kind is not Kind.OWN for one in seen)
    if ours:
        what = "1 mail to us lies" if ours == 1 else f"{ours} mails to us lie"
        says = f"{what} in {plain(folder)}, where nothing is read; move what is no junk to {config.imap.folder}"
        yield Finding(what="junk", fine=True, doubtful=True, says=says)


def _probe(config: Config, patience: float, say: Callable[[str], None], *, down: list[str]) -> Iterator[Finding]:
    """Yield which kinds of reply address work here, which one to use, and what else mails to ourselves showed."""
    if down:
        says = f"no mail was sent, because {' and '.join(down)} must work first; see above"
        yield Finding(what="probe", fine=False, says=says)
        return
    try:
        with _mailbox(config) as mailbox:
            found = probe(
                mailbox,
                lambda sender, to, raw: asyncio.run(_send(config, sender, to, raw)),
                address=config.smtp.address,
                folder=config.imap.folder,
                instance=log_name(config),
                chance=SystemChance(),
                monotonic=monotonic,
                patience=patience,
                say=say,
            )
    except MailServerError as error:
        says = f"the mails sent to ourselves could not be waited for: {error.message} {error.hint}".strip()
        yield Finding(what="probe", fine=False, says=says)
        return
    yield from advise(found, config.imap.reply_address, config.imap.authserv_id, patience)


async def _send(config: Config, envelope_sender: str, to: str, raw: bytes) -> None:
    sender = SmtpSender(config.smtp, config.password_of(config.smtp), _authority(config, config.smtp.ca_file))
    try:
        await sender.send(envelope_sender, to, raw)
    finally:
        await sender.close()


def _mailbox(config: Config) -> ImapMailbox:
    return ImapMailbox(config.imap, config.password_of(config.imap), _authority(config, config.imap.ca_file))


def _authority(config: Config, name: str) -> Path | None:
    return config.path(name) if name else None


def advise(found: Probed, configured: Way, authserv_id: str, patience: float) -> Iterator[Finding]:
    """Yield what probes showed, one finding each, and what to set ``[imap] reply_address`` to."""
    ways = {p.way: p for p in found.probes}
    for way in WAYS:
        one = ways[way]
        is_odd = way == configured and not one.works
        aside = not one.works and not is_odd
        yield Finding(what=f"probe {way}", fine=not is_odd, aside=aside, says=_became(one, patience))
    working = [way for way in WAYS if ways[way].works]
    yield _advice(working, configured)
    yield from _seen(found, [ways[way] for way in working])
    yield from _vouching([ways[way] for way in working], authserv_id)


def _became(one: Probe, patience: float) -> str:
    if one.folder and not one.is_junk:
        came = f"a mail to {one.to} came back within {one.seconds:.1f} s"
        return came if one.is_id_kept else f"{came}, with another Message-ID than we gave it; {_WITHOUT_ID[one.works]}"
    if one.is_junk:
        return (
            f"a mail to {one.to} was put into {plain(one.folder)}; tell the server that mail to this address is no junk"
        )
    if one.refused:
        return f"a mail from {one.sender} to {one.to} was not taken: {one.refused}"
    return f"a mail to {one.to} was taken, and did not come within {patience:.0f} s"


_WITHOUT_ID = {
    True: "replies are then known by their address only",
    False: "a reply to it could not be told from any other mail",
}


def _advice(working: list[Way], configured: Way) -> Finding:
    what = "reply address"
    if not working:
        says = "no kind of reply address works; see to it that a mail to [smtp] from reaches the mailbox of [imap]"
        return Finding(what=what, fine=False, says=says)
    best = working[0]
    if configured not in working:
        says = f"set [imap] reply_address = '{best}', which works here; '{configured}' does not"
        return Finding(what=what, fine=False, says=says)
    says = f"[imap] reply_address = '{configured}' works"
    if configured == "single" and best != "single":
        says += (
            f"; '{best}' does, too, and is better: a reply is then known even if its program names no mail it answers"
        )
        return Finding(what=what, fine=True, doubtful=True, says=says)
    return Finding(what=what, fine=True, says=says)


def _seen(found: Probed, came: list[Probe]) -> Iterator[Finding]:
    """Yield whether the server pushed the news, where there was any."""
    if found.pushed:
        yield Finding(what="IDLE", fine=True, says="the server pushed the news of a mail")
    elif any(one.folder.endswith(("Processed", "Quarantine")) for one in came):
        says = "not seen here, because a running mailgate took the mails away at once"
        yield Finding(what="IDLE", fine=True, aside=True, says=says)
    elif came:
        says = "the server did not push the news of a mail; replies are seen once in [imap] poll"
        yield Finding(what="IDLE", fine=True, doubtful=True, says=says)


def _vouching(came: list[Probe], authserv_id: str) -> Iterator[Finding]:
    """Yield under which name the server writes Authentication-Results: a hint for a person, who knows whose name it is."""
    names = list(dict.fromkeys(one.authserv_ids[0] for one in came if one.authserv_ids))
    said = " and ".join(plain(name) for name in names)
    what = "senders"
    if not came:
        return
    if not names:
        says = (
            "the mails came without Authentication-Results; many servers write none for mail of their own, so look at a mail "
            "from outside for the name to put into [imap] authserv_id"
        )
        yield Finding(what=what, fine=True, aside=True, says=says)
    elif authserv_id.lower() in names:
        yield Finding(what=what, fine=True, says=f"the mails came with Authentication-Results of {said}, as configured")
    elif authserv_id:
        says = f"the mails came with Authentication-Results of {said}, and [imap] authserv_id is '{authserv_id}'"
        yield Finding(what=what, fine=True, doubtful=True, says=f"{says}; check which is your mail server's own")
    else:
        says = (
            f"the mails came with Authentication-Results of {said}; if that is your mail server's own name and it removes "
            "such fields that come from outside, put it into [imap] authserv_id"
        )
        yield Finding(what=what, fine=True, doubtful=True, says=says)
