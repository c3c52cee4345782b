"""A wrong value's one sentence, and what stands in for it while the rest is checked. Reading files is done in ``load.py``."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from mailgate.config.schema import Config

Location = tuple[int | str, ...]

PREFIX = "MAILGATE_"

_LONGEST_SHOWN = 60
"""Characters of a wrong value that a sentence repeats."""

_SAID = {
    "string_type": "write text in quotes",
    "int_type": "write a whole number",
    "int_parsing": "write a whole number",
    "int_parsing_size": "write a smaller number",
    "int_from_float": "write a whole number",
    "float_type": "write a number",
    "float_parsing": "write a number",
    "finite_number": "write a number",
    "bool_type": "write true or false",
    "bool_parsing": "write true or false",
    "tuple_type": 'write a list, such as ["alice"]',
    "dict_type": "write a table of keys and values",
    "model_type": "write a table of keys and values",
    "model_attributes_type": "write a table of keys and values",
    "too_short": "name at least one",
    "greater_than_equal": "it must be at least {ge}",
    "less_than_equal": "it must be at most {le}",
    "literal_error": "use {expected}",
    "enum": "use {expected}",
    "string_pattern_mismatch": "use 1 to 32 lower-case letters, digits, '.' and '-', not beginning with '.' or '-'",
}
"""pydantic's kinds of errors (2.7 and later) in words for somebody who edits a file."""


def sentence(error: ErrorDetails, *, file: str, given: Mapping[str, Any]) -> str:
    """Return what is wrong, where, and what to do, without a final stop.

    Args:
        file: the configuration file's name.
        given: what came from the environment, nested as in the file; such a value is named by its variable.
    """
    where, kind = error["loc"], error["type"]
    if kind == "missing":
        return f"{file}: {place(where)} is missing; add it"
    variable = _variable(where, given)
    start = variable or f"{file}: {place(where, table=isinstance(error['input'], dict))}"
    if kind == "extra_forbidden":
        if len(where) == 1 and not isinstance(error["input"], dict):
            start = f"{file}: {where[0]}"
        return f"{start} is not a known key; {_advice(where)}"
    if kind == "value_error":
        said = error["msg"].removeprefix("Value error, ")
        return f"{start} {said}" if isinstance(error["input"], dict) else f"{start}: {said}"
    said = _SAID.get(kind, error["msg"][:1].lower() + error["msg"][1:]).format(**error.get("ctx", {}))
    return f"{start} = {_shown(where, error['input'])}: {said}"


def place(where: Location, *, table: bool = False) -> str:
    """Return a place as one finds it in the file: ``[smtp] port``, ``[people.alice]``, ``[[gates.x.rules]] #2 when``."""
    parts = [p if isinstance(p, int) or re.fullmatch(r"[A-Za-z0-9_\-]+", p) else f'"{p}"' for p in map(_cut, where)]
    numbered = next((i for i, p in enumerate(parts) if isinstance(p, int)), None)
    if numbered is not None and (table or numbered < len(parts) - 1 or known_fields(where)):
        rest = [f"[[{_dotted(parts[:numbered])}]] #{int(parts[numbered]) + 1}", _dotted(parts[numbered + 1 :])]
        return " ".join(filter(None, rest))
    if numbered is not None:
        return f"{place(where[:numbered])} #{int(parts[numbered]) + 1}"
    if table or len(parts) == 1:
        return f"[{_dotted(parts)}]"
    return f"[{_dotted(parts[:-1])}] {parts[-1]}"


def take_out(raw: dict[str, Any], error: ErrorDetails) -> bool:
    """Remove the wrong value from ``raw``, or put a stand-in there; False if it cannot be found.

    What is required, or what others refer to, gets a stand-in, so that one mistake does not look like several.
    """
    for length in range(len(error["loc"]), 0, -1):
        where = error["loc"][:length]
        container, key = _container(raw, where), where[-1]
        stand_in = None if error["type"] == "extra_forbidden" else _stand_in(where, raw)
        if isinstance(container, dict) and stand_in is not None and container.get(key) != stand_in:
            container[key] = stand_in
            return True
        there = key in container if isinstance(container, dict) else _has_item(container, key)
        if there and not (error["type"] != "extra_forbidden" and _is_required(where)):
            del container[key]
            return True
    return False


def truths(raw: Any, where: Location = ()) -> Iterator[ErrorDetails]:
    """Yield a mistake for each true or false where a number belongs: pydantic takes them for 1 and 0."""
    if isinstance(raw, bool):
        if (annotation := _annotation(where)) in (int, float):
            yield ErrorDetails(type=f"{annotation.__name__}_type", loc=where, msg="", input=raw)
    elif isinstance(raw, dict):
        for key, value in raw.items():
            yield from truths(value, (*where, key))
    elif isinstance(raw, list):
        for index, value in enumerate(raw):
            yield from truths(value, (*where, index))


def known_fields(where: Location) -> dict[str, FieldInfo]:
    """Return the keys that may stand in the table at ``where``."""
    model = _annotation(where)
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return {}
    return {str(f.validation_alias or n): f for n, f in model.model_fields.items() if n != "folder"}


def _inside(annotation: Any, part: int | str) -> Any:
    if get_origin(annotation) is dict:
        return get_args(annotation)[1]
    if get_origin(annotation) is tuple:
        return get_args(annotation)[0]
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        named = {str(f.validation_alias or n): f.annotation for n, f in annotation.model_fields.items()}
        return named.get(str(part))
    return None


def _is_required(where: Location) -> bool:
    field = known_fields(where[:-1]).get(str(where[-1]))
    return field is not None and field.is_required()


def _advice(where: Location) -> str:
    known = sorted(known_fields(where[:-1]))
    near = difflib.get_close_matches(str(where[-1]).lower(), known, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]!r}?"
    return f"{'known here' if where[1:] else 'sections'} are {', '.join(known)}"


def _variable(where: Location, given: Any) -> str:
    """Return the name of the variable that set the value at ``where``, or nothing where the file did."""
    for index, part in enumerate(where):
        if not isinstance(given, dict):
            where = where[:index]
            break
        if part not in given:
            return ""
        given = given[part]
    return "" if isinstance(given, dict) else PREFIX + "__".join(str(p) for p in where).upper()


def _annotation(where: Location) -> Any:
    """Return the declared type of the value at ``where``; None for a place that is not declared."""
    annotation: Any = Config
    for part in where:
        annotation = _inside(annotation, part)
    return annotation


def _shown(where: Location, value: Any) -> str:
    if _annotation(where) is SecretStr:
        return "(not shown)"
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def _cut(part: int | str) -> int | str:
    return part if isinstance(part, int) or len(part) <= _LONGEST_SHOWN else f"{part[:_LONGEST_SHOWN]}…"


def _dotted(parts: Sequence[int | str]) -> str:
    return ".".join(str(p) for p in parts)


def _container(raw: Any, where: Location) -> Any:
    """Return what holds the value at ``where``: a dict, a list, or None."""
    for part in where[:-1]:
        if not (part in raw if isinstance(raw, dict) else _has_item(raw, part)):
            return None
        raw = raw[part]
    return raw if isinstance(raw, (dict, list)) else None


def _has_item(raw: Any, part: int | str) -> bool:
    return isinstance(raw, list) and isinstance(part, int) and part < len(raw)


def _stand_in(where: Location, raw: Mapping[str, Any]) -> Any:
    people = list(raw["people"]) if isinstance(raw.get("people"), dict) else []
    match where:
        case ("people", str(person)):
            return {"name": "?", "address": _address(people, person)}
        case ("people", str(person), "address"):
            return _address(people, person)
        case ("people", _, "name"):
            return "?"
        case ("groups", _) | ("gates", _, "approvers") | ("gates", _, "stages", _, "approvers"):
            return people or None
        case ("gates", _, "rules", _, "when"):
            return "false"
        case ("gates", _, "rules", _, "tier"):
            return "require_approval"
    return None


def _address(people: list[str], person: str) -> str:
    # Each its own: two people with mistakes must not look like one address used twice.
    return f"missing-{people.index(person) if person in people else len(people)}@example.invalid"
