"""How sure an agent is of an action: its own number, or one computed from what it knows. In doubt: not at all."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """What an agent can tell of an action without judging itself.

    Attributes:
        instructed: somebody explicitly told the agent to do just this.
        validated: the arguments passed a check of the caller's own.
        tool_errors: how many of the agent's latest tool calls failed.
    """

    instructed: bool = False
    validated: bool = False
    tool_errors: int = 0

    @property
    def value(self) -> float:
        """Half for the instruction, 0.3 for the check, 0.2 to begin with; each tool error halves the sum. In [0, 1]."""
        sure = 0.2 + 0.5 * bool(self.instructed) + 0.3 * bool(self.validated)
        return round(sure * 0.5 ** max(self.tool_errors, 0), 4)


@dataclass(frozen=True, slots=True, kw_only=True)
class Confidence:
    """A confidence in [0, 1], and what was wrong with what the agent gave (empty: nothing)."""

    value: float
    doubt: str = ""


def read_confidence(given: object) -> Confidence:
    """Return ``given`` as a confidence; a missing one, or one that is no number within [0, 1], is no confidence at all."""
    match given:
        case None:
            return Confidence(value=0.0, doubt="none was given")
        case Signals():
            return Confidence(value=given.value)
        case bool():
            pass
        case int() | float() if math.isfinite(given) and 0.0 <= given <= 1.0:
            return Confidence(value=float(given))
    return Confidence(value=0.0, doubt=f"{str(given)[:40]!r} is no number from 0 to 1")
