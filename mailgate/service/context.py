"""What each side has: the serving side its keys, the agents' side the public log key. Values only; wired in runtime.py."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mailgate.config import Config
from mailgate.model.evidence import LogSigner, LogVerifier
from mailgate.model.policy import Gate
from mailgate.store import Store
from mailgate.tokens import LinkKeys, ServeKey

if TYPE_CHECKING:  # the agents' side has no use for templates, and should not load their engine
    from mailgate.mail.templates import Templates
    from mailgate.service.guard import Guard


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """The serving side: everything that makes a decision possible.

    Attributes:
        signer: the log's newest key.
        earlier_signers: those before it, oldest first; one of them signs until the log itself has announced the newest.
        look_up: gives the TXT record of a DNS name (`mailgate.mail.dkim.LookUp`); None: signatures are not checked here.
    """

    config: Config
    store: Store
    key: ServeKey
    links: LinkKeys
    signer: LogSigner
    verifier: LogVerifier
    templates: Templates
    guard: Guard
    earlier_signers: tuple[LogSigner, ...] = ()
    look_up: Callable[[str], bytes | None] | None = None

    @property
    def proves_senders(self) -> bool:
        """Whether a reply can be proven to be from a person, by whatever way."""
        return self.look_up is not None or bool(self.config.imap.authserv_id)

    def gate(self, action: str) -> Gate | None:
        """Return the gate that rules ``action`` now; the default one where none is configured, None if nobody can be asked."""
        return gate_of(self.config, action)


@dataclass(frozen=True, slots=True, kw_only=True)
class Working:
    """The agents' side: it can ask, and can check what it is told; it cannot decide."""

    config: Config
    store: Store
    verifier: LogVerifier


def gate_of(config: Config, action: str) -> Gate | None:
    """Return the gate of ``action``; one that asks the default approvers where none is configured; None if there are none."""
    gate = config.gates.get(action)
    if gate is not None and (gate.asked() or not config.mailgate.default_approvers):
        return gate
    if not config.mailgate.default_approvers:
        return None
    return (gate or Gate()).model_copy(update={"approvers": config.mailgate.default_approvers})
