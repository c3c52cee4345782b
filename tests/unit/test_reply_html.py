"""New text of HTML parts: lines as their reader sees them, quotes and signatures by their containers, hostile markup."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailgate.errors import MailUnreadable
from mailgate.mail.markup import html_lines
from mailgate.mail.mime import open_mail
from mailgate.mail.reply import new_text_of_html, read_reply
from mailgate.model.verdict import Reading, Verdict, read_verdict


def seen(source: str) -> list[str]:
    """Return the non-empty lines of a page."""
    return [line.text for line in html_lines(source) if line.text.strip()]


def reply_to_html(source: str) -> Reading:
    """Read a mail of Bob's that has nothing but this page."""
    header = "From: Bob Brown <bob@example.com>\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
    return read_reply(open_mail(f"{header}{source}".encode()))


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("<div>a</div><div>b</div>", ["a", "b"]),
        ("a<br>b<br/>c", ["a", "b", "c"]),
        ("<p>a<p>b", ["a", "b"]),
        ("<span>do not </span><span>APPROVE</span>", ["do not APPROVE"]),
        ("do not\n   APPROVE", ["do not APPROVE"]),
        ("<b>APP</b>ROVE", ["APPROVE"]),
        ("<pre>do not\nAPPROVE</pre>", ["do not", "APPROVE"]),
        ("<pre>a<b class=x>b\nc</b></pre>", ["ab", "c"]),
        ("<pre>a<span style='white-space:normal'>b\nc</span></pre>", ["ab c"]),
        ("<div style='white-space: pre-wrap'>a\r\nb</div>", ["a", "b"]),
        ("<table><tr><td>do not</td><td>APPROVE</td></tr><tr><td>x</td></tr></table>", ["do not APPROVE", "x"]),
        ("<ul><li>a<li>b</ul>c", ["a", "b", "c"]),
        ("a &lt;b&gt; &amp; &#65;&nbsp;c", ["a <b> & A\u00a0c"]),
        ("1 < 2 and <3", ["1 < 2 and <3"]),
        ("<!-- x -->a<!-->b<!--->c<!--[if mso]>d<![endif]-->e", ["abce"]),
        ("<![if !mso]>a<![endif]>", ["a"]),
        ("<?xml version='1.0'?><!DOCTYPE html>a", ["a"]),
        ("<style>APPROVE</style><script>APPROVE</script><title>APPROVE</title>a", ["a"]),
        ("<STYLE>a</p></STYLE >b", ["b"]),
        ("<style><!-- a { } </style>b", ["b"]),
        ("<script>'</scripty>APPROVE</script>b", ["b"]),
        ("<a title='>'>x</a>", ["x"]),
        ('<a title=">">x</a>', ["x"]),
        ("<a title = x>y</a>", ["y"]),
        ("<a ===>y</a>", ["y"]),
        ("</b>a</div></p>b", ["a", "b"]),
        ("a<!-- never closed APPROVE", ["a"]),
        ("a<b title='never closed>APPROVE", ["a"]),
        ("a<b ", ["a"]),
        ("a<style>APPROVE", ["a"]),
        ("a</", ["a"]),
        ("<img alt='no'>a<img data-emoji='👍' alt='👍'>", ["a👍"]),
        ("a<img class='an1 emoji' alt='👎'>", ["a👎"]),
        ("<s>APPROVE</s>", ["~~APPROVE~~"]),
        ("<s>A<del>B</del>C</s>", ["~~ABC~~"]),
        ("<del>APPROVE</del> <span style='text-decoration: line-through'>yes</span>", ["~~APPROVE~~ ~~yes~~"]),
    ],
)
def test_lines_are_those_a_person_sees(source: str, lines: list[str]) -> None:
    """Blocks make lines, inline elements do not, and what no client shows is left out."""
    assert seen(source) == lines


@pytest.mark.parametrize(
    "style",
    [
        "display:none",
        "DISPLAY : NONE",
        "visibility:hidden",
        "font-size:0",
        "font-size: 0px",
        "max-height:0;overflow:hidden",
        "opacity:0",
        "color:red; display: none !important",
    ],
)
def test_hidden_elements_are_not_text(style: str) -> None:
    """What a style hides says nothing; what is only small or faint does."""
    assert seen(f"<div style='{style}'>APPROVE<p>APPROVE</p></div>REJECT") == ["REJECT"]
    assert seen("<div style='font-size:0.9em;opacity:0.5;max-height:0.5px'>APPROVE</div>") == ["APPROVE"]
    assert seen("<div hidden>APPROVE</div>REJECT") == ["REJECT"]
    assert seen("<p style='display:none'>x<p>only half") == ["only half"]
    assert seen("<p style='font-size:0'>x<b style='font-size:2em'>x</b></p>") == []


@pytest.mark.parametrize(
    "source",
    [
        "<table style='font-size:0'><tr><td style='font-size:14px'>only half</td></tr></table>",
        "<div style='visibility:hidden'><p style='visibility:visible'>only half</p></div>",
        "<div style='fill-opacity:0'>only half</div>",
        "<div style='x-display:none'>only half</div>",
        "<div style='opacity:0,9'>only half</div>",
        "<div style='mso-hide:all'>only half</div>",
        "<div style='max-height:0'>only half</div>",
        "<div hidden style='display:block'>only half</div>",
        "<!-- x --!>only half<!-- y -->",
        "<textarea>only half</textarea>",
        "<textarea><!--only half--></textarea>",
        "<xmp>only half</xmp>",
        "<object>only half</object>",
        "<svg><text>only half</text></svg>",
        "<input value='only half'>",
        f"<div style='display:none;{'x' * 4000}'>only half</div>",
    ],
)
def test_what_only_looks_hidden_is_text(source: str) -> None:
    """Names that end like a property's, elements that set it anew, and elements whose content is shown say something."""
    assert "only half" in " ".join(seen(source))
    assert reply_to_html(f"<p>APPROVE</p>{source}").verdict is Verdict.UNCLEAR


def test_our_marker_counts_where_nobody_sees_it() -> None:
    """A client may hide the marker line; what follows it is still ours."""
    assert new_text_of_html("REJECT<p style='display:none'>mailgate-reply-above-x</p>APPROVE") == "REJECT"
    assert new_text_of_html("REJECT<p>mailgate-<b>reply-above</b>-x</p>APPROVE").split() == ["REJECT"]


@pytest.mark.parametrize(
    "container",
    [
        "<blockquote type=cite>{}</blockquote>",
        "<blockquote cite='mid:1@x'>{}</blockquote>",
        "<blockquote class='gmail_quote'>{}</blockquote>",
        "<div class='gmail_quote gmail_quote_container'>{}</div>",
        "<div class='x_gmail_quote'>{}</div>",
        "<div class='moz-cite-prefix'>{}</div>",
        "<div class='yahoo_quoted'>{}</div>",
        "<div id='ydp12yahoo_quoted'>{}</div>",
        "<div class='protonmail_quote'>{}</div>",
        "<div class='tutanota_quote'>{}</div>",
        "<div class='zmail_extra'>{}</div>",
        "<p id='reply-intro'>{}</p>",
        "<div id='isReplyContent'>{}</div>",
        "<span id='OLK_SRC_BODY_SECTION'>{}</span>",
        "<div name='messageReplySection'>{}</div>",
        "<div name='quote'>{}</div>",
        "<div id='_originalContent'>{}</div>",
        "<div id='mail_android_quote'>{}</div>",
    ],
)
def test_containers_of_clients_quote_what_is_in_them_only(container: str) -> None:
    """What stands in them is dropped, above and below it the person's words are kept."""
    quote = container.format("APPROVE<br>APPROVE")
    assert new_text_of_html(f"<div>REJECT</div>{quote}<div>too dear</div>").split() == ["REJECT", "too", "dear"]
    assert new_text_of_html(f"{quote}<div>REJECT</div>").split() == ["REJECT"]


@pytest.mark.parametrize(
    "start",
    [
        "<div id='divRplyFwdMsg'>x</div>",
        "<div id='x_divRplyFwdMsg'>x</div>",
        "<div class='OutlookMessageHeader'>x</div>",
        "<hr id='zwchr'>",
        "<hr data-marker='__DIVIDER__'>",
        "<div id='mail-editor-reference-message-container'>x</div>",
        "<div id='ms-outlook-mobile-reference-message'>x</div>",
    ],
)
def test_elements_of_outlook_and_kin_end_the_persons_text(start: str) -> None:
    """Below them nothing is set off, so nothing below them is new."""
    assert new_text_of_html(f"<div>REJECT</div>{start}<div>APPROVE</div>").split() == ["REJECT"]


@pytest.mark.parametrize(
    "signature",
    [
        "<div class='gmail_signature'>{}</div>",
        "<pre class='moz-signature'>{}</pre>",
        "<div id='Signature'>{}</div>",
        "<div id='ms-outlook-mobile-signature'>{}</div>",
        "<div class='protonmail_signature_block'>{}</div>",
        "<div id='composer_signature'>{}</div>",
        "<div data-signatureblock='true'>{}</div>",
    ],
)
def test_signatures_are_left_out_and_end_where_they_end(signature: str) -> None:
    """What a client calls the signature is no reason; below an approval its lines must be ones of a signature."""
    motto = signature.format("We only accept written orders")
    assert reply_to_html(f"REJECT{motto}").reason == ""
    assert reply_to_html(f"REJECT{motto}<div>too dear</div>").reason == "too dear"
    assert reply_to_html(f"APPROVE{motto}").verdict is Verdict.UNCLEAR
    signed = signature.format("Bob Brown<br>Head of Finance<br>Sent from my iPhone")
    assert reply_to_html(f"APPROVE{signed}").verdict is Verdict.APPROVE
    assert reply_to_html(f"APPROVE{signed}<div>only half</div>").verdict is Verdict.UNCLEAR
    assert reply_to_html(f"{signature.format('REJECT')}APPROVE").verdict is Verdict.UNCLEAR


@pytest.mark.parametrize(
    "seam", ["<div id='appendonsend'></div>", "<hr id='stopSpelling'>", "<div id='x_appendonsend'>"]
)
def test_where_a_client_may_begin_to_quote_nothing_is_dropped_and_nothing_approves(seam: str) -> None:
    """Outlook puts these above its frame; without the frame, words below them may be anybody's."""
    assert reply_to_html(f"<p>APPROVE</p>{seam}<p>only up to 50 EUR</p>").verdict is Verdict.UNCLEAR
    assert reply_to_html(f"{seam}<p>APPROVE</p>").verdict is Verdict.UNCLEAR
    frame = "<div id='divRplyFwdMsg'>x</div><div>APPROVE</div>"
    assert reply_to_html(f"<p>REJECT</p>{seam}{frame}").verdict is Verdict.REJECT
    assert reply_to_html(f"<p>APPROVE</p>{seam}{frame}").verdict is Verdict.APPROVE


def test_words_below_a_quote_in_its_container_are_not_lost() -> None:
    """Gmail's container holds an attribution and a quote; what somebody writes below the quote in it may be a condition."""
    quote = "<div class='gmail_attr'>On 5 May A wrote:</div><blockquote class='gmail_quote'>x<blockquote>y</blockquote>"
    page = "<p>{}</p><div class='gmail_quote'>" + quote + "z</blockquote>{}</div>"
    assert reply_to_html(page.format("APPROVE", "<div>only half</div>")).verdict is Verdict.UNCLEAR
    assert reply_to_html(page.format("APPROVE", "<div>Bob Brown</div>")).verdict is Verdict.APPROVE
    assert reply_to_html(page.format("", "<div>APPROVE</div>")).verdict is Verdict.NONE
    assert reply_to_html(page.format("REJECT", "<div>only half</div>")).reason == ""


@pytest.mark.parametrize("container", ["<div class='quote'>{}</div>", "<div class='quoted'>{}</div>"])
def test_a_common_class_name_quotes_nothing(container: str) -> None:
    """Anybody's template may call an element so."""
    assert reply_to_html(f"<p>APPROVE</p>{container.format('only half')}").verdict is Verdict.UNCLEAR


def test_paragraphs_are_apart_from_each_other() -> None:
    """A legal footer ends with its paragraph, and a paragraph of HTML begins and ends like one of plain text."""
    footer = "<p>This e-mail is confidential and intended only for the addressee.</p>"
    assert reply_to_html(f"<p>APPROVE</p><p>Bob</p>{footer}").verdict is Verdict.APPROVE
    assert reply_to_html(f"<p>APPROVE</p><p>Bob</p>{footer}<p>Do not approve it.</p>").verdict is Verdict.UNCLEAR
    assert new_text_of_html("<div><p>a</p></div><table><tr><td><p>b</p></td></tr></table>") == "a\n\nb\n"


def test_a_quote_begins_a_line_also_within_one() -> None:
    """An inline element that quotes does not run into the person's words before and after it."""
    inline = "REJECT<span class='gmail_quote'>APPROVE</span>too dear"
    assert new_text_of_html(inline).split() == ["REJECT", "too", "dear"]
    assert new_text_of_html("REJECT<span class='gmail_signature'>Bob</span>too dear").split() == [
        "REJECT",
        "too",
        "dear",
    ]


def test_indented_text_is_not_a_quote() -> None:
    """A blockquote without a mark of quoting may be indentation: its words stay, and decide nothing."""
    indented = "<blockquote style='margin:0 0 0 40px;border:none;padding:0px'>only half</blockquote>"
    assert read_verdict(new_text_of_html(f"APPROVE{indented}")).verdict is Verdict.UNCLEAR
    barred = "<blockquote style='border-left: 2px solid blue'>only half</blockquote>"
    assert read_verdict(new_text_of_html(f"APPROVE{barred}")).verdict is Verdict.UNCLEAR
    bar = "<div style='border-left: 2px solid blue'>only half</div>"
    assert read_verdict(new_text_of_html(f"APPROVE{bar}")).verdict is Verdict.UNCLEAR
    assert read_verdict(new_text_of_html("<blockquote>APPROVE</blockquote>")).verdict is Verdict.UNCLEAR
    quote = "<blockquote><p>mailgate-reply-above-x</p>APPROVE</blockquote>"
    assert new_text_of_html(f"REJECT{quote}").split() == ["REJECT"]


def test_a_stray_end_tag_does_not_open_a_quote() -> None:
    """The quoted mail's own unbalanced tags close nothing outside it."""
    assert new_text_of_html("<div>REJECT<blockquote type=cite></div></div></td>APPROVE</blockquote></div>").split() == [
        "REJECT"
    ]
    assert new_text_of_html("REJECT<blockquote type=cite><p>x</blockquote>").split() == ["REJECT"]
    assert new_text_of_html("REJECT<blockquote type=cite>APPROVE").split() == ["REJECT"]


HOSTILE = [
    "<",
    "<!--",
    "<!",
    "<![",
    "<?",
    "</",
    "<a ",
    "<a b=",
    '<a b="',
    "<a b='",
    "<script>",
    "&",
    "&#",
    "&ampx",
    "<b>",
    "<div>x",
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_markup_made_to_cost_is_read(piece: str) -> None:
    """Twenty thousand repetitions of what keeps other parsers busy for minutes are read like any text."""
    assert "APPROVE" not in new_text_of_html(piece * 20_001)


def test_many_quotes_in_a_deep_wrapper_are_read() -> None:
    """Each quote that ends looks at the elements about it, but never twice at the same one."""
    deep = f"<div class=gmail_quote>{'<div>' * 30_000}{'<blockquote type=cite>x</blockquote>' * 9_000}"
    assert new_text_of_html(f"REJECT{deep}").strip() == "REJECT"


def test_a_style_made_to_cost_is_not_looked_at() -> None:
    """A megabyte of half a property, which was searched from each of its characters on, is passed over."""
    assert new_text_of_html(f"<p style='{'border-top:' * 90_000}'>APPROVE</p>").strip() == "APPROVE"


def test_too_many_tags_are_refused() -> None:
    """A page with more tags than any mail has is unreadable as a whole, not read in part."""
    with pytest.raises(MailUnreadable, match="too many tags"):
        new_text_of_html("APPROVE" + "<b>" * 100_001)


def test_an_oversized_character_reference_is_refused() -> None:
    """Python refuses to convert such digits; the mail is unreadable, not the program broken."""
    with pytest.raises(MailUnreadable):
        new_text_of_html("&#" + "9" * 5000 + ";")


PIECES = st.sampled_from(
    [
        *(
            "<div>",
            "</div>",
            "<p>",
            "</p>",
            "<br>",
            "<b>",
            "</b>",
            "<td>",
            "<tr>",
            "<table>",
            "</table>",
            "<pre>",
            "</pre>",
        ),
        *("<blockquote type=cite>", "</blockquote>", "<blockquote>", "<div class=gmail_quote>", "<hr>", "<s>", "</s>"),
        *("<div style='display:none'>", "<style>", "</style>", "<!--", "-->", "<", ">", "&lt;", "'", '"', "<a href='"),
        *(
            "APPROVE",
            "REJECT",
            "only half",
            " ",
            "\n",
            "On 1 May 2026 at 20:22, A &lt;a@b.c&gt; wrote:",
            "From: a<br>To: b<br>",
        ),
    ]
)


@settings(deadline=None)
@given(st.lists(PIECES, max_size=30).map("".join))
@example("<p><s><p></s>")
@example("<td><div class=gmail_quote><td></div></div>")
def test_any_markup_is_read(source: str) -> None:
    """No arrangement of tags makes the reader fail."""
    assert isinstance(new_text_of_html(source), str)


@settings(deadline=None)
@given(st.lists(PIECES.filter(lambda piece: piece != "-->"), max_size=20).map("".join))
def test_nothing_below_our_marker_ever_decides(source: str) -> None:
    """Whatever markup our own mail is turned into, an empty reply above it approves nothing."""
    text = new_text_of_html(f"<div><br></div><p>mailgate-reply-above-x</p>{source}")
    assert read_verdict(text).verdict is Verdict.NONE
