"""Whether all that the log key signed is one history: the tree is grown again from its leaves. Standard library only.

Each record's proof was followed already, so each stands in *a* tree. Grown again from all of them, the tree must have the
root of every checkpoint at its size, those from outside the archive included. Where a leaf is missing and nothing names
it, what comes after cannot be grown; then only checkpoints of one size are compared.
"""

from __future__ import annotations

from collections.abc import Iterator

from mailgate.audit.spill import Spill
from mailgate.model.findings import Found, Kind
from mailgate.model.merkle import Frontier, grow

_AT_ONCE = 10_000
"""Leaves that are grown at once where no checkpoint lies between."""


def find_forks(spill: Spill) -> Iterator[Found]:
    """Yield where signed checkpoints or proven records contradict each other."""
    query = "select idx, min(leaf), max(leaf) from proven group by idx having count(*) > 1"
    for index, first, second in spill.find(query):
        why = f"Two records are proven to be number {index}: {first.hex()[:16]} and {second.hex()[:16]}."
        yield Found(kind=Kind.FORK, why=why, index=index)
    query = "select size from note where signed group by size having count(distinct root) > 1"
    for (size,) in spill.find(query):
        yield Found(kind=Kind.FORK, why=f"The log key signed two different trees of {size} records.", index=size - 1)
    yield from _regrown(spill)


def _regrown(spill: Spill) -> Iterator[Found]:
    """Yield the first checkpoint that the records do not lead to."""
    notes = spill.find(
        "select size, root from note where signed group by size having count(distinct root) = 1 order by size"
    )
    leaves = _leaves(spill)
    frontier, waiting = Frontier(), list[bytes]()
    for size, root in notes:
        while frontier.size + len(waiting) < size:
            leaf = next(leaves, None)
            if leaf is None:
                return
            waiting.append(leaf)
            if len(waiting) >= _AT_ONCE:
                frontier, waiting = grow(frontier, waiting).frontier, []
        frontier, waiting = grow(frontier, waiting).frontier, []
        if frontier.root != root:
            why = f"The log key signed a tree of {size} records, and these records make another one."
            yield Found(kind=Kind.FORK, why=why, index=size - 1)
            return


def _leaves(spill: Spill) -> Iterator[bytes]:
    """Yield the proven leaves from the first on, as far as none is missing.

    One that only a seal names, or a copy in a thread, is not taken: were it wrong, it would look like the key holder's doing.
    """
    leaves = spill.find("select idx, min(leaf) from proven group by idx order by idx")
    for expected, (index, leaf) in enumerate(leaves):
        if index != expected:
            return
        yield leaf
