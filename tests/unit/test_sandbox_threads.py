"""Conversations are made of what mails say they answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from mailgate.sandbox.mailboxes import INBOX, SENT, StoredMail
from mailgate.sandbox.threads import Conversation, conversations, find_conversation

AT = datetime(2026, 11, 3, 14, 2, tzinfo=UTC)


def mail(number: int, header: str, *, folder: str = INBOX, unread: bool = False) -> StoredMail:
    """Return the ``number``-th mail that arrived."""
    raw = f"From: a@b\r\n{header}\r\nx".encode()
    arrived_at = AT + timedelta(minutes=number)
    return StoredMail(raw=raw, arrived_at=arrived_at, unread=unread, answered=False, folder=folder, uid=100 + number)


def uids(found: tuple[Conversation, ...]) -> list[list[int]]:
    """Return the conversations as their mails' UIDs."""
    return [[e.stored.uid for e in c.entries] for c in found]


def test_answers_join_what_they_answer() -> None:
    """References and In-Reply-To put mails into one conversation; others stay apart, the newest first."""
    mails = [
        mail(0, "Message-ID: <a@x>\r\n"),
        mail(1, "Message-ID: <b@x>\r\n"),
        mail(2, "Message-ID: <c@x>\r\nReferences: <a@x>\r\n"),
        mail(3, "Message-ID: <d@x>\r\nIn-Reply-To: <c@x>\r\n"),
    ]
    assert uids(conversations(mails)) == [[100, 102, 103], [101]]


def test_mails_with_a_missing_ancestor_belong_together() -> None:
    """Two answers to a mail that is not there are one conversation; mails without ids are each their own."""
    mails = [mail(0, "References: <gone@x>\r\n"), mail(1, ""), mail(2, "References: <gone@x>\r\n"), mail(3, "")]
    assert uids(conversations(mails)) == [[103], [100, 102], [101]]


def test_oldest_unread_mail_is_opened_first() -> None:
    """A conversation opens where reading stopped, else at the last mail that somebody else wrote."""
    header = "References: <a@x>\r\n"
    read = [mail(0, header), mail(1, header), mail(2, header, folder=SENT)]
    assert conversations(read)[0].focus.stored.uid == 101
    assert conversations([*read, mail(3, header, unread=True), mail(4, header, unread=True)])[0].focus.stored.uid == 103
    assert conversations([mail(2, header, folder=SENT)])[0].focus.stored.uid == 102


def test_mail_is_found_by_folder_and_uid() -> None:
    """A UID means something only in its folder."""
    found = conversations([mail(0, "")])
    hit = find_conversation(found, folder=INBOX, uid=100)
    assert hit is not None
    assert hit[1].stored.uid == 100
    assert find_conversation(found, folder=SENT, uid=100) is None


@given(st.lists(st.tuples(st.integers(0, 6), st.lists(st.integers(0, 6), max_size=3)), max_size=12))
def test_every_mail_is_in_exactly_one_conversation(shape: list[tuple[int, list[int]]]) -> None:
    """However ids repeat and refer in circles, no mail is lost or shown twice, and order is kept."""
    mails = [
        mail(n, f"Message-ID: <{own}@x>\r\nReferences: {' '.join(f'<{r}@x>' for r in refs)}\r\n")
        for n, (own, refs) in enumerate(shape)
    ]
    found = uids(conversations(mails))
    assert sorted(m.uid for m in mails) == sorted(uid for c in found for uid in c)
    assert all(c == sorted(c) for c in found)
