"""Signatures that are checked here: what a good one proves, and everything that only looks like one."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import reduce

import dkim
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailgate.errors import DnsUnavailable, MailUnreadable
from mailgate.mail.dkim import Checked, Outcome, check_signatures
from mailgate.mail.mime import open_mail
from mailgate.mail.signed import content_digest, read_claim
from tests.conftest import Attack
from tests.signing import EXCHANGE, GMAIL, USUAL, key, look_up, record, relaxed_body, sign

AT = datetime(2026, 11, 24, 9, 30, tzinfo=UTC)
NOW = str(int(AT.timestamp()))
PUBLISHED = look_up(s1=record())


def mail(text: str = "APPROVE", *, more: str = "", who: str = "Bob <bob@example.com>") -> bytes:
    """Return an unsigned mail as a person's program writes it."""
    return (
        f"From: {who}\r\nTo: gate+token@gate.example\r\nSubject: Re: [approvals] pay\r\n"
        f"Date: Tue, 24 Nov 2026 09:30:00 +0000\r\nMessage-ID: <1@example.com>\r\n{more}\r\n{text}\r\n"
    ).encode()


def check(raw: bytes, keys: Callable[[str], bytes | None] = PUBLISHED) -> Checked:
    """Check a mail as it comes from bob@example.com."""
    return check_signatures(raw, open_mail(raw), sender="bob@example.com", look_up=keys, at=AT)


PARTS = (
    "--outer\r\nContent-Type: text/plain\r\n\r\nNo, see below.\r\n"
    "--outer\r\nContent-Type: message/rfc822\r\n\r\n"
    'From: eve@v.il\r\nContent-Type: multipart/mixed; boundary="inner"\r\n\r\n'
    "--inner\r\nContent-Type: text/plain\r\n\r\nAPPROVE\r\n--inner--\r\n--outer--\r\n"
)
"""What Bob answered to somebody's mail, which he attached: its first words are a yes, and not his."""
MULTIPART = 'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="outer"\r\n'


@pytest.mark.parametrize(
    "raw",
    [
        sign(mail()),
        sign(mail(), covers=GMAIL),
        sign(mail(), covers=EXCHANGE),
        sign(mail(PARTS, more=MULTIPART), covers=GMAIL),
        sign(mail(PARTS, more=MULTIPART)),
        sign(mail(), t=NOW, x="4000000000", i="@example.com", darn="gate.example"),
        sign(mail(), i="bob@example.com"),
        sign(mail("APPROVE  \r\n\r\n\r\n> quoted")),
        sign(sign(mail(), domain="gateway.example")),
        sign(sign(mail()), domain="gateway.example"),
        sign(sign(mail(), selector="gone")),
    ],
    ids=[
        *("usual", "as Gmail", "as Exchange", "parts as Gmail", "parts", "times", "for Bob", "blanks"),
        *("on top of another's", "below another's", "beside one with a lost key"),
    ],
)
def test_a_good_signature_passes(raw: bytes) -> None:
    """Signed by exactly the domain in From, over all that we read: proven, whoever else has signed."""
    found = check(raw)
    assert found.outcome is Outcome.PASS, found.because
    assert {"from", "subject", "date"} <= found.covers
    assert any(dkim.DKIM(raw).verify(i, lambda name, timeout: PUBLISHED(name.decode().rstrip("."))) for i in (0, 1))


def test_what_was_checked_is_kept() -> None:
    """The signature and the record it was checked with are evidence: the key will not be in DNS for ever."""
    found = check(sign(mail()))
    assert found.because == "its signature by example.com is good (key s1._domainkey.example.com)"
    assert found.covers == set(USUAL)
    assert found.evidence["dkim_key"] == record()
    assert found.evidence["dkim_key_name"] == "s1._domainkey.example.com"
    claim = read_claim(found.evidence["dkim_signature"])
    assert (claim.domain, claim.selector, claim.algorithm, claim.flaw) == ("example.com", "s1", "rsa-sha256", "")


def changed(raw: bytes, before: bytes, after: bytes) -> bytes:
    """Return a mail with a piece of it exchanged, once."""
    assert before in raw
    return raw.replace(before, after, 1)


REFUSED: dict[str, tuple[bytes, str]] = {
    "text is appended to a signed mail": (sign(mail()) + b"and pay Eve too\r\n", "was changed after it was signed"),
    "text is appended after the signed length (l=)": (sign(mail(), length=9) + b"to Eve\r\n", "only the first part"),
    "the signed length is all of the text (l=)": (sign(mail(), length=9), "only the first part"),
    "a word of a signed mail is changed": (
        changed(sign(mail("REJECT")), b"REJECT", b"APPROVE"),
        "was changed after it was signed",
    ),
    "the signed subject is changed": (changed(sign(mail()), b"pay", b"fly"), "was changed after it was signed"),
    "a second Subject is put on top": (b"Subject: Re: another\r\n" + sign(mail()), "two Subject fields"),
    "a second From is put on top": (b"From: eve@v.il\r\n" + sign(mail()), "two From fields"),
    "a second To is put on top": (b"To: gate+other@gate.example\r\n" + sign(mail()), "two To fields"),
    "a second Date is put on top": (b"Date: Mon, 1 Jan 2024 00:00:00 +0000\r\n" + sign(mail()), "two Date fields"),
    "a Cc is added to a mail signed without one": (
        b"Cc: gate+other@gate.example\r\n" + sign(mail()),
        "was changed after it was signed",
    ),
    "somebody signs a forged From with a good key of his own": (
        sign(mail(), domain="v.il"),
        "is by v.il, which does not prove example.com",
    ),
    "the parent domain signs": (sign(mail(), domain="com"), "is by com"),
    "a subdomain signs": (sign(mail(), domain="mail.example.com"), "is by mail.example.com"),
    "a domain that only ends alike signs": (sign(mail(), domain="badexample.com"), "is by badexample.com"),
    "a colleague's server account signs (i=)": (sign(mail(), i="eve@example.com"), "is for another sender"),
    "the signature is SHA-1": (sign(mail(), algorithm="rsa-sha1"), "rsa-sha1"),
    "Subject is not signed": (sign(mail(), covers=("from", "date", "to")), "does not cover Subject"),
    "Date is not signed": (sign(mail(), covers=("from", "subject", "to")), "does not cover Date"),
    "From is not signed": (sign(mail(), covers=("subject", "date", "to")), "does not cover From"),
    "the signature had expired": (sign(mail(), x=NOW), "had expired"),
    "the signature is from tomorrow": (sign(mail(), t=str(int(NOW) + 86400)), "is dated after"),
    "the signature ends before it begins": (sign(mail(), t=NOW, x=str(int(NOW) - 1)), "ends before it was made"),
    "somebody else's key made it": (sign(mail(), private=key("eve")), "does not fit"),
    "the key is not published": (sign(mail(), selector="s9"), "is not published"),
    "the key was revoked": (sign(mail(), selector="revoked"), "was revoked"),
    "the key is in test mode": (sign(mail(), selector="test"), "in test mode"),
    "the key has 1024 bits": (sign(mail(), private=key("short", 1024), selector="short"), "a key of 1024 bits"),
    "the key is for something else": (sign(mail(), selector="tlsrpt"), "not for mail"),
    "the key is for another hash": (sign(mail(), selector="sha1"), "not for rsa-sha256"),
    "the key is of another kind": (sign(mail(), selector="ed"), "not for rsa-sha256"),
    "the key's exponent is 1": (sign(mail(), selector="one"), "no DKIM key"),
    "the record is no key": (sign(mail(), selector="spf"), "no DKIM key"),
    "the record cannot be read": (sign(mail(), selector="odd"), "cannot be read"),
    "the record is endless": (sign(mail(), selector="long"), "too long"),
    "the key is garbage": (sign(mail(), selector="bad"), "could not be checked"),
    "a signature of a kind unknown": (sign(mail(), algorithm="ed25519-sha256"), "not for ed25519-sha256"),
    "a tag is named twice": (changed(sign(mail()), b"v=1;", b"v=1; v=1;"), "cannot be read"),
    "a needed tag is missing": (sign(mail(), bh=""), "lacks bh="),
    "another version": (sign(mail(), v="2"), "of a kind that is not read"),
    "the signature is not base64": (changed(sign(mail()), b"b=\r\n\t", b"b=!"), "cannot be read"),
    "a header name that is none": (sign(mail(), covers=(*USUAL, "x y")), "cannot be read"),
    "a selector that is a path": (sign(mail(), selector="../s1"), "cannot be read"),
    "a signature of 9 KB": (sign(mail(), z="x" * 9000), "is longer than"),
    "a signature full of blanks": (changed(sign(mail()), b"b=\r\n\t", b"b=" + b" " * 300), "is longer than"),
    "a text made to cost": (sign(mail("APPROVE" + " " * 5000)), "made to cost time"),
    "the good signature is the sixth": (
        reduce(lambda raw, _: sign(raw, domain="v.il"), range(5), sign(mail())),
        "by v.il",
    ),
    "an attached mail's boundary is named for the whole": (
        changed(sign(mail(PARTS, more=MULTIPART), covers=GMAIL), b'boundary="outer"', b'boundary="inner"'),
        "does not begin with the boundary",
    ),
}

SPKI = b64decode(record().partition("p=")[2])
EXPONENT, EXPONENT_ONE = b"\x02\x03\x01\x00\x01", b"\x02\x03\x00\x00\x01"
"""How DER writes 65537 and, at the same length, 1: with that exponent everybody can sign."""
KEYS = look_up(
    s1=record(),
    revoked="v=DKIM1; p=",
    test=record(extra="t=y:s; "),
    short=record(key("short", 1024)),
    tlsrpt=record(extra="s=tlsrpt; "),
    sha1=record(extra="h=sha1; "),
    ed="v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
    one=f"p={b64encode(SPKI.removesuffix(EXPONENT) + EXPONENT_ONE).decode()}",
    spf="v=spf1 -all",
    odd="p=é",
    long=record() + " " * 5000,
    bad="v=DKIM1; p=AAAA",
)


@pytest.mark.parametrize("name", REFUSED)
def test_what_only_looks_proven_is_refused(name: str, attack: Attack) -> None:
    """Nothing of it counts, and a clause says what is wrong."""
    raw, why = REFUSED[name]
    found = check(raw, KEYS)
    assert found.outcome is Outcome.FAIL
    assert why in found.because
    assert found.covers == frozenset()
    attack(name, f"not proven: {found.because}")


def test_an_unsigned_mail_proves_nothing(attack: Attack) -> None:
    """There is nothing to check, and nobody is asked."""
    found = check(mail())
    assert (found.outcome, found.because) == (Outcome.NONE, "it is not signed")
    attack("a mail without a signature", "not proven: it is not signed")


@pytest.mark.parametrize("line", [b"X: a\rFrom: eve@v.il\r\n", b"X: a\nFrom: eve@v.il\r\n", b"X: a\0\r\n"])
def test_an_ambiguous_header_is_not_even_opened(line: bytes, attack: Attack) -> None:
    """What one reader takes for the end of a line and another does not, is refused before anything is checked."""
    with pytest.raises(MailUnreadable):
        check(line + sign(mail()))
    attack("a bare CR, LF or NUL in the header hides a second From", "the mail is not read")


def test_no_answer_is_not_no_key() -> None:
    """Where DNS fails it is said so: the very same mail may pass a minute later."""

    def fails(name: str) -> bytes | None:
        raise DnsUnavailable(f"{name} could not be looked up (the server failed).")

    found = check(sign(mail()), fails)
    assert found.outcome is Outcome.TEMPERROR
    assert "s1._domainkey.example.com could not be looked up (the server failed)" in found.because


def test_keys_are_asked_for_only_where_they_matter() -> None:
    """Nobody can make us look up names of a domain of his own, and of one mail at most five."""
    asked: list[str] = []

    def note(name: str) -> bytes | None:
        asked.append(name)
        return None

    raw = mail()
    for number in range(8):
        raw = sign(raw, selector=f"s{number}")
    check(sign(raw, domain="v.il"), note)
    assert asked == [f"s{n}._domainkey.example.com" for n in (7, 6, 5, 4)]


def test_a_signature_is_judged_by_when_it_came() -> None:
    """One that has expired since was good, and the machine's own clock has no say."""
    raw = sign(mail(), t="1000000000", x="1000000600")
    when = datetime.fromtimestamp(1000000300, UTC)
    for at, outcome in ((when, Outcome.PASS), (when + timedelta(hours=1), Outcome.FAIL)):
        found = check_signatures(raw, open_mail(raw), sender="bob@example.com", look_up=PUBLISHED, at=at)
        assert found.outcome is outcome


SIGNED = sign(mail("APPROVE\r\n\r\nOn Monday Approvals wrote:\r\n> pay 120.0"), t=NOW)


@settings(deadline=None, max_examples=150)
@given(st.integers(0, len(SIGNED) - 1), st.integers(0, 255), st.sampled_from(["put", "instead", "out"]))
def test_whatever_is_changed_is_noticed(place: int, byte: int, how: str) -> None:
    """One byte put in, exchanged or left out: not proven, unless what is covered still says the same."""
    kept = SIGNED[place + (how != "put") :]
    raw = SIGNED[:place] + (b"" if how == "out" else bytes([byte])) + kept
    try:
        found = check(raw)
    except MailUnreadable:
        return
    if found.outcome is Outcome.PASS:
        assert content_digest(open_mail(raw)) == content_digest(open_mail(SIGNED))


@settings(deadline=None, max_examples=200)
@given(st.text(alphabet="vabdhst=1;:/ \t\r\n.+rsa-h256exmplcoz", max_size=120), st.binary(max_size=200))
def test_any_field_and_any_key_is_read_or_refused(field: str, published: bytes) -> None:
    """No content makes the check fail in another way than by saying so."""
    try:
        raw = f"DKIM-Signature: {field}\r\n".encode() + sign(mail(), selector="x")
        assert check(raw, lambda name: published).outcome is Outcome.FAIL
    except MailUnreadable:
        pass


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=300))
def test_a_text_is_known_again_in_relaxed_form(body: bytes) -> None:
    """Whatever relaxed canonicalization forgives does not make an old mail look new."""
    body = body.replace(b"\r", b"").replace(b"\n", b"\r\n")
    head = b"From: bob@example.com\r\nSubject: x\r\nDate: y\r\n"
    one, two = open_mail(head + b"\r\n" + body), open_mail(head + b"X: y\r\n\r\n" + relaxed_body(body) + b" \r\n\r\n")
    assert content_digest(one) == content_digest(two)


def test_two_mails_are_not_taken_for_one() -> None:
    """Another text, subject, time or sender is another mail."""
    texts = [mail(), mail("REJECT"), mail(who="alice@example.com"), changed(mail(), b"pay", b"fly")]
    texts.append(changed(mail(), b"09:30", b"09:31"))
    assert len({content_digest(open_mail(raw)) for raw in texts}) == len(texts)
    assert content_digest(open_mail(b"From: bob@example.com\r\n\r\nAPPROVE")) == ""
