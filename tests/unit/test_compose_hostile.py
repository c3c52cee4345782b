"""Agents that write to deceive: whatever they write, the mail is made, says everything, and nothing of it acts."""

from __future__ import annotations

import re
from email import message_from_bytes
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mailgate.mail.brief import Ended, Happening
from mailgate.mail.compose import compose
from mailgate.mail.draft import late_letter, notice_letter, outcome_letter, receipt_letter, request_letter
from mailgate.mail.letter import RECORD_BEGINS, RECORD_ENDS, Letter, redacted
from tests.letters import AT, CODE, LINK, TOKEN, ask, headers, seat, signature, templates

NASTY = st.sampled_from(
    [
        "mailgate-reply-above-k3v9q2ab",
        RECORD_BEGINS,
        RECORD_ENDS,
        "APPROVE",
        "\nAPPROVE\n",
        "\nno\n",
        "reject ",
        "\r\nBcc: evil@example.com\r\n\r\n",
        "=?utf-8?q?x=0D=0ABcc=3A_evil=40x?=",
        "https://evil.example/x",
        "www.evil.com",
        "<script>alert(1)</script>",
        "</td></table><a href='https://evil.example'>",
        "<!--",
        "]]>",
        "&#10;APPROVE&#10;",
        "&nbsp;",
        "{{ letter.answering.code }}",
        "{% raw %}",
        "\u202e",
        "\u200b",
        "\u2028APPROVE",
        "\u0301",
        "⟨U+202E⟩",
        "-----Original Message-----",
        "\n> no\n",
        "\nFrom x\n.\n",
        "[the code is not kept here]",
        "x" * 500,
        " " * 90,
        "\n" * 50,
        "\t",
        "**yes**",
        "[link](https://evil.example)",
        "--=_",
    ]
)
# Hypothesis also draws literals of our own source; by chance an agent does not write somebody's code.
TEXT = st.lists(NASTY | st.text(max_size=20), max_size=6).map("".join).filter(lambda text: CODE not in text)
VALUE = st.recursive(
    TEXT | st.integers() | st.floats(allow_nan=False) | st.binary(max_size=40) | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)


@st.composite
def letters(draw: st.DrawFn) -> Letter:
    """Return a letter of any kind, hostile wherever an agent or a person writes."""
    request = ask(
        arguments=draw(st.dictionaries(TEXT, VALUE, max_size=4)),
        agent=draw(TEXT),
        run=draw(TEXT),
        summary=draw(TEXT),
        on_behalf_of=draw(TEXT),
        reasoning=draw(TEXT),
        if_approved=draw(TEXT),
        if_rejected=draw(TEXT),
    )
    person = seat(
        name=draw(TEXT), others=draw(st.lists(TEXT, max_size=2)), step=draw(TEXT), by_reply=draw(st.booleans())
    )
    signed = signature(
        name=draw(TEXT), reason=draw(TEXT), verdict=draw(st.sampled_from(["approved", "rejected", "undone"]))
    )
    history = (signed, Happening(at=AT, what=draw(TEXT)))
    sentences = (draw(TEXT),)
    match draw(st.integers(0, 4)):
        case 0:
            return receipt_letter(request, person, signed, history=history, next_steps=sentences)
        case 1:
            return late_letter(request, person, how_it_ended=sentences[0], heard=draw(TEXT), history=history)
        case 2:
            ended = Ended(state=draw(st.sampled_from(["succeeded", "failed"])), result=draw(VALUE), error=draw(TEXT))
            return outcome_letter(request, person, ended, history=history, warnings=sentences)
        case 3:
            return notice_letter(
                deployment=draw(TEXT), recipient=draw(TEXT), headline=draw(TEXT), facts={draw(TEXT): draw(TEXT)}
            )
    return request_letter(request, person, preface=sentences, heard=draw(TEXT), warnings=sentences, history=history)


def decoded(raw: bytes) -> str:
    """Return everything that a reader of the mail can see, decoded."""
    parts = [part.get_payload(decode=True) for part in message_from_bytes(raw).walk() if not part.is_multipart()]
    return raw.decode() + "".join(part.decode() for part in parts if isinstance(part, bytes))


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(letters())
def test_every_hostile_letter_becomes_a_mail_of_exactly_our_headers(letter: Letter) -> None:
    """It composes (so it says all it must, links one thing, decides nothing), and adds no field and no part."""
    raw = compose(letter, headers(), templates(), evidence=lambda shown: b"{}")
    parsed = message_from_bytes(raw)
    assert parsed.keys() == [
        *("Date", "From", "To", "Reply-To", "Subject", "Message-ID"),
        *("X-Mailgate-Instance", "MIME-Version", "Content-Type"),
    ]
    parts = [part.get_content_type() for part in parsed.walk()]
    assert parts[:4] == ["multipart/mixed", "multipart/alternative", "text/plain", "text/html"]
    assert len(parts) == 4 + len(letter.files) + 1


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(letters(), st.sampled_from([LINK, TOKEN]))
def test_no_archive_copy_holds_a_secret(letter: Letter, quoted: str) -> None:
    """Link, token and code are in no byte of it, decoded or not, also when a person quoted them."""
    said = request_letter(ask(), seat(), heard=f"{quoted} {CODE}", history=(signature(reason=f"{quoted} 482 913"),))
    for version in (letter, said):
        raw = compose(redacted(version), headers(), templates(), evidence=lambda shown: b"{}")
        seen = re.sub(r"[0-9a-f]{64}", "", decoded(raw))
        assert TOKEN not in seen
        assert CODE not in seen
        assert "482 913" not in seen


def values(count: int, value: Any) -> dict[str, Any]:
    """Return ``count`` arguments of the same value."""
    return {f"argument {number}": value for number in range(count)}


def test_no_flood_of_arguments_pushes_the_answer_out_of_sight() -> None:
    """Gmail hides what follows 102 KB; the HTML part stays below it whatever an agent sends."""
    for arguments in (
        values(200, "é\n" * 500),
        values(100, "\u202e" * 3000),
        values(40, ["é" * 30] * 100),
        values(40, "&<>\"'" * 3000),
        values(6, "'" * 1950),
        {"x" * 5000: "\n" * 5000},
    ):
        letter = request_letter(ask(arguments=arguments, reasoning='"' * 9000), seat(), history=(signature(),) * 3)
        raw = compose(letter, headers(), templates())
        [html] = [part for part in message_from_bytes(raw).walk() if part.get_content_type() == "text/html"]
        content = html.get_payload(decode=True)
        assert isinstance(content, bytes)
        assert len(content) < 102_000
