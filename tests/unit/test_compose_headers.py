"""The header block: ASCII, folded at blanks, exactly the fields that were meant, on every Python."""

from __future__ import annotations

from datetime import datetime
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.utils import parseaddr
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailgate.errors import ComposeError
from mailgate.mail.compose import MAX_ID, Headers, subject_line, usable_id
from mailgate.mail.writing import write_mail
from tests.letters import headers

NAMES = [
    "Date",
    "From",
    "To",
    "Reply-To",
    "Subject",
    "Message-ID",
    "X-Mailgate-Instance",
    "MIME-Version",
    "Content-Type",
]


def head_of(value: Headers) -> str:
    """Return the header block of a mail with these headers."""
    return write_mail(value, "text\n", "<p>html</p>\n").split(b"\r\n\r\n")[0].decode("ascii")


def recipient_of(raw: bytes) -> tuple[str, str]:
    """Return the recipient's name and address as a reader's client shows them."""
    name, address = parseaddr(message_from_bytes(raw)["To"])
    return str(make_header(decode_header(name))), address


def test_the_fields_are_those_that_were_meant_in_order() -> None:
    """Nothing is added, and empty ones are left out."""
    lines = head_of(headers()).split("\r\n")
    assert [line.split(":")[0] for line in lines if line[0] != " "] == NAMES
    assert "Auto-Submitted" not in head_of(headers())
    assert "Auto-Submitted: auto-generated" in head_of(headers(auto_submitted="auto-generated"))


def test_encoded_words_in_a_name_never_become_lines() -> None:
    """CVE-2024-6923: on Python 3.11.7 the standard library would write a Bcc line from this name."""
    name = "=?utf-8?q?x=0D=0ABcc=3A_evil=40x?="
    raw = write_mail(headers(sender=(name, "a@gate.example.com")), "t\n", "<p>h</p>\n")
    parsed = message_from_bytes(raw, policy=policy.default)
    assert parsed.keys() == NAMES
    assert parsed["From"].addresses[0].display_name == name
    assert b"bcc" not in raw.lower()


@pytest.mark.parametrize(
    "name",
    [
        "Bob Brown",
        "Bröwn, Bob",
        'Bob "B" Brown',
        "Bob\\Brown",
        "鈴木一郎" * 12,
        "Bob (finance)",
        "a@b.c",
        "x  y",
        "O'Hara; Bob",
    ],
)
def test_names_of_people_arrive_as_they_are(name: str) -> None:
    """Quotes, commas, blanks, foreign letters: the reader's client shows the same name."""
    raw = write_mail(headers(recipient=(name, "bob@example.com")), "t\n", "<p>h</p>\n")
    assert recipient_of(raw) == (name, "bob@example.com")


@settings(deadline=None)
@given(st.text(max_size=80))
def test_any_name_arrives_as_it_is_or_is_refused(name: str) -> None:
    """No name adds a field, changes the address, or reads back differently."""
    try:
        raw = write_mail(headers(recipient=(name, "bob@example.com")), "t\n", "<p>h</p>\n")
    except ComposeError:
        return
    assert message_from_bytes(raw).keys() == NAMES
    assert recipient_of(raw) == (name, "bob@example.com")


@pytest.mark.parametrize("bad", ["a\nBcc: x@y", "a\r\n\r\nbody", "a\x00", "a\u202eb", "a\u2028b", " a", "x" * 201])
def test_names_that_could_deceive_are_refused(bad: str) -> None:
    """Line ends and hidden characters in a name are an error in the configuration."""
    with pytest.raises(ComposeError, match="cannot stand in a header"):
        head_of(headers(recipient=(bad, "bob@example.com")))


@pytest.mark.parametrize("field", ["subject", "instance"])
@pytest.mark.parametrize("bad", ["", "a\nb", "a\r\nBcc: x@y", "ä", "a\tb", "a  b", " a", "=?utf-8?q?a?=", "x" * 501])
def test_other_values_are_printable_ascii_or_refused(field: str, bad: str) -> None:
    """What is not a person's name needs no foreign letter, so none is encoded."""
    with pytest.raises(ComposeError, match="cannot stand in a header"):
        head_of(headers(**{field: bad}))


@pytest.mark.parametrize(
    "address",
    [
        "bob",
        "bob@",
        "@x",
        "bob@exämple.com",
        "a b@x",
        "a@b, c@d",
        "<a@b>",
        "a@b\n",
        "=?utf-8?q?a?=@b",
        "a" * 250 + "@b.c",
    ],
)
def test_addresses_that_are_not_plain_are_refused(address: str) -> None:
    """One plain ASCII address, nothing that a parser could read as two."""
    for field in ("sender", "recipient", "reply_to"):
        with pytest.raises(ComposeError, match="is not a mail address"):
            head_of(headers(**{field: ("Bob", address)}))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"message_id": "a@b"}, "not one of our message ids"),
        ({"message_id": "<a\n@b>"}, "not one of our message ids"),
        ({"message_id": f"<{'a' * MAX_ID}@b>"}, "not one of our message ids"),
        ({"message_id": "<[abc]@x>"}, "not one of our message ids"),
        ({"references": ("<a b@c>",)}, "leave it out"),
        ({"in_reply_to": "<=?x@y>"}, "leave it out"),
        ({"auto_submitted": "no"}, "not a value of Auto-Submitted"),
        ({"date": datetime(2026, 1, 1)}, "no time zone"),
    ],
)
def test_ids_dates_and_keywords_are_checked(changes: dict[str, Any], reason: str) -> None:
    """A header that would break a thread or the standard library's parser is not written."""
    with pytest.raises(ComposeError, match=reason):
        head_of(headers(**changes))


def test_long_references_fold_at_blanks_and_are_never_encoded() -> None:
    """Outlook's ids are 81 characters; the standard library makes encoded words of them, which breaks the thread."""
    ids = tuple(f"<{'x' * 60}{n:02}@outlook.example.com>" for n in range(12))
    head = head_of(headers(references=ids, in_reply_to=ids[-1]))
    assert "=?" not in head
    assert f"References: {ids[0]}\r\n {ids[1]}\r\n" in head
    assert f"In-Reply-To: {ids[-1]}\r\n" in head


def test_lines_of_the_header_block_are_short() -> None:
    """Folding keeps to 76 columns wherever there is a blank to fold at."""
    value = headers(recipient=("Bartholomew Bröwn " * 9 + "Jr", "bob@example.com"), subject="word " * 40 + "end")
    assert max(map(len, head_of(value).split("\r\n"))) <= 76


def test_foreign_ids_are_judged_before_they_are_used() -> None:
    """The caller can ask which ids of others may go into References."""
    assert usable_id("<CAF=x+y$z!1@mail.example.com>")
    for bad in ("", "a@b", "<a@b> <c@d>", "<a@b>\n", "<=?x@y>", "<ä@b>", f"<{'a' * 600}@b>"):
        assert not usable_id(bad)


def test_the_subject_is_the_action_and_the_code() -> None:
    """Constant per request, so that Gmail keeps the thread; nothing odd in it."""
    assert subject_line("issue_refund", "R-7K2M9Q") == "issue_refund (R-7K2M9Q)"
    assert subject_line("a\r\nBcc: x", "=?") == "a__Bcc__x (__)"
    assert subject_line("", "") == "_ ()"
