"""Forging rows: one :class:`Way` each, and what a forger has at hand who may write to every table and has no key."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from mailgate.errors import MailgateError
from mailgate.model.action import make_action
from mailgate.model.evidence import LogSigner, build_record
from mailgate.model.verdict import Verdict
from mailgate.service.journal import Journal
from tests.ledger import prove
from tests.service.rig import GATES, Rig

EVIL = make_action("pay", {"order": "EVIL", "amount": 9999, "currency": "EUR"})
"""What the forger wants to run, and nobody was ever asked about."""

Step = Callable[[Rig, str], Any]


@dataclass(frozen=True)
class Way:
    """One way of forging.

    Attributes:
        name: ``table: what is done``.
        before: what happens honestly first; returns the request's id.
        forge: what the forger writes.
        then: what people do after that, in good faith.
        said: where it must be said: ``operators`` (a notice was ordered), ``row`` (the row says why), ``worker`` (its
            log), ``log`` (the keeper's; it was put right), ``nowhere`` (it pretends no decision).
        may_run: the orders that people did allow.
    """

    name: str
    before: Callable[[Rig], str]
    forge: Step
    then: Step = lambda rig, request_id: None
    said: str = "operators"
    may_run: tuple[str, ...] = ()


TOKEN = "a" * 26
"""The secret part of an address that the forger made up."""


def entering(ways: list[Way]) -> Callable[..., Callable[[Step], Step]]:
    """Return the decorator that enters a function that forges into ``ways``; it takes the fields of :class:`Way`."""

    def way(name: str, before: Callable[[Rig], str], **more: Any) -> Callable[[Step], Step]:
        def enter(forge: Step) -> Step:
            ways.append(Way(name=name, before=before, forge=forge, **more))
            return forge

        return enter

    return way


# What happened honestly before.


def asked(rig: Rig) -> str:
    """Ask Bob about a harmless payment."""
    return rig.ask(state={"at": 1})


def mailed(rig: Rig) -> str:
    """Ask Bob about a harmless payment; the mails are out."""
    request_id = asked(rig)
    rig.outbox()
    return request_id


def asked_two(rig: Rig) -> str:
    """Ask Alice and Bob, both of whom are needed."""
    return rig.ask("pay_twice")


def half(rig: Rig) -> str:
    """Ask Alice and Bob; Alice has said yes."""
    request_id = rig.ask("pay_twice")
    assert rig.press(request_id, "alice").done
    rig.keeper()
    return request_id


def half_unrecorded(rig: Rig) -> str:
    """As :func:`half`, and the keeper has not come by yet."""
    request_id = rig.ask("pay_twice")
    assert rig.press(request_id, "alice").done
    return request_id


def approved(rig: Rig) -> str:
    """Let Bob approve a harmless payment; it is recorded."""
    return rig.approved(state={"at": 1})


def approved_unrecorded(rig: Rig) -> str:
    """Let Bob approve a harmless payment, and let the keeper not come by yet."""
    request_id = rig.ask()
    assert rig.press(request_id, "bob").done
    return request_id


def rejected(rig: Rig) -> str:
    """Let Alice reject what Bob could have approved as well."""
    rig.changed(gates=GATES | {"pay": GATES["pay"] | {"approvers": ["alice", "bob"]}})
    request_id = rig.ask(state={"at": 1})
    assert rig.press(request_id, "alice", Verdict.REJECT, reason="Never.").done
    rig.keeper()
    return request_id


def expired(rig: Rig) -> str:
    """Let the time pass."""
    request_id = rig.ask()
    rig.clock.forward(hours=5)
    rig.keeper()
    return request_id


def cancelled(rig: Rig) -> str:
    """Let the agent take it back."""
    request_id = rig.ask()
    rig.mg.cancel(request_id)
    rig.keeper()
    return request_id


def lapsed(rig: Rig) -> str:
    """Let an approval lapse."""
    request_id = rig.approved()
    rig.clock.forward(minutes=20)
    rig.keeper()
    return request_id


def succeeded(rig: Rig) -> str:
    """Let it run, and not be resumed yet."""
    request_id = rig.approved(state={"at": 1})
    rig.execute()
    rig.keeper()
    return request_id


def claimed(rig: Rig) -> str:
    """Let a worker of another machine be inside the action."""
    request_id = rig.approved()
    assert rig.claim("elsewhere", Journal(rig.folder / "elsewhere.journal")) is not None
    rig.keeper()
    return request_id


# What people do afterwards, in good faith.


def bob_approves(rig: Rig, request_id: str) -> None:
    """Bob opens his link and approves, whatever the page says."""
    person_approves(rig, request_id, "bob")


def alice_approves(rig: Rig, request_id: str) -> None:
    """Alice does."""
    person_approves(rig, request_id, "alice")


def both_approve(rig: Rig, request_id: str) -> None:
    """Both do."""
    person_approves(rig, request_id, "alice")
    person_approves(rig, request_id, "bob")


def person_approves(rig: Rig, request_id: str, person: str) -> None:
    """Answer by link and by reply; an honest person's secrets are those of the honest row."""
    for answer in (rig.press, rig.reply):
        with suppress(MailgateError, ValueError):
            answer(request_id, person)


# What the forger has at hand.


def canonical(body: Any) -> bytes:
    """Return canonical JSON."""
    return json.dumps(body, sort_keys=True, separators=(",", ":")).encode()


def rows(rig: Rig, table: str, request_id: str | None) -> list[dict[str, Any]]:
    """Return the raw rows of a table, of one request where given."""
    with rig.working.store.read() as tx:
        where = " where request_id = ?" if request_id else ""
        parameters = (request_id,) if request_id else ()
        found = tx.session.connection().exec_driver_sql(f"select * from {table}{where} order by rowid", parameters)
        return [dict(row) for row in found.mappings()]


def other_action(rig: Rig, request_id: str) -> None:
    """Put another action into a request, digest and all."""
    rig.forge(
        "update requests set canonical = :c, digest = :d, action = 'pay' where id = :r",
        c=EVIL.canonical,
        d=EVIL.digest,
        r=request_id,
    )


def turned_back(rig: Rig, request_id: str) -> None:
    """Make a request that ended look as if it were still open."""
    rig.forge(
        "update requests set state = 'pending', finished_at = null, decided_by = '', reason = '' where id = :r",
        r=request_id,
    )
    rig.forge("update assignments set state = 'open' where request_id = :r", r=request_id)
    rig.forge("delete from resumptions where request_id = :r", r=request_id)


def claim_approved(rig: Rig, request_id: str) -> None:
    """Write that a request is approved, for long."""
    rig.forge(
        "update requests set state = 'approved', valid_until = :l where id = :r",
        l=rig.clock.at + timedelta(days=900),
        r=request_id,
    )


def evil_request(rig: Rig, harmless: str) -> None:
    """Insert another request, ruled on as the harmless one was."""
    rig.copy("requests", {"id": harmless}, id="evil", run="run-2", key="evil")
    other_action(rig, "evil")


def execution(rig: Rig, request_id: str, *, idempotent: int) -> None:
    """Insert a run whose worker has fallen silent."""
    long_ago = rig.clock.at - timedelta(hours=1)
    rig.insert(
        "executions",
        request_id=request_id,
        attempt=1,
        worker="w",
        idempotent=idempotent,
        late_report="",
        claimed_at=long_ago,
        lease_until=long_ago,
    )


def ended(rig: Rig, request_id: str, state: str) -> None:
    """Write that a request ended, and make its agent due."""
    rig.forge(
        "update requests set state = :s, result = :paid, finished_at = :n where id = :r",
        s=state,
        paid=b'"paid"',
        n=rig.clock.at,
        r=request_id,
    )
    resumption(rig, request_id)


def resumption(rig: Rig, request_id: str) -> None:
    """Make an agent due."""
    rig.insert(
        "resumptions",
        request_id=request_id,
        agent="support",
        state="waiting",
        attempts=0,
        worker="",
        next_at=rig.clock.at,
        last_error="",
    )


def decision_row(rig: Rig, request_id: str, person: str) -> None:
    """Insert a yes."""
    rig.insert(
        "decisions",
        id="evil",
        request_id=request_id,
        assignment_id=rig.seat(request_id, person).id,
        stage=0,
        person=person,
        verdict="approve",
        level="aligned",
        channel="reply",
        reason="",
        decided_at=rig.clock.at,
        evidence="{}",
        mark=b"\x00" * 32,
    )


def body_of(rig: Rig, request_id: str, kind: str) -> dict[str, Any]:
    """Return what an honest event says."""
    return rig.bodies(request_id, kind)[0]


def event_row(
    rig: Rig, request_id: str, *, kind: str = "decision", body: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Return the row of an event, by default of an approval."""
    approval = {
        "decision": "evil",
        "outcome": "approved",
        "meaning": "approved",
        "valid_until": "2030-01-01T00:00:00.000Z",
        "approver": {"person": "bob", "name": "Bob Brown", "address": "bob@example.com"},
        "level": "aligned",
    }
    return {
        "id": "evil",
        "request_id": request_id,
        "kind": kind,
        "body": canonical(approval if body is None else body),
        "at": rig.clock.at,
        "proof": "",
        "refused": "",
    }


def forged_record(rig: Rig, request_id: str) -> dict[str, Any]:
    """Return the row of an approval with a record that another log key of the same name signed."""
    signer = LogSigner(rig.serving.signer.name, b"e" * 32)
    row = event_row(rig, request_id)
    record = build_record(
        log=signer.name,
        index=2,
        event="decision",
        request=request_id,
        seq=1,
        digest=rig.request(request_id).digest,
        at=rig.clock.at,
        nonce=b"n" * 16,
        body=json.loads(row["body"]),
    )
    return row | {"record": record, "proof": prove(signer, record, 2), "position": 2}


def incoming_row(rig: Rig, request_id: str, *, sealed: bytes) -> dict[str, Any]:
    """Return the row of a mail that nobody received."""
    return {
        "id": "evil",
        "mailbox": "m",
        "folder": "f",
        "uidvalidity": 1,
        "uid": 7,
        "sha256": "evil",
        "size": 1,
        "sealed": sealed,
        "received_at": rig.clock.at,
        "fetched_at": rig.clock.at,
        "state": "new",
        "kind": "",
        "sender": "",
        "verdict": "",
        "level": "",
        "why": "",
        "moved": 0,
    }
