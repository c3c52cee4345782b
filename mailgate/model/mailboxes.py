"""When two addresses are one mailbox, and who stands behind a name. Standard library only: the audit replays with it."""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Mapping


def fold(address: str) -> str:
    """Return the form in which two spellings of one mailbox are equal: lower case, without a ``+tag``."""
    local, _, domain = address.strip().lower().rpartition("@")
    name, tag, _ = local.partition("+")
    return f"{name if name or not tag else local}@{domain}"


def find_owner(address: str, owners: Iterable[tuple[str, Collection[str]]]) -> str | None:
    """Return the id of the person with ``address``, whatever its case or tag, or None.

    Args:
        owners: ids with all their addresses, folded.
    """
    folded = fold(address)
    return next((person for person, addresses in owners if folded in addresses), None)


def expand(names: Iterable[str], people: Container[str], groups: Mapping[str, Iterable[str]]) -> tuple[str, ...]:
    """Return the ids behind ``names`` (``alice`` or ``group:finance``), each once, in order; unknown ones left out."""
    found: dict[str, None] = {}
    for name in names:
        members = groups.get(name.removeprefix("group:"), ()) if name.startswith("group:") else (name,)
        found.update(dict.fromkeys(m for m in members if m in people))
    return tuple(found)
