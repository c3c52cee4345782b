"""What a callable takes: validate arguments against its signature before anybody is asked about them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, get_type_hints

from pydantic import ConfigDict, PydanticUserError, TypeAdapter, ValidationError

from mailgate.errors import InvalidArguments
from mailgate.model.action import Action, make_action

_LOOSE = ConfigDict(arbitrary_types_allowed=True)


class Signature:
    """The parameters of one action's function, with their types and defaults.

    Args:
        name: the action's name, for the sentences.
        function: plain or ``async``; ``*args`` and positional-only parameters are refused, since arguments go by name.

    Raises:
        InvalidArguments: a function whose arguments cannot be passed by name.
    """

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self.name = name
        self.inspected = inspect.signature(function)
        try:
            hints = get_type_hints(function, include_extras=True)
        except NameError as error:
            raise InvalidArguments(f"The signature of {name} names a type that cannot be resolved: {error}.") from error
        self.types: dict[str, Any] = {}
        for parameter in self.inspected.parameters.values():
            if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                raise InvalidArguments(
                    f"{name} takes {parameter}: an action's arguments go by name, so give each a parameter of its own."
                )
            self.types[parameter.name] = hints.get(parameter.name, Any)
        self.declared = frozenset(n for n, t in self.types.items() if t is not Any)
        self._adapters = {n: _adapter(name, n, t) for n, t in self.types.items()}

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return positional and keyword arguments by name, as Python itself would bind them."""
        try:
            return dict(self.inspected.bind(*args, **kwargs).arguments)
        except TypeError as error:
            raise InvalidArguments(f"{self.name}: {error}.") from error

    def action(self, arguments: Mapping[str, Any]) -> Action:
        """Return the action of ``arguments``, defaults filled in, such that its bytes parse back to the same call.

        Raises:
            InvalidArguments: unknown, missing or unfitting arguments, all of them in one message.
        """
        action = make_action(self.name, self._dumped(self.validate(arguments)), declared=self.declared)
        again = make_action(self.name, self._dumped(self.validate(action.arguments)), declared=self.declared)
        if again.canonical != action.canonical:
            raise InvalidArguments(
                f"The arguments of {self.name} do not survive being stored: read back they are {again.arguments!r}. "
                "Use simpler types in its signature."
            )
        return action

    def validate(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return ``arguments`` as the types the signature declares, defaults filled in.

        Raises:
            InvalidArguments: as :meth:`action`.
        """
        problems, first, values = [], "", {}
        for name in arguments:
            if name not in self.types:
                problems.append(f"there is no argument {name!r} (it takes {', '.join(self.types) or 'none'})")
                first = first or str(name)
        for name, parameter in self.inspected.parameters.items():
            if name in arguments:
                try:
                    values[name] = self._fit(name, arguments[name])
                except InvalidArguments as error:
                    problems.append(error.message)
                    first = first or name
            elif parameter.default is not parameter.empty:
                values[name] = parameter.default
            else:
                problems.append(f"argument {name!r} is missing")
                first = first or name
        if problems:
            raise InvalidArguments(f"{self.name} cannot run: {'; '.join(problems)}.", argument=first)
        return values

    def _fit(self, name: str, value: Any) -> Any:
        try:
            fitted = self._adapters[name].validate_python(value)
        except ValidationError as error:
            what = "; ".join(_sentence(name, e["loc"], e["msg"]) for e in error.errors()[:3])
            raise InvalidArguments(what, argument=name) from error
        # pydantic reads bytes as text and rounds big integers to floats; a person must see what will run.
        if isinstance(value, bytes) and isinstance(fitted, str):
            raise InvalidArguments(f"argument {name!r} is bytes where text is declared", argument=name)
        if isinstance(value, int) and isinstance(fitted, float) and int(fitted) != value:
            raise InvalidArguments(
                f"argument {name!r} is an integer that a float would round; declare it as int", argument=name
            )
        return fitted

    def _dumped(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return {n: self._adapters[n].dump_python(v, mode="python", warnings=False) for n, v in values.items()}


def _adapter(action: str, name: str, declared: Any) -> TypeAdapter[Any]:
    for config in (_LOOSE, None):  # models and dataclasses bring a configuration of their own and refuse another
        try:
            return TypeAdapter(declared, config=config)
        except PydanticUserError as error:
            refusal = error
    raise InvalidArguments(
        f"Argument {name!r} of {action} has a type that cannot be checked: {declared!r}."
    ) from refusal


def _sentence(name: str, location: tuple[int | str, ...], message: str) -> str:
    where = name + "".join(f"[{p!r}]" for p in location)
    return f"argument {where!r}: {message[0].lower()}{message[1:]}"
