"""Proofs for records that tests make themselves: a tree of invented leaves with the record as its last one."""

from __future__ import annotations

import hashlib

from mailgate.model.evidence import LogSigner
from mailgate.model.merkle import Frontier, grow, leaf_hash, prove_inclusion
from mailgate.model.notes import Proof


def prove(signer: LogSigner, record: bytes, index: int) -> str:
    """Return a proof of ``record`` at ``index`` in a log of ``index + 1`` records."""
    leaves = [hashlib.sha256(str(i).encode()).digest() for i in range(index)] + [leaf_hash(record)]
    growth = grow(Frontier(), leaves)
    path = prove_inclusion(index, index + 1, lambda level, position: growth.nodes[level, position])
    return Proof(index=index, path=path, checkpoint=signer.sign(index + 1, growth.frontier.root)).format()
