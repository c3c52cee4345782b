"""Rules: CEL conditions on one action. Text in, true or false out; whatever is neither is *undecided*.

CEL does not convert between types: ``1.5 * 1`` and ``"9" > 7.0`` are errors that show only when a rule is tried, so rules
are tried on values of the types that the action's function declares, before anybody depends on them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from difflib import get_close_matches
from enum import Enum
from functools import lru_cache
from itertools import islice, product
from pathlib import PurePath
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from uuid import UUID

import cel

from mailgate.model.quoting import plain, quoted

NAMES = ("args", "agent", "run", "confidence", "risk", "now")
"""What a rule may speak of."""

LONGEST = 2000
"""Characters of a rule: nobody can judge a longer one, and the parser recurses."""

MOST_STEPS = 1_000_000
"""Rounds of a rule's macros: some tenths of a second; nothing can stop an evaluation that has begun."""

MOST_TRIALS = 256
"""Combinations of arguments that a rule is tried on."""

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
_NUMBER = re.compile(r"(?<![\w.])\d+(?:\.\d+)?")
_SYNTAX = re.compile(r"<input>:\d+:(\d+): (?:Syntax error: )?(.*?)(?: expecting .*)?$")
_AT_END = "mismatched input '<EOF>'"
_PATTERN = re.compile(rf"\.\s*matches\s*\(\s*({_TEXT.pattern.removeprefix('(?s)')})\s*\)", re.DOTALL)
_BINDING = re.compile(r"\.\s*(?:all|exists|exists_one|map|filter)\s*\(\s*([A-Za-z_]\w*)\s*,")
"""A macro over a list gives its members a name of the rule's own: ``args.items.all(x, x > 0)``."""
_MACRO = re.compile(r"\.\s*(?:all|exists|exists_one|map|filter)\s*\(")
_WRITTEN = re.compile(r"[\[{][^\[\]{}]*[\]}]")
_ARGUMENT = re.compile(r"""\bargs\s*(?:\.\s*([A-Za-z_]\w*)|\[\s*['"]([^'"]*)['"]\s*\])""")


class Undecided(ValueError):
    """A rule that gave neither true nor false; the message says why."""


def check_rule(when: str) -> str:
    """Return ``when`` if it is a rule that can be run at all.

    Raises:
        ValueError: text that is no CEL, or speaks of or calls what there is not.
    """
    if len(when) > LONGEST:
        raise ValueError(f"{quoted(when)} has {len(when)} characters; a rule may have {LONGEST}")
    program = _compiled(when)
    bound = _BINDING.findall(_TEXT.sub("''", when))
    unknown = sorted(set(program.variables()) - {*NAMES} - _TYPES - set(bound))
    if unknown:
        raise ValueError(f"{quoted(when)} speaks of {', '.join(unknown)}; a rule may use {', '.join(sorted(NAMES))}")
    missing = sorted(f for f in program.functions() if f.isidentifier() and f[0] != "_" and f not in _FUNCTIONS)
    if missing:
        raise ValueError(f"{quoted(when)} calls {', '.join(missing)}, which CEL does not have here")
    for found in _outside_texts(_PATTERN, when):
        _check_pattern(when, found[1])
    return when


def _check_pattern(when: str, pattern: str) -> None:
    """Raise ValueError where a pattern, a CEL text in its quotes, is none: CEL finds that out only when it matches."""
    try:
        cel.evaluate(f"''.matches({pattern})")
    except Exception as error:
        lines = str(error).strip().splitlines() or ["it cannot be read"]
        why = plain(lines[-1].removeprefix("error: ").partition(". ")[0])  # what follows is advice, always the same
        raise ValueError(f"{quoted(when)} matches {quoted(pattern)}, which is no regular expression: {why}") from error


class Situation:
    """The values that rules look at, converted once for all of them. Belongs to one thread.

    Args:
        known: a value for each of :data:`NAMES`. Values that CEL has no type for are given as text, as JSON would have them.
    """

    def __init__(self, known: Mapping[str, Any]) -> None:
        self._known = known
        self._context: cel.Context | None = None
        self._longest: int | None = None

    def holds(self, when: str) -> bool:
        """Return whether the rule is true here.

        Raises:
            Undecided: an error, or a value that is no boolean.
        """
        if self._steps(when) > MOST_STEPS:
            raise Undecided(f"would take more than {MOST_STEPS:,} steps on lists this long")
        try:
            if self._context is None:
                self._context = cel.Context(variables={n: _told(v) for n, v in self._known.items()})
            verdict = _compiled(when).execute(self._context)
        except Exception as error:  # CEL raises many kinds; each of them means that nobody knows
            raise Undecided(f"could not be evaluated: {_first_line(error)}") from error
        if not isinstance(verdict, bool):
            raise Undecided(f"gave {quoted(verdict)}, not true or false")
        return verdict

    def _steps(self, when: str) -> int:
        """Return how often the rule's macros over lists could go round, one inside the other, at most."""
        rounds, written = _rounds(when)
        if rounds and self._longest is None:
            self._longest = _longest(self._known)
        return max(self._longest or 0, written) ** rounds if rounds else 0


def _longest(value: Any) -> int:
    """Return the length of the longest list or mapping in ``value``."""
    if isinstance(value, Mapping):
        return max([len(value), *map(_longest, value.values())])
    if isinstance(value, (list, tuple, set, frozenset)):
        return max([len(value), *map(_longest, value)])
    return 0


def find_misfit(when: str, types: Mapping[str, Any]) -> str | None:
    """Return why a rule cannot work on arguments of these ``types``, or None where nothing was found.

    Tried are a few values of each type and what the rule itself compares with. An argument whose type says nothing of
    its values (``Any``, a model) is not tried.
    """
    named = _arguments(when)
    for name in named:
        if name not in types:
            nearest = get_close_matches(name, types, 1)
            meant = f"did you mean args.{nearest[0]}?" if nearest else f"it takes {', '.join(types) or 'none'}"
            return f"there is no argument {name!r}; {meant}"
    samples = [tuple(samples_of(types[name], when)) for name in named]
    tried = [dict(zip(named, values, strict=True)) for values in islice(product(*samples), MOST_TRIALS)]
    misfits = [why for args in tried if (why := _wrong_type(when, args))]
    # Of a type with alternatives (`float | None`) a rule may be meant for one; any other type it has to fit throughout.
    may_fail = any(get_origin(types[name]) in _UNIONS for name in named) and len(misfits) < len(tried)
    return None if may_fail or not misfits else misfits[0]


def samples_of(declared: Any, when: str = "") -> Iterator[Any]:
    """Yield a few values of a declared type, with those that ``when`` names; none for a type that says too little."""
    origin, inner = get_origin(declared), get_args(declared)
    if origin is Annotated:
        yield from samples_of(inner[0], when)
    elif origin is Literal:
        yield from inner
    elif origin in _UNIONS:
        of_each = [tuple(samples_of(t, when)) for t in inner]
        yield from (value for values in of_each for value in values if all(of_each))
    elif origin in (list, tuple, set, frozenset, Sequence):
        yield from ([value] for value in samples_of(inner[0], when))
    elif isinstance(declared, type) and issubclass(declared, Enum):
        yield from (member.value for member in declared)
    elif declared in _SAMPLES:
        yield from _SAMPLES[declared]
        if declared is str:
            yield from (text[1:-1] for text in _TEXT.findall(when))
        if declared in (int, float):
            yield from (declared(float(number)) for number in _NUMBER.findall(_TEXT.sub("''", when)))


def _arguments(when: str) -> list[str]:
    """Return the arguments that a rule names, each once."""
    return list(dict.fromkeys(m[1] or m[2] for m in _outside_texts(_ARGUMENT, when)))


def _outside_texts(wanted: re.Pattern[str], when: str) -> Iterator[re.Match[str]]:
    """Yield what is found in a rule, but not where it is only spoken of in a text."""
    texts = [m.span() for m in _TEXT.finditer(when)]
    return (m for m in wanted.finditer(when) if not any(a < m.start() < b for a, b in texts))


def _wrong_type(when: str, args: Mapping[str, Any]) -> str | None:
    """Return why a rule does not fit the types of ``args``; None also where it fails only on their values."""
    try:
        Situation({"args": args, "agent": "a", "run": "r", "confidence": 0.5, "risk": 0.5, "now": _NOW}).holds(when)
    except Undecided as error:
        # Division by zero, an index, unreadable text: another value may do. A type is wrong for every value.
        cause = error.__cause__
        if cause is None or isinstance(cause, TypeError) or "Undefined variable" in str(cause):
            shown = ", ".join(f"{name} = {value!r}" for name, value in args.items())
            return f"with {shown} it {error}" if shown else f"it {error}"
    return None


def _told(value: Any) -> Any:
    """Return a value as rules see it."""
    match value:
        case datetime():
            return value if value.tzinfo is not None else value.isoformat()
        case date() | time():
            return value.isoformat()
        case UUID() | PurePath():
            return str(value)
        case set() | frozenset() | list() | tuple():
            return [_told(v) for v in value]
        case Mapping():
            return {k: _told(v) for k, v in value.items()}
    return value


@lru_cache(maxsize=1024)
def _rounds(when: str) -> tuple[int, int]:
    """Return how many macros a rule has, and how long a list or mapping it writes out itself may be, at most."""
    bare = _TEXT.sub("''", when)
    written = max((found.count(",") + 1 for found in _WRITTEN.findall(bare)), default=0)
    return len(_MACRO.findall(bare)), written


@lru_cache(maxsize=1024)
def _compiled(when: str) -> cel.Program:
    try:
        return cel.compile(when)
    except Exception as error:  # the library raises ValueError and its own kinds for syntax
        raise ValueError(f"{quoted(when)} is not valid CEL: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    line = next(iter(str(error).strip().splitlines()), type(error).__name__)
    if parsed := _SYNTAX.search(line):
        line = f"at character {parsed[1]}, {parsed[2].replace(_AT_END, 'something is missing')}"
    return plain(line.partition(". ")[0])[:300]  # what follows is advice, the same at length every time


_NOW = datetime(2026, 1, 1, tzinfo=UTC)
_UNIONS = (Union, UnionType)
_SAMPLES: Mapping[Any, tuple[Any, ...]] = {
    bool: (True, False),
    int: (0, 7),
    float: (0.0, 0.5),
    str: ("", "text"),
    bytes: (b"bytes",),
    Decimal: (Decimal("0.5"),),
    date: (date(2026, 1, 1),),
    datetime: (_NOW,),
    time: (time(12),),
    timedelta: (timedelta(hours=1),),
    UUID: (UUID(int=0),),
    type(None): (None,),
}
