"""What records state of rows, so that the archive alone can answer what the database could: plain JSON, no secret."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from mailgate.model.canonical import canonical_bytes
from mailgate.model.evidence import format_time
from mailgate.service.context import Serving
from mailgate.store.tables import Assignment, Request


def request_fields(request: Request) -> dict[str, Any]:
    """Return what was asked, by whom, and what the keeper ruled on it; the action as its canonical text."""
    return {
        "action": request.action,
        "canonical": request.canonical.decode(),
        "key": request.key,
        "intent": request.intent,
        "reasoning": request.reasoning,
        "confidence": request.confidence,
        "ruling": request.ruling,
        "requester": request.requester,
        "policy": (request.policy or b"").hex(),
        "opened_at": request.opened_at and format_time(request.opened_at),
        "deadline": request.deadline_at and format_time(request.deadline_at),
    }


def seat_fields(seat: Assignment) -> dict[str, Any]:
    """Return who was asked for which stage, for whom, and since when he has the seat; none of its secrets."""
    return {
        "assignment": seat.id,
        "person": seat.person,
        "address": seat.address,
        "stage": seat.stage,
        "generation": seat.generation,
        "for": seat.for_person,
        "since": format_time(seat.created_at),
    }


def note_shown(serving: Serving, seat: Assignment, text_sha256: str) -> None:
    """Note on a seat, under a mark, what the latest mail that asked its person showed."""
    shown = {"text_sha256": text_sha256, "template_sha256": serving.templates.digest()}
    mark = serving.key.mark("shown", {"assignment": seat.id, "generation": seat.generation} | shown)
    seat.shown = canonical_bytes(shown | {"mark": mark.hex()}).decode()


def shown_to(serving: Serving, seat: Assignment) -> dict[str, str]:
    """Return what the person of a seat was shown last, by digest; nothing where it was never noted, or not by us."""
    try:
        shown = json.loads(seat.shown or "{}")
        mark = bytes.fromhex(shown.pop("mark", ""))
    except (ValueError, AttributeError):
        return {}
    fields = {"assignment": seat.id, "generation": seat.generation} | shown
    return shown if serving.key.bears_mark("shown", fields, mark) else {}


def told_fields(request: Request) -> dict[str, Any]:
    """Return what an agent is told about the end of ``request``; its result as canonical text."""
    return {
        "result": None if request.result is None else request.result.decode(),
        "error": request.error,
        "effect": request.effect,
        "reason": request.reason,
        "decided_by": request.decided_by,
    }


def told_digest(told: Mapping[str, Any]) -> str:
    """Return the digest of :func:`told_fields`; hex SHA-256, it stands in the record of that end."""
    result = told["result"]
    hashed = dict(told) | {"result": None if result is None else hashlib.sha256(result.encode()).hexdigest()}
    return hashlib.sha256(canonical_bytes(hashed)).hexdigest()
