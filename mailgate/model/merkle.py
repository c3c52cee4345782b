"""The Merkle tree of the evidence log: hashes in, roots and proofs out (RFC 6962 section 2.1, RFC 9162 section 2.1).

Leaves are numbered from 0. A *complete* subtree of level ``l`` at position ``p`` covers the leaves ``p << l`` to
``(p + 1) << l``; its hash never changes once it is there, so it is all that has to be stored. Everything else is folded
from complete subtrees when it is asked for. Standard library only: the stand-alone verifier is assembled from this file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

HASH_BYTES = 32

EMPTY_ROOT = hashlib.sha256(b"").digest()
"""The root of a tree without leaves (RFC 6962 section 2.1)."""

Node = Callable[[int, int], bytes]
"""Returns the hash of the complete subtree of a level at a position."""


def leaf_hash(record: bytes) -> bytes:
    """Return the hash of a leaf: SHA-256 of a zero byte and the record."""
    return hashlib.sha256(b"\x00" + record).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node: SHA-256 of a one byte and both children."""
    return hashlib.sha256(b"\x01" + left + right).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Frontier:
    """The right edge of a tree: its size, and the hashes of its largest complete subtrees, from the left.

    There is one for each 1 in the binary form of the size. It is all that appending needs, and all that proofs of the
    leaves appended later need of what lies to their left.
    """

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what cannot be the edge of a tree of this size."""
        if self.size < 0 or len(self.hashes) != self.size.bit_count():
            raise ValueError(f"a tree of {self.size} leaves has {self.size.bit_count()} largest complete subtrees")

    @property
    def root(self) -> bytes:
        """The root of the whole tree."""
        return _folded(self.hashes)

    def places(self) -> list[tuple[int, int]]:
        """Return level and position of each hash."""
        return complete_subtrees(0, self.size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Growth:
    """What appending leaves to a tree makes: its new edge, and the complete subtrees that are new, by level and position."""

    frontier: Frontier
    nodes: dict[tuple[int, int], bytes]


def grow(frontier: Frontier, leaves: Iterable[bytes]) -> Growth:
    """Return what appending ``leaves`` (their hashes) makes of a tree; O(1) hashes a leaf."""
    edge = [
        (level, position, value) for (level, position), value in zip(frontier.places(), frontier.hashes, strict=True)
    ]
    size, made = frontier.size, {}
    for leaf in leaves:
        level, position, value = 0, size, leaf
        made[level, position] = value
        while edge and edge[-1][0] == level:
            _, left_position, left = edge.pop()
            level, position, value = level + 1, left_position >> 1, node_hash(left, value)
            made[level, position] = value
        edge.append((level, position, value))
        size += 1
    return Growth(frontier=Frontier(size=size, hashes=tuple(value for _, _, value in edge)), nodes=made)


def complete_subtrees(start: int, end: int) -> list[tuple[int, int]]:
    """Return level and position of the fewest complete subtrees that cover the leaves ``start`` to ``end``, from the left.

    ``start`` is where a subtree of RFC 6962's division begins, so that they get smaller to the right.
    """
    found = []
    while start < end:
        level = (end - start).bit_length() - 1
        found.append((level, start >> level))
        start += 1 << level
    return found


def root_at(size: int, node: Node) -> bytes:
    """Return the root of the tree's first ``size`` leaves."""
    return _subtree(0, size, node)


def prove_inclusion(index: int, size: int, node: Node) -> tuple[bytes, ...]:
    """Return the audit path of leaf ``index`` in the tree of ``size`` leaves, from the leaf up (RFC 6962 section 2.1.1).

    Raises:
        ValueError: no such leaf.
    """
    if not 0 <= index < size:
        raise ValueError(f"a tree of {size} leaves has no leaf {index}")
    path, start, end = [], 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(_subtree(middle, end, node))
            end = middle
        else:
            path.append(_subtree(start, middle, node))
            start = middle
    return tuple(reversed(path))


def root_by_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """Return the root that an audit path leads to (RFC 9162 section 2.1.3.2); None where it cannot be of this leaf and size."""
    if not 0 <= index < size:
        return None
    at, last, value = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return None
        if at & 1 or at == last:
            value = node_hash(sibling, value)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            value = node_hash(value, sibling)
        at, last = at >> 1, last >> 1
    return value if last == 0 else None


def prove_consistency(earlier: int, size: int, node: Node) -> tuple[bytes, ...]:
    """Return the proof that the tree of ``earlier`` leaves is the beginning of that of ``size`` (RFC 6962 section 2.1.2).

    Raises:
        ValueError: ``earlier`` is not between 1 and ``size``.
    """
    if not 0 < earlier <= size:
        raise ValueError(f"a tree of {earlier} leaves is no beginning of one of {size}")
    proof, start, end, whole = [], 0, size, True
    while earlier != end:
        middle = start + _split(end - start)
        if earlier <= middle:
            proof.append(_subtree(middle, end, node))
            end = middle
        else:
            proof.append(_subtree(start, middle, node))
            start, whole = middle, False
    if not whole:
        proof.append(_subtree(start, end, node))
    return tuple(reversed(proof))


def is_consistent(earlier: int, earlier_root: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> bool:
    """Return whether ``proof`` shows that a tree is the beginning of a later one (RFC 9162 section 2.1.4.2)."""
    if not 0 < earlier <= size:
        return False
    if earlier == size:
        return not proof and earlier_root == root
    path = list(proof) if earlier & (earlier - 1) else [earlier_root, *proof]
    if not path:
        return False
    at, last = earlier - 1, size - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    first = second = path[0]
    for value in path[1:]:
        if last == 0:
            return False
        if at & 1 or at == last:
            first, second = node_hash(value, first), node_hash(value, second)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            second = node_hash(second, value)
        at, last = at >> 1, last >> 1
    return last == 0 and first == earlier_root and second == root


def _split(count: int) -> int:
    """Return the largest power of two below ``count``: where RFC 6962 divides a tree."""
    return 1 << ((count - 1).bit_length() - 1)


def _subtree(start: int, end: int, node: Node) -> bytes:
    return _folded([node(level, position) for level, position in complete_subtrees(start, end)])


def _folded(hashes: Sequence[bytes]) -> bytes:
    if not hashes:
        return EMPTY_ROOT
    value = hashes[-1]
    for left in reversed(hashes[:-1]):
        value = node_hash(left, value)
    return value
