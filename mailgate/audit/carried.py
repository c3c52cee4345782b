"""What one archived mail is and carries: its evidence, its header, its texts. Standard library only.

A mail that another one wraps (a journal, a forward) is a mail of its own: what it carries is not credited to the wrapper.
What a mail carries is not judged here.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from mailgate.audit.attached import NAME, Evidence, read_evidence
from mailgate.audit.parts import Fields, Leaf, TooMuch, content_of, header_of, leaves_of
from mailgate.mail.addresses import one_mailbox
from mailgate.mail.charsets import decode_words, text_of

MAX_TEXT = 4_000_000
"""Characters of text that are looked at; our own longest mail has a quarter of it."""

MAX_WRAPPED = 3
"""How many mails may lie within one another; journals wrap once."""

_OWN_ID = re.compile(r"<[a-z0-9]+\.mailgate@[^<>@\s]+>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A text of the body: which form of the mail it is (see :class:`~mailgate.audit.parts.Leaf`), and in HTML or not."""

    choice: int
    is_html: bool
    raw: bytes
    charset: str

    def words(self) -> str:
        """Return it decoded as declared."""
        return text_of(self.raw, self.charset or "utf-8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """One mail of an archive.

    Attributes:
        place: where it lies.
        evidence: None where it has none that can be read; ``flaw`` says why, if it has some.
        digest: SHA-256 of its bytes with CRLF line ends, as a mail server held it.
    """

    place: str
    fields: Fields
    texts: tuple[Text, ...]
    evidence: Evidence | None
    flaw: str
    digest: bytes

    def all(self, name: str) -> tuple[str, ...]:
        """Return the values of a header field, by its name in lower case."""
        return self.fields.get(name, ())

    @property
    def subject(self) -> str:
        """The subject, decoded, with single blanks."""
        return " ".join(decode_words(next(iter(self.all("subject")), "")[:2000]).split())

    @property
    def message_id(self) -> str:
        """The Message-ID as it stands."""
        return next(iter(self.all("message-id")), "")[:998]

    @property
    def has_own_id(self) -> bool:
        """Whether the Message-ID is of the form that mailgate gives its mails."""
        return _OWN_ID.fullmatch(self.message_id) is not None

    @property
    def instance(self) -> str:
        """The log by which a mailgate says that the mail is its own, or nothing."""
        return next(iter(self.all("x-mailgate-instance")), "")

    @property
    def date(self) -> datetime | None:
        """The Date field, or None where there is none that can be read."""
        return read_date(next(iter(self.all("date")), ""))

    def addresses(self, name: str) -> tuple[str, ...] | None:
        """Return the addresses of From or To, in lower case; None where there is no such field.

        A field that does not name exactly one mailbox gives an empty text: it is none of ours any more.
        """
        values = self.all(name)
        found = [one_mailbox(value) for value in values]
        return tuple(box[0] if box else "" for box in found) if values else None


def read_mail(raw: bytes, place: str, depth: int = 0) -> Iterator[Carried]:
    """Yield a mail and every mail that it wraps.

    Raises:
        TooMuch: it is out of bounds.
    """
    fields, body = header_of(raw)
    leaves = leaves_of(raw, fields, body)
    evidence, flaw = _evidence(raw, leaves)
    texts = tuple(_text(raw, leaf) for leaf in leaves if _is_body_text(leaf))
    if sum(len(text.raw) for text in texts) > MAX_TEXT:
        raise TooMuch(f"it has more than {MAX_TEXT} bytes of text")
    yield Carried(
        place=place,
        fields=fields,
        texts=texts,
        evidence=evidence,
        flaw=flaw,
        digest=b"" if evidence else hashlib.sha256(_crlf(raw)).digest(),
    )
    for leaf in leaves:
        # What a delivery report returns is often cut off: it shows what could not be delivered, and proves nothing.
        if leaf.media_type in ("message/rfc822", "message/global") and not leaf.in_report and depth < MAX_WRAPPED:
            yield from read_mail(content_of(raw, leaf), f"{place}, in the mail that it wraps", depth + 1)


def read_date(text: str) -> datetime | None:
    """Return the instant that a date of RFC 5322 names, or None."""
    try:
        at = parsedate_to_datetime(text[:200])
        return as_instant(at.replace(tzinfo=UTC) if at.tzinfo is None else at)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def as_instant(at: datetime) -> datetime | None:
    """Return an aware instant in UTC; None for one so early or late that nothing can be added to it."""
    return at.astimezone(UTC) if at.tzinfo is not None and 1900 < at.year < 9000 else None


def _evidence(raw: bytes, leaves: list[Leaf]) -> tuple[Evidence | None, str]:
    contents = dict.fromkeys(c for leaf in leaves if (c := _candidate(raw, leaf)) is not None)
    if not contents:
        return None, ""
    if len(contents) > 1:
        return None, "it has two different evidence attachments"
    try:
        return read_evidence(next(iter(contents))), ""
    except ValueError as error:
        return None, str(error)


def _candidate(raw: bytes, leaf: Leaf) -> bytes | None:
    """Return the content of a part that is an evidence attachment, by name or, where that was lost, by what it holds."""
    if leaf.file_name == NAME:
        return content_of(raw, leaf)
    if leaf.media_type in ("application/json", "application/octet-stream", "text/plain") and not leaf.choice:
        start, end = leaf.span
        if leaf.media_type != "text/plain" or raw[start:end].lstrip()[:1] == b"{":
            content = content_of(raw, leaf)
            if content.lstrip()[:1] == b"{" and b'"records"' in content and b'"stamp"' in content:
                return content
    return None


def _is_body_text(leaf: Leaf) -> bool:
    return leaf.media_type in ("text/plain", "text/html") and not leaf.file_name


def _text(raw: bytes, leaf: Leaf) -> Text:
    return Text(
        choice=leaf.choice,
        is_html=leaf.media_type == "text/html",
        raw=content_of(raw, leaf),
        charset=leaf.charset,
    )


def _crlf(raw: bytes) -> bytes:
    return raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
