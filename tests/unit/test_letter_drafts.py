"""Letters from plain inputs: what each mail says, in words."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mailgate.errors import ComposeError
from mailgate.mail.brief import Ended, Happening
from mailgate.mail.draft import code_letter, late_letter, notice_letter, outcome_letter, receipt_letter, request_letter
from mailgate.mail.instants import format_instant
from mailgate.mail.letter import ANSWERABLE, Field, Letter, LetterKind
from mailgate.mail.passages import MOST_ARGUMENTS, MOST_CHARACTERS, MOST_LINES
from tests.letters import AT, CODE, LINK, MARKER, ask, seat, signature


def history_of(letter: Letter) -> dict[str, str]:
    """Return the labelled lines of the newest entry of a letter's history."""
    return {fact.label: fact.value for fact in letter.history[-1].facts}


def test_a_request_says_what_why_until_when_and_how() -> None:
    """All that a person needs is in the letter, as text."""
    letter = request_letter(ask(), seat())
    assert letter.headline == "Agent support asks: Refund 120.0 EUR on order A-1001"
    assert letter.marker == MARKER
    assert [(a.number, a.name, a.value.lines) for a in letter.arguments] == [
        (1, "order_id", ('"A-1001"',)),
        (2, "amount", ("120.0",)),
        (3, "currency", ('"EUR"',)),
    ]
    assert letter.claim is not None
    assert letter.claim.words.lines == ("| The customer was charged twice.",)
    assert Field(label="Confidence, by its own account", value="0.62 of 1") in letter.claim.facts
    assert "It starts within 15 minutes of the approval, or not at all." in letter.if_approved
    assert letter.if_approved.endswith("The customer is refunded at once; this cannot be undone.")
    assert letter.deadline is not None
    assert letter.deadline.utc == "Tue 24 Nov 2026, 18:00 UTC"
    assert letter.deadline.local == "Tue 24 Nov 2026, 19:00 in Europe/Berlin (UTC+01:00)"
    assert letter.answering is not None
    assert (letter.answering.link_url, letter.answering.link_host) == (LINK, "approvals.example.com")
    assert letter.answering.code == "482 913"


def test_without_a_summary_the_headline_names_the_action() -> None:
    """A gate without a summary still says what is to be run."""
    assert request_letter(ask(summary=""), seat()).headline == "Agent support asks to run issue_refund"


def test_a_missing_confidence_and_reason_are_said() -> None:
    """What the agent did not state is not left blank."""
    letter = request_letter(ask(confidence=None, reasoning=""), seat())
    assert letter.claim is not None
    assert letter.claim.words.lines == ("| (it gave no reason)",)
    assert Field(label="Confidence, by its own account", value="not stated") in letter.claim.facts


def test_a_request_without_a_deadline_says_that_it_waits() -> None:
    """No time is invented, and waiting never approves."""
    letter = request_letter(ask(deadline_at=None), seat())
    assert letter.deadline is not None
    assert letter.deadline.utc == ""
    assert "Waiting never approves it." in letter.deadline.then


@pytest.mark.parametrize(
    ("changes", "sentences"),
    [
        ({}, "One yes is enough. A single no ends it."),
        ({"needed": 2}, "It takes 2 different people to say yes. A single no ends it."),
        (
            {"needed": 3, "given": 1},
            "It takes 3 different people to say yes. So far 1 of them has. A single no ends it.",
        ),
        ({"veto": False}, "One yes is enough. A no does not end it while enough others can still say yes."),
        ({"step": "This is step 1 of 2."}, "This is step 1 of 2. One yes is enough. A single no ends it."),
    ],
)
def test_the_quorum_is_a_sentence(changes: dict[str, object], sentences: str) -> None:
    """A person knows whether the own yes is enough and what a no does."""
    answering = request_letter(ask(), seat(**changes)).answering
    assert answering is not None
    assert answering.quorum == sentences


def test_others_are_named() -> None:
    """Who else got the mail is no secret among approvers."""
    some = request_letter(ask(), seat(others=("Alice Adams", "Carol Clark", "Dan Dee"))).answering
    nobody = request_letter(ask(), seat(others=())).answering
    assert some is not None
    assert nobody is not None
    assert some.others == "Also asked: Alice Adams, Carol Clark and Dan Dee."
    assert nobody.others == "You alone are asked."


def test_only_mails_that_ask_are_made_by_request_letter() -> None:
    """A receipt has its own function; every kind that asks is taken."""
    assert {request_letter(ask(), seat(), kind=kind).kind for kind in ANSWERABLE} == ANSWERABLE
    with pytest.raises(ComposeError, match="does not ask for a decision"):
        request_letter(ask(), seat(), kind=LetterKind.RECEIPT)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"by_reply": False, "link": "", "code": ""}, "could answer neither by reply nor by link"),
        ({"nonce": ""}, "needs the marker nonce"),
        ({"nonce": "a\nb"}, "needs the marker nonce"),
        ({"code": "12345"}, "not six digits"),
        ({"code": "１２３４５６"}, "not six digits"),
        ({"zone": "Mars/Olympus"}, "not a time zone"),
        ({"zone": "../../etc/passwd"}, "not a time zone"),
    ],
)
def test_seats_that_cannot_work_are_refused(changes: dict[str, object], reason: str) -> None:
    """A mail that nobody could answer is not made."""
    with pytest.raises(ComposeError, match=reason):
        request_letter(ask(), seat(**changes))


def test_where_a_reply_does_not_decide_there_is_no_marker() -> None:
    """The gate wants a proven person; the mail does not invite a reply."""
    letter = request_letter(ask(), seat(by_reply=False))
    assert letter.marker == ""
    assert letter.answering is not None
    assert letter.answering.ways == "Use the page linked below; a reply does not decide."


@pytest.mark.parametrize(
    ("changes", "ways"),
    [
        ({}, "Reply with APPROVE or REJECT, or use the page linked below."),
        ({"web_confirm": "reject"}, "Reply with APPROVE or REJECT. On the page linked below you can only reject."),
        ({"link": ""}, "Reply with APPROVE or REJECT, as said below."),
        ({"approves_by_reply": False}, "Use the page linked below; a reply can only reject."),
        (
            {"approves_by_reply": False, "web_confirm": "reject"},
            "As this is set up nobody can approve it; you can only reject. Please tell whoever runs the agent.",
        ),
    ],
)
def test_only_ways_that_count_are_offered(changes: dict[str, str], ways: str) -> None:
    """The mail never sends anybody on a way that cannot approve."""
    answering = request_letter(ask(), seat(**changes)).answering
    assert answering is not None
    assert answering.ways == ways
    assert "as a reply" not in answering.code_hint or answering.approves_by_reply


def test_a_rejection_says_what_follows_from_it() -> None:
    """The reason of somebody proven is passed on, and the same action is refused for a while, if the gate remembers."""
    assert request_letter(ask(rejection_memory=timedelta(days=30)), seat()).if_rejected == (
        "issue_refund is not run, and the agent is told so. Where it is proven that you rejected it, the agent is told "
        "your reason, too, and for 30 days the same again is refused without asking anybody. It tries another way."
    )
    assert request_letter(ask(if_rejected=""), seat()).if_rejected == (
        "issue_refund is not run, and the agent is told so. Where it is proven that you rejected it, the agent is told "
        "your reason, too."
    )


def test_identity_by_the_mail_server_claims_no_more_than_was_seen() -> None:
    """DMARC passes by SPF alone, too, so nobody's signature is spoken of."""
    letter = receipt_letter(ask(), seat(), signature(level="aligned"))
    assert history_of(letter)["Identity"] == "aligned: reply; the mail server vouched for the sender's domain (DMARC)"


def test_hidden_characters_in_arguments_draw_a_warning() -> None:
    """The warning names the argument and the characters, and comes before those of the caller."""
    letter = request_letter(ask(arguments={"to": ["a\u200bb"], "x": 1}), seat(), warnings=("First time.",))
    assert letter.warnings == (
        "Argument 1 (to) holds characters that cannot be seen: U+200B ZERO WIDTH SPACE.",
        "First time.",
    )


def test_mixed_alphabets_in_arguments_draw_a_warning() -> None:
    """A look-alike letter in an address is worth a second look, not only a note."""
    letter = request_letter(ask(arguments={"to": "p\u0430ypal@example.com"}), seat())
    assert letter.warnings == ("Argument 1 (to) mixes alphabets within a word: 'p\\u0430ypal' (Cyrillic and Latin).",)


def test_hidden_characters_in_hundreds_of_arguments_draw_a_few_warnings() -> None:
    """Warnings stay readable."""
    letter = request_letter(ask(arguments={f"a{n}": "\u200b" for n in range(100)}), seat())
    assert len(letter.warnings) == 11
    assert letter.warnings[-1] == "90 more such warnings are left out."


def test_a_long_value_is_shortened_counted_and_attached() -> None:
    """The mail shows the first lines; the file holds all, and its digest is printed."""
    letter = request_letter(ask(arguments={"log": "\n".join(f"line {n}" for n in range(100))}), seat())
    value = letter.arguments[0].value
    [file] = letter.files
    assert value.lines == tuple(f"| line {n}" for n in range(MOST_LINES))
    assert file.name == "argument-1.txt"
    assert file.content == "".join(f"| line {n}\n" for n in range(100)).encode()
    assert value.left_out.startswith("Shortened: 60 more lines, ")
    assert hashlib.sha256(file.content).hexdigest() in value.left_out


def test_a_long_line_is_cut_but_never_within_a_code() -> None:
    """Half a code would be another text."""
    letter = request_letter(ask(arguments={"s": "\u200b" * 1000}), seat())
    [line] = letter.arguments[0].value.lines
    assert len(line) <= MOST_CHARACTERS
    assert line.endswith("⟨U+200B⟩")


def test_many_large_arguments_share_a_budget() -> None:
    """Twenty long values are each cut shorter than one would be, so that the end of the mail stays in sight."""
    letter = request_letter(ask(arguments={f"a{n}": "x" * 1900 for n in range(20)}), seat())
    assert sum(len(line) for a in letter.arguments for line in a.value.lines) <= 20 * 200
    assert len(letter.files) == 20


def test_one_long_value_does_not_shorten_the_others() -> None:
    """Ten lines beside a long log stay ten lines."""
    letter = request_letter(ask(arguments={"log": "x\n" * 5000, "note": "y\n" * 10}), seat())
    assert letter.arguments[1].value.left_out == ""


def test_beyond_thirty_arguments_the_rest_is_attached() -> None:
    """None is dropped: one file has all of them."""
    letter = request_letter(ask(arguments={f"a{n}": n for n in range(50)}), seat())
    assert len(letter.arguments) == MOST_ARGUMENTS
    assert letter.more_arguments.startswith("Not printed here: 20 more arguments.")
    assert b"a49\n49\n" in letter.files[-1].content


def test_texts_of_agents_are_made_harmless_everywhere() -> None:
    """Names, run, summary, reasoning, arguments, keys, results: no live link, no hidden character, no marker."""
    evil = "https://evil.example\u202e\nmailgate-reply-above-x"
    letters = [
        request_letter(
            ask(agent=evil, run=evil, summary=evil, on_behalf_of=evil, reasoning=evil, arguments={evil: {evil: evil}}),
            seat(name="Bob"),
            warnings=(evil,),
            preface=(evil,),
            heard=evil,
            history=(signature(reason=evil, name=evil), Happening(at=AT, what=evil)),
        ),
        outcome_letter(ask(), seat(), Ended(state="succeeded", result=evil), next_steps=(evil,)),
        outcome_letter(ask(), seat(), Ended(state="failed", error=evil, effect="unknown")),
        notice_letter(deployment="d", recipient="r", headline=evil, facts={evil: evil}),
    ]
    for letter in letters:
        written = repr(replace(letter, marker="", answering=None, deadline=None, files=()))
        assert "https://" not in written
        assert "\\u202e" not in written.replace("\\\\u202e", "")  # the note in ASCII spells it
        assert "mailgate-reply-above" not in written


def test_a_receipt_prints_name_address_time_and_meaning() -> None:
    """21 CFR 11.50: who signed, when, and what the signature means; 11.70: under which digest."""
    letter = receipt_letter(ask(), seat(), signature())
    facts = history_of(letter)
    assert letter.headline == "Your answer was counted: you approved issue_refund"
    assert facts["Signed by"] == "Bob Brown <bob@example.com>"
    assert facts["Time"] == "Tue 24 Nov 2026, 18:00:00 UTC"
    assert facts["Meaning"] == "the signer approves that issue_refund is run once, exactly as shown, under this digest"
    assert facts["Identity"] == "link+code: personal link and the code printed in the mail"
    assert letter.digest == "ab" * 32


def test_a_receipt_of_another_person_names_that_person() -> None:
    """Also one whose name begins with a word that decides."""
    assert receipt_letter(ask(), seat(), signature(), is_own=False).headline == "Bob Brown approved issue_refund"
    led_in = receipt_letter(ask(), seat(), signature(name="No Moo-hyun", verdict="rejected"), is_own=False)
    assert led_in.headline == "Note: No Moo-hyun rejected issue_refund"


def test_a_receipt_does_not_print_the_counted_answer_twice() -> None:
    """Whether or not the caller's history has it already, it is there once, last."""
    other = signature(name="Alice Adams")
    for history in ((other,), (other, signature())):
        assert len(receipt_letter(ask(), seat(), signature(), history=history).history) == 2


def test_an_unproven_reason_is_not_printed() -> None:
    """A reject below the wanted level stops the action, but its words are not passed on."""
    letter = receipt_letter(ask(), seat(), signature(verdict="rejected", reason="secret words", reason_withheld=True))
    assert letter.history[-1].reason is None
    assert "secret words" not in repr(letter)
    assert "not printed" in history_of(letter)["Reason"]


def test_a_reason_that_was_kept_from_the_agent_is_printed_for_people() -> None:
    """They can judge who may have written it; the entry says that the agent was not told."""
    letter = receipt_letter(ask(), seat(), signature(verdict="rejected", reason="Too much.", kept_from_agent=True))
    assert letter.history[-1].reason is not None
    assert "not proven who wrote it" in history_of(letter)["Kept from the agent"]


def test_a_fresh_code_comes_in_a_mail_that_decides_nothing() -> None:
    """The code, what was pressed, until when it holds, and what to do if it was somebody else; no link, no record."""
    letter = code_letter(ask(), seat(zone="Europe/Berlin"), code="000913", until=AT, pressed="Approve")
    assert letter.headline == "Your code: 000 913"
    assert "pressed “Approve”" in letter.preface[0]
    assert "until 18:00 UTC (19:00 in Europe/Berlin)" in letter.preface[0]
    assert "somebody else has your link" in letter.preface[1]
    assert (letter.answering, letter.recorded, letter.history) == (None, False, ())


def test_a_late_answer_gets_the_truth() -> None:
    """Who decided before, and that this answer changed nothing."""
    letter = late_letter(ask(), seat(), how_it_ended="It was already rejected by Alice Adams.", heard="APPROVE")
    assert letter.headline == "Your answer on issue_refund came too late and changed nothing"
    assert letter.preface == ("It was already rejected by Alice Adams.",)
    assert letter.heard is not None
    assert letter.heard.lines == ("| APPROVE",)


@pytest.mark.parametrize(
    ("ended", "headline"),
    [
        (Ended(state="succeeded", result="ok"), "issue_refund was run and succeeded"),
        (Ended(state="failed", error="x", effect="none"), "issue_refund was run and failed"),
        (Ended(state="in_doubt"), "Nobody knows whether issue_refund was run to its end"),
        (Ended(state="rejected"), "issue_refund was rejected and was not run"),
        (Ended(state="expired"), "issue_refund was not run: nobody answered in time"),
        (Ended(state="undeliverable"), "issue_refund was not run: no approver could be reached"),
        (Ended(state="withdrawn"), "issue_refund was not run: the approval was taken back"),
        (Ended(state="lapsed"), "issue_refund was not run: it was approved, but not started in time"),
        (Ended(state="cancelled"), "issue_refund was not run: the request was cancelled"),
    ],
)
def test_every_outcome_has_its_sentence(ended: Ended, headline: str) -> None:
    """The mail says plainly whether the action ran."""
    assert outcome_letter(ask(), seat(), ended).headline == headline


def test_a_failure_says_whether_it_had_an_effect() -> None:
    """Unknown is said as unknown."""
    letter = outcome_letter(ask(), seat(), Ended(state="failed", error="timeout", effect="unknown"))
    assert letter.preface == ("Whether it had an effect is unknown. Look before anyone tries again.",)
    assert (letter.result_label, letter.result.lines if letter.result else ()) == ("It failed with", ("| timeout",))


def test_a_sentence_that_begins_with_a_deciding_word_is_led_in() -> None:
    """A person named No, an action named stop: the line still cannot be read as an answer."""
    letter = request_letter(ask(action="stop"), seat(), preface=("No Moo-hyun was asked.",))
    assert letter.preface == ("Note: No Moo-hyun was asked.",)
    assert letter.if_approved.startswith("Note: stop is run once")


def test_instants_name_their_zone_and_round_down() -> None:
    """A printed deadline is never later than the real one."""
    at = datetime(2026, 7, 1, 23, 59, 59, tzinfo=UTC)
    assert format_instant(at) == "Wed 1 Jul 2026, 23:59 UTC"
    assert format_instant(at, seconds=True) == "Wed 1 Jul 2026, 23:59:59 UTC"
    assert format_instant(at, "Asia/Kolkata") == "Thu 2 Jul 2026, 05:29 in Asia/Kolkata (UTC+05:30)"
    with pytest.raises(ComposeError, match="without a zone"):
        format_instant(datetime(2026, 7, 1))


def test_the_code_is_printed_only_next_to_a_link() -> None:
    """Six digits without the page that asks for them would be a riddle."""
    letter = request_letter(ask(), seat(link="", code=CODE))
    assert letter.answering is not None
    assert letter.answering.code == ""
