"""Rulings: what they rest on is kept with the action, and an assessment that fails lets nothing through."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from mailgate import Mailgate, Signals
from mailgate.errors import ConfigError
from mailgate.model.policy import Tier
from mailgate.service import assess
from mailgate.store.tables import Logged
from tests.service.conftest import RigMaker
from tests.service.rig import GATES, Rig, configuration

CAREFUL = {
    "approvers": ["bob"],
    "assess": "careful:look",
    "assess_timeout": "1s",
    "rules": [{"when": "risk < 0.3", "tier": "log"}, {"when": "confidence > 0.9", "tier": "auto"}],
}


@pytest.fixture
def careful() -> Iterator[ModuleType]:
    """Make a module with an assessment."""
    module = ModuleType("careful")
    sys.modules["careful"] = module
    yield module
    del sys.modules["careful"]


@pytest.fixture
def assessed(make_rig: RigMaker) -> Rig:
    """Make a rig whose payments are assessed."""
    return make_rig(gates=GATES | {"pay": CAREFUL})


def seen(rig: Rig, request_id: str) -> dict[str, Any]:
    """Return the ruling that is kept with a request."""
    kept: dict[str, Any] = json.loads(rig.request(request_id).ruling)
    return kept


def test_a_ruling_is_kept_with_what_it_saw(rig: Rig) -> None:
    """Who looks later can tell why a person was asked."""
    ticket = rig.submit(confidence=0.62)
    kept = seen(rig, ticket.request_id)
    assert kept["tier"] == "require_approval"
    assert kept["rule"] == "no rule matched"
    assert (kept["confidence"], kept["doubt"], kept["risk"]) == (0.62, "", 1.0)
    assert len(kept["policy"]) == 64
    rig.keeper()
    assert kept["policy"] == (rig.request(ticket.request_id).policy or b"").hex()


def test_a_logged_action_keeps_its_ruling_too(rig: Rig) -> None:
    """It ran without a person: that is what somebody will ask about."""
    rig.submit("note_down", confidence=Signals(instructed=True))
    kept = json.loads(rig.row(Logged).ruling)
    assert (kept["tier"], kept["confidence"]) == ("log", 0.7)


@pytest.mark.parametrize(("given", "doubt"), [(None, "none was given"), (7, "'7' is no number from 0 to 1")])
def test_a_confidence_that_is_none_is_said(rig: Rig, given: Any, doubt: str) -> None:
    """Missing or out of range: no confidence, and the ruling says so."""
    kept = seen(rig, rig.submit(confidence=given).request_id)
    assert (kept["confidence"], kept["doubt"]) == (0.0, doubt)


def test_an_assessment_gives_risk_and_confidence(careful: Any, assessed: Rig) -> None:
    """It sees the action; what it says the rules see."""
    asked: list[Any] = []

    def look(**about: Any) -> dict[str, float]:
        asked.append(about)
        return {"risk": 0.5, "confidence": 0.95}

    careful.look = look
    assert assessed.submit(confidence=0.1).tier is Tier.AUTO
    [about] = asked
    assert about["action"] == "pay"
    assert about["args"]["amount"] == 120.0
    assert (about["agent"], about["run"], about["confidence"]) == ("support", "run-1", 0.1)


def test_an_assessment_may_leave_the_confidence_to_the_agent(careful: Any, assessed: Rig) -> None:
    """A risk alone is enough."""
    careful.look = lambda **about: {"risk": 0.9}
    assert assessed.submit(confidence=0.95).tier is Tier.AUTO
    assert assessed.submit(args={"order": "A-2"}, confidence=0.5).tier is Tier.REQUIRE_APPROVAL


def fail(**about: Any) -> Any:
    """Be an assessment that does not work."""
    raise RuntimeError("no model")


@pytest.mark.parametrize(
    "look",
    [
        fail,
        lambda **about: None,
        lambda **about: 0.1,
        lambda **about: {},
        lambda **about: {"risk": -1},
        lambda **about: {"risk": "low"},
        lambda **about: {"risk": True},
        lambda **about: {"risk": float("nan")},
        lambda **about: {"risk": 0.1, "confidence": 2},
        lambda **about: {"risk": 0.1, "sure": 1},
        lambda: {"risk": 0.1},
        lambda **about: sys.exit(),
    ],
)
def test_an_assessment_that_fails_is_the_worst(careful: Any, assessed: Rig, look: Any) -> None:
    """Whatever it raises or gives: risk 1, confidence 0, a person, and the ruling says why."""
    careful.look = look
    ticket = assessed.submit(confidence=1.0)
    kept = seen(assessed, ticket.request_id)
    assert (ticket.tier, kept["risk"], kept["confidence"]) == (Tier.REQUIRE_APPROVAL, 1.0, 0.0)
    assert kept["doubt"].startswith("careful:look failed: ")
    assessed.keeper()
    assessed.outbox()
    assert any(
        b"The assessment of this action failed" in raw for _, to, raw in assessed.sender.sent if to.startswith("bob")
    )


@pytest.mark.parametrize("missing", ["nowhere:look", "careful:nothing"])
def test_an_assessment_that_is_not_there_is_the_worst(careful: Any, make_rig: RigMaker, missing: str) -> None:
    """The module or the function is missing."""
    rig = make_rig(gates=GATES | {"pay": CAREFUL | {"assess": missing}})
    assert seen(rig, rig.submit(confidence=1.0).request_id)["risk"] == 1.0


def test_an_assessment_that_hangs_is_not_waited_for(
    careful: Any, make_rig: RigMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person is asked; and many that hang do not pile up: further ones count as late at once."""
    hanging = threading.Event()
    careful.look = lambda **about: hanging.wait() and {"risk": 0.0}
    monkeypatch.setattr(assess, "_places", threading.BoundedSemaphore(1))
    rig = make_rig(gates=GATES | {"pay": CAREFUL | {"assess_timeout": "0.01s"}})
    first = seen(rig, rig.submit(confidence=1.0).request_id)
    second = seen(rig, rig.submit(args={"order": "A-2"}, confidence=1.0).request_id)
    hanging.set()
    assert "no answer within 0.01 seconds" in first["doubt"]
    assert "hang already" in second["doubt"]
    assert first["risk"] == second["risk"] == 1.0


def test_a_rule_that_cannot_work_stops_the_declaration(rig: Rig) -> None:
    """Where the function is declared its types are known: every mistake at once, with the fix in sight."""
    gates = {"pay": {"approvers": ["bob"], "rules": [{"when": "args.amount * 2 > 9.0", "tier": "auto"}]}}
    mg = Mailgate(configuration(rig.folder, gates=gates))

    def pay(amount: float) -> None:
        """Pay."""

    with pytest.raises(ConfigError, match=r"\[gates\.pay\] rules: 'args\.amount \* 2 > 9\.0': with amount = 0\.0"):
        mg.action(pay)
    assert mg.actions == {}


def test_rules_see_the_declared_types(rig: Rig) -> None:
    """A whole float is stored as an integer; a rule that multiplies it by 1.5 works all the same."""
    gates = {"pay": {"approvers": ["bob"], "rules": [{"when": "args.amount * 1.5 <= 150.0", "tier": "auto"}]}}
    mg = Mailgate(configuration(rig.folder, gates=gates))
    mg._working = rig.working

    @mg.action
    def pay(amount: float) -> float:
        return amount

    object.__setattr__(rig.working, "config", mg.config)
    with mg.session(agent="support", run="run-1") as session:
        assert session.call(pay, {"amount": 100}) == 100.0
        assert session.call(pay, {"amount": 99.5}) == 99.5


def test_an_assessment_does_not_change_what_rules_see(careful: Any, make_rig: RigMaker) -> None:
    """It gets a copy: else it could make the amount go away that a rule looks for."""

    def look(args: dict[str, Any], **about: Any) -> dict[str, float]:
        args.clear()
        return {"risk": 0.0}

    careful.look = look
    rules = [{"when": "!has(args.amount)", "tier": "auto"}]
    rig = make_rig(gates=GATES | {"pay": CAREFUL | {"rules": rules}})
    assert rig.submit().tier is Tier.REQUIRE_APPROVAL
