"""What the decide page says beside its fields: true in every state, and never an invitation to what cannot be done."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from mailgate.mail.draft import request_letter
from mailgate.service.codes import Fresh
from mailgate.service.link import Page, Problem, Speaks
from mailgate.web.sentences import code_hint, code_note, problem_of, reason_hint, wait_of
from tests.letters import AT, ask, seat

PRINTED = Page(letter=request_letter(ask(), seat()), is_open=True)
FRESH = Fresh(mail="m1", recipient="bob@example.com", mailed_at=AT, until=AT + timedelta(minutes=10))
MAILS = replace(PRINTED, mails_code=True, needs_code=False, speaks=Speaks.WITH_FRESH_CODE)
MAILED = replace(MAILS, fresh=FRESH, needs_code=True, speaks=Speaks.WITH_CODE)
WAITS = replace(MAILS, next_code_at=AT + timedelta(hours=1), speaks=Speaks.NEVER)
NO_REPLY = replace(PRINTED, letter=request_letter(ask(), seat(approves_by_reply=False)))


def test_every_problem_is_said() -> None:
    """No problem is a blank page; none that there is not is made up."""
    assert problem_of(PRINTED) is None
    assert all(problem_of(replace(WAITS, problem=problem)) for problem in Problem)


@pytest.mark.parametrize(
    ("page", "says"),
    [
        (replace(PRINTED, problem=Problem.CODE_WRONG), "Type the six digits from the mail that brought you here."),
        (replace(MAILED, problem=Problem.CODE_WRONG), "Type the six digits from the newest mail."),
        (replace(PRINTED, problem=Problem.CODE_WRONG, tries_left=0), "takes none any more. Reply to the mail."),
        (replace(NO_REPLY, problem=Problem.CODES_USED_UP, tries_left=0), "so this link takes none any more."),
        (replace(MAILS, problem=Problem.CODE_STALE), "no longer holds. Have another one mailed"),
        (replace(WAITS, problem=Problem.CODE_STALE), "no longer holds. 3 codes were mailed within 60 minutes."),
        (replace(WAITS, problem=Problem.TOO_MANY_CODES), "mailed after 19:00 UTC."),
        (replace(PRINTED, problem=Problem.REASON_MISSING), "Please say why"),
    ],
)
def test_a_problem_says_what_to_do(page: Page, says: str) -> None:
    """Which code, where it is, from when on there is another one; a reply only where one could count."""
    told = problem_of(page)
    assert told is not None
    assert says in told
    assert ("Reply to the mail" in told) == ("Reply to the mail" in says)


@pytest.mark.parametrize(
    ("page", "says"),
    [
        (replace(PRINTED, speaks=Speaks.ALWAYS), "The agent is told what you write."),
        (PRINTED, "Type the code too if the agent shall be told your reason."),
        (MAILS, "have a code mailed to you first, and type it too."),
        (MAILED, "Type the code too if the agent shall be told your reason."),
        (WAITS, "only that a person rejected it. If it shall be told why, reply to the mail with REJECT"),
        (replace(NO_REPLY, speaks=Speaks.NEVER), "the agent is told only that a person rejected it."),
    ],
)
def test_what_becomes_of_a_reason_is_said_before(page: Page, says: str) -> None:
    """In one or two sentences beside the field."""
    assert says in reason_hint(page)
    assert reason_hint(page).startswith("Needed to reject.")


def test_where_a_code_is_and_for_how_long() -> None:
    """The printed one in the mail, a fresh one in the newest; its address is hinted at, its time given in both zones."""
    assert "printed in the mail under the link" in code_hint(PRINTED)
    assert "newest mail" in code_hint(MAILED)
    assert code_note(PRINTED, "Approve") == ""
    assert code_note(MAILS, "Approve").startswith("Pressing Approve first has a code mailed to you;")
    note = code_note(replace(MAILED, zone="Europe/Berlin"), "Approve")
    assert note == (
        "A code was mailed to b…@example.com. Type it below. "
        "It holds until 18:10 UTC (19:10 in Europe/Berlin), for one decision."
    )
    assert "bob" not in note
    assert wait_of(MAILS) == ""
    assert code_note(WAITS, "Approve") == wait_of(WAITS)
