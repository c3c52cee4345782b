"""Ways to forge cursors, executions, resumptions, leases, policies and logged actions."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from mailgate.errors import LeaseLost
from mailgate.model.lifecycle import FINAL
from mailgate.model.policy import Gate, policy_digest
from mailgate.store.work import hold_lease, take_lease
from tests.service.forging import (
    EVIL,
    Way,
    alice_approves,
    approved,
    asked,
    bob_approves,
    claimed,
    entering,
    execution,
    half,
    rejected,
    resumption,
    succeeded,
)
from tests.service.rig import Rig

WAYS: list[Way] = []
way = entering(WAYS)


@way("cursors: a mailbox said to have been read", asked, said="nowhere")
def _(rig: Rig, r: str) -> None:
    far = rig.clock.at + timedelta(days=9)
    rig.insert("cursors", mailbox="m", folder="f", uidvalidity=1, uid=1, started_at=far, read_at=far)


@way("executions: an action that may run once said to be idempotent, its worker silent", claimed, said="nowhere")
def _(rig: Rig, r: str) -> None:
    rig.forge("update executions set idempotent = 1, lease_until = :p", p=rig.clock.at - timedelta(hours=1))


@way("executions: a run of what nobody approved", asked, said="nowhere")
def _(rig: Rig, r: str) -> None:
    execution(rig, r, idempotent=1)


for state in sorted(FINAL):

    @way(f"resumptions: {state} written, and its agent due", asked, said="worker")
    def _(rig: Rig, r: str, state: str = state) -> None:
        rig.forge(
            "update requests set state = :s, result = '\"paid\"', finished_at = :n where id = :r",
            s=state,
            r=r,
            n=rig.clock.at,
        )
        resumption(rig, r)


@way("resumptions: success written over an approval that did not run", approved, said="worker")
def _(rig: Rig, r: str) -> None:
    rig.forge(
        "update requests set state = 'succeeded', result = '\"paid\"', finished_at = :n where id = :r",
        n=rig.clock.at,
        r=r,
    )
    resumption(rig, r)


for column, value in (
    ("result", b'"paid twice"'),
    ("error", "none"),
    ("effect", "unknown"),
    ("agent", "billing"),
    ("run", "run-9"),
    ("on_behalf_of", "mallory@evil.example"),
    ("state", "failed"),
):

    @way(f"resumptions: {column} changed after it ran", succeeded, said="worker", may_run=("A-1",))
    def _(rig: Rig, r: str, column: str = column, value: Any = value) -> None:
        rig.forge(f"update requests set {column} = :v where id = :r", v=value, r=r)


for column, value in (("reason", "Try the other account."), ("decided_by", "The Board"), ("state", "expired")):

    @way(f"resumptions: {column} changed after a rejection", rejected, said="worker")
    def _(rig: Rig, r: str, column: str = column, value: Any = value) -> None:
        rig.forge(f"update requests set {column} = :v where id = :r", v=value, r=r)


@way("resumptions: given to another agent", succeeded, said="nowhere", may_run=("A-1",))
def _(rig: Rig, r: str) -> None:
    rig.forge("update resumptions set agent = 'billing'")


@way("resumptions: one put in for what is still open", asked, said="nowhere")
def _(rig: Rig, r: str) -> None:
    resumption(rig, r)


@way("resumptions: one that belongs to no request", asked, said="nowhere")
def _(rig: Rig, r: str) -> None:
    resumption(rig, "never")


@way("leases: the keeper's lease taken by the forger", asked, said="nowhere")
def _(rig: Rig, r: str) -> None:
    with rig.serving.store.write() as tx:
        holding = take_lease(tx, "keeper", "rig", timedelta(seconds=15))
    assert holding is not None
    rig.forge("update leases set owner = 'evil', epoch = epoch + 1, until = :u", u=rig.clock.at + timedelta(days=9))
    with pytest.raises(LeaseLost), rig.serving.store.write() as tx:
        hold_lease(tx, holding, timedelta(seconds=15))


@way("policies: the document of a quorum of two replaced by one", half, then=alice_approves)
def _(rig: Rig, r: str) -> None:
    easier = Gate(approvers=("alice", "bob"), quorum=1).document()
    rig.forge("update policies set document = :d", d=easier)


@way("policies: an easier policy put in and the request pointed at it", half, then=alice_approves)
def _(rig: Rig, r: str) -> None:
    easier = Gate(approvers=("alice", "bob"), quorum=1).document()
    rig.insert("policies", digest=policy_digest(easier), document=easier)
    rig.forge("update requests set policy = :p where id = :r", p=policy_digest(easier), r=r)


@way("policies: all of them removed", asked, then=bob_approves)
def _(rig: Rig, r: str) -> None:
    rig.forge("delete from policies")


for state in ("executing", "succeeded"):

    @way(f"logged: one put in as {state}", asked, said="nowhere")
    def _(rig: Rig, r: str, state: str = state) -> None:
        rig.insert(
            "logged",
            id="evil",
            action="pay",
            canonical=EVIL.canonical,
            digest=EVIL.digest,
            agent="support",
            run="run-1",
            key="k",
            reasoning="",
            confidence=1,
            rule="",
            state=state,
            error="",
            created_at=rig.clock.at,
        )
