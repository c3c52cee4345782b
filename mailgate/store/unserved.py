"""The query for what waits that one worker does not declare."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlmodel import col, select

from mailgate.model.lifecycle import State
from mailgate.store.engine import Tx
from mailgate.store.tables import Request, Resumption


@dataclass(frozen=True, slots=True, kw_only=True)
class Unserved:
    """Names of approved actions, and of agents whose outcome waits."""

    actions: Sequence[str]
    agents: Sequence[str]


def unserved(tx: Tx, actions: Collection[str], agents: Collection[str]) -> Unserved:
    """Return what waits beside ``actions`` and ``agents``, sorted."""
    action, agent = col(Request.action), col(Resumption.agent)
    approved = select(action).where(col(Request.state) == State.APPROVED, action.not_in(sorted(actions)))
    waiting = select(agent).where(col(Resumption.state) == "waiting", agent.not_in(sorted(agents)))
    return Unserved(
        actions=sorted(tx.session.exec(approved.distinct()).all()),
        agents=sorted(tx.session.exec(waiting.distinct()).all()),
    )
