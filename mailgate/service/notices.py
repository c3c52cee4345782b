"""Letters that ask for no decision: what operators are told, and questions to somebody who may know the answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mailgate.mail.brief import Ask
from mailgate.mail.draft import notice_letter
from mailgate.mail.instants import format_instant
from mailgate.mail.letter import Letter
from mailgate.mail.passages import quoted
from mailgate.model.notes import parse_proof
from mailgate.service.context import Serving
from mailgate.service.heading import short_code
from mailgate.service.marks import check_action
from mailgate.service.questions import question_marker
from mailgate.service.signatures import name_of
from mailgate.store.tables import Assignment, Event, Outgoing, Request


def notice_of(serving: Serving, request: Request | None, details: Mapping[str, Any]) -> Letter:
    """Return the notice to an operator; with the task and its context where somebody has to take it over."""
    person = serving.config.people.get(str(details.get("person", "")))
    facts = {} if request is None else {"Request": request.id, "Action": request.action, "Agent": quoted(request.agent)}
    is_takeover = request is not None and bool(details.get("takeover"))
    if request is not None and is_takeover:
        facts |= {
            "Who rejected it": request.decided_by or "a person",
            "Reason": request.reason or request.reason_later or "none given",
        }
    return notice_letter(
        deployment=serving.config.mailgate.name,
        recipient=person.name if person else "operator",
        headline=str(details["headline"]),
        facts=facts,
        next_steps=(str(details["next"]),),
        recorded=False,
        about=_task(serving, request) if request is not None and is_takeover else None,
    )


def seal_of(serving: Serving, row: Outgoing, event: Event) -> Letter:
    """Return the mail that seals the log: up to where it is complete, and what its tree's root is."""
    since = json.loads(event.body)["since"]
    checkpoint = serving.verifier.read_checkpoint(parse_proof(event.proof).checkpoint)
    is_archive = row.recipient == serving.config.archive.address
    return notice_letter(
        deployment=serving.config.mailgate.name,
        recipient="the archive" if is_archive else "a witness",
        title="Seal of the record",
        headline=f"The log holds {checkpoint.size} records.",
        facts={
            "Log": checkpoint.origin,
            "Sealed": f"records {since} to {event.position}",
            "Root": checkpoint.root.hex(),
            "Time": format_instant(event.at, seconds=True),
        },
        next_steps=("Keep this mail. A record that goes missing, or is changed, no longer fits to it.",),
    )


def question_of(serving: Serving, request: Request, details: Mapping[str, Any]) -> Letter:
    """Return the mail that passes a question on to somebody who may know."""
    until = f" until {format_instant(request.deadline_at)}" if request.deadline_at else ""
    return notice_letter(
        deployment=serving.config.mailgate.name,
        recipient=name_of(serving, str(details["to"])),
        title=f"A question to {name_of(serving, str(details['to']))}",
        headline=f"{details['asker']} has a question before deciding on {request.action}.",
        facts={"What is asked": str(details["question"])},
        next_steps=(
            f"Reply to this mail: what you write goes to everybody who decides, and into the record. It can be answered{until}.",
            "Your reply decides nothing.",
        ),
        about=_task(serving, request),
        nonce=question_marker(serving.key, str(details["id"])) if "id" in details else "",
    )


def _task(serving: Serving, request: Request) -> Ask:
    """Return what somebody needs who is to judge the task, or does it instead of the agent.

    Raises:
        Forged: the stored action is not the one that its digest names.
    """
    return Ask(
        deployment=serving.config.mailgate.name,
        action=request.action,
        short_code=short_code(request),
        digest=request.digest.hex(),
        arguments=check_action(request).arguments,
        agent=request.agent,
        run=request.run,
        on_behalf_of=request.on_behalf_of or "",
        reasoning=request.reasoning,
        confidence=request.confidence or None,
    )


def why_of(serving: Serving, request: Request, seat: Assignment) -> Letter:
    """Return the mail that asks somebody for the reason of a rejection that was counted without one."""
    name = name_of(serving, seat.person)
    return notice_letter(
        deployment=serving.config.mailgate.name,
        recipient=name,
        title=f"One more line, please, {name}",
        headline=f"Your rejection of {request.action} was counted, and it is not run.",
        next_steps=("Please reply to this mail and say in one line why, so that it can be looked up.",),
        nonce=serving.key.marker(seat.id, seat.generation),
    )
