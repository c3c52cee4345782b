"""What the configuration says about reading replies reaches intake, and a mail at which reading fails stops no other."""

from __future__ import annotations

import pytest

from mailgate.service import intake
from mailgate.service.judging import Examined
from mailgate.service.quarantine import raw_of
from mailgate.store.tables import Decision
from tests.service.conftest import RigMaker
from tests.service.post import AUTHSERV_ID, deliver, reply
from tests.service.rig import PEOPLE

READING = {"authserv_id": AUTHSERV_ID, "username": "approvals"}


@pytest.mark.parametrize(("languages", "state"), [(["en", "de"], "approved"), (["en"], "pending")])
def test_a_word_of_another_language_counts_where_it_is_turned_on(
    make_rig: RigMaker, languages: list[str], state: str
) -> None:
    """The same mail approves, or is asked about."""
    rig = make_rig(imap=READING, answers={"languages": languages})
    request_id = rig.ask()

    deliver(rig, reply(rig, request_id, text="Genehmigt.\r\n\r\nVG\r\nBob"))

    assert rig.state(request_id) == state
    assert len(rig.mails("clarification")) == (state == "pending")


def test_a_rejection_in_another_language_keeps_its_reason(make_rig: RigMaker) -> None:
    """What follows the word is handed on as it is for the English one."""
    rig = make_rig(imap=READING, answers={"languages": ["en", "de"]})
    request_id = rig.ask()

    deliver(rig, reply(rig, request_id, text="ABLEHNEN: schon bezahlt"))

    assert (rig.state(request_id), rig.row(Decision).reason) == ("rejected", "schon bezahlt")


def test_a_configured_signature_is_no_condition(make_rig: RigMaker) -> None:
    """Lines that only the configuration can know leave an approval one."""
    slogan = "We move boxes, come what may"
    text = f"APPROVE\r\n\r\nBob\r\n{slogan}"
    people = {**PEOPLE, "bob": {**PEOPLE["bob"], "signature": f"Bob\n{slogan}"}}
    known, unknown = make_rig(imap=READING, people=people), make_rig(imap=READING)
    for rig, state in ((known, "approved"), (unknown, "pending")):
        request_id = rig.ask()
        deliver(rig, reply(rig, request_id, text=text))
        assert rig.state(request_id) == state


@pytest.mark.parametrize("failure", [RecursionError, MemoryError, IndexError, UnicodeError])
def test_whatever_reading_raises_the_mail_is_kept_and_the_next_one_is_read(
    make_rig: RigMaker, monkeypatch: pytest.MonkeyPatch, failure: type[Exception]
) -> None:
    """A mistake of ours in reading one mail must not cost another one."""
    rig = make_rig(imap=READING)
    request_id = rig.ask()
    bad, good = reply(rig, request_id, text="APPROVE but crash"), reply(rig, request_id)
    examine = intake.examine

    def failing(raw: bytes, *rest: object, **more: object) -> Examined:
        if raw == bad:
            raise failure
        return examine(raw, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(intake, "examine", failing)
    kept = deliver(rig, bad, mail_id="bad")
    deliver(rig, good, mail_id="good")

    assert (kept.state, failure.__name__ in kept.why) == ("quarantined", True)
    assert raw_of(rig.serving, kept.id) == bad
    assert rig.state(request_id) == "approved"
