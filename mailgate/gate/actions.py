"""A function behind its gate, and the session that its calls go through."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, Generic, ParamSpec, Protocol, TypeVar, cast

from mailgate.errors import InvalidArguments, OutsideSession
from mailgate.model.signature import Signature
from mailgate.service.execute import Known, current_request_id

P = ParamSpec("P")
R = TypeVar("R")


class Through(Protocol):
    """What a gated function needs of a session."""

    def call(self, action: GatedAction[..., Any], args: Mapping[str, Any]) -> Any:
        """See :meth:`mailgate.gate.session.Session.call`."""

    async def acall(self, action: GatedAction[..., Any], args: Mapping[str, Any]) -> Any:
        """See :meth:`mailgate.gate.session.Session.acall`."""


current_session: ContextVar[Through | None] = ContextVar("mailgate_session", default=None)


class GatedAction(Generic[P, R]):
    """A function behind its gate: calling it inside a session asks the gate first.

    ``unguarded`` is the function itself, for tests.
    """

    def __init__(self, name: str, function: Callable[P, R], *, idempotent: bool) -> None:
        self.name = name
        self.unguarded = function
        self.idempotent = idempotent
        self.is_async = inspect.iscoroutinefunction(function)
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise InvalidArguments(
                f"{name} is a generator, which runs nothing when it is called; gate a plain function."
            )
        self.signature = Signature(name, function)
        if next(iter(self.signature.types), "") in ("self", "cls"):
            raise InvalidArguments(
                f"{name} is a method; gate a plain function, or a bound method once it has its object."
            )
        self.__doc__ = function.__doc__
        self.__name__ = name
        self.__wrapped__ = function

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Go through the gate of the current session.

        Raises:
            OutsideSession: there is no session; nothing ran.
        """
        session = current_session.get()
        if session is None:
            raise OutsideSession(f"{self.name} is gated: call it inside `with mg.session(...)`.")
        arguments = self.signature.bind(args, kwargs)
        return cast(R, session.acall(self, arguments) if self.is_async else session.call(self, arguments))

    def known(self) -> Known:
        """Return what a worker needs to run it."""
        return Known(signature=self.signature, function=self.unguarded, idempotent=self.idempotent)


def current_request() -> str | None:
    """Return the id of the request whose action is running here, else None; an idempotency key for other services."""
    return current_request_id.get()
