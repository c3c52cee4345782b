"""Mailgate, as a program uses it: what is declared once, and the lower layer for callers that execute themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ParamSpec, Self, TypeVar, overload

from mailgate.config import Config, find_config, load_config
from mailgate.errors import ConfigError, InvalidArguments
from mailgate.gate.actions import GatedAction
from mailgate.gate.session import Session
from mailgate.model.action import check_name, make_action
from mailgate.model.confidence import Signals, read_confidence
from mailgate.model.people import check_address
from mailgate.model.policy import Tier, find_misfits
from mailgate.runtime import make_worker, open_working
from mailgate.service.await_outcome import await_outcome
from mailgate.service.context import Working
from mailgate.service.execute import stored, told
from mailgate.service.inspect import cancel_request
from mailgate.service.resume import Outcome
from mailgate.service.snapshot import snapshot_of
from mailgate.service.submit import Call, Ticket, report_logged, submit
from mailgate.service.worker import WorkerRole

P = ParamSpec("P")
R = TypeVar("R")
Handler = Callable[[Outcome], Any]

MOST_REASONING = 100_000
MOST_NAME = 1_000
"""Characters of what an agent writes beside the arguments: its reason, and its own names for a call and an intent."""


class Mailgate:
    """The gate in front of an agent's actions. Make one with :meth:`load`, at import time; nothing is opened until used."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.actions: dict[str, GatedAction[Any, Any]] = {}
        self.handlers: dict[str, Handler] = {}
        self._working: Working | None = None

    @classmethod
    def load(cls, path: str | Path | None = None) -> Self:
        """Read the configuration: ``path``, else ``MAILGATE_CONFIG``, else ``./config.toml``. Needs no secret.

        Raises:
            ConfigError: with every mistake in it.
        """
        return cls(load_config(find_config(Path(path) if path is not None else None)))

    @property
    def working(self) -> Working:
        """The opened store and public key; opened when first used.

        Raises:
            StoreUnavailable, ConfigError: the database or ``log.vkey`` cannot be used.
        """
        if self._working is None:
            self._working = open_working(self.config)
        return self._working

    def close(self) -> None:
        """Close the database; it is opened again when used."""
        if self._working is not None:
            self._working.store.close()
            self._working = None

    @overload
    def action(self, function: Callable[P, R], /) -> GatedAction[P, R]: ...
    @overload
    def action(
        self, /, *, name: str | None = None, idempotent: bool = False
    ) -> Callable[[Callable[P, R]], GatedAction[P, R]]: ...
    def action(
        self, function: Callable[P, R] | None = None, /, *, name: str | None = None, idempotent: bool = False
    ) -> GatedAction[P, R] | Callable[[Callable[P, R]], GatedAction[P, R]]:
        """Put a function behind the gate of its name.

        Args:
            name: of the action and its gate; by default the function's.
            idempotent: may run again after its worker died (with the same :func:`current_request`).
        """

        def declare(function: Callable[P, R]) -> GatedAction[P, R]:
            action_name = name or function.__name__
            check_name(action_name)
            if action_name in self.actions:
                raise InvalidArguments(f"There are two actions named {action_name}; give one another name.")
            gated = GatedAction(action_name, function, idempotent=idempotent)
            self._check_rules(gated)
            self.actions[action_name] = gated
            return gated

        return declare if function is None else declare(function)

    def _check_rules(self, action: GatedAction[Any, Any]) -> None:
        """Refuse rules that cannot work on this action's arguments: each would send every action to a person."""
        gate = self.config.gates.get(action.name)
        misfits = find_misfits(gate, action.signature.types) if gate else ()
        if misfits:
            raise ConfigError([f"[gates.{action.name}] rules: {misfit}." for misfit in misfits])

    def continues(self, agent: str) -> Callable[[Handler], Handler]:
        """Declare how ``agent`` goes on once an outcome is there; called in the worker with an :class:`Outcome`."""

        def declare(handler: Handler) -> Handler:
            self.handlers[agent] = handler
            return handler

        return declare

    def session(
        self,
        *,
        agent: str,
        run: str,
        on_behalf_of: str | None = None,
        state: Any = None,
        state_version: str = "",
    ) -> Session:
        """Return a session: one stretch of one run of one agent.

        Args:
            run: the same for a run that is repeated; what makes the same call the same.
            on_behalf_of: the mail address of the person the agent acts for, who never approves.
            state: what the agent needs to go on: JSON-serialisable, or bytes, or ``(bytes, media type)``, or a callable
                that returns one of these and is called only when an action is held.
        """
        return Session(self, agent=agent, run=run, on_behalf_of=on_behalf_of, state=state, state_version=state_version)

    def submit(
        self,
        name: str,
        args: Mapping[str, Any],
        *,
        agent: str,
        run: str,
        on_behalf_of: str | None = None,
        state: Any = None,
        state_version: str = "",
        reasoning: str = "",
        confidence: float | Signals | None = None,
        key: str | None = None,
        intent: str | None = None,
    ) -> Ticket:
        """Submit an action and return its ticket; never raises :class:`ApprovalPending`, runs nothing.

        Raises:
            InvalidArguments, KeyConflict, RejectedBefore, AlreadyPending, ActionRefused, StoreUnavailable.
        """
        declared = self.actions.get(name)
        action = declared.signature.action(args) if declared else make_action(name, args)
        call = Call(
            action=action,
            values=declared.signature.declared_values(action) if declared else action.arguments,
            agent=_named("agent", agent),
            run=_named("run", run),
            on_behalf_of=_requester(on_behalf_of),
            snapshot=lambda: snapshot_of(state, state_version),
            reasoning=_text("reasoning", reasoning, MOST_REASONING) or "",
            confidence=read_confidence(confidence),
            key=_text("key", key, MOST_NAME),
            intent=_text("intent", intent, MOST_NAME),
            idempotent=declared.idempotent if declared else False,
        )
        return replace(submit(self.working, call), args=action.arguments)

    async def asubmit(self, name: str, args: Mapping[str, Any], **options: Any) -> Ticket:
        """As :meth:`submit`, without blocking the event loop."""
        return await asyncio.to_thread(self.submit, name, args, **options)

    def report(self, ticket: Ticket, *, result: Any = None, error: BaseException | None = None) -> None:
        """Report what came of an action that its ticket let run (tiers ``auto`` and ``log``); once.

        Raises:
            InvalidArguments: its ticket did not let it run, or it was reported before.
        """
        if not ticket.may_run:
            raise InvalidArguments(f"{ticket.action} was not to be run: its ticket says {ticket.status}.")
        if ticket.tier is Tier.LOG:
            report_logged(self.working, ticket, result=stored(result), error="" if error is None else told(error))

    async def areport(self, ticket: Ticket, *, result: Any = None, error: BaseException | None = None) -> None:
        """As :meth:`report`, without blocking the event loop."""
        await asyncio.to_thread(self.report, ticket, result=result, error=error)

    def cancel(self, request_id: str) -> None:
        """Cancel a pending request of an agent that no longer wants it.

        Raises:
            IllegalTransition: it is not pending any more.
        """
        cancel_request(self.working, request_id, by="the agent", exact=True)

    def worker(self, *, once: bool = False) -> WorkerRole:
        """Return the worker for the actions and agents declared here; what `mailgate worker` runs."""
        return make_worker(
            self.working, {n: a.known() for n, a in self.actions.items()}, dict(self.handlers), once=once
        )

    async def await_outcome(self, ticket: Ticket, *, timeout_seconds: float | None = None) -> Outcome:
        """Wait until a held request has ended, and return its outcome.

        Raises:
            ApprovalPending: it has not within ``timeout_seconds``.
        """
        return await asyncio.to_thread(await_outcome, self.working, ticket.request_id, timeout_seconds)


def _requester(address: str | None) -> str | None:
    """Return ``address`` if it is one plain address: a person who is not recognised could approve her own request."""
    try:
        return None if address is None else check_address(address)
    except (ValueError, TypeError) as error:
        raise InvalidArguments(
            f"on_behalf_of = {address!r}: give the plain mail address of the person the agent acts for, or None."
        ) from error


def _named(what: str, text: str) -> str:
    if not isinstance(text, str) or not text or len(text) > 200 or not text.isprintable():
        raise InvalidArguments(f"{what} = {text!r}: give it a printable name of 1 to 200 characters.")
    return text


def _text(what: str, text: str | None, most: int) -> str | None:
    """Return ``text`` if it can be stored and put before a person."""
    if text is None:
        return None
    if not isinstance(text, str) or len(text) > most or any(c == "\0" or "\ud800" <= c <= "\udfff" for c in text):
        raise InvalidArguments(
            f"{what}: give it text of at most {most:,} characters, without NUL and half characters.", argument=what
        )
    return text
