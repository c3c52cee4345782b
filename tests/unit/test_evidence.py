"""The log key's word: what a checkpoint of it proves is read, and nothing else is."""

from __future__ import annotations

import base64
import hashlib
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailgate.errors import Forged
from mailgate.model.evidence import LogSigner, LogVerifier, leaf_hash, verify_ed25519
from mailgate.model.notes import Checkpoint, parse_proof, parse_signed_checkpoint
from mailgate.model.stamps import Stamp
from mailgate.service.ledger import BatchVerifier
from tests.ledger import NAME, prove, record, whole_log

SEED = bytes(range(32))
SIGNER = LogSigner(NAME, SEED)
VERIFIER = LogVerifier(SIGNER.vkey)
PROOF = prove(SIGNER, record(), 7)


def test_a_proven_record_is_read_back() -> None:
    """What was recorded comes back with its index, event, request, digest, time and body."""
    read = VERIFIER.read(record(), PROOF)
    assert (read.index, read.event, read.request, read.digest) == (7, "decision", "k3v9q2ab", b"\xab" * 32)
    assert read.at == datetime(2026, 11, 24, 18, 0, 0, 123000, tzinfo=UTC)
    assert read.body["approver"] == {"person": "bob", "name": "Bøb"}


def test_the_bytes_of_a_proof_are_fixed() -> None:
    """A golden proof: index, three hashes, name, size, root, and the Ed25519 signature (deterministic, RFC 8032)."""
    assert PROOF.split("\n") == [
        "c2sp.org/tlog-proof@v1",
        "index 7",
        "5/bAEXdujbfNMwtUF0/Xb30CFrYSOHpf/PuB5vCRloM=",
        "3aIVgWTNTV1mjBv6v3UFnRr8naGME3WQB6Oi9XSpdl8=",
        "6Ptp0HUjUn9gDh/SiLm+bdIQQx4s/Q8t/HV2tRPsnnc=",
        "",
        "gate.example.com/approvals",
        "8",
        "/rDg7MI89dQXL84ZUcyznIB1I74s833gCvFw9r8jzuk=",
        "",
        "— gate.example.com/approvals "
        "mzKCvvkrIV7SQiEH/Zyon+/taHuZd7AWfANcL/bE5u7ZzdMkKX1kepTIXMTF7FWyjTdMnYCTGMtBADg03ngECYV5bw8=",
        "",
    ]


def test_leaves_hash_as_rfc_6962_says() -> None:
    """Section 2.1, with the empty leaf of its test vectors."""
    assert leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert leaf_hash(b"x") == hashlib.sha256(b"\x00x").digest()


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
    with pytest.raises(Forged):
        VERIFIER.read(parts[0], parts[1].decode("utf-8", "surrogateescape"))


@pytest.mark.parametrize("size", [1, 2, 3, 8, 13])
def test_a_proof_is_good_for_its_own_record_only(size: int) -> None:
    """Grafted onto any other record of the same log, under the same checkpoint or another one, it proves nothing."""
    log, later = whole_log(SIGNER, size), whole_log(SIGNER, size + 3)
    pairs = log + later
    for record_, own in pairs:
        assert VERIFIER.read(record_, own).request
    for number, (record_, _) in enumerate(log):
        own = {log[number][1], later[number][1]}
        for _, proof in pairs:
            if proof not in own:
                with pytest.raises(Forged, match="does not lead"):
                    VERIFIER.read(record_, proof)


def test_a_path_under_another_checkpoint_proves_nothing() -> None:
    """Neither a smaller log's checkpoint nor a larger one's goes with a path that was made for another."""
    small, large = (parse_proof(whole_log(SIGNER, size)[4][1]) for size in (6, 11))
    for path, checkpoint in ((small.path, large.checkpoint), (large.path, small.checkpoint)):
        mixed = replace(small, path=path, checkpoint=checkpoint)
        with pytest.raises(Forged, match="does not lead"):
            VERIFIER.read(whole_log(SIGNER, 6)[4][0], mixed.format())


def test_another_key_and_another_log_prove_nothing() -> None:
    """A checkpoint counts for one log, under its own key."""
    with pytest.raises(Forged, match="not signed by the log's key"):
        VERIFIER.read(record(), prove(LogSigner(NAME, bytes(32)), record(), 7))
    sibling = LogSigner("gate.example.com/other", SEED)
    with pytest.raises(Forged, match="another log"):
        VERIFIER.read(record(), prove(sibling, record(), 7))


def test_another_name_over_the_log_s_own_signature_proves_nothing() -> None:
    """What the key signed under one origin is not its word under another, whoever's name stands before the signature."""
    note = parse_signed_checkpoint(parse_proof(PROOF).checkpoint)
    for origin in ("gate.example.com/other", NAME.upper()):
        moved = replace(note, checkpoint=replace(note.checkpoint, origin=origin)).format()
        with pytest.raises(Forged, match="another log"):
            VERIFIER.read_checkpoint(moved)


def test_a_record_that_says_another_index_than_its_proof_is_refused() -> None:
    """Even when the log key signed it: two places for one record would let a log be cut."""
    with pytest.raises(Forged, match="another index"):
        VERIFIER.read(record(), prove(SIGNER, record(), 8))


def test_a_record_that_says_another_log_is_refused() -> None:
    """Even when the log key signed it: it was made for another deployment."""
    foreign = record(log="gate.example.com/other")
    with pytest.raises(Forged, match="made for another log"):
        VERIFIER.read(foreign, prove(SIGNER, foreign, 7))


@pytest.mark.parametrize("signed", [b"", b"{}", b"\xff", record().replace(b'"index":7', b'"index":"7"')])
def test_proven_bytes_that_are_no_record_are_refused_in_one_way(signed: bytes) -> None:
    """Whatever the signer was made to sign, a reader gets Forged and nothing else."""
    with pytest.raises(Forged) as caught:
        VERIFIER.read(signed, prove(SIGNER, signed, 7))
    assert caught.value.hint


# Rotation: the keys of one log, one after another.

OLD, NEW = SIGNER, LogSigner(NAME, bytes(reversed(range(32))))
BOTH = LogVerifier(f"{OLD.vkey}\n{NEW.vkey}\n")


def test_records_under_an_older_key_are_still_read() -> None:
    """After a rotation old checkpoints count by the old key and new ones by the new; the newest key is named."""
    for signer in (OLD, NEW):
        assert BOTH.read(record(), prove(signer, record(), 7)).index == 7
    assert (BOTH.name, BOTH.vkey) == (NAME, NEW.vkey)
    assert [key.format() for key in BOTH.keys] == [OLD.vkey, NEW.vkey]


def test_a_key_that_is_not_known_signs_nothing() -> None:
    """Who has the old key only does not read on, and who has the new one only does not read back."""
    for known, signer in ((OLD, NEW), (NEW, OLD)):
        with pytest.raises(Forged, match="not signed"):
            LogVerifier(known.vkey).read(record(), prove(signer, record(), 7))


def lines_of(*notes: str) -> list[str]:
    """Return the signature lines of several notes."""
    return [line for note in notes for line in note.partition("\n\n")[2].splitlines(keepends=True)]


def test_a_checkpoint_signed_by_both_keys_counts() -> None:
    """At a rotation one checkpoint may bear both signatures; whoever has either key, or both, reads it."""
    root = hashlib.sha256(b"x").digest()
    old, new = OLD.sign(9, root), NEW.sign(9, root)
    note = old + "".join(lines_of(new))
    for verifier in (BOTH, LogVerifier(OLD.vkey), LogVerifier(NEW.vkey)):
        assert verifier.read_checkpoint(note) == Checkpoint(origin=NAME, size=9, root=root)


def test_a_wrong_signature_of_a_known_key_spoils_the_checkpoint() -> None:
    """Beside a right one, too (signed-note, "Signatures"): something is wrong there, and in doubt nothing counts."""
    root = hashlib.sha256(b"x").digest()
    right, wrong = OLD.sign(9, root), lines_of(NEW.sign(8, root), OLD.sign(9, root))
    for line in wrong:
        with pytest.raises(Forged, match="not signed"):
            BOTH.read_checkpoint(right + line)
    assert LogVerifier(OLD.vkey).read_checkpoint(right + wrong[0]).size == 9  # a key that this reader does not know


def test_more_checkpoints_than_are_remembered_are_read() -> None:
    """Remembering right ones makes reading quicker and nothing else."""
    verifier = LogVerifier(SIGNER.vkey)
    notes = [SIGNER.sign(size, hashlib.sha256(str(size).encode()).digest()) for size in range(600)]
    for note in [*notes, *reversed(notes)]:
        assert verifier.read_checkpoint(note).size == int(note.split("\n")[1])
    with pytest.raises(Forged):
        verifier.read_checkpoint(notes[7].replace("\n7\n", "\n8\n"))


# What the keeper is still building.


def test_the_keeper_believes_what_it_has_just_built() -> None:
    """Until its checkpoint is signed, a record of this batch is read as it is; any other one needs its proof."""
    batch = BatchVerifier(BOTH)
    batch.note(record())
    assert batch.read(record(), "").index == 7
    other = record(index=8)
    with pytest.raises(Forged):
        batch.read(other, "")
    with pytest.raises(Forged):
        batch.read(record().replace(b"approved", b"rejected"), "")
    for signer in (OLD, NEW):
        assert batch.read(other, prove(signer, other, 8)).index == 8
    assert [key.format() for key in batch.keys] == [OLD.vkey, NEW.vkey]
    assert (batch.name, batch.vkey) == (NAME, NEW.vkey)


# The stamp of a mail.

STAMP = Stamp(
    log=NAME,
    leaves=(leaf_hash(b"a"), leaf_hash(b"b")),
    sender="approvals@gate.example.com",
    recipient="bob@example.com",
    subject="[approvals] pay R-1",
    date="2026-11-24T18:00:00.000Z",
    shown="ab" * 32,
)


def test_a_stamp_counts_under_any_of_the_log_s_keys() -> None:
    """Before and after a rotation; by no other key, and over no other text."""
    for signer in (OLD, NEW):
        assert BOTH.has_stamped(STAMP, signer.stamp(STAMP))
    assert not BOTH.has_stamped(STAMP, LogSigner(NAME, bytes(32)).stamp(STAMP))
    assert not BOTH.has_stamped(STAMP, SIGNER._key.sign(STAMP.text() + b"\n"))


@pytest.mark.parametrize(
    "changes",
    [
        {"log": "gate.example.com/other"},
        {"leaves": STAMP.leaves[:1]},
        {"leaves": STAMP.leaves[::-1]},
        {"leaves": ()},
        {"sender": "eve@gate.example.com"},
        {"recipient": "eve@example.com"},
        {"subject": "[approvals] pay R-2"},
        {"date": "2026-11-24T18:00:01.000Z"},
        {"shown": ""},
        {"sender": STAMP.sender + "\n" + STAMP.recipient, "recipient": STAMP.subject},
        {"subject": "a\rb"},
        {"subject": "\ud800"},
    ],
    ids=str,
)
def test_a_stamp_binds_each_of_its_parts(changes: dict[str, Any]) -> None:
    """What was changed in any one of them is not what was signed; what could never be signed is not either."""
    assert not BOTH.has_stamped(replace(STAMP, **changes), SIGNER.stamp(STAMP))


def test_a_stamp_of_another_log_is_not_signed() -> None:
    """The key speaks for its own log."""
    with pytest.raises(ValueError, match="another log"):
        SIGNER.stamp(replace(STAMP, log="gate.example.com/other"))


@pytest.mark.parametrize(("public", "signature"), [(31, 64), (33, 64), (0, 64), (32, 63), (32, 65), (32, 0)])
def test_keys_and_signatures_of_other_lengths_verify_nothing(public: int, signature: int) -> None:
    """They are wrong, not an accident."""
    assert not verify_ed25519(bytes(public), bytes(signature), b"x")


# Keys as text.


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
        SIGNER.vkey + "\nx",
        SIGNER.vkey + "\n" + LogSigner("gate.example.com/other", SEED).vkey,
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
    """Cut, mistyped, of another algorithm or name, or of two logs: the operator is told to copy it again."""
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


# Random tampers.

Pair = tuple[bytes, str]
CAMPAIGN = [*whole_log(SIGNER, 23), *whole_log(SIGNER, 40), *whole_log(NEW, 31)]
SPELLED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


def change_byte(raw: bytes, other: bytes, chance: random.Random) -> bytes:
    """Change one byte, put one in, or take one out."""
    at, byte = chance.randrange(len(raw)), bytes([chance.randrange(256)])
    return raw[:at] + chance.choice([byte, byte + raw[at : at + 1], b""]) + raw[at + 1 :]


def change_letter(raw: bytes, other: bytes, chance: random.Random) -> bytes:
    """Write another letter, digit or sign of base64 where one stands: what is read as the same, or as a near thing."""
    places = [at for at, byte in enumerate(raw) if chr(byte) in SPELLED]
    at = chance.choice(places)
    return raw[:at] + chance.choice(SPELLED).encode() + raw[at + 1 :]


def change_end(raw: bytes, other: bytes, chance: random.Random) -> bytes:
    """Spell the last letter before the padding of a hash or signature anew."""
    places = [at - 1 for at, byte in enumerate(raw) if byte == ord("=") and raw[at - 1] != ord("=")] or [0]
    at = chance.choice(places)
    return raw[:at] + SPELLED[SPELLED.find(chr(raw[at])) ^ chance.randrange(1, 4)].encode() + raw[at + 1 :]


def change_line(raw: bytes, other: bytes, chance: random.Random) -> bytes:
    """Leave out, double, exchange or empty lines, or take one of another proof or record."""
    lines, foreign = raw.split(b"\n"), other.split(b"\n")
    at, to = chance.randrange(len(lines)), chance.randrange(len(lines))
    chance.choice(
        [
            lambda: lines.pop(at),
            lambda: lines.insert(to, lines[at]),
            lambda: lines.__setitem__(slice(None), [*lines[:at], lines[to], *lines[at + 1 :]]),
            lambda: lines.insert(at, b""),
            lambda: lines.__setitem__(at, chance.choice(foreign)),
            lambda: lines.insert(at, chance.choice(foreign)),
            lambda: lines.__setitem__(at, lines[at] + chance.choice([b" ", b"\r", b"\t", b"="])),
        ]
    )()
    return b"\n".join(lines)


def splice(raw: bytes, other: bytes, chance: random.Random) -> bytes:
    """Go on in another proof or record at the same place."""
    at = chance.randrange(len(raw))
    return chance.choice([raw[:at] + other[at:], other[:at] + raw[at:], other])


TAMPERS: list[Callable[[bytes, bytes, random.Random], bytes]] = [
    change_byte,
    change_letter,
    change_end,
    change_line,
    splice,
]


def tampered(count: int, seed: int) -> Iterator[tuple[str, Pair]]:
    """Yield pairs of record and proof of which one was tampered with, once, each with the name of what was done to it."""
    chance, genuine = random.Random(seed), set(CAMPAIGN)
    while count:
        (raw, proof), (other_raw, other_proof) = chance.choice(CAMPAIGN), chance.choice(CAMPAIGN)
        tamper = chance.choice(TAMPERS)
        if chance.random() < 0.35:
            pair = (tamper(raw, other_raw, chance), proof)
        else:
            changed = tamper(proof.encode(), other_proof.encode(), chance)
            pair = (raw, changed.decode("utf-8", "surrogateescape"))
        if pair not in genuine:
            count -= 1
            yield tamper.__name__, pair


def accepted(count: int, seed: int) -> list[tuple[str, Pair]]:
    """Return which of ``count`` tampered pairs a verifier takes."""
    taken = []
    for name, (raw, proof) in tampered(count, seed):
        try:
            BOTH.read(raw, proof)
        except Forged:
            continue
        taken.append((name, (raw, proof)))
    return taken


def test_the_campaign_s_pairs_are_genuine() -> None:
    """Untouched, every record is read by its proof."""
    assert [BOTH.read(*pair).index for pair in CAMPAIGN] == [*range(23), *range(40), *range(31)]


def test_no_random_tamper_is_accepted() -> None:
    """20,000 records and proofs with a byte, a letter, a line or a part changed or exchanged: none is read."""
    assert accepted(20_000, seed=1) == []


@pytest.mark.slow
def test_no_random_tamper_is_accepted_in_ten_times_as_many() -> None:
    """200,000 of them."""
    assert accepted(200_000, seed=2) == []
