"""The archive copy: nothing in it can still decide, and nothing else is changed."""

from __future__ import annotations

from dataclasses import replace

from mailgate.mail.answering import archive_copy
from mailgate.mail.brief import Ended
from mailgate.mail.draft import outcome_letter, receipt_letter, request_letter
from mailgate.mail.letter import NO_CODE, NO_LINK, redacted
from tests.letters import CODE, LINK, TOKEN, ask, seat, signature


def test_link_and_code_are_replaced() -> None:
    """Placeholders stand where the secrets stood; the rest of the letter is the same."""
    letter = request_letter(ask(), seat())
    bare = redacted(letter)
    assert bare.answering is not None
    assert (bare.answering.link_url, bare.answering.code, bare.answering.is_live) == (NO_LINK, NO_CODE, False)
    assert bare.answering.link_host == "approvals.example.com"
    assert replace(bare, answering=letter.answering) == letter


def test_secrets_that_people_quote_are_replaced_too() -> None:
    """A reply often quotes the mail with its link and code; its words are printed in later mails."""
    said = f"see {LINK} code 482 913 or {CODE}, token {TOKEN}"
    bare = redacted(request_letter(ask(), seat(), heard=said, history=(signature(reason=said),)))
    assert TOKEN not in repr(bare)
    assert CODE not in repr(bare)
    assert "482 913" not in repr(bare)


def test_digits_of_an_argument_that_equal_the_code_stay() -> None:
    """The agent cannot know the code; an amount that happens to equal it must not be falsified in the record."""
    bare = redacted(request_letter(ask(arguments={"amount": int(CODE)}), seat()))
    assert bare.arguments[0].value.lines == (CODE,)


def test_a_token_inside_an_attached_file_is_replaced() -> None:
    """Whatever way the link came into a long text, the archive does not get it."""
    letter = request_letter(ask(reasoning=f"{TOKEN}\n" * 100), seat())
    assert TOKEN.encode() in letter.files[0].content
    assert TOKEN.encode() not in redacted(letter).files[0].content


def test_letters_without_secrets_are_unchanged() -> None:
    """An outcome has neither link nor code."""
    letter = outcome_letter(ask(), seat(), Ended(state="expired"))
    assert redacted(letter) == letter


def test_a_letter_without_link_keeps_its_empty_link() -> None:
    """No placeholder is printed for what was never there."""
    bare = redacted(request_letter(ask(), seat(link="", code="")))
    assert bare.answering is not None
    assert (bare.answering.link_url, bare.answering.code) == ("", "")


def test_the_copy_names_those_who_got_the_mail() -> None:
    """The archive is no person: the copy says who was asked, whether one, several or nobody."""
    letter = request_letter(ask(), seat())
    for people, recipient, others in (
        (["Bob Brown"], "Bob Brown", "Asked: Bob Brown, and nobody else."),
        (["Al", "Bo"], "Al and Bo", "Asked: Al and Bo, each in a mail of their own."),
        ([], "nobody", "Nobody could be asked."),
    ):
        copy = archive_copy(letter, people)
        assert copy.answering is not None
        assert (copy.is_copy, copy.recipient, copy.answering.others) == (True, recipient, others)
        assert (copy.answering.link_url, copy.answering.code) == (NO_LINK, NO_CODE)


def test_a_copy_of_a_receipt_is_one_too() -> None:
    """What asks for nothing has no ways of answering to strip, and still says whom it was sent to."""
    copy = archive_copy(receipt_letter(ask(), seat(), signature()), ["Bob Brown"])
    assert (copy.is_copy, copy.recipient, copy.answering) == (True, "Bob Brown", None)
