"""Our mails, quoted back as clients do: what is ours never decides, and what the person writes above it always does."""

from __future__ import annotations

import textwrap
from collections.abc import Callable

import pytest

from mailgate.mail.compose import Rendered, render
from mailgate.mail.letter import Letter
from mailgate.mail.rehearsal import sample_letters
from mailgate.mail.reply import new_text_of_html, new_text_of_plain
from mailgate.model.verdict import Verdict, read_verdict
from tests.letters import templates

GMAIL = "On Tue, 24 Nov 2026 at 15:00, Approvals <approvals@gate.example.com> wrote:"
OUTLOOK = """From: Approvals <approvals@gate.example.com>
Sent: Tuesday, November 24, 2026 3:00 PM
To: Bob Brown <bob@example.com>
Subject: issue_refund (R-7K2M9Q)
"""


def prefixed(text: str) -> str:
    """Quote as most clients do."""
    return f"\n\n{GMAIL}\n\n" + "".join(f"> {line}\n" for line in text.split("\n"))


def wrapped(text: str, width: int) -> str:
    """Quote, then break long lines without repeating the mark, as some servers do."""
    lines = [f"> {line}" for line in text.split("\n")]
    parts = [part for line in lines for part in ([line] if "https:" in line else textwrap.wrap(line, width) or [">"])]
    return f"\n\n{GMAIL}\n\n" + "\n".join(parts)


def wrapped_at_78(text: str) -> str:
    """Break where RFC 5322 recommends."""
    return wrapped(text, 78)


def wrapped_at_60(text: str) -> str:
    """Break so early that pieces of our lines stand unmarked among the quoted ones."""
    return wrapped(text, 60)


def under_a_header(text: str) -> str:
    """Repeat without marks, as Outlook does."""
    return f"\n\n________________________________\n{OUTLOOK}\n{text}"


def bare(text: str) -> str:
    """Repeat without anything, as the worst clients do."""
    return f"\n\n{text}"


def without_bars(text: str) -> str:
    """Repeat without marks, and lose our own bars and numbers on the way."""
    return "\n\n" + "\n".join(line.strip().removeprefix("|").strip() for line in text.split("\n"))


PLAIN_STYLES = [prefixed, wrapped_at_78, under_a_header, bare, without_bars]


def in_gmail_quote(html: str) -> str:
    """Quote as Gmail's web client does."""
    return f'<div><br></div><div class="gmail_quote"><div class="gmail_attr">{GMAIL}<br></div><blockquote>{html}</blockquote></div>'


def below_outlooks_rule(html: str) -> str:
    """Repeat as Outlook does."""
    return f'<div id="divRplyFwdMsg"><b>From:</b> Approvals<br><b>Sent:</b> Tuesday<br><b>To:</b> Bob</div>{html}'


def bare_html(html: str) -> str:
    """Repeat without anything."""
    return html


HTML_STYLES = [in_gmail_quote, below_outlooks_rule, bare_html]
ASKING = [letter for letter in sample_letters() if letter.marker]


def rendered(letter: Letter) -> Rendered:
    """Return both parts of a letter's mail."""
    return render(letter, templates())


@pytest.mark.parametrize("style", [*PLAIN_STYLES, wrapped_at_60])
def test_plain_quotes_of_our_mails_decide_nothing(style: Callable[[str], str]) -> None:
    """An empty reply with our whole mail below it says nothing at all, whatever an agent wrote into that mail."""
    for letter in ASKING:
        own = new_text_of_plain(style(rendered(letter).text))
        assert read_verdict(own).verdict in {Verdict.NONE, Verdict.UNCLEAR}


@pytest.mark.parametrize("style", HTML_STYLES)
def test_html_quotes_of_our_mails_decide_nothing(style: Callable[[str], str]) -> None:
    """The same for HTML."""
    for letter in ASKING:
        own = new_text_of_html(style(rendered(letter).html))
        assert read_verdict(own).verdict in {Verdict.NONE, Verdict.UNCLEAR}


@pytest.mark.parametrize("style", PLAIN_STYLES)
def test_answers_above_a_plain_quote_are_read_alone(style: Callable[[str], str]) -> None:
    """APPROVE above our mail approves; REJECT above it rejects, with the person's reason and nothing of ours."""
    for letter in ASKING:
        quote = style(rendered(letter).text)
        assert read_verdict(new_text_of_plain(f"APPROVE{quote}")).verdict == Verdict.APPROVE
        no = read_verdict(new_text_of_plain(f"REJECT: not now{quote}"))
        assert (no.verdict, no.reason) == (Verdict.REJECT, "not now")


@pytest.mark.parametrize("style", HTML_STYLES)
def test_answers_above_an_html_quote_are_read_alone(style: Callable[[str], str]) -> None:
    """The same for HTML."""
    for letter in ASKING:
        quote = style(rendered(letter).html)
        assert read_verdict(new_text_of_html(f"<div>APPROVE</div>{quote}")).verdict == Verdict.APPROVE
        no = read_verdict(new_text_of_html(f"<div>REJECT: not now</div>{quote}"))
        assert (no.verdict, no.reason) == (Verdict.REJECT, "not now")
