"""Gates, tiers and rules: what the policy says about one action. Values in, a ruling out; nobody is asked here.

Rules are CEL, tried in order; the first that is true rules. Whatever cannot be judged (an error, a value that is no
boolean, an unknown action) needs approval: in doubt a person is asked.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any, Literal, Self

import cel
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from mailgate.model.canonical import canonical_bytes
from mailgate.model.duration import Duration, Period

NAMES = frozenset({"args", "agent", "run", "confidence", "risk", "now"})
"""What a rule may speak of."""

_TYPES = frozenset({"bool", "bytes", "double", "int", "list", "map", "null_type", "string", "type", "uint"})

# fmt: off
_FUNCTIONS = frozenset({
    "bytes", "contains", "double", "duration", "dyn", "endsWith", "getDate", "getDayOfMonth",
    "getDayOfWeek", "getDayOfYear", "getFullYear", "getHours", "getMilliseconds", "getMinutes", "getMonth", "getSeconds",
    "int", "matches", "size", "startsWith", "string", "timestamp", "type", "uint",
})
# fmt: on
"""What common-expression-language 0.10 can call; operators and macros besides. It finds out about others only when run."""

_TEXT = re.compile(r"""(?s)'''.*?'''|\"{3}.*?\"{3}|'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*\"""")
_SYNTAX = re.compile(r"<input>:\d+:(\d+): (?:Syntax error: )?(.*?)(?: expecting .*)?$")
_AT_END = "mismatched input '<EOF>'"
_BINDING = re.compile(r"\.\s*(?:all|exists|exists_one|map|filter)\s*\(\s*([A-Za-z_]\w*)\s*,")
"""A macro over a list gives its members a name of the rule's own: ``args.items.all(x, x > 0)``."""


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
    def _compiles(cls, when: str) -> str:
        program = _compiled(when)
        bound = _BINDING.findall(_TEXT.sub("''", when))
        unknown = sorted(set(program.variables()) - NAMES - _TYPES - set(bound))
        if unknown:
            raise ValueError(f"{when!r} speaks of {', '.join(unknown)}; a rule may use {', '.join(sorted(NAMES))}")
        missing = sorted(f for f in program.functions() if f.isidentifier() and f[0] != "_" and f not in _FUNCTIONS)
        if missing:
            raise ValueError(f"{when!r} calls {', '.join(missing)}, which CEL does not have here")
        return when


class StageSettings(BaseModel):
    """One stage as configured; ``approvers`` are people's ids or ``group:NAME``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    approvers: tuple[str, ...] = Field(min_length=1)
    quorum: int = Field(default=1, ge=1)


class Gate(BaseModel):
    """The policy point of one action, as configured under ``[gates.NAME]``. Keys are explained in ``config.toml``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    summary: str = ""
    tier: Tier = Tier.REQUIRE_APPROVAL
    rules: tuple[Rule, ...] = ()
    approvers: tuple[str, ...] = ()
    quorum: int = Field(default=1, ge=1)
    stages: tuple[StageSettings, ...] = ()
    timeout: Period | None = timedelta(hours=4)
    remind_after: Period | None = timedelta(hours=1)
    escalate_after: Period | None = None
    escalate_to: tuple[str, ...] = ()
    valid_for: Period = timedelta(minutes=15)
    on_reject: Literal["abort", "reroute", "escalate"] = "reroute"
    rejection_memory: Duration = timedelta(days=30)
    reply_level: Literal["token", "aligned"] = "aligned"
    web_confirm: Literal["code", "fresh_code", "button"] = "code"
    separation: Literal["checked", "proven"] = "checked"
    require_reason: bool = True
    veto: bool = True
    hidden_characters: Literal["refuse", "mark"] = "refuse"
    cooling_off: Duration = timedelta()
    batch_window: Duration = timedelta()
    allow_twins: bool = False
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
        if self.escalate_after and not self.escalate_to:
            raise ValueError("has 'escalate_after' and nobody in 'escalate_to'; name who is asked then")
        return self

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
    known = {name: getattr(facts, name) for name in NAMES}
    for index, rule in enumerate(gate.rules):
        label = rule.id or f"rule {index + 1}: {rule.when}"
        try:
            verdict = _compiled(rule.when).execute(known)
        except Exception as error:  # CEL raises many kinds; each of them means that nobody knows
            return Ruling(tier=Tier.REQUIRE_APPROVAL, rule=f"{label} could not be evaluated: {_first_line(error)}")
        if not isinstance(verdict, bool):
            return Ruling(tier=Tier.REQUIRE_APPROVAL, rule=f"{label} gave {verdict!r}, not true or false")
        if verdict:
            return Ruling(tier=rule.tier, rule=label)
    return Ruling(tier=gate.tier, rule="no rule matched")


@lru_cache(maxsize=1024)
def _compiled(when: str) -> cel.Program:
    try:
        return cel.compile(when)
    except Exception as error:  # the library raises ValueError and its own kinds for syntax
        raise ValueError(f"{when!r} is not valid CEL: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    line = next(iter(str(error).strip().splitlines()), type(error).__name__)
    if parsed := _SYNTAX.search(line):
        line = f"at character {parsed[1]}, {parsed[2].replace(_AT_END, 'something is missing')}"
    return line[:300]
