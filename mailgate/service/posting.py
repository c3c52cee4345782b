"""Order mails: one row for each mail to send, in the transaction that makes it due. The outbox renders them later."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mailgate.model.canonical import canonical_bytes
from mailgate.service.context import Serving
from mailgate.service.marks import check_assignment, mark_outgoing
from mailgate.store import Tx
from mailgate.store.tables import Assignment, Event, Outgoing, Request
from mailgate.tokens import ServeKey, message_hash, message_id

ANSWERS = frozenset({"clarification", "late", "why"})
"""Kinds of mail that answer somebody's mail: marked so, and without an envelope sender, so that no machine answers back
(RFC 3834)."""


def order_mail(
    tx: Tx,
    serving: Serving,
    kind: str,
    request: Request | None,
    *,
    to: Assignment | str,
    details: Mapping[str, Any] | None = None,
    events: Sequence[Event] = (),
    address: str = "",
) -> Outgoing:
    """Order one mail of ``kind`` to one seat, or to a bare address.

    Args:
        address: where the mail to a seat goes, if not to the address that it was given out to.
        details: plain JSON: what the letter says beyond what request and seat tell.
        events: whose records the mail carries.

    Raises:
        Forged: a seat that the serving side did not make. Its address must not get under our mark: put right again
            before the mail is rendered, the row would send a person's link and code elsewhere.
    """
    if isinstance(to, Assignment):
        assert request is not None
        check_assignment(serving.key, to, request)
    mail_id, details, seat = tx.chance.id(), details or {}, to if isinstance(to, Assignment) else None
    mail = Outgoing(
        id=mail_id,
        kind=kind,
        request_id=request.id if request else None,
        assignment_id=seat.id if seat else None,
        recipient=address or (to.address if isinstance(to, Assignment) else to),
        message_id=message_hash(message_token(serving.key, mail_id, kind, seat, details)),
        details=canonical_bytes(dict(details)).decode(),
        events=",".join(e.id for e in events),
        created_at=tx.now,
        next_at=tx.now,
        state="waiting",
    )
    mark_outgoing(serving.key, mail)
    tx.session.add(mail)
    return mail


def archive(tx: Tx, serving: Serving, kind: str, request: Request, event: Event, details: Mapping[str, Any]) -> None:
    """Order the archive's copy of what ``event`` recorded, where an archive is configured."""
    if serving.config.archive.address:
        order_mail(tx, serving, kind, request, to=serving.config.archive.address, details=details, events=[event])


def tell_operators(
    tx: Tx, serving: Serving, request: Request | None, *, headline: str, next_step: str, takeover: bool = False
) -> None:
    """Order a notice to every operator; ``takeover``: with the task and its context, for somebody to do it instead."""
    directory = serving.config.directory
    for person in directory.expand(serving.config.mailgate.operators):
        address = directory.people[person].address
        details = {"headline": headline, "next": next_step, "person": person, "takeover": takeover}
        order_mail(tx, serving, "notice", request, to=address, details=details)


def message_token(key: ServeKey, mail_id: str, kind: str, seat: Assignment | None, details: Mapping[str, Any]) -> str:
    """Return the secret part of a mail's Message-ID, by which a reply to it is known; of no use where nobody is to answer."""
    if seat is not None:
        return key.message_token(mail_id, seat.id, seat.generation)
    if kind == "question" and "id" in details:
        return key.message_token(mail_id, question_holder(str(details["id"])), 1)
    return key.message_token(mail_id, "", 0)


def question_holder(question_id: str) -> str:
    """Return the name under which secrets of a question are derived, apart from those of seats."""
    return f"question {question_id}"


def own_message_id(serving: Serving, token: str) -> str:
    """Return the Message-ID with ``token``."""
    return message_id(token, domain_of(serving))


def thread_id(serving: Serving, request_id: str) -> str:
    """Return the id at the root of every mail about one request; no mail has it, all refer to it."""
    return f"<{request_id}.thread@{domain_of(serving)}>"


def domain_of(serving: Serving) -> str:
    """Return the domain that our mails come from."""
    return serving.config.smtp.address.partition("@")[2]
