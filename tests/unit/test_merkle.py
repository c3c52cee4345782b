"""The log's tree: the roots and proofs of RFC 6962 and RFC 9162, as two other people's libraries compute them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

import pymerkle
import pytest
import tamperlog.merkle
from hypothesis import given
from hypothesis import strategies as st

from mailgate.model.merkle import (
    EMPTY_ROOT,
    Frontier,
    grow,
    is_consistent,
    leaf_hash,
    node_hash,
    prove_consistency,
    prove_inclusion,
    root_at,
    root_by_inclusion,
)

MOST = 256
ENTRIES = [str(number).encode() for number in range(MOST)]
LEAVES = [leaf_hash(entry) for entry in ENTRIES]
NODES = grow(Frontier(), LEAVES).nodes


def node(level: int, position: int) -> bytes:
    """Return the hash of a complete subtree of :data:`LEAVES`."""
    return NODES[level, position]


@dataclass(frozen=True, slots=True)
class Span:
    """Some of the leaves, as a sequence that can be looked up: so tamperlog need not hash the same ones again and again."""

    start: int
    end: int

    def __len__(self) -> int:
        return self.end - self.start

    def __getitem__(self, where: Any) -> Any:
        start, end, _ = where.indices(len(self)) if isinstance(where, slice) else (where, 0, 1)
        return Span(self.start + start, self.start + end) if isinstance(where, slice) else LEAVES[self.start + start]


@pytest.fixture
def tamper_log(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return tamperlog's functions of a tree, one of which remembers what it computed."""
    monkeypatch.setattr(tamperlog.merkle, "merkle_root", cache(tamperlog.merkle.merkle_root))
    return tamperlog.merkle


@pytest.fixture(scope="module")
def py_merkle() -> pymerkle.InmemoryTree:
    """Return the same tree in pymerkle."""
    tree = pymerkle.InmemoryTree(threshold=1)
    tree.append_entries(ENTRIES)
    return tree


def in_rfc_form(proof: pymerkle.ConsistencyProof) -> list[bytes]:
    """Return pymerkle's proof of consistency as RFC 6962 section 2.1.2 has it.

    pymerkle always begins with what the earlier tree ends in, also where that is its root, which is known; and where the
    earlier tree is complete it goes one step further down, to the single leaf beside it.
    """
    path, of_earlier = list(proof.path), list(proof.subset)
    if not of_earlier[0]:
        beside = path[0]
        first = of_earlier.index(1)
        for value in path[1:first]:
            beside = node_hash(beside, value)
        path = [path[first], beside, *path[first + 1 :]]
    return path if proof.prior_size & (proof.prior_size - 1) and proof.prior_size != proof.size else path[1:]


def test_roots_of_every_size_are_those_of_two_other_libraries(
    tamper_log: Any, py_merkle: pymerkle.InmemoryTree
) -> None:
    """Folded from the edge of a tree that grows leaf by leaf, and from stored subtrees."""
    frontier = Frontier()
    for size in range(MOST + 1):
        root = frontier.root
        assert py_merkle.get_root(size) == root
        assert tamper_log.merkle_root(Span(0, size)) == root
        assert root_at(size, node) == root
        frontier = grow(frontier, LEAVES[size : size + 1]).frontier


def test_inclusion_proofs_of_every_size_are_those_of_two_other_libraries(
    tamper_log: Any, py_merkle: pymerkle.InmemoryTree
) -> None:
    """Of every leaf in every tree up to 256 leaves; each leads to the root."""
    for size in range(MOST + 1):
        root, all_of_them = root_at(size, node), Span(0, size)
        for index in range(size):
            path = prove_inclusion(index, size, node)
            assert py_merkle.prove_inclusion(index + 1, size).path == [LEAVES[index], *path]
            assert tamper_log.inclusion_proof(index, all_of_them) == list(path)
            assert root_by_inclusion(LEAVES[index], index, size, path) == root


def test_consistency_proofs_of_every_size_are_those_of_two_other_libraries(
    tamper_log: Any, py_merkle: pymerkle.InmemoryTree
) -> None:
    """Of every earlier tree with every later one up to 256 leaves; each is accepted."""
    roots = [root_at(size, node) for size in range(MOST + 1)]
    for size in range(1, MOST + 1):
        all_of_them = Span(0, size)
        for earlier in range(1, size + 1):
            proof = prove_consistency(earlier, size, node)
            assert in_rfc_form(py_merkle.prove_consistency(earlier, size)) == list(proof)
            assert tamper_log.consistency_proof(earlier, all_of_them) == list(proof)
            assert is_consistent(earlier, roots[earlier], size, roots[size], proof)


VECTORS = [
    bytes.fromhex(entry)
    for entry in (
        *("", "00", "10", "2021", "3031", "40414243", "5051525354555657"),
        "606162636465666768696a6b6c6d6e6f",
    )
]
"""The eight leaves that implementations of Certificate Transparency are tested with."""

VECTOR_ROOTS = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
SECOND = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7"
SECOND_PAIR = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e"
SECOND_HALF = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"
FIFTH = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"
THIRD_PAIR = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a"
LAST_PAIR = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0"


def vector_node(level: int, position: int) -> bytes:
    """Return the hash of a complete subtree of :data:`VECTORS`."""
    return grow(Frontier(), map(leaf_hash, VECTORS)).nodes[level, position]


def hexed(hashes: Sequence[bytes]) -> list[str]:
    """Return hashes as vectors are written."""
    return [value.hex() for value in hashes]


def test_known_roots() -> None:
    """Of the first leaves of the vectors, none to all eight."""
    assert hexed([root_at(size, vector_node) for size in range(9)]) == VECTOR_ROOTS
    assert Frontier().root == EMPTY_ROOT == hashlib.sha256(b"").digest()


@pytest.mark.parametrize(
    ("index", "size", "path"),
    [
        (0, 1, []),
        (0, 8, [SECOND, SECOND_PAIR, SECOND_HALF]),
        (5, 8, [FIFTH, LAST_PAIR, VECTOR_ROOTS[4]]),
        (2, 3, [VECTOR_ROOTS[2]]),
        (1, 5, [VECTOR_ROOTS[1], SECOND_PAIR, FIFTH]),
    ],
)
def test_known_inclusion_proofs(index: int, size: int, path: list[str]) -> None:
    """Those of the vectors."""
    assert hexed(prove_inclusion(index, size, vector_node)) == path


@pytest.mark.parametrize(
    ("earlier", "size", "proof"),
    [
        (1, 1, []),
        (1, 8, [SECOND, SECOND_PAIR, SECOND_HALF]),
        (6, 8, [THIRD_PAIR, LAST_PAIR, VECTOR_ROOTS[4]]),
        (2, 5, [SECOND_PAIR, FIFTH]),
    ],
)
def test_known_consistency_proofs(earlier: int, size: int, proof: list[str]) -> None:
    """Those of the vectors."""
    assert hexed(prove_consistency(earlier, size, vector_node)) == proof


@given(st.lists(st.integers(0, 40), max_size=8))
def test_growing_in_any_batches_gives_the_same_tree(batches: list[int]) -> None:
    """Edge, root and stored subtrees do not depend on how many leaves are appended at a time; no subtree is made twice."""
    frontier, nodes = Frontier(), {}
    for count in batches:
        growth = grow(frontier, LEAVES[frontier.size : frontier.size + count])
        assert not nodes.keys() & growth.nodes.keys()
        frontier, nodes = growth.frontier, nodes | growth.nodes
    at_once = grow(Frontier(), LEAVES[: frontier.size])
    assert (frontier, nodes) == (at_once.frontier, at_once.nodes)
    assert frontier.root == root_at(frontier.size, node)
    assert [nodes[place] for place in frontier.places()] == list(frontier.hashes)


@given(st.integers(0, 10**12), st.integers(0, 10**12))
def test_proofs_read_few_subtrees(one: int, other: int) -> None:
    """However large the log: some for each level of the tree, and each is a complete one below the size."""
    lower, size = sorted((one, other + 2))
    read: list[tuple[int, int]] = []

    def noting(level: int, position: int) -> bytes:
        read.append((level, position))
        return hashlib.sha256(f"{level} {position}".encode()).digest()

    prove_inclusion(min(lower, size - 1), size, noting)
    prove_consistency(max(lower, 1), size, noting)
    root_at(size, noting)
    assert len(read) <= 5 * size.bit_length()
    assert all((position + 1) << level <= size for level, position in read)


def flipped(value: bytes) -> bytes:
    """Return a hash with one bit changed."""
    return bytes([value[0] ^ 1]) + value[1:]


def mutilated(path: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Yield what can be made of a proof: hashes changed, left out, doubled, exchanged, put before, put after."""
    for at, value in enumerate(path):
        yield [*path[:at], flipped(value), *path[at + 1 :]]
        yield [*path[:at], *path[at + 1 :]]
        yield [*path[: at + 1], *path[at:]]
    for at, (left, right) in enumerate(pairwise(path)):
        yield [*path[:at], right, left, *path[at + 2 :]]
    yield [bytes(32), *path]
    yield [*path, bytes(32)]


SMALL = 34
ROOTS = [root_at(size, node) for size in range(SMALL + 1)]


def test_no_wrong_leaf_index_size_path_or_root_is_included() -> None:
    """Up to 34 leaves: what was changed in any one of them leads to no root that a log of that size has.

    Of a size alone an audit path knows little, so one counts with the size and the root that were signed together.
    """
    for size in range(1, SMALL + 1):
        for index in range(size):
            leaf, path = LEAVES[index], prove_inclusion(index, size, node)
            assert root_by_inclusion(flipped(leaf), index, size, path) != ROOTS[size]
            assert root_by_inclusion(leaf, index, size, path) not in [*ROOTS[:size], *ROOTS[size + 1 :]]
            assert ROOTS[size] not in [root_by_inclusion(leaf, at, size, path) for at in range(-1, 40) if at != index]
            assert ROOTS[size] not in [root_by_inclusion(leaf, index, size, bad) for bad in mutilated(path)]
            for other in range(-1, SMALL + 1):
                if other != size:
                    assert root_by_inclusion(leaf, index, other, path) != ROOTS[max(other, 0)]


def test_no_wrong_size_proof_or_root_is_consistent() -> None:
    """Up to 34 leaves: a tree is the beginning of another one by its own proof only."""
    for size in range(1, SMALL + 1):
        for earlier in range(1, size + 1):
            first, second, proof = ROOTS[earlier], ROOTS[size], prove_consistency(earlier, size, node)
            assert not is_consistent(earlier, flipped(first), size, second, proof)
            assert not is_consistent(earlier, first, size, flipped(second), proof)
            assert not any(is_consistent(earlier, first, size, second, bad) for bad in mutilated(proof))
            for other in range(SMALL + 1):
                assert other == earlier or not is_consistent(other, ROOTS[other], size, second, proof)
                assert other == size or not is_consistent(earlier, first, other, ROOTS[other], proof)


@pytest.mark.parametrize("changed", range(12))
def test_a_tree_that_was_changed_has_no_proof_of_its_past(changed: int) -> None:
    """A log of which one old leaf was exchanged is no continuation of the one before, whichever way the proof is made."""
    other = grow(Frontier(), [*LEAVES[:changed], flipped(LEAVES[changed]), *LEAVES[changed + 1 : 21]])
    proofs = [prove_consistency(12, 21, of) for of in (node, lambda *place: other.nodes[place])]
    assert not any(is_consistent(12, ROOTS[12], 21, other.frontier.root, proof) for proof in proofs)


SIZES = st.integers(-5, 300) | st.integers()
PATHS = st.lists(st.binary(max_size=40) | st.sampled_from(LEAVES), max_size=70)


@given(st.binary(max_size=40), SIZES, SIZES, PATHS)
def test_reading_an_audit_path_never_raises(leaf: bytes, index: int, size: int, path: list[bytes]) -> None:
    """Whatever it is made of, it leads to a root or to none."""
    root = root_by_inclusion(leaf, index, size, path)
    assert root is None or 0 <= index < size


@given(SIZES, st.binary(max_size=40), SIZES, st.binary(max_size=40), PATHS)
def test_reading_a_consistency_proof_never_raises(
    earlier: int, first: bytes, size: int, second: bytes, proof: list[bytes]
) -> None:
    """Whatever it is made of, it shows something or nothing; of two equal trees it shows nothing new."""
    shown = is_consistent(earlier, first, size, second, proof)
    assert not shown or (0 < earlier == size and first == second and not proof)


@pytest.mark.parametrize("index", [-1, 5, 6])
def test_a_leaf_that_is_not_there_has_no_proof(index: int) -> None:
    """Nothing is proven of what is outside the tree."""
    with pytest.raises(ValueError, match=f"no leaf {index}"):
        prove_inclusion(index, 5, node)


@pytest.mark.parametrize("earlier", [-1, 0, 6])
def test_a_tree_that_is_no_beginning_has_no_proof(earlier: int) -> None:
    """Of an empty tree every tree is a continuation, and of a larger one none."""
    with pytest.raises(ValueError, match="no beginning"):
        prove_consistency(earlier, 5, node)


@pytest.mark.parametrize(("size", "count"), [(-1, 0), (0, 1), (3, 1), (4, 2), (7, 2)])
def test_an_edge_has_one_hash_for_each_one_in_its_size(size: int, count: int) -> None:
    """What cannot be the edge of a tree is none."""
    with pytest.raises(ValueError, match="largest complete subtrees"):
        Frontier(size=size, hashes=tuple(LEAVES[:count]))
