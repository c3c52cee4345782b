"""New text of plain parts: what counts as a quote, what only looks like one, and where a client's frame begins."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailgate.mail.frames import (
    attribution,
    begins_header_block,
    is_separator,
    label_of,
    unknown_header,
    visible,
)
from mailgate.mail.reply import MAX_LINES, new_text_of_plain
from mailgate.model.verdict import Verdict, read_verdict


@pytest.mark.parametrize(
    "marker",
    [
        "mailgate-reply-above-k3v9q2ab",
        "MAILGATE-REPLY-ABOVE-K3V9Q2AB",
        "   mailgate-reply-above-k3v9q2ab  ",
        "Ref: mailgate-reply-above-k3v9q2ab (do not remove)",
        "*mailgate-reply-above-k3v9q2ab*",
    ],
)
def test_the_marker_ends_the_persons_text(marker: str) -> None:
    """From an unmarked line with our marker on, everything is ours, whatever stands around it."""
    assert new_text_of_plain(f"REJECT\n\n{marker}\n\nAPPROVE\n") == "REJECT"


@pytest.mark.parametrize("prefix", ["> ", ">", ">> ", "> > ", "| ", " > ", "\u00a0> ", "＞ "])
def test_the_marker_in_a_quote_only_proves_the_quote(prefix: str) -> None:
    """Behind a quote mark the marker ends nothing: what stands below the quote is the person's."""
    quote = f"{prefix}mailgate-reply-above-k3v9q2ab\n{prefix}APPROVE\n"
    assert new_text_of_plain(f"{quote}\nREJECT\n").split() == ["REJECT"]
    assert new_text_of_plain(f"REJECT\n\n{quote}").split() == ["REJECT"]


def test_a_frame_inside_a_quote_ends_nothing() -> None:
    """What a quoted mail repeats itself is quoted, and below the quote the person's words go on."""
    for inner in (
        "-----Original Message-----",
        "From: a\n> Sent: b\n> To: c",
        "On 5 May 2026 at 10:00, A <a@b.c> wrote:",
    ):
        assert new_text_of_plain(f"> {inner}\n> mailgate-reply-above-x\n> APPROVE\n\nREJECT\n").strip() == "REJECT"


def test_a_bracket_left_open_above_a_quote_does_not_unquote_it() -> None:
    """Only the rest of a wrapped attribution may begin with ``>`` and be none; a quoted line is one."""
    assert new_text_of_plain("REJECT: 5 < 6\n> mailgate-reply-above-x\n> APPROVE\n") == "REJECT: 5 < 6"


@pytest.mark.parametrize("quote", ["> 50 EUR: ask me again", "> 50 EUR\n> 60 EUR", "| only half |", ">only half"])
def test_a_bare_quote_mark_is_no_quote(quote: str) -> None:
    """Without an attribution or our marker a line with ``>`` is kept as it stands, and is a condition."""
    assert new_text_of_plain(f"APPROVE\n\n{quote}") == f"APPROVE\n\n{quote}"
    assert read_verdict(new_text_of_plain(quote)).verdict is Verdict.UNCLEAR


@pytest.mark.parametrize(
    "line",
    [
        "As Bob wrote:",
        "As Bob wrote on 5 May:",
        "Bob wrote this on Monday:",
        "On Thursday:",
        "On 5 May ask bob@example.com:",
        "On the other hand, 5 things:",
        "but only until 17:00:",
        "but only until 17:00 on 30.11.2026:",
        "ask bob@example.com before 30.11.2026 17:00:",
        "ask bob@example.com<mailto:bob@example.com> before 30.11.2026 17:00:",
        "These conditions apply:",
        "From: 1 June",
        "From: 1 June\nTo: 30 June",
        "From: Berlin\nTo: Paris\nDate: 14 June instead of 10 June",
        "From: savings account\nTo: Carol <carol@example.com>\nDate: not before 1 June",
        "From: sales@example.com\nTo: Carol\nSubject: New",
        "Von: Konto 123\nAn: Konto 456\nDatum: erst am 1. Juni",
        "On 5 May 2026 at 10:18 Carol wrote:",
        "--- forwarded by Carol only after 5 May ---",
        "-- original mail to be sent only to Bob --",
        "--- forwarded by Carol/Example only on 5 May ---",
        "To: be done by 5 May",
        "-----conditions-----",
        "---- only up to 50 ----",
        "Original message follows",
        "Am Montag schrieb Bob:",
    ],
)
def test_a_persons_own_line_is_not_taken_for_a_frame(line: str) -> None:
    """Lines that resemble attributions, headers or separators stay, so that what they say counts."""
    text = f"APPROVE\n\n{line}\nonly up to 50 EUR\n"
    assert new_text_of_plain(text) == text
    assert read_verdict(new_text_of_plain(text)).verdict is Verdict.UNCLEAR


@pytest.mark.parametrize(
    "line",
    [
        "-----Original Message-----",
        "----- Original Message -----",
        "--- Original Message ---",
        "*-----Original Message-----*",
        "-----Ursprüngliche Nachricht-----",
        "-------- Message d'origine --------",
        "-----Mensaje original-----",
        "-----Messaggio originale-----",
        "-----Oorspronkelijk bericht-----",
        "-----Исходное сообщение-----",
        "-----原始邮件-----",
        "---------- Forwarded message ---------",
        "----- Forwarded message from carol@example.com -----",
        "----- Forwarded by Bob Brown/Example on 05/05/2026 10:00 AM -----",
        "-------- Weitergeleitete Nachricht --------",
        "Begin forwarded message:",
        "Anfang der weitergeleiteten Nachricht:",
        "Début du message transféré :",
    ],
)
def test_separators_end_the_persons_text(line: str) -> None:
    """A line with which a client announces another mail ends the new text, without any header below it."""
    assert new_text_of_plain(f"REJECT\n\n{line}\n\nAPPROVE\n") == "REJECT"


def test_a_frame_in_an_unknown_language_is_known_by_its_place() -> None:
    """Labels in no language of the tables count directly above our marker or below a rule, and nowhere else."""
    header = "Siuntėjas: A <a@gate.example.com>\nLaikas: 2026 lapkritis 22\nGavėjas: Bob\nDalykas: x"
    assert new_text_of_plain(f"REJECT\n\n{header}\n\nmailgate-reply-above-x\nAPPROVE") == "REJECT"
    assert new_text_of_plain(f"REJECT\n____________\n{header}\n\nAPPROVE") == "REJECT"
    assert "APPROVE" in new_text_of_plain(f"REJECT\n\n{header}\n\nAPPROVE")


@pytest.mark.parametrize(
    "lines",
    [
        "Amount: 50 EUR\nUntil: 30.11.2026\nAsk: bob@example.com\nThen: stop",
        "Ask: Bob <bob@example.com>\nAmount: 50 EUR\nThen: stop",
        "Ask: Bob <bob@example.com>\nUntil: 30.11.2026\nThen: stop\nonly half",
        "only half",
    ],
)
def test_a_persons_list_above_the_marker_is_not_taken_for_a_header(lines: str) -> None:
    """Conditions written as a list stay conditions, though our own mail follows at once."""
    for frame in ("mailgate-reply-above-x", "____________\n\nmailgate-reply-above-x"):
        assert read_verdict(new_text_of_plain(f"APPROVE\n\n{lines}\n\n{frame}\n")).verdict is Verdict.UNCLEAR
    assert read_verdict(new_text_of_plain(f"APPROVE\n____________\n{lines}\n")).verdict is Verdict.UNCLEAR


def test_headers_in_no_known_language_have_a_shape() -> None:
    """Four labels, an address set off in the first line, a date in another."""
    header = ["A: <a@b.c>", "B: 2026", "C: c", "D: d"]
    assert unknown_header(header, 0) == 4
    assert unknown_header([*header, "E: e", "no label"], 0) == 5
    assert unknown_header(header[:3], 0) == 0
    assert unknown_header(["A: a@b.c", *header[1:]], 0) == 0
    assert unknown_header(["A: <a@b.c>", "B: b", "C: c", "D: d"], 0) == 0


def test_a_weak_attribution_needs_a_quote_below() -> None:
    """A person may write "On Nov 26 Bob wrote:", too; it is a client's if something quoted or our marker follows."""
    line = "On Nov 26, 2026 Bob wrote:"
    assert "only half" in new_text_of_plain("APPROVE\n\nOn Monday at 17:00 Bob wrote:\n\nonly half")
    assert "only half" in new_text_of_plain(f"APPROVE\n\n{line}\n\nonly half")
    assert new_text_of_plain(f"APPROVE\n\n{line}\n\n> only half").split() == ["APPROVE"]
    assert new_text_of_plain(f"APPROVE\n\n{line}\n\nmailgate-reply-above-x\nonly half").split() == ["APPROVE"]


def test_an_attribution_is_found_with_the_lines_it_was_wrapped_over() -> None:
    """The first line of a wrapped attribution is part of it."""
    lines = ["but not before 2027", "On Nov 22, 2026,", "at 20:22,", "Approvals <a@gate.example.com> wrote:"]
    assert attribution(lines, 3) == (1, True)
    assert attribution(["On Nov 22, 2026 at 20:22, Approvals <", "a@gate.example.com> wrote:"], 1) == (0, True)
    assert attribution(["x", "", "wrote:"], 2) is None
    assert attribution(["On Nov 22, 2026 at 20:22, Bob wrote:" + "x" * 400 + ":"], 0) is None


@pytest.mark.parametrize(
    "own",
    [
        "only on 5 May 2026",
        "On 5 May 2026 only.",
        "On 5 May 2026",
        "On Monday,",
        "only until 17:00",
        "not before 2027,",
    ],
)
@pytest.mark.parametrize(
    "line",
    [
        "On Nov 22, 2026 at 20:22, Approvals <a@gate.example.com> wrote:",
        "Approvals <a@gate.example.com> wrote:",
        "Approvals wrote:",
        "22.11.2026, 20:22, Approvals <a@gate.example.com>:",
    ],
)
def test_a_line_directly_above_an_attribution_is_not_a_part_of_it(own: str, line: str) -> None:
    """A condition with a date in it stays, though no empty line divides it from the client's."""
    text = f"APPROVE\n{own}\n{line}\n> mailgate-reply-above-x\n> y\n"
    assert own in new_text_of_plain(text)
    assert read_verdict(new_text_of_plain(text)).verdict is Verdict.UNCLEAR


def test_a_header_block_needs_three_kinds_of_labels() -> None:
    """Sender and two more, also wrapped; two kinds may be a person's own list."""
    assert begins_header_block(["From: A", " <a@b.c>", "Sent: today", "To: B"], 0)
    assert begins_header_block(["From: a@b.c", "Sent: today", "To: B"], 0)
    assert begins_header_block(["From: A", "Sent: today", "To: B", "Subject: C"], 0)
    assert not begins_header_block(["From: A", "Sent: today", "To: <b@b.c>"], 0)
    assert not begins_header_block(["From: A", "To: B", "Subject: C"], 0)
    assert not begins_header_block(["From: A", "To: B", "To: C", "From: D"], 0)
    assert not begins_header_block(["Sent: x", "To: B", "Subject: C"], 0)
    assert not begins_header_block(["From: A", "a", "b", "c", "To: B", "Subject: C"], 0)
    assert not begins_header_block(["x", "From: A", "To: B", "Subject: C"], 0)
    assert label_of("*Envoyé\u00a0:* lundi") == "date"
    assert label_of("Amount: 50") is None
    assert not is_separator("-----Original Message----- " + "x" * 200)


LINKS = "Links:\n------\n[1] \nhttps://approvals.example.com/d/WyJhIiwxLCJhYmNkZWYwMSJd/\n[2] mailto:bob@example.com\n"
OURS = "On 5 May 2026 at 10:00, A <a@b.c> wrote:\n> mailgate-reply-above-x\n"


@pytest.mark.parametrize("text", [f"REJECT\n\n{OURS}\n\n{LINKS}", f"{OURS}\nREJECT\n\n{LINKS}", f"REJECT\n\n{LINKS}"])
def test_the_links_that_a_client_lists_below_everything_are_not_the_persons(text: str) -> None:
    """Roundcube ends the text of an HTML mail with the quoted mail's links, unmarked; the answer stands alone all the same."""
    assert new_text_of_plain(text).strip() == "REJECT"


@pytest.mark.parametrize(
    "below",
    [
        LINKS + "but only half of it",
        LINKS.replace("[2] ", "[2] only half of it "),
        LINKS.replace("[2] mailto:bob@example.com", "[2] half"),
        LINKS.replace("------\n", "------\nbut only half of it\n"),
        LINKS.replace("------\n", ""),
        "Links:\n------\n",
        LINKS.replace("Links:", "Only these links:"),
    ],
)
def test_words_of_a_persons_own_are_never_dropped_as_links(below: str) -> None:
    """What is more than a title, a rule, numbers and addresses may be a condition."""
    assert read_verdict(new_text_of_plain(f"APPROVE\n\n{OURS}\n\n{below}")).verdict == Verdict.UNCLEAR


def test_brackets_made_to_cost_are_read() -> None:
    """A megabyte of opening brackets above a broken-off quote mark, which was searched from each of them on."""
    assert new_text_of_plain("<" * 990_000 + "\n>:\nAPPROVE").endswith("APPROVE")


def test_digits_of_every_client_language_are_digits() -> None:
    """Arabic, Persian and Devanagari dates are dates."""
    assert visible("٢٠٢٦ ۲۰۲۶ २०२६\u200f\u00a0") == "2026 2026 2026"


def test_a_text_with_too_many_lines_is_not_read() -> None:
    """Beyond the bound nothing is new text, so that cost stays bounded and nothing is cut off silently."""
    assert new_text_of_plain("APPROVE" + "\n" * MAX_LINES) == ""
    assert new_text_of_plain("APPROVE" + "\n" * (MAX_LINES - 1)).strip() == "APPROVE"


@settings(deadline=None)
@given(
    st.text(
        alphabet=st.sampled_from("On 2026 wrote:<a@b.c>\n\n>|-_ From:Subject Sent To é写道：\u200f\u202e"), max_size=300
    )
)
@example("From:\n" * 20)
@example(":\n" * 20)
@example("On 5 <\n>:\n" * 5)
def test_any_text_is_read_and_nothing_is_invented(text: str) -> None:
    """No text makes the reader fail, and every line of new text stands in the mail."""
    own = new_text_of_plain(text)
    lines = text.replace("\u2028", "\n").split("\n")
    assert all(line in lines or not line for line in own.split("\n"))


@settings(deadline=None)
@given(
    st.lists(
        st.sampled_from(["only half", "> x", "On 1 May 2026 at 10:00, A <a@b.c> wrote:", "", "From: a", "--"]),
        max_size=8,
    )
)
def test_text_without_a_frame_is_kept_whole(lines: list[str]) -> None:
    """A condition that stands above every frame is never lost."""
    own = new_text_of_plain("\n".join(["APPROVE", "only up to 50", *lines]))
    assert own.split("\n")[:2] == ["APPROVE", "only up to 50"]
