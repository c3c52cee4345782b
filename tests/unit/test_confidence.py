"""How sure an agent is: its own number, what it knows, or nothing."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import pytest

from mailgate import Signals
from mailgate.model.confidence import read_confidence


@pytest.mark.parametrize("given", [0, 0.0, 0.62, 1, 1.0])
def test_a_number_from_0_to_1_is_taken(given: float) -> None:
    """As it is."""
    assert (read_confidence(given).value, read_confidence(given).doubt) == (float(given), "")


@pytest.mark.parametrize("given", [None, -0.01, 1.01, 62, math.nan, math.inf, True, "0.9", Decimal("0.9"), [0.9]])
def test_anything_else_is_no_confidence_and_said_so(given: Any) -> None:
    """A percentage, a text, a truth value: whoever meant something by it hears that it did not count."""
    assert read_confidence(given).value == 0.0
    assert read_confidence(given).doubt


@pytest.mark.parametrize(
    ("signals", "value"),
    [
        (Signals(), 0.2),
        (Signals(validated=True), 0.5),
        (Signals(instructed=True), 0.7),
        (Signals(instructed=True, validated=True), 1.0),
        (Signals(instructed=True, validated=True, tool_errors=1), 0.5),
        (Signals(instructed=True, validated=True, tool_errors=20), 0.0),
        (Signals(tool_errors=-3), 0.2),
    ],
)
def test_signals_add_up_and_errors_halve_them(signals: Signals, value: float) -> None:
    """What an agent knows of an action, instead of its own opinion of itself."""
    assert read_confidence(signals).value == value
