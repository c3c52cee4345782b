"""Taking mails apart: what mail systems write, what nobody should, and what somebody writes to keep a reader busy."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailgate.audit.attached import read_evidence
from mailgate.audit.blocks import html_shows, text_shows
from mailgate.audit.carried import read_date, read_mail
from mailgate.audit.parts import MAX_PARTS, TooMuch, content_of, header_of, leaves_of
from mailgate.model.stamps import BEGINS, ENDS, visible_hash

EVIDENCE: dict[str, Any] = {"records": [], "thread": []}


def leaves(raw: bytes) -> list[tuple[str, bytes]]:
    """Return type and content of each part."""
    return [(leaf.media_type, content_of(raw, leaf)) for leaf in leaves_of(raw, *header_of(raw))]


def multipart(*parts: bytes, boundary: bytes = b"b") -> bytes:
    """Return a mail of these parts."""
    body = b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts)
    return b"Content-Type: multipart/mixed; boundary=" + boundary + b"\r\n\r\n" + body + b"--" + boundary + b"--\r\n"


def test_parts_in_parts() -> None:
    """Depth first, with what stands before and after left out."""
    inner = multipart(b"\r\none", b"Content-Type: text/html\r\n\r\n<p>two</p>", boundary=b"inner")
    raw = multipart(inner, b"Content-Type: application/json\r\nContent-Transfer-Encoding: base64\r\n\r\ne30=")
    raw = raw.replace(b"\r\n\r\n--b", b"\r\n\r\nIgnored.\r\n--b", 1) + b"Ignored, too."
    assert leaves(raw) == [("text/plain", b"one"), ("text/html", b"<p>two</p>"), ("application/json", b"{}")]
    assert leaves(raw.replace(b"\r\n", b"\n")) == leaves(raw)


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (multipart(b"\r\none").removesuffix(b"--b--\r\n"), [b"one\r\n"]),  # the last line is missing
        (multipart(b"\r\none", b"\r\n--bb is no boundary"), [b"one", b"--bb is no boundary"]),
        (multipart(b"\r\nx--b", b"\r\ny"), [b"x--b", b"y"]),
        (b"Content-Type: multipart/mixed\r\n\r\nno boundary", [b"no boundary"]),
        (b"Subject: only a header", [b""]),
        (b"", [b""]),
        (b"\r\n--lost\r\n\r\nits header\r\n--lost--\r\n", [b"its header"]),
        (b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\nSGVsbG8", [b"Hello"]),
        (b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n!!a", [b""]),
        (b"Content-Type: text/plain\r\nContent-Transfer-Encoding: x-odd\r\n\r\n=41", [b"=41"]),
    ],
)
def test_what_nobody_should_write_is_read(raw: bytes, expected: list[bytes]) -> None:
    """As far as it can be: an archive's mails are what they are."""
    assert [content for _, content in leaves(raw)] == expected


def test_header_fields() -> None:
    """Unfolded, by name in lower case, in their order; lines that are none are passed over."""
    fields, _ = header_of(b"A: 1\r\nB: two\r\n\tthree\r\nno field\r\na:  2 \r\n\r\nC: 3")
    assert fields == {"a": ("1", "2"), "b": ("two three",)}


def test_ten_thousand_attachments_are_too_many() -> None:
    """A mail out of bounds is not read, and says why."""
    raw = multipart(*[b"\r\nx"] * 10_000)
    with pytest.raises(TooMuch, match=f"more than {MAX_PARTS} parts"):
        list(read_mail(raw, "here"))


def test_nested_for_ever_is_too_deep() -> None:
    """However it is nested."""
    raw = b"Content-Type: text/plain\r\n\r\nx"
    for number in range(100):
        raw = multipart(raw, boundary=b"b%d-" % number)
    with pytest.raises(TooMuch, match="nested more than"):
        list(read_mail(raw, "here"))


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "raw",
    [
        multipart(*[b"\r\n"] * 900) * 30,
        b"Content-Type: multipart/mixed; boundary=-\r\n\r\n" + b"---\r\n" * 200_000,
        b"Content-Type: text/plain" + b"; a=b" * 50_000 + b";" + b" " * 100_000 + b"\r\n\r\nx",
        b"a:\r\n" * 60_000 + b"\r\nx",
        b"Content-Type: text/html\r\n\r\n" + b"<a " * 500_000,
        b"Content-Type: text/html\r\n\r\n" + b'<a x="' * 300_000,
        b"Content-Type: text/html\r\n\r\n" + b"<style>" * 300_000,
        b"Content-Type: text/html\r\n\r\n" + b"<!--" * 500_000,
        b"Subject: " + b"[EXTERNAL] re: " * 10_000 + b"\r\nFrom: " + b'"\\' * 50_000 + b"\r\n\r\nx",
        b"Received: " + b";" * 100_000 + b"\r\nDate: " + b"1 " * 50_000 + b"\r\n\r\nx",
    ],
    ids=["parts", "boundaries", "parameters", "fields", "tags", "quotes", "sheets", "comments", "header", "dates"],
)
def test_no_mail_keeps_a_reader_busy(raw: bytes) -> None:
    """Whatever is written, reading it takes time that grows with its size, and no faster."""
    try:
        for mail in read_mail(raw, "here"):
            assert (mail.date, mail.addresses("from")) in ((None, None), (None, ("",)))
            assert len(mail.subject) <= 2000
            for text in mail.texts:
                assert html_shows(text.words(), "0" * 64) is None
                assert text_shows(text.words(), "0" * 64) is None
    except TooMuch:
        pass


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=400), st.lists(st.sampled_from([b"--b\r\n", b"--b--", b"\n", b"Content-Type: ", b"a: b\r\n"]))
)
def test_no_bytes_make_it_fail(junk: bytes, pieces: list[bytes]) -> None:
    """Any bytes are a mail of some kind, or out of bounds."""
    for raw in (junk, b"".join(pieces), multipart(junk, *pieces), junk.join(pieces)):
        list(read_mail(raw, "here"))


# Evidence.


@pytest.mark.parametrize(
    "said",
    [
        "[]",
        "{}",
        "null",
        '{"records": {}, "thread": []}',
        '{"records": [], "thread": [], "thread": []}',
        '{"records": [{"record": "AA==", "record": "AA==", "proof": ""}], "thread": []}',
        '{"records": [{"record": "AB==", "proof": ""}], "thread": []}',
        '{"records": [{"record": "AA", "proof": ""}], "thread": []}',
        '{"records": [{"record": "AA==", "leaf": "00", "proof": ""}], "thread": []}',
        '{"records": [{"record": "AA==", "proof": 1}], "thread": []}',
        '{"records": [], "thread": [1]}',
        '{"records": [], "thread": [], "leaves": ["AA"]}',
        '{"records": [], "thread": [], "inbound": [{"raw": "AA==", "dns": {"a": 1}}]}',
        '{"records": [], "thread": [], "stamp": {"sender": "a"}}',
        "[" * 100_000,
        '{"records": ' + "9" * 5000 + "}",
        "\xff",
    ],
)
def test_evidence_in_another_form_is_none(said: str) -> None:
    """One sentence says so; nothing is guessed."""
    with pytest.raises(ValueError, match="its evidence"):
        read_evidence(said.encode("latin-1"))


def test_the_least_evidence() -> None:
    """No record, no thread, no stamp."""
    found = read_evidence(json.dumps(EVIDENCE).encode())
    assert (found.entries, found.thread, found.inbound, found.leaves, found.stamp) == ((), (), (), None, None)


# Blocks.

SHOWN = visible_hash("Pay120EUR.")


@pytest.mark.parametrize(
    "page",
    [
        f"<p>{BEGINS}</p><p>Pay <b>120</b> EUR.</p><p>{ENDS}</p>",
        f"<P>{BEGINS}</P>\r\n<P CLASS=x>Pay&nbsp;1<wbr>20\r\nEUR<o:p>.</o:p></P><DIV>{ENDS}</DIV>",
        f"<div>{BEGINS}<br>Pay 120 <!-- not --> EUR.<br/>{ENDS}</div>",
        f"<div>{BEGINS}</div>Pay &#49;20 E&#x55;R.<a href='https://x.example/'></a><div>{ENDS}</div><p>Anything.",
        f"<style>p {{ color: red }}</style><title>{BEGINS}</title><p>{BEGINS}</p>Pay 120 EUR.<p>{ENDS}",
        f"<p>{BEGINS}</p><p>Pay 120 https://safe.example/?url=x EUR.</p><p>{ENDS}</p>",
    ],
)
def test_pages_that_show_the_block(page: str) -> None:
    """However a mail system writes them."""
    assert html_shows(page, SHOWN) is True


@pytest.mark.parametrize(
    "inside",
    [
        "Pay 120 EUR. Not.",
        "Pay 12 EUR.",
        "Pay <span style='display: none'>120</span> EUR.",
        "Pay <span style='DISPLAY:none'>120</span> EUR.",
        "Pay <span hidden>120</span> EUR.",
        "Pay <s>120</s> EUR.",
        "Pay <span style='font-size: 0'>120</span> EUR.",
        "Pay <i title='><b x='>120</i> EUR.",
        "Pay <x 120 EUR.",
        "Pay 120 EUR.<script>document.write('no')</script>x",
        f"Pay 120 EUR.</p><p>{ENDS}</p><p>{BEGINS}</p>",
    ],
)
def test_pages_that_show_something_else(inside: str) -> None:
    """Other words, hidden ones, and tags that two readers end in different places."""
    assert html_shows(f"<p>{BEGINS}</p><p>{inside}</p><p>{ENDS}</p>", SHOWN) is False


def test_a_style_sheet_that_writes_is_not_believed() -> None:
    """What it writes is in no text."""
    page = f"<style>p::after {{ content : 'no' }}</style><p>{BEGINS}</p><p>Pay 120 EUR.</p><p>{ENDS}</p>"
    assert html_shows(page, SHOWN) is False


def test_a_page_without_a_block_has_none() -> None:
    """Which is something else than another one."""
    assert html_shows("<p>Hello.</p>", SHOWN) is None
    assert text_shows("Hello.", SHOWN) is None
    assert text_shows(f"{BEGINS}\nPay 120 EUR.\n", SHOWN) is False


@pytest.mark.parametrize(
    "text", ["", "yesterday", "Tue, 99 Nov 2026 09:00:00 +0000", "Tue, 24 Nov 9999 09:00:00 +0000"]
)
def test_dates_that_are_none(text: str) -> None:
    """Or so late that nothing can be added to them."""
    assert read_date(text) is None
