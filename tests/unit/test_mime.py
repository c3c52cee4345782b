"""Opening mails: bounds, ambiguity, charsets, and the same parts that the standard library finds in honest mail."""

from __future__ import annotations

import base64
import email
import email.policy
from email.message import EmailMessage

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mailgate.errors import MailUnreadable
from mailgate.mail.charsets import decode_words, text_of
from mailgate.mail.mime import MAX_BYTES, MAX_DEPTH, MAX_HEADER_BYTES, MAX_PARTS, MAX_TEXT, open_mail

HEADER = b"From: bob@example.com\r\nSubject: x\r\n"


def multipart(*parts: bytes, kind: bytes = b"mixed") -> bytes:
    """Return a mail with these parts, each with its own header."""
    body = b"".join(b"--b\r\n" + part + b"\r\n" for part in parts)
    return (
        HEADER
        + b"Content-Type: multipart/"
        + kind
        + b'; boundary="b"\r\n\r\npreamble\r\n'
        + body
        + b"--b--\r\nepilogue\r\n"
    )


def test_header_fields_keep_their_order_and_are_unfolded() -> None:
    """Fields come as written, top first, folded lines joined."""
    mail = open_mail(b"A: 1\r\nB: two\r\n three\r\n\tfour\r\na:5\r\nEmpty:\r\n\r\nbody")
    assert mail.headers == (("A", "1"), ("B", "two three\tfour"), ("a", "5"), ("Empty", ""))
    assert mail.all("A") == ("1", "5")
    assert mail.first("b") == "two three\tfour"
    assert mail.first("missing") == ""
    assert mail.plain == ("body",)


def test_a_mail_without_a_body_is_all_header() -> None:
    """No empty line, no body."""
    mail = open_mail(b"From: bob@example.com\r\n")
    assert (mail.plain, mail.html, mail.part_types) == (("",), (), ("text/plain",))


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\r\n\r\nbody",
        b"Subject: x\rFrom: boss@corp.com\r\n\r\n",  # two fields to one reader, one to another
        b"Subject: x\nFrom: boss@corp.com\r\n\r\n",
        b"Subject: x\r\r\nFrom: boss@corp.com\r\n\r\n",
        b"From: a\n\nbody",
        b"From: a\r\n\nbody\r\n\r\n",
        b"From: a\0\r\n\r\n",
        b"From : a\r\n\r\n",
        b"From bob Sun Nov 22\r\nFrom: a\r\n\r\n",
        b" folded: first\r\n\r\n",
        b"no field\r\nFrom: a\r\n\r\n",
        b": a\r\n\r\n",
        b"F\xc3\xa4ld: a\r\n\r\n",
        HEADER + b"Content-Type: text/plain\r\nContent-type: text/html\r\n\r\n",
        HEADER + b"Content-Transfer-Encoding: 7bit\r\nContent-Transfer-Encoding: base64\r\n\r\n",
        HEADER + b"Content-Transfer-Encoding: x-uuencode\r\n\r\nbegin 644 x",
        HEADER + b"Content-Type: multipart/mixed\r\n\r\n",
        HEADER + b'Content-Type: multipart/mixed; boundary=""\r\n\r\n',
        HEADER + b"Content-Type: multipart/mixed; boundary=" + b"b" * 201 + b"\r\n\r\n",
    ],
)
def test_ambiguous_and_damaged_mails_are_unreadable(raw: bytes) -> None:
    """What two readers could understand differently is refused with a sentence, whatever else it is."""
    with pytest.raises(MailUnreadable) as refusal:
        open_mail(raw)
    assert refusal.value.message.endswith(".")


def test_unix_line_endings_are_taken_on_request_only() -> None:
    """A file saved on Unix can be explained; mixed endings are ambiguous even then."""
    assert open_mail(b"From: a\n\nx\ny", unix_lines=True).plain == ("x\r\ny",)
    with pytest.raises(MailUnreadable):
        open_mail(b"From: a\nTo: b\r\n\r\nx", unix_lines=True)
    assert open_mail(b"From: a\r\n\r\nx\ny", unix_lines=True).plain == ("x\ny",)


def test_every_bound_is_a_bound() -> None:
    """At the bound a mail is read, one beyond it is not: bytes, header, parts, depth, text."""
    assert open_mail(HEADER + b"\r\n" + b"x" * MAX_TEXT).plain[0]
    with pytest.raises(MailUnreadable, match="text"):
        open_mail(HEADER + b"\r\n" + b"x" * (MAX_TEXT + 1))
    with pytest.raises(MailUnreadable, match="bytes"):
        open_mail(HEADER + b"\r\n" + b"x" * MAX_BYTES)
    filling = b"X: " + b"x" * (MAX_HEADER_BYTES - len(HEADER) - 5) + b"\r\n"
    assert open_mail(HEADER + filling + b"\r\nbody").plain == ("body",)
    with pytest.raises(MailUnreadable, match="header"):
        open_mail(HEADER + b"Y" + filling + b"\r\nbody")
    assert len(open_mail(multipart(*[b"\r\nx"] * (MAX_PARTS - 1))).plain) == MAX_PARTS - 1
    with pytest.raises(MailUnreadable, match="parts"):
        open_mail(multipart(*[b"\r\nx"] * MAX_PARTS))


def nested(depth: int) -> bytes:
    """Return multiparts inside each other."""
    levels = (b'--b%d\r\nContent-Type: multipart/mixed; boundary="b%d"\r\n\r\n' % (n, n + 1) for n in range(depth - 1))
    return (
        HEADER
        + b'Content-Type: multipart/mixed; boundary="b0"\r\n\r\n'
        + b"".join(levels)
        + b"--b%d\r\n\r\nx" % (depth - 1)
    )


def test_nesting_is_bounded() -> None:
    """Ten levels are read; three thousand are refused without going down there."""
    assert open_mail(nested(MAX_DEPTH)).plain == ("x",)
    for depth in (MAX_DEPTH + 1, 3000):
        with pytest.raises(MailUnreadable, match="deep"):
            open_mail(nested(depth))


@pytest.mark.parametrize(
    "raw",
    [
        HEADER + b"Message-ID: <[abc]@x>\r\n\r\nx",
        HEADER + b"Cc: " + b"(" * 60000 + b"\r\n\r\nx",
        HEADER + b"X: " + b"\r\n ".join([b"=?utf-8?q?a?="] * 4000) + b"\r\n\r\nx",
        HEADER + b"Subject: " + b"\r\n ".join([b"=?utf-8?q?a?="] * 4000) + b"\r\n\r\nx",
        HEADER + b"Content-Type: text/plain" + b';a="' * 15000 + b"\r\n\r\nx",
        HEADER + b"Content-Type: text/plain; charset=" + b"x" * 60000 + b"\r\n\r\nx",
        HEADER + b"Content-Type: text/plain; charset=\xff\xfe\r\n\r\nx",
        HEADER + b"Content-Disposition: (((\r\n\r\nx",
        HEADER + b"Content-Type: ;;;===\r\n\r\nx",
    ],
)
def test_headers_that_break_other_parsers_are_read(raw: bytes) -> None:
    """Inputs that crash the standard library or keep it busy for seconds (facts/mail.md) give their text."""
    assert open_mail(raw).plain == ("x",)


def test_a_body_made_of_boundaries_and_line_ends_is_read() -> None:
    """Five million empty lines and a hundred thousand half boundaries cost no more than their bytes."""
    head = HEADER + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n'
    assert open_mail(head + b"\r\n" * 5_000_000).plain == ()
    assert open_mail(head + b"--b " * 1_000_000).plain == ()


def test_parts_of_a_body_and_attachments_are_told_apart() -> None:
    """Inline texts are the body; named or attached ones, and everything in an attached mail, are not."""
    attached = b"Content-Type: message/rfc822\r\n\r\nSubject: inner\r\nX-Mailgate-Instance: approvals\r\n\r\nAPPROVE"
    mail = open_mail(
        multipart(
            b"Content-Type: text/plain\r\n\r\none",
            b"Content-Type: text/html\r\n\r\n<p>two</p>",
            b"Content-Type: text/plain\r\nContent-Disposition: attachment\r\n\r\nthree",
            b"Content-Type: text/plain\r\nContent-Disposition: inline; filename=a.txt\r\n\r\nfour",
            b'Content-Type: text/plain; name="a.txt"\r\n\r\nfive',
            b"Content-Type: text/plain; name*=utf-8''a.txt\r\n\r\nsix",
            b"Content-Type: text/calendar; method=REPLY\r\n\r\nBEGIN:VCALENDAR",
            b"Content-Type: application/ms-tnef\r\n\r\nx",
            attached,
            b"\r\nseven",
        )
    )
    assert mail.plain == ("one", "seven")
    assert mail.html == ("<p>two</p>",)
    assert mail.unread == (
        *("a text of its own (text/plain)",) * 3,
        "a calendar entry",
        "a part in Outlook's own format (winmail.dat)",
        "another mail in it",
    )
    assert mail.all("X-Mailgate-Instance") == ()
    assert ("X-Mailgate-Instance", "approvals") in mail.returned
    assert mail.part_types[0] == "multipart/mixed"
    assert open_mail(HEADER + b"\r\nx").unread == ()


def test_parts_of_a_digest_are_mails() -> None:
    """In a digest a part without a type is an attached mail (RFC 2046 section 5.1.5)."""
    assert open_mail(multipart(b"\r\nSubject: a\r\n\r\nAPPROVE", kind=b"digest")).plain == ()


def test_a_missing_last_boundary_is_forgiven() -> None:
    """A cut-off mail is read as far as it goes."""
    raw = HEADER + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n\r\none\r\n--b \t\r\n\r\ntwo\r\n--bb\r\n'
    assert open_mail(raw).plain == ("one", "two\r\n--bb\r\n")


@pytest.mark.parametrize(
    ("declared", "raw", "text"),
    [
        ("utf-8", "Grüße".encode(), "Grüße"),
        ("us-ascii", "Grüße".encode(), "Grüße"),
        ("iso-8859-1", "„Grüße“".encode("cp1252"), "„Grüße“"),
        ("cp037", b"APPROVE", "APPROVE"),  # EBCDIC and kin, where ASCII would be other letters: not believed
        ("utf-7", b"+AEE-", "+AEE-"),
        ("utf-16", "Grüße".encode("utf-16"), "Grüße"),
        ("unknown-8bit", "Grüße".encode("latin-1"), "Grüße"),
        ("x-no-such-charset", "Grüße".encode(), "Grüße"),
        ("x-no-such-charset", "Grüße".encode("latin-1"), "Grüße"),
        ("'utf-8'", "Grüße".encode(), "Grüße"),
        ("utf-8*de", "Grüße".encode(), "Grüße"),
        ("gb2312", "镕".encode("gb18030"), "镕"),
        ("ks_c_5601-1987", "똠".encode("cp949"), "똠"),
        ("shift_jis", "①".encode("cp932"), "①"),
        ("iso-2022-jp", "承認".encode("iso2022_jp"), "承認"),
        ("iso-8859-8-i", "שלום".encode("iso-8859-8"), "שלום"),
        ("windows-874", "สวัสดี".encode("cp874"), "สวัสดี"),
        ("utf-7", b"+AEEAUABQAFIATwBWAEU-", "+AEEAUABQAFIATwBWAEU-"),
        ("unicode_escape", rb"\x41PPROVE", r"\x41PPROVE"),
        ("raw-unicode-escape", rb"\u0041PPROVE", r"\u0041PPROVE"),
        ("rot13", b"NCCEBIR", "NCCEBIR"),
        ("punycode", b"APPROVE-", "APPROVE-"),
        ("base64", b"QVBQUk9WRQ==", "QVBQUk9WRQ=="),
        ("utf-8", b"a\xffb", "aÿb"),
    ],
)
def test_bytes_become_text_whatever_their_charset_is_called(declared: str, raw: bytes, text: str) -> None:
    """Known names and their wider sets, then UTF-8, then Latin-1; encodings that hide letters are not followed."""
    assert text_of(raw, declared) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("=?utf-8?q?Gr=C3=BC=C3=9Fe_an_alle?=", "Grüße an alle"),
        ("=?UTF-8?B?R3LDvMOfZQ==?= x", "Grüße x"),
        ("=?utf-8?q?a?=  =?utf-8?q?b?=", "ab"),
        ("=?utf-8?q?a?= b", "a b"),
        ("=?utf-8*en?q?a?=", "a"),
        ("=?utf-8?b?R3LDvMOfZQ?=", "Grüße"),
        ("=?utf-8?b?x?=", "=?utf-8?b?x?="),
        ("=?utf-8?x?a?=", "=?utf-8?x?a?="),
        ("=?nope?q?a=FF?=", "aÿ"),
        ("plain", "plain"),
    ],
)
def test_encoded_words_are_decoded(value: str, text: str) -> None:
    """RFC 2047 as it is written, and what is broken stays."""
    assert decode_words(value) == text


@pytest.mark.parametrize(
    ("encoding", "body", "text"),
    [
        (b"base64", b"QVBQ\r\nUk9WRQ==", "APPROVE"),
        (b"BASE64", b"QVBQUk9WRQ", "APPROVE"),
        (b"base64", b"QVBQ!Uk9W*RQ==", "APPROVE"),
        (b"base64", b"Q", ""),
        (b"quoted-printable", b"APP=\r\nROVE=20", "APPROVE "),
        (b"8-bit", b"APPROVE", "APPROVE"),
        (b"binary; x", b"APPROVE", "APPROVE"),
    ],
)
def test_transfer_encodings(encoding: bytes, body: bytes, text: str) -> None:
    """Content is decoded as declared, broken base64 as far as it goes."""
    assert open_mail(HEADER + b"Content-Transfer-Encoding: " + encoding + b"\r\n\r\n" + body).plain == (text,)


TEXT = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\r", exclude_categories=["Cs"]), max_size=200)


@settings(deadline=None)
@given(plain=TEXT, markup=TEXT, name=st.sampled_from(["a.txt", None]))
def test_honest_mail_is_read_as_the_standard_library_reads_it(plain: str, markup: str, name: str | None) -> None:
    """On what the standard library writes, both find the same texts."""
    message = EmailMessage(policy=email.policy.SMTP)
    message["From"], message["Subject"] = "bob@example.com", "Grüße"
    message.set_content(plain)
    message.add_alternative(markup, subtype="html")
    if name:
        message.add_attachment("attached", filename=name)
    raw = message.as_bytes()
    theirs = email.message_from_bytes(raw, policy=email.policy.default)
    texts = [
        part.get_content()
        for part in theirs.walk()
        if part.get_content_maintype() == "text" and not part.is_attachment()
    ]
    mail = open_mail(raw)
    assert [text.replace("\r\n", "\n") for text in (*mail.plain, *mail.html)] == [
        text.replace("\r\n", "\n") for text in texts
    ]
    assert mail.subject == "Grüße"


@settings(deadline=None)
@given(st.binary(max_size=400))
@example(HEADER + base64.b64encode(b"x"))
def test_any_bytes_are_opened_or_refused(raw: bytes) -> None:
    """Nothing but `MailUnreadable` ever comes out, however the bytes are made."""
    for mail in (
        raw,
        HEADER + b"\r\n" + raw,
        HEADER + b'Content-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n' + raw,
    ):
        try:
            open_mail(mail, unix_lines=True)
        except MailUnreadable as refusal:
            assert refusal.message  # noqa: PT017 - either outcome is right
