"""Canonical JSON: every value has its own bytes, the bytes give the value back, and nothing else is read."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from itertools import combinations
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailgate.model.canonical import (
    MAX_DEPTH,
    SAFE_INTEGER,
    NotCanonical,
    canonical_bytes,
    from_plain,
    read_plain,
    to_plain,
)

TAGS = ["$int", "$float", "$bytes", "$decimal", "$datetime", "$date", "$time", "$seconds", "$uuid", "$path"]

zones = st.none() | st.sampled_from([UTC, timezone(timedelta(hours=-3, minutes=-30)), ZoneInfo("Europe/Berlin")])
leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.binary(max_size=8)
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.dates()
    | st.times(timezones=st.sampled_from([None, UTC]))
    | st.datetimes(timezones=zones)
    | st.timedeltas()
    | st.uuids()
)
keys = st.text(max_size=6) | st.sampled_from([*TAGS, "$", "$$int", "$$$int", "$other"])
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)


def written(value: Any) -> bytes:
    """Return the canonical bytes of any value."""
    return canonical_bytes(to_plain(value))


def identity(value: Any) -> Any:
    """Return what makes two values the same one, said without the code under test."""
    match value:
        case bool() | None:
            return ("constant", str(value))
        case int() | float() if float(value).is_integer() and abs(value) <= SAFE_INTEGER:
            return ("number", int(value))  # RFC 8785 section 3.2.2.3: 1 and 1.0 are one number
        case list():
            return [identity(v) for v in value]
        case dict():
            return {k: identity(v) for k, v in value.items()}
        case Decimal():
            return ("Decimal", value.as_tuple())
        case date() | time():
            return (type(value).__name__, value.isoformat())
    return (type(value).__name__, value)


@settings(deadline=None, max_examples=400)
@given(values)
def test_every_value_comes_back_from_its_bytes(value: Any) -> None:
    """Whatever is stored is read back as the same value; so two values that differ never share their bytes."""
    assert identity(value) == identity(from_plain(read_plain(written(value))))


@settings(deadline=None)
@given(values)
def test_the_bytes_are_their_own_canonical_form(value: Any) -> None:
    """Reading and writing again changes no byte, so a reader in another language finds the same ones."""
    stored = written(value)
    assert stored == canonical_bytes(json.loads(stored))


LOOK_ALIKES: list[Any] = [
    1,
    "1",
    True,
    "true",
    None,
    "null",
    [1],
    [[1]],
    {"a": 1},
    {"a": "1"},
    "",
    [],
    {},
    b"",
    b"1",
    "MQ==",
    2**53,
    float(2**53),
    str(2**53),
    2**53 + 1,
    Decimal("1"),
    Decimal("1.0"),
    Decimal(2**53),
    date(2026, 1, 1),
    datetime(2026, 1, 1),
    datetime(2026, 1, 1, tzinfo=UTC),
    datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))),
    "2026-01-01",
    time(0),
    time(0, tzinfo=UTC),
    timedelta(seconds=1),
    timedelta.max,
    timedelta.max - timedelta(microseconds=1),
    UUID(int=0),
    str(UUID(int=0)),
    PurePosixPath("1"),
    {"$int": "9007199254740992"},
    {"$$int": "9007199254740992"},
    {"$float": "0x1.0000000000000p+53"},
    {"$bytes": "MQ=="},
    {"$decimal": "1"},
    {"$path": "1"},
    {"$": 1},
    {"$$": 1},
    "é",
    "e\u0301",
]


def test_look_alikes_have_bytes_of_their_own() -> None:
    """Values that a careless encoder confuses stay apart: text, numbers, booleans, tags and what spells a tag."""
    same = [(a, b) for a, b in combinations(LOOK_ALIKES, 2) if written(a) == written(b)]
    assert same == []


@pytest.mark.parametrize(("left", "right"), [(1, 1.0), (0, -0.0), (-3, -3.0), (SAFE_INTEGER, float(SAFE_INTEGER))])
def test_one_number_has_one_form(left: int, right: float) -> None:
    """1 and 1.0 are the same number to RFC 8785 and to Python; a float parameter makes it a float again."""
    assert written(left) == written(right)
    assert left == right


@pytest.mark.parametrize(
    ("value", "stored"),
    [
        ({"b": 2, "a": [1.5, None, True]}, b'{"a":[1.5,null,true],"b":2}'),
        (12345678901234567890, b'{"$int":"12345678901234567890"}'),
        (1e300, b'{"$float":"0x1.7e43c8800759cp+996"}'),
        (b"\x00\xff", b'{"$bytes":"AP8="}'),
        (Decimal("1.50"), b'{"$decimal":"1.50"}'),
        (datetime(2026, 11, 24, 18, 0, tzinfo=UTC), b'{"$datetime":"2026-11-24T18:00:00+00:00"}'),
        (date(2026, 11, 24), b'{"$date":"2026-11-24"}'),
        (time(18, 30), b'{"$time":"18:30:00"}'),
        (timedelta(minutes=15), b'{"$seconds":"900"}'),
        (timedelta(microseconds=-1), b'{"$seconds":"-0.000001"}'),
        (UUID(int=1), b'{"$uuid":"00000000-0000-0000-0000-000000000001"}'),
        (PurePosixPath("/etc/hosts"), b'{"$path":"/etc/hosts"}'),
        ({"$x": 1}, b'{"$$x":1}'),
    ],
)
def test_the_written_form_is_fixed(value: Any, stored: bytes) -> None:
    """Stored actions outlive this version: a changed form would make every old digest unreadable."""
    assert stored == written(value)


def test_sets_and_tuples_become_lists_in_one_order() -> None:
    """A set has no order of its own, so it gets one; a tuple is a list to JSON."""
    assert to_plain({"b", 2, "a", 1}) == ["a", "b", 1, 2]
    assert written(frozenset({3, 1})) == written({1, 3}) == written((1, 3))


class Colour(Enum):
    """An enum as people write them."""

    RED = "red"


class Size(IntEnum):
    """An enum that is an integer too."""

    BIG = 3


class Unit(str, Enum):  # noqa: UP042, the older way to write one, whose str() is "Unit.KILO"
    """An enum that is text too."""

    KILO = "kg"


class Mode(StrEnum):
    """The newer way to write one."""

    FAST = "fast"


@pytest.mark.parametrize(
    ("member", "plain"), [(Colour.RED, "red"), (Size.BIG, 3), (Unit.KILO, "kg"), (Mode.FAST, "fast")]
)
def test_an_enum_is_stored_by_its_value(member: Enum, plain: Any) -> None:
    """The value, not Python's name for the member, is what the mail shows and another program reads."""
    assert type(plain) is type(to_plain(member))
    assert plain == to_plain(member)


@pytest.mark.parametrize("key", [Unit.KILO, Mode.FAST])
def test_an_enum_as_a_key_is_stored_by_its_value(key: str) -> None:
    """A key that is an enum of text is its text, the same as the plain key."""
    assert written({key: 1}) == written({str.__str__(key): 1})


class Shout(str):
    """Text that prints as something else."""

    __slots__ = ()

    def __str__(self) -> str:
        """Say something else."""
        return "LOUD"


def test_text_that_prints_as_something_else_is_stored_as_it_is() -> None:
    """A subclass of str cannot show one thing to a person and be another to the action."""
    assert to_plain({Shout("quiet"): Shout("still")}) == {"quiet": "still"}


@dataclass
class Stranger:
    """A value of a type that nobody can store."""


def nested(levels: int) -> Any:
    """Return a list in a list in a list …"""
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


REFUSED: list[tuple[Any, str]] = [
    (math.nan, "nan"),
    (math.inf, "inf"),
    (-math.inf, "-inf"),
    (Decimal("NaN"), "NaN"),
    (Decimal("sNaN"), "sNaN"),
    (Decimal("-Infinity"), "-Infinity"),
    ("\ud800", "half a character"),
    ("a\udfffb", "half a character"),
    ({"\ud800": 1}, "half a character"),
    ({1: "a"}, "not text"),
    ({None: "a"}, "not text"),
    (nested(MAX_DEPTH + 1), "levels deep"),
    (10**5000, "digits"),
    (-(10**5000), "digits"),
    (1j, "complex"),
    (Stranger(), "Stranger"),
    (object, "type"),
    (time(12, tzinfo=ZoneInfo("Europe/Berlin")), "zone"),
]


@pytest.mark.parametrize(("value", "why"), REFUSED, ids=lambda v: type(v).__name__)
def test_what_has_no_one_form_is_refused_where_it_stands(value: Any, why: str) -> None:
    """NaN, half characters, strange keys and types, and depth are refused, at any place, with the place named."""
    with pytest.raises(NotCanonical, match=why):
        to_plain(value)
    with pytest.raises(NotCanonical, match=why) as caught:
        to_plain({"order": [0, value]})
    assert caught.value.path.startswith("order[1]")


def test_a_circle_is_refused_as_too_deep_in_a_short_sentence() -> None:
    """A list that contains itself ends at the depth limit, and the sentence does not repeat every level."""
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(NotCanonical, match="levels deep") as caught:
        to_plain(circle)
    assert len(str(caught.value)) < 250


def test_the_deepest_value_that_is_taken_comes_back() -> None:
    """The limit itself is allowed, and readable."""
    assert nested(MAX_DEPTH) == from_plain(read_plain(written(nested(MAX_DEPTH))))


@pytest.mark.parametrize(
    "value",
    [2**53, -(2**53), 1e300, b"x", Decimal(1), date(2026, 1, 1), timedelta(1), UUID(int=1), 10**5000],
    ids=lambda v: type(v).__name__,
)
def test_untagged_values_are_plain_json_alone(value: Any) -> None:
    """Where no signature declares a type, what JSON cannot say exactly is refused rather than guessed."""
    with pytest.raises(NotCanonical, match=r"^a\[0\] is .*signature|digits"):
        to_plain({"a": [value]}, tagged=False)


@settings(deadline=None)
@given(st.text() | st.integers(-SAFE_INTEGER, SAFE_INTEGER) | st.booleans() | st.none())
def test_plain_json_needs_no_declaration(value: Any) -> None:
    """Plain values pass untagged, as they are."""
    assert value == to_plain(value, tagged=False)


@pytest.mark.parametrize(
    "plain",
    [
        {"$int": "5"},
        {"$int": 12345678901234567890},
        {"$int": " 12345678901234567890"},
        {"$int": "12_345_678_901_234_567_890"},
        {"$int": "+12345678901234567890"},
        {"$int": "x"},
        {"$int": None},
        {"$float": "0x1p+60"},
        {"$float": "1e300"},
        {"$float": "inf"},
        {"$float": "0x1.8000000000000p+0"},
        {"$bytes": "MR=="},
        {"$bytes": "MQ"},
        {"$bytes": "M Q=="},
        {"$bytes": "-_=="},
        {"$decimal": " 1"},
        {"$decimal": "NaN"},
        {"$decimal": "1_0"},
        {"$datetime": "2026-11-24"},
        {"$datetime": "2026-11-24 18:00:00"},
        {"$datetime": "20261124T180000"},
        {"$date": "20261124"},
        {"$time": "18"},
        {"$seconds": "900.0"},
        {"$seconds": "9E+2"},
        {"$seconds": "1e400"},
        {"$uuid": "{00000000-0000-0000-0000-000000000001}"},
        {"$uuid": "00000000000000000000000000000001"},
        {"$path": 5},
        {"$path": ["a"]},
        {"$nothing": "1"},
        {"$": 1},
        {"$int": "12345678901234567890", "$bytes": "MQ=="},
        {"$int": "12345678901234567890", "a": 1},
        [{"a": {"$int": "5"}}],
        1e21,
        2**53,
        [float(2**60)],
    ],
    ids=str,
)
def test_only_the_one_form_of_a_tag_is_read(plain: Any) -> None:
    """A second spelling of a value would be a second digest for it; unknown tags are refused, not ignored."""
    with pytest.raises(NotCanonical):
        from_plain(plain)


@pytest.mark.parametrize("plain", [math.nan, math.inf, 2**53, {"a": "\ud800"}, {1: 2}, {"a": {1, 2}}])
def test_bytes_are_refused_for_what_is_no_plain_json(plain: Any) -> None:
    """The last step refuses by itself what the first would have refused."""
    with pytest.raises(NotCanonical, match="canonical JSON"):
        canonical_bytes(plain)


def test_keys_are_sorted_by_utf16_as_rfc_8785_says() -> None:
    """RFC 8785 section 3.2.3's own example."""
    sample = {
        "\u20ac": "Euro Sign",
        "\r": "Carriage Return",
        "\ufb33": "Hebrew Letter Dalet With Dagesh",
        "1": "One",
        "\U0001f600": "Emoji: Grinning Face",
        "\u0080": "Control",
        "\u00f6": "Latin Small Letter O With Diaeresis",
    }
    assert list(json.loads(written(sample)).values()) == [
        "Carriage Return",
        "One",
        "Control",
        "Latin Small Letter O With Diaeresis",
        "Euro Sign",
        "Emoji: Grinning Face",
        "Hebrew Letter Dalet With Dagesh",
    ]
