"""Letters that ask for no decision: what operators are told, and questions to somebody who may know the answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from mailgate.mail.draft import notice_letter
from mailgate.mail.instants import format_instant
from mailgate.mail.letter import Letter
from mailgate.model.notes import parse_proof
from mailgate.service.context import Serving
from mailgate.service.signatures import name_of
from mailgate.store.tables import Event, Outgoing, Request


def notice_of(serving: Serving, request: Request | None, details: Mapping[str, Any]) -> Letter:
    """Return the notice to an operator; with the task and its context where somebody has to take it over."""
    person = serving.config.people.get(str(details.get("person", "")))
    facts = {} if request is None else {"Request": request.id, "Action": request.action, "Agent": request.agent}
    if request is not None and details.get("takeover"):
        facts |= _task(request)
    return notice_letter(
        deployment=serving.config.mailgate.name,
        recipient=person.name if person else "operator",
        headline=str(details["headline"]),
        facts=facts,
        next_steps=(str(details["next"]),),
        recorded=False,
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
        facts={"Question": str(details["question"])} | {n: v for n, v in _task(request).items() if n not in _ABOUT_NO},
        next_steps=(
            f"Reply to this mail: what you write goes to everybody who decides, and into the record. It can be answered{until}.",
            "Your reply decides nothing.",
        ),
    )


_ABOUT_NO = frozenset({"Rejected by", "Reason"})


def _task(request: Request) -> Mapping[str, str]:
    """Return what somebody needs who does a rejected task instead of the agent."""
    arguments = json.loads(request.canonical)["arguments"]
    return {
        "Run": request.run,
        "On behalf of": request.on_behalf_of or "nobody named",
        "Arguments": json.dumps(arguments, ensure_ascii=False),
        "The agent says": request.reasoning or "nothing",
        "Rejected by": request.decided_by or "a person",
        "Reason": request.reason or request.reason_later or "none given",
    }


def why_of(serving: Serving, request: Request, person: str) -> Letter:
    """Return the mail that asks somebody for the reason of a rejection that was counted without one."""
    return notice_letter(
        deployment=serving.config.mailgate.name,
        recipient=name_of(serving, person),
        title=f"One more line, please, {name_of(serving, person)}",
        headline=f"Your rejection of {request.action} was counted, and it is not run.",
        next_steps=("Please reply to this mail and say in one line why, so that it can be looked up.",),
    )
