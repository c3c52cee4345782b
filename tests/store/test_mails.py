"""Mails: each is taken by one outbox at a time, its bytes are stored once, and mailboxes remember how far they were read."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.exc import IntegrityError

from mailgate.store import Store
from mailgate.store.mails import (
    change_outgoing,
    claim_outgoing,
    find_incoming_by_hash,
    get_cursor,
    has_due_outgoing,
    incoming_in_state,
    next_outgoing_at,
    oldest_read_at,
    outgoing_of,
    prolong_claim,
    set_sealed,
    unloaded,
    unmoved,
    unread_before,
)
from mailgate.store.tables import Cursor, Head, Incoming, Outgoing
from mailgate.store.tree import note_guarded
from mailgate.store.work import KEEPER, take_lease
from tests.store.fakes import START, FakeClock
from tests.store.rows import a_mail, a_request, at_once, kept

LEASE = timedelta(minutes=2)


def claimed(store: Store, limit: int = 10) -> list[str]:
    """Return the ids of the mails that an outbox takes now."""
    with store.write() as tx:
        return [m.id for m in claim_outgoing(tx, limit, LEASE)]


def test_a_mail_is_taken_once_until_the_lease_is_over(store: Store, clock: FakeClock) -> None:
    """An outbox that died keeps its mails for the lease only; a look agrees with what a claim would find."""
    with store.write() as tx:
        a_mail(tx, "m1")
    with store.read() as tx:
        assert has_due_outgoing(tx)
    assert claimed(store) == ["m1"]
    clock.at = START + LEASE
    assert claimed(store) == []
    with store.read() as tx:
        assert not has_due_outgoing(tx)
        assert next_outgoing_at(tx) is None
    clock.forward(microseconds=1)
    with store.read() as tx:
        assert has_due_outgoing(tx)
    assert claimed(store) == ["m1"]


def test_mails_are_taken_when_due_the_longest_waiting_first(store: Store, clock: FakeClock) -> None:
    """Those that wait for later, were sent, or failed for good are left."""
    with store.write() as tx:
        a_mail(tx, "later", next_at=START + timedelta(minutes=5))
        a_mail(tx, "second", next_at=START, created_at=START + timedelta(seconds=1))
        a_mail(tx, "first", next_at=START)
        a_mail(tx, "oldest", next_at=START - timedelta(minutes=1), created_at=START + timedelta(minutes=1))
        a_mail(tx, "sent", state="sent")
        a_mail(tx, "failed", state="failed")
    assert claimed(store, limit=2) == ["oldest", "first"]
    assert claimed(store) == ["second"]
    with store.read() as tx:
        assert next_outgoing_at(tx) == START + timedelta(minutes=5)
        assert not has_due_outgoing(tx)
    clock.forward(minutes=5)
    assert "later" in claimed(store)


def test_a_mail_with_records_waits_for_the_log_and_for_the_guard(store: Store) -> None:
    """It is taken once its records are in the log and the guard file is known to have so much of it; a bare one at once."""
    with store.write() as tx:
        take_lease(tx, KEEPER, "somebody", LEASE)
        a_mail(tx, "bare")
        a_mail(tx, "ordered", events="e1")
        a_mail(tx, "loaded", events="e2", log_size=5)
        a_mail(tx, "ahead", events="e3", log_size=6)
        kept(tx, Head(size=5, note="", at=tx.now))
        kept(tx, Head(size=6, note="", at=tx.now))
        assert [m.id for m in unloaded(tx)] == ["ordered"]
    assert claimed(store) == ["bare"]
    with store.read() as tx:
        assert not has_due_outgoing(tx)
        assert next_outgoing_at(tx) is None
    with store.write() as tx:
        note_guarded(tx, 5)
    assert claimed(store) == ["loaded"]
    with store.write() as tx:
        note_guarded(tx, 6)
    with store.read() as tx:
        assert has_due_outgoing(tx)
        assert next_outgoing_at(tx) == START
    assert claimed(store) == ["ahead"]


def test_a_mail_with_records_waits_for_a_keeper(store: Store, clock: FakeClock) -> None:
    """A lease that is over is none; a bare mail goes out all the same."""
    with store.write() as tx:
        a_mail(tx, "bare")
        a_mail(tx, "loaded", events="e1", log_size=5)
        kept(tx, Head(size=5, note="", at=tx.now, guarded=True))
        take_lease(tx, KEEPER, "somebody", timedelta(seconds=15))
    clock.forward(seconds=15)
    assert claimed(store) == ["bare"]
    with store.write() as tx:
        take_lease(tx, KEEPER, "somebody else", timedelta(seconds=15))
    assert claimed(store) == ["loaded"]


def test_twenty_outboxes_at_once_take_each_mail_once(store: Store, other: Store) -> None:
    """No mail is sent twice because two outboxes looked at the same time."""
    with store.write() as tx:
        for number in range(30):
            a_mail(tx, f"m{number}")
    taken = at_once(20, lambda number: claimed(store if number % 2 else other, limit=4))
    ids = [mail for mails in taken if isinstance(mails, list) for mail in mails]
    assert sorted(ids) == sorted(f"m{n}" for n in range(30))


def test_a_mail_s_bytes_are_stored_once(store: Store) -> None:
    """Whoever rendered second sends the first one's bytes: every retry is the same mail."""
    with store.write() as tx:
        a_mail(tx, "m1")
        a_mail(tx, "m2")
        assert set_sealed(tx, "m1", b"first")
        assert not set_sealed(tx, "m1", b"second")
        assert not set_sealed(tx, "m9", b"third")
    with store.read() as tx:
        assert tx.session.get_one(Outgoing, "m1").sealed == b"first"
        assert tx.session.get_one(Outgoing, "m2").sealed is None


def test_of_twenty_who_store_a_mail_s_bytes_one_does(store: Store, other: Store) -> None:
    """The condition is in the update, not in what was read before."""
    with store.write() as tx:
        a_mail(tx)

    def attempt(number: int) -> bool:
        with (store if number % 2 else other).write() as tx:
            return set_sealed(tx, "m1", b"%d" % number)

    assert sorted(map(str, at_once(20, attempt))) == ["False"] * 19 + ["True"]


def test_columns_of_one_mail_are_changed(store: Store) -> None:
    """And of no other."""
    with store.write() as tx:
        a_mail(tx, "m1")
        a_mail(tx, "m2")
        change_outgoing(tx, "m1", state="sent", sealed=None, sent_at=START, attempts=3)
    with store.read() as tx:
        assert [(m.state, m.attempts, m.sent_at) for m in (tx.session.get_one(Outgoing, i) for i in ("m1", "m2"))] == [
            ("sent", 3, START),
            ("waiting", 0, None),
        ]


def test_the_mails_of_a_request_come_in_order(store: Store) -> None:
    """Those about nothing, or about another request, are not among them."""
    with store.write() as tx:
        a_request(tx, "r1")
        a_request(tx, "r2")
        a_mail(tx, "m2", request_id="r1", created_at=START + timedelta(seconds=1))
        a_mail(tx, "m1", request_id="r1")
        a_mail(tx, "m3", request_id="r2")
        a_mail(tx, "m4")
    with store.read() as tx:
        assert [m.id for m in outgoing_of(tx, "r1")] == ["m1", "m2"]


def arrived(uid: int, **changes: object) -> Incoming:
    """Return a mail that was fetched, with ``changes``."""
    usual: dict[str, object] = {
        "id": f"i{uid}",
        "mailbox": "gate",
        "folder": "INBOX",
        "uidvalidity": 1,
        "uid": uid,
        "sha256": f"hash {uid}",
        "sealed": b"sealed",
        "size": 6,
        "received_at": START,
        "fetched_at": START,
        "state": "new",
    }
    return Incoming(**(usual | changes))


def test_a_mail_that_came_before_is_known_by_its_bytes_and_by_its_place(store: Store) -> None:
    """A rescan after UIDVALIDITY changed finds the same bytes; one place holds one mail."""
    with store.write() as tx:
        kept(tx, arrived(1))
    with store.read() as tx:
        found = find_incoming_by_hash(tx, "hash 1")
        assert found is not None
        assert found.id == "i1"
        assert find_incoming_by_hash(tx, "hash 2") is None
    for twin in (arrived(2, sha256="hash 1"), arrived(1, id="i2", sha256="hash 2")):
        with pytest.raises(IntegrityError), store.write() as tx:
            kept(tx, twin)
    with store.write() as tx:
        kept(tx, arrived(1, id="i3", uidvalidity=2, sha256="hash 3"))


def test_incoming_mails_are_read_in_the_order_they_were_fetched(store: Store) -> None:
    """And by UID among those of one fetch; only those of the state that is asked for."""
    with store.write() as tx:
        for uid in (3, 1, 2):
            kept(tx, arrived(uid))
        kept(tx, arrived(9, fetched_at=START - timedelta(seconds=1)))
        kept(tx, arrived(4, state="concluded"))
    with store.read() as tx:
        assert [m.uid for m in incoming_in_state(tx, "new")] == [9, 1, 2, 3]
        assert [m.uid for m in incoming_in_state(tx, "new", limit=2)] == [9, 1]
        assert [m.uid for m in incoming_in_state(tx, "quarantined")] == []


def test_concluded_mails_that_lie_where_they_arrived_are_moved_later(store: Store) -> None:
    """Of this mailbox only; new ones stay until something was concluded from them."""
    with store.write() as tx:
        kept(tx, arrived(1))
        kept(tx, arrived(2, state="concluded"))
        kept(tx, arrived(3, state="quarantined"))
        kept(tx, arrived(4, state="concluded", moved=True))
        kept(tx, arrived(5, state="concluded", mailbox="other"))
    with store.read() as tx:
        assert [m.uid for m in unmoved(tx, "gate")] == [2, 3]
        assert len(unmoved(tx, "gate", limit=1)) == 1


def test_a_mail_that_arrived_in_time_is_waited_for_until_it_was_read(store: Store) -> None:
    """The instant itself is in time; what was concluded holds nothing up."""
    with store.write() as tx:
        kept(tx, arrived(1))
        kept(tx, arrived(2, state="concluded", received_at=START - timedelta(hours=1)))
    with store.read() as tx:
        assert not unread_before(tx, START - timedelta(microseconds=1))
        assert unread_before(tx, START)


def test_a_cursor_is_kept_for_each_folder_and_the_oldest_counts(store: Store) -> None:
    """Expiry waits for the mailbox that was read least far; before any was read there is none."""
    with store.read() as tx:
        assert get_cursor(tx, "gate", "INBOX") is None
        assert oldest_read_at(tx) is None
    with store.write() as tx:
        for folder, minutes in (("INBOX", 5), ("Junk", 3)):
            kept(
                tx,
                Cursor(
                    mailbox="gate",
                    folder=folder,
                    uidvalidity=1,
                    uid=minutes,
                    started_at=START,
                    read_at=START + timedelta(minutes=minutes),
                ),
            )
    with store.read() as tx:
        cursor = get_cursor(tx, "gate", "INBOX")
        assert cursor is not None
        assert (cursor.uid, cursor.read_at) == (5, START + timedelta(minutes=5))
        assert get_cursor(tx, "gate", "Sent") is None
        assert oldest_read_at(tx) == START + timedelta(minutes=3)


def test_a_claim_is_kept_while_it_is_sent(store: Store, clock: FakeClock) -> None:
    """A living outbox says so; one that fell silent loses the mail to another one."""
    with store.write() as tx:
        a_mail(tx)
    with store.write() as tx:
        assert len(claim_outgoing(tx, 10, timedelta(seconds=30))) == 1
    for _ in range(5):
        clock.forward(seconds=20)
        with store.write() as tx:
            assert claim_outgoing(tx, 10, timedelta(seconds=30)) == []
            prolong_claim(tx, "m1", timedelta(seconds=30))
    clock.forward(seconds=31)
    with store.write() as tx:
        assert len(claim_outgoing(tx, 10, timedelta(seconds=30))) == 1


def test_what_was_sent_is_not_claimed_again_by_a_late_word(store: Store) -> None:
    """A heartbeat that comes after the end changes nothing."""
    with store.write() as tx:
        a_mail(tx, state="sent")
    with store.write() as tx:
        prolong_claim(tx, "m1", timedelta(seconds=30))
    with store.read() as tx:
        assert tx.session.get_one(Outgoing, "m1").claimed_until is None
