"""Records, proofs and logs that tests make themselves."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from mailgate.model.evidence import LogSigner
from mailgate.model.merkle import Frontier, grow, leaf_hash, prove_inclusion
from mailgate.model.notes import Proof
from mailgate.model.records import build_record

NAME = "gate.example.com/approvals"
AT = datetime(2026, 11, 24, 18, 0, 0, 123456, tzinfo=UTC)


def record(**changes: Any) -> bytes:
    """Return the record of a decision, with ``changes``."""
    usual: dict[str, Any] = {
        "log": NAME,
        "index": 7,
        "event": "decision",
        "request": "k3v9q2ab",
        "seq": 1,
        "digest": b"\xab" * 32,
        "at": AT,
        "nonce": bytes(16),
        "body": {"meaning": "approved", "approver": {"person": "bob", "name": "Bøb"}},
    }
    return build_record(**(usual | changes))


def prove(signer: LogSigner, record: bytes, index: int) -> str:
    """Return a proof of ``record`` at ``index`` in a log of ``index + 1`` records."""
    leaves = [hashlib.sha256(str(i).encode()).digest() for i in range(index)] + [leaf_hash(record)]
    return prove_all(signer, leaves)[index]


def prove_all(signer: LogSigner, leaves: Sequence[bytes]) -> list[str]:
    """Return the proofs of all ``leaves`` (hashes) in the log that has just them, under one checkpoint."""
    growth, size = grow(Frontier(), leaves), len(leaves)
    checkpoint = signer.sign(size, growth.frontier.root)
    return [
        Proof(
            index=index,
            path=prove_inclusion(index, size, lambda level, position: growth.nodes[level, position]),
            checkpoint=checkpoint,
        ).format()
        for index in range(size)
    ]


def whole_log(signer: LogSigner, size: int) -> list[tuple[bytes, str]]:
    """Return the records of a log of ``size`` decisions, each with its proof."""
    records = [record(index=index, request=f"r{index}", nonce=bytes([index % 256]) * 16) for index in range(size)]
    return list(zip(records, prove_all(signer, [leaf_hash(r) for r in records]), strict=True))
