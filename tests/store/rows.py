"""Rows to begin with, and threads that begin together."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar

from sqlmodel import SQLModel

from mailgate.store import Tx
from mailgate.store.tables import Assignment, Decision, Outgoing, Request

T = TypeVar("T")
Row = TypeVar("Row", bound=SQLModel)


def a_request(tx: Tx, request_id: str = "r1", **changes: Any) -> Request:
    """Store a pending request, with ``changes``."""
    usual: dict[str, Any] = {
        "id": request_id,
        "action": "issue_refund",
        "canonical": b"{}",
        "digest": b"d" * 32,
        "agent": "support",
        "run": "run-7",
        "key": request_id,
        "state": "pending",
        "created_at": tx.now,
    }
    return kept(tx, Request(**(usual | changes)))


def a_seat(tx: Tx, seat_id: str = "s1", request_id: str = "r1", **changes: Any) -> Assignment:
    """Store an open seat of a request, with ``changes``."""
    usual: dict[str, Any] = {
        "id": seat_id,
        "request_id": request_id,
        "person": seat_id,
        "address": f"{seat_id}@example.com",
        "stage": 0,
        "digest": b"d" * 32,
        "reply_hash": f"reply {seat_id}",
        "bounce_hash": f"bounce {seat_id}",
        "state": "open",
        "created_at": tx.now,
    }
    return kept(tx, Assignment(**(usual | changes)))


def a_decision(tx: Tx, seat: Assignment, **changes: Any) -> Decision:
    """Store the approval of a seat's person, with ``changes``."""
    usual: dict[str, Any] = {
        "id": f"decision of {seat.id}",
        "request_id": seat.request_id,
        "assignment_id": seat.id,
        "person": seat.person,
        "stage": seat.stage,
        "verdict": "approve",
        "level": "aligned",
        "channel": "reply",
        "decided_at": tx.now,
    }
    return kept(tx, Decision(**(usual | changes)))


def a_mail(tx: Tx, mail_id: str = "m1", **changes: Any) -> Outgoing:
    """Store a mail that waits to be sent, with ``changes``."""
    usual: dict[str, Any] = {
        "id": mail_id,
        "kind": "request",
        "recipient": "bob@example.com",
        "message_id": f"<{mail_id}@example.com>",
        "state": "waiting",
        "created_at": tx.now,
        "next_at": tx.now,
    }
    return kept(tx, Outgoing(**(usual | changes)))


def kept(tx: Tx, row: Row) -> Row:
    """Store a row now, so that queries of this transaction see it."""
    tx.session.add(row)
    tx.session.flush()
    return row


def at_once(count: int, doing: Callable[[int], T]) -> list[T | Exception]:
    """Return what ``doing`` gives or raises in ``count`` threads that start together."""
    start = threading.Barrier(count)
    results: list[T | Exception] = []

    def run(number: int) -> None:
        start.wait()
        try:
            results.append(doing(number))
        except Exception as error:
            results.append(error)

    threads = [threading.Thread(target=run, args=(n,)) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results
