"""What a callable takes: validate arguments against its signature before anybody is asked about them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
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
        InvalidArguments: a function whose arguments cannot be passed by name, or whose types or defaults make no sense.
    """

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self.name = name
        try:
            self.inspected = inspect.signature(function)
            hints = _hints(function)
        except Exception as error:  # annotations are code, and raise whatever code raises
            raise InvalidArguments(f"The signature of {name} cannot be read: {_one_line(str(error))}.") from error
        self.types: dict[str, Any] = {}
        for parameter in self.inspected.parameters.values():
            if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                raise InvalidArguments(
                    f"{name} takes {parameter}: an action's arguments go by name, so give each a parameter of its own."
                )
            declared = hints.get(parameter.name, Any)
            # `note: str = None` is what people write for an optional argument, and what Python would pass.
            optional = parameter.default is None and declared is not Any
            self.types[parameter.name] = declared | None if optional else declared
        self.declared = frozenset(n for n, t in self.types.items() if t is not Any)
        self._adapters = {n: _adapter(name, n, t) for n, t in self.types.items()}
        self._check_defaults()

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
        values = self.validate(arguments)
        action = make_action(self.name, self._dumped(values), declared=self.declared)
        for name in self._changed(values, action):
            raise InvalidArguments(
                f"Argument {name!r} of {self.name} does not come back from storing as it was, so that something else "
                "than was asked about would run; pass a simpler value, or declare its type in the signature.",
                argument=name,
            )
        return action

    def declared_values(self, action: Action) -> dict[str, Any]:
        """Return what ``action`` stores as values of the declared types, for rules: a whole float is a float again.

        Raises:
            InvalidArguments: as :meth:`action`.
        """
        return self._dumped(self.validate(action.arguments))

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
            try:
                if name not in arguments and parameter.default is parameter.empty:
                    raise InvalidArguments(f"argument {name!r} is missing")
                values[name] = self._fit(name, arguments.get(name, parameter.default))
            except InvalidArguments as error:
                problems.append(error.message)
                first = first or name
        if problems:
            raise InvalidArguments(f"{self.name} cannot run: {'; '.join(problems)}.", argument=first)
        return values

    def _fit(self, name: str, value: Any) -> Any:
        try:
            fitted = self._adapters[name].validate_python(value)
            dumped = self._dump(name, fitted)
        except ValidationError as error:
            found = error.errors(include_url=False, include_context=False)
            what = [f"argument {_place(name, e['loc'], value)!r}: {_said(e['msg'])}" for e in found[:3]]
            raise InvalidArguments("; ".join(dict.fromkeys(what)), argument=name) from error
        except (PydanticUserError, ValueError, TypeError, OverflowError) as error:
            raise InvalidArguments(f"argument {name!r} cannot be checked: {_one_line(str(error))}") from error
        if lost := _lost(value, dumped):
            raise InvalidArguments(f"argument {name!r} {lost}", argument=name)
        return fitted

    def _changed(self, values: Mapping[str, Any], action: Action) -> Iterator[str]:
        """Yield the arguments that a worker would read from ``action`` as other ones: storing can drop or rename fields."""
        for name, stored in action.arguments.items():
            try:
                again = self._fit(name, stored)
                twice = make_action(self.name, self._dumped({**values, name: again}), declared=self.declared)
            except InvalidArguments:
                yield name
            else:
                if twice != action or not again == values[name]:  # noqa: SIM201, `!=` may be its own method
                    yield name

    def _check_defaults(self) -> None:
        for name, parameter in self.inspected.parameters.items():
            if parameter.default is not parameter.empty:
                try:
                    self._fit(name, parameter.default)
                except InvalidArguments as error:
                    raise InvalidArguments(
                        f"The default of {self.name}'s argument {name!r} does not fit its type: {error.message}.",
                        argument=name,
                    ) from error

    def _dumped(self, values: Mapping[str, Any]) -> dict[str, Any]:
        return {n: self._dump(n, v) for n, v in values.items()}

    def _dump(self, name: str, value: Any) -> Any:
        # By alias and without computed fields: as it has to be given again.
        return self._adapters[name].dump_python(value, mode="python", by_alias=True, round_trip=True, warnings=False)


def _hints(function: Any) -> dict[str, Any]:
    while isinstance(function, functools.partial):
        function = function.func
    if isinstance(function, type):
        function = function.__init__  # type: ignore[misc]
    elif not inspect.isroutine(function):
        function = type(function).__call__
    return get_type_hints(function, include_extras=True)


def _adapter(action: str, name: str, declared: Any) -> TypeAdapter[Any]:
    refusal: Exception | None = None
    for config in (_LOOSE, None):  # models and dataclasses bring a configuration of their own and refuse another
        try:
            return TypeAdapter(declared, config=config)
        except Exception as error:  # pydantic's own kinds, and what a type's own hooks raise
            refusal = error
    raise InvalidArguments(
        f"Argument {name!r} of {action} has a type that cannot be checked: {_one_line(str(refusal))}."
    ) from refusal


def _lost(given: Any, fitted: Any) -> str:
    """Say what pydantic changed that a person could not see, at any depth; empty where nothing.

    It reads bytes as text, and rounds long integers to floats.
    """
    match given, fitted:
        case bytes() | bytearray(), str():
            return "is bytes where text is declared"
        case int(), float() if fitted != given:
            return "is an integer that a float would round; declare it as int"
        case Mapping(), Mapping():
            pairs = [(v, fitted[k]) for k, v in given.items() if k in fitted]
        case (list() | tuple(), list() | tuple()):
            pairs = list(zip(given, fitted, strict=False))
        case (list() | tuple() | set() | frozenset(), set() | frozenset()):
            pairs = [(g, f) for g in given if g not in fitted for f in fitted]
        case _:
            return ""
    return next(filter(None, (_lost(g, f) for g, f in pairs)), "")


def _place(name: str, location: tuple[int | str, ...], given: Any) -> str:
    """Return where in ``given`` something is wrong, without pydantic's names for the members of a union."""
    where = name
    for index, part in enumerate(location):
        try:
            given = given[part]
        except (TypeError, LookupError):
            if not isinstance(given, Mapping) or index < len(location) - 1:
                continue  # else a missing key, which is a place too
        where += f"[{part}]" if isinstance(part, int) else f".{part}"
    return where


def _said(message: str) -> str:
    message = _one_line(message).removeprefix("Value error, ").removeprefix("Assertion failed, ").rstrip(".")
    return message[:1].lower() + message[1:]


def _one_line(message: str) -> str:
    """Return the first line of a library's message, which may go on with links and drawings."""
    return next(iter(message.strip().splitlines()), "unknown").rstrip(".")
