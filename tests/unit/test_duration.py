"""Lengths of time: what people write is read, what is written is read back, the rest is one sentence."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailgate.model.duration import LONGEST, format_duration, parse_duration, words

lengths = st.timedeltas(min_value=timedelta(), max_value=LONGEST)


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("0s", timedelta()),
        ("90s", timedelta(seconds=90)),
        ("15m", timedelta(minutes=15)),
        ("4h", timedelta(hours=4)),
        ("2d", timedelta(days=2)),
        ("1w", timedelta(weeks=1)),
        ("1h 30m", timedelta(minutes=90)),
        ("1h30m", timedelta(minutes=90)),
        (" 1.5 h ", timedelta(minutes=90)),
        ("0.25s", timedelta(milliseconds=250)),
        ("1234567s", timedelta(seconds=1234567)),
        (timedelta(seconds=5), timedelta(seconds=5)),
    ],
)
def test_what_people_write_is_read(text: Any, length: timedelta) -> None:
    """Numbers with units, alone or in a row."""
    assert length == parse_duration(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        "h",
        "5 x",
        "-5s",
        "+5s",
        "1h,2m",
        "1e5s",
        "4H",
        "PT4H",
        "5s later",
        "٣s",
        "none",
        5,
        5.0,
        True,
        None,
        [],
        timedelta(seconds=-1),
    ],
)
def test_anything_else_is_one_sentence_with_examples(text: Any) -> None:
    """A number without a unit, a sign, another notation: the sentence repeats it and shows how to write it."""
    with pytest.raises(ValueError, match=r"is not a length of time.*; write for example '90s', '15m', '4h' or '2d'$"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["999999999999d", "1" + "0" * 400 + "w", "999999999d 999999999d", "36500d 0.000001s"])
def test_a_length_beyond_every_calendar_is_refused_as_one(text: str) -> None:
    """A slip of the finger gives a sentence; otherwise the deadline would overflow in the keeper's hands."""
    with pytest.raises(ValueError, match="is not a length of time between '0s' and '36500d'; write"):
        parse_duration(text)
    assert parse_duration("36500d") == LONGEST


@settings(deadline=None, max_examples=300)
@given(lengths)
def test_what_is_written_is_read_back(length: timedelta) -> None:
    """A kept policy holds its lengths as text; not a microsecond may be lost."""
    assert length == parse_duration(format_duration(length))


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (timedelta(), "0s"),
        (timedelta(seconds=90), "90s"),
        (timedelta(minutes=90), "90m"),
        (timedelta(hours=4), "4h"),
        (timedelta(days=14), "2w"),
        (timedelta(days=30), "30d"),
        (timedelta(seconds=1234567), "1234567s"),
        (timedelta(milliseconds=1500), "1.5s"),
        (timedelta(microseconds=1), "0.000001s"),
    ],
)
def test_lengths_are_written_in_the_largest_whole_unit(length: timedelta, text: str) -> None:
    """Golden forms: they are part of the policy's digest."""
    assert text == format_duration(length)


@pytest.mark.parametrize(
    ("length", "said"),
    [
        (timedelta(), "0 seconds"),
        (timedelta(milliseconds=400), "0 seconds"),
        (timedelta(seconds=1), "1 second"),
        (timedelta(minutes=1), "1 minute"),
        (timedelta(hours=4), "4 hours"),
        (timedelta(hours=2, minutes=30), "2 hours 30 minutes"),
        (timedelta(days=1, seconds=5), "1 day 5 seconds"),
        (timedelta(days=8, hours=1, minutes=2, seconds=3), "8 days 1 hour"),
    ],
)
def test_lengths_are_said_in_words(length: timedelta, said: str) -> None:
    """In a mail a length is words, at most two of them."""
    assert said == words(length)
