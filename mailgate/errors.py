"""The whole error tree. Every public error derives from :class:`MailgateError`.

::

    MailgateError
    ├── Stopped                      the call did not run; the agent has something to do
    │   ├── ApprovalPending          a person is being asked; end the process, a worker resumes it
    │   ├── AlreadyPending           another run of the same agent is asking for the same thing
    │   ├── RejectedBefore           a person rejected it; do not try it again
    │   ├── NotCleared               it ended without running: expired, cancelled, failed …
    │   └── ActionRefused            the policy has nobody who could approve it
    ├── InvalidArguments             the arguments do not fit the action's signature   (ValueError)
    ├── KeyConflict                  one key, two different sets of arguments           (ValueError)
    ├── OutsideSession               a gated function was called outside a session      (RuntimeError)
    ├── NotDone                      raised *by* an action: it had no effect
    ├── ConfigError                  every mistake of a configuration at once           (ValueError)
    ├── StoreUnavailable             the database cannot be used now; retry             (ConnectionError)
    ├── LeaseLost                    another process owns the role now                 (retryable)
    ├── LogBroken                    the evidence log is behind, torn, or another one; nothing goes on
    ├── IllegalTransition            no such row in the transition table
    ├── Forged                       a row or record that its rightful author did not write
    ├── TokenError                   a link or address token that proves nothing        (ValueError)
    ├── ComposeError                 a mail that would not say what it must
    ├── MailUnreadable               a mail outside our bounds; kept, quarantined       (ValueError)
    ├── MailServerError              the mail server cannot be used now; retry          (ConnectionError)
    │   └── MailRefused              the mail server said no, for good; do not retry
    ├── DnsUnavailable               a name cannot be looked up now; retry              (ConnectionError)
    └── ActionCrashed                an action raised; its effect is unknown

Each carries what its catcher can act on as attributes. ``retryable`` says whether the same call may succeed later,
``hint`` tells an operator what to do and never holds a secret, ``for_model`` is the sentence to hand to a language model.
"""

from __future__ import annotations

from collections.abc import Sequence


class MailgateError(Exception):
    """Base of all mailgate errors; the message is one sentence a person can act on."""

    retryable: bool = False

    def __init__(self, message: str, *, hint: str = "", for_model: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.for_model = for_model or message


class Stopped(MailgateError):
    """The action did not run. ``request_id`` names the request, if there is one; ``status`` is its state."""

    def __init__(self, message: str, *, request_id: str = "", status: str = "", for_model: str = "") -> None:
        super().__init__(message, for_model=for_model)
        self.request_id = request_id
        self.status = status


class ApprovalPending(Stopped):
    """State was stored and a person is being asked; the process may end, a worker goes on from the checkpoint."""


class AlreadyPending(Stopped):
    """Another run of the same agent has the same action open; ask again when that one is decided."""

    retryable = True


class RejectedBefore(Stopped):
    """A person rejected this very action; ``decided_by`` and ``reason`` say who and why."""

    def __init__(self, message: str, *, request_id: str, decided_by: str, reason: str, for_model: str) -> None:
        super().__init__(message, request_id=request_id, status="rejected", for_model=for_model)
        self.decided_by = decided_by
        self.reason = reason


class NotCleared(Stopped):
    """The stored request ended without a result; ``outcome`` is its final state. A new try needs a new ``key``."""

    def __init__(self, message: str, *, request_id: str, outcome: str, for_model: str = "") -> None:
        super().__init__(message, request_id=request_id, status=outcome, for_model=for_model)
        self.outcome = outcome


class ActionRefused(Stopped):
    """No gate is configured for the action and there is no ``default_approvers`` to ask."""


class InvalidArguments(MailgateError, ValueError):
    """The arguments do not fit; ``argument`` names the first one that does not, or is empty."""

    def __init__(self, message: str, *, argument: str = "") -> None:
        super().__init__(message)
        self.argument = argument


class KeyConflict(MailgateError, ValueError):
    """``key`` was used in this run for other arguments."""


class OutsideSession(MailgateError, RuntimeError):
    """A gated function was called outside ``with mg.session(...)``; nothing ran."""


class NotDone(MailgateError):
    """Raise this inside an action to say that it had no effect; anything else leaves the effect unknown."""


class ConfigError(MailgateError, ValueError):
    """The configuration cannot be used; ``problems`` lists every mistake, one sentence each."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class StoreUnavailable(MailgateError, ConnectionError):
    """The database is locked, gone or read-only; nothing ran and nothing was stored."""

    retryable = True


class LeaseLost(MailgateError):
    """Another process owns the role now; this one must stop writing for it."""

    retryable = True


class LogBroken(MailgateError):
    """The database's log is not the one that was guarded and signed; the keeper refuses to go on."""


class IllegalTransition(MailgateError):
    """The transition table has no row for ``state`` and ``trigger``."""

    def __init__(self, state: str, trigger: str) -> None:
        super().__init__(f"A request that is {state} cannot {trigger}.")
        self.state = state
        self.trigger = trigger


class Forged(MailgateError):
    """A row or record without the proof of its rightful author; ``table`` and ``row`` say which one."""

    def __init__(self, table: str, row: str, why: str) -> None:
        super().__init__(
            f"{table} {row}: {why}",
            hint="Somebody wrote to the database without the serve key, or the keys were changed. Nothing was executed.",
        )
        self.table = table
        self.row = row
        self.why = why


class TokenError(MailgateError, ValueError):
    """A link token that is unknown, forged, or of an earlier generation. The message never tells which."""


class ComposeError(MailgateError):
    """A mail that cannot be made from its template, or does not re-parse as what was meant.

    Where a template is to blame: ``subject`` is how the message names it; ``printed`` is what it prints and must not, each
    with its part of the mail (``txt`` or ``html``); ``missing`` is what it must print and does not, with the part.
    """

    def __init__(
        self,
        message: str,
        *,
        subject: str = "",
        printed: Sequence[tuple[str, str]] = (),
        missing: tuple[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.subject = subject
        self.printed = tuple(printed)
        self.missing = missing


class MailUnreadable(MailgateError, ValueError):
    """An incoming mail outside the bounds of what is read; its bytes are kept."""


class MailServerError(MailgateError, ConnectionError):
    """The mail server cannot be reached or asked to wait (4xx); try again later."""

    retryable = True


class MailRefused(MailServerError):
    """The mail server refused for good (5xx); ``code`` is its reply code (RFC 5321 section 4.2)."""

    retryable = False

    def __init__(self, message: str, *, code: int) -> None:
        super().__init__(message)
        self.code = code


class DnsUnavailable(MailgateError, ConnectionError):
    """A name could not be looked up: no answer in time, or a failing server. That is not the same as no such name."""

    retryable = True


class ActionCrashed(MailgateError):
    """An action raised ``original``; whether it had an effect is unknown (``effect``: "none" or "unknown")."""

    def __init__(self, message: str, *, effect: str) -> None:
        super().__init__(message)
        self.effect = effect
