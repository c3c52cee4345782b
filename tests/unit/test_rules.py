"""Rules that cannot work are found before anybody depends on them; rules that can are left alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, Field

from mailgate.model.rules import LONGEST, Situation, Undecided, check_rule, find_misfit, samples_of


class Kind(Enum):
    """A choice."""

    BIG = "big"
    SMALL = "small"


class Customer(BaseModel):
    """Something whose members nobody tries."""

    name: str


TYPES: dict[str, Any] = {
    "amount": float,
    "count": int,
    "currency": str,
    "ids": list[int],
    "limit": float | None,
    "kind": Kind,
    "plan": Literal["free", "paid"],
    "price": Annotated[Decimal, Field(gt=0)],
    "at": datetime,
    "customer": Customer,
    "extra": Any,
}


@pytest.mark.parametrize(
    "when",
    [
        "args.amount <= 50.0",
        "args.amount <= 50",
        "args.count * 2 > 10",
        "10 / args.count > 1",
        "args.currency == 'EUR' && args.amount < 3.0",
        "args.currency.startsWith('E')",
        "int(args.currency) > 3",
        "args.ids.all(x, x > 0)",
        "args.ids[5] > 3",
        "args.limit > 1.0",
        "args.kind == 'big'",
        "args.plan in ['free']",
        "args.price < 3.5",
        "args.at > timestamp('2026-01-01T00:00:00Z')",
        "args.customer.whatever * 'x' > 3",
        "args.extra > 3",
        "args['amount'] > 1.0",
        "args.currency != 'see args.nothing'",
        "confidence > 0.5 && risk < 0.5 && agent == 'support' && now > timestamp('2026-01-01T00:00:00Z')",
        "true",
    ],
)
def test_a_rule_that_can_work_is_left_alone(when: str) -> None:
    """Also one that fails on some values: what cannot be judged needs approval anyway."""
    assert find_misfit(check_rule(when), TYPES) is None


@pytest.mark.parametrize(
    ("when", "why"),
    [
        ("args.amount * 2 > 10.0", "with amount = 0.0 it could not be evaluated: Unsupported operation: float * int"),
        ("args.amount > '9'", "No such overload"),
        ("args.currency < 3", "No such overload"),
        ("args.currency == 'EUR' && args.amount * 1 > 3.0", "with currency = 'EUR', amount = 0.0"),
        ("args.amount < 100.0 || args.amount * 1 > 3.0", "with amount = 100.0"),
        ("args.ids.all(x, x > 'a')", "No such overload"),
        ("args.limit * 1 > 1.0", "Unsupported operation: float * int"),
        ("args.kind > 3", "No such overload"),
        ("args.count.startsWith('1')", "Undefined variable or function: 'startsWith'"),
        ("args.amount", "with amount = 0.0 it gave 0.0, not true or false"),
        ("args.amuont > 1.0", "there is no argument 'amuont'; did you mean args.amount?"),
        ("args['zzz'] > 1.0", "there is no argument 'zzz'; it takes amount, count, "),
        ("now > 3", "No such overload"),
    ],
)
def test_a_rule_that_cannot_work_is_found(when: str, why: str) -> None:
    """With the values that show it: its own numbers and words are tried, too, so that no short cut hides a mistake."""
    found = find_misfit(check_rule(when), TYPES)
    assert found is not None
    assert why in found


def test_a_rule_is_no_novel() -> None:
    """The parser recurses, and nobody can judge what a page of conditions lets through."""
    with pytest.raises(ValueError, match="a rule may have 2000"):
        check_rule("true || " * (LONGEST // 8 + 1) + "true")


@pytest.mark.parametrize(
    ("when", "why"),
    [
        ("args.currency.matches('(')", "matches \"'('\", which is no regular expression: unclosed group"),
        ('true || args.currency.matches("^x{2,1}$")', "the start must be <= the end"),
    ],
)
def test_a_pattern_that_is_none_is_an_error_at_load(when: str, why: str) -> None:
    """Whether or not a value would ever be compared with it."""
    with pytest.raises(ValueError, match="is no regular expression") as caught:
        check_rule(when)
    assert why in str(caught.value)
    assert check_rule("args.currency.matches('^[A-Z]{3}$') || args.currency == \".matches('(')\"")


@pytest.mark.parametrize("when", ["(" * 900 + "true" + ")" * 900, "[" * 900 + "]" * 900 + " == []"])
def test_a_rule_beyond_the_parser_s_limits_is_refused_or_undecided(when: str) -> None:
    """However deep it nests: one sentence, no crash."""
    assert said_of(when) is not None


def said_of(when: str) -> str | None:
    """Return why a rule decides nothing, or None."""
    try:
        Situation({"args": {}}).holds(check_rule(when))
    except ValueError as error:
        return str(error)
    return None


@pytest.mark.parametrize(
    ("declared", "some"),
    [
        (bool, [True, False]),
        (Kind, ["big", "small"]),
        (Literal["a", "b"], ["a", "b"]),
        (Annotated[int, Field(gt=0)], [0, 7, 3]),
        (float | None, [0.0, 0.5, 3.0, None]),
        (Sequence[str], [[""], ["text"]]),
        (Customer, []),
        (dict[str, int], []),
        (float | Customer, []),
        (Any, []),
    ],
)
def test_values_to_try(declared: Any, some: list[Any]) -> None:
    """A few of each type, and what the rule compares with; none where the type says too little."""
    assert list(samples_of(declared, "x > 3")) == some


def test_a_situation_is_converted_once() -> None:
    """Ten rules about one action do not convert its arguments ten times."""

    class Counted(dict[str, Any]):
        looks = 0

        def items(self) -> Any:
            Counted.looks += 1
            return super().items()

    situation = Situation({"args": Counted(amount=1.0), "now": datetime(2026, 1, 1, tzinfo=UTC)})
    assert all(situation.holds(f"args.amount < {n}.0") for n in range(2, 12))
    assert Counted.looks == 1


@pytest.mark.parametrize(
    ("when", "size", "decided"),
    [
        ("args.items.all(x, x > 0)", 1_000, True),
        ("args.items.all(x, args.items.all(y, x + y > 0))", 100, True),
        ("args.items.all(x, args.items.all(y, x + y > 0))", 2_000, False),
        ("args.items.all(a, args.items.all(b, args.items.all(c, args.items.all(d, true))))", 40, False),
        ("args.items.all(a, args.items.all(b, args.items.all(c, args.items.all(d, true))))", 5, True),
        (f"{'[1, 2, 3, 4, 5, 6, 7, 8, 9, 0].all(x, ' * 7}true{')' * 7}", 1, False),
        ("[1, 2, 3].all(x, x in args.items || x > 0)", 1, True),
    ],
)
def test_a_rule_that_would_take_too_long_is_not_begun(when: str, size: int, decided: bool) -> None:
    """Nothing can stop an evaluation once it runs, so it is counted before."""
    situation = Situation({"args": {"items": [1] * size}})
    if decided:
        assert situation.holds(when)
    else:
        with pytest.raises(Undecided, match="would take more than 1,000,000 steps"):
            situation.holds(when)
