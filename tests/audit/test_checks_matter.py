"""Mutation: each check of verify is taken away in turn, and something it finds is then no longer found."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from mailgate.audit import (
    attached,
    blocks,
    domains,
    growth,
    judging,
    keyring,
    missing,
    replies,
    settling,
    taking,
    threads,
    verify,
)
from mailgate.audit.verdicts import Report
from mailgate.model import merkle, replay
from mailgate.model.findings import Kind
from mailgate.model.lifecycle import TRANSITIONS, State, Trigger
from mailgate.model.records import Record
from tests.audit import tampers
from tests.audit.cloning import Cloner
from tests.audit.forgeries import FORGERIES, fits
from tests.audit.mails import b64, open_mail, unb64
from tests.audit.story import Told
from tests.audit.tampers import Scene, items_of, verified
from tests.audit.test_whole import checkpoint_of

Patch = pytest.MonkeyPatch
Take = Callable[[Patch], None]


def _nothing(*_: Any, **__: Any) -> Any:
    return iter(())


def check(name: str) -> Take:
    """Take one of the checks of each mail away."""
    return lambda patch: patch.setattr(judging, "CHECKS", {n: c for n, c in judging.CHECKS.items() if n != name})


def function(module: Any, name: str, instead: Any = _nothing) -> Take:
    """Take a function away."""
    return lambda patch: patch.setattr(module, name, instead)


def always(answer: Any) -> Callable[..., Any]:
    """Return what says the same to everything."""
    return lambda *_, **__: answer


def _advance_anyhow(state: State, trigger: Trigger) -> State:
    return next(after for (_, on), after in TRANSITIONS.items() if on is trigger)


BY_TAMPERS: dict[str, tuple[Take, str]] = {
    "a proof leads to its checkpoint": (check("entries"), "break_a_proof"),
    "a mail has its own records": (check("stamp's records"), "strip_a_rider"),
    "the sender": (check("sender"), "change_the_sender"),
    "the recipient": (check("recipient"), "change_the_recipient"),
    "the subject": (check("subject"), "change_the_subject"),
    "the date": (check("date"), "change_the_date"),
    "when it was received": (check("transit"), "receive_it_at_another_time"),
    "the text": (check("text"), "change_the_text"),
    "the page": (check("html"), "change_the_html"),
    "evidence of another mail": (function(judging, "_grafted"), "graft_the_evidence"),
    "nothing is hidden": (function(blocks, "_hides", always(False)), "hide_within_the_block"),
    "a block is whole": (function(judging, "_lacks_block", always(False)), "tear_the_block"),
    "no name twice": (function(attached, "_once", dict), "say_it_twice"),
    "who signed a checkpoint": (function(keyring.Keyring, "has_signed", always(True)), "name_another_key"),
    "what nobody signed": (function(settling, "_unsigned"), "name_another_key"),
    "who stamped a mail": (function(keyring.Keyring, "has_stamped", always(True)), "change_the_stamp"),
    "what nobody stamped": (function(settling, "_unstamped"), "change_the_stamp"),
    "copies in a thread": (function(taking.Taking, "_thread", always([])), "change_a_copy_in_a_thread"),
    "the list of a seal": (function(taking.Taking, "_leaves", always([])), "change_the_list_of_a_seal"),
    "copies are what they copy": (function(verify, "_contradictions"), "change_a_copy_in_a_thread"),
    "what is missing": (function(verify, "find_missing"), "delete_a_mail"),
    "mails that claim to be ours": (function(missing, "_LOST", missing._LOST + " limit 0"), "claim_to_be_mailgate"),
    "replies are kept": (function(threads, "check_replies"), "delete_a_reply"),
    "which replies records name": (function(replies, "replies_of"), "delete_a_reply"),
    "replies that no record names": (function(replies, "is_whole", always(False)), "add_a_reply"),
    "the sender's own signature": (function(tampers, "check_dkim", always(True)), "change_a_reply"),
}


def is_found(told: Told, name: str, seeds: int = 3) -> bool:
    """Return whether a tamper is found wherever it is tried."""
    tamper = getattr(tampers, name)
    for seed in range(seeds):
        scene = Scene(list(told.archive), random.Random(seed))
        expected = tamper(scene)
        report = verified(scene.items(), told.vkey, check_dkim=tampers.check_dkim)
        if not all(one.is_in(report) for one in expected):
            return False
    return True


@pytest.mark.parametrize("what", [name for name, (_, tamper) in BY_TAMPERS.items() if tamper])
def test_without_the_check_a_tamper_is_not_found(told: Told, monkeypatch: Patch, what: str) -> None:
    """And with it, it is."""
    take, tamper = BY_TAMPERS[what]
    assert is_found(told, tamper, seeds=1)
    take(monkeypatch)
    assert not is_found(told, tamper)


def test_every_check_of_a_mail_is_taken_away_once() -> None:
    """So that one that is added is not forgotten here."""
    taken = set()
    for take, _ in BY_TAMPERS.values():
        with pytest.MonkeyPatch.context() as patch:
            before = set(judging.CHECKS)
            take(patch)
            taken |= before - set(judging.CHECKS)
    assert taken == set(judging.CHECKS)


BY_FORGERIES: dict[str, tuple[Take, str]] = {
    "the table of transitions": (function(replay, "advance", _advance_anyhow), "run_without_approval"),
    "records are numbered": (function(replay, "_numbering"), "numbered_wrongly"),
    "one action": (function(replay, "_same_action"), "another_action_run"),
    "one person counts once": (function(replay, "_entitlement"), "approved_twice_by_an_alias"),
    "separation of duties": (function(replay, "_separation"), "approved_by_the_requester"),
    "the level": (function(replay, "_proof_of_person"), "approved_below_the_level"),
    "the deadline": (function(replay, "_timeliness"), "approved_after_the_deadline"),
    "the quorum": (function(replay, "_quorum"), "approved_by_one_of_two"),
    "who rejected": (function(replay, "_has_reject", always(True)), "rejected_by_nobody"),
    "the time to start": (function(replay, "_is_in_window", always(True)), "run_too_late"),
    "the time to expire": (function(replay, "_is_over", always(True)), "expired_too_early"),
    "the replay": (function(threads, "replay", always([])), "ended_twice"),
}


def forged(told: Told, name: str) -> Report:
    """Verify an archive with one history written anew."""
    forgery = next(f for f in FORGERIES if f.name == name)
    found: dict[str, list[Record]] = {}
    for raw in told.archive:
        for record in open_mail(raw).records():
            found.setdefault(record.request, []).append(record)
    history = next(r for request, r in found.items() if request and fits(forgery, r))
    rewrites = forgery.rewrite(sorted(history, key=lambda r: r.index))
    cloner = Cloner(told, change=lambda copy, index, said: rewrites[index](said) if index in rewrites else said)
    return verified(items_of(cloner.tell(1)), told.vkey)


@pytest.mark.parametrize("what", BY_FORGERIES)
def test_without_the_check_a_forgery_is_not_found(told: Told, monkeypatch: Patch, what: str) -> None:
    """And with it, it is."""
    take, name = BY_FORGERIES[what]
    kind = next(f for f in FORGERIES if f.name == name).kind
    assert kind in forged(told, name).counts
    take(monkeypatch)
    assert kind not in forged(told, name).counts


def test_without_the_tree_a_fork_is_not_found(told: Told, monkeypatch: Patch) -> None:
    """The records lead to their own checkpoints, and to no other."""
    anew = Cloner(told, change=lambda copy, index, said: said | ({"note": "x"} if index == 9 else {}))
    mails, expected = list(anew.tell(1)), [checkpoint_of(list(Cloner(told).tell(1))[-1])]
    assert Kind.FORK in verified(items_of(mails), told.vkey, expected=expected).counts
    monkeypatch.setattr(growth, "find_forks", _nothing)
    monkeypatch.setattr(verify, "find_forks", _nothing)
    assert verified(items_of(mails), told.vkey, expected=expected).counts == {}


def test_without_the_extent_a_cut_tail_is_not_found(told: Told, monkeypatch: Patch) -> None:
    """The largest checkpoint is what says how far the log goes."""
    items = list(items_of([*told.archive[:20], told.witness[-1]]))
    assert Kind.TAIL_TRUNCATED in verified(items, told.vkey).counts
    monkeypatch.setattr(
        verify, "extent_of", lambda spill: missing.Extent(size=open_mail(told.archive[19]).own.index + 1, pending=0)
    )
    assert Kind.TAIL_TRUNCATED not in verified(items, told.vkey).counts


def test_without_recency_an_old_seal_is_not_found(told: Told, monkeypatch: Patch) -> None:
    """Nothing else looks at the time of the last seal."""
    at = open_mail(told.archive[-1]).own.at + timedelta(days=3)
    assert Kind.NO_RECENT_SEAL in verified(items_of(told.archive), told.vkey, as_of=at).counts
    monkeypatch.setattr(verify, "_recency", _nothing)
    assert verified(items_of(told.archive), told.vkey, as_of=at).counts == {}


def test_without_one_spelling_another_is_taken(told: Told, monkeypatch: Patch) -> None:
    """Base64 has several spellings of the same bytes; a record must have one."""
    number = next(
        n for n, raw in enumerate(told.archive) if open_mail(raw).evidence["records"][-1]["record"].endswith("=")
    )
    mail = open_mail(told.archive[number])
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    entry = mail.evidence["records"][-1]
    text, end = entry["record"].rstrip("="), entry["record"].count("=")
    entry["record"] = text[:-1] + letters[letters.index(text[-1]) ^ 1] + "=" * end
    mails = [*told.archive[:number], mail.write(), *told.archive[number + 1 :]]
    assert Kind.PROOF_BAD in verified(items_of(mails), told.vkey).counts
    monkeypatch.setattr(attached, "_unb64", unb64)
    assert verified(items_of(mails), told.vkey).counts == {}
    assert b64(unb64(entry["record"])) != entry["record"]


def test_the_domains_are_asked_by_the_package() -> None:
    """The tests' own way to check DKIM is that of the command."""
    assert tampers.check_dkim is domains.check_dkim
    assert merkle.leaf_hash(b"") != b""
