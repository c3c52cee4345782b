"""The ruling on one action, with everything it rests on: the policy, the agent's confidence, an assessment."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mailgate.config import Config
from mailgate.model.canonical import canonical_bytes
from mailgate.model.confidence import Confidence
from mailgate.model.evidence import format_time
from mailgate.model.policy import Facts, Route, Ruling, judge, policy_digest, read_gate
from mailgate.service.assess import assess
from mailgate.store import Tx
from mailgate.store.requests import find_policy
from mailgate.store.tables import Request


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruled:
    """A ruling with everything it rests on besides the action itself; ``failed``: its assessment did."""

    ruling: Ruling
    confidence: Confidence
    risk: float
    failed: bool
    policy: bytes
    now: datetime

    def document(self) -> str:
        """Return it as it is kept with the action: plain JSON."""
        return canonical_bytes(
            {
                "tier": self.ruling.tier.value,
                "rule": self.ruling.rule,
                "policy": self.policy.hex(),
                "confidence": self.confidence.value,
                "doubt": self.confidence.doubt,
                "risk": self.risk,
                "failed": self.failed,
                "now": format_time(self.now),
            }
        ).decode()


def rule_on(
    config: Config,
    action: str,
    args: Mapping[str, Any],
    *,
    agent: str,
    run: str,
    confidence: Confidence,
    now: datetime,
) -> Ruled:
    """Return the ruling on one action, by name and arguments, after the gate's assessment.

    Without one nobody knows the risk, so it is 1.
    """
    gate, risk, failed = config.gates.get(action), 1.0, False
    if gate is not None and gate.assess:
        about = {
            "action": action,
            "args": deepcopy(dict(args)),  # rules look at what was asked for, not at what somebody's code made of it
            "agent": agent,
            "run": run,
            "confidence": confidence.value,
        }
        assessed = assess(gate.assess, about, confidence=confidence, seconds=gate.assess_timeout.total_seconds())
        confidence, risk, failed = assessed.confidence, assessed.risk, bool(assessed.doubt)
    facts = Facts(args=args, agent=agent, run=run, confidence=confidence.value, risk=risk, now=now)
    ruling = judge(gate, facts, require_below=config.confidence.require_below)
    policy = policy_digest(gate.document()) if gate is not None else b""
    return Ruled(ruling=ruling, confidence=confidence, risk=risk, failed=failed, policy=policy, now=now)


def route_of(tx: Tx, request: Request) -> Route:
    """Return what the agent is to do if ``request`` is rejected, by the policy it was made under."""
    document = find_policy(tx, request.policy or b"")
    return read_gate(document).on_reject if document is not None else "reroute"
