"""The header of a mail that was ordered: addresses, thread, subject. No word of an agent gets in here but its action's name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mailgate.mail.compose import Headers, subject_line, usable_id
from mailgate.service.context import Serving
from mailgate.service.posting import ANSWERS, own_message_id, thread_id
from mailgate.service.questions import question_token
from mailgate.store.tables import Assignment, Outgoing, Request
from mailgate.tokens import tagged_address


def short_code(request: Request) -> str:
    """Return the request's short code for subjects and conversations."""
    return request.id[:6].upper()


def headers_of(
    serving: Serving,
    row: Outgoing,
    request: Request | None,
    seat: Assignment | None,
    details: Mapping[str, Any],
    message_id: str,
) -> Headers:
    """Return the header of one ordered mail: who it is from and to, where answers go, and which thread it is in."""
    settings = serving.config.smtp
    name = serving.config.people[seat.person].name if seat and seat.person in serving.config.people else ""
    references: tuple[str, ...] = (thread_id(serving, request.id),) if request else ()
    if seat is not None and seat.message_id not in ("", row.id) and not seat.message_id.startswith("<"):
        # For this seat and no other, whatever row was written there.
        token = serving.key.message_token(seat.message_id, seat.id, seat.generation)
        references = (*references, own_message_id(serving, token))
    answered = details.get("in_reply_to")
    if answered and usable_id(str(answered)):
        references = (*references, str(answered))
    reply_to = None
    if seat is not None:
        token = serving.key.reply_token(seat.id, seat.generation)
        address = tagged_address(settings.address, token, serving.config.imap.reply_address)
        reply_to = (settings.display_name, address)
    elif row.kind == "question" and "id" in details:
        address = tagged_address(
            settings.address, question_token(serving.key, str(details["id"])), serving.config.imap.reply_address
        )
        reply_to = (settings.display_name, address)
    automatic = "" if row.kind in ("request", "escalation", "question") else "auto-generated"
    subject = subject_line(request.action, short_code(request)) if request else _SUBJECTS.get(row.kind, _NOTICE)
    return Headers(
        message_id=message_id,
        references=references,
        in_reply_to=references[-1] if references else "",
        sender=(settings.display_name, settings.address),
        recipient=(name, row.recipient),
        reply_to=reply_to,
        date=row.created_at,
        subject=f"[{serving.config.mailgate.name}] {subject}",
        auto_submitted="auto-replied" if row.kind in ANSWERS else automatic,
        instance=serving.signer.name,
    )


_NOTICE = "notice to operators"
_SUBJECTS = {"seal": "seal of the record", "digest": "what ran without asking"}
