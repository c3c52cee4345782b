"""The agent of the demo: it works through a day of support tickets. No model, no network: the same every time.

It is an ordinary user of the library. Its process ends wherever a person has to be asked; a worker in another process
carries it on from the checkpoint.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from typing import Any

from mailgate import ApprovalPending, Mailgate, Outcome

mg = Mailgate.load()

AGENT, RUN, CUSTOMER_CARE = "support", "monday", "erin@sandbox.test"


@dataclass(frozen=True)
class Ticket:
    """One customer's wish, and what the agent makes of it."""

    number: int
    wish: str
    action: str
    args: dict[str, Any]
    reasoning: str
    confidence: float


TICKETS = (
    Ticket(
        1, "Where is my parcel?", "look_up_order", {"order_id": "A-1001"}, "The customer asks for its status.", 0.99
    ),
    Ticket(
        2, "The mug arrived broken.", "issue_refund", {"order_id": "A-1002", "amount": 12.5}, "A photo shows it.", 0.97
    ),
    Ticket(
        3,
        "Please send the invoice again.",
        "send_reply",
        {"to": "frank@customers.test", "text": "Here it is."},
        "Asked for.",
        0.98,
    ),
    Ticket(
        4,
        "I was charged twice!",
        "issue_refund",
        {"order_id": "A-1004", "amount": 120.0},
        "Two equal charges, two minutes apart.",
        0.92,
    ),
    Ticket(
        5, "Has my order shipped?", "look_up_order", {"order_id": "A-1005"}, "The customer asks for its status.", 0.99
    ),
    Ticket(
        6,
        "Delete everything you know about me.",
        "delete_account",
        {"customer": "gina@customers.test", "erase_orders": True},
        "A request under GDPR article 17.",
        0.88,
    ),
    Ticket(
        7,
        "The shop was down, tell everybody!",
        "send_bulk_mail",
        {"segment": "all customers", "recipients": 48_210, "text": "We are sorry for the outage."},
        "Several customers complained.",
        0.55,
    ),
    Ticket(
        8,
        "Thanks, all fine now.",
        "send_reply",
        {"to": "hugo@customers.test", "text": "Glad to hear."},
        "Courtesy.",
        0.99,
    ),
    Ticket(
        9,
        "Can I pay later?",
        "extend_credit",
        {"customer": "ines@customers.test", "days": 30},
        "A good customer since 2019.",
        0.71,
    ),
    Ticket(
        10,
        "My whole order was wrong.",
        "issue_refund",
        {"order_id": "A-1010", "amount": 480.0},
        "The warehouse confirms the mix-up.",
        0.9,
    ),
    Ticket(
        11, "Where is my parcel?", "look_up_order", {"order_id": "A-1011"}, "The customer asks for its status.", 0.99
    ),
)


@mg.action
def look_up_order(order_id: str) -> str:
    """Look an order up."""
    return f"{order_id}: shipped"


@mg.action
def send_reply(to: str, text: str) -> str:
    """Answer one customer."""
    return f"sent to {to}: {text}"


@mg.action
def issue_refund(order_id: str, amount: float, currency: str = "EUR") -> str:
    """Refund an order."""
    return f"refunded {amount:.2f} {currency} on {order_id}"


@mg.action
def delete_account(customer: str, *, erase_orders: bool = False) -> str:
    """Delete a customer's account."""
    return f"deleted {customer}{' and all orders' if erase_orders else ''}"


@mg.action
def send_bulk_mail(segment: str, recipients: int, text: str) -> str:
    """Mail many customers."""
    return f"mailed {recipients} of {segment}: {text}"


@mg.action
def post_status(text: str) -> str:
    """Put a notice on the status page."""
    return f"status page: {text}"


@mg.action
def extend_credit(customer: str, days: int) -> str:
    """Let a customer pay later."""
    return f"{customer} pays {days} days later"


def work(first: int) -> None:
    """Work through the tickets from ``first`` on; raises ApprovalPending where a person must be asked."""
    for ticket in TICKETS[first - 1 :]:
        with mg.session(agent=AGENT, run=RUN, on_behalf_of=CUSTOMER_CARE, state={"ticket": ticket.number}) as session:
            say(f"ticket {ticket.number}: “{ticket.wish}” → {ticket.action}")
            try:
                result: str = session.call(
                    ticket.action, ticket.args, reasoning=ticket.reasoning, confidence=ticket.confidence
                )
            except ApprovalPending as pending:
                say(f"  needs a person (request {pending.request_id[:6]}); my state is stored, my process ends")
                raise
            say(f"  done: {result}")
    say("all tickets are done; good night")


@mg.continues(AGENT)
def go_on(outcome: Outcome) -> None:
    """Go on after an outcome: take the result, or another way, then the next ticket."""
    number = outcome.state["ticket"]
    if outcome.outcome == "succeeded":
        say(f"resumed at ticket {number}: approved by {outcome.decided_by}; {outcome.result}")
    elif outcome.outcome == "rejected":
        say(f"resumed at ticket {number}: rejected by {outcome.decided_by}: “{outcome.reason}”")
        take_another_way(outcome)
    else:
        say(f"resumed at ticket {number}: {outcome.outcome}; I leave it and tell the customer")
    work(number + 1)


def take_another_way(outcome: Outcome) -> None:
    """Do what the person who rejected would rather see."""
    with mg.session(agent=AGENT, run=RUN, on_behalf_of=CUSTOMER_CARE, state=outcome.state) as session:
        session.call(
            post_status, {"text": outcome.args["text"]}, reasoning=f"Instead: {outcome.reason}", confidence=0.9
        )
        say("  took another way: put the notice on the status page")


def say(line: str) -> None:
    """Tell what happens, with the process it happens in."""
    print(f"[{os.getpid()}] {line}", flush=True)


if __name__ == "__main__":
    try:
        work(1)
    except ApprovalPending:
        sys.exit(0)
