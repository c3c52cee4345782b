"""An action's bytes and digest: fixed for ever, its own, and refused once anything in them was changed."""

from __future__ import annotations

import hashlib
import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailgate.errors import InvalidArguments
from mailgate.model.action import MAX_BYTES, Action, check_name, make_action, read_action

REFUND = {"order_id": "A-1001", "amount": 120.0, "currency": "EUR"}
CANONICAL = b'{"action":"issue_refund","arguments":{"amount":120,"currency":"EUR","order_id":"A-1001"}}'

names = st.sampled_from(["f", "issue_refund", "_x", "db.drop-table", "A" * 64])
arguments = st.dictionaries(
    st.text(max_size=6).filter(str.isprintable) | st.sampled_from(["$int", "$bytes", "$$int", "$"]),
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=6),
    max_size=4,
)


def test_the_digest_of_an_action_is_fixed() -> None:
    """A golden value: decisions name actions by it, so no version may ever compute another one."""
    action = make_action("issue_refund", REFUND)
    assert action.canonical == CANONICAL
    assert action.digest.hex() == "f061260991dc0d36c5c7c8551ecd3a0204ae31b7537ce9df2ce409070bdb42df"
    assert action.digest == hashlib.sha256(b"mailgate action v1\n" + CANONICAL).digest()


def test_the_order_of_arguments_makes_no_difference() -> None:
    """The same call written in another order is the same action."""
    assert make_action("issue_refund", dict(reversed(REFUND.items()))) == make_action("issue_refund", REFUND)


@settings(deadline=None)
@given(names, arguments)
def test_a_stored_action_is_read_back_as_the_same_one(name: str, given_arguments: dict[str, Any]) -> None:
    """Name, arguments and digest survive being stored, names of arguments that begin with $ included."""
    action = make_action(name, given_arguments)
    again = read_action(action.canonical)
    assert again == action
    assert again.digest == action.digest
    assert (name, given_arguments) == (again.name, again.arguments)


@pytest.mark.parametrize("key", ["$int", "$bytes", "$decimal", "$$int", "$"])
def test_an_argument_whose_name_begins_with_a_dollar_is_no_tag(key: str) -> None:
    """A caller cannot make the whole argument list be read as something else."""
    action = make_action("wire", {key: "12345678901234567890"})
    assert {key: "12345678901234567890"} == read_action(action.canonical).arguments


def test_declared_arguments_may_hold_what_json_cannot() -> None:
    """A type in the signature is what tells bytes and long integers apart from text; undeclared ones are refused."""
    given_arguments = {"account": 12345678901234567890, "seal": b"\x00", "amount": Decimal("1.50")}
    action = make_action("wire", given_arguments, declared=given_arguments.keys())
    assert given_arguments == action.arguments
    for name in given_arguments:
        others = given_arguments.keys() - {name}
        with pytest.raises(InvalidArguments, match=rf"^Argument {name} of wire is .*signature") as caught:
            make_action("wire", given_arguments, declared=others)
        assert caught.value.argument == name


REFUSED: dict[str, tuple[Any, str]] = {
    "nan": (math.nan, "is nan"),
    "infinity": (-math.inf, "is -inf"),
    "half a character": ("\ud83d", "half a character"),
    "a key that is no text": ({1: 2}, "not text"),
    "a class": (Action, "cannot be stored"),
    "an integer of 5,000 digits": (10**5000, "digits"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_an_unfit_value_is_one_sentence_that_names_the_argument(kind: str) -> None:
    """Whoever called hears which argument it was, where in it, and why; the message can be printed anywhere."""
    value, why = REFUSED[kind]
    with pytest.raises(InvalidArguments, match=rf"^Argument note of send .*{why}[^\n]*\.$") as caught:
        make_action("send", {"ok": 1, "note": value}, declared=["note"])
    assert caught.value.argument == "note"
    with pytest.raises(InvalidArguments, match=rf"^Argument note\.parts\[1\][^\n]* of send .*{why}[^\n]*\.$") as caught:
        make_action("send", {"note": {"parts": [0, value]}}, declared=["note"])
    assert caught.value.message.encode()


def test_too_deep_names_the_argument_and_not_every_level() -> None:
    """A value nested without end is refused with a sentence of a few lines at most."""
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(
        InvalidArguments, match=r"^Argument tree\[0\].* of plant is nested more than 64 levels"
    ) as caught:
        make_action("plant", {"tree": circle})
    assert caught.value.argument == "tree"
    assert len(caught.value.message) < 300


def test_too_large_says_how_large_and_how_large_it_may_be() -> None:
    """A megabyte cannot be put before a person; the limit is exact."""
    room = MAX_BYTES - len(make_action("send", {"body": ""}).canonical)
    assert len(make_action("send", {"body": "x" * room}).canonical) == MAX_BYTES
    with pytest.raises(InvalidArguments, match=r"^The arguments of send take 1,000,001 bytes; at most 1,000,000 "):
        make_action("send", {"body": "x" * (room + 1)})


@pytest.mark.parametrize("key", [1, None, b"a", "\ud800", "a\nb"])
def test_the_name_of_an_argument_must_be_text(key: Any) -> None:
    """Arguments go by name: what is no name is refused in a sentence, not with a traceback."""
    with pytest.raises(InvalidArguments, match=r"^[^\n]+ of send [^\n]+\.$") as caught:
        make_action("send", {key: 1})
    assert caught.value.message.encode()


@pytest.mark.parametrize("name", ["a", "_x", "issue_refund", "db.drop-table", "A" * 64])
def test_names_that_can_stand_in_a_header_are_taken(name: str) -> None:
    """ASCII letters, digits and three signs: what a mail header and a configuration key hold without quoting."""
    check_name(name)


@pytest.mark.parametrize(
    "name", ["", "1a", ".a", "-a", "a b", "a\n", "a\r\nBcc: x", "é", "a" * 65, "a/b", "a\x00", None, 5, b"a"]
)
def test_other_names_are_refused(name: Any) -> None:
    """Nothing that could break a header line or a path becomes an action's name."""
    with pytest.raises(InvalidArguments, match=r"^[^\n]+cannot be an action's name: use letters[^\n]+\.$"):
        check_name(name)
    with pytest.raises(InvalidArguments):
        make_action(name, {})


@settings(deadline=None, max_examples=300)
@given(st.data())
def test_a_changed_byte_is_refused_or_another_action(data: st.DataObject) -> None:
    """No change of stored bytes goes unnoticed: they do not read, or their digest differs."""
    action = make_action(
        "wire", {"to": "GB29", "amount": 10**20, "seal": b"\x01", "o": {"$int": 1.5}}, declared=["amount", "seal"]
    )
    at = data.draw(st.integers(0, len(action.canonical) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda b: b != action.canonical[at]))
    changed = action.canonical[:at] + bytes([byte]) + action.canonical[at + 1 :]
    try:
        read = read_action(changed)
    except InvalidArguments:
        return
    assert read.digest != action.digest
    assert read.arguments != action.arguments or read.name != action.name


def packed(inner: bytes) -> bytes:
    """Return an action's bytes around the bytes of one argument."""
    return b'{"action":"f","arguments":{"a":' + inner + b"}}"


TAMPERED: dict[str, bytes] = {
    "nothing": b"",
    "no JSON": b"{",
    "not UTF-8": b'{"action":"f","arguments":{"a":"\xff"}}',
    "UTF-16": packed(b"1").decode().encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf" + packed(b"1"),
    "a list": b"[1]",
    "a text": b'"action"',
    "a number": b"5",
    "null": b"null",
    "no name": b'{"arguments":{}}',
    "no arguments": b'{"action":"f"}',
    "a third key": b'{"action":"f","arguments":{},"x":1}',
    "a name that is no text": b'{"action":1,"arguments":{}}',
    "a bad name": b'{"action":"a b","arguments":{}}',
    "arguments in a list": b'{"action":"f","arguments":[1]}',
    "arguments that are a tag": b'{"action":"f","arguments":{"$int":"12345678901234567890"}}',
    "arguments that are null": b'{"action":"f","arguments":null}',
    "a blank": packed(b" 1"),
    "a newline at the end": packed(b"1") + b"\n",
    "two of one key": b'{"action":"f","arguments":{"a":2,"a":1}}',
    "another order": b'{"arguments":{},"action":"f"}',
    "an escape that is not needed": packed(b'"\\u0061"'),
    "a float's other spelling": packed(b"1.0"),
    "an exponent": packed(b"1e2"),
    "minus zero": packed(b"-0"),
    "NaN": packed(b"NaN"),
    "Infinity": packed(b"Infinity"),
    "an integer beyond 2^53": packed(b"9007199254740993"),
    "a float beyond 2^53": packed(b"1e+21"),
    "half a character": packed(b'"\\ud800"'),
    "an unknown tag": packed(b'{"$nothing":"1"}'),
    "a tag's second spelling": packed(b'{"$bytes":"MR=="}'),
    "a tag that is not needed": packed(b'{"$int":"5"}'),
    "a hundred thousand brackets": packed(b"[" * 100_000 + b"]" * 100_000),
    "an integer of 5,000 digits": packed(b"1" * 5000),
}


@pytest.mark.parametrize("kind", TAMPERED)
def test_bytes_that_no_action_ever_had_are_refused(kind: str) -> None:
    """Whoever writes into the database cannot have bytes read in a way nobody was shown."""
    with pytest.raises(InvalidArguments, match=r"^The stored action .*its bytes were changed\.$"):
        read_action(TAMPERED[kind])


def test_changing_what_an_action_gave_changes_nothing_that_it_gives() -> None:
    """Rules, mails and the function each get arguments of their own: one of them cannot alter what another sees."""
    action = make_action("send", {"to": ["a@example.com"]})
    action.arguments["to"].append("evil@example.com")
    assert action.arguments == {"to": ["a@example.com"]}
