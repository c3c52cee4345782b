"""Who sent a mail: one clean From address, and the word of one server, read by its grammar."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailgate.mail.addresses import addr_spec, collect, one_mailbox
from mailgate.mail.authres import read_authentication_results
from mailgate.mail.identity import authentication_results, identify, sender
from mailgate.mail.mime import Mail, open_mail
from mailgate.model.verdict import Level

PASS = "mx.gate.example.com; dmarc=pass header.from=example.com"
FAIL = "mx.gate.example.com; dmarc=fail header.from=example.com"


def mail(*fields: str, who: str = "Bob <bob@example.com>") -> Mail:
    """Return a mail with these Authentication-Results, the first on top."""
    lines = [*(f"Authentication-Results: {value}" for value in fields), f"From: {who}"]
    return open_mail(("\r\n".join(lines) + "\r\n\r\nAPPROVE").encode())


def level(*fields: str, who: str = "Bob <bob@example.com>", authserv_id: str = "mx.gate.example.com") -> Level:
    """Return the level at which such a mail is Bob's."""
    people = frozenset(("bob@example.com", "bob@example.org"))
    identity = identify(mail(*fields, who=who), person_addresses=people, authserv_id=authserv_id)
    assert identity.because
    return identity.level


@pytest.mark.parametrize(
    ("value", "address"),
    [
        ("boss@corp.com", "boss@corp.com"),
        ("Boss@Corp.COM", "boss@corp.com"),
        ("<boss@corp.com>", "boss@corp.com"),
        ("The Boss <boss@corp.com>", "boss@corp.com"),
        ("John Q. Public <boss@corp.com>", "boss@corp.com"),
        ('"Boss, The" <boss@corp.com>', "boss@corp.com"),
        ('"The \\"real\\" boss" <boss@corp.com>', "boss@corp.com"),
        ("=?utf-8?q?B=C3=B6ss?= <boss@corp.com>", "boss@corp.com"),
        ("Böss <boss@corp.com>", "boss@corp.com"),
        ("boss@corp.com (The Boss)", "boss@corp.com"),
        ("boss+tag@corp.com", "boss+tag@corp.com"),
        ("o'brien@corp.com", "o'brien@corp.com"),
        ("boss@localhost", "boss@localhost"),
        # a display name may hold anything that is quoted: the mail is from e@v.il
        ('"boss@corp.com" <e@v.il>', "e@v.il"),
        ("=?utf-8?q?boss=40corp.com?= <e@v.il>", "e@v.il"),
        ('"x" <boss@corp.com>" <e@v.il>', None),
        # what the standard library reads as boss
        ("boss@corp.com <e@v.il>", None),
        ("<@v.il:boss@corp.com>", None),
        ("group: boss@corp.com;", None),
        ("boss@corp.com;e@v.il", None),
        ("boss@corp.com, e@v.il", None),
        ("Boss <boss@corp.com>, <e@v.il>", None),
        ("<boss@corp.com> <e@v.il>", None),
        ("Boss <boss@corp.com", None),
        ("boss@corp.com>", None),
        ("(comment) boss@corp.com", None),
        ("boss@corp.com (a (b))", None),
        ("boss@corp.com (e@v.il)", None),
        ("Boss (x) <boss@corp.com>", None),
        ("boss @corp.com", None),
        ("boss@ corp.com", None),
        ("bo ss@corp.com", None),
        ('"boss"@corp.com', None),
        ('"a@v.il\\" <boss"@corp.com', None),
        ("boss@[192.0.2.1]", None),
        ("boss@corp..com", None),
        ("boss@-corp.com", None),
        (".boss@corp.com", None),
        ("boss@cörp.com", None),
        ("boss@corp.com\u200b", None),
        ("bоss@corp.com", None),
        ("boss@corp.com\x00", None),
        ("a" * 64 + "@corp.com", "a" * 64 + "@corp.com"),
        ("a" * 65 + "@corp.com", None),
        ("boss@" + "a." * 130 + "com", None),
        ("boss", None),
        ("<>", None),
        ("", None),
        (" ", None),
        ("x" * 60000 + "<boss@corp.com>", "boss@corp.com"),
        ('"' * 60000, None),
        ("(" * 60000, None),
    ],
)
def test_a_sender_is_one_plain_address_or_none(value: str, address: str | None) -> None:
    """Exactly what every reader understands alike is an address; lists, groups, routes and tricks are not."""
    found = one_mailbox(value)
    assert (found and found[0]) == address


def test_two_senders_are_none() -> None:
    """Two From fields, or none, name nobody, and the reason says so."""
    two = open_mail(b"From: bob@example.com\r\nfrom: bob@example.com\r\n\r\nx")
    assert sender(two).address is None
    assert "2 From fields" in sender(two).because
    assert sender(open_mail(b"To: a@b.c\r\n\r\nx")).address is None
    assert "not one plain address" in sender(mail(who="a@b.c, d@e.f")).because
    assert sender(mail()).address == "bob@example.com"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ((PASS,), Level.ALIGNED),
        ((PASS.upper().replace("PASS", "pass"),), Level.ALIGNED),
        (("mx.gate.example.com 1; dmarc=pass header.from=example.com",), Level.ALIGNED),
        (
            ("mx.gate.example.com; dkim=fail; spf=none; dmarc=pass (p=none dis=none) header.from=example.com",),
            Level.ALIGNED,
        ),
        (("(x) mx.gate.example.com (y (z)) ; dmarc = pass header.from = example.com",), Level.ALIGNED),
        ((f"{PASS} header.i=@example.com action=none",), Level.ALIGNED),
        ((PASS, "other.example.net; dmarc=fail header.from=example.com"), Level.ALIGNED),
        (("other.example.net; dmarc=fail header.from=example.com", PASS), Level.ALIGNED),
        ((PASS, PASS), Level.ALIGNED),
        ((PASS, "mx.gate.example.com; spf=pass smtp.mailfrom=x"), Level.ALIGNED),
        ((), Level.TOKEN),
        ((FAIL,), Level.TOKEN),
        (("mx.gate.example.com; none",), Level.TOKEN),
        (("mx.gate.example.com; dkim=pass header.d=example.com",), Level.TOKEN),
        (("mx.gate.example.com; dmarc=pass",), Level.TOKEN),
        (("mx.gate.example.com; dmarc=pass header.from=example.com header.from=evil.example",), Level.TOKEN),
        (("mx.gate.example.com; dmarc=pass header.from=evil.example",), Level.TOKEN),
        (("mx.gate.example.com; dmarc=pass header.from=sub.example.com",), Level.TOKEN),
        (("mx.gate.example.com; dmarc=bestguesspass header.from=example.com",), Level.TOKEN),
        (("evil.example; dmarc=pass header.from=example.com",), Level.TOKEN),
        (("mx.gate.example.com.evil.example; dmarc=pass header.from=example.com",), Level.TOKEN),
        (("mx.gate.example.com 2; dmarc=pass header.from=example.com",), Level.TOKEN),
        # only the topmost of our server counts, and nothing that contradicts it
        ((FAIL, PASS), Level.TOKEN),
        ((PASS, FAIL), Level.TOKEN),
        (("mx.gate.example.com; none", PASS), Level.TOKEN),
        (("mx.gate.example.com; dmarc=pass header.from=example.com; dmarc=fail header.from=example.com",), Level.TOKEN),
        # what the sender chose, repeated by our server in comments and quoted strings
        (
            ("mx.gate.example.com; dmarc=fail (dmarc=pass header.from=example.com) header.from=example.com",),
            Level.TOKEN,
        ),
        (
            ('mx.gate.example.com; spf=pass smtp.mailfrom="x; dmarc=pass header.from=example.com; y"@evil.example',),
            Level.TOKEN,
        ),
        (('mx.gate.example.com; spf=pass reason="a\\"; dmarc=pass header.from=example.com; b=\\""',), Level.TOKEN),
        (
            ('mx.gate.example.com; dmarc=fail (") header.from=example.com; dmarc=pass header.from=example.com; (")',),
            Level.TOKEN,
        ),
        (("other.example.net; spf=pass (open", PASS), Level.ALIGNED),
        # fields that cannot be read are ours if they may be, and hide nothing below them
        (("mx.gate.example.com; spf=pass (open", PASS), Level.TOKEN),
        (('mx.gate.example.com; spf=pass smtp.mailfrom="open', PASS), Level.TOKEN),
        (("mx.gate.example.com; spf=pass closed)", PASS), Level.TOKEN),
        (("mx.gate.example.com; gibberish here", PASS), Level.TOKEN),
        (("mx.gate.example.com; dmarc=pass header.from example.com",), Level.TOKEN),
        (("(" * 30 + ")" * 30 + PASS, PASS), Level.TOKEN),
    ],
)
def test_only_the_topmost_word_of_the_believed_server_counts(fields: tuple[str, ...], expected: Level) -> None:
    """Aligned needs dmarc=pass for exactly the From domain, from our server, in a field nobody could have smuggled in."""
    assert level(*fields) is expected


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        ("bob@example.com", Level.ALIGNED),
        ("BOB@EXAMPLE.COM", Level.ALIGNED),
        ("bob+approvals@example.com", Level.ALIGNED),
        ("bob@example.org", Level.TOKEN),  # an alias, but the server speaks of another domain
        ("alice@example.com", Level.TOKEN),
        ("bob@sub.example.com", Level.TOKEN),
        ('"bob@example.com" <alice@example.com>', Level.TOKEN),
        ("bob@example.com <alice@example.com>", Level.TOKEN),
        ("bob@example.com, alice@example.com", Level.TOKEN),
    ],
)
def test_the_sender_must_be_the_person_who_was_asked(who: str, expected: Level) -> None:
    """A proven domain proves nothing about anybody else in it."""
    assert level(PASS, who=who) is expected


def test_no_server_is_believed_unless_it_is_configured() -> None:
    """The id is never learned from a mail, and an empty one matches nothing."""
    assert level(PASS, authserv_id="") is Level.TOKEN
    assert level("; dmarc=pass header.from=example.com", authserv_id="") is Level.TOKEN
    assert level(PASS, authserv_id="mx.example.net") is Level.TOKEN
    assert level(PASS, authserv_id="MX.Gate.Example.com") is Level.ALIGNED


def test_an_identity_keeps_what_it_was_judged_by() -> None:
    """The server's field is kept as evidence, and the reasons name address, server and result."""
    people = frozenset(("bob@example.com",))
    identity = identify(mail(PASS), person_addresses=people, authserv_id="mx.gate.example.com")
    assert identity.evidence == {"authentication_results": PASS}
    assert identity.sender == "bob@example.com"
    assert identity.because == (
        "its From field names bob@example.com",
        "mx.gate.example.com says dmarc=pass for example.com",
    )
    refused = identify(mail(FAIL), person_addresses=people, authserv_id="mx.gate.example.com")
    assert "dmarc=fail" in refused.because[-1]
    stranger = identify(mail(PASS, who="e@v.il"), person_addresses=people, authserv_id="mx.gate.example.com")
    assert "not the person who was asked" in stranger.because[-1]


def test_results_are_read_by_their_grammar() -> None:
    """Methods, versions, properties, comments and quoted strings of RFC 8601."""
    word = read_authentication_results(
        'a.b 1; dkim/1=pass (ok) reason="x y" header.b=ab=; spf=softfail smtp.mailfrom=a+b=c@d.e;'
    )
    assert word is not None
    assert word.authserv_id == "a.b"
    assert word.results is not None
    dkim, spf = word.results
    assert (dkim.method, dkim.result) == ("dkim", "pass")
    assert dkim.properties == (("reason", "x y"), ("header.b", "ab="))
    assert spf.values("smtp.mailfrom") == ("a+b=c@d.e",)
    assert read_authentication_results('"a.b"; none') is not None
    assert read_authentication_results("") is None
    assert authentication_results(mail(PASS), "mx.gate.example.com") is not None


def test_collected_addresses_are_plain() -> None:
    """For finding secret addresses quoted names, comments and groups are looked through; odd spellings are left out."""
    assert collect('"a@b.c, d@e.f" <G@h.i>, j@k.l (m@n.o), undisclosed: p@q.r; "s"@t.u, v@[1.2.3.4]') == (
        "g@h.i",
        "j@k.l",
        "p@q.r",
    )
    assert addr_spec("A@b.c") == "a@b.c"


ODD = st.text(alphabet='bob@example.com evil<>()[]"\\,;:\t\u200bа=?', max_size=60)


@settings(deadline=None, max_examples=300)
@given(ODD)
def test_whatever_is_taken_for_a_sender_is_one_address(value: str) -> None:
    """A From value that is accepted holds its address once, in brackets or alone, and no second one outside quotes."""
    found = one_mailbox(value)
    if found:
        bare = value.strip()
        assert bare.lower().count(found[0]) >= 1
        assert bare.endswith((">", ")")) or bare.lower() == found[0]
        assert addr_spec(found[0]) == found[0]


@settings(deadline=None, max_examples=300)
@given(st.text(alphabet='mx.gate;dmarc=pass header.from=example.com()"\\ 1/', max_size=80))
def test_any_result_field_is_read_or_refused(value: str) -> None:
    """No content makes the reader fail, and no comment or string is ever a result."""
    word = read_authentication_results(value)
    if word and word.results:
        assert all(result.method and result.result for result in word.results)
