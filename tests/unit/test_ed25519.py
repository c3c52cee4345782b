"""Ed25519 in Python alone says yes exactly where cryptography does, however odd the key or the signature is."""

from __future__ import annotations

import hashlib
import random
from itertools import product

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mailgate.model.ed25519 import verify_ed25519
from mailgate.model.evidence import verify_ed25519 as with_cryptography

PRIME = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
VECTORS = {
    "TEST 1": (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        b"",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe2465"
        "5141438e7a100b",
    ),
    "TEST 2": (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        b"\x72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb0"
        "0d291612bb0c00",
    ),
    "TEST 3": (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        b"\xaf\x82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc0"
        "27beceea1ec40a",
    ),
    "TEST SHA(abc)": (
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        hashlib.sha512(b"abc").digest(),
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9"
        "bef1177331a704",
    ),
}
"""RFC 8032 section 7.1: public key, message, signature."""

SMALL_ORDER_Y = (
    0,
    1,
    PRIME - 1,
    2707385501144840649318225287225658788936804267575313519463743609750303021022,
    55188659117513257062467267217118295137698188065244968500265048394206261417927,
)
"""The y of the eight points whose order divides 8."""


@pytest.mark.parametrize("name", VECTORS)
def test_the_vectors_of_the_rfc_verify(name: str) -> None:
    """What RFC 8032 gives as right is right, and is not under any other text."""
    public, text, signature = VECTORS[name]
    assert verify_ed25519(bytes.fromhex(public), bytes.fromhex(signature), text)
    assert not verify_ed25519(bytes.fromhex(public), bytes.fromhex(signature), text + b"\0")


def judge_alike(chance: random.Random, keys: int, texts: int) -> None:
    """Sign with new keys, change one bit of the text, the signature, or now and then the key, and compare what is said."""
    for _ in range(keys):
        key = Ed25519PrivateKey.from_private_bytes(chance.randbytes(32))
        public = key.public_key().public_bytes_raw()
        for number in range(texts):
            text = chance.randbytes(chance.randrange(1, 200))
            parts = [public, key.sign(text), text]
            assert verify_ed25519(*parts), parts
            changed = chance.choice((1, 2)) if number else chance.randrange(3)
            bits = bytearray(parts[changed])
            bits[chance.randrange(len(bits))] ^= 1 << chance.randrange(8)
            parts[changed] = bytes(bits)
            assert verify_ed25519(*parts) is with_cryptography(*parts) is False, parts


def test_random_signatures_are_judged_as_cryptography_judges_them() -> None:
    """300 signatures by 60 keys hold, and with one bit of key, signature or text changed none does."""
    judge_alike(random.Random(8032), keys=60, texts=5)


@pytest.mark.slow
def test_thousands_of_random_signatures_are_judged_as_cryptography_judges_them() -> None:
    """The same with 4,000 signatures by 400 keys."""
    judge_alike(random.Random(5), keys=400, texts=10)


def test_s_has_one_form() -> None:
    """A signature whose S has the order added to it, once or as often as fits, is none (RFC 8032 section 5.1.7)."""
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    public, signature = key.public_key().public_bytes_raw(), key.sign(b"text")
    s = int.from_bytes(signature[32:], "little")
    assert verify_ed25519(public, signature, b"text")
    for times in range(1, 16):
        longer = signature[:32] + (s + times * ORDER).to_bytes(32, "little")
        assert not verify_ed25519(public, longer, b"text")
        assert not with_cryptography(public, longer, b"text")


def encodings(y: int) -> list[bytes]:
    """Return every spelling of the points with this y: either sign, and with the prime added where that fits."""
    return [
        (value | sign << 255).to_bytes(32, "little") for value in (y, y + PRIME) if value < 2**255 for sign in (0, 1)
    ]


def test_keys_of_small_order_and_other_spellings_are_judged_as_cryptography_judges_them() -> None:
    """All spellings of the eight points of small order, as key and as R, with S of 0, 1 and the order: judged alike."""
    odd = [encoded for y in SMALL_ORDER_Y for encoded in encodings(y)]
    scalars = [number.to_bytes(32, "little") for number in (0, 1, ORDER)]
    said = {
        (public, first, s, text): verify_ed25519(public, first + s, text)
        for public, first, s, text in product(odd, odd, scalars, (b"", b"a"))
    }
    assert said == {(p, r, s, t): with_cryptography(p, r + s, t) for p, r, s, t in said}
    assert {True, False} == set(said.values())


def test_a_key_whose_y_is_above_the_prime_is_judged_as_cryptography_judges_it() -> None:
    """All 38 keys that are spelled with a y of the prime or more, under signatures that would suit the neutral point."""
    publics = [(y | sign << 255).to_bytes(32, "little") for y in range(PRIME, 2**255) for sign in (0, 1)]
    signature = (1).to_bytes(32, "little") + bytes(32)
    mine = [verify_ed25519(public, signature, b"text") for public in publics]
    assert mine == [with_cryptography(public, signature, b"text") for public in publics]
    assert len(mine) == 38


@pytest.mark.parametrize("length", [0, 1, 31, 32, 33, 63, 65, 96])
def test_other_lengths_are_no_signature(length: int) -> None:
    """Keys and signatures cut short, or longer than they are, verify nothing and raise nothing."""
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    public, signature = key.public_key().public_bytes_raw(), key.sign(b"text")
    assert not verify_ed25519(public, (signature + bytes(64))[:length], b"text")
    assert length == 32 or not verify_ed25519((public + bytes(64))[:length], signature, b"text")


def test_a_key_that_is_no_point_verifies_nothing() -> None:
    """About half of all 32 bytes are no point; they are judged as cryptography does."""
    chance = random.Random(1)
    signature = (1).to_bytes(32, "little") + bytes(32)
    for _ in range(40):
        public = chance.randbytes(32)
        assert verify_ed25519(public, signature, b"") == with_cryptography(public, signature, b"")
