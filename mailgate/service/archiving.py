"""The archive that takes no mail: operators hear of it, and nothing new is executed until it works again."""

from __future__ import annotations

from datetime import datetime

import structlog

from mailgate.config import Config
from mailgate.service.context import Serving
from mailgate.service.posting import tell_operators
from mailgate.store import Tx
from mailgate.store.mails import archive_failures, change_outgoing, oldest_unsent_to, was_noticed

log = structlog.get_logger(__name__)

HEADLINE = "The archive takes no mail, so the record is not complete there."


def is_archive_down(tx: Tx, config: Config) -> bool:
    """Return whether the archive has refused a mail, or not taken one for longer than ``archive.alarm_after``."""
    address = config.archive.address
    if not address:
        return False
    oldest = oldest_unsent_to(tx, address)
    return bool(archive_failures(tx, address)) or (oldest is not None and oldest + config.archive.alarm_after <= tx.now)


def forbids_execution(tx: Tx, config: Config) -> bool:
    """Return whether nothing may be started because of the archive."""
    return config.archive.on_failure == "stop" and is_archive_down(tx, config)


def next_alarm_at(tx: Tx, serving: Serving) -> datetime | None:
    """Return when operators are to hear that the archive takes no mail; None if nothing waits for it, or they were told."""
    address = serving.config.archive.address
    oldest = oldest_unsent_to(tx, address) if address else None
    if oldest is None or was_noticed(tx, HEADLINE, since=oldest):
        return None
    return oldest + serving.config.archive.alarm_after


def mind_the_archive(tx: Tx, serving: Serving) -> bool:
    """Tell the operators, once each time it begins, that the archive takes no mail; return whether that was now."""
    config = serving.config
    if not is_archive_down(tx, config):
        return False
    address = config.archive.address
    failed = archive_failures(tx, address)
    since = min(filter(None, (oldest_unsent_to(tx, address), *(mail.created_at for mail in failed))))
    if was_noticed(tx, HEADLINE, since=since):
        return False
    log.error("archive_down", since=since.isoformat(), failed=len(failed))
    stops = (
        "Nothing new is executed until it does." if config.archive.on_failure == "stop" else "Actions are still run."
    )
    again = " Then run `mailgate requests archive`, which sends again what was refused." if failed else ""
    tell_operators(
        tx,
        serving,
        None,
        headline=HEADLINE,
        next_step=f"{stops} Check the mailbox {address} and the mail server.{again}",
    )
    return True


def send_again(serving: Serving) -> int:
    """Order the mails once more that the archive has refused; return how many."""
    with serving.store.write() as tx:
        failed = archive_failures(tx, serving.config.archive.address)
        for mail in failed:
            change_outgoing(tx, mail.id, state="waiting", next_at=tx.now, attempts=0, claimed_until=None, last_error="")
        return len(failed)
