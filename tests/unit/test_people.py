"""People: one mailbox is one person, however it is spelled; groups become the people in them."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from mailgate.model.people import Directory, Person, check_address, fold

ALICE = Person(name="Alice Adams", address="alice@example.com", aliases=("a.adams@example.com",), zone="Europe/London")
BOB = Person(name="Bob Brown", address="Bob+work@Example.com")
TEAM = Directory(people={"alice": ALICE, "bob": BOB}, groups={"finance": ("bob", "alice"), "empty": ()})


@pytest.mark.parametrize(
    "address",
    [
        "alice@example.com",
        "a.b-c_d+tag@mx1.example.co.uk",
        "o'brien@example.com",
        "root@localhost",
        "UPPER@EXAMPLE.COM",
        "1@2.3",
        "a" * 64 + "@example.com",
        "!#$%&'*+/=?^_`{|}~-@example.com",
    ],
)
def test_plain_addresses_are_taken(address: str) -> None:
    """What every mail server takes in an envelope: the dot-atom form (RFC 5322 section 3.4.1), as it was written."""
    assert address == check_address(address)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "alice",
        "alice@",
        "@example.com",
        "a@b@example.com",
        "alice example.com",
        "alice @example.com",
        " alice@example.com",
        "alice@example.com ",
        "alice@example.com\n",
        "alice@example.com\r\nBcc: evil@example.com",
        "Alice <alice@example.com>",
        '"alice"@example.com',
        "alice@[127.0.0.1]",
        ".alice@example.com",
        "alice.@example.com",
        "al..ice@example.com",
        "alice@example..com",
        "alice@.example.com",
        "alice@example.com.",
        "alice@-example.com",
        "alice@example-.com",
        "alice@exa_mple.com",
        "älice@example.com",
        "alice@exämple.com",
        "alice@example.com,bob@example.com",
        "a" * 65 + "@example.com",
        "alice@" + "a" * 64 + ".com",
        "alice@" + "a." * 130 + "com",
    ],
)
def test_anything_else_is_no_address(address: str) -> None:
    """Names, lists, quotes, second lines, dots at odd places: an envelope or a header would read them otherwise."""
    with pytest.raises(ValueError, match=r"is not a plain mail address such as alice@example\.com$"):
        check_address(address)


@pytest.mark.parametrize(
    ("spelled", "folded"),
    [
        ("Alice@Example.COM", "alice@example.com"),
        ("alice+invoices@example.com", "alice@example.com"),
        ("alice+a+b@example.com", "alice@example.com"),
        (" alice@example.com ", "alice@example.com"),
        ("+alice@example.com", "+alice@example.com"),
        ("a.lice@example.com", "a.lice@example.com"),
    ],
)
def test_spellings_of_one_mailbox_fold_to_one(spelled: str, folded: str) -> None:
    """Case and tag are not another person; dots are."""
    assert folded == fold(spelled)


@settings(deadline=None)
@given(st.emails())
def test_folding_twice_is_folding_once(address: str) -> None:
    """The folded form is its own, so comparing folded addresses is enough."""
    assert fold(address) == fold(fold(address))


@pytest.mark.parametrize(
    ("address", "person"),
    [
        ("alice@example.com", "alice"),
        ("A.ADAMS@example.com", "alice"),
        ("a.adams+x@example.com", "alice"),
        ("bob@example.com", "bob"),
        ("bob+private@example.com", "bob"),
        ("bob@example.org", None),
        ("alice", None),
        ("", None),
        ("@example.com", None),
    ],
)
def test_a_person_is_found_by_any_spelling_of_any_address(address: str, person: str | None) -> None:
    """The requester cannot approve through an alias or a tag: all of them are the same person."""
    assert person == TEAM.find_by_address(address)


def test_groups_become_people_each_once_in_order() -> None:
    """Named directly and through a group is still one seat; unknown names add nobody."""
    assert TEAM.expand(["alice", "group:finance", "alice"]) == ("alice", "bob")
    assert TEAM.expand(["group:finance"]) == ("bob", "alice")
    assert TEAM.expand(["nobody", "group:nothing", "group:empty", "finance"]) == ()


def test_names_that_stand_for_nobody_are_found() -> None:
    """A group must be written as one, a person must not."""
    names = ["alice", "nobody", "finance", "group:finance", "group:alice", "group:nothing", "group:"]
    assert TEAM.unknown(names) == ("nobody", "finance", "group:alice", "group:nothing", "group:")


def test_a_person_has_a_clock_and_folded_addresses() -> None:
    """Mails show deadlines in the person's own zone."""
    assert ZoneInfo("Europe/London") == ALICE.clock
    assert {"alice@example.com", "a.adams@example.com"} == ALICE.addresses
    assert ZoneInfo("UTC") == BOB.clock
    assert BOB.roles == ("approver",)


@pytest.mark.parametrize(
    "wrong",
    [
        {"zone": "Europe/Nowhere"},
        {"zone": "../../etc/passwd"},
        {"zone": ""},
        {"roles": ["admin"]},
        {"roles": "operator"},
        {"name": ""},
        {"name": "Al\nice"},
        {"address": "nobody"},
        {"aliases": ["nobody"]},
        {"adress": "x@example.com"},
    ],
    ids=str,
)
def test_a_person_with_a_mistake_is_refused(wrong: dict[str, Any]) -> None:
    """Unknown zones, roles and keys, broken addresses and names: none of them is ignored."""
    with pytest.raises(ValidationError):
        Person(**{"name": "Al", "address": "al@example.com", **wrong})


def test_a_signature_is_lines_that_print_and_decide_nothing() -> None:
    """A line that would be an answer on top, or that holds what nobody sees, is no signature."""
    person = {"name": "Bob", "address": "bob@example.com"}
    assert Person.model_validate({**person, "signature": "Bob\nChief Happiness Officer"}).signature
    for line, why in (
        ("REJECT", "would be an answer"),
        ("approve", "would be an answer"),
        ("Bob\u200b", "not printed"),
    ):
        with pytest.raises(ValidationError, match=why):
            Person.model_validate({**person, "signature": f"Bob\n{line}"})
