"""Seals go out on time, also when nothing happens; an archive that takes no mail stops what is new."""

from __future__ import annotations

import json
from base64 import b64decode
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest

from mailgate.model.merkle import Frontier, grow, leaf_hash
from mailgate.model.notes import parse_proof
from mailgate.service.archiving import HEADLINE, send_again
from mailgate.store.tables import Event, Outgoing
from tests.service.conftest import RigMaker
from tests.service.rig import Rig

ARCHIVE = "archive@gate.example.com"


@pytest.fixture
def archived(make_rig: RigMaker) -> Rig:
    """Make a rig with an archive, a witness, and a seal every day."""
    return make_rig(archive={"address": ARCHIVE, "witnesses": ["audit@example.org"], "seal_every": "1d"})


def evidence(raw: bytes) -> dict[str, Any]:
    """Return what a mail's attachment holds."""
    attached = list(message_from_bytes(raw, policy=default).iter_attachments())
    assert [part.get_filename() for part in attached] == ["mailgate-evidence.json"]
    found: dict[str, Any] = json.loads(attached[0].get_content())
    return found


def test_a_seal_goes_out_every_so_often(archived: Rig) -> None:
    """To the archive and to every witness, with all leaves since the last one; once, however often the keeper looks."""
    archived.ask()
    archived.keeper()
    assert archived.mails("seal") == []
    archived.clock.forward(days=1, minutes=1)
    archived.keeper()
    archived.keeper()
    assert sorted(m.recipient for m in archived.mails("seal")) == [ARCHIVE, "audit@example.org"]
    archived.outbox()
    [raw] = [raw for _, to, raw in archived.sender.sent if to == "audit@example.org"]
    told = evidence(raw)
    checkpoint = archived.working.verifier.read_checkpoint(parse_proof(told["records"][-1]["proof"]).checkpoint)
    leaves = [bytes.fromhex(leaf) for leaf in told["leaves"]]
    assert len(leaves) == checkpoint.size == (archived.row(Event, kind="seal").position or 0) + 1
    assert grow(Frontier(), leaves).frontier.root == checkpoint.root
    assert leaves[-1] == leaf_hash(b64decode(told["records"][-1]["record"]))


def test_seals_go_on_when_nothing_happens(archived: Rig) -> None:
    """Each covers what came since the one before it, itself included."""
    archived.ask()
    for _ in range(3):
        archived.clock.forward(days=1, minutes=1)
        archived.keeper()
    seals = sorted(archived.rows(Event, kind="seal"), key=lambda e: e.position or 0)
    since = [json.loads(e.body)["since"] for e in seals]
    assert since == [0, (seals[0].position or 0) + 1, (seals[1].position or 0) + 1]


def test_every_record_reaches_the_archive_once(archived: Rig) -> None:
    """Those without a mail of their own ride in the next one; after a seal none is missing."""
    request_id = archived.approved()
    archived.work()
    archived.clock.forward(days=1, minutes=1)
    archived.keeper()
    archived.outbox()
    carried = [
        archived.working.verifier.read(b64decode(entry["record"]), entry["proof"]).index
        for _, to, raw in archived.sender.sent
        if to == ARCHIVE
        for entry in evidence(raw)["records"]
    ]
    assert sorted(carried) == list(range(len(archived.rows(Event))))
    assert archived.state(request_id) == "succeeded"


def test_nothing_starts_while_the_archive_takes_no_mail(archived: Rig) -> None:
    """Operators are told once; what was refused is sent again by hand, and then it goes on."""
    request_id = archived.approved()
    [own] = [m for m in archived.mails("receipt", request_id) if m.recipient == ARCHIVE]
    archived.forge("update outgoing set state = 'failed' where id = :i", i=own.id)
    assert archived.execute() is None
    archived.keeper()
    archived.keeper()
    assert sum(HEADLINE in notice for notice in archived.notices()) == 1
    assert send_again(archived.serving) == 1
    assert archived.row(Outgoing, id=own.id).state == "waiting"
    assert archived.execute() is not None


def test_an_archive_that_is_down_for_long_is_an_alarm(archived: Rig) -> None:
    """Not at once: mail servers have their breaks."""
    archived.approved()
    archived.clock.forward(minutes=10)
    archived.keeper()
    assert not any(HEADLINE in notice for notice in archived.notices())
    archived.clock.forward(minutes=51)
    archived.keeper()
    assert any(HEADLINE in notice for notice in archived.notices())


def test_where_it_only_warns_actions_go_on(make_rig: RigMaker) -> None:
    """As configured."""
    rig = make_rig(archive={"address": ARCHIVE, "on_failure": "warn"})
    rig.approved()
    rig.forge(f"update outgoing set state = 'failed' where recipient = '{ARCHIVE}'")
    assert rig.execute() is not None


def test_a_decision_says_what_was_shown(archived: Rig) -> None:
    """By digest, as the latest mail that asked showed it without its secrets; a forged note says nothing."""
    request_id = archived.ask()
    archived.outbox()
    shown = json.loads(archived.seat(request_id, "bob").shown)
    archived.press(request_id, "bob")
    archived.keeper()
    [body] = archived.bodies(request_id, "decision")
    assert body["shown"] == {name: shown[name] for name in ("text_sha256", "template_sha256")}

    other = archived.ask(args={"order": "A-2"})
    archived.outbox()
    archived.forge("update assignments set shown = :s", s=json.dumps(shown))
    archived.press(other, "bob")
    archived.keeper()
    [body] = archived.bodies(other, "decision")
    assert body["shown"] == {}
