"""A question before the answer: passed on to the person the agent acts for, whose reply goes to everybody who decides.

Nothing of it decides, and the deadline runs on. No word of it reaches the agent.
"""

from __future__ import annotations

from typing import Any

from mailgate.errors import Forged
from mailgate.model.lifecycle import State
from mailgate.service.context import Serving
from mailgate.service.marks import check_ruling
from mailgate.service.opening import requester_of
from mailgate.service.posting import question_holder
from mailgate.store import Tx
from mailgate.store.answers import questions_of
from mailgate.store.events import append_event
from mailgate.store.requests import lock_request
from mailgate.store.tables import Assignment, Question, Request
from mailgate.tokens import ServeKey, address_hash

MOST = 5
"""Questions about one request: enough for a conversation, few enough that no two machines have one."""

LONGEST = 4000


def pass_on(tx: Tx, serving: Serving, seat: Assignment, text: str, *, inbound_sha256: str) -> bool:
    """Pass a question on; False where nobody could answer it, or too many were asked.

    It goes to the person the agent acts for; to the operators where that is nobody known, or the one who asks.

    Raises:
        Forged: a row that the serving side did not write.
    """
    request = lock_request(tx, seat.request_id)
    check_ruling(tx, serving.key, request)
    people = _who_knows(serving, request, seat)
    if request.state != State.PENDING or not people or len(questions_of(tx, request.id)) >= MOST:
        return False
    for person in people:
        question = _new(tx, serving, request, seat, person, text[:LONGEST])
        body = {
            "question": question.id,
            "assignment": seat.id,
            "person": seat.person,
            "to": person,
            "address": question.address,
            "text": question.text,
            "inbound_sha256": inbound_sha256,
        }
        append_event(tx, "question", request.id, body, key=serving.key)
    return True


def take_answer(tx: Tx, serving: Serving, question: Question, text: str, *, inbound_sha256: str) -> bool:
    """Keep what somebody answered, for everybody who decides; False where it is too late, or was answered before.

    Raises:
        Forged: a row that the serving side did not write.
    """
    request = lock_request(tx, question.request_id)
    check_ruling(tx, serving.key, request)
    check_question(serving, request, question)
    if request.state != State.PENDING or question.answered_at is not None or not text.strip():
        return False
    question.answered_at = tx.now
    tx.session.add(question)
    body = {
        "question": question.id,
        "person": question.person,
        "text": text.strip()[:LONGEST],
        "inbound_sha256": inbound_sha256,
    }
    append_event(tx, "answer", request.id, body, key=serving.key)
    return True


def check_question(serving: Serving, request: Request, question: Question) -> None:
    """Raise Forged unless the serving side passed this question on, about this asking of its request."""
    if not serving.key.bears_mark("question", _fields(question, request), question.mark):
        raise Forged("questions", question.id, "this question was not passed on by the serving side")


def question_token(key: ServeKey, question_id: str) -> str:
    """Return the secret part of the address that the answer to a question comes to."""
    return key.reply_token(question_holder(question_id), 1)


def _who_knows(serving: Serving, request: Request, seat: Assignment) -> tuple[str, ...]:
    requester = requester_of(serving, request)
    if requester is not None and requester != seat.person:
        return (requester,)
    operators = serving.config.directory.expand(serving.config.mailgate.operators)
    return tuple(person for person in operators if person != seat.person)


def _new(tx: Tx, serving: Serving, request: Request, seat: Assignment, person: str, text: str) -> Question:
    question_id = tx.chance.id()
    question = Question(
        id=question_id,
        request_id=request.id,
        assignment_id=seat.id,
        person=person,
        address=serving.config.people[person].address,
        text=text,
        reply_hash=address_hash(question_token(serving.key, question_id)),
        created_at=tx.now,
    )
    mark_question(serving.key, question, request)
    tx.session.add(question)
    return question


def mark_question(key: ServeKey, question: Question, request: Request) -> None:
    """Mark a question as passed on by the serving side."""
    question.mark = key.mark("question", _fields(question, request))


def _fields(question: Question, request: Request) -> dict[str, Any]:
    return {
        "ruling": (request.mark or b"").hex(),
        "id": question.id,
        "request": question.request_id,
        "assignment": question.assignment_id,
        "person": question.person,
        "address": question.address,
        "text": question.text,
        "reply_hash": question.reply_hash,
    }
