"""Lines of the text part: folded, and never one that reads as a decision."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailgate.mail.folding import WIDTH, fold, opens_decision, squeezed
from mailgate.model.verdict import Verdict, read_verdict

WORDS = st.lists(
    st.sampled_from(["no", "stop", "APPROVE", "Reject:", "undo.", "> no", "*no*", "the", "a" * 90, "  ", "⟨U+202E⟩"])
    | st.text(alphabet="abno -", max_size=12),
    max_size=60,
).map(" ".join)


@pytest.mark.parametrize(
    "line",
    [
        "APPROVE",
        "approved.",
        "  > > Reject it",
        "*No*, never",
        "no",
        "Stop!",
        "Undo",
        "question: why",
        "ＮＯ",
        "__deny__",
    ],
)
def test_lines_that_could_be_answers_are_known(line: str) -> None:
    """Quoted, emphasised, in any case and width: it still begins with a deciding word."""
    assert opens_decision(line)


@pytest.mark.parametrize(
    "line", ["| APPROVE", '"no"', "- stop", "Nobody answered", "no-op", "To approve, write", "1. no"]
)
def test_lines_of_ours_are_not_taken_for_answers(line: str) -> None:
    """Bars, quotes, numbers and longer words do not decide."""
    assert not opens_decision(line)


DECIDES = {Verdict.APPROVE, Verdict.REJECT, Verdict.QUESTION, Verdict.UNDO}
WORD_OR_NOT = st.sampled_from(
    [
        *("approve", "approved", "reject", "rejected", "deny", "denied", "decline", "declined"),
        *("no", "stop", "question", "undo", "ＮＯ", "a", "1"),
    ]
)
PIECES = WORD_OR_NOT | st.sampled_from(" :.!-‐_*>,(—'/\u200b\u202a\ufeff\u00a0：")


@settings(deadline=None, max_examples=300)
@given(st.lists(PIECES, max_size=6).map("".join))
@example("no- refunds")
@example("\u200bno, never")
@example("question: a")
def test_whatever_a_reply_decides_by_is_known(line: str) -> None:
    """No line that the grammar of replies takes for an answer is missed, whatever stands around its first word."""
    assert opens_decision(line) or read_verdict(line).verdict not in DECIDES


@settings(deadline=None)
@given(WORDS, st.integers(0, 6), st.integers(0, 4))
def test_no_fold_puts_a_deciding_word_at_the_start_of_a_line(text: str, indent: int, hang: int) -> None:
    """Whatever the text, only its first line can begin as the text itself begins."""
    assert not any(opens_decision(line) for line in fold(text, indent, hang).split("\n")[1:])


@settings(deadline=None)
@given(WORDS, st.integers(0, 6), st.integers(0, 4))
def test_folding_changes_white_space_only(text: str, indent: int, hang: int) -> None:
    """Squeezed, the folded text is the text."""
    assert squeezed(fold(text, indent, hang)) == squeezed(text)


@settings(deadline=None)
@given(st.text(alphabet="xyz ", max_size=600))
def test_lines_keep_to_the_width(text: str) -> None:
    """Ordinary text never runs over, long words included."""
    assert all(len(line) <= WIDTH for line in fold(text, 2).split("\n"))


def test_codes_are_not_torn() -> None:
    """A hidden character's code stays in one piece at a fold within a long word."""
    lines = fold("a⟨U+202E⟩" * 40, 4).split("\n")
    assert all(line.count("⟨") == line.count("⟩") for line in lines)


def test_following_lines_hang() -> None:
    """What belongs to a bar or a number stands below it, not below the next one."""
    assert fold("| " + "word " * 20, 2, 2).split("\n")[1].startswith("    word")
