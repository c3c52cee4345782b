"""Where a mail belongs: the seats and questions it names, by its secret address or by the mail of ours that it answers.

Rows only say where to look. With the serve key every find is proven: the key derives the secret anew, for this seat and
its present generation, and the mail has to hold it. A row that was written by another hand proves nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from mailgate.errors import Forged
from mailgate.service.marks import check_outgoing
from mailgate.service.posting import message_token, question_holder
from mailgate.store import Tx
from mailgate.store.answers import find_assignment, find_by_address, find_questions, find_sent
from mailgate.store.tables import Assignment, Question
from mailgate.tokens import ServeKey, address_hash, message_hash


class By(StrEnum):
    """What of a mail named a seat or a question."""

    REPLY = "reply"  # it was sent to the secret address for answers
    BOUNCE = "bounce"  # it was sent to the address that mail comes back to
    MESSAGE_ID = "message-id"  # it answers, or brings back, a mail that went to this person only


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One seat or question that a mail names, and what named it."""

    at: Assignment | Question
    by: frozenset[By]


def locate(tx: Tx, key: ServeKey | None, *, addressed: Iterable[str], answered: Iterable[str]) -> tuple[Found, ...]:
    """Return every seat and question that a mail names, each once.

    Args:
        key: what proves a find; None (`mailgate explain`) takes the rows' word for it.
        addressed: secret tokens of the addresses it was sent to.
        answered: those of the Message-IDs it answers.

    Raises:
        Forged: a row that bears a secret of ours and that the serving side did not write.
    """
    found: dict[str, tuple[Assignment | Question, set[By]]] = {}
    for at, by in (*_addressed(tx, key, tuple(addressed)), *_answered(tx, key, tuple(answered))):
        found.setdefault(at.id, (at, set()))[1].add(by)
    return tuple(Found(at=at, by=frozenset(by)) for at, by in found.values())


def _addressed(tx: Tx, key: ServeKey | None, tokens: tuple[str, ...]) -> Iterator[tuple[Assignment | Question, By]]:
    hashes = [address_hash(token) for token in tokens]
    for seat in find_by_address(tx, hashes):
        for by, place in ((By.REPLY, seat.reply_hash), (By.BOUNCE, seat.bounce_hash)):
            if place not in hashes:
                continue
            if key is not None and _address(key, seat, by) not in tokens:
                raise Forged("assignments", seat.id, f"its {by} hash is not that of its own secret")
            yield seat, by
    for question in find_questions(tx, hashes):
        if key is not None and key.reply_token(question_holder(question.id), 1) not in tokens:
            raise Forged("questions", question.id, "its address hash is not that of its own secret")
        yield question, By.REPLY


def _address(key: ServeKey, seat: Assignment, by: By) -> str:
    derive = key.reply_token if by is By.REPLY else key.bounce_token
    return derive(seat.id, seat.generation)


def _answered(tx: Tx, key: ServeKey | None, tokens: tuple[str, ...]) -> Iterator[tuple[Assignment | Question, By]]:
    for mail in find_sent(tx, [message_hash(token) for token in tokens]):
        if key is not None:
            check_outgoing(key, mail)
        details = json.loads(mail.details)
        seat = find_assignment(tx, mail.assignment_id) if mail.assignment_id else None
        at = seat or (tx.session.get(Question, str(details.get("id"))) if mail.kind == "question" else None)
        # What was sent to an earlier generation of the seat bears a token that is revoked, and leads nowhere.
        is_proven = key is None or message_token(key, mail.id, mail.kind, seat, details) in tokens
        if at is not None and is_proven:
            yield at, By.MESSAGE_ID
