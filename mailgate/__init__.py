"""mailgate: an e-mail based approval queue for AI agents. These are the public names, and nothing else is.

They are loaded when first used, so that a part of mailgate (its errors, its verifier) does not load all of it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mailgate.errors import (
        ActionRefused,
        AlreadyPending,
        ApprovalPending,
        ConfigError,
        InvalidArguments,
        KeyConflict,
        MailgateError,
        NotCleared,
        NotDone,
        OutsideSession,
        RejectedBefore,
        StoreUnavailable,
    )
    from mailgate.gate import Mailgate, Session, current_request
    from mailgate.model.confidence import Signals
    from mailgate.service.resume import Outcome
    from mailgate.service.submit import Ticket

__all__ = [
    "ActionRefused",
    "AlreadyPending",
    "ApprovalPending",
    "ConfigError",
    "InvalidArguments",
    "KeyConflict",
    "Mailgate",
    "MailgateError",
    "NotCleared",
    "NotDone",
    "Outcome",
    "OutsideSession",
    "RejectedBefore",
    "Session",
    "Signals",
    "StoreUnavailable",
    "Ticket",
    "current_request",
]

_HOMES = {
    "Mailgate": "gate",
    "Session": "gate",
    "current_request": "gate",
    "Signals": "model.confidence",
    "Outcome": "service.resume",
    "Ticket": "service.submit",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'mailgate' has no attribute {name!r}")
    return getattr(import_module(f"mailgate.{_HOMES.get(name, 'errors')}"), name)
