"""Checkpoints, keys and proofs as text: the forms of three C2SP specifications, and no other spelling of the same thing."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailgate.model.evidence import verify_ed25519
from mailgate.model.notes import (
    Checkpoint,
    NoteKey,
    Proof,
    SignedCheckpoint,
    can_name_a_log,
    parse_note_key,
    parse_proof,
    parse_signed_checkpoint,
)

# The example of c2sp.org/tlog-checkpoint.
NOTE = """example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
"""

# The example of c2sp.org/tlog-proof without what it leaves out itself, and on the checkpoint above.
PROOF = f"""c2sp.org/tlog-proof@v1
index 73894
gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=
B95lDa8R83lS8n0eG+o0buTxRKQTYFi//1U8anccXmA=
EKNzoDWG8LGC0Yp9o+sv3qllpMP9uHQ9B20KNL+Q1zs=
RoopEkOdqkYqMB4MJXrbt/hMjOxsVn0IrWjpz1ZMMes=
AHCioX9nLjsrse6YhjRRmk1WUEirVOLLRoOQ6vfO5vk=

{NOTE}"""

GO = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
"""The key of Go's checksum database, as every Go program has it."""


def test_the_specification_s_checkpoint_is_read() -> None:
    """Origin, size, root and the one signature line, and written as it was."""
    signed = parse_signed_checkpoint(NOTE)
    assert (signed.checkpoint.origin, signed.checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert signed.checkpoint.root.hex() == "0ac5186a91863e8e1d90c808014aa89bf5da8e3ee1d9f07630f0378f68f1ab62"
    [(name, key_id, signature)] = signed.signatures
    assert (name, key_id.hex(), len(signature)) == ("example.com/behind-the-sofa", "033de0ae", 64)
    assert signed.format() == NOTE


def test_the_specification_s_proof_is_read() -> None:
    """Index, hashes from the leaf up, checkpoint, and written as it was."""
    proof = parse_proof(PROOF)
    assert (proof.index, len(proof.path), proof.checkpoint) == (73894, 5, NOTE)
    assert proof.path[0].hex().startswith("8122b25e8619")
    assert proof.path[4].hex().endswith("f7cee6f9")
    assert proof.format() == PROOF


def test_a_real_log_s_signature_is_over_the_text_of_its_checkpoint() -> None:
    """The example's signature is that of Go's checksum database over its own name; with its key, this text verifies."""
    signed, key = parse_signed_checkpoint(NOTE), parse_note_key(GO)
    [(_, key_id, signature)] = signed.signatures
    text = Checkpoint(origin="go.sum database tree", size=20852163, root=signed.checkpoint.root).text().encode()
    assert key_id == key.id
    assert verify_ed25519(key.public, signature, text)
    assert not verify_ed25519(key.public, signature, signed.checkpoint.text().encode())


@pytest.mark.parametrize(
    "text", [GO, "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"], ids=lambda t: t.split("+")[0]
)
def test_known_keys_are_read_and_written(text: str) -> None:
    """Those of Go's checksum database, and of the example of its note format."""
    key = parse_note_key(text)
    assert key.format() == text
    assert (key.name, key.id.hex()) == tuple(text.split("+")[:2])


def other_spellings(encoded: str) -> Iterator[str]:
    """Yield base64 texts that lax readers take for the same bytes, and some that only look like it."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    body, padding = encoded.rstrip("="), encoded[len(encoded.rstrip("=")) :]
    spare = {0: 0, 1: 2, 2: 4}[len(padding)]
    yield from (body[:-1] + alphabet[alphabet.index(body[-1]) ^ n] + padding for n in range(1, 1 << spare))
    yield from (body, body[:-1] + padding, encoded + "=", encoded + " ", " " + encoded, encoded + "AAAA")
    yield encoded[:8] + "\n" + encoded[8:]
    urlsafe = encoded.replace("+", "-").replace("/", "_")
    if urlsafe != encoded:
        yield urlsafe


def encodings(text: str) -> list[str]:
    """Return every piece of base64 in a note or proof."""
    return [word for word in text.split() if word.endswith("=")]


@pytest.mark.parametrize("encoded", encodings(PROOF), ids=lambda e: e[:8])
def test_hashes_and_signatures_have_one_spelling(encoded: str) -> None:
    """Python's base64 reads three other texts as the same hash. Neither these nor any other near one is taken."""
    spelled = list(other_spellings(encoded))
    assert sum(base64.b64decode(other) == base64.b64decode(encoded) for other in spelled[:3]) == 3
    for other in spelled:
        with pytest.raises(ValueError):
            parse_strictly(PROOF.replace(encoded, other))


def parse_strictly(text: str) -> SignedCheckpoint:
    """Read a proof and the checkpoint in it."""
    return parse_signed_checkpoint(parse_proof(text).checkpoint)


BAD_NUMBERS = ["", "-1", "+5", "05", "00", " 5", "5 ", "5.0", "5e3", "0x5", "٥", "５", "1_0", "5,0", "1" + "0" * 19]


@pytest.mark.parametrize("number", BAD_NUMBERS)
def test_numbers_have_one_spelling(number: str) -> None:
    """ASCII digits without leading zeros, of a size that 64 bits hold."""
    for text in (PROOF.replace("index 73894", f"index {number}"), PROOF.replace("\n20852163\n", f"\n{number}\n")):
        with pytest.raises(ValueError):
            parse_strictly(text)


@pytest.mark.parametrize("number", ["0", "1", "9" * 19])
def test_small_and_large_numbers_are_read(number: str) -> None:
    """A log may be empty, and may be larger than any that will be."""
    text = PROOF.replace("index 73894", f"index {number}").replace("\n20852163\n", f"\n{number}\n")
    assert (parse_proof(text).index, parse_strictly(text).checkpoint.size) == (int(number), int(number))


ROOT, SIGNATURE = NOTE.split("\n")[2], NOTE.split("\n")[4]
FIRST = PROOF.split("\n")[2]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\n", "\r\n"),
        ("\n\n", "\n\n\n"),
        ("\n\n", "\n \n"),
        ("\n\n—", "\n—"),
        (ROOT, f"{ROOT}\nan extension line"),
        (ROOT, f"{ROOT}\n\nan extension line"),
        ("20852163\n", ""),
        (f"{ROOT}\n", ""),
        ("example.com/behind-the-sofa\n", ""),
        ("example.com/behind-the-sofa\n", "\n"),
        ("example.com/behind-the-sofa\n", "example.com/behind the sofa\n"),
        ("example.com/behind-the-sofa\n", "example.com/behind+the+sofa\n"),
        ("example.com/behind-the-sofa\n", "example.com/behind-the-sofa \n"),
        ("example.com/behind-the-sofa\n", "example.com/behind-the-sofa\x00\n"),
        ("example.com/behind-the-sofa\n", "\ufeffexample.com/behind-the-sofa\n"),
        ("— ", "– "),
        ("— ", "- "),
        ("— ", "-- "),
        ("— ", "― "),
        ("— ", "—"),
        ("— ", "—  "),
        ("— ", "—\u00a0"),
        ("— ", " — "),
        ("— ", ""),
        ("— example.com/behind-the-sofa ", "— "),
        ("— example.com/behind-the-sofa ", "—  "),
        ("— example.com/behind-the-sofa ", "— example.com/behind+the+sofa "),
        ("— example.com/behind-the-sofa ", "— example.com/behind-the-sofa  "),
        (SIGNATURE, ""),
        (SIGNATURE, f"{SIGNATURE} "),
        (SIGNATURE, f"{SIGNATURE}\n"),
        (SIGNATURE, f"{SIGNATURE}\n\n{SIGNATURE}"),
        (SIGNATURE, f"{SIGNATURE}\na line of another kind"),
        (SIGNATURE, "— example.com/behind-the-sofa Az3grg=="),
        (SIGNATURE, "— example.com/behind-the-sofa Az3g"),
        (f"{SIGNATURE}\n", SIGNATURE),
    ],
)
def test_a_checkpoint_has_one_form(old: str, new: str) -> None:
    """Other line ends, blank lines, blanks, dashes, extension lines, names that are none, signatures without a signature."""
    assert old in NOTE
    with pytest.raises(ValueError):
        parse_signed_checkpoint(NOTE.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("\n", "\r\n"),
        ("tlog-proof@v1", "tlog-proof@v2"),
        ("c2sp.org", "C2SP.org"),
        ("c2sp.org", " c2sp.org"),
        ("c2sp.org", "\ufeffc2sp.org"),
        ("c2sp.org", "\nc2sp.org"),
        ("@v1\n", "@v1 \n"),
        ("@v1\n", "@v1\n\n"),
        ("@v1\n", "@v1\nextra YWdl\n"),
        ("@v1\n", "@v1\nextra \n"),
        ("index 73894\n", ""),
        ("index 73894", "73894"),
        ("index 73894", "Index 73894"),
        ("index 73894", "index  73894"),
        ("index 73894", "index\t73894"),
        ("index 73894", "index index 73894"),
        ("index 73894\n", "index 73894\nindex 73894\n"),
        ("index 73894\n", "index 73894\n\n"),
        (f"{FIRST}\n", f"{FIRST} {FIRST}\n"),
        (f"{FIRST}\n", f"{FIRST}\n" * 64),
        (f"{FIRST}\n", "AAAA\n"),
        ("\n\nexample", "\nexample"),
        ("\n\nexample", "\n\n\nexample"),
        ("\n\nexample", "\nextra YWdl\n\nexample"),
    ],
)
def test_a_proof_has_one_form(old: str, new: str) -> None:
    """Other line ends, headers, blanks, numbers of lines; also the extra data that the format allows and nobody vouches for."""
    assert old in PROOF
    with pytest.raises(ValueError):
        parse_strictly(PROOF.replace(old, new, 1 if old != "\n" else -1))


@pytest.mark.parametrize(
    "text", ["", "\n", "\n\n", "\n\n\n", "index 0", "a\n1\n\n", "c2sp.org/tlog-proof@v1", "\ud800"]
)
def test_scraps_are_nothing(text: str) -> None:
    """What is no note, proof or key is refused in one way."""
    for parse in (parse_signed_checkpoint, parse_proof, parse_note_key):
        with pytest.raises(ValueError):
            parse(text)


def test_sixteen_signatures_are_read_and_no_more() -> None:
    """A verifier must accept as many (signed-note, "Format"), and needs some limit."""
    assert len(parse_signed_checkpoint(NOTE.replace(SIGNATURE, "\n".join([SIGNATURE] * 16))).signatures) == 16
    with pytest.raises(ValueError):
        parse_signed_checkpoint(NOTE.replace(SIGNATURE, "\n".join([SIGNATURE] * 17)))


KEY = NoteKey(name="log.example/a", public=bytes(range(32)))
RIGHT = b"r" * 64


def is_right(public: bytes, signature: bytes, text: bytes) -> bool:
    """Stand in for Ed25519: there is one right signature, by one key over one text."""
    return (public, signature, text) == (KEY.public, RIGHT, HEAD.text().encode())


HEAD = Checkpoint(origin=KEY.name, size=7, root=b"x" * 32)


def signed_by(*signatures: tuple[str, bytes, bytes]) -> bool:
    """Return whether a checkpoint with these signature lines counts as signed by :data:`KEY`."""
    return SignedCheckpoint(checkpoint=HEAD, signatures=signatures).is_signed_by(KEY, is_right)


def test_a_checkpoint_is_signed_by_the_key_whose_name_and_id_stand_there() -> None:
    """Signatures of other keys are ignored (signed-note, "Signatures"): one who cosigns takes nothing away."""
    ours, theirs = (KEY.name, KEY.id, RIGHT), ("witness.example", b"wwww", b"?" * 64)
    assert signed_by(ours)
    assert signed_by(theirs, ours)
    assert signed_by((KEY.name, b"wwww", b"?" * 64), ours, ("witness.example", KEY.id, b"?" * 64))


@pytest.mark.parametrize(
    "signatures",
    [
        [],
        [(KEY.name, KEY.id, b"?" * 64)],
        [(KEY.name, KEY.id, RIGHT)] * 2,
        [(KEY.name, KEY.id, RIGHT), (KEY.name, KEY.id, b"?" * 64)],
        [(KEY.name, KEY.id, b"?" * 64), (KEY.name, KEY.id, RIGHT)],
        [("log.example/b", KEY.id, RIGHT)],
        [(KEY.name, b"wwww", RIGHT)],
    ],
)
def test_a_checkpoint_with_another_signature_is_not_signed(signatures: list[Any]) -> None:
    """None, a wrong one, the right one twice or beside a wrong one, or under another name or id."""
    assert not signed_by(*signatures)


@pytest.mark.parametrize("name", ["log", "gate.example.com/approvals", "bücher.example/ß", "a/b?c=d&e", "—"])
def test_names_of_logs(name: str) -> None:
    """One printable word, in any script."""
    assert can_name_a_log(name)


@pytest.mark.parametrize(
    "name", ["", " ", "a b", "a+b", "+", "a\nb", "a\tb", "a\u00a0b", "a\u2028b", "a\u3000b", "\x7f", "a\u200bb"]
)
def test_what_cannot_name_a_log(name: str) -> None:
    """Blanks of any script, plus signs, what does not show itself: it could not be read back, or be taken for another."""
    assert not can_name_a_log(name)


NAMES = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="+"), min_size=1, max_size=20).filter(
    can_name_a_log
)
HASHES = st.binary(min_size=32, max_size=32)
SIZES = st.integers(0, 10**19 - 1)
CHECKPOINTS = st.builds(Checkpoint, origin=NAMES, size=SIZES, root=HASHES)
LINES = st.tuples(NAMES, st.binary(min_size=4, max_size=4), st.binary(min_size=1, max_size=80))
SIGNED = st.builds(
    SignedCheckpoint, checkpoint=CHECKPOINTS, signatures=st.lists(LINES, min_size=1, max_size=4).map(tuple)
)
PROOFS = st.builds(
    Proof,
    index=SIZES,
    path=st.lists(HASHES, max_size=63).map(tuple),
    checkpoint=SIGNED.map(SignedCheckpoint.format) | st.text(),
)
KEYS = st.builds(NoteKey, name=NAMES, public=HASHES)

FORMS: list[tuple[Callable[[str], Any], st.SearchStrategy[Any]]] = [
    (parse_signed_checkpoint, SIGNED),
    (parse_proof, PROOFS),
    (parse_note_key, KEYS),
]


@pytest.mark.parametrize(("parse", "values"), FORMS, ids=["checkpoint", "proof", "key"])
def test_what_is_written_is_read_back(parse: Callable[[str], Any], values: st.SearchStrategy[Any]) -> None:
    """Every checkpoint, proof and key that there can be."""

    @settings(deadline=None)
    @given(values)
    def comes_back(value: Any) -> None:
        assert parse(value.format()) == value

    comes_back()


PIECES = st.sampled_from(
    [*"\n\r\t =+-/A0a9—–é\x00\u2028\ufeff\u0665", "\n\n", "\r\n", "==", "— ", "index ", "extra YWdl\n"]
)


@pytest.mark.parametrize(("parse", "values"), FORMS, ids=["checkpoint", "proof", "key"])
def test_what_is_read_has_one_form(parse: Callable[[str], Any], values: st.SearchStrategy[Any]) -> None:
    """However a text was changed: either it is refused, or writing what was read gives the very same text."""

    @settings(deadline=None, max_examples=300)
    @given(values, st.data())
    def one_form(value: Any, data: st.DataObject) -> None:
        text = value.format()
        for _ in range(data.draw(st.integers(1, 3))):
            at = data.draw(st.integers(0, len(text)))
            text = text[:at] + data.draw(PIECES | st.just("")) + text[at + data.draw(st.integers(0, 2)) :]
        try:
            read = parse(text)
        except ValueError:
            return
        assert read.format() == text

    one_form()
