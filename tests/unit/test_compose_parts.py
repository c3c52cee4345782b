"""The body: parts, encodings, attachments, and that it all reads back."""

from __future__ import annotations

from email import message_from_bytes, policy
from email.message import EmailMessage, Message

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailgate.errors import ComposeError
from mailgate.mail import writing
from mailgate.mail.compose import AttachedFile, compose
from mailgate.mail.draft import request_letter
from mailgate.mail.letter import redacted
from mailgate.mail.writing import write_mail
from tests.letters import CODE, LINK, TOKEN, ask, headers, seat, templates

EVIDENCE = b'{"records": [{"record": "' + b"QUJD" * 500 + b'", "proof": "a\\nb"}]}'


def attached(shown: str) -> bytes:
    """Return the evidence of a mail, whatever it shows."""
    return EVIDENCE


def parts_of(raw: bytes) -> list[Message]:
    """Return the leaves of a mail."""
    return [part for part in message_from_bytes(raw).walk() if not part.is_multipart()]


def text_of(raw: bytes) -> str:
    """Return the decoded plain text part."""
    message = message_from_bytes(raw, policy=policy.default)
    assert isinstance(message, EmailMessage)
    body = message.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def test_the_mail_is_mixed_of_alternative_files_and_evidence() -> None:
    """Text first, HTML second, then what is attached, evidence last."""
    letter = request_letter(ask(reasoning="word\n" * 100), seat())
    message = message_from_bytes(compose(letter, headers(), templates(), evidence=attached))
    kinds = [part.get_content_type() for part in message.walk()]
    assert kinds == [
        "multipart/mixed",
        "multipart/alternative",
        "text/plain",
        "text/html",
        "text/plain",
        "application/json",
    ]
    names = [part.get_filename() for part in message.walk()]
    assert names[-2:] == ["reasoning.txt", "mailgate-evidence.json"]


def test_without_attachments_the_mail_is_the_alternative() -> None:
    """No envelope around nothing."""
    message = message_from_bytes(compose(request_letter(ask(), seat()), headers(), templates()))
    assert message.get_content_type() == "multipart/alternative"


@pytest.mark.parametrize("reasoning", ["plain", "Größe\u202e 鈴木", "x" * 1500, "From here\n.\nlast "])
def test_text_is_7bit_or_quoted_printable_and_ascii_on_the_wire(reasoning: str) -> None:
    """An auditor reads the archive without decoding base64; no relay has to re-encode anything."""
    raw = compose(request_letter(ask(reasoning=reasoning), seat()), headers(), templates(), evidence=attached)
    assert raw.isascii()
    assert raw.count(b"\n") == raw.count(b"\r\n") == raw.count(b"\r")
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert {str(part["Content-Transfer-Encoding"]) for part in parts_of(raw)} <= {"7bit", "quoted-printable"}


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_attachments_arrive_byte_for_byte(content: bytes) -> None:
    """Line ends and trailing blanks included: the digest of a saved file is the printed one."""
    file = AttachedFile(name="argument-1.txt", content=content)
    raw = write_mail(headers(), "t\n", "<p>h</p>\n", evidence=content, files=(file,))
    assert [part.get_payload(decode=True) for part in parts_of(raw)[2:]] == [content, content]


@settings(deadline=None)
@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=200).map(lambda t: t + "\n"))
def test_text_parts_arrive_as_written(text: str) -> None:
    """Any line of text survives its encoding, dots, ``From`` and trailing blanks included."""
    for line in (text, f"From {text}", f".\n{text}", f"{text}  \n"):
        [plain, _] = parts_of(write_mail(headers(), line, "<p>h</p>\n"))
        content = plain.get_payload(decode=True)
        assert isinstance(content, bytes)
        assert content.decode().replace("\r\n", "\n") == line


def test_no_raw_line_begins_with_from() -> None:
    """Mailbox files alter such lines, and the block would no longer match its record."""
    raw = write_mail(headers(), "From one\nx\nFrom zwölf\n", "<p>h</p>\n")
    assert b"\r\nFrom one" not in raw
    assert b"\r\nFrom zw" not in raw


def test_a_long_link_arrives_in_one_piece() -> None:
    """Soft line breaks inside quoted-printable are undone; the decoded text has the link on a line of its own."""
    link = f"https://approvals.example.com/{'a' * 200}/"
    raw = compose(request_letter(ask(reasoning="Größe"), seat(link=link)), headers(), templates())
    assert link in [line.strip() for line in text_of(raw).splitlines()]
    html = parts_of(raw)[1].get_payload(decode=True)
    assert isinstance(html, bytes)
    assert f'href="{link}"'.encode() in html


def test_in_plain_ascii_the_link_is_not_even_encoded() -> None:
    """Long links broken in transport are a known failure; 7bit has nothing to break."""
    raw = compose(request_letter(ask(), seat()), headers(), templates())
    assert LINK.encode() in raw


def test_the_same_letter_gives_the_same_bytes() -> None:
    """No chance and no clock: what was rendered once can be rendered again for comparison."""
    letter = request_letter(ask(), seat())
    assert compose(letter, headers(), templates()) == compose(letter, headers(), templates())


def test_the_archive_copy_holds_no_secret() -> None:
    """Neither in the text, nor in the HTML, nor in any encoding of them."""
    raw = compose(redacted(request_letter(ask(), seat())), headers(reply_to=None), templates(), evidence=attached)
    everything = raw + b"".join(bytes(part.get_payload(decode=True) or b"") for part in parts_of(raw))  # type: ignore[arg-type]
    for secret in (TOKEN, CODE, "482 913"):
        assert secret.encode() not in everything


@pytest.mark.parametrize("name", ["a b.txt", "../x.txt", "Ä.txt", "x.exe", 'a".txt', "a\n.txt", ""])
def test_attachments_have_names_of_ours(name: str) -> None:
    """A file name is a header value, so nothing an agent wrote may be one."""
    with pytest.raises(ComposeError, match="cannot name an attachment"):
        write_mail(headers(), "t\n", "<p>h</p>\n", files=(AttachedFile(name=name, content=b""),))


def test_two_attachments_of_one_name_are_refused() -> None:
    """The mail names its files, so each name means one."""
    file = AttachedFile(name="a.txt", content=b"")
    with pytest.raises(ComposeError, match="the same name"):
        write_mail(headers(), "t\n", "<p>h</p>\n", files=(file, file))


def test_a_file_that_the_mail_names_must_be_attached() -> None:
    """A shortened value without the rest would hide what is decided on."""
    letter = request_letter(ask(reasoning="word\n" * 100), seat())
    with pytest.raises(ComposeError, match=r"names reasoning\.txt, which is not attached"):
        compose(letter, headers(), templates(), files=())


def test_what_does_not_read_back_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of the writer (here: a lost line, a changed part, an added field) is found before anything is sent."""

    def faulty_leaf(part: writing._Part) -> bytes:
        return leaf(part).replace(b"text", b"test")

    def faulty_fold(name: str, words: list[str]) -> bytes:
        return folded(name, words) + (b"Bcc: evil@example.com\r\n" if name == "To" else b"")

    def faulty_mailbox(mailbox: tuple[str, str]) -> list[str]:
        return [mailbox[1].replace("bob", "eve")]

    leaf, folded = writing._leaf, writing._folded
    for name, faulty, reason in (
        ("_leaf", faulty_leaf, "parts of the mail"),
        ("_folded", faulty_fold, "header block"),
        ("_mailbox", faulty_mailbox, "names and addresses"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(writing, name, faulty)
            with pytest.raises(ComposeError, match=reason):
                write_mail(headers(), "text\n", "<p>h</p>\n")


def test_control_characters_never_reach_the_wire() -> None:
    """A NUL or a bare carriage return in a text part is an error, not a mangled mail."""
    for text in ("a\x00b\n", "a\rb\n"):
        with pytest.raises(ComposeError):
            write_mail(headers(), text, "<p>h</p>\n")
