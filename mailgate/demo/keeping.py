"""What the demo leaves behind: the archive as a Maildir, and nothing unsent."""

from __future__ import annotations

import mailbox
import time
from pathlib import Path

from sqlmodel import select

from mailgate.demo.site import Site
from mailgate.runtime import open_database
from mailgate.service.context import Serving
from mailgate.service.sealing import seal
from mailgate.store.tables import Event, Outgoing


def keep_archive(site: Site, folder: Path) -> None:
    """Write the archive mailbox into ``folder/archive``."""
    archive = mailbox.Maildir(folder / "archive", create=True)
    for mail in site.mail.messages(site.mail.archive_address):
        archive.add(mail.raw)
    archive.close()


def seal_archive(side: Serving) -> None:
    """Order a last seal, which covers everything: nobody can say later that the end is missing."""
    with side.store.write() as tx:
        seal(tx, side)


def wait_until_sent(site: Site, seconds: float) -> None:
    """Wait until no event waits to be sequenced and no mail to be sent, at most ``seconds``."""
    store = open_database(site.config)
    try:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            seen = store.pulse.count()
            with store.read() as tx:
                unsent = tx.session.exec(select(Outgoing.id).where(Outgoing.state == "waiting").limit(1)).first()
                waiting = tx.session.exec(
                    select(Event.id).where(Event.position == None, Event.refused == "").limit(1)  # noqa: E711 - SQL
                ).first()
            if unsent is None and waiting is None:
                return
            store.pulse.wait(seen, 0.2)
    finally:
        store.close()
