"""A new log key: announced by the log under the key before it, and only then signing."""

from __future__ import annotations

from dataclasses import replace

from mailgate.model.evidence import LogSigner, LogVerifier
from mailgate.service.guard import Guard
from mailgate.service.policies import settle_in
from mailgate.store.tables import Event
from tests.service.rig import Rig


def rotate(rig: Rig) -> LogSigner:
    """Start the serving side again with one more log key, and let the keeper settle in."""
    old, new = rig.serving.signer, LogSigner(rig.serving.signer.name, b"n" * 32)
    verifier = LogVerifier(f"{old.vkey}\n{new.vkey}")
    guard = Guard(rig.serving.guard.path, verifier)
    rig.serving = replace(rig.serving, signer=new, earlier_signers=(old,), verifier=verifier, guard=guard)
    with rig.serving.store.write() as tx:
        settle_in(tx, rig.serving)
    rig.keeper()
    return new


def test_a_new_key_is_announced_under_the_old_one(rig: Rig) -> None:
    """Who has only the first key can read that record, and trusts the new key by it."""
    rig.ask()
    first = rig.working.verifier
    new = rotate(rig)
    event = rig.row(Event, kind="key")
    assert first.read(event.record or b"", event.proof).body["vkey"] == new.vkey


def test_what_follows_is_signed_by_the_new_key(rig: Rig) -> None:
    """And only by it; what was signed before still verifies."""
    before = rig.ask()
    new = rotate(rig)
    after = rig.ask(args={"order": "A-2"})
    only_new = LogVerifier(new.vkey)
    [old_event] = rig.rows(Event, request_id=before)
    [new_event] = rig.rows(Event, request_id=after)
    assert only_new.read(new_event.record or b"", new_event.proof).event == "request"
    assert rig.serving.verifier.read(old_event.record or b"", old_event.proof).event == "request"
    assert len(rig.rows(Event, kind="key")) == 1


def test_it_is_announced_once(rig: Rig) -> None:
    """However often the keeper starts."""
    rig.ask()
    rotate(rig)
    for _ in range(2):
        with rig.serving.store.write() as tx:
            settle_in(tx, rig.serving)
        rig.keeper()
    assert len(rig.rows(Event, kind="key")) == 1
