"""How long the policy takes to let an action run at once, beside the bare evaluation of the same rules."""

from __future__ import annotations

import timeit
from collections.abc import Callable
from datetime import UTC, datetime
from statistics import median
from typing import Any

import cel

from mailgate.model.policy import Facts, Gate, Rule, Tier, judge

RULES = [f"args.currency == 'EUR' && args.amount <= {limit}.0 && confidence > 0.9" for limit in range(9)]
LAST = "args.amount <= 500.0"
ARGS = {"order_id": "A-1001", "amount": 120.0, "currency": "EUR"}
EACH, ROUNDS = 200, 15


def rows() -> list[dict[str, Any]]:
    """Measure both, by turns, and print them."""
    rules = [Rule(when=when, tier=Tier.AUTO) for when in (*RULES, LAST)]
    gate = Gate(approvers=("bob",), rules=tuple(rules))
    now = datetime(2026, 1, 1, tzinfo=UTC)
    facts = Facts(args=ARGS, agent="support", run="run-7", confidence=0.6, risk=0.0, now=now)
    known = {"args": ARGS, "agent": "support", "run": "run-7", "confidence": 0.6, "risk": 0.0, "now": now}
    programs = [cel.compile(rule.when) for rule in rules]

    def bare() -> None:
        context = cel.Context(variables=known)
        for program in programs:
            program.execute(context)

    assert judge(gate, facts).tier is Tier.AUTO
    ours, theirs = [], []
    for _ in range(ROUNDS):
        ours.append(_micros(lambda: judge(gate, facts)))
        theirs.append(_micros(bare))
    ruling, beside = median(ours), median(theirs)
    print(
        f"\nruling on the way of `auto`, ten rules: {ruling:.1f} µs, {ruling / beside:.2f} × ten bare evaluations ({beside:.1f} µs)"
    )
    row = {
        "name": "ruling, ten rules",
        "value": round(ruling, 1),
        "unit": "µs",
        "beside": "ten bare CEL evaluations in one context",
    }
    return [row | {"ratio": round(beside / ruling, 2)}]


def _micros(work: Callable[[], object]) -> float:
    return 1e6 * timeit.timeit(work, number=EACH) / EACH
