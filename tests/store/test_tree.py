"""The rows of the evidence log's tree: nodes by their place, leaves in order, heads by size, and which of them are guarded."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import IntegrityError

from mailgate.store import Store
from mailgate.store.tables import Head
from mailgate.store.tree import add_nodes, guarded_size, leaves_between, newest_head, nodes_at, note_guarded
from tests.store.rows import kept

LEAVES = {(0, n): bytes([n]) * 32 for n in range(12)}
INNER = {(1, n): bytes([100 + n]) * 32 for n in range(6)}


def test_nodes_are_found_by_level_and_position(store: Store, other: Store) -> None:
    """Those asked for and no others; what is not there is left out."""
    with store.write() as tx:
        assert nodes_at(tx, [(0, 0)]) == {}
        add_nodes(tx, LEAVES | INNER)
        add_nodes(tx, {})
    with other.read() as tx:
        assert nodes_at(tx, [(0, 3), (1, 1), (2, 0)]) == {(0, 3): LEAVES[0, 3], (1, 1): INNER[1, 1]}
        assert nodes_at(tx, []) == {}


def test_leaves_are_given_in_their_order(store: Store) -> None:
    """From one index up to, not including, another."""
    with store.write() as tx:
        add_nodes(tx, dict(reversed(LEAVES.items())) | INNER)
        assert leaves_between(tx, 2, 11) == [LEAVES[0, n] for n in range(2, 11)]
        assert leaves_between(tx, 10, 99) == [LEAVES[0, 10], LEAVES[0, 11]]
        assert leaves_between(tx, 5, 5) == []


def test_a_subtree_has_one_hash(store: Store) -> None:
    """The database itself refuses a second one at the same place."""
    with store.write() as tx:
        add_nodes(tx, LEAVES)
    with pytest.raises(IntegrityError), store.write() as tx:
        add_nodes(tx, {(0, 3): b"x" * 32})


def test_the_newest_head_is_the_largest(store: Store) -> None:
    """Whatever the order in which they were stored; before the first record there is none."""
    with store.write() as tx:
        assert newest_head(tx) is None
        for size in (9, 100, 64):
            kept(tx, Head(size=size, note=str(size), at=tx.now))
        head = newest_head(tx)
    assert head is not None
    assert head.note == "100"


def test_guarding_a_head_guards_those_before_it(store: Store) -> None:
    """The guard file has the log up to a size, and so all of it before."""
    with store.write() as tx:
        assert guarded_size(tx) == 0
        for size in (3, 5, 8):
            kept(tx, Head(size=size, note="", at=tx.now))
        note_guarded(tx, 5)
        assert guarded_size(tx) == 5
        note_guarded(tx, 3)
        assert guarded_size(tx) == 5
        note_guarded(tx, 8)
        assert guarded_size(tx) == 8
