"""What has happened to a request, as mails and pages list it: who did what, when, and how well that is proven. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from mailgate.mail.answering import plain
from mailgate.mail.brief import Happening, Signature
from mailgate.mail.instants import format_instant
from mailgate.mail.letter import Entry, Field
from mailgate.mail.passages import excerpt, label

_LEVELS = {
    "token": "reply to the person's secret address (the sender is not proven)",
    "aligned": "reply; the mail server vouched for the sender's domain (DMARC)",
    "link": "personal link",
    "link+code": "personal link and the code printed in the mail",
    "link+fresh_code": "personal link and a code mailed for this decision",
    "dashboard": "signed in at the dashboard",
    "operator": "an operator at the command line",
}
_MEANINGS = {
    "approved": "the signer approves that {action} is run once, exactly as shown, under this digest",
    "rejected": "the signer refuses that {action} is run",
    "undone": "the signer takes the own earlier answer back",
}


def entries_of(action: str, entries: Iterable[Signature | Happening], zone: str) -> tuple[Entry, ...]:
    """Return ``entries`` as they are printed, times in ``zone`` besides UTC where that is another one."""
    return tuple(_entry(label(action), entry, zone) for entry in entries)


def _entry(action: str, entry: Signature | Happening, zone: str) -> Entry:
    at = Field(label="Time", value=format_instant(entry.at, seconds=True))
    if isinstance(entry, Happening):
        return Entry(facts=(Field(label="Event", value=plain(entry.what)), at))
    meaning = _MEANINGS[entry.verdict].format(action=action)
    withheld = entry.reason and entry.reason_withheld
    facts = [
        Field(label="Signed by", value=f"{label(entry.name)} <{label(entry.address)}>"),
        Field(label="Decision", value=f"{entry.verdict} {action}" if entry.verdict != "undone" else "took it back"),
        at,
        Field(label="Meaning", value=meaning),
        Field(label="Identity", value=f"{label(entry.level)}: {_LEVELS.get(entry.level, 'see the documentation')}"),
    ]
    if withheld:
        facts.append(Field(label="Reason", value="kept in the record, not printed, because its sender is not proven"))
    if entry.reason and entry.kept_from_agent:
        facts.append(Field(label="Kept from the agent", value="the reason, because it is not proven who wrote it"))
    return Entry(facts=tuple(facts), reason=excerpt(entry.reason) if entry.reason and not withheld else None)
