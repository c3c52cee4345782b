"""Follow a record from its bytes to the checkpoint that its proof names. Standard library only.

Whether that checkpoint is signed, and all of them belong to one tree, is asked once all mails are in.
"""

from __future__ import annotations

from dataclasses import dataclass

from mailgate.audit.attached import Entry
from mailgate.model.findings import Found, Kind
from mailgate.model.merkle import leaf_hash, root_by_inclusion
from mailgate.model.notes import Checkpoint, Proof, parse_proof, parse_signed_checkpoint
from mailgate.model.records import Record, parse_record


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """One entry of a mail's evidence, as far as it leads.

    Attributes:
        record: parsed, None where it cannot be.
        leaf: the hash of the record as it is here, or of the one that was erased.
        note: the checkpoint that its proof names, a signed note; empty where it cannot be read.
        origin: the log that the checkpoint is of.
        fault: what is wrong, or None: then the proof leads from the record to the checkpoint.
    """

    raw: bytes
    record: Record | None
    leaf: bytes
    index: int | None
    note: str
    origin: str
    fault: Found | None


def follow(entry: Entry, meant: bytes | None, log: str, place: str) -> Proven:
    """Return where a record's proof leads, and what is wrong with the two.

    Args:
        meant: the hash of the record that the stamp says stood here.
    """
    raw = entry.record or b""
    leaf = leaf_hash(raw) if entry.leaf is None else entry.leaf
    record = _parsed(raw)
    proof, note, checkpoint = _proof(entry.proof)
    index = record.index if record else proof.index if proof else None

    def wrong(kind: Kind, why: str) -> Found:
        return Found(kind=kind, why=why, index=index, request=record.request if record else "", place=place)

    fault = None
    if proof is None or checkpoint is None:
        fault = wrong(Kind.PROOF_BAD, "The proof is not in the one form that proofs have.")
    elif checkpoint.origin != log:
        fault = wrong(Kind.PROOF_BAD, "The proof leads to the checkpoint of another log.")
    elif record is not None and record.index != proof.index:
        fault = wrong(Kind.PROOF_MISMATCH, f"The proof is that of record {proof.index}.")
    elif root_by_inclusion(leaf, proof.index, checkpoint.size, proof.path) != checkpoint.root:
        kind = Kind.PROOF_BAD if meant == leaf else Kind.RECORD_ALTERED
        fault = wrong(kind, "The proof does not lead from this record to the checkpoint that the log key signed.")
    elif entry.record is not None and (record is None or record.log != log):
        fault = wrong(Kind.PROOF_MISMATCH, "The log has this, and it is no record of it.")
    return Proven(
        raw=raw,
        record=record,
        leaf=leaf,
        index=index,
        note=note,
        origin=checkpoint.origin if checkpoint else "",
        fault=fault,
    )


def _parsed(raw: bytes) -> Record | None:
    try:
        return parse_record(raw)
    except ValueError:
        return None


def _proof(text: str) -> tuple[Proof | None, str, Checkpoint | None]:
    try:
        proof = parse_proof(text)
        return proof, proof.checkpoint, _checkpoint(proof.checkpoint)
    except (ValueError, UnicodeEncodeError):
        return None, "", None


_LAST: dict[str, Checkpoint] = {}
"""The checkpoint that was read last: the records of one mail share it."""


def _checkpoint(note: str) -> Checkpoint:
    found = _LAST.get(note)
    if found is None:
        found = parse_signed_checkpoint(note).checkpoint
        _LAST.clear()
        _LAST[note] = found
    return found
