"""The evidence log as it lies in the database: append records to its tree, sign what it is then, let the guard see it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from mailgate.errors import Forged, LogBroken
from mailgate.model.evidence import LogSigner, LogVerifier
from mailgate.model.merkle import (
    Frontier,
    complete_subtrees,
    grow,
    leaf_hash,
    prove_inclusion,
    root_at,
    root_by_inclusion,
)
from mailgate.model.notes import Checkpoint, Proof
from mailgate.model.records import Record, parse_record
from mailgate.service.context import Serving
from mailgate.store import Tx
from mailgate.store.events import append_event, unbound_events
from mailgate.store.tables import Event, Head
from mailgate.store.tree import add_nodes, newest_head, nodes_at, note_guarded


@dataclass(frozen=True, slots=True, kw_only=True)
class Tip:
    """Where the log ends: the newest checkpoint, None before the first record, and the edge of its tree."""

    checkpoint: Checkpoint | None
    frontier: Frontier

    @property
    def size(self) -> int:
        """How many records there are: the index of the next one."""
        return self.frontier.size


class BatchVerifier(LogVerifier):
    """A verifier that also takes the records which the keeper itself has just built, whose checkpoint is not signed yet."""

    def __init__(self, verifier: LogVerifier) -> None:
        super().__init__("\n".join(key.format() for key in verifier.keys))
        self._verifier = verifier
        self._made: dict[bytes, Record] = {}

    def note(self, record: bytes) -> None:
        """Remember a record of this batch."""
        self._made[record] = parse_record(record)

    def read(self, record: bytes, proof: str) -> Record:
        """See :meth:`LogVerifier.read`."""
        made = self._made.get(record)
        return made if made is not None else self._verifier.read(record, proof)


def read_tip(tx: Tx, serving: Serving) -> Tip:
    """Return where the log ends, once its checkpoint, its tree and the guard agree.

    Raises:
        LogBroken: they do not.
    """
    row = newest_head(tx)
    try:
        checkpoint = None if row is None else serving.verifier.read_checkpoint(row.note)
    except Forged as error:
        raise LogBroken(_TORN) from error
    serving.guard.check(checkpoint, node_reader(tx))
    if checkpoint is None:
        return Tip(checkpoint=None, frontier=Frontier())
    places = complete_subtrees(0, checkpoint.size)
    known = nodes_at(tx, places)
    if set(known) != set(places):
        raise LogBroken(_TORN)
    frontier = Frontier(size=checkpoint.size, hashes=tuple(known[place] for place in places))
    if row is None or row.size != checkpoint.size or frontier.root != checkpoint.root:
        raise LogBroken(_TORN)
    return Tip(checkpoint=checkpoint, frontier=frontier)


_TORN = (
    "The log's tree in the database does not lead to the checkpoint that was signed: rows were changed or removed. Nothing "
    "is sequenced. Put back the database as it was, or make one from the archive with `mailgate audit rebuild`."
)


def append(tx: Tx, signer: LogSigner, tip: Tip, events: Sequence[Event]) -> None:
    """Put the records of ``events`` into the tree, in order, sign one checkpoint over all of it, and give each its proof."""
    leaves = [leaf_hash(event.record or b"") for event in events]
    growth = grow(tip.frontier, leaves)
    size, root = growth.frontier.size, growth.frontier.root
    note = signer.sign(size, root)
    # Left of a new leaf's path lie only what this batch made and the edge of the tree before it.
    known = dict(zip(tip.frontier.places(), tip.frontier.hashes, strict=True)) | growth.nodes
    for index, event in enumerate(events, start=tip.size):
        path = prove_inclusion(index, size, lambda level, position: known[level, position])
        event.proof = Proof(index=index, path=path, checkpoint=note).format()
        tx.session.add(event)
    add_nodes(tx, growth.nodes)
    tx.session.add(Head(size=size, note=note, at=tx.now))
    tx.session.flush()


def signing_key(tx: Tx, serving: Serving) -> LogSigner:
    """Return the newest of the log's keys that the log itself has announced; before the first record, the newest of all.

    So each key but the first is vouched for by a record under the one before it, and who has the first has them all.
    """
    announced = {
        json.loads(event.body)["vkey"]
        for kind in ("genesis", "key")
        for event in unbound_events(tx, kind)
        if event.position is not None
    }
    known = [s for s in (*serving.earlier_signers, serving.signer) if s.vkey in announced]
    return known[-1] if known else serving.signer


def announce_key(tx: Tx, serving: Serving) -> bool:
    """Record a new log key, under the key before it; return whether there was one to announce."""
    said = [json.loads(event.body)["vkey"] for kind in ("genesis", "key") for event in unbound_events(tx, kind)]
    if not said or serving.signer.vkey in said:
        return False
    append_event(tx, "key", None, {"vkey": serving.signer.vkey}, key=serving.key)
    return True


def let_guard_see(serving: Serving) -> bool:
    """Put the newest checkpoint on disk outside the database, then release what waits for that; False if there is no new one.

    Raises:
        LogBroken: the guard file cannot be written, or the newest checkpoint is none, or behind the guard.
    """
    with serving.store.read() as tx:
        row = newest_head(tx)
    try:
        # That the row says so is not enough: anybody who can write to the database can say so.
        if row is None or (row.guarded and serving.guard.has(row.note)):
            return False
        serving.guard.write(row.note)
    except Forged as error:
        raise LogBroken(_TORN) from error
    except OSError as error:
        raise LogBroken(
            f"The guard file {serving.guard.path} cannot be written ({error.strerror}); make its folder writable for this "
            "user. Until then no mail goes out and nothing is executed."
        ) from error
    with serving.store.write() as tx:
        note_guarded(tx, row.size)
    return True


def compare_log(serving: Serving) -> str:
    """Return a sentence on how the database's log and the guard stand to each other.

    Raises:
        LogBroken: they do not fit.
    """
    with serving.store.read() as tx:
        serving.guard.newest()
        tip = read_tip(tx, serving)
    known = serving.guard.newest()
    return f"The log has {tip.size} records, and the guard has seen {known.size if known else 0} of them."


def accept_log(serving: Serving) -> str:
    """Take the database's log for the newest there is, whatever the guard saw; say what was accepted.

    Raises:
        LogBroken: the log in the database does not fit together by itself.
    """
    with serving.store.read() as tx:
        row = newest_head(tx)
        checkpoint = None if row is None else serving.verifier.read_checkpoint(row.note)
        if row is None or checkpoint is None:
            raise LogBroken("The database has no record yet, so there is nothing to accept.")
        if root_at(checkpoint.size, node_reader(tx)) != checkpoint.root:
            raise LogBroken(_TORN)
        note = row.note
    serving.guard.write(note)
    return f"Accepted: the log with {checkpoint.size} records is taken for the newest. The guard was written anew."


def node_reader(tx: Tx) -> Callable[[int, int], bytes]:
    """Return a reader of the tree's complete subtrees.

    Raises:
        LogBroken: (the reader) one that should be there is not.
    """
    known: dict[tuple[int, int], bytes] = {}

    def node(level: int, position: int) -> bytes:
        if (level, position) not in known:
            found: Mapping[tuple[int, int], bytes] = nodes_at(tx, [(level, position)])
            if not found:
                raise LogBroken(_TORN)
            known.update(found)
        return known[level, position]

    return node


def prove_again(tx: Tx, index: int, checkpoint: Checkpoint, note: str) -> str:
    """Return a proof of an earlier record against a newer checkpoint, for those who are to see all under one.

    Raises:
        LogBroken: the stored tree does not lead there.
    """
    node = node_reader(tx)
    path = prove_inclusion(index, checkpoint.size, node)
    if root_by_inclusion(node(0, index), index, checkpoint.size, path) != checkpoint.root:
        raise LogBroken(_TORN)
    return Proof(index=index, path=path, checkpoint=note).format()


def root_in(tx: Tx, size: int) -> bytes:
    """Return the root that the tree in the database has at ``size``."""
    return root_at(size, node_reader(tx))
