"""What the site states about a sender: only the person who logged in can get a pass, and nobody can write one."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.headerregistry import AddressHeader

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailgate.sandbox.headers import MESSAGE_ID, field_name, split_message, values_of, write_field
from mailgate.sandbox.stamp import Submission, authentication_results, delivered

ID, GATE, ALICE = "mx.sandbox.test", "approvals@sandbox.test", "alice@sandbox.test"
AT = datetime(2026, 11, 3, 14, 2, tzinfo=UTC)


def submission(header: str | bytes, *, login: str = ALICE, envelope_from: str = ALICE, hello: str = "pc") -> Submission:
    """Return a mail with this header block, handed in by ``login``."""
    block = header if isinstance(header, bytes) else header.encode()
    return Submission(
        login=login,
        envelope_from=envelope_from,
        hello=hello,
        queue_id="Q1",
        received_at=AT,
        raw=block + b"\r\nbody\r\n",
    )


def verdict(mail: Submission) -> str:
    """Return the site's own field for ``mail``, without its name."""
    field = authentication_results(mail, authserv_id=ID, gate_address=GATE)
    return field.decode().partition(": ")[2].strip()


def stored(mail: Submission, recipient: str = GATE) -> bytes:
    """Return ``mail`` as it lies in the recipient's mailbox."""
    return delivered(mail, recipient=recipient, authserv_id=ID, gate_address=GATE)


@pytest.mark.parametrize(
    "value",
    [
        "alice@sandbox.test",
        "<alice@sandbox.test>",
        "Alice Adams <Alice@Sandbox.TEST>",
        '"Adams, Alice" <alice@sandbox.test>',
        "=?utf-8?q?=C3=84lice?= <alice@sandbox.test>",
        "Alice\r\n Adams <alice@sandbox.test>",
    ],
)
def test_own_address_passes(value: str) -> None:
    """Who logged in and writes under the own address, in envelope and header, passes."""
    assert f"{ID}; dmarc=pass header.from=sandbox.test" == verdict(submission(f"From: {value}\r\n"))


@pytest.mark.parametrize(
    "header",
    [
        "",
        "From: \r\n",
        "From: bob@sandbox.test\r\n",
        "From: alice@sandbox.test, bob@sandbox.test\r\n",
        "From: alice@sandbox.test <bob@sandbox.test>\r\n",
        "From: bob@sandbox.test <alice@sandbox.test>\r\n",
        "From: <@evil.test:alice@sandbox.test>\r\n",
        "From: us: alice@sandbox.test;\r\n",
        "From: alice@sandbox.test;bob@sandbox.test\r\n",
        "From: alice@sandbox.test (bob@sandbox.test)\r\n",
        "From: alice@sandbox.test\r\nFrom: bob@sandbox.test\r\n",
        "From: bob@sandbox.test\r\nfrom : alice@sandbox.test\r\n",
        "From: \N{CYRILLIC SMALL LETTER A}lice@sandbox.test\r\n",
        "From: alice@sandbox.test\x00\r\n",
        'From: "\x00" <alice@sandbox.test>\r\n',
        "From: alice@sandbox.test\rFrom: bob@sandbox.test\r\n",
        f"From: {'a' * 999} <alice@sandbox.test>\r\n",
    ],
)
def test_doubtful_author_fails(header: str) -> None:
    """A From that is missing, doubled, somebody else's or not one plain address does not pass."""
    assert verdict(submission(header)).startswith(f"{ID}; dmarc=fail")


@pytest.mark.parametrize("envelope_from", ["bob@sandbox.test", "alice+x@sandbox.test", ""])
def test_foreign_envelope_fails(envelope_from: str) -> None:
    """A person passes only with exactly the own address as envelope sender."""
    assert "dmarc=fail" in verdict(submission("From: alice@sandbox.test\r\n", envelope_from=envelope_from))


@pytest.mark.parametrize("envelope_from", [GATE, "approvals+b.k3j5@sandbox.test", "Approvals+X@sandbox.test", ""])
def test_gate_passes_from_its_bounce_addresses(envelope_from: str) -> None:
    """The gate's login may send from tagged addresses of its own and with the null return path."""
    mail = submission(f"From: Approvals <{GATE}>\r\n", login=GATE, envelope_from=envelope_from)
    assert "dmarc=pass" in verdict(mail)


@pytest.mark.parametrize("envelope_from", [ALICE, "approvals+x@elsewhere.test"])
def test_gate_fails_with_an_envelope_of_others(envelope_from: str) -> None:
    """The gate's freedom ends at its own address."""
    mail = submission(f"From: Approvals <{GATE}>\r\n", login=GATE, envelope_from=envelope_from)
    assert "dmarc=fail" in verdict(mail)


@given(
    st.lists(st.sampled_from([*"ab<>@,;:\"'()\\ .=?_[]\t", ALICE, "bob@sandbox.test"]), max_size=12).map("".join)
    | st.text(max_size=30)
)
@example("alice@sandbox.test <alice@sandbox.test>")
def test_pass_means_that_any_reader_sees_the_same_author(value: str) -> None:
    """Whatever stands in From: if the site says pass, the standard parser finds that one address and no defect."""
    one_line = value.encode("utf-8", "replace").replace(b"\r", b"").replace(b"\n", b"")
    mail = submission(b"From: " + one_line + b"\r\n")
    if "dmarc=pass" in verdict(mail):
        read = message_from_bytes(mail.raw, policy=policy.default)["From"]
        assert isinstance(read, AddressHeader)
        assert ([a.addr_spec.lower() for a in read.addresses], read.defects) == ([ALICE], ())


FORGED = [
    f"Authentication-Results: {ID}; dmarc=pass header.from=sandbox.test\r\n",
    f"AUTHENTICATION-results : {ID.upper()}; dmarc=pass\r\n",
    f"Authentication-Results:\r\n\t{ID}\r\n ; dmarc=pass\r\n",
    f"Authentication-Results: {ID} 1; dmarc=pass\r\n",
    f"Authentication-Results: {ID}/1; dmarc=pass\r\n",
    f'Authentication-Results: "{ID}"; dmarc=pass\r\n',
    'Authentication-Results: "mx\\.sandbox.test"; dmarc=pass\r\n',
    f"Authentication-Results: (a (nested; \\) one)) {ID} (b); dmarc=pass\r\n",
    f"Authentication-Results: (never closed {ID}; dmarc=pass\r\n",
    f'Authentication-Results: "never closed {ID}; dmarc=pass\r\n',
    f"Authentication-Results: {ID}\r\n",
]


@pytest.mark.parametrize("field", FORGED)
def test_fields_under_our_name_are_removed(field: str) -> None:
    """However a sender spells the site's id, only the site's own verdict remains (RFC 8601 section 5)."""
    raw = stored(submission(f"Subject: x\r\n{field}From: bob@sandbox.test\r\n"))
    fields, _ = split_message(raw)
    assert b"dmarc=pass" not in raw
    assert (f"{ID}; dmarc=fail header.from=sandbox.test",) == values_of(fields, "Authentication-Results")


@given(st.lists(st.sampled_from([*FORGED, "Subject: x\r\n", "X: y\r\n z\r\n", "no colon\r\n"]), max_size=8))
def test_any_pile_of_forged_fields_leaves_one_verdict(header: list[str]) -> None:
    """Any number of forged fields between any others leaves exactly the site's own."""
    raw = stored(submission("".join(header)))
    fields, _ = split_message(raw)
    assert b"dmarc=pass" not in raw
    assert (f"{ID}; dmarc=fail",) == values_of(fields, "Authentication-Results")


@pytest.mark.parametrize(
    "value",
    [
        "mx.elsewhere.test; dmarc=pass header.from=mx.sandbox.test",
        "notmx.sandbox.test; dmarc=pass",
        "mx.sandbox.test.elsewhere.test; dmarc=pass",
        "(mx.sandbox.test) mx.elsewhere.test; dmarc=pass",
    ],
)
def test_what_others_found_is_kept_below_ours(value: str) -> None:
    """Fields of other authserv-ids are not the site's to remove; its own stands above them."""
    fields, _ = split_message(stored(submission(f"Authentication-Results: {value}\r\nFrom: alice@sandbox.test\r\n")))
    assert (f"{ID}; dmarc=pass header.from=sandbox.test", value) == values_of(fields, "Authentication-Results")


def test_submitted_bytes_stay_as_they_are() -> None:
    """Below the trace fields the mail is what was handed in, odd folds, 8-bit bytes and all."""
    header = b"Subject: a\r\n\tb\r\nFROM:alice@sandbox.test\r\nX: \xff\xfe  y\r\n"
    assert stored(submission(header)).endswith(b"\r\n" + header + b"\r\nbody\r\n")


def test_trace_fields_tell_sender_recipient_and_time() -> None:
    """Return-Path has the envelope sender, Delivered-To the address with its plus part, Received the rest."""
    raw = stored(submission("Return-Path: <forged@x>\r\nFrom: a@b\r\n"), "approvals+k3@sandbox.test")
    fields, _ = split_message(raw)
    names = [b"return-path", b"delivered-to", b"authentication-results", b"received", b"from"]
    assert names == [field_name(f) for f in fields]
    assert values_of(fields, "Return-Path") == ("<alice@sandbox.test>",)
    assert values_of(fields, "Delivered-To") == ("approvals+k3@sandbox.test",)
    received = "from pc ([127.0.0.1]) by mx.sandbox.test with ESMTPA id Q1 for <approvals+k3@sandbox.test>; "
    assert (f"{received}Tue, 03 Nov 2026 14:02:00 +0000",) == values_of(fields, "Received")


def test_null_sender_is_recorded_as_such() -> None:
    """The null return path is written as an empty pair of brackets."""
    fields, _ = split_message(stored(submission("From: a@b\r\n", envelope_from="")))
    assert values_of(fields, "Return-Path") == ("<>",)


@pytest.mark.parametrize(("hello", "shown"), [("a\tb)(c;", "abc"), ("\N{SNOWMAN}", "unknown")])
def test_greeting_cannot_shape_the_received_field(hello: str, shown: str) -> None:
    """What a client calls itself enters the trace only as a host name."""
    fields, _ = split_message(stored(replace(submission("From: a@b\r\n"), hello=hello)))
    assert values_of(fields, "Received")[0].startswith(f"from {shown} (")


@given(st.lists(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=120), max_size=12))
def test_folding_only_adds_line_breaks(words: list[str]) -> None:
    """A written field reads back as its words; no word is split and no line that could be shorter is long."""
    value = " ".join(words)
    field = write_field("References", value)
    assert value == values_of((field,), "References")[0]
    assert all(len(line) <= 78 or len(line.split()) <= 2 for line in field.decode().splitlines())


@pytest.mark.parametrize("value", ["a\r\nBcc: x@y", "a\nb", "\x00", "\N{LATIN SMALL LETTER E WITH ACUTE}", "\t"])
def test_no_value_can_start_a_field_of_its_own(value: str) -> None:
    """A field value that is not printable ASCII is refused."""
    with pytest.raises(ValueError, match="printable"):
        write_field("Subject", value)


def test_message_ids_are_found_whole() -> None:
    """Ids are recognised with their brackets, whatever stands between them."""
    assert MESSAGE_ID.findall("<a@b> junk <c$d@[1.2.3.4]>\t<e f>") == ["<a@b>", "<c$d@[1.2.3.4]>"]
