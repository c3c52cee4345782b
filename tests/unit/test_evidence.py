"""Records and proofs: what the log key signed verifies, and nothing else does."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailgate.errors import Forged
from mailgate.model.evidence import LogSigner, LogVerifier, build_record, format_time, leaf_hash

NAME = "gate.example.com/approvals"
SEED = bytes(range(32))
AT = datetime(2026, 11, 24, 18, 0, 0, 123456, tzinfo=UTC)
SIGNER = LogSigner(NAME, SEED)
VERIFIER = LogVerifier(SIGNER.vkey)


def record(**changes: Any) -> bytes:
    """Return the record of a decision, with ``changes``."""
    usual: dict[str, Any] = {
        "log": NAME,
        "index": 7,
        "event": "decision",
        "request": "k3v9q2ab",
        "digest": b"\xab" * 32,
        "at": AT,
        "nonce": bytes(16),
        "body": {"meaning": "approved", "approver": {"person": "bob", "name": "Bøb"}},
    }
    return build_record(**(usual | changes))


def test_a_signed_record_is_read_back() -> None:
    """What was recorded comes back with its index, event, request, digest, time and body."""
    read = VERIFIER.read(record(), SIGNER.prove(record(), 7))
    assert (read.index, read.event, read.request, read.digest) == (7, "decision", "k3v9q2ab", b"\xab" * 32)
    assert read.at == datetime(2026, 11, 24, 18, 0, 0, 123000, tzinfo=UTC)
    assert read.body["approver"] == {"person": "bob", "name": "Bøb"}


def test_the_bytes_of_a_record_are_fixed() -> None:
    """A golden record: an in-toto Statement v1, sorted, without blanks; auditors hash these bytes."""
    assert (
        record()
        == (
            '{"_type":"https://in-toto.io/Statement/v1","predicate":{"approver":{"name":"Bøb","person":"bob"},'
            '"event":"decision","index":7,"log":"gate.example.com/approvals","meaning":"approved",'
            '"nonce":"00000000000000000000000000000000","request":"k3v9q2ab","time":"2026-11-24T18:00:00.123Z"},'
            '"predicateType":"urn:mailgate:event:v1","subject":[{"digest":{"sha256":"'
            + "ab" * 32
            + '"},"name":"k3v9q2ab"}]}'
        ).encode()
    )


def test_a_record_s_own_names_cannot_be_hidden_by_its_body() -> None:
    """A body that says another index, event, request or time is overruled."""
    body = {"log": "x", "index": 9, "event": "x", "request": "x", "time": "x", "nonce": "x", "more": 1}
    predicate = json.loads(record(body=body))["predicate"]
    assert predicate == json.loads(record(body={"more": 1}))["predicate"]


def test_a_record_about_no_request_names_the_log() -> None:
    """Seals and policies belong to no request."""
    assert json.loads(record(request="", digest=b""))["subject"] == [{"name": NAME, "digest": {"sha256": ""}}]


def test_leaves_hash_as_rfc_6962_says() -> None:
    """Section 2.1, with the empty leaf of its test vectors."""
    assert leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert leaf_hash(b"x") == hashlib.sha256(b"\x00x").digest()


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (AT, "2026-11-24T18:00:00.123Z"),
        (AT.replace(microsecond=0), "2026-11-24T18:00:00.000Z"),
        (AT.astimezone(timezone(timedelta(hours=-8))), "2026-11-24T18:00:00.123Z"),
    ],
)
def test_times_are_utc_with_milliseconds(at: datetime, text: str) -> None:
    """RFC 3339; the zone somebody happened to use makes no difference."""
    assert text == format_time(at)


def test_a_time_without_a_zone_is_refused() -> None:
    """It would be read as this machine's, and every machine would sign another instant."""
    with pytest.raises(ValueError, match="zone"):
        format_time(datetime(2026, 11, 24))


PROOF = SIGNER.prove(record(), 7)


def test_the_bytes_of_a_proof_are_fixed() -> None:
    """Four lines: what it is, whose log, where in it, and the Ed25519 signature (deterministic, RFC 8032)."""
    header, name, index, signature, end = PROOF.split("\n")
    assert (header, name, index, end) == ("mailgate-record-signature@v1", NAME, "index 7", "")
    assert signature == "hE2ImXjVu7HEQ8A6BQV6zL+kuIVt6sZ4jLaNvPaiAkHcYFNFrhZ3EzHgb4wG8QiNJ05LFVaudqQ43cPRgIQBCw=="


@settings(deadline=None, max_examples=400)
@given(st.data())
def test_a_change_of_any_byte_is_refused(data: st.DataObject) -> None:
    """One byte of the record or of the proof, put in, taken out or changed: never a record."""
    parts = [record(), PROOF.encode()]
    which = data.draw(st.sampled_from([0, 1]))
    at = data.draw(st.integers(0, len(parts[which]) - 1))
    byte = bytes([data.draw(st.integers(0, 255))])
    kind = data.draw(st.sampled_from(["change", "insert", "delete"]))
    before, after = parts[which][:at], parts[which][at + (kind != "insert") :]
    changed = before + (b"" if kind == "delete" else byte) + after
    if changed == parts[which]:
        return
    parts[which] = changed
    with pytest.raises(Forged, match="does not verify"):
        VERIFIER.read(parts[0], parts[1].decode("latin-1"))


def other_spellings(encoded: str) -> list[str]:
    """Return base64 texts that lax decoders read as the same bytes."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    body = encoded.rstrip("=")
    last = alphabet.index(body[-1])
    near = [body[:-1] + alphabet[last ^ n] + "==" for n in range(1, 16)]
    raw = base64.b64decode(encoded)
    return [s for s in near if base64.b64decode(s) == raw]


def test_a_signature_has_one_spelling() -> None:
    """Python's base64 reads fifteen other texts as the same signature; none of them is a proof."""
    lines = PROOF.split("\n")
    spelled = other_spellings(lines[3])
    assert len(spelled) == 15
    for signature in [*spelled, lines[3].rstrip("="), lines[3] + "=", lines[3] + " ", " " + lines[3]]:
        with pytest.raises(Forged):
            VERIFIER.read(record(), "\n".join([*lines[:3], signature, ""]))


@pytest.mark.parametrize(
    "proof",
    [
        "",
        "\n",
        PROOF.rstrip("\n"),
        PROOF + "\n",
        PROOF.replace("\n", "\r\n"),
        PROOF.replace("index 7", "index 07"),
        PROOF.replace("index 7", "index +7"),
        PROOF.replace("index 7", "index 7 "),
        PROOF.replace("index 7", "index ٧"),
        PROOF.replace("index 7", "7"),
        PROOF.replace("@v1", "@v2"),
        PROOF.replace(NAME, NAME.upper()),
        PROOF + PROOF,
    ],
)
def test_a_proof_has_one_form(proof: str) -> None:
    """Blanks, other line ends, other digits, more lines: refused before any signature is looked at."""
    with pytest.raises(Forged):
        VERIFIER.read(record(), proof)


def test_another_key_another_log_and_another_index_prove_nothing() -> None:
    """A signature counts for one key, one log, one place in it."""
    stranger = LogSigner(NAME, bytes(32))
    with pytest.raises(Forged, match="does not verify"):
        VERIFIER.read(record(), stranger.prove(record(), 7))
    sibling = LogSigner("gate.example.com/other", SEED)
    with pytest.raises(Forged, match="does not verify"):
        VERIFIER.read(record(), sibling.prove(record(), 7))
    with pytest.raises(Forged, match="does not verify"):
        VERIFIER.read(record(), PROOF.replace("index 7", "index 8"))


def test_a_record_that_says_another_index_than_its_proof_is_refused() -> None:
    """Even when the log key signed it: two places for one record would let a log be cut."""
    with pytest.raises(Forged, match="another index"):
        VERIFIER.read(record(), SIGNER.prove(record(), 8))


def test_a_record_that_says_another_log_is_refused() -> None:
    """Even when the log key signed it: it was made for another deployment."""
    foreign = record(log="gate.example.com/other")
    with pytest.raises(Forged, match="another log"):
        VERIFIER.read(foreign, SIGNER.prove(foreign, 7))


@pytest.mark.parametrize(
    "signed",
    [
        b"",
        b"{}",
        b"[]",
        b"5",
        b"null",
        b"\xff",
        b'{"subject":[]}',
        record().replace(b"in-toto", b"in-tutu"),
        record().replace(b"mailgate:event", b"mailgate:other"),
        record().replace(b'"2026-', b'"26-'),
        record().replace(b'"sha256":"ab', b'"sha256":"zz'),
        record().replace(b'"index":7', b'"index":"7"'),
        record().replace(b'"event":"decision"', b'"event":5'),
        record().replace(b"Z", b""),
    ],
)
def test_signed_bytes_that_are_no_record_are_refused_in_one_way(signed: bytes) -> None:
    """Whatever the signer was made to sign, a reader gets Forged and nothing else."""
    with pytest.raises(Forged) as caught:
        VERIFIER.read(signed, SIGNER.prove(signed, 7))
    assert caught.value.hint


def test_the_key_of_the_note_format_s_own_example_is_computed() -> None:
    """The verifier key that golang.org/x/mod/sumdb/note documents, from its published secret key."""
    seed = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
    assert LogSigner("PeterNeumann", seed).vkey == "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"


def test_a_verifier_takes_its_key_with_blanks_around_it() -> None:
    """Files end in a newline."""
    again = LogVerifier(f" {SIGNER.vkey}\n")
    assert (again.name, again.vkey) == (NAME, SIGNER.vkey)
    assert again.read(record(), PROOF).index == 7


def keyed(name: str, algorithm: int, public: bytes, hashed: str | None = None) -> str:
    """Return a verifier key put together by hand."""
    raw = bytes([algorithm]) + public
    known = hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4].hex()
    return f"{name}+{hashed or known}+{base64.b64encode(raw).decode()}"


PUBLIC = base64.b64decode(SIGNER.vkey.split("+", 2)[2])[1:]


@pytest.mark.parametrize(
    "vkey",
    [
        "",
        "x",
        "a+b",
        "+++",
        "näme+00+x",
        SIGNER.vkey[:-1],
        SIGNER.vkey[:-4],
        SIGNER.vkey + "=",
        SIGNER.vkey.replace("approvals", "approval"),
        SIGNER.vkey.replace("/", "_"),
        SIGNER.vkey + "\n" + SIGNER.vkey,
        keyed(NAME, 2, PUBLIC),
        keyed(NAME, 1, PUBLIC[:-1]),
        keyed(NAME, 1, PUBLIC + b"\x00"),
        keyed(NAME, 1, PUBLIC, "00000000"),
        keyed(NAME, 1, PUBLIC, keyed(NAME, 1, PUBLIC).split("+")[1].upper()),
        keyed("", 1, PUBLIC),
        keyed("two words", 1, PUBLIC),
        keyed("two\nlines", 1, PUBLIC),
    ],
)
def test_a_damaged_verifier_key_is_one_sentence(vkey: str) -> None:
    """Cut, mistyped, of another algorithm or name: the operator is told to copy it again."""
    with pytest.raises(
        ValueError, match=r"^The log's public key is damaged; copy log\.vkey from the serving side again\.$"
    ):
        LogVerifier(vkey)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb", "a\u2028b"])
def test_a_log_s_name_is_one_word_without_plus(name: str) -> None:
    """C2SP signed-note: otherwise its verifier key could not be read back."""
    with pytest.raises(ValueError, match="name"):
        LogSigner(name, SEED)


@pytest.mark.parametrize("length", [0, 31, 33, 64])
def test_a_seed_has_32_bytes(length: int) -> None:
    """RFC 8032 section 5.1.5."""
    with pytest.raises(ValueError, match="32"):
        LogSigner(NAME, bytes(length))


def test_what_json_cannot_hold_never_becomes_a_record() -> None:
    """NaN would be written as a word that is no JSON, and strict readers would stop there."""
    with pytest.raises(ValueError, match="JSON"):
        record(body={"rate": float("nan")})
