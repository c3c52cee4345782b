"""Seals: every so often, also when nothing happened, how far the log is goes to the archive and out of the house."""

from __future__ import annotations

from datetime import datetime

from mailgate.service.context import Serving
from mailgate.store import Tx
from mailgate.store.events import append_event, latest_unbound
from mailgate.store.tables import Event


def seal_if_due(tx: Tx, serving: Serving) -> bool:
    """Seal the log where it is time; return whether it was. One keeper at a time does, so each seal is one."""
    due_at = next_seal_at(tx, serving)
    if due_at is None or due_at > tx.now:
        return False
    seal(tx, serving)
    return True


def next_seal_at(tx: Tx, serving: Serving) -> datetime | None:
    """Return when the next seal is due; None where nobody gets seals, nothing was recorded, or the last one is not yet."""
    settings = serving.config.archive
    last = _last(tx)
    if not (settings.address or settings.witnesses) or last is None or last.position is None:
        return None
    return last.at + settings.seal_every


def seal(tx: Tx, serving: Serving) -> Event:
    """Order a seal over everything since the last one, itself included.

    It says to whom it goes and how often, so that somebody who has nothing but mails knows what should be there.
    """
    settings = serving.config.archive
    last = latest_unbound(tx, "seal")
    since = last.position + 1 if last is not None and last.position is not None else 0
    body = {
        "since": since,
        "every_seconds": int(settings.seal_every.total_seconds()),
        "archive": settings.address,
        "witnesses": list(settings.witnesses),
    }
    return append_event(tx, "seal", None, body, key=serving.key)


def _last(tx: Tx) -> Event | None:
    return latest_unbound(tx, "seal") or latest_unbound(tx, "genesis")
