"""An action: a name, its arguments, their one canonical byte string and its digest.

What is shown in the mail, what the decision names, what is executed: all three come from these bytes.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mailgate.errors import InvalidArguments
from mailgate.model.canonical import NotCanonical, canonical_bytes, escape_key, from_plain, to_plain

DIGEST_DOMAIN = b"mailgate action v1\n"
"""Set before the hashed bytes, so that no digest of anything else can be one of an action."""

MAX_BYTES = 1_000_000
"""A larger action cannot be read by a person; it is refused before anybody is asked."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.\-]{0,63}")


@dataclass(frozen=True, kw_only=True)
class Action:
    """A named operation with arguments.

    Attributes:
        name: ASCII, letters, digits, ``_ . -``, at most 64 characters: it is printed in mail headers.
        canonical: RFC 8785 bytes of ``{"action": name, "arguments": {...}}``, tagged as ``model/canonical.py`` says.
    """

    name: str
    canonical: bytes

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 over a domain line and the canonical bytes; 32 bytes."""
        return hashlib.sha256(DIGEST_DOMAIN + self.canonical).digest()

    @property
    def arguments(self) -> dict[str, Any]:
        """The arguments, parsed back from the canonical bytes; anew each time, so that no reader changes another's."""
        parsed: dict[str, Any] = from_plain(json.loads(self.canonical)["arguments"])
        return parsed


def make_action(name: str, arguments: Mapping[str, Any], *, declared: Collection[str] = ()) -> Action:
    """Return the action of ``name`` with ``arguments``.

    Args:
        declared: the arguments whose types a signature declares; only these may hold what JSON cannot (bytes,
            integers beyond 2^53, decimals, dates).

    Raises:
        InvalidArguments: a value that cannot be written unambiguously; the sentence names it.
    """
    check_name(name)
    plain = {}
    for key, value in arguments.items():
        if not isinstance(key, str) or not key.isprintable():
            raise InvalidArguments(f"The arguments of {name} go by name, and {key!a} is not one.")
        try:
            plain[escape_key(key)] = to_plain(value, tagged=key in declared)
        except NotCanonical as error:
            where = f"{key}{'.' if error.path and error.path[0] not in '[{' else ''}{error.path}"
            raise InvalidArguments(f"Argument {where} of {name} {error.why}.", argument=key) from error
    try:
        canonical = canonical_bytes({"action": name, "arguments": plain})
    except NotCanonical as error:
        raise InvalidArguments(f"The arguments of {name} {error.why}.") from error
    if len(canonical) > MAX_BYTES:
        raise InvalidArguments(
            f"The arguments of {name} take {len(canonical):,} bytes; at most {MAX_BYTES:,} can be put before a person."
        )
    return Action(name=name, canonical=canonical)


def read_action(canonical: bytes) -> Action:
    """Return the action of stored canonical bytes.

    Raises:
        InvalidArguments: bytes that are not the canonical form of an action.
    """
    try:
        parsed = json.loads(canonical)
        name = parsed["action"]
        intact = canonical_bytes(parsed) == canonical and parsed.keys() == {"action", "arguments"}
        intact = intact and isinstance(from_plain(parsed["arguments"]), dict)
        check_name(name)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise InvalidArguments("The stored action cannot be read; its bytes were changed.") from error
    if not intact:
        raise InvalidArguments("The stored action is not in canonical form; its bytes were changed.")
    return Action(name=name, canonical=canonical)


def check_name(name: str) -> None:
    """Raise InvalidArguments unless ``name`` may be an action's name."""
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InvalidArguments(
            f"{name!r} cannot be an action's name: use letters, digits, '_', '.', '-', at most 64, beginning with a letter."
        )
