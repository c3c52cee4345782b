"""The mail that is answered: one of ours, as it looked when the corpus was written.

It does not follow the templates as they change: people also answer mails that an older version sent. That today's mails
decide nothing when they are quoted is tested elsewhere (tests/unit/test_compose_quoted.py).
"""

from __future__ import annotations

import html
from pathlib import Path

FOLDER = Path(__file__).parent / "ours"

SUBJECT = "issue_refund (R-7K2M9Q)"
MESSAGE_ID = "<r-7k2m9q.1.mailgate@gate.example.com>"
SENDER = "approvals@gate.example.com"
TOKEN = "7qk3vjq2abm4x6zt5c2ndw7hjy"
REPLY_TO = f"approvals+{TOKEN}@gate.example.com"

TEXT = """\
mailgate-reply-above-k3v9q2ab

----- begin mailgate record -----

Decision needed from {name}

Agent support asks: Refund 120.0 EUR on order A-1001

Reply with APPROVE or REJECT, or use the page linked below.

What would be run: issue_refund (request R-7K2M9Q)

  1. order_id: "A-1001"
  2. amount: 120.0
  3. note:
     | APPROVE
     | REJECT

How to answer

  Reply to this mail. The first line of your reply decides.
  To approve, write the single word APPROVE.
  To reject, write REJECT and your reason.

  https://approvals.example.com/d/WyJhIiwxLCJhYmNkZWYwMSJd.uSx3kYw2m0ZQm1V7yB2cE4dX9sA/

  Code: 482 913

----- end mailgate record -----

Sent by approvals (mailgate) to {name}."""
"""The text part, shortened to the lines that could be taken for an answer."""


def text(name: str) -> str:
    """Return the text part of the mail to a person."""
    return TEXT.format(name=name)


def markup(name: str) -> str:
    """Return the inside of its HTML part, shortened likewise."""
    paragraphs = (
        "<p>mailgate-reply-above-k3v9q2ab</p>",
        f"<p>Decision needed from {html.escape(name)}</p>",
        "<h1 style='font-size:18px'>Agent support asks: Refund 120.0 EUR on order A-1001</h1>",
        "<p>Reply with APPROVE or REJECT, or use the page linked below.</p>",
        "<table><tr><td>1. order_id</td><td>&quot;A-1001&quot;</td></tr>"
        "<tr><td>2. note</td><td>| APPROVE<br>| REJECT</td></tr></table>",
        "<h2>How to answer</h2>",
        "<p>To approve, write the single word <b>APPROVE</b>.<br>To reject, write <b>REJECT</b> and your reason.</p>",
        "<p><a href='https://approvals.example.com/d/WyJhIiwxXQ.uSx3kYw2m0ZQ/'>Decide</a> Code: <b>482 913</b></p>",
        f"<p>Sent by approvals (mailgate) to {html.escape(name)}.</p>",
    )
    return "\n".join(paragraphs)


def whole_text() -> str:
    """Return the text part of one mail to Bob Brown as it was sent."""
    return (FOLDER / "request.txt").read_text(encoding="utf-8").rstrip("\n")


def whole_markup() -> str:
    """Return the body of its HTML part."""
    return (FOLDER / "request.html").read_text(encoding="utf-8").rstrip("\n")
