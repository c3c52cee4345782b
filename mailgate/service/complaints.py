"""What is done when a row turns out to be forged: the request is not acted on, and the operators are told, once."""

from __future__ import annotations

import json

import structlog

from mailgate.errors import Forged
from mailgate.service.context import Serving
from mailgate.service.marks import check_outgoing, check_ruling
from mailgate.service.posting import tell_operators
from mailgate.service.proof import check_pending
from mailgate.store import Tx
from mailgate.store.mails import outgoing_of
from mailgate.store.tables import Request

log = structlog.get_logger(__name__)


def founded(tx: Tx, serving: Serving, request: Request) -> bool:
    """Return whether the keeper itself ruled on this pending request and nothing about it was forged since."""
    try:
        check_ruling(tx, serving.key, request)
        check_pending(tx, serving.key, serving.verifier, request)
    except Forged as error:
        complain(tx, serving, request, error)
        return False
    return True


def complain(tx: Tx, serving: Serving, request: Request, error: Forged) -> bool:
    """Note on a request what is forged about it, log it, and tell the operators; once. Return whether it was new.

    Whether it was said is looked up among our own marked notices: a note alone can be written by anybody.
    """
    headline = f"A forged entry was found in the database: {error}."
    is_noted = request.note == str(error)
    if is_noted and (not serving.config.mailgate.operators or was_told(tx, serving, request, headline)):
        return False
    log.error("forged", table=error.table, row=error.row, why=error.why, request=request.id)
    request.note = str(error)
    tx.session.add(request)
    next_step = "Nothing was executed because of it. Find out who can write to the database."
    if not was_told(tx, serving, request, headline):
        tell_operators(tx, serving, request, headline=headline, next_step=next_step)
    return True


def was_told(tx: Tx, serving: Serving, request: Request, headline: str) -> bool:
    """Return whether operators were told this about a request before, as our own marks say."""
    for mail in outgoing_of(tx, request.id):
        try:
            if mail.kind == "notice" and headline in json.loads(mail.details).values():
                check_outgoing(serving.key, mail)
                return True
        except (Forged, ValueError, AttributeError):
            continue
    return False
