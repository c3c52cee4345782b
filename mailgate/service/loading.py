"""Give mails the records they carry, once these are in the log, and let them go as soon as the guard has seen so much of it.

Every record reaches the archive in one mail, so that what is missing there can be counted: some kinds of events have a
mail of their own, and the others ride in the next one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mailgate.service.context import Serving
from mailgate.service.marks import mark_outgoing
from mailgate.store import Tx
from mailgate.store.events import get_events, unarchived
from mailgate.store.mails import unloaded
from mailgate.store.tables import Event, Outgoing


def load_mails(tx: Tx, serving: Serving, size: int) -> None:
    """Load what was ordered for records that are in the log by now.

    Args:
        size: of the log; the guard has to see so much of it before these mails go out.
    """
    tx.session.flush()
    mails = unloaded(tx)
    own = {mail.id: get_events(tx, mail.events.split(",")) for mail in mails}
    ready = [mail for mail in mails if own[mail.id] and all(e.position is not None for e in own[mail.id])]
    _take_along(tx, serving, ready, own)
    for mail in ready:
        mail.log_size = size
        tx.session.add(mail)


def _take_along(tx: Tx, serving: Serving, mails: Sequence[Outgoing], own: Mapping[str, Sequence[Event]]) -> None:
    """Let every record that has not reached the archive ride in the first archive mail whose own record is a later one."""
    address = serving.config.archive.address
    bound = [m for m in mails if address and m.recipient == address and m.assignment_id is None]
    if not bound:
        return
    riders = list(unarchived(tx))
    for mail in sorted(bound, key=lambda m: own[m.id][-1].position or 0):
        until = own[mail.id][-1].position or 0
        aboard = [e for e in riders if e.position is not None and e.position <= until]
        riders = riders[len(aboard) :]
        mail.events = ",".join(e.id for e in aboard)
        mark_outgoing(serving.key, mail)
        for event in aboard:
            event.archived = True
            tx.session.add(event)
