"""Mistakes across keys: unknown people, quorums nobody can reach, mailboxes that would loop, promises not kept yet."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest

from mailgate.config import Config
from mailgate.config.lint import lint
from mailgate.tokens import TOKEN_LENGTH

PEOPLE: dict[str, Any] = {
    name: {"name": name.title(), "address": f"{name}@example.com"} for name in ("alice", "bob", "carol")
}
SMTP = {"from": "Gate <gate@gate.example.com>"}


def errors(**sections: Any) -> list[str]:
    """Return what is wrong across the keys of a configuration."""
    return lint(Config(**{"people": PEOPLE, "smtp": SMTP, **sections}, folder=Path())).errors


def hints(**sections: Any) -> list[str]:
    """Return what is doubtful across the keys of a configuration."""
    return lint(Config(**{"people": PEOPLE, "smtp": SMTP, **sections}, folder=Path())).warnings


def gate(**keys: Any) -> dict[str, Any]:
    """Return the gates section with one gate."""
    return {"gates": {"wire": keys}}


def stages(*named: tuple[list[str], int]) -> list[dict[str, Any]]:
    """Return stages of people and quorums."""
    return [{"approvers": people, "quorum": quorum} for people, quorum in named]


def test_nothing_wrong_is_nothing_said() -> None:
    """The usual configurations draw no sentence."""
    assert errors() == []
    assert errors(**gate(approvers=["alice", "bob"], quorum=1, escalate_to=["carol"], escalate_after="2h")) == []
    assert hints(**gate(approvers=["alice", "bob"], quorum=1)) == []


@pytest.mark.parametrize("spelled", ["alice@example.com", "ALICE@example.com", "alice+x@example.com"])
def test_one_address_is_one_person(spelled: str) -> None:
    """However it is spelled: whose answer would it be?"""
    people = PEOPLE | {"bob": {"name": "Bob", "address": "bob@example.com", "aliases": [spelled]}}
    assert errors(people=people) == [
        "[people.bob] address: alice@example.com belongs to alice and bob; one address is one person"
    ]


@pytest.mark.parametrize(
    ("sections", "sentence"),
    [
        ({"groups": {"x": []}}, "[groups] x is empty; name its members or remove it"),
        ({"groups": {"x": ["dave"]}}, "[groups] x names 'dave', who is not under [people]"),
        (
            {"groups": {"x": ["alice"], "y": ["group:x"]}},
            "[groups] y names 'group:x', a group holds people, not groups",
        ),
        ({"groups": {"x": ["alice", "group:x"]}}, "[groups] x names 'group:x', a group holds people, not groups"),
        (
            {"mailgate": {"operators": ["dave"]}},
            "[mailgate] operators names 'dave', who is not under [people] or [groups]",
        ),
        (
            {"mailgate": {"default_approvers": ["group:x"]}},
            "[mailgate] default_approvers names 'group:x', who is not under [people] or [groups]",
        ),
        (gate(approvers=["dave", "dave"]), "[gates.wire] names 'dave', who is not under [people] or [groups]"),
        (gate(approvers=["finance"]), "[gates.wire] names 'finance', who is not under [people] or [groups]"),
        (
            gate(approvers=["alice"], escalate_to=["dave"]),
            "[gates.wire] names 'dave', who is not under [people] or [groups]",
        ),
        (
            gate(stages=stages((["alice"], 1), (["dave"], 1))),
            "[gates.wire] names 'dave', who is not under [people] or [groups]",
        ),
        (
            {"gates": {"two words": {"approvers": ["alice"]}}},
            "[gates] 'two words' cannot be an action's name: use letters, digits, '_', '.', '-', at most 64, "
            "beginning with a letter",
        ),
    ],
    ids=lambda v: str(v)[:60],
)
def test_names_that_nobody_has_are_errors(sections: dict[str, Any], sentence: str) -> None:
    """A gate whose approver does not exist would ask nobody; each name is said once."""
    assert [sentence] == errors(**sections)


@pytest.mark.parametrize(
    ("sections", "sentence"),
    [
        (
            gate(approvers=["alice", "bob"], quorum=3),
            "[gates.wire] quorum = 3 can never be reached by 2 people (alice, bob); lower it or name more",
        ),
        (
            gate(approvers=["alice", "group:x", "alice"], quorum=2) | {"groups": {"x": ["alice"]}},
            "[gates.wire] quorum = 2 can never be reached by 1 person (alice); lower it or name more",
        ),
        (
            gate(quorum=2) | {"mailgate": {"default_approvers": ["alice"]}},
            "[gates.wire] quorum = 2 can never be reached by 1 person (alice); lower it or name more",
        ),
        (
            gate(stages=stages((["alice"], 1), (["bob"], 2))),
            "[gates.wire] quorum = 2 can never be reached by 1 person (bob); lower it or name more",
        ),
        (
            gate(stages=stages((["alice"], 1), (["alice"], 1))),
            "[gates.wire] stages 1 and 2 need 2 different people and name only alice; name more, one person counts once",
        ),
        (
            gate(stages=stages((["alice", "bob"], 2), (["carol"], 1), (["alice", "bob"], 1))),
            "[gates.wire] stages 1 and 3 need 3 different people and name only alice, bob; "
            "name more, one person counts once",
        ),
        (
            gate(stages=stages((["alice", "bob"], 1), (["alice", "bob"], 1), (["bob", "alice"], 1))),
            "[gates.wire] stages 1, 2 and 3 need 3 different people and name only alice, bob; "
            "name more, one person counts once",
        ),
    ],
    ids=lambda v: str(v)[:60],
)
def test_a_quorum_that_nobody_can_reach_is_an_error(sections: dict[str, Any], sentence: str) -> None:
    """Counted in different people, over all stages: such a request could only ever expire."""
    assert [sentence] == errors(**sections)


def test_stages_that_can_be_filled_are_fine() -> None:
    """Sharing people between stages is allowed where enough are left."""
    assert errors(**gate(stages=stages((["alice", "bob"], 1), (["alice", "bob"], 1)))) == []
    assert errors(**gate(stages=stages((["alice", "bob", "carol"], 2), (["carol"], 1)))) == []


def test_a_quorum_that_needs_everybody_is_doubtful() -> None:
    """One of them may be the requester, who never counts."""
    sentence = "[gates.wire] quorum = 2 needs everybody; where one of them is the requester it cannot be reached"
    assert hints(**gate(approvers=["alice", "bob"], quorum=2)) == [sentence]
    assert hints(**gate(approvers=["alice"], quorum=1)) == []


@pytest.mark.parametrize("section", ["smtp", "imap"])
def test_a_server_without_tls_is_on_this_machine(section: str) -> None:
    """Passwords and decisions cross no network in the clear."""
    written = SMTP if section == "smtp" else {}
    for host in ("127.0.0.1", "localhost", "::1"):
        assert errors(**{section: written | {"tls": "none", "host": host}}) == []
    assert errors(**{section: written | {"tls": "none", "host": "mail.example.com"}}) == [
        f"[{section}] tls = 'none' is for this machine only, and host is 'mail.example.com'; use 'starttls' or 'implicit'"
    ]


@pytest.mark.parametrize(
    "imap",
    [{"username": "archive@gate.example.com"}, {"username": "Archive"}, {"username": "archive+x@gate.example.com"}],
)
@pytest.mark.parametrize(
    ("archive", "key"),
    [
        ({"address": "archive@gate.example.com"}, "address"),
        ({"witnesses": ["audit@example.org", "archive@gate.example.com"]}, "witnesses"),
    ],
)
def test_the_archive_is_no_mailbox_that_replies_are_read_from(
    imap: dict[str, Any], archive: dict[str, Any], key: str
) -> None:
    """Otherwise a gateway that strips our marks makes an endless loop; also where the login is only a name."""
    assert errors(imap=imap, archive=archive) == [
        f"[archive] {key}: archive@gate.example.com is the mailbox that replies are read from, which would loop; "
        "use another mailbox"
    ]


@pytest.mark.parametrize("address", ["gate@gate.example.com", "GATE+x@gate.example.com"])
def test_nobody_is_asked_at_the_address_that_asks(address: str) -> None:
    """Neither the archive nor a person: mailgate would write to itself."""
    [found] = errors(archive={"address": address})
    assert found.startswith(f"[archive] address: {address} is the mailbox that replies are read from")
    [found] = errors(people={"alice": {"name": "Alice", "address": address}})
    assert found.startswith(f"[people.alice] address: {address} is the mailbox that replies are read from")


def test_a_promise_that_is_not_kept_yet_is_an_error() -> None:
    """A safeguard that is ignored is worse than one that is refused; fresh codes are there."""
    [found] = errors(**gate(approvers=["alice"], batch_window="5m"))
    assert found.startswith("[gates.wire] batch_window: ")
    assert "is not there yet in this version; " in found
    assert errors(**gate(approvers=["alice"], web_confirm="fresh_code", separation="proven")) == []


def test_a_shared_mailbox_is_no_named_person() -> None:
    """Where people have to be named, whoever reads a shared mailbox could be anybody."""
    people = PEOPLE | {"desk": {"name": "The desk", "address": "desk@example.com", "group": True}}
    [found] = errors(people=people, **gate(approvers=["alice", "desk"], named_people=True))
    assert found.startswith("[gates.wire] named_people: desk has group = true")
    assert errors(people=people, **gate(approvers=["alice", "desk"])) == []

    whoever = {"mailgate": {"default_approvers": ["desk"]}}
    [found] = errors(people=people, **whoever, **gate(named_people=True))
    assert found.startswith("[gates.wire] named_people: desk has group = true")


def test_only_replies_that_can_be_proven_are_asked_for() -> None:
    """Where a link is not enough and no server vouches for a reply, nobody could ever approve."""
    proven = gate(approvers=["alice"], separation="proven")
    [found] = errors(**proven)
    assert found.startswith(
        "[gates.wire] separation = 'proven' takes authenticated replies only, and [imap] authserv_id"
    )
    assert errors(imap={"authserv_id": "mx.example.com"}, **proven) == []


@pytest.mark.parametrize("keys", [{}, {"tier": "auto", "rules": [{"when": "true", "tier": "require_approval"}]}])
def test_a_gate_that_asks_nobody_is_doubtful(keys: dict[str, Any]) -> None:
    """Whatever it holds can only be given up; one that never asks needs nobody."""
    [hint] = hints(**gate(**keys))
    assert hint.startswith("[gates.wire] needs approval and names nobody")
    assert hints(mailgate={"default_approvers": ["alice"]}, **gate(**keys)) == []
    assert hints(**gate(tier="auto")) == []


def test_an_escalation_to_those_who_are_asked_anyway_is_doubtful() -> None:
    """In its first step or in a later one: nobody more would hear of it."""
    sentence = "[gates.wire] escalation to bob adds nobody, since they are asked before; name somebody else"
    first = {"escalate_after": "1h", "escalate_to": ["bob"]}
    assert hints(**gate(approvers=["alice", "bob"], **first)) == [sentence]
    further = {"escalate_further": [{"after": "2h", "ask": ["bob"]}]}
    assert hints(**gate(approvers=["alice"], **first, **further)) == [sentence]
    assert hints(**gate(approvers=["alice"], **first)) == []


def test_a_task_is_taken_over_by_somebody() -> None:
    """An escalation to nobody would be silence."""
    [found] = errors(**gate(approvers=["alice"], on_reject="escalate"))
    assert found == "[gates.wire] on_reject = 'escalate' needs [mailgate] operators, who take the task over"
    assert errors(mailgate={"operators": ["alice"]}, **gate(approvers=["alice"], on_reject="escalate")) == []


@pytest.mark.parametrize("section", ["smtp", "imap"])
def test_one_password_for_a_server(section: str) -> None:
    """Two ways to give it: nobody could say which one holds, the variable or the file."""
    written = (SMTP if section == "smtp" else {}) | {"password": "a", "password_file": "b"}
    assert errors(**{section: written}) == [f"[{section}] has both 'password' and 'password_file'; keep one of them"]


def test_the_name_before_a_token_leaves_room_for_it() -> None:
    """RFC 5321 section 4.5.3.1.1: 64 octets before the @, of which the token takes 27."""
    assert 64 - 1 - TOKEN_LENGTH == 37
    fits = {"from": f"{'a' * 37}@example.com"}
    long = {"from": f"{'a' * 38}@example.com"}
    assert errors(smtp=fits) == []
    assert errors(smtp=long, imap={"reply_address": "single"}) == []
    assert errors(smtp=long) == [
        "[smtp] from: the 38 characters before the @ leave no room for a token, "
        "and 64 are allowed (RFC 5321); use at most 37"
    ]


def test_warnings_are_no_errors() -> None:
    """What is doubtful does not keep mailgate from starting."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert errors(**gate(approvers=["alice", "bob"], quorum=2)) == []
