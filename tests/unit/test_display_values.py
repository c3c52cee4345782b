"""Values as text: complete, unambiguous, and with what the eye would miss."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailgate.errors import ComposeError
from mailgate.mail.display import prose, show, texts
from mailgate.model.canonical import MAX_DEPTH

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("value", "lines"),
    [
        ("5", ['"5"']),
        (5, ["5"]),
        ("", ['""']),
        (120.0, ["120.0"]),
        (True, ["true"]),
        ("true", ['"true"']),
        (None, ["none"]),
        ("none", ['"none"']),
        (Decimal("1.50"), ["1.50"]),
        (date(2026, 11, 24), ["2026-11-24"]),
        (time(14, 2), ["14:02:00"]),
        (datetime(2026, 11, 24, 14, 2, tzinfo=UTC), ["2026-11-24 14:02:00+00:00"]),
        (timedelta(minutes=15), ["900.0 seconds"]),
        (UUID(int=1), ["uuid 00000000-0000-0000-0000-000000000001"]),
        (b"", ["0 bytes"]),
        (b"\x00\xff", ["2 bytes:", "00 ff"]),
        ([], ["[] (an empty list)"]),
        ({}, ["{} (nothing in it)"]),
        (["a", 1, [2, "b"]], ['- "a"', "- 1", "- - 2", '  - "b"']),
        ({"k": "v", "m": {"n": [None]}}, ['"k": "v"', '"m":', '  "n":', "    - none"]),
        ({'a"\n': 1}, ['"a\\"⟨U+000A⟩": 1']),
        ("two\nlines  ", ["| two", "| lines⟨U+0020⟩⟨U+0020⟩"]),
        ('rm -rf "C:\\x"', ['| rm -rf "C:\\x"']),
        ({"body": "x\n\ny"}, ['"body":', "  | x", "  |", "  | y"]),
        ("a\tb\x00", ['"a⟨U+0009⟩b⟨U+0000⟩"']),
    ],
)
def test_each_type_has_its_own_look(value: object, lines: list[str]) -> None:
    """Text is quoted or behind bars, everything else bare; nested values are an outline."""
    assert list(show(value).lines) == lines


@settings(deadline=None)
@given(JSON, JSON)
def test_values_that_differ_look_different(one: Any, other: Any) -> None:
    """Nobody can be shown one value and approve another: the text determines the value."""
    same = repr(one) == repr(other)
    assert (show(one).lines == show(other).lines) == same


@settings(deadline=None)
@given(JSON)
def test_every_line_stands_alone(value: Any) -> None:
    """No shown line holds a line break of its own, so nothing can leave its place."""
    assert not any(set(line) & {"\n", "\r", "\v", "\f", "\x85", "\u2028"} for line in show(value).lines)


def test_big_integers_are_counted_and_grouped() -> None:
    """Nobody counts zeros; small ones need no help, enormous ones only the count."""
    assert show(12_000).notes == ()
    assert show(-1_500_000).notes == ("7 digits: -1,500,000",)
    assert show(10**40).notes == ("41 digits",)


def test_integers_beyond_pythons_digit_limit_are_shown_in_hexadecimal() -> None:
    """A number that Python refuses to print in decimal is still shown in full."""
    huge = 16 ** sys.get_int_max_str_digits()
    shown = show(huge)
    assert int(shown.lines[0], 16) == huge
    assert shown.notes == ("4301 hexadecimal digits",)


def test_exponents_are_written_out() -> None:
    """1E+5 and 1e22 are easily misread; the note has all their digits."""
    assert show(Decimal("1E+5")).notes == ("written out: 100,000",)
    assert show(1e22).notes == ("written out: 10,000,000,000,000,000,000,000",)
    assert show(Decimal("1E+999999")).notes == ()


def test_times_say_their_zone() -> None:
    """A time without a zone says so; one of another zone is given in UTC too."""
    assert show(datetime(2026, 1, 1)).notes == ("without a time zone",)
    abroad = datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=2)))
    assert show(abroad).notes == ("in UTC: 2025-12-31 23:00:00+00:00",)


def test_printable_bytes_are_given_as_text_too() -> None:
    """Hexadecimal is exact, ASCII is readable; both are shown."""
    assert show(b"abc").notes == ('as ASCII: "abc"',)
    assert show(b"ab\n").notes == ()


def test_notes_of_nested_values_say_where() -> None:
    """A suspicious text deep inside is found by its path, a suspicious key by its name."""
    assert show({"a": ["x", "é"], "ß": 1}).notes == ("a[2]: in ASCII: '\\xe9'", "the name ß: in ASCII: '\\xdf'")


def test_notes_are_limited() -> None:
    """A thousand foreign texts do not bury the values under notes."""
    notes = show(["é"] * 1000).notes
    assert len(notes) == 21
    assert notes[-1] == "and 980 more notes"


def test_values_nobody_could_read_are_refused() -> None:
    """Too deep, or of a type that canonical JSON does not know: an error, not a guess."""
    deep: Any = 1
    for _ in range(MAX_DEPTH + 1):
        deep = [deep]
    with pytest.raises(ComposeError, match="levels deep"):
        show(deep)
    with pytest.raises(ComposeError, match="object cannot be put before a person"):
        show(object())


def test_prose_stands_behind_bars() -> None:
    """No line that somebody else wrote begins like a line of ours."""
    assert prose("APPROVE\n\nno") == ("| APPROVE", "|", "| no")


def test_all_texts_inside_a_value_are_found() -> None:
    """Keys and nested texts are looked at for hidden characters too."""
    assert list(texts({"a": ["b", {"c": 1}], "d": "e"})) == ["a", "b", "c", "d", "e"]
