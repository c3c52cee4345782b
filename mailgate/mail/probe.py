"""Mails to oneself, one for each kind of reply address: which of them come back, how, and what the server wrote into them.

Neither the database nor a key is needed. A running inbox takes these mails for our own and ignores them; they are deleted
afterwards, wherever they came to lie, and no other mail is touched.
"""

from __future__ import annotations

import contextlib
import email.message
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from mailgate.chance import Chance
from mailgate.errors import MailServerError, MailUnreadable
from mailgate.mail.authres import read_authentication_results
from mailgate.mail.imap import ImapMailbox
from mailgate.mail.inbound import INSTANCE_FIELD
from mailgate.mail.mime import open_mail
from mailgate.tokens import MESSAGE_TOKEN_LENGTH, TOKEN_LENGTH, message_id, tagged_address

Way = Literal["plus", "catchall", "single"]
WAYS: tuple[Way, ...] = ("plus", "catchall", "single")

PROBE_FIELD = "X-Mailgate-Probe"
MOST_SWEEPS = 20
"""Looks into the folders when cleaning up: a running inbox moves our mails about meanwhile."""

_OUR_FOLDERS = ("Mailgate/Processed", "Mailgate/Quarantine")
_LOOK_SECONDS = 1.0


@dataclass(slots=True, kw_only=True)
class Probe:
    """One mail to ourselves and what became of it.

    Attributes:
        refused: what the server said that did not take it; empty if it did.
        folder: where it came to lie; empty as long as it has not come.
        seconds: from sending to being seen there.
        is_junk: whether that is the folder for junk.
        is_id_kept: whether it came with the Message-ID that we gave it; some mail services write their own over it.
        authserv_ids: the names in the Authentication-Results it came with, topmost first.
    """

    way: Way
    to: str
    sender: str
    token: str
    refused: str = ""
    folder: str = ""
    seconds: float = 0.0
    is_junk: bool = False
    is_id_kept: bool = False
    authserv_ids: tuple[str, ...] = ()

    @property
    def message_id(self) -> str:
        """The Message-ID it is sent with."""
        return message_id(self.token[:MESSAGE_TOKEN_LENGTH], self.sender.partition("@")[2])

    @property
    def works(self) -> bool:
        """Whether it arrived where replies are read, and a reply can be told by what this way tells it by."""
        return bool(self.folder) and not self.is_junk and (self.is_id_kept or self.way != "single")


@dataclass(slots=True, kw_only=True)
class Probed:
    """What the probes showed; ``pushed``: whether the server announced one while we waited (IDLE)."""

    probes: Sequence[Probe]
    pushed: bool = False


@dataclass(slots=True, kw_only=True)
class _Search:
    """Where probes may come to lie: each folder with the first UID that is looked at."""

    mailbox: ImapMailbox
    inbox: str
    junk: str | None
    since: dict[str, int] = field(default_factory=dict)


def probe(
    mailbox: ImapMailbox,
    send: Callable[[str, str, bytes], None],
    *,
    address: str,
    folder: str,
    instance: str,
    chance: Chance,
    monotonic: Callable[[], float],
    patience: float,
    say: Callable[[str], None],
) -> Probed:
    """Send one mail each way and wait up to ``patience`` seconds for them.

    Args:
        mailbox: opened, on ``folder``.
        send: takes envelope sender, recipient and bytes.
        address: our own, without a token.
        instance: that of our mails, by which a running inbox knows the probes.
        say: is told every second what is waited for.

    Raises:
        MailServerError: the mailbox cannot be read any more.
    """
    search = _begin(mailbox, folder)
    found = Probed(probes=[_new(way, address, chance) for way in WAYS])
    try:
        for one in found.probes:
            try:
                send(one.sender, one.to, _mail(one, address, instance))
            except MailServerError as error:
                one.refused = error.message
        started = monotonic()
        while (awaited := _awaited(found)) and (left := started + patience - monotonic()) > 0:
            say(
                f"waiting for {len(awaited)} of {len(WAYS)} mails ({', '.join(p.way for p in awaited)}), {left:.0f} s left"
            )
            # First of all, so that what is announced was pushed and not told with the answer to some other command.
            found.pushed |= mailbox.wait(min(left, _LOOK_SECONDS), lambda: False)
            mailbox.noop()
            _look(search, awaited, monotonic() - started)
    finally:
        with contextlib.suppress(MailServerError):
            _clean_up(search, found.probes)
    return found


def _begin(mailbox: ImapMailbox, folder: str) -> _Search:
    junk = mailbox.junk_folder()
    search = _Search(mailbox=mailbox, inbox=folder, junk=junk, since={folder: mailbox.uidnext})
    for other in (*map(mailbox.own_folder, _OUR_FOLDERS), *([junk] if junk is not None else [])):
        search.since[other] = mailbox.next_uid(other) or 1
    return search


def _new(way: Way, address: str, chance: Chance) -> Probe:
    """Return a probe with an address, and an envelope sender, of the form that real mails have."""
    token, bounce = (f"{chance.id()}{chance.id()}"[:TOKEN_LENGTH] for _ in range(2))
    return Probe(
        way=way, to=tagged_address(address, token, way), sender=tagged_address(address, bounce, way), token=token
    )


def _mail(probe: Probe, address: str, instance: str) -> bytes:
    message = email.message.EmailMessage()
    message["From"], message["To"], message["Subject"] = address, probe.to, f"mailgate probe: {probe.way}"
    message["Message-ID"] = probe.message_id
    message["Auto-Submitted"] = "auto-generated"
    message[INSTANCE_FIELD], message[PROBE_FIELD] = instance, probe.token
    message.set_content("A probe by `mailgate doctor --probe`. It may be deleted.\n")
    return message.as_bytes().replace(b"\n", b"\r\n")


def _awaited(found: Probed) -> list[Probe]:
    return [p for p in found.probes if not p.folder and not p.refused]


def _look(search: _Search, awaited: Sequence[Probe], seconds: float) -> None:
    for folder, _, token, header in _ours(search, {p.token: p for p in awaited}):
        one = next(p for p in awaited if p.token == token)
        one.folder, one.seconds, one.is_junk = folder, seconds, folder == search.junk
        one.is_id_kept = open_mail(header).first("message-id").strip() == one.message_id
        one.authserv_ids = _authserv_ids(header)


def _ours(search: _Search, tokens: Sequence[str] | dict[str, Probe]) -> Iterator[tuple[str, int, str, bytes]]:
    """Yield folder, UID, token and header of every mail that is one of ours."""
    for folder, since in search.since.items():
        with _opened(search, folder) as mailbox:
            if mailbox is None:
                continue
            for uid, header in mailbox.headers(mailbox.uids_after(since - 1)):
                token = _token(header)
                if token in tokens:
                    yield folder, uid, token, header


@contextlib.contextmanager
def _opened(search: _Search, folder: str, *, readonly: bool = True) -> Iterator[ImapMailbox | None]:
    """Give a folder, or None where nothing has come since."""
    if folder == search.inbox:
        yield search.mailbox
    elif search.mailbox.next_uid(folder) <= search.since[folder]:
        yield None
    else:
        with search.mailbox.beside(folder, readonly=readonly) as other:
            yield other


def _token(header: bytes) -> str:
    try:
        return open_mail(header).first(PROBE_FIELD).strip()
    except MailUnreadable:
        return ""


def _authserv_ids(header: bytes) -> tuple[str, ...]:
    words = map(read_authentication_results, open_mail(header).all("authentication-results"))
    return tuple(word.authserv_id for word in words if word is not None)


def _clean_up(search: _Search, probes: Sequence[Probe]) -> None:
    """Delete the probes until none is found any more in any folder; one that comes later stays."""
    tokens = [p.token for p in probes if p.folder]
    for _ in range(MOST_SWEEPS):
        search.mailbox.noop()
        found: dict[str, list[int]] = {}
        for folder, uid, _, _ in _ours(search, tokens):
            found.setdefault(folder, []).append(uid)
        for folder, uids in found.items():
            with _opened(search, folder, readonly=False) as mailbox:
                if mailbox is not None:
                    mailbox.delete(uids)
        if not found:
            return
