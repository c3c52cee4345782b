"""The log as it lies in the database: it fits together, or the keeper stops; and no mail carries what it does not prove."""

from __future__ import annotations

import json
from base64 import b64decode
from email import message_from_bytes
from itertools import combinations
from typing import Any

import pytest

from mailgate.errors import LogBroken
from mailgate.model.evidence import LogSigner
from mailgate.model.merkle import is_consistent, prove_consistency
from mailgate.service.guard import Guard
from mailgate.service.ledger import let_guard_see, node_reader, prove_again, read_tip, root_in
from mailgate.service.sequence import sequence
from mailgate.store.tables import Event, Head, Node, Outgoing
from tests.service.conftest import RigMaker
from tests.service.post import AUTHSERV_ID, deliver, reply
from tests.service.rig import Rig


@pytest.fixture
def busy(rig: Rig) -> Rig:
    """Make a rig with a log of eleven records in several batches."""
    for number in range(3):
        rig.approved(args={"order": f"A-{number}"})
        rig.submit(args={"order": f"B-{number}"})
    rig.execute()
    rig.keeper()
    assert len(records(rig)) == 12
    return rig


def records(rig: Rig) -> list[Event]:
    """Return the events that are records, in the order of the log."""
    return sorted((e for e in rig.rows(Event) if e.position is not None), key=lambda e: e.position or 0)


def test_the_log_begins_with_its_own_key(rig: Rig) -> None:
    """Record 0 is about no request and names the public key; there is one such record, however the log goes on."""
    rig.approved()
    rig.work()
    first, *others = records(rig)
    record = rig.working.verifier.read(first.record or b"", first.proof)
    assert (record.index, record.event, record.request) == (0, "genesis", "")
    assert record.body["vkey"] == rig.serving.verifier.vkey
    assert "genesis" not in {e.kind for e in others}


def test_every_record_is_proven_at_its_position(busy: Rig) -> None:
    """By the proof that lies beside it, under the checkpoint of its batch, also when the log has grown since."""
    read = [busy.working.verifier.read(e.record or b"", e.proof) for e in records(busy)]
    assert [record.index for record in read] == list(range(12))
    assert len(busy.rows(Head)) > 4


def test_each_request_counts_its_records(busy: Rig) -> None:
    """From 0, without a gap, whatever happens to other requests in between."""
    read = [busy.working.verifier.read(e.record or b"", e.proof) for e in records(busy)]
    for request_id in {record.request for record in read} - {""}:
        mine = [record.seq for record in read if record.request == request_id]
        assert mine == list(range(len(mine)))


def test_every_checkpoint_is_of_the_tree_and_continues_those_before(busy: Rig) -> None:
    """The roots that were signed are those of the stored nodes, and each tree is the beginning of each later one."""
    heads = sorted((busy.serving.verifier.read_checkpoint(h.note) for h in busy.rows(Head)), key=lambda c: c.size)
    with busy.serving.store.read() as tx:
        assert [root_in(tx, head.size) for head in heads] == [head.root for head in heads]
        for one, other in combinations(heads, 2):
            proof = prove_consistency(one.size, other.size, node_reader(tx))
            assert is_consistent(one.size, one.root, other.size, other.root, proof)


def test_all_records_can_be_proven_under_one_checkpoint(busy: Rig) -> None:
    """Under the newest, for somebody who is to see all of them at once."""
    head = max(busy.rows(Head), key=lambda h: h.size)
    checkpoint = busy.serving.verifier.read_checkpoint(head.note)
    with busy.serving.store.read() as tx:
        for index, event in enumerate(records(busy)):
            proof = prove_again(tx, index, checkpoint, head.note)
            assert proof.endswith(head.note)
            assert busy.working.verifier.read(event.record or b"", proof).index == index


# Somebody writes to the tree.


def outcomes(rig: Rig) -> list[str | None]:
    """Return what the tree can still give: a proof for every record under the newest checkpoint, None where it refuses."""
    head = max(rig.rows(Head), key=lambda h: h.size)
    checkpoint, found = rig.serving.verifier.read_checkpoint(head.note), list[str | None]()
    with rig.serving.store.read() as tx:
        for index in range(checkpoint.size):
            try:
                found.append(prove_again(tx, index, checkpoint, head.note))
            except LogBroken:
                found.append(None)
    return found


def tip_is_sound(rig: Rig) -> bool:
    """Return whether the keeper would go on."""
    try:
        with rig.serving.store.read() as tx:
            read_tip(tx, rig.serving)
    except LogBroken:
        return False
    return True


@pytest.mark.parametrize("how", ["changed", "deleted"])
def test_no_node_can_be_tampered_with_unseen(busy: Rig, how: str) -> None:
    """Whichever is changed or gone: what is proven all the same is proven right, everything else is refused."""
    right, edge = outcomes(busy), {(3, 0), (2, 2)}
    assert None not in right
    for node in busy.rows(Node):
        where = f"level = {node.level} and position = {node.position}"
        if how == "changed":
            busy.forge(f"update nodes set hash = :h where {where}", h=bytes([node.hash[0] ^ 1]) + node.hash[1:])
        else:
            busy.forge(f"delete from nodes where {where}")
        now = outcomes(busy)
        assert now != right or (node.level, node.position) not in edge
        assert all(proof in (None, good) for proof, good in zip(now, right, strict=True))
        assert tip_is_sound(busy) == ((node.level, node.position) not in edge)
        busy.forge(f"delete from nodes where {where}")
        busy.insert("nodes", level=node.level, position=node.position, hash=node.hash)
    assert outcomes(busy) == right


def test_a_tampered_tree_stops_the_keeper(busy: Rig) -> None:
    """Nothing is written on it: what waits goes on waiting, and no checkpoint is signed over it."""
    busy.forge("update nodes set hash = zeroblob(32) where level = 3")
    request_id = busy.submit(args={"order": "C-1"}).request_id
    heads = len(busy.rows(Head))

    with pytest.raises(LogBroken) as caught, busy.serving.store.write() as tx:
        sequence(tx, busy.serving)

    assert caught.value.message == (
        "The log's tree in the database does not lead to the checkpoint that was signed: rows were changed or removed. "
        "Nothing is sequenced. Put back the database as it was, or make one from the archive with `mailgate audit rebuild`."
    )
    assert busy.kinds(request_id) == []
    assert len(busy.rows(Head)) == heads


NEWEST = "size = (select max(size) from heads)"


@pytest.mark.parametrize(
    "forgery",
    [
        f"update heads set note = note || 'x' where {NEWEST}",
        f"update heads set note = '' where {NEWEST}",
        f"update heads set note = replace(note, '12', '13') where {NEWEST}",
        f"update heads set note = (select note from heads order by size limit 1) where {NEWEST}",
        f"update heads set size = size + 1 where {NEWEST}",
        f"delete from heads where {NEWEST}",
        "delete from heads",
        "insert into heads (size, note, at, guarded) values (1000000, 'x', '2026-11-24 09:00:00', 1)",
        f"insert into heads (size, note, at, guarded) select 1000000, note, at, 1 from heads where {NEWEST}",
        "delete from nodes",
    ],
)
def test_a_tampered_checkpoint_stops_the_keeper(busy: Rig, forgery: str) -> None:
    """Changed, exchanged, moved, deleted, or one too many."""
    busy.forge(forgery)
    assert not tip_is_sound(busy)


def test_a_checkpoint_of_another_key_stops_the_keeper(busy: Rig) -> None:
    """However well its tree fits together."""
    stranger = LogSigner(busy.serving.signer.name, b"x" * 32)
    with busy.serving.store.read() as tx:
        root = root_in(tx, 12)
    busy.forge(f"update heads set note = :n where {NEWEST}", n=stranger.sign(12, root))
    assert not tip_is_sound(busy)


def test_older_checkpoints_are_not_needed(busy: Rig) -> None:
    """The newest one says it all; a log goes on without the others."""
    busy.forge("delete from heads where size < (select max(size) from heads)")
    assert tip_is_sound(busy)
    busy.ask(args={"order": "C-1"})
    assert [e.position for e in records(busy)] == list(range(13))


# Somebody writes to the records that mails carry.


def evidence(rig: Rig) -> list[dict[str, Any]]:
    """Return what the attachments of all mails hold that went out so far."""
    attached = [
        part.get_payload(decode=True)
        for _, _, raw in rig.sender.sent
        for part in message_from_bytes(raw).walk()
        if part.get_filename() == "mailgate-evidence.json"
    ]
    return [json.loads(content) for content in attached if isinstance(content, bytes)]


def carried(rig: Rig) -> list[bytes]:
    """Send what is due and return every record that went out with a mail."""
    rig.outbox()
    return [b64decode(r) for t in evidence(rig) for r in (*(e["record"] for e in t["records"]), *t["thread"])]


@pytest.mark.parametrize(
    "forgery",
    [
        "update events set record = cast(replace(record, 'bob', 'eve') as blob) where kind = 'decision'",
        "update events set record = x'7b7d' where kind = 'decision'",
        "update events set record = null where kind = 'decision'",
        "update events set record = cast(replace(record, 'A-1', 'A-9') as blob) where kind = 'request'",
        "update events set proof = replace(proof, 'index 2', 'index 1') where kind = 'decision'",
        "update events set proof = '' where kind = 'decision'",
        "update events set record = (select record from events where kind = 'request'), "
        "proof = (select proof from events where kind = 'request') where kind = 'decision'",
        "update events set position = 7 where kind = 'decision'",
        "update events set kind = 'undo' where kind = 'decision'",
        "delete from events where kind = 'decision'",
    ],
)
def test_no_mail_carries_a_record_that_the_log_does_not_prove(rig: Rig, forgery: str) -> None:
    """The stamp would vouch for it. Nothing goes out; operators hear of it."""
    rig.approved()
    honest = {e.record for e in records(rig)}
    rig.forge(forgery)

    out = carried(rig)

    assert set(out) <= honest
    assert {m.state for m in rig.mails("receipt")} == {"failed"}
    assert any("A forged mail was found" in notice for notice in rig.notices())


def test_no_mail_goes_out_before_its_record_is_in_the_log(rig: Rig) -> None:
    """Though somebody wrote that the log has it."""
    request_id = rig.ask()
    rig.outbox()
    sent = len(rig.sender.sent)
    rig.press(request_id, "bob")
    event = rig.row(Event, kind="decision")
    rig.copy(
        "outgoing", {"kind": "request", "assignment_id": rig.seat(request_id, "bob").id}, id="evil", events=event.id
    )
    rig.forge("update outgoing set log_size = 0, state = 'waiting', sealed = null where id = 'evil'")

    rig.outbox()

    assert len(rig.sender.sent) == sent
    assert rig.row(Outgoing, id="evil").state == "failed"


def test_the_archive_gets_the_replies_that_records_name(make_rig: RigMaker) -> None:
    """Not those that somebody wrote into a row beside the record."""
    rig = make_rig(imap={"authserv_id": AUTHSERV_ID})
    request_id, other = rig.ask(), rig.ask(args={"order": "A-2"})
    deliver(rig, reply(rig, other, text="QUESTION: why?"), mail_id="theirs")
    deliver(rig, reply(rig, request_id, text="QUESTION: what?"), mail_id="ours")
    rig.keeper()
    deliver(rig, reply(rig, request_id, text="REJECT no"), mail_id="last")
    rig.keeper()
    assert (
        rig.forge("update events set body = cast(replace(body, 'ours', 'theirs') as blob) where kind = 'question'") == 2
    )

    carried(rig)

    raws = [b64decode(entry["raw"]) for told in evidence(rig) for entry in told.get("inbound", [])]
    assert [raw.split(b"\r\n")[-2] for raw in raws] == [b"QUESTION: what?", b"REJECT no"]


# The guard and the keeper together.


def test_the_guard_follows_batch_by_batch(busy: Rig) -> None:
    """After each it has exactly what the database has, and says so once."""

    def seen() -> int:
        known = Guard(busy.serving.guard.path, busy.serving.verifier).newest()
        return known.size if known else 0

    assert seen() == 12
    for size in range(13, 16):
        busy.submit(args={"order": f"C-{size}"})
        with busy.serving.store.write() as tx:
            sequence(tx, busy.serving)
        assert seen() == size - 1
        assert let_guard_see(busy.serving)
        assert not let_guard_see(busy.serving)
        assert seen() == size
