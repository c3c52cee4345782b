"""What the decide page says beside its fields, from what the service found. Values to sentences."""

from __future__ import annotations

from mailgate.mail.instants import format_clock
from mailgate.service.codes import FRESH_WINDOW, MOST_FRESH
from mailgate.service.link import Page, Problem, Speaks

_PROBLEMS = {
    Problem.NOT_HERE: "An approval counts here only from your own mailbox: reply to the mail with APPROVE.",
    Problem.REASON_MISSING: "Please say why: without a reason nobody knows what was wrong.",
}

_REASON_HINTS = {
    Speaks.ALWAYS: "Needed to reject. The agent is told what you write.",
    Speaks.WITH_CODE: "Needed to reject. Type the code too if the agent shall be told your reason.",
    Speaks.WITH_FRESH_CODE: (
        "Needed to reject. If the agent shall be told your reason, have a code mailed to you first, and type it too."
    ),
    Speaks.NEVER: "Needed to reject. People are shown it; the agent is told only that a person rejected it.",
}


def problem_of(page: Page) -> str | None:
    """Return what was wrong with the form, or None."""
    is_used_up = page.problem is Problem.CODE_WRONG and not page.tries_left
    if page.problem is Problem.CODES_USED_UP or is_used_up:
        return (
            f"The code was wrong too often, so this link takes none any more.{' Reply to the mail.' * _by_reply(page)}"
        )
    if page.problem is Problem.CODE_WRONG:
        where = "from the newest mail" if page.mails_code else "from the mail that brought you here"
        return f"That is not the code printed in the mail. Type the six digits {where}."
    if page.problem is Problem.CODE_STALE:
        return f"That code no longer holds. {wait_of(page) or 'Have another one mailed, and type that.'}"
    if page.problem is Problem.TOO_MANY_CODES:
        return f"No other code was mailed. {wait_of(page)}"
    return _PROBLEMS[page.problem] if page.problem else None


def reason_hint(page: Page) -> str:
    """Return what becomes of a reason that is typed on this page."""
    is_told_by_reply = page.speaks is Speaks.NEVER and _by_reply(page)
    more = " If it shall be told why, reply to the mail with REJECT and your reason." if is_told_by_reply else ""
    return _REASON_HINTS[page.speaks] + more


def code_hint(page: Page) -> str:
    """Return which code the page asks for, and what it is needed for."""
    if page.fresh is None:
        return "Six digits, printed in the mail under the link. Needed to approve."
    return "Six digits, in the newest mail about this request. Needed to approve."


def code_note(page: Page, button: str) -> str:
    """Return the sentence on the code that was mailed, or will be when ``button`` is pressed; empty where none ever is."""
    if page.fresh is not None:
        holds = f"It holds until {format_clock(page.fresh.until, page.zone)}, for one decision."
        return f"A code was mailed to {page.fresh.hint}. Type it below. {holds}"
    if not page.mails_code:
        return ""
    return wait_of(page) or f"Pressing {button} first has a code mailed to you; this page then asks for it."


def wait_of(page: Page) -> str:
    """Return from when on another code can be mailed; empty: now."""
    if page.next_code_at is None:
        return ""
    most = f"{MOST_FRESH} codes were mailed within {round(FRESH_WINDOW.total_seconds() / 60)} minutes."
    return f"{most} The next one can be mailed after {format_clock(page.next_code_at, page.zone)}."


def _by_reply(page: Page) -> bool:
    answering = page.letter.answering
    return answering is not None and answering.by_reply and answering.approves_by_reply
