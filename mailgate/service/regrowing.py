"""The log of a rebuilt database: its tree, grown again from all leaves, its signed checkpoints, and each record's proof.

Nothing is taken on trust: grown so far, the tree has to have the root that the log's key signed, checkpoint by checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from mailgate.errors import Forged, LogBroken
from mailgate.model.canonical import canonical_bytes
from mailgate.model.evidence import LogVerifier
from mailgate.model.merkle import Frontier, grow, leaf_hash, prove_inclusion
from mailgate.model.notes import Checkpoint, Proof
from mailgate.model.records import HEAD, Record, parse_record
from mailgate.store import Tx
from mailgate.store.tables import Event, Head
from mailgate.store.tree import add_nodes


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One record of the log, as an archive has it.

    Attributes:
        record: its exact bytes; None where it was erased by authority, and ``leaf`` is all that is left of it.
        archived: whether a mail to the archive carries it, and not just a copy elsewhere.
        mail: the Message-ID of that mail; ``mailed_at`` and ``mailed_to`` are its date and recipient.
        lines: of a digest: the exact lines of what it shows.
        state: of a request: its agent's state, where the archive carries that.
    """

    leaf: bytes
    record: bytes | None
    archived: bool = True
    mail: str = ""
    mailed_at: datetime | None = None
    mailed_to: str = ""
    lines: bytes | None = None
    state: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Regrown:
    """One record in its place: as it was found, parsed, and as the event that it was made from; None where it was erased."""

    found: Found
    index: int
    record: Record | None
    event: Event | None


def regrow(tx: Tx, verifier: LogVerifier, found: Iterable[Found], notes: Iterable[str]) -> Iterator[Regrown]:
    """Store the tree and its checkpoints, and yield each record in its place; the events are not stored yet.

    Args:
        found: every record of the log, in its order, from the first.
        notes: signed checkpoints of it, the smallest first; the largest covers all records.

    Raises:
        LogBroken: the records do not make the tree that was signed.
    """
    records, frontier = iter(found), Frontier()
    for note in notes:
        checkpoint = _signed(verifier, note)
        batch: list[Found] = []
        while frontier.size + len(batch) < checkpoint.size:
            one = next(records, None)
            if one is None:
                raise LogBroken(
                    f"The archive ends with record {frontier.size + len(batch) - 1}, and the log's key signed {checkpoint.size} "
                    "of them. Give the mailboxes of the people who were asked as well: their mails carry the same records."
                )
            batch.append(one)
        if not batch and frontier.size == checkpoint.size and frontier.root == checkpoint.root:
            continue  # the same tree, signed twice
        places, before = dict(zip(frontier.places(), frontier.hashes, strict=True)), frontier.size
        growth = grow(frontier, [one.leaf for one in batch])
        frontier = growth.frontier
        if (frontier.size, frontier.root) != (checkpoint.size, checkpoint.root):
            raise LogBroken(
                f"The records of the archive do not make the tree of {checkpoint.size} that the log's key signed. Nothing "
                "was written. `mailgate audit verify` says which mail to look at."
            )
        add_nodes(tx, growth.nodes)
        yield from _placed(tx, batch, before, checkpoint, note, places | growth.nodes)
        tx.session.add(Head(size=checkpoint.size, note=note, at=_last_at(batch) or tx.now))
    if next(records, None) is not None:
        raise LogBroken(f"No checkpoint of the archive covers record {frontier.size}. Nothing was written.")


def _signed(verifier: LogVerifier, note: str) -> Checkpoint:
    try:
        return verifier.read_checkpoint(note)
    except Forged as error:
        raise LogBroken(f"A checkpoint of the archive is not one of this deployment's log: {error.why}.") from error


def _placed(
    tx: Tx, batch: list[Found], start: int, checkpoint: Checkpoint, note: str, known: dict[tuple[int, int], bytes]
) -> Iterator[Regrown]:
    for index, one in enumerate(batch, start=start):
        if one.record is None:
            yield Regrown(found=one, index=index, record=None, event=None)
            continue
        record = _parsed(one, index)
        path = prove_inclusion(index, checkpoint.size, lambda level, position: known[level, position])
        event = Event(
            id=tx.chance.id(),
            request_id=record.request or None,
            kind=record.event,
            body=canonical_bytes({name: value for name, value in record.body.items() if name not in HEAD}),
            at=record.at,
            position=index,
            record=one.record,
            proof=Proof(index=index, path=path, checkpoint=note).format(),
            archived=one.archived,
        )
        yield Regrown(found=one, index=index, record=record, event=event)


def _parsed(one: Found, index: int) -> Record:
    assert one.record is not None
    try:
        record = parse_record(one.record)
    except ValueError as error:
        raise LogBroken(
            f"Record {index} of the archive is none of mailgate's; a newer version may have made it."
        ) from error
    if leaf_hash(one.record) != one.leaf or record.index != index:
        raise LogBroken(f"What the archive has in the place of record {index} is another one.")
    return record


def _last_at(batch: list[Found]) -> datetime | None:
    """Return when the last thing happened that a batch records: when it was signed, nothing says."""
    raws = [one.record for one in batch if one.record is not None]
    return parse_record(raws[-1]).at if raws else None
