"""The first-line grammar: what approves, what rejects, and how much stays unclear."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailgate.model.verdict import PROVEN, Level, Verdict, meets, read_verdict


@pytest.mark.parametrize(
    "text",
    [
        "APPROVE",
        "approve",
        "Approved",
        "APPROVED.",
        "Approve!",
        "\n\n  approve  \n",
        "*APPROVE*",
        "**Approve**",
        "_approved_",
        "**_APPROVE_**",
        "*APPROVE.*",
        "**APPROVE**!",
        "APPROVE .",
        "\u00a0APPROVE\u00a0",
        "\ufeffAPPROVE",
        "\u200b\u200e\u202aApprove\u202c\u200d\u2066\u2069",
        "\u3000APPROVE\u2003",
        "APPROVE\r\n",
        "APPROVE\u2028",
    ],
)
def test_the_word_alone_approves(text: str) -> None:
    """The word in any case, with blanks, emphasis and one final mark around it, approves."""
    assert read_verdict(text).verdict is Verdict.APPROVE


@pytest.mark.parametrize(
    "text",
    [
        # what other systems took for a yes (facts: "A decision nobody made")
        "disallow",
        "not approved",
        "Not approved.",
        "do not approve",
        "don't approve",
        "Decision: disapprove",
        "disapprove",
        "disapproved",
        "not okay",
        "ok",
        "OK, thanks for letting me know",
        "yes",
        "YES I am away, back Monday.",
        "approve?",
        "approve if Carol agrees",
        "approve, thanks",
        "approve it",
        "I approve",
        "Please approve",
        "approve or reject",
        "APPROVE/REJECT",
        "approver",
        "approves",
        "approving",
        "approval",
        "reapprove",
        "un-approve",
        "APPROVE!!",
        "APPROVE...",
        "APPROVE…",
        "APPROVE?!",
        "APPROVE:",
        "APPROVE 50",
        "1. APPROVE",
        "- APPROVE",
        "* APPROVE",
        "*APPROVE",
        "APPROVE*",
        "****APPROVE****",
        "~~APPROVE~~",
        "**",
        "*_*",
        "`APPROVE`",
        '"APPROVE"',
        "'approve'",
        "[x] APPROVE",
        "[ ] APPROVE",
        "> APPROVE",
        "| APPROVE",
        "👍 APPROVE",
        "APPROVE 👍",
        "A P P R O V E",
        "ok go ahead I guess",
        "go ahead",
        "LGTM",
        "Hi,\n\nAPPROVE",
        "CAUTION: external sender\n\nAPPROVE",
        "Subject: APPROVE",
        "APPROVE\x00",
        "APPROVE\x1cnot",
        "\x08APPROVE",
    ],
)
def test_nothing_but_the_word_approves(text: str) -> None:
    """Whatever contains, resembles or surrounds the word is unclear, neither a yes nor a no."""
    assert read_verdict(text).verdict is Verdict.UNCLEAR


@pytest.mark.parametrize(
    "word",
    [
        "ＡＰＰＲＯＶＥ",
        "Ａpprove",
        "аpprove",  # Cyrillic а
        "APPROVΕ",  # Greek Ε
        "ᴀᴘᴘʀᴏᴠᴇ",
        "𝐀𝐏𝐏𝐑𝐎𝐕𝐄",
        "Ⓐⓟⓟⓡⓞⓥⓔ",
        "APP\u200bROVE",
        "APPRO\u00adVE",
        "APPROV\u0301E",
        "\u202eEVORPPA\u202c",
        "\u202dAPPROVE",
    ],
)
def test_look_alikes_of_the_word_are_unclear(word: str) -> None:
    """Letters that only look like the word, or have something invisible between them, are never folded into it."""
    reading = read_verdict(word)
    assert reading.verdict is Verdict.UNCLEAR
    assert "plain A to Z" in reading.because[-1]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("REJECT", ""),
        ("reject.", ""),
        ("Rejected", ""),
        ("deny", ""),
        ("DENIED!", ""),
        ("decline", ""),
        ("Declined: duplicate", "duplicate"),
        ("No", ""),
        ("no.", ""),
        ("No!", ""),
        ("stop", ""),
        ("NO! Reject this", "Reject this"),
        ("no, don't approve", "don't approve"),
        ("No - too expensive", "too expensive"),
        ("No – too expensive", "too expensive"),
        ("No, there is a problem with it", "there is a problem with it"),
        ("no way", "way"),
        ("Stop the refund", "the refund"),
        ("reject too expensive", "too expensive"),
        ("REJECT: wrong customer\n\nHe left last year.\n", "wrong customer\nHe left last year."),
        ("REJECT\ntoo dear\n\nThanks,\nBob\n\n-- \nBob Brown\nExample Ltd", "too dear"),
        ("REJECT\n\nSent from my iPhone", ""),
        ("REJECT\n\nWrong Customer", "Wrong Customer"),
        ("REJECT, why so dear?", "why so dear?"),
        ("*REJECT* duplicate", "duplicate"),
        ("**REJECT**: duplicate", "duplicate"),
        ("REJECT\n\nAPPROVE", "APPROVE"),
        ("ＲＥＪＥＣＴ\u3000高すぎる", "高すぎる"),
        ("REJECT：高すぎる", "高すぎる"),
        ("\u200fREJECT", ""),
        ("Reject 10² units", "10² units"),
    ],
)
def test_reject_words_reject_with_their_reason(text: str, reason: str) -> None:
    """A word of refusal at the start rejects; what follows is the reason, without a signature."""
    reading = read_verdict(text)
    assert (reading.verdict, reading.reason) == (Verdict.REJECT, reason)


@pytest.mark.parametrize(
    "filler", ["\u200b", "\u2060\u180e", "\u3164", "\u2800\u200d", "\U000e0041", "\ufe0f", "\u0301"]
)
def test_a_reason_that_nobody_can_see_is_none(filler: str) -> None:
    """Zero-width characters, fillers and lone marks are no reason: the person is asked for one."""
    for text in (f"REJECT: {filler}", f"REJECT\n{filler}\n{filler}"):
        reading = read_verdict(text)
        assert (reading.verdict, reading.reason) == (Verdict.REJECT, "")
    assert read_verdict(f"question: {filler}").verdict is Verdict.UNCLEAR
    assert read_verdict(f"REJECT: {filler}wrong").reason.endswith("wrong")


@pytest.mark.parametrize(
    "text",
    [
        "no problem, go ahead",
        "No worries",
        "no objections from me",
        "No further questions",
        "no need to wait",
        "no idea",
        "No longer with the company, please write to Carol",
        "No, go ahead",
        "No, no problem",
        "no - approved",
        "No. 5 looks good",
        "no.5",
        "no-brainer",
        "No-one asked me",
        "no?",
        "nobody",
        "nope",
        "not",
        "noted",
        "None of my business",
        "stop asking me",
        "Stop sending these",
        "stopped",
        "nonstop",
        "reject?",
        "reject this?",
        "Reject or approve?",
        "REJECT/APPROVE",
        "REJECT | APPROVE",
        "No? Go on",
        "rejecting",
        "denying",
        "I reject",
        "no's",
    ],
)
def test_doubtful_refusals_are_unclear(text: str) -> None:
    """Words that begin like a refusal and may mean the opposite never end a request in a person's name."""
    reading = read_verdict(text)
    assert reading.verdict is Verdict.UNCLEAR
    assert reading.reason == ""


@pytest.mark.parametrize(
    ("text", "verdict", "reason"),
    [
        ("question: why now?", Verdict.QUESTION, "why now?"),
        ("QUESTION - why now?", Verdict.QUESTION, "why now?"),
        ("Question:\n\nWhy now?\nAnd who asked?", Verdict.QUESTION, "Why now?\nAnd who asked?"),
        ("Question： なぜ", Verdict.QUESTION, "なぜ"),
        ("question:", Verdict.UNCLEAR, ""),
        ("question", Verdict.UNCLEAR, ""),
        ("question why now", Verdict.UNCLEAR, ""),
        ("Questionable", Verdict.UNCLEAR, ""),
        ("undo", Verdict.UNDO, ""),
        ("UNDO.", Verdict.UNDO, ""),
        ("Undo: misread the amount", Verdict.UNDO, "misread the amount"),
        ("undo my approval", Verdict.UNDO, "my approval"),
        ("undo the refund", Verdict.UNCLEAR, ""),
        ("undone", Verdict.UNCLEAR, ""),
    ],
)
def test_questions_and_undo(text: str, verdict: Verdict, reason: str) -> None:
    """A question needs its colon and a question; undo stands alone or gives its reason."""
    reading = read_verdict(text)
    assert (reading.verdict, reading.reason) == (verdict, reason)


@pytest.mark.parametrize("text", ["", " ", "\n\n", "\u200b\ufeff\u00a0\n\t\u2003"])
def test_no_words_are_no_verdict(text: str) -> None:
    """Text without anything visible says nothing."""
    assert read_verdict(text).verdict is Verdict.NONE


def test_blanks_made_to_cost_are_read() -> None:
    """A megabyte of blanks behind a word that may be a number's: each was tried with each other one."""
    assert read_verdict("no" + " " * 900_000 + "x").verdict is Verdict.REJECT


def test_what_is_kept_of_long_answers_is_bounded() -> None:
    """A line is shown to 200 characters, a reason to 4,000."""
    reading = read_verdict("REJECT " + "x" * 9000)
    assert len(reading.first_line) == 200
    assert len(reading.reason) == 4000


EXACT = re.compile(r"\W*_*\W*approved?\W*_*\W*", re.IGNORECASE)
WORDS = st.sampled_from(
    [
        *(
            "APPROVE",
            "approve",
            "Approved",
            "not",
            "do",
            "don't",
            "no",
            "reject",
            "if",
            "only",
            "ok",
            "Bob",
            "Thanks",
            "EUR",
        ),
        *("*", "_", "**", ".", "!", "?", ",", ":", ";", ">", "-", "--", "50", "а", "Ａ", "PS:", "iPhone"),
        *(" ", "\n", "\r\n", "\t", "\u200b", "\ufeff", "\u00a0", "\u2028", "\x85", "\x1c", "\u202e"),
    ]
)


@settings(deadline=None)
@given(
    st.one_of(st.text(), st.lists(st.one_of(WORDS, st.text(max_size=3))).map(" ".join), st.lists(WORDS).map("".join))
)
@example("APPROVE\x85only")
def test_only_the_word_ever_approves(text: str) -> None:
    """Whatever the text: if it approves, its first non-empty line holds the word and no other letter or digit."""
    reading = read_verdict(text)
    if reading.verdict is Verdict.APPROVE:
        assert EXACT.fullmatch(reading.first_line)
        assert reading.first_line.strip("\u200b\ufeff\u00a0*_.! \t").lower() in ("approve", "approved")
        first = next(
            line for line in re.split(r"[\n\r\v\f\x85\u2028\u2029]", text) if line.strip("\u200b\ufeff\u00a0 \t")
        )
        assert "approve" in first.lower()


@settings(deadline=None)
@given(st.text(), st.text())
def test_reading_never_fails_and_is_always_explained(text: str, signer: str) -> None:
    """Any text gives a reading with a reason why; only a verdict that has one carries a reason."""
    reading = read_verdict(text, signer=signer)
    assert reading.because
    assert not reading.reason or reading.verdict in (Verdict.REJECT, Verdict.QUESTION, Verdict.UNDO)


@pytest.mark.parametrize("level", Level)
@pytest.mark.parametrize("needed", Level)
def test_levels_are_compared_within_their_channel_only(level: Level, needed: Level) -> None:
    """A level meets itself, every lower one of its channel, and nothing of another channel."""
    channels = (
        (Level.TOKEN, Level.ALIGNED),
        (Level.LINK, Level.LINK_CODE, Level.LINK_FRESH_CODE),
        (Level.DASHBOARD,),
        (Level.OPERATOR,),
    )
    same = any(level in c and needed in c and c.index(level) >= c.index(needed) for c in channels)
    assert meets(level, needed) is (needed is Level.NONE or same)


def test_proven_levels_are_those_of_the_contract() -> None:
    """Separation of duties that must be proven accepts these three levels and no other."""
    assert {"aligned", "link+fresh_code", "dashboard"} == PROVEN
