"""What people received, as a list; and one request's whole thread, as a mail reader shows it."""

from __future__ import annotations

import email
import re
from collections.abc import Mapping

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.text import Text

from mailgate.demo.people import subject_of, text_of
from mailgate.demo.settings import SandboxPerson
from mailgate.demo.site import Site
from mailgate.sandbox import StoredMail


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
    """Print every mail of one request between ``person`` and mailgate, oldest first."""
    received = [m for m in site.mail.messages(person.address) if about in text_of(m)]
    if not received:
        return  # the story was stopped before it came that far
    code = subject_of(received[0])
    sent = [m for m in site.mail.sent(person.address) if code in subject_of(m)]
    console.print()
    console.rule(f"The thread “{escape(code)}”, as {person.name}'s mail reader shows it", align="left")
    received = [m for m in site.mail.messages(person.address) if code in subject_of(m)]
    for mail in sorted([*received, *sent], key=lambda m: m.arrived_at):
        console.print(Panel(Text(_own_words(mail)), title=_title(mail), title_align="left", width=84))


def headline_of(mail: StoredMail, name: str) -> str:
    """Return what a mail is and what it is about: its first two paragraphs, on one line, without its reader's name."""
    lines = [line.strip() for line in text_of(mail).splitlines()]
    said = [line for line in lines if not line.startswith(("mailgate-reply-above", "-----"))]
    paragraphs = [" ".join(p.split("\n")) for p in "\n".join(said).strip().split("\n\n") if p.strip()]
    kind = re.sub(rf",? ?(?:from|for)? {re.escape(name)}", "", paragraphs[0]) if paragraphs else ""
    return " · ".join([kind, *paragraphs[1:2]])


def _title(mail: StoredMail) -> str:
    message = email.message_from_bytes(mail.raw)
    sender = email.utils.parseaddr(str(message["From"]))
    return f"{sender[0] or sender[1]} · {mail.arrived_at:%H:%M:%S}"


def _own_words(mail: StoredMail) -> str:
    """Return a mail's text, quoted lines folded into one."""
    lines: list[str] = []
    for line in text_of(mail).splitlines():
        if not line.startswith(">"):
            lines.append(line)
        elif not lines or lines[-1] != "[quoted text]":
            lines.append("[quoted text]")
    return "\n".join(lines).strip()
