"""Who has a mailbox at the sandbox: addresses to accounts."""

from __future__ import annotations

import pytest

from mailgate.errors import ConfigError
from mailgate.sandbox.accounts import Accounts, accounts_for, base_address

GATE, ARCHIVE = "approvals@sandbox.test", "archive@sandbox.test"


def site(people: dict[str, str]) -> Accounts:
    """Return the accounts of a site with ``people``."""
    return accounts_for(people, gate_address=GATE, archive_address=ARCHIVE)


@pytest.mark.parametrize("address", ["alice@sandbox.test", "ALICE@Sandbox.Test", "alice+k3j5@sandbox.test"])
def test_case_and_plus_part_lead_to_one_mailbox(address: str) -> None:
    """However an address is spelled and tagged, it leads to its owner's mailbox."""
    account = site({"alice@sandbox.test": "Alice Adams"}).find(address)
    assert account is not None
    assert account.address == "alice@sandbox.test"


@pytest.mark.parametrize("address", ["", "nobody@sandbox.test", "alice@elsewhere.test", "alice", "+@sandbox.test"])
def test_everything_else_leads_nowhere(address: str) -> None:
    """An address that belongs to nobody here finds no account."""
    assert site({"alice@sandbox.test": "Alice Adams"}).find(address) is None


def test_gate_and_archive_are_not_people() -> None:
    """The two mailboxes of the gate exist beside the people and are not counted among them."""
    accounts = site({"alice@sandbox.test": "Alice Adams"}).by_address
    assert {a: o.is_person for a, o in accounts.items()} == {"alice@sandbox.test": True, GATE: False, ARCHIVE: False}


def test_results_are_stated_under_the_gates_domain() -> None:
    """The site's authserv-id is a host of the domain the gate is in."""
    assert site({}).authserv_id == "mx.sandbox.test"


def test_every_mistake_is_named_at_once() -> None:
    """Bad addresses, empty names and doubles are reported together, one sentence each."""
    people = {"alice": "A", "bob+x@sandbox.test": "B", "carol@sandbox.test": " ", GATE: "Impostor"}
    with pytest.raises(ConfigError) as caught:
        site(people)
    named = ["'alice'", "'bob+x@sandbox.test'", "carol@sandbox.test", GATE]
    assert len(named) == len(caught.value.problems)
    assert all(n in p for n, p in zip(named, caught.value.problems, strict=True))


def test_base_address_keeps_the_domain() -> None:
    """Only the local part loses its tag."""
    assert base_address("A+x+y@b+c.test") == "a@b+c.test"
