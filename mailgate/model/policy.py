"""Gates, tiers and rules: what the policy says about one action. Values in, a ruling out; nobody is asked here.

Rules are CEL, tried in order; the first that is true rules. Whatever cannot be judged (an error, a value that is no
boolean, an unknown action) needs approval: in doubt a person is asked.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from mailgate.model.canonical import canonical_bytes
from mailgate.model.duration import Duration, Period
from mailgate.model.rules import NAMES, Situation, Undecided, check_rule, find_misfit
from mailgate.model.verdict import PROVEN, Level, meets

Route = Literal["abort", "reroute", "escalate"]
"""What an agent is to do after a rejection: stop, find another way, or leave the task to a person."""


class Tier(StrEnum):
    """How much of a person an action needs."""

    AUTO = "auto"  # runs at once, tallied
    LOG = "log"  # runs at once, shown to people afterwards
    REQUIRE_APPROVAL = "require_approval"  # stops until cleared


class Rule(BaseModel):
    """One CEL condition and the tier it gives; ``id`` names it in rulings."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    when: str
    tier: Tier
    id: str = ""

    @field_validator("when")
    @classmethod
    def _can_run(cls, when: str, info: ValidationInfo) -> str:
        return when if info.context is _KEPT else check_rule(when)


class StageSettings(BaseModel):
    """One stage as configured; ``approvers`` are people's ids or ``group:NAME``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    approvers: tuple[str, ...] = Field(min_length=1)
    quorum: int = Field(default=1, ge=1)


class Step(BaseModel):
    """One step of an escalation: who is asked as well once a request has been open for ``after``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    after: Period
    ask: tuple[str, ...] = Field(min_length=1)


class Gate(BaseModel):
    """The policy point of one action, as configured under ``[gates.NAME]``. Keys are explained in ``config.toml``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    summary: str = ""
    tier: Tier = Tier.REQUIRE_APPROVAL
    rules: tuple[Rule, ...] = ()
    assess: str = Field(default="", pattern=r"^([A-Za-z_][\w.]*:[A-Za-z_]\w*)?$")
    assess_timeout: Period = timedelta(seconds=2)
    approvers: tuple[str, ...] = ()
    quorum: int = Field(default=1, ge=1)
    stages: tuple[StageSettings, ...] = ()
    timeout: Period | None = timedelta(hours=4)
    remind_after: Period | None = timedelta(hours=1)
    escalate_after: Period | None = None
    escalate_to: tuple[str, ...] = ()
    escalate_further: tuple[Step, ...] = ()
    valid_for: Period = timedelta(minutes=15)
    on_reject: Route = "reroute"
    rejection_memory: Duration = timedelta(days=30)
    reply_level: Literal["token", "aligned"] = "aligned"
    web_confirm: Literal["code", "fresh_code", "button"] = "code"
    separation: Literal["checked", "proven"] = "checked"
    named_people: bool = False
    single_operator: bool = False
    escalate_when_away: bool = False
    require_reason: bool = True
    veto: bool = True
    hidden_characters: Literal["refuse", "mark"] = "refuse"
    cooling_off: Duration = timedelta()
    batch_window: Duration = timedelta()
    allow_twins: bool = False
    retention: Duration = timedelta()
    if_approved: str = ""
    if_rejected: str = ""

    @field_validator("timeout", "remind_after", "escalate_after", mode="before")
    @classmethod
    def _none(cls, value: Any) -> Any:
        return None if value == "none" else value

    @model_validator(mode="after")
    def _agrees_with_itself(self, info: ValidationInfo) -> Self:
        if info.context is _KEPT:
            return self
        for name in ("approvers", "quorum"):
            if self.stages and name in self.model_fields_set:
                raise ValueError(f"has both '{name}' and 'stages', which have their own; keep one of them")
        for name in ("remind_after", "escalate_after"):
            length = getattr(self, name)
            # The usual reminder may come after a short deadline: then there is none.
            if name in self.model_fields_set and self.timeout and length and length >= self.timeout:
                raise ValueError(f"'{name}' is not before 'timeout', so it would never happen; make it shorter")
        for name in ("escalate_after", "escalate_when_away"):
            if getattr(self, name) and not self.escalate_to:
                raise ValueError(f"has '{name}' and nobody in 'escalate_to'; name who is asked then")
        self._check_steps()
        if self.single_operator and (self.stages or self.quorum > 1):
            raise ValueError("has 'single_operator' and asks for more than one person; drop one of them")
        return self

    def _check_steps(self) -> None:
        if self.escalate_further and not self.escalate_after:
            raise ValueError("has 'escalate_further' and no 'escalate_after'; say when the first are asked as well")
        times = [step.after for step in self.escalation]
        if any(later <= earlier for earlier, later in pairwise(times)):
            raise ValueError(
                "'escalate_further' has a step that is not after the one before it; put them in order of time"
            )
        if self.timeout and self.escalate_further and times[-1] >= self.timeout:
            raise ValueError("'escalate_further' has a step that is not before 'timeout'; make it earlier")

    @property
    def escalation(self) -> tuple[Step, ...]:
        """The steps of time at which more people are asked, earliest first."""
        first = (Step(after=self.escalate_after, ask=self.escalate_to),) if self.escalate_after else ()
        return (*first, *self.escalate_further)

    @property
    def reserve(self) -> tuple[tuple[str, ...], ...]:
        """Who may be asked as well, step by step: those of :attr:`escalation`, or ``escalate_to`` where no time is set."""
        return tuple(step.ask for step in self.escalation) or ((self.escalate_to,) if self.escalate_to else ())

    @property
    def approves_by_link(self) -> bool:
        """Whether an approval by link can count: whoever was forwarded the mail has its link and its code, too."""
        return self.separation != "proven" or self.web_confirm == "fresh_code"

    def takes_yes(self, level: Level) -> bool:
        """Return whether a yes that was proven at ``level`` counts here."""
        if level in PROVEN:
            return True
        needed = Level(self.reply_level), _LINK_LEVELS[self.web_confirm]
        return self.separation != "proven" and any(meets(level, least) for least in needed)

    def asked(self) -> tuple[StageSettings, ...]:
        """Return the stages, whichever way they were configured; none where nobody is named."""
        if self.stages or not self.approvers:
            return self.stages
        return (StageSettings(approvers=self.approvers, quorum=self.quorum),)

    def document(self) -> bytes:
        """Return the one canonical form (RFC 8785) that is kept with a request."""
        dumped = self.model_dump(mode="json")
        for name in ("timeout", "remind_after", "escalate_after"):
            dumped[name] = dumped[name] or "none"
        return canonical_bytes(dumped)


_LINK_LEVELS = {"button": Level.LINK, "code": Level.LINK_CODE, "fresh_code": Level.LINK_FRESH_CODE}
"""What pressing a button on the page has to prove for a yes, by ``web_confirm``."""


def speaks_for(level: Level, gate: Gate) -> bool:
    """Return whether words that came at ``level`` are taken for the person's own, so that they may reach the agent.

    They are where the same proof could have carried a yes. A reply whose sender is not proven never is, although a gate
    may let it approve. A no that nobody speaks for stops its own request and counts for nothing else: neither for the
    memory of rejections nor for any statistics.
    """
    return level is not Level.TOKEN and gate.takes_yes(level)


_KEPT = {"kept": True}
"""Marks a policy that was checked when it was made; it writes every default out, and later rules do not bind it."""


def read_gate(document: bytes) -> Gate:
    """Return the gate that :meth:`Gate.document` wrote."""
    return Gate.model_validate_json(document, context=_KEPT)


def policy_digest(document: bytes) -> bytes:
    """Return the digest by which a kept policy is named; SHA-256, 32 bytes."""
    return hashlib.sha256(b"mailgate policy v1\n" + document).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a rule may look at. ``confidence`` and ``risk`` are in [0, 1]."""

    args: Mapping[str, Any]
    agent: str
    run: str
    confidence: float
    risk: float
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruling:
    """What the policy says about one action, and which rule said so."""

    tier: Tier
    rule: str


def judge(gate: Gate | None, facts: Facts, *, require_below: float = 0.0) -> Ruling:
    """Return the ruling on one action.

    Args:
        gate: None for an action without a gate: it needs approval.
        require_below: less confidence than this needs approval, whatever the rules say.
    """
    if gate is None:
        return Ruling(tier=Tier.REQUIRE_APPROVAL, rule="no gate is configured for this action")
    ruling = _by_rules(gate, facts)
    # Not `<`: a confidence that is no number (NaN) is not enough either.
    if ruling.tier is not Tier.REQUIRE_APPROVAL and not facts.confidence >= require_below:
        return Ruling(
            tier=Tier.REQUIRE_APPROVAL,
            rule=f"confidence {facts.confidence:g} is below {require_below:g} ({ruling.rule})",
        )
    return ruling


def _by_rules(gate: Gate, facts: Facts) -> Ruling:
    situation = Situation({name: getattr(facts, name) for name in NAMES})
    for index, rule in enumerate(gate.rules):
        label = rule.id or f"rule {index + 1}: {rule.when}"
        try:
            holds = situation.holds(rule.when)
        except Undecided as error:
            return Ruling(tier=Tier.REQUIRE_APPROVAL, rule=f"{label} {error}")
        if holds:
            return Ruling(tier=rule.tier, rule=label)
    return Ruling(tier=gate.tier, rule="no rule matched")


def find_misfits(gate: Gate, types: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what of a gate cannot work on arguments of these ``types``, one sentence each."""
    found = ((rule, find_misfit(rule.when, types)) for rule in gate.rules)
    return tuple(f"{rule.when!r}: {why}" for rule, why in found if why)
