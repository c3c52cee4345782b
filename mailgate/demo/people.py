"""The scripted people of the unattended demo. Each answers as a person would: over real SMTP, or real HTTP."""

from __future__ import annotations

import email
import re
import threading
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message

from mailgate.sandbox import Sandbox, StoredMail

PATIENCE_SECONDS = 60.0

_LINK = re.compile(r"http://127\.0\.0\.1:\d+/d/\S+/")
_CODE = re.compile(r"\b(\d{3}) (\d{3})\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One person's part in the story: which mail it waits for, and what it does then."""

    person: str
    address: str
    waits_for: Callable[[StoredMail], bool]
    does: Callable[[Sandbox, StoredMail], str]


def subject_of(mail: StoredMail) -> str:
    """Return a mail's subject on one line."""
    return " ".join(str(_parsed(mail).get("Subject", "")).split())


def text_of(mail: StoredMail | bytes) -> str:
    """Return the text part of a mail."""
    message = _parsed(mail)
    for part in message.walk():
        if part.get_content_type() == "text/plain" and not part.get_filename():
            payload = part.get_payload(decode=True)
            assert isinstance(payload, bytes)
            return payload.decode(part.get_content_charset() or "utf-8", "replace")
    return ""


def about(words: str, *, but_not: str = "") -> Callable[[StoredMail], bool]:
    """Return whether a mail's text has ``words`` in it."""

    def has(mail: StoredMail) -> bool:
        text = " ".join(text_of(mail).split())
        return words in text and not (but_not and but_not in text)

    return has


def reply_with(line: str) -> Callable[[Sandbox, StoredMail], str]:
    """Return an answer by mail, whose first line is ``line`` and which quotes the mail below."""

    def does(site: Sandbox, mail: StoredMail) -> str:
        site.reply(_address(mail), mail, line)
        return f"replies “{line}”"

    return does


def follow_link(site: Sandbox, mail: StoredMail) -> str:
    """Look at the link's page, then approve on it with the code that the mail shows."""
    del site
    text = text_of(mail)
    link, code = _LINK.search(text), _CODE.search(text)
    assert link is not None
    assert code is not None
    with urllib.request.urlopen(link[0]) as page:  # noqa: S310 - http on loopback
        assert page.status == 200
    form = urllib.parse.urlencode({"verdict": "approve", "code": code[0]}).encode()
    with urllib.request.urlopen(link[0], form) as page:  # noqa: S310 - http on loopback
        assert page.status == 200
    return f"follows the link and approves with the code {code[0]}"


def stay_silent(site: Sandbox, mail: StoredMail) -> str:
    """Do nothing at all."""
    del site, mail
    return "does not answer"


def play(site: Sandbox, parts: tuple[Part, ...], tell: Callable[[str, str, str], None]) -> list[threading.Thread]:
    """Start everybody's part; ``tell(person, received, did)`` is called as each has acted."""

    def act(part: Part) -> None:
        mail = site.wait_for(part.address, part.waits_for, PATIENCE_SECONDS)
        tell(part.person, subject_of(mail), part.does(site, mail))

    threads = [threading.Thread(target=act, args=(p,), name=f"demo-{p.person}", daemon=True) for p in parts]
    for thread in threads:
        thread.start()
    return threads


def _parsed(mail: StoredMail | bytes) -> Message:
    return email.message_from_bytes(mail if isinstance(mail, bytes) else mail.raw)


def _address(mail: StoredMail) -> str:
    return email.utils.parseaddr(str(_parsed(mail)["To"]))[1]
