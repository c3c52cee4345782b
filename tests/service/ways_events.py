"""Ways to forge events and their records."""

from __future__ import annotations

import json
from typing import Any

from mailgate.store.tables import Event
from mailgate.tokens import ServeKey
from tests.service.forging import (
    Way,
    approved_unrecorded,
    asked,
    canonical,
    claim_approved,
    entering,
    event_row,
    forged_record,
    half,
    half_unrecorded,
    lapsed,
    rejected,
    rows,
)
from tests.service.rig import Rig

WAYS: list[Way] = []
way = entering(WAYS)


@way("events: a decision put in without a mark", asked)
def _(rig: Rig, r: str) -> None:
    claim_approved(rig, r)
    rig.insert("events", **event_row(rig, r))


@way("events: a decision put in with a mark of another key", asked)
def _(rig: Rig, r: str) -> None:
    claim_approved(rig, r)
    rig.insert("events", **(event_row(rig, r) | {"mark": ServeKey(b"e" * 32).mark("event", {"id": "evil"})}))


@way("events: a decision put in with the mark of a reminder", asked)
def _(rig: Rig, r: str) -> None:
    honest = half(rig)
    [marked] = [e for e in rig.rows(Event, request_id=honest) if e.mark is not None]
    claim_approved(rig, r)
    rig.insert("events", **(event_row(rig, r) | {"mark": marked.mark}))


@way("events: a decision put in with a record of the forger's own", asked)
def _(rig: Rig, r: str) -> None:
    claim_approved(rig, r)
    rig.insert("events", **forged_record(rig, r))


@way("events: a record of the forger's own in place of an honest half", half)
def _(rig: Rig, r: str) -> None:
    claim_approved(rig, r)
    forged = forged_record(rig, r)
    rig.forge(
        "update events set record = :record, proof = :proof, body = :body where kind = 'decision'",
        **{n: forged[n] for n in ("record", "proof", "body")},
    )


@way("events: a position written by hand", asked)
def _(rig: Rig, r: str) -> None:
    claim_approved(rig, r)
    rig.insert("events", **(event_row(rig, r) | {"position": 2}))


@way("events: a position far ahead written by hand", asked)
def _(rig: Rig, r: str) -> None:
    rig.insert("events", **(event_row(rig, r) | {"position": 1_000_000}))


@way("events: an honest record moved ahead", half, said="log")
def _(rig: Rig, r: str) -> None:
    rig.forge("update events set position = 1000 where kind = 'decision'")


@way("events: two honest records exchanged", half)
def _(rig: Rig, r: str) -> None:
    rig.forge("update events set position = position + 1000")
    rig.forge("update events set position = 2 where kind = 'request'")
    rig.forge("update events set position = 1 where kind = 'decision'")


@way("events: an approval's record copied from another request", asked, may_run=("A-2",))
def _(rig: Rig, r: str) -> None:
    other = rig.approved(args={"order": "A-2"})
    rig.execute()
    [honest] = [e for e in rows(rig, "events", other) if e["kind"] == "decision"]
    claim_approved(rig, r)
    rig.insert("events", **(honest | {"id": "evil", "request_id": r, "position": 77}))


@way("events: an approval's event moved to another request", asked, may_run=())
def _(rig: Rig, r: str) -> None:
    other = rig.approved(args={"order": "A-2"})
    claim_approved(rig, r)
    rig.forge("update events set request_id = :r where request_id = :o and kind = 'decision'", r=r, o=other)


for kind, extra in (
    ("resumed", {}),
    ("resume_failed", {}),
    ("executing", {"attempt": 1}),
    ("cancelled", {}),
    ("request", {"rules": []}),
    ("outcome", {"attempt": 1}),
):

    @way(f"events: a {kind} that says approved, made a decision once it was signed", asked)
    def _(rig: Rig, r: str, kind: str = kind, extra: Any = extra) -> None:
        body = {"outcome": "approved", "valid_until": "2030-01-01T00:00:00.000Z", "actor": {}} | extra
        claim_approved(rig, r)
        rig.insert("events", **event_row(rig, r, kind=kind, body=body))
        rig.keeper()
        rig.forge("update events set kind = 'decision', refused = '' where id = 'evil'")


@way("events: an executing that says approved, after one yes of two", half)
def _(rig: Rig, r: str) -> None:
    body = {"outcome": "approved", "valid_until": "2030-01-01T00:00:00.000Z", "actor": {"worker": "w"}}
    rig.insert("events", **event_row(rig, r, kind="executing", body=body))
    rig.keeper()
    rig.forge("update events set kind = 'decision', refused = '' where id = 'evil'")
    claim_approved(rig, r)


@way("events: an approval that did happen signed anew with more time", lapsed)
def _(rig: Rig, r: str) -> None:
    body = {"outcome": "approved", "valid_until": "2030-01-01T00:00:00.000Z", "actor": {"worker": "w"}}
    rig.insert("events", **event_row(rig, r, kind="executing", body=body))
    rig.keeper()
    rig.forge("delete from events where kind in ('decision', 'lapsed')")
    rig.forge("update events set kind = 'decision', refused = '' where id = 'evil'")
    claim_approved(rig, r)


@way("events: what a half decision says changed before it was recorded", half_unrecorded)
def _(rig: Rig, r: str) -> None:
    [row] = [e for e in rows(rig, "events", r) if e["kind"] == "decision"]
    body = json.loads(row["body"]) | {"outcome": "approved", "valid_until": "2030-01-01T00:00:00.000Z"}
    rig.forge("update events set body = :b where id = :i", b=canonical(body), i=row["id"])
    claim_approved(rig, r)


for name, body in (("that is no JSON", b"{"), ("that is no text", b"\xff\xfe"), ("that is no object", b"[]")):
    for kind in ("decision", "outcome"):

        @way(f"events: a {kind} with a body {name}", asked)
        def _(rig: Rig, r: str, kind: str = kind, body: bytes = body) -> None:
            rig.insert("events", **(event_row(rig, r, kind=kind) | {"body": body}))


for kind in ("expired", "settled", "undeliverable", "lapsed", "escalation", "in_doubt", "superseded", "nonsense"):

    @way(f"events: {kind} put in without a mark", asked)
    def _(rig: Rig, r: str, kind: str = kind) -> None:
        rig.insert("events", **event_row(rig, r, kind=kind, body={"outcome": kind, "actor": {"system": "keeper"}}))


@way("events: an outcome of what nobody approved", asked)
def _(rig: Rig, r: str) -> None:
    rig.forge("update requests set state = 'succeeded', result = '1' where id = :r", r=r)
    rig.insert("events", **event_row(rig, r, kind="outcome", body={"outcome": "succeeded", "actor": {"worker": "w"}}))


@way("events: an outcome that speaks of no request", asked)
def _(rig: Rig, r: str) -> None:
    body = {"outcome": "succeeded", "actor": {"worker": "w"}}
    rig.insert("events", **(event_row(rig, r, kind="outcome", body=body) | {"request_id": None}))


@way("events: an outcome that speaks of a request there never was", asked)
def _(rig: Rig, r: str) -> None:
    body = {"outcome": "succeeded", "actor": {"worker": "w"}}
    rig.insert("events", **(event_row(rig, r, kind="outcome", body=body) | {"request_id": "never"}))


@way("events: a cancelling of what was rejected", rejected)
def _(rig: Rig, r: str) -> None:
    rig.forge("update requests set state = 'cancelled' where id = :r", r=r)
    rig.insert("events", **event_row(rig, r, kind="cancelled", body={"outcome": "cancelled", "actor": {"by": "agent"}}))


@way("events: an honest approval hidden from the keeper", approved_unrecorded)
def _(rig: Rig, r: str) -> None:
    rig.forge("update events set refused = 'no' where kind = 'decision'")
