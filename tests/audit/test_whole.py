"""What takes all mails to say: the end of the log, several archives, erasure, changed keys, recency, several logs."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mailgate.audit.verdicts import Report, Verdict
from mailgate.model.evidence import LogSigner
from mailgate.model.findings import Kind
from mailgate.model.merkle import leaf_hash
from mailgate.model.notes import parse_proof
from tests.audit.cloning import NEXT, Cloner
from tests.audit.mails import open_mail, unb64
from tests.audit.story import ARCHIVE, Told, make_rig
from tests.audit.tampers import items_of, verified


def checkpoint_of(raw: bytes) -> str:
    """Return the checkpoint that a mail's proofs lead to."""
    return parse_proof(open_mail(raw).evidence["records"][-1]["proof"]).checkpoint


def cuts(told: Told, every: int) -> dict[str, list[int]]:
    """Cut the archive at every so many lengths; return at which the cut was found, by what there was besides."""
    found: dict[str, list[int]] = {"seal": [], "checkpoint": [], "nothing": []}
    for length in range(1, len(told.archive), every):
        kept = told.archive[:length]
        reports = {
            "seal": verified(items_of([*kept, told.witness[-1]]), told.vkey),
            "checkpoint": verified(items_of(kept), told.vkey, expected=[checkpoint_of(told.archive[-1])]),
            "nothing": verified(items_of(kept), told.vkey),
        }
        for name, report in reports.items():
            if set(report.counts) == {Kind.TAIL_TRUNCATED} and report.verdict is Verdict.TAMPERED:
                found[name].append(length)
            else:
                assert (name, report.verdict, report.counts) == ("nothing", Verdict.COMPLETE, {})
    return found


def test_a_cut_tail_is_found_with_a_seal_or_a_checkpoint(told: Told) -> None:
    """And with nothing that came from elsewhere it is not, as the documentation says."""
    found = cuts(told, every=5)
    lengths = list(range(1, len(told.archive), 5))
    assert found == {"seal": lengths, "checkpoint": lengths, "nothing": []}


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_every_cut_is_found(long_story: Told, capsys: pytest.CaptureFixture[str]) -> None:
    """At every length of an archive of more than 200 mails; the table is printed, the honest zero too."""
    found = cuts(long_story, every=1)
    total = len(long_story.archive) - 1
    with capsys.disabled():
        print(f"\ntail cut at each of {total} lengths; found")
        for name, lengths in found.items():
            print(f"  with {name:12} {len(lengths):4} of {total}")
    assert [len(lengths) for lengths in found.values()] == [total, total, 0]


def test_what_is_on_its_way_is_no_cut_tail(tmp_path: Path) -> None:
    """The newest mail's checkpoint may cover records that no mail had to be sent for yet: they are counted, and no more."""
    rig = make_rig(tmp_path)
    try:
        for order in ("A-1", "A-2"):
            rig.submit("pay", {"order": order})
        rig.keeper()
        rig.outbox()
        first, second = [raw for _, to, raw in rig.sender.sent if to == ARCHIVE]
        vkey = rig.serving.verifier.vkey
    finally:
        rig.close()
    report = verified(items_of([first]), vkey)
    assert (report.verdict, report.records, report.pending) == (Verdict.COMPLETE, 2, 1)
    report = verified(items_of([first]), vkey, expected=[checkpoint_of(second)])
    assert (report.verdict, report.pending) == (Verdict.COMPLETE, 1)
    assert verified(items_of([second]), vkey).counts == {Kind.MAIL_DELETED: 2}


def test_a_persons_mailbox_shows_what_the_archive_lacks(told: Told) -> None:
    """Two views of one log: people's own mails carry the records, and the archive must have each of them."""
    decided = next(n for n, raw in enumerate(told.archive) if open_mail(raw).own.event == "decision")
    index = open_mail(told.archive[decided]).own.index
    kept = told.archive[:decided] + told.archive[decided + 1 :]
    report = verified(items_of([*kept, *told.people]), told.vkey)
    [one] = [found for found in report.found if found.index == index]
    assert one.kind is Kind.MAIL_DELETED
    assert "recovered from another copy" in one.why


def test_a_deleted_record_is_recovered_from_its_thread(told: Told) -> None:
    """Or, where no later mail has it, named by its hash in the next seal."""
    first = next(n for n, raw in enumerate(told.archive) if open_mail(raw).own.event == "request")
    report = verified(items_of(told.archive[:first] + told.archive[first + 1 :]), told.vkey)
    assert [one.why for one in report.found if "recovered from a later mail, mail" in one.why]
    last = max(n for n, raw in enumerate(told.archive[:-2]) if open_mail(raw).own.event == "outcome")
    own = open_mail(told.archive[last])
    report = verified(items_of(told.archive[:last] + told.archive[last + 1 :]), told.vkey)
    hashed = leaf_hash(unb64(own.evidence["records"][-1]["record"])).hex()[:16]
    assert [one.why for one in report.found if hashed in one.why and "in a seal" in one.why]


# Recency.


def recent(told: Told, at: datetime) -> Report:
    """Verify as of an instant."""
    return verified(items_of(told.archive), told.vkey, as_of=at)


def test_an_old_seal_makes_it_partial(told: Told) -> None:
    """Seals say how often they are due; one a day here."""
    sealed = open_mail(told.archive[-1]).own
    assert sealed.event == "seal"
    assert recent(told, sealed.at + timedelta(hours=24)).verdict is Verdict.COMPLETE
    report = recent(told, sealed.at + timedelta(hours=26))
    assert (report.verdict, report.exit_code, set(report.counts)) == (Verdict.PARTIAL, 2, {Kind.NO_RECENT_SEAL})


def test_without_a_time_recency_is_not_judged(told: Told) -> None:
    """And with no seal at all, the beginning of the log is what is old."""
    assert verified(items_of(told.archive), told.vkey).as_of is None
    unsealed = told.archive[:20]
    at = open_mail(unsealed[0]).own.at
    assert verified(items_of(unsealed), told.vkey, as_of=at + timedelta(days=2)).verdict is Verdict.PARTIAL


# Erasure.


def erasing(told: Told, target: int, *, on_record: bool) -> Cloner:
    """Return a teller whose log has a record that says that another one was erased."""
    raw, request = next(
        (unb64(entry["record"]), record.request)
        for mail in map(open_mail, told.archive)
        for entry, record in zip(mail.evidence["records"], mail.records(), strict=True)
        if record.index == target
    )
    before = Cloner(told)
    [leaf] = [
        leaf_hash(unb64(entry["record"])).hex()
        for mail in map(open_mail, before.tell(1))
        for entry, record in zip(mail.evidence["records"], mail.records(), strict=True)
        if record.index == target
    ]
    assert raw
    last = max(r.index for mail in map(open_mail, told.archive) for r in mail.records() if r.event == "people")

    def change(copy: int, index: int, said: dict[str, Any]) -> dict[str, Any]:
        if not on_record or index != last:
            return said
        erased = [{"index": target, "leaf": leaf, "request": request}]
        return said | {"event": "redaction", "erased": erased, "reason": "GDPR 17, case 4"}

    return Cloner(told, change=change)


@pytest.mark.parametrize("whole", [True, False], ids=["the mail is gone", "the record is gone"])
@pytest.mark.parametrize("on_record", [True, False])
def test_what_was_erased_by_authority_is_not_missing(told: Told, whole: bool, on_record: bool) -> None:
    """A redaction on record says which and why; without one it is a deletion like any other."""
    number = next(n for n, raw in enumerate(told.archive) if open_mail(raw).own.event == "decision")
    target = open_mail(told.archive[number]).own.index
    mails = list(erasing(told, target, on_record=on_record).tell(1))
    gone = open_mail(mails[number])
    old = gone.evidence["records"][-1]["record"]
    for n, raw in enumerate(mails):
        mail = open_mail(raw)
        if old in mail.evidence["thread"]:
            mail.evidence["thread"].remove(old)
            mails[n] = mail.write()
    if whole:
        mails[number] = b"From: x@example.com\r\n\r\nErased.\r\n"
    else:
        gone.evidence["records"][-1] = {
            "leaf": leaf_hash(unb64(old)).hex(),
            "proof": gone.evidence["records"][-1]["proof"],
        }
        gone.text = gone.html = "Erased."
        mails[number] = gone.write()
    report = verified(items_of(mails), told.vkey)
    if on_record:
        assert (report.verdict, set(report.counts)) == (Verdict.COMPLETE, {Kind.REDACTED})
        assert "GDPR 17, case 4" in report.found[0].why
        assert report.unjudged == 1
    else:
        assert report.verdict is Verdict.TAMPERED
        assert set(report.counts) <= {Kind.MAIL_DELETED, Kind.STRIPPED}


# Keys.


def rotated(told: Told) -> tuple[list[bytes], str, str]:
    """Return an archive in which the log was handed on to another key, and both keys."""
    last = max(r.index for mail in map(open_mail, told.archive) for r in mail.records() if r.event == "people")
    name = told.vkey.partition("+")[0]
    vkey = LogSigner(name, NEXT).vkey

    def change(copy: int, index: int, said: dict[str, Any]) -> dict[str, Any]:
        return said | {"event": "key", "vkey": vkey} if (copy, index) == (0, last) else said

    return list(Cloner(told, change=change).tell(2)), told.vkey, vkey


@pytest.mark.parametrize("which", ["first", "last", "both"])
@pytest.mark.parametrize("backwards", [False, True])
def test_a_key_that_was_handed_on_is_followed(told: Told, which: str, backwards: bool) -> None:
    """From either end, in any order of the mails: records hand it on, and the tree holds the first one's."""
    mails, first, last = rotated(told)
    keys = {"first": first, "last": last, "both": f"{first}\n{last}"}[which]
    report = verified(items_of(reversed(mails) if backwards else mails), keys)
    assert (report.verdict, report.counts) == (Verdict.COMPLETE, {})


def test_a_key_that_nobody_handed_on_is_not(told: Told) -> None:
    """Mails that somebody else stamped and proved count for nothing, though their log's name is right."""
    mails, first, _ = rotated(told)
    handed_on = next(n for n, raw in enumerate(mails) if any(r.event == "key" for r in open_mail(raw).records()))
    report = verified(items_of(mails[:handed_on] + mails[handed_on + 1 :]), first)
    assert Kind.PROOF_BAD in report.counts


# Several logs.


def other_log(told: Told) -> tuple[list[bytes], LogSigner]:
    """Return the archive of another mailgate."""
    signer = LogSigner("gate.example.org/refunds", b"o" * 32)
    return list(Cloner(told, signer=signer).tell(1)), signer


def test_two_logs_in_one_archive_are_told_apart(told: Told) -> None:
    """Each is verified with its own key; the mails of the other are counted and named."""
    others, signer = other_log(told)
    for vkey, ours, name in ((told.vkey, told.archive, signer.name), (signer.vkey, others, told.signer.name)):
        report = verified(items_of([*told.archive, *others]), vkey)
        assert (report.verdict, report.ours) == (Verdict.COMPLETE, len(ours))
        assert report.others == {name: len(told.archive) + len(others) - len(ours)}


def test_the_archive_of_another_log_is_not_verified(told: Told) -> None:
    """One sentence says whose it is."""
    others, signer = other_log(told)
    report = verified(items_of(others), told.vkey)
    assert (report.verdict, report.exit_code) == (Verdict.UNREADABLE, 3)
    assert signer.name in report.why
    assert told.signer.name in report.why


def test_another_logs_evidence_does_not_prove_a_mail_of_ours(told: Told) -> None:
    """A mail that says it is this log's has to be proven by it."""
    others, _ = other_log(told)
    mail = open_mail(others[3])
    mail.set("X-Mailgate-Instance", told.signer.name)
    report = verified(items_of([*told.archive, mail.write()]), told.vkey)
    assert Kind.PROOF_BAD in report.counts
