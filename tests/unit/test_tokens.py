"""Tokens, codes, links and seals: derived from the keys alone, one for each purpose, and nothing forged is taken."""

from __future__ import annotations

import hashlib
import hmac
import re
import zlib
from base64 import b32encode, urlsafe_b64encode
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from itsdangerous import URLSafeSerializer

from mailgate.chance import SystemChance, monotonic
from mailgate.errors import Forged, TokenError
from mailgate.tokens import TOKEN_LENGTH, LinkClaim, LinkKeys, ServeKey, address_hash, message_hash, tagged_address

SECRET = bytes(range(32))
KEY = ServeKey(SECRET)
SEAT = "k3v9q2abk3v9q2ab"
CLAIM = LinkClaim(assignment=SEAT, generation=1, digest_prefix="f061260991dc0d36")
LINKS = LinkKeys([SECRET])
NONCE = bytes(12)


def test_what_is_derived_is_fixed() -> None:
    """Golden values: mails that are under way carry them, so no version may derive others."""
    assert KEY.reply_token(SEAT, 1) == "2gfc57d6mh7ho3fwrocicfwev2"
    assert KEY.bounce_token(SEAT, 1) == "atkte2kxpdwmo36fp2fmqnj3vy"
    assert KEY.message_token("m1", SEAT, 1) == "ybwbqjdlxwqpzfdkarot"
    assert KEY.code(SEAT, 1) == "419060"
    assert KEY.marker(SEAT, 1) == "kcuqwowt"
    assert (
        KEY.mark("decision", {"id": "x", "n": 1}).hex()
        == "7376050ff7826bfb64b26a2f02b58ff32a4aafdd2c676ec2dbd11c9613b9f6ae"
    )
    assert address_hash("abc") == "216217dbc9993e210ac9a2fafd2d7b66a1d751ec18bcc61c18d7076adf66e901"
    assert message_hash("abc") == "c0d05efbe328029f6e40032852be7c8678e8d7fc7624dfd1c9de4d9fcc467bf6"
    assert (
        LINKS.sign(CLAIM)
        == "WyJrM3Y5cTJhYmszdjlxMmFiIiwxLCJmMDYxMjYwOTkxZGMwZDM2Il0.o3HZUI7Xn0p4XUuyS5xQnGNbbmjFQhyo9NTg_2Ne4Co"
    )


def test_the_derivation_is_an_hmac_over_lengths_and_parts() -> None:
    """Computed a second time by hand: HMAC-SHA-256 under the serve key, each part after its length."""
    parts = [b"reply", SEAT.encode(), b"1"]
    text = b"".join(len(p).to_bytes(4, "big") + p for p in parts)
    expected = b32encode(hmac.digest(SECRET, text, hashlib.sha256)).decode().lower()[:26]
    assert KEY.reply_token(SEAT, 1) == expected


def test_address_tokens_fit_a_mail_address() -> None:
    """Lower case, since mail servers fold it; 26 of 32 letters are 130 bits; with a name before it below 64 octets."""
    for token in (KEY.reply_token(SEAT, 1), KEY.bounce_token(SEAT, 1)):
        assert re.fullmatch(r"[a-z2-7]{26}", token)
    assert TOKEN_LENGTH == 26
    assert re.fullmatch(r"[0-9]{6}", KEY.code(SEAT, 1))
    assert re.fullmatch(r"[a-z2-7]{8}", KEY.marker(SEAT, 1))


@settings(deadline=None)
@given(st.text(max_size=20), st.integers(0, 1000))
def test_purposes_seats_and_generations_have_tokens_of_their_own(seat: str, generation: int) -> None:
    """A bounce address is no reply address, a marker betrays neither, and one generation more revokes them all."""
    other = ServeKey(bytes(32))
    tokens = [
        *(
            f(s, g)
            for f in (KEY.reply_token, KEY.bounce_token)
            for s in (seat, seat + "1")
            for g in (generation, generation + 1)
        ),
        other.reply_token(seat, generation),
        other.bounce_token(seat, generation),
    ]
    assert len(set(tokens)) == len(tokens)
    assert not any(t.startswith(KEY.marker(seat, generation)) for t in tokens)


def test_parts_cannot_run_into_each_other() -> None:
    """Seat "a1" of generation 1 is not seat "a" of generation 11."""
    assert KEY.reply_token("a1", 1) != KEY.reply_token("a", 11)
    assert KEY.message_token("m1", "a", 1) != KEY.message_token("m", "1a", 1)
    assert KEY.mark("a", {"b": 1}) != KEY.mark("ab", {"b": 1})


def test_codes_are_spread_over_all_numbers() -> None:
    """Leading noughts are kept, and no number is much likelier than another."""
    codes = [KEY.code(SEAT, g) for g in range(2000)]
    assert all(len(c) == 6 for c in codes)
    assert any(c.startswith("0") for c in codes)
    assert len(set(codes)) > 1990
    assert {c[0] for c in codes} == set("0123456789")


def test_a_mark_covers_its_purpose_and_every_field() -> None:
    """Whoever writes a row without the serve key cannot make its mark, nor use another row's."""
    fields = {"id": "x", "verdict": "approve", "n": 1}
    mark = KEY.mark("decision", fields)
    assert len(mark) == 32
    assert KEY.bears_mark("decision", dict(reversed(fields.items())), mark)
    assert not KEY.bears_mark("assignment", fields, mark)
    assert not ServeKey(bytes(32)).bears_mark("decision", fields, mark)
    for changed in ({"n": 2}, {"n": "1"}, {"n": None}, {"more": 1}, {"verdict": "reject"}):
        assert not KEY.bears_mark("decision", fields | changed, mark)
    for wrong in (None, b"", mark[:-1], mark + b"\x00", bytes(32)):
        assert not KEY.bears_mark("decision", fields, wrong)


@pytest.mark.parametrize("length", [0, 16, 31, 33, 64])
def test_a_serve_key_has_32_bytes(length: int) -> None:
    """A cut key file is not used as a shorter key."""
    with pytest.raises(ValueError, match="32 bytes"):
        ServeKey(bytes(length))


@settings(deadline=None)
@given(st.binary(max_size=200), st.text(max_size=20).filter(str.isprintable))
def test_what_was_sealed_opens_under_its_label(clear: bytes, label: str) -> None:
    """Sealed bytes come back, and are not to be seen in what is stored."""
    sealed = KEY.seal(clear, label=label, nonce=NONCE)
    assert clear == KEY.unseal(sealed, label=label)
    assert len(clear) < 8 or clear not in sealed


SEALED = KEY.seal(b"From: approvals", label="outgoing 5", nonce=NONCE)


def test_a_seal_is_bound_to_its_label_and_key() -> None:
    """One row's bytes cannot be put into another row."""
    for key, label in [(KEY, "outgoing 6"), (KEY, "incoming 5"), (KEY, ""), (ServeKey(bytes(32)), "outgoing 5")]:
        with pytest.raises(Forged, match="not sealed by this serving side") as caught:
            key.unseal(SEALED, label=label)
        assert (caught.value.table, caught.value.row) == (label.partition(" ")[0], label.partition(" ")[2])


@settings(deadline=None)
@given(st.integers(0, len(SEALED) - 1), st.integers(1, 255))
def test_a_changed_or_cut_seal_does_not_open(at: int, flip: int) -> None:
    """Every byte counts, those of the nonce too."""
    for broken in (SEALED[:at] + bytes([SEALED[at] ^ flip]) + SEALED[at + 1 :], SEALED[:at], SEALED + b"\x00"):
        with pytest.raises(Forged):
            KEY.unseal(broken, label="outgoing 5")


@pytest.mark.parametrize("length", [0, 8, 11, 13, 16])
def test_a_nonce_has_12_bytes(length: int) -> None:
    """Another length would be sealed and could never be opened again."""
    with pytest.raises(ValueError, match="12"):
        KEY.seal(b"x", label="a", nonce=bytes(length))


@settings(deadline=None)
@given(st.text(max_size=20), st.integers(0, 10**6), st.text("0123456789abcdef", max_size=16))
def test_a_link_token_is_read_back_as_its_claim(seat: str, generation: int, prefix: str) -> None:
    """Seat, generation and digest survive, in characters that need no quoting in a URL."""
    claim = LinkClaim(assignment=seat, generation=generation, digest_prefix=prefix)
    token = LINKS.sign(claim)
    assert re.fullmatch(r"[A-Za-z0-9_.\-]+", token)
    assert claim == LINKS.read(token)


def test_a_link_token_is_short_enough_for_a_line_of_mail() -> None:
    """Long links break in transport (vaultwarden#7401); with the address before it, it stays on a line."""
    assert len(LINKS.sign(CLAIM)) <= 110


def test_spellings_of_one_token_are_one_claim() -> None:
    """Other last characters and padding verify too: so single use is kept by the claim, and all of them are that claim."""
    token = LINKS.sign(CLAIM)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    read: list[LinkClaim] = []
    for text in [token, token + "=", token + "==", *(token[:-1] + c for c in alphabet)]:
        try:
            read.append(LINKS.read(text))
        except TokenError:
            continue
    assert len(read) >= 4
    assert set(read) == {CLAIM}


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_a_changed_token_is_refused_or_the_same_claim(data: st.DataObject) -> None:
    """No change of a token ever makes it another seat's, generation's or action's."""
    token = LINKS.sign(CLAIM)
    at = data.draw(st.integers(0, len(token) - 1))
    new = data.draw(st.text(max_size=2))
    try:
        read = LINKS.read(token[:at] + new + token[at + 1 :])
    except TokenError:
        return
    assert read == CLAIM


def forged(claim: Any, secret: str = SECRET.hex(), salt: str = "mailgate link v1", **options: Any) -> str:
    """Return a token made with itsdangerous by hand."""
    kwargs = {"key_derivation": "hmac", "digest_method": hashlib.sha256} | options
    signed = URLSafeSerializer([secret], salt=salt, signer_kwargs=kwargs).dumps(claim)
    return signed if isinstance(signed, str) else signed.decode()


LIST = [SEAT, 1, "f061260991dc0d36"]


def test_a_token_made_by_hand_with_everything_right_is_read() -> None:
    """So that the refusals below are for the one thing that each has wrong."""
    assert LINKS.read(forged(LIST)) == CLAIM


@pytest.mark.parametrize(
    "token",
    [
        forged(LIST, secret=bytes(32).hex()),
        forged(LIST, secret=SECRET.decode("latin-1")),
        forged(LIST, salt="mailgate code v1"),
        forged(LIST, salt="itsdangerous"),
        forged(LIST, digest_method=hashlib.sha1),
        forged(LIST, key_derivation="django-concat"),
        forged(LIST, key_derivation="concat"),
        forged(LIST, key_derivation="none"),
        urlsafe_b64encode(b'["a",1,"b"]').decode(),
        urlsafe_b64encode(b'["a",1,"b"]').decode() + ".",
        "." + urlsafe_b64encode(zlib.compress(b"[]" * 10_000)).decode() + ".x",
        "",
        ".",
        "..",
        "é",
        "\ud800",
        "a" * 100_000,
        "\x00",
    ],
    ids=lambda t: ascii(t)[:30],
)
def test_a_token_not_signed_by_our_key_for_links_is_refused(token: str) -> None:
    """Another key, another purpose, a weaker way to sign, or no signature: one neutral sentence for all."""
    with pytest.raises(TokenError, match=r"^This link is not one of ours, or was damaged on its way\.$"):
        LINKS.read(token)


@pytest.mark.parametrize(
    "claim",
    [
        [],
        [SEAT],
        [SEAT, 1],
        [*LIST, 1],
        "abc",
        {"a": 1, "b": 2, "c": 3},
        None,
        5,
        [SEAT, "1", "x"],
        [1, 1, "x"],
        [SEAT, True, "x"],
        [SEAT, 1.5, "x"],
        [SEAT, 1, None],
    ],
    ids=str,
)
def test_signed_content_of_another_shape_is_refused(claim: Any) -> None:
    """Whatever else the key once signed, it is not taken for a link."""
    with pytest.raises(TokenError):
        LINKS.read(forged(claim))


def test_a_new_key_signs_and_the_old_one_still_verifies() -> None:
    """Keys rotate while mails with links are under way; a key that was taken out counts no more."""
    old, new = SECRET, bytes(32)
    both = LinkKeys([old, new])
    assert both.read(LinkKeys([old]).sign(CLAIM)) == CLAIM
    assert LinkKeys([new]).read(both.sign(CLAIM)) == CLAIM
    with pytest.raises(TokenError):
        LinkKeys([old]).read(both.sign(CLAIM))
    with pytest.raises(TokenError):
        LinkKeys([new]).read(LinkKeys([old]).sign(CLAIM))


def test_links_without_any_key_are_an_error_at_once() -> None:
    """Not only when the first mail is written."""
    with pytest.raises(ValueError, match="key"):
        LinkKeys([])


@pytest.mark.parametrize(
    ("base", "mode", "address"),
    [
        ("gate@example.com", "plus", "gate+abc@example.com"),
        ("gate+x@example.com", "plus", "gate+x+abc@example.com"),
        ("gate@example.com", "catchall", "abc@example.com"),
        ("gate@example.com", "single", "gate@example.com"),
    ],
)
def test_an_address_carries_its_token_as_configured(base: str, mode: str, address: str) -> None:
    """Plus addressing, a catch-all domain, or none."""
    assert address == tagged_address(base, "abc", mode)


def test_address_hashes_hide_their_tokens() -> None:
    """Whoever reads the database cannot write to an assignment's address."""
    assert address_hash("abc") != address_hash("abd")
    assert address_hash("abc") != hashlib.sha256(b"abc").hexdigest()
    assert "abc" not in address_hash("abc")


def test_the_system_s_chance_does_not_repeat_itself() -> None:
    """Identifiers are 16 letters that fold well, random bytes as many as asked for."""
    chance = SystemChance()
    ids = {chance.id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(re.fullmatch(r"[a-z2-7]{16}", i) for i in ids)
    assert [len(chance.bytes(n)) for n in (0, 12, 32)] == [0, 12, 32]
    assert chance.bytes(32) != chance.bytes(32)


def test_the_waiting_clock_never_goes_back() -> None:
    """It measures waiting; a changed wall clock must not."""
    seen = [monotonic() for _ in range(100)]
    assert all(a <= b for a, b in pairwise(seen))
