"""Mail that no person wrote: out-of-office notes, receipts, tickets, challenges, and bounces, by the system that sent it."""

from __future__ import annotations

from collections.abc import Iterator

from tests.corpus.envelope import Mail
from tests.corpus.machines import autoreplies, bounces, programs


def machine_mails() -> Iterator[Mail]:
    """Yield the mails in a fixed order."""
    yield from autoreplies.mails()
    yield from programs.mails()
    yield from bounces.mails()
