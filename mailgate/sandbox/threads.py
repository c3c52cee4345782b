"""Conversations: mails that belong together by their message ids (RFC 5322 section 3.6.4). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mailgate.sandbox.mailboxes import SENT, StoredMail
from mailgate.sandbox.reading import ReadMail, read_mail


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One mail of a conversation: as it lies in the mailbox, and as a client shows it."""

    stored: StoredMail
    shown: ReadMail

    @property
    def is_own(self) -> bool:
        """Whether the mailbox's owner wrote it."""
        return self.stored.folder == SENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """Mails that answer each other, oldest first; never empty."""

    entries: tuple[Entry, ...]

    @property
    def latest(self) -> Entry:
        """The mail that came last."""
        return self.entries[-1]

    @property
    def unread(self) -> int:
        """How many of its mails nobody has read."""
        return sum(e.stored.unread for e in self.entries)

    @property
    def focus(self) -> Entry:
        """The mail to open first: the oldest unread one, else the last that was not written by the owner."""
        unread = [e for e in self.entries if e.stored.unread]
        received = [e for e in self.entries if not e.is_own]
        return (unread or received[-1:] or list(self.entries))[0]


def _root(of: dict[str, str], key: str) -> str:
    while of[key] != key:
        of[key] = of[of[key]]
        key = of[key]
    return key


def conversations(mails: Sequence[StoredMail]) -> tuple[Conversation, ...]:
    """Return ``mails`` (oldest first) as conversations, the one with the newest mail first."""
    of: dict[str, str] = {}
    keyed: list[tuple[str, Entry]] = []
    for number, stored in enumerate(mails):
        shown = read_mail(stored.raw)
        own = f"#{number}"
        of[own] = own
        for mail_id in (*shown.references, shown.message_id):
            if mail_id:
                of.setdefault(mail_id, mail_id)
                of[_root(of, mail_id)] = _root(of, own)
        keyed.append((own, Entry(stored=stored, shown=shown)))
    grouped: dict[str, list[Entry]] = {}
    for own, entry in keyed:
        grouped.setdefault(_root(of, own), []).append(entry)
    found = [Conversation(entries=tuple(entries)) for entries in grouped.values()]
    return tuple(sorted(found, key=lambda c: c.latest.stored.arrived_at, reverse=True))


def find_conversation(found: Iterable[Conversation], *, folder: str, uid: int) -> tuple[Conversation, Entry] | None:
    """Return the conversation that holds this mail, and the mail, or None."""
    for conversation in found:
        for entry in conversation.entries:
            if (entry.stored.folder, entry.stored.uid) == (folder, uid):
                return conversation, entry
    return None
