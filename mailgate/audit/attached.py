"""What a mail's evidence attachment holds, read strictly: one spelling, no name twice. Standard library only."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mailgate.model.stamps import Stamp

NAME = "mailgate-evidence.json"

MOST = 10_000
"""Entries of one list that are read: no batch of the keeper has a hundredth of it, and a seal a day's leaves has more."""

MOST_LEAVES = 2_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A record with its proof; ``record`` is None where it was erased, and its ``leaf`` stands in its place."""

    record: bytes | None
    leaf: bytes | None
    proof: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A person's reply, byte for byte, and the DNS records that its signature was checked with."""

    raw: bytes
    dns: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentState:
    """What an agent stored with its request, where the archive carries that."""

    media_type: str
    version: str
    raw: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamped:
    """A mail's stamp as the attachment has it; ``leaves`` are the hashes of the records that the mail was sent with."""

    sender: str
    recipient: str
    subject: str
    date: str
    shown: str
    leaves: tuple[bytes, ...]
    signature: bytes

    def stamp(self, log: str) -> Stamp:
        """Return what a log's key signed."""
        return Stamp(
            log=log,
            leaves=self.leaves,
            sender=self.sender,
            recipient=self.recipient,
            subject=self.subject,
            date=self.date,
            shown=self.shown,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One attachment.

    Attributes:
        entries: the records that this mail carries.
        thread: earlier records of its request.
        inbound: replies, in the mail that ends a request.
        leaves: of a seal.
        log_tier: of a digest: the exact lines of what it shows.
        state: of a request.
        stamp: None where it was taken out.
    """

    entries: tuple[Entry, ...]
    thread: tuple[bytes, ...]
    inbound: tuple[Kept, ...]
    leaves: tuple[bytes, ...] | None
    stamp: Stamped | None
    log_tier: bytes | None = None
    state: AgentState | None = None


def read_evidence(content: bytes) -> Evidence:
    """Return what an attachment holds.

    Raises:
        ValueError: anything but our own form; the message is a sentence.
    """
    try:
        said = json.loads(content, object_pairs_hook=_once)
        leaves = said.get("leaves")
        return Evidence(
            entries=tuple(_entry(entry) for entry in _list(said["records"], MOST)),
            thread=tuple(_unb64(text) for text in _list(said["thread"], MOST)),
            inbound=tuple(_kept(kept) for kept in _list(said.get("inbound", []), MOST)),
            leaves=None if leaves is None else tuple(map(_leaf, _list(leaves, MOST_LEAVES))),
            stamp=_stamp(said["stamp"]) if "stamp" in said else None,
            log_tier=_unb64(said["log_tier"]) if "log_tier" in said else None,
            state=_state(said["checkpoint"]) if "checkpoint" in said else None,
        )
    except _TwiceError:
        raise ValueError("its evidence gives one name twice, so that two readers may see two things") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError("its evidence cannot be read") from error


class _TwiceError(Exception):
    """A JSON object with one name twice."""


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _TwiceError
    return found


def _list(value: Any, most: int) -> list[Any]:
    if not isinstance(value, list) or len(value) > most:
        raise ValueError("not a list, or too long a one")
    return value


def _entry(said: Any) -> Entry:
    record = said.get("record")
    leaf = said.get("leaf")
    if (record is None) == (leaf is None) or not isinstance(said["proof"], str):
        raise ValueError("not a record with its proof")
    return Entry(
        record=None if record is None else _unb64(record),
        leaf=None if leaf is None else _leaf(leaf),
        proof=said["proof"],
    )


def _kept(said: Any) -> Kept:
    dns = said["dns"]
    if not all(isinstance(name, str) and isinstance(text, str) for name, text in dns.items()):
        raise ValueError("not DNS records")
    return Kept(raw=_unb64(said["raw"]), dns=dns)


def _state(said: Any) -> AgentState:
    if not all(isinstance(said[name], str) for name in ("media_type", "version")):
        raise ValueError("not an agent's state")
    return AgentState(media_type=said["media_type"], version=said["version"], raw=_unb64(said["b64"]))


def _stamp(said: Any) -> Stamped:
    texts = {name: said[name] for name in ("sender", "recipient", "subject", "date", "shown")}
    if not all(isinstance(text, str) for text in texts.values()):
        raise ValueError("not a stamp")
    return Stamped(
        **texts,
        leaves=tuple(map(_leaf, _list(said["leaves"], MOST))),
        signature=_unb64(said["signature"]),
    )


def _leaf(text: Any) -> bytes:
    value = bytes.fromhex(text)
    if len(value) != 32 or value.hex() != text:
        raise ValueError("not a hash in its one form")
    return value


def _unb64(text: Any) -> bytes:
    value = base64.b64decode(text, validate=True)
    if base64.b64encode(value).decode() != text:
        raise ValueError("not base64 in its one form")
    return value
