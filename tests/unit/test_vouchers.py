"""Who may vouch for a sender, for which fields of a mail, and what is believed where two say different things."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from mailgate.mail.dkim import Checked, Outcome
from mailgate.mail.identity import Doubt, Identity, identify
from mailgate.mail.mime import open_mail
from mailgate.model.verdict import Level
from tests.signing import EXCHANGE, GMAIL, USUAL, sign

ID = "mx.gate.example.com"
GOOD = Checked(
    outcome=Outcome.PASS, because="its signature is good", covers=frozenset(GMAIL), evidence={"dkim": "pass"}
)
BAD = Checked(outcome=Outcome.FAIL, because="its signature does not fit", evidence={"dkim": "fail"})
UNKNOWN = Checked(outcome=Outcome.TEMPERROR, because="its key could not be looked up")
RAW = b"From: bob@example.com\r\nTo: a@b.c\r\nSubject: x\r\nDate: y\r\n\r\nAPPROVE\r\n"


def word(result: str, server: str = f"{ID}; ") -> bytes:
    """Return the field in which a server says what it found by DMARC."""
    return f"Authentication-Results: {server}dmarc={result} header.from=example.com\r\n".encode()


def who(raw: bytes, signed: Checked | None = None, authserv_id: str = ID) -> Identity:
    """Return whose a mail is, Bob having been asked."""
    people = frozenset(("bob@example.com",))
    return identify(open_mail(raw), person_addresses=people, authserv_id=authserv_id, signed=signed)


@pytest.mark.parametrize(
    ("result", "signed", "level", "doubt"),
    [
        ("pass", GOOD, Level.ALIGNED, Doubt.NONE),
        ("pass", BAD, Level.ALIGNED, Doubt.NONE),  # a gateway of ours may have changed it after our server looked
        ("pass", None, Level.ALIGNED, Doubt.NONE),
        ("pass", UNKNOWN, Level.ALIGNED, Doubt.NONE),
        ("none", GOOD, Level.ALIGNED, Doubt.NONE),
        ("temperror", GOOD, Level.ALIGNED, Doubt.NONE),
        ("", GOOD, Level.ALIGNED, Doubt.NONE),
        ("fail", GOOD, Level.TOKEN, Doubt.UNPROVEN),
        ("fail", BAD, Level.TOKEN, Doubt.UNPROVEN),
        ("none", BAD, Level.TOKEN, Doubt.UNPROVEN),
        ("", None, Level.TOKEN, Doubt.UNPROVEN),
        ("none", UNKNOWN, Level.TOKEN, Doubt.UNCHECKED),
    ],
)
def test_one_voucher_is_enough_unless_the_server_says_no(
    result: str, signed: Checked | None, level: Level, doubt: Doubt
) -> None:
    """Either proves; the believed server's dmarc=fail stands against a good signature."""
    found = who((word(result) if result else b"") + RAW, signed)
    assert (found.level, found.doubt) == (level, doubt)
    assert found.because[0] == "its From field names bob@example.com"
    if signed is not None:
        assert signed.evidence.items() <= found.evidence.items()


def test_a_contradiction_is_said() -> None:
    """Both sides of it."""
    said = " ".join(who(word("fail") + RAW, GOOD).because)
    assert "its signature is good, but mx.gate.example.com says dmarc=fail for example.com" in said


@pytest.mark.parametrize(
    ("lists", "covers"),
    [
        ((), None),
        ((USUAL,), frozenset(USUAL)),
        ((USUAL, EXCHANGE), frozenset(USUAL) & frozenset(EXCHANGE)),
    ],
    ids=["by where it came from", "by one signature", "by one of two signatures"],
)
def test_a_server_vouches_for_what_every_signature_covers(
    lists: Sequence[Sequence[str]], covers: frozenset[str] | None
) -> None:
    """It does not say which one convinced it; without any, the sender's own server wrote all of it."""
    raw = RAW
    for names in lists:
        raw = sign(raw, covers=names)
    assert who(word("pass") + raw).covers == covers


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (sign(RAW, length=3), "covers only the first part of the text"),
        (sign(RAW, algorithm="rsa-sha1"), "rsa-sha1"),
        (sign(RAW, covers=("from", "to")), "does not cover Date"),
        (b"DKIM-Signature: hm\r\n" + RAW, "cannot be read"),
        (b"DKIM-Signature: v=1\r\n" * 6 + RAW, "it has 6 signatures"),
        (b"Subject: another\r\n" + RAW, "two Subject fields"),
    ],
)
def test_a_server_vouches_for_no_mail_with_a_flaw(raw: bytes, why: str) -> None:
    """Its dmarc=pass says that somebody of the domain signed something, not that this is what he wrote."""
    found = who(word("pass") + raw)
    assert found.level is Level.TOKEN
    assert why in found.because[-1]


def test_a_part_does_not_stand_for_the_whole() -> None:
    """A server's word does not cover a Content-Type that nobody signed, either."""
    inner = "--in\r\n\r\nAPPROVE\r\n--in--"
    head = RAW.partition(b"\r\n\r\n")[0] + b'\r\nContent-Type: multipart/mixed; boundary="out"\r\n'
    raw = sign(head + f"\r\n--out\r\n\r\nNo.\r\n--out\r\n\r\n{inner}\r\n--out--\r\n".encode(), covers=GMAIL)
    assert who(word("pass") + raw).level is Level.ALIGNED
    forged = raw.replace(b'boundary="out"', b'boundary="in"')
    assert who(word("pass") + forged).level is Level.TOKEN


@pytest.mark.parametrize(
    ("top", "signed", "level"),
    [
        (word("pass", ""), GOOD, Level.ALIGNED),
        (word("pass", ""), BAD, Level.TOKEN),
        (word("pass", ""), None, Level.TOKEN),
        (word("none", ""), GOOD, Level.TOKEN),
        (word("fail", ""), GOOD, Level.TOKEN),
        (word("pass", "mx.google.com; "), GOOD, Level.TOKEN),
        (word("fail", "") + word("pass", ""), GOOD, Level.TOKEN),
        (word("pass", "m365; "), GOOD, Level.TOKEN),
        (b"", GOOD, Level.TOKEN),
    ],
)
def test_exchange_online_and_a_signature_vouch_together(top: bytes, signed: Checked | None, level: Level) -> None:
    """Its nameless field has to be the topmost, and proves nothing alone."""
    found = who(top + RAW, signed, authserv_id="m365")
    assert found.level is level
    assert found.covers == (signed.covers if signed and level is Level.ALIGNED else frozenset())


def test_exchange_online_s_own_words_are_read() -> None:
    """As it writes them, with comments, folded, and without blanks after the semicolon."""
    field = (
        b"Authentication-Results: spf=pass (sender IP is 192.0.2.1)\r\n smtp.mailfrom=example.com; dkim=pass (signature was\r\n"
        b" verified) header.d=example.com;dmarc=pass action=none\r\n header.from=example.com;compauth=pass reason=100\r\n"
    )
    assert who(field + RAW, GOOD, authserv_id="m365").level is Level.ALIGNED
