"""Signatures: nobody is asked about a call that cannot run, and what was asked about is what runs."""

from __future__ import annotations

import dataclasses
import functools
import math
import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum, IntEnum
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, Optional, Union
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, SecretStr, computed_field, field_validator
from typing_extensions import TypedDict

from mailgate.errors import InvalidArguments
from mailgate.model.action import read_action
from mailgate.model.signature import Signature


def signature(function: Callable[..., Any]) -> Signature:
    """Return the signature of an action named after the function."""
    return Signature("act", function)


def runs_with(function: Callable[..., Any], **arguments: Any) -> dict[str, Any]:
    """Return what a worker would call ``function`` with, once the asked-about bytes were stored and read back."""
    taken = signature(function)
    stored = taken.action(arguments).canonical
    return taken.validate(read_action(stored).arguments)


def refusal(function: Callable[..., Any], **arguments: Any) -> InvalidArguments:
    """Return the error that ``arguments`` draw."""
    with pytest.raises(InvalidArguments) as caught:
        signature(function).action(arguments)
    assert "\n" not in caught.value.message
    assert caught.value.message.endswith(".")
    return caught.value


def refund(order_id: str, amount: float, currency: str = "EUR") -> None:
    """Take what the example in the documentation takes."""


def test_every_mistake_is_named_in_one_sentence() -> None:
    """An agent that gets several things wrong can put all of them right at once."""
    error = refusal(refund, order=1, amount="a lot", note="x")
    assert error.message == (
        "act cannot run: there is no argument 'order' (it takes order_id, amount, currency); "
        "there is no argument 'note' (it takes order_id, amount, currency); argument 'order_id' is missing; "
        "argument 'amount': input should be a valid number, unable to parse string as a number."
    )
    assert error.argument == "order"


@pytest.mark.parametrize(
    ("arguments", "first"),
    [({}, "order_id"), ({"order_id": "A"}, "amount"), ({"order_id": "A", "amount": None}, "amount")],
)
def test_the_first_argument_at_fault_is_given(arguments: dict[str, Any], first: str) -> None:
    """An adapter can point at the field that has to change."""
    assert first == refusal(refund, **arguments).argument


def test_a_function_without_arguments_takes_none() -> None:
    """The sentence says so."""
    assert signature(lambda: None).action({}).arguments == {}
    assert "it takes none" in refusal(lambda: None, x=1).message


def test_defaults_are_filled_in_before_anybody_is_asked() -> None:
    """The mail shows the currency that will be used, whether the agent named it or not."""
    taken = signature(refund)
    assert taken.action({"order_id": "A", "amount": 5}) == taken.action(
        {"order_id": "A", "amount": 5.0, "currency": "EUR"}
    )
    assert runs_with(refund, order_id="A", amount=5) == {"order_id": "A", "amount": 5.0, "currency": "EUR"}


def with_defaults(
    note: str = None,  # type: ignore[assignment]  # noqa: RUF013, how many people write it
    price: Decimal = 5,  # type: ignore[assignment]
    tags: list[str] = [],  # noqa: B006, the danger of it is what is tested
    *,
    since: Optional[date] = None,  # noqa: UP045
) -> None:
    """Take the kinds of defaults that people write."""


def test_a_default_that_says_optional_makes_it_optional() -> None:
    """``note: str = None`` takes None, which is what Python's own call would pass."""
    assert {"note": None, "price": Decimal(5), "tags": [], "since": None} == runs_with(with_defaults)
    assert "valid string" in refusal(with_defaults, note=5).message


def test_a_default_list_is_not_shared_between_calls() -> None:
    """One call's list never turns up in another's arguments."""
    taken = signature(with_defaults)
    taken.validate({})["tags"].append("x")
    assert taken.validate({})["tags"] == []


def test_a_default_that_does_not_fit_its_type_is_found_when_the_action_is_declared() -> None:
    """The developer hears of it, not the agent at night."""

    def act(count: int = "many") -> None:  # type: ignore[assignment]
        """Have a default of another type."""

    with pytest.raises(InvalidArguments, match=r"^The default of act's argument 'count'.*valid integer"):
        signature(act)


def no_types(a, b=1):  # type: ignore[no-untyped-def]
    """Declare nothing."""


def any_type(a: Any) -> None:
    """Declare nothing in words."""


def precise(number: int, raw: bytes, either: int | bytes | None = None) -> None:
    """Declare what JSON lacks."""


def test_long_integers_and_bytes_run_where_they_are_declared() -> None:
    """Twenty digits stay twenty digits."""
    given_arguments = {"number": 12345678901234567890, "raw": b"\x00\xff", "either": 98765432109876543210}
    assert given_arguments == runs_with(precise, **given_arguments)
    assert runs_with(precise, number=-(2**80), raw=b"", either=b"\xff")["either"] == b"\xff"


@pytest.mark.parametrize("function", [no_types, any_type])
@pytest.mark.parametrize("value", [12345678901234567890, b"\x00", Decimal(1), date(2026, 1, 1), 1e300, {"x": [2**60]}])
def test_what_json_lacks_is_refused_where_nothing_is_declared(function: Callable[..., Any], value: Any) -> None:
    """Without a type nobody could say what would run; the sentence says what to do."""
    error = refusal(function, a=value)
    assert error.argument == "a"
    assert "declare its type in the action's signature" in error.message


def test_plain_json_runs_where_nothing_is_declared() -> None:
    """Untyped functions work with what JSON holds."""
    value = {"x": [1, 2.5, None, "é", True, {}]}
    assert runs_with(no_types, a=value) == {"a": value, "b": 1}


def lossy(
    rate: float = 0.0,
    rates: list[float] = [],  # noqa: B006
    name: str = "",
    names: dict[str, list[str]] = {},  # noqa: B006
    bag: set[str] = set(),  # noqa: B006
    pair: tuple[float, str] = (0.0, ""),
) -> None:
    """Take floats and text at several depths."""


@pytest.mark.parametrize(
    "arguments",
    [
        {"rate": 12345678901234567891},
        {"rate": -(2**53) - 1},
        {"rate": 10**400},
        {"rates": [1.0, 12345678901234567891]},
        {"pair": (12345678901234567891, "")},
    ],
    ids=lambda a: next(iter(a)),
)
def test_an_integer_that_a_float_would_round_is_refused(arguments: dict[str, Any]) -> None:
    """At any depth: otherwise an amount could change on its way without anybody having said so."""
    error = refusal(lossy, **arguments)
    assert error.argument in arguments
    assert "a float would round" in error.message or "valid number" in error.message


@pytest.mark.parametrize(
    "arguments",
    [{"name": b"abc"}, {"names": {"a": [b"abc"]}}, {"bag": {b"abc"}}, {"pair": (1.0, b"abc")}],
    ids=lambda a: next(iter(a)),
)
def test_bytes_are_refused_where_text_is_declared(arguments: dict[str, Any]) -> None:
    """At any depth: a person would be shown text and the agent would believe it had sent bytes."""
    assert "is bytes where text is declared" in refusal(lossy, **arguments).message


def test_integers_that_a_float_holds_exactly_are_taken() -> None:
    """Only what would be rounded is refused."""
    assert runs_with(lossy, rate=2**60, rates=[3, 10**20])["rates"] == [3.0, 1e20]


@pytest.mark.parametrize("value", [math.nan, math.inf, "nan", "inf", "1e999"])
def test_what_is_no_number_is_refused_as_one(value: Any) -> None:
    """NaN compares false with every limit, so it never gets as far as a rule."""
    assert "rate" in refusal(lossy, rate=value).message


def positional(a: int, /) -> None:
    """Take an argument that has no name to a caller."""


def star(*args: int) -> None:
    """Take any number of arguments."""


def stars(**kwargs: int) -> None:
    """Take any names."""


@pytest.mark.parametrize("function", [positional, star, stars])
def test_arguments_without_a_name_of_their_own_are_refused_at_declaration(function: Callable[..., Any]) -> None:
    """A mail lists arguments by name, so each needs one."""
    with pytest.raises(InvalidArguments, match=r"^act takes .*: an action's arguments go by name[^\n]*\.$"):
        signature(function)


def unknown_type(a: Nowhere) -> None:  # type: ignore[name-defined]  # noqa: F821
    """Name a type that is not there."""


def broken_type(a: sys.nowhere) -> None:  # type: ignore[name-defined]
    """Name an attribute that is not there."""


@pytest.mark.parametrize("function", [unknown_type, broken_type, max], ids=lambda f: f.__name__)
def test_a_signature_that_cannot_be_read_is_one_sentence(function: Callable[..., Any]) -> None:
    """Whatever Python raises for it, the developer reads which action it is."""
    with pytest.raises(InvalidArguments, match=r"act[^\n]*\.$"):
        signature(function)


class Shop:
    """Something with methods."""

    def refund(self, order_id: str, amount: int) -> None:
        """Take arguments beside self."""

    def __call__(self, order_id: str, amount: int) -> None:
        """Be callable itself."""


async def refund_async(order_id: str, amount: int) -> None:
    """Take the same arguments, some day."""


def narrowed(fee: int, order_id: str, amount: int) -> None:
    """Take one more, which a partial gives."""


@functools.wraps(refund_async)
def wrapped(*args: Any, **kwargs: Any) -> Any:
    """Pass everything on."""


@pytest.mark.parametrize(
    "function",
    [refund_async, Shop().refund, Shop(), functools.partial(narrowed, 5), wrapped],
    ids=["async", "method", "callable object", "partial", "decorated"],
)
def test_every_way_to_write_a_function_has_its_signature(function: Callable[..., Any]) -> None:
    """Async functions, methods, callable objects, partials and decorated functions are checked alike."""
    assert runs_with(function, order_id="A", amount="5") == {"order_id": "A", "amount": 5}
    assert "valid integer" in refusal(function, order_id="A", amount="x").message


def test_positional_and_named_arguments_bind_as_in_python() -> None:
    """Calling the action with positions or names is the same call; a wrong count is one sentence."""
    taken = signature(refund)
    assert taken.bind(("A", 5.0), {}) == taken.bind(("A",), {"amount": 5.0}) == {"order_id": "A", "amount": 5.0}
    for args, kwargs in [(("A", 5, "EUR", 1), {}), (("A",), {"order_id": "B"}), ((), {"nothing": 1})]:
        with pytest.raises(InvalidArguments, match=r"^act: [^\n]+\.$"):
            taken.bind(args, kwargs)


class Colour(Enum):
    """An enum of text."""

    RED = "red"
    BLUE = "blue"


class Size(IntEnum):
    """An enum of integers."""

    BIG = 3


class Address(BaseModel):
    """A model."""

    street: str
    zip_code: int = Field(alias="zipCode")


class Order(BaseModel):
    """A model with what models have."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: UUID
    placed_at: datetime
    to: Address
    lines: list[tuple[str, int]] = []
    price: Decimal = Decimal(0)
    tags: frozenset[str] = frozenset()

    @computed_field
    def count(self) -> int:
        """Count the lines."""
        return len(self.lines)


@dataclasses.dataclass(frozen=True)
class Point:
    """A dataclass."""

    x: float
    y: float = 0.0
    colour: Colour = Colour.RED


class Pair(NamedTuple):
    """A named tuple."""

    left: int
    right: str


class Movie(TypedDict, total=False):
    """A typed dictionary."""

    title: str
    year: int


ORDER = Order(
    id=UUID(int=7),
    placed_at=datetime(2026, 11, 24, 18, 0, 0, 123456, tzinfo=UTC),
    to=Address(street="Main St", zipCode=12345),
    lines=[("a", 1), ("b", 2)],
    price=Decimal("9.90"),
    tags=frozenset({"x", "y"}),
)

RICH: list[tuple[Any, Any]] = [
    (Order, ORDER),
    (list[Order], [ORDER, ORDER]),
    (Address | None, None),
    (Address | None, ORDER.to),
    (dict[str, Address], {"$int": ORDER.to}),
    (Point, Point(1.5, float(2**60), Colour.BLUE)),
    (Colour, Colour.BLUE),
    (Size, Size.BIG),
    (list[Colour], [Colour.RED, Colour.BLUE]),
    (Literal["a", 1, None], 1),
    (Literal["a", 1, None], None),
    (list[int], [1, 2**70]),
    (list[bytes], [b"", b"\xff"]),
    (tuple[int, ...], (1, 2)),
    (tuple[int, str], (1, "a")),
    (set[int], {3, 1, 2}),
    (frozenset[str], frozenset({"a"})),
    (dict[str, float], {"a": 1.0, "$b": 2.5}),
    (Union[int, str], "5"),  # noqa: UP007
    (int | str, 5),
    (int | float, 2.5),
    (datetime, datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)),
    (timedelta, timedelta(days=999999999, microseconds=1)),
    (Decimal, Decimal("0.10")),
    (Path, Path("/etc/hosts")),
    (Pair, Pair(1, "a")),
    (Movie, {"title": "M", "year": 1931}),
    (Annotated[int, Field(ge=0)], 5),
    (dict, {"a": [1, {"b": None}]}),
    (list, [1, "a", 2**70]),
    (object, "x"),
    (bool, True),
    (float, 5.0),
    (str | None, "é\n\u202e"),
]


@pytest.mark.parametrize(("declared", "value"), RICH, ids=lambda v: str(v)[:40])
def test_declared_types_come_back_from_the_stored_bytes(declared: Any, value: Any) -> None:
    """Models, dataclasses, enums, unions and containers: what runs equals what was asked about, type included."""

    def act(x: Any) -> None:
        """Take one value."""

    act.__annotations__["x"] = declared
    again = runs_with(act, x=value)["x"]
    assert value == again
    assert type(value) is type(again)


@pytest.mark.parametrize(
    ("declared", "given_value", "value"),
    [
        (Colour, "red", Colour.RED),
        (Point, {"x": "1.5"}, Point(1.5)),
        (Address, {"street": "Main St", "zipCode": "12345"}, ORDER.to),
        (datetime, "2026-11-24T18:00:00Z", datetime(2026, 11, 24, 18, tzinfo=UTC)),
        (bytes, "abc", b"abc"),
        (int, "12345678901234567890", 12345678901234567890),
        (Decimal, "0.1", Decimal("0.1")),
        (set[int], [2, 1, 2], {1, 2}),
    ],
)
def test_json_as_a_model_writes_it_becomes_the_declared_type(declared: Any, given_value: Any, value: Any) -> None:
    """An agent calls with JSON; what it stands for is what the mail shows and what runs."""

    def act(x: Any) -> None:
        """Take one value."""

    act.__annotations__["x"] = declared
    assert value == runs_with(act, x=given_value)["x"]


class Base(BaseModel):
    """A model that hides one field when it is written."""

    shown: int
    hidden: int = Field(default=0, exclude=True)


class Derived(Base):
    """A model with more than its base has."""

    more: int = 0


class Renamed(BaseModel):
    """A model that is written under another name than it is read."""

    amount: int = Field(default=0, validation_alias="betrag", serialization_alias="amount")


class Locked(BaseModel):
    """A model with a secret."""

    key: SecretStr


class Opaque:
    """A class that pydantic cannot look into."""


class Checked(BaseModel):
    """A model with a rule of its own."""

    amount: int

    @field_validator("amount")
    @classmethod
    def _even(cls, amount: int) -> int:
        if amount % 2:
            raise ValueError("must be even")
        return amount


@pytest.mark.parametrize(
    ("declared", "value"),
    [
        (Base, Base(shown=1, hidden=500)),
        (Base, Derived(shown=1, more=500)),
        (Renamed, {"betrag": 500}),
        (Locked, {"key": "x"}),
        (Opaque, Opaque()),
        (Any, (1, 2)),
        (Any, {"a": (1,)}),
        (dict[int, str], {1: "a"}),
        (Callable[[], int], len),
        (bytearray, bytearray(b"ab")),
        (Point, Point(1.5, 2**60)),
    ],
    ids=[
        "excluded field",
        "subclass",
        "renamed field",
        "secret",
        "opaque",
        "tuple",
        "tuple within",
        "keys",
        "callable",
        "bytearray",
        "unfit field",
    ],
)
def test_what_would_run_otherwise_than_asked_is_refused(declared: Any, value: Any) -> None:
    """A field that storing drops would be approved unseen and run with its default; so nobody is asked."""

    def act(x: Any) -> None:
        """Take one value."""

    act.__annotations__["x"] = declared
    error = refusal(act, x=value)
    assert error.argument == "x"
    assert "x" in error.message


def test_a_models_own_rule_speaks_without_jargon() -> None:
    """A validator's sentence is passed on as it is, with the place."""

    def act(order: Checked, note: str | int = "") -> None:
        """Take a model."""

    assert refusal(act, order={"amount": 3}).message == "act cannot run: argument 'order.amount': must be even."
    assert refusal(act, order={}).message == "act cannot run: argument 'order.amount': field required."
    assert "note" in refusal(act, order={"amount": 2}, note=[]).message


@settings(deadline=None)
@given(
    order_id=st.text(),
    amount=st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53),
    number=st.integers(-(10**40), 10**40),
    raw=st.binary(),
)
def test_any_values_of_the_declared_types_run_as_asked(order_id: str, amount: float, number: int, raw: bytes) -> None:
    """Whatever the agent gives within the declared types is what a worker would run with."""

    def act(order_id: str, amount: float, number: int, raw: bytes) -> None:
        """Take one of each."""

    asked = {"order_id": order_id, "amount": amount, "number": number, "raw": raw}
    assert asked == runs_with(act, **asked)
