"""The agent of the end-to-end tests: a program that asks and ends, and what its worker runs. It notes down what it did.

A deployment copies this file into its folder, so that it runs there like anybody's ``app.py``.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from mailgate import ApprovalPending, Mailgate, NotDone, Outcome, RejectedBefore

mg = Mailgate.load()
NOTES = Path(os.environ["APP_OUT"])


def note(**what: Any) -> None:
    """Append one line of JSON; one write, so that several processes may do so."""
    with NOTES.open("a") as file:
        file.write(json.dumps(what | {"pid": os.getpid(), "at": time.time()}, default=str) + "\n")


@mg.action
def issue_refund(order_id: str, amount: float, currency: str = "EUR") -> str:
    """Refund an order."""
    note(did="executed", order_id=order_id, amount=amount)
    return f"refunded {amount} {currency} on {order_id}"


@mg.action
def pay_out(order_id: str, amount: float) -> str:
    """Do what two people must agree to."""
    note(did="executed", order_id=order_id, amount=amount)
    return f"paid out {amount}"


@mg.action
def make_offer(order_id: str, amount: float) -> str:
    """Do what nobody answers in time."""
    note(did="executed", order_id=order_id, amount=amount)
    return "offered"


@mg.action
def transfer(order_id: str, account: int, payload: bytes) -> str:
    """Do something with values that JSON has no words for."""
    note(did="executed", order_id=order_id, account=account, payload=payload.hex())
    return f"transferred to {account}"


@mg.action
def close_account(order_id: str, amount: float) -> str:
    """Do what only somebody who has left may allow."""
    note(did="executed", order_id=order_id, amount=amount)
    return "closed"


@mg.action
def decline(order_id: str, amount: float) -> str:
    """Refuse to be run, without any effect."""
    raise NotDone(f"the till for {order_id} is closed")


@mg.action
def power_cut(order_id: str, amount: float) -> str:
    """Die inside the action, as in a power cut."""
    note(did="executed", order_id=order_id, amount=amount)
    os.kill(os.getpid(), signal.SIGKILL)
    return "never"


@mg.continues("support")
def go_on(outcome: Outcome) -> None:
    """Note what the agent is resumed with."""
    note(
        did="resumed",
        outcome=outcome.outcome,
        result=outcome.result,
        error=outcome.error,
        reason=outcome.reason,
        decided_by=outcome.decided_by,
        state=outcome.state,
        args=outcome.args,
        for_model=outcome.for_model,
    )


def ask(action: str, run: str, args: dict[str, Any]) -> Any:
    """Call an action through its gate; ``hex:`` begins an argument that is bytes."""
    args = {n: bytes.fromhex(v[4:]) if str(v).startswith("hex:") else v for n, v in args.items()}
    state = {"order": args["order_id"], "asked_by": os.getpid()}
    with mg.session(agent="support", run=run, on_behalf_of="erin@approvers.test", state=state) as session:
        return session.call(action, args, reasoning="Charged twice.", confidence=0.9)


if __name__ == "__main__":
    try:
        print(ask(sys.argv[1], sys.argv[2], json.loads(sys.argv[3])))
    except ApprovalPending as pending:
        print(pending.request_id)
    except RejectedBefore as rejected:
        print(rejected.for_model)
        sys.exit(4)
