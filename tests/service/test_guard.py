"""The guard: a database that went back in time, or tells another story, is noticed, and nothing happens on it."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from mailgate.errors import Forged, LogBroken
from mailgate.model.evidence import LogSigner, LogVerifier
from mailgate.model.merkle import complete_subtrees
from mailgate.runtime import run_roles
from mailgate.service.guard import Guard
from mailgate.service.journal import Journal
from mailgate.service.ledger import let_guard_see
from mailgate.service.roles import LEASE, KeeperRole
from mailgate.service.sequence import sequence
from mailgate.store.tables import Event, Head, Outgoing
from mailgate.store.tree import nodes_at
from tests.service.conftest import RigMaker
from tests.service.rig import Rig


def backed_up(rig: Rig) -> Path:
    """Return a copy of the database as it is now."""
    copy = rig.folder / f"backup-{len(rig.rows(Event))}.db"
    copy_database(rig.path, copy)
    return copy


def copy_database(source: Path, target: Path) -> None:
    """Put the content of one database in place of another's, as `sqlite3 .restore` does."""
    with closing(sqlite3.connect(source)) as one, closing(sqlite3.connect(target)) as other:
        one.backup(other)


def restarted(rig: Rig) -> KeeperRole:
    """Return the keeper of a process that has just started, with nothing in its memory."""
    guard = Guard(rig.serving.guard.path, rig.serving.verifier)
    return KeeperRole(replace(rig.serving, guard=guard), "another process", lambda: 100.0)


def refusal(rig: Rig) -> str:
    """Return the sentence with which a keeper that starts now ends."""
    with pytest.raises(LogBroken) as caught:
        run_roles([restarted(rig)], threading.Event(), lambda: None)
    return caught.value.message


def starts(rig: Rig) -> None:
    """Let a keeper start and come to rest; it becomes the keeper at once."""
    rig.clock.forward(days=3651)
    keeper = restarted(rig)
    keeper._turn()
    assert keeper._holding is not None


def guarded(rig: Rig) -> int:
    """Return how many records the guard file has seen."""
    known = Guard(rig.serving.guard.path, rig.serving.verifier).newest()
    return known.size if known else 0


def keeper_is_gone(rig: Rig) -> None:
    """Let so much time pass that the keeper's lease, as a deployment has it, is over."""
    rig.forge("update leases set until = :u", u=rig.clock.at + LEASE)
    rig.clock.forward(seconds=LEASE.total_seconds() + 1)


# A database that is behind.


def test_a_restored_backup_is_refused_in_one_sentence(rig: Rig) -> None:
    """The keeper says how much is missing, and what to do, and ends."""
    request_id = rig.ask()
    backup = backed_up(rig)
    rig.press(request_id, "bob")
    rig.keeper()

    copy_database(backup, rig.path)
    keeper_is_gone(rig)

    assert refusal(rig) == (
        "The database has 2 records, and 3 were made: it was restored from a backup or replaced. Nothing is sequenced or "
        "executed. Put the newest database back, or make one from the archive with `mailgate audit rebuild`."
    )
    assert [h.size for h in rig.rows(Head)] == [2]


def test_on_a_restored_backup_nothing_is_executed(rig: Rig) -> None:
    """What was approved before the backup and has run since stands there as approved, and does not run again."""
    request_id = rig.approved()
    backup = backed_up(rig)
    rig.work()
    assert rig.state(request_id) == "succeeded"

    copy_database(backup, rig.path)
    keeper_is_gone(rig)
    refusal(rig)

    assert rig.state(request_id) == "approved"
    assert rig.execute(journal=Journal(rig.folder / "a machine that has not run it.journal")) is None
    assert len(rig.shop.ran) == 1


def test_on_a_restored_backup_no_mail_with_a_record_goes_out(rig: Rig) -> None:
    """Those that waited when the backup was made went out long since, and their story may have another end."""
    rig.approved()
    backup = backed_up(rig)
    rig.outbox()
    sent = len(rig.sender.sent)
    rig.work()
    rig.outbox()
    assert sent < len(rig.sender.sent)
    rig.sender.sent.clear()

    copy_database(backup, rig.path)
    keeper_is_gone(rig)
    refusal(rig)

    assert {m.state for m in rig.rows(Outgoing)} == {"waiting"}
    assert rig.outbox() == []
    assert rig.sender.sent == []


def test_a_decision_on_a_restored_backup_is_counted_by_nobody(rig: Rig) -> None:
    """People may press their links; no record comes of it, and no run."""
    request_id = rig.ask()
    backup = backed_up(rig)
    rig.mg.cancel(request_id)
    rig.keeper()

    copy_database(backup, rig.path)
    keeper_is_gone(rig)
    assert rig.press(request_id, "bob").done
    refusal(rig)

    assert rig.kinds(request_id) == ["request"]
    assert rig.execute() is None
    assert rig.shop.ran == []


def test_a_backup_put_back_under_a_running_keeper_is_noticed(rig: Rig) -> None:
    """At its next record, from memory; that record is not made."""
    request_id = rig.ask()
    backup = backed_up(rig)
    rig.press(request_id, "bob")
    rig.keeper()

    copy_database(backup, rig.path)
    rig.submit(args={"order": "A-2"})
    with pytest.raises(LogBroken, match="has 2 records, and 3 were made"):
        rig.keeper()

    assert [e.position for e in rig.rows(Event, kind="request")] == [1, None]


def test_an_empty_database_beside_a_guard_is_refused(rig: Rig, empty_database: Path) -> None:
    """Starting anew under an old name would make two logs of one."""
    rig.approved()
    copy_database(empty_database, rig.path)
    assert refusal(rig).startswith("The database has 0 records, and 3 were made: it was restored from a backup")


def test_a_database_without_its_newest_heads_is_behind(rig: Rig) -> None:
    """Whoever deletes the newest checkpoints gains what a backup gains: nothing."""
    rig.approved()
    rig.forge("delete from heads where size = (select max(size) from heads)")
    keeper_is_gone(rig)
    assert "has 2 records, and 3 were made" in refusal(rig)


def test_the_newest_database_put_back_goes_on(rig: Rig) -> None:
    """The refusal's own advice works: nothing was lost, and the log goes on where it was."""
    request_id = rig.approved()
    old, newest = backed_up(rig), rig.folder / "newest.db"
    rig.work()
    copy_database(rig.path, newest)
    copy_database(old, rig.path)
    keeper_is_gone(rig)
    refusal(rig)

    copy_database(newest, rig.path)
    starts(rig)

    assert rig.state(request_id) == "succeeded"
    assert guarded(rig) == max(h.size for h in rig.rows(Head))


def test_a_backup_as_new_as_the_guard_goes_on(rig: Rig) -> None:
    """What was lost left nothing behind: nothing had gone out on it."""
    rig.approved()
    backup = backed_up(rig)
    rig.submit(args={"order": "A-2"})
    copy_database(backup, rig.path)
    starts(rig)
    assert guarded(rig) == max(h.size for h in rig.rows(Head)) > 3


# A database that tells another story.


@pytest.fixture
def two(make_rig: RigMaker) -> Callable[[int, int], Rig]:
    """Return the maker of a rig with a log of some records, in place of which another log of the same key is put."""

    def make(ours: int, theirs: int) -> Rig:
        rig, other = make_rig(), make_rig()
        for number in range(ours - 1):
            rig.ask(args={"order": f"A-{number}"})
        for number in range(theirs - 1):
            other.ask(args={"order": f"B-{number}"})
        assert (guarded(rig), guarded(other)) == (ours, theirs)
        copy_database(other.path, rig.path)
        keeper_is_gone(rig)
        return rig

    return make


@pytest.mark.parametrize(("ours", "theirs"), [(3, 3), (3, 4), (3, 9), (8, 9), (5, 16)])
def test_a_log_that_was_rewritten_is_refused(two: Callable[[int, int], Rig], ours: int, theirs: int) -> None:
    """As long or longer, and signed by the log's own key: it is no continuation of what the guard saw."""
    assert refusal(two(ours, theirs)) == (
        f"The database tells another story than the guard up to record {ours - 1}: it was replaced or changed. Nothing is "
        "sequenced or executed. Put the database back that belongs to the guard, or make one from the archive with "
        "`mailgate audit rebuild`."
    )


def test_a_rewritten_log_that_keeps_the_old_tree_s_nodes_is_refused(make_rig: RigMaker) -> None:
    """The guard's root computed from stored nodes is not enough: the same nodes must lead to the checkpoint signed since."""
    rig, other = make_rig(), make_rig()
    for number in range(2):
        rig.ask(args={"order": f"A-{number}"})
    for number in range(7):
        other.ask(args={"order": f"B-{number}"})
    places = complete_subtrees(0, 3)
    with rig.serving.store.read() as tx:
        ours = nodes_at(tx, places)
    copy_database(other.path, rig.path)
    for (level, position), value in ours.items():
        rig.forge("update nodes set hash = :h where level = :l and position = :p", h=value, l=level, p=position)
    keeper_is_gone(rig)
    assert "another story than the guard up to record 2" in refusal(rig)


# The guard file.


def test_a_log_without_its_guard_is_refused(rig: Rig) -> None:
    """Somebody has to say that the database is the newest there is."""
    rig.approved()
    rig.serving.guard.path.unlink()
    keeper_is_gone(rig)
    path = rig.serving.guard.path
    assert refusal(rig) == (
        f"The database has a log of 3 records and there is no guard file {path}. If this keeper takes over from another "
        "machine or the file was lost, and the database is surely the newest there is, run `mailgate keys guard --accept`."
    )


def test_the_first_keeper_makes_the_guard(rig: Rig) -> None:
    """No log and no guard is a beginning."""
    assert not rig.serving.guard.path.exists()
    starts(rig)
    assert guarded(rig) > 0


@pytest.mark.parametrize("content", [b"", b"x", b"\xff\xfe", "nothing\n0\n—\n".encode()])
def test_a_guard_that_cannot_be_read_is_refused(rig: Rig, content: bytes) -> None:
    """Empty, cut, or something else: it is not taken for a missing one."""
    rig.approved()
    rig.serving.guard.path.write_bytes(content)
    keeper_is_gone(rig)
    path = rig.serving.guard.path
    assert refusal(rig) == (
        f"The guard file {path} cannot be used: it holds no checkpoint of this log. Restore it from where it was, or, if the "
        "database is surely the newest there is, run `mailgate keys guard --accept`."
    )


def test_a_guard_that_is_no_file_is_refused(rig: Rig) -> None:
    """The sentence says what the system said."""
    rig.approved()
    rig.serving.guard.path.unlink()
    rig.serving.guard.path.mkdir()
    keeper_is_gone(rig)
    assert "cannot be used: Is a directory. Restore it" in refusal(rig)


def test_the_guard_of_another_log_is_refused(rig: Rig) -> None:
    """Whether it has another key or another name."""
    rig.approved()
    name = rig.serving.signer.name
    for stranger in (LogSigner(name, b"x" * 32), LogSigner(f"{name}2", b"l" * 32)):
        rig.serving.guard.path.write_text(stranger.sign(3, b"r" * 32))
        keeper_is_gone(rig)
        assert "it holds no checkpoint of this log" in refusal(rig)


def test_a_guard_takes_no_checkpoint_of_another_log(tmp_path: Path) -> None:
    """What it holds stays as it was; and a new one is there as a whole or not at all."""
    signer = LogSigner("log.example", b"l" * 32)
    guard = Guard(tmp_path / "deep" / "log.guard", LogVerifier(signer.vkey))
    note = signer.sign(1, b"r" * 32)
    guard.write(note)
    for wrong in (LogSigner("log.example", b"x" * 32).sign(2, b"r" * 32), note + "\n", note.replace("\n1\n", "\n2\n")):
        with pytest.raises(Forged):
            guard.write(wrong)
    assert guard.path.read_text() == note
    assert [path.name for path in guard.path.parent.iterdir()] == ["log.guard"]


# Between the commit and the guard.


def test_a_keeper_that_died_before_the_guard_saw_its_records_is_followed_by_one_that_goes_on(rig: Rig) -> None:
    """The database is ahead of the guard: nothing had gone out on it, and the guard sees it now."""
    request_id = rig.ask()
    rig.press(request_id, "bob")
    with rig.serving.store.write() as tx:
        assert sequence(tx, rig.serving) == 1
    assert (guarded(rig), len([e for e in rig.rows(Event) if e.position is not None])) == (2, 3)

    starts(rig)

    assert guarded(rig) >= 3
    assert {h.guarded for h in rig.rows(Head)} == {True}
    assert rig.kinds(request_id) == ["request", "decision"]


def test_nothing_leaves_the_house_before_the_guard_has_seen_it(rig: Rig) -> None:
    """An approval is recorded, and neither is it claimed nor does its receipt go out; once the guard has it, both happen."""
    request_id = rig.ask()
    rig.outbox()
    rig.press(request_id, "bob")
    with rig.serving.store.write() as tx:
        sequence(tx, rig.serving)
    assert rig.kinds(request_id) == ["request", "decision"]
    assert rig.claim() is None
    assert rig.outbox() == []

    assert let_guard_see(rig.serving)

    assert sorted(m.row.kind for m in rig.outbox()) == ["receipt", "receipt"]
    assert rig.claim() is not None


def test_nothing_is_claimed_while_there_is_no_keeper(rig: Rig) -> None:
    """Nobody then says that the database is the newest there is. A new keeper does."""
    rig.approved()
    keeper_is_gone(rig)
    assert rig.claim() is None
    assert rig.outbox() == []
    rig.keeper()
    assert rig.claim() is not None
    assert rig.outbox() != []


def test_a_guard_that_cannot_be_written_releases_nothing(rig: Rig) -> None:
    """The keeper says why and ends; once it can be written, everything goes on."""
    request_id = rig.ask()
    rig.press(request_id, "bob")
    path = rig.serving.guard.path
    path.unlink()
    path.mkdir()
    with rig.serving.store.write() as tx:
        sequence(tx, rig.serving)
    with pytest.raises(LogBroken) as caught:
        let_guard_see(rig.serving)
    assert caught.value.message == (
        f"The guard file {path} cannot be written (Is a directory); make its folder writable for this user. Until then no "
        "mail goes out and nothing is executed."
    )
    assert rig.claim() is None
    path.rmdir()
    assert let_guard_see(rig.serving)
    assert rig.claim() is not None


def test_the_guard_sees_a_checkpoint_that_somebody_else_has_marked_as_seen(rig: Rig) -> None:
    """Whoever writes to the database cannot keep the guard behind, to put an older database back later."""
    request_id = rig.ask()
    rig.press(request_id, "bob")
    with rig.serving.store.write() as tx:
        sequence(tx, rig.serving)
    rig.forge("update heads set guarded = 1")

    let_guard_see(rig.serving)

    assert guarded(rig) == 3


def test_the_guard_is_not_written_without_need(rig: Rig) -> None:
    """What it has seen it has seen."""
    rig.approved()
    before = rig.serving.guard.path.stat().st_mtime_ns
    assert not let_guard_see(rig.serving)
    assert rig.serving.guard.path.stat().st_mtime_ns == before


def test_the_guard_never_goes_back(rig: Rig) -> None:
    """Not even to a checkpoint of this very log, put in the newest one's place between the commit and the guard."""
    request_id = rig.ask()
    rig.press(request_id, "bob")
    rig.keeper()
    rig.mg.cancel(rig.submit(args={"order": "A-2"}).request_id)
    with rig.serving.store.write() as tx:
        sequence(tx, rig.serving)
    rig.forge("delete from heads where size > 2")
    rig.forge("update heads set guarded = 0")

    with pytest.raises(LogBroken, match="has 2 records, and 3 were made"):
        let_guard_see(rig.serving)

    assert guarded(rig) == 3


def test_what_is_no_checkpoint_never_reaches_the_guard(rig: Rig) -> None:
    """Whatever was written into the newest row."""
    rig.approved()
    rig.forge("update heads set note = note || '\n', guarded = 0")
    with pytest.raises(LogBroken, match="does not lead to the checkpoint"):
        let_guard_see(rig.serving)
    assert guarded(rig) == 3
