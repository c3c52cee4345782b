"""A wrong value's one sentence, and what stands in for it while the rest is checked. Reading files is done in ``load.py``."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from mailgate.config.schema import Config

Location = tuple[int | str, ...]

PREFIX = "MAILGATE_"

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
    "tuple_type": "write a list, such as [\"alice\"]",
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
        return f"{start} is not a known key; {_advice(where)}"
    if kind == "value_error":
        said = error["msg"].removeprefix("Value error, ")
        return f"{start} {said}" if isinstance(error["input"], dict) else f"{start}: {said}"
    said = _SAID.get(kind, error["msg"][:1].lower() + error["msg"][1:]).format(**error.get("ctx", {}))
    return f"{start} = {_shown(where, error['input'])}: {said}"


def place(where: Location, *, table: bool = False) -> str:
    """Return a place as one finds it in the file: ``[smtp] port``, ``[people.alice]``, ``[[gates.x.rules]] #2 when``."""
    parts = [p if isinstance(p, int) or re.fullmatch(r"[A-Za-z0-9_\-]+", p) else f'"{p}"' for p in where]
    numbered = next((i for i, p in enumerate(parts) if isinstance(p, int)), None)
    if numbered is not None and (table or numbered < len(parts) - 1):
        rest = [f"[[{_dotted(parts[:numbered])}]] #{int(parts[numbered]) + 1}", _dotted(parts[numbered + 1 :])]
        return " ".join(filter(None, rest))
    if numbered is not None:
        return f"{place(where[:numbered])} #{int(parts[numbered]) + 1}"
    if table or len(parts) == 1:
        return f"[{_dotted(parts)}]"
    return f"[{_dotted(parts[:-1])}] {parts[-1]}"


def take_out(raw: dict[str, Any], error: ErrorDetails) -> bool:
    """Remove the wrong value from ``raw``, or put one there that stands in for it; False if it cannot be found.

    What others refer to gets a stand-in, so that one mistake does not look like several.
    """
    where = error["loc"]
    for length in range(len(where), 0, -1):
        container = _container(raw, where[:length])
        if container is None:
            continue
        key = where[length - 1]
        stand_in = None if error["type"] == "extra_forbidden" else _stand_in(where[:length], raw)
        if stand_in is not None and container.get(key) != stand_in:
            container[key] = stand_in
            return True
        if (key in container) if isinstance(container, dict) else isinstance(key, int) and key < len(container):
            del container[key]
            return True
    return False


def known_fields(where: Location) -> dict[str, FieldInfo]:
    """Return the keys that may stand at ``where``, by walking the models."""
    model: type[BaseModel] | None = Config
    for part in where:
        if isinstance(part, str) and model is not None and part in (named := _fields(model)):
            annotation = named[part].annotation
            model = _model_of(annotation)
    return _fields(model) if model is not None else {}
