"""What people received, as a list; one request's thread, shortened; what the archive holds, and what to try next."""

from __future__ import annotations

import email
import json
import re
from collections.abc import Mapping

from rich.console import Console
from rich.text import Text

from mailgate.demo.people import subject_of, text_of
from mailgate.demo.settings import SandboxPerson
from mailgate.demo.site import Site
from mailgate.mail.compose import EVIDENCE_NAME
from mailgate.sandbox import StoredMail

MOST_PARAGRAPHS = 4
"""Of each mail so many are printed: the whole story should stay in sight."""

MACHINE_LINES = ("mailgate-reply-above", "-----")
"""How the lines begin that mails carry for programs."""


def print_mailboxes(console: Console, site: Site, people: Mapping[str, SandboxPerson]) -> None:
    """Print what lies in everybody's mailbox."""
    console.print()
    console.rule("What each person received", align="left")
    for person in people.values():
        console.print(Text(person.name, style="bold"))
        seen = ""
        for mail in site.mail.messages(person.address):
            if (subject := subject_of(mail)) != seen:
                console.print(Text(f"  {subject}", style="magenta"))
                seen = subject
            console.print(Text(f"    {headline_of(mail, person.name)}"))


def print_thread(console: Console, site: Site, person: SandboxPerson, about: str) -> None:
    """Print every mail of one request between ``person`` and mailgate, oldest first: from, and how it begins."""
    received = [m for m in site.mail.messages(person.address) if about in text_of(m)]
    if not received:
        return  # the story was stopped before it came that far
    code = subject_of(received[0])
    sent = [m for m in site.mail.sent(person.address) if code in subject_of(m)]
    console.print()
    console.rule("One thread, as a mail reader shows it", align="left")
    console.print(Text(code, style="magenta"))
    received = [m for m in site.mail.messages(person.address) if code in subject_of(m)]
    for mail in sorted([*received, *sent], key=lambda m: m.arrived_at):
        console.print(Text(_title(mail), style="bold"))
        for line in first_lines(text_of(mail)):
            console.print(Text(f"  {line}"))


def print_closing(console: Console, site: Site, *, kept: str) -> None:
    """Print what the archive holds, where everything was kept, and what to try next.

    Args:
        kept: the folder that stays, or empty.
    """
    mails = site.mail.messages(site.mail.archive_address)
    records = {record for mail in mails for record in records_of(mail)}
    console.print()
    console.rule("What the archive proves", align="left")
    console.print(
        f"The archive holds {len(mails)} mails with {len(records)} signed records: who was asked what, who decided, how "
        "each ended. docs/how-to/check-a-record.md checks one with nothing but the public key."
    )
    if kept:
        console.print(f"Kept in {kept}: config.toml, mailgate.db, archive/ ({len(mails)} mails), log.vkey")
    else:
        console.print("To keep all of it, run  mailgate demo --unattended --keep FOLDER")
    console.print("Next: gate a function of your own, in five minutes: “The first lesson” in README.md.")


def records_of(mail: StoredMail) -> list[str]:
    """Return the records that a mail carries, as they are written in its evidence."""
    for part in email.message_from_bytes(mail.raw).walk():
        if part.get_filename() == EVIDENCE_NAME:
            content = part.get_payload(decode=True)
            assert isinstance(content, bytes)
            return [entry["record"] for entry in json.loads(content)["records"]]
    return []


def first_lines(text: str) -> list[str]:
    """Return how a mail's own text begins, paragraph by paragraph on one line each, and how much of it is left out."""
    own = [line for line in _own_words(text) if not line.strip().startswith(MACHINE_LINES)]
    paragraphs = [" ".join(p.split()) for p in "\n".join(own).split("\n\n") if p.strip()]
    shown, more = paragraphs[:MOST_PARAGRAPHS], len(paragraphs) - MOST_PARAGRAPHS
    return [*shown, f"… and {more} more paragraphs"] if more > 0 else shown


def headline_of(mail: StoredMail, name: str) -> str:
    """Return what a mail is and what it is about: its first two paragraphs, on one line, without its reader's name."""
    lines = [line.strip() for line in text_of(mail).splitlines()]
    said = [line for line in lines if not line.startswith(MACHINE_LINES)]
    paragraphs = [" ".join(p.split("\n")) for p in "\n".join(said).strip().split("\n\n") if p.strip()]
    kind = re.sub(rf",? ?(?:from|for)? {re.escape(name)}", "", paragraphs[0]) if paragraphs else ""
    return " · ".join([kind, *paragraphs[1:2]])


def _title(mail: StoredMail) -> str:
    message = email.message_from_bytes(mail.raw)
    sender = email.utils.parseaddr(str(message["From"]))
    return f"{sender[0] or sender[1]} · {mail.arrived_at:%H:%M:%S}"


def _own_words(text: str) -> list[str]:
    """Return a mail's lines, those it quotes left out, and the line that introduces the quote."""
    lines = [line.rstrip() for line in text.splitlines() if not line.startswith(">")]
    return [line for line in lines if not re.fullmatch(r"On .{10,200} wrote:", line)]
