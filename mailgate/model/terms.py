"""What a recorded policy and the recorded people say about who may approve. Standard library only.

The service reads both with pydantic, from the configuration. This reads the JSON that records hold, for the replay.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mailgate.model.levels import BY_CONFIRMATION, PROVEN, Level, meets
from mailgate.model.lifecycle import Stage
from mailgate.model.mailboxes import expand, find_owner, fold


@dataclass(frozen=True, slots=True, kw_only=True)
class Crowd:
    """The people and groups of one ``people`` record.

    Attributes:
        addresses: every address of each person, folded.
        shared: whose mailbox is read by several.
    """

    addresses: Mapping[str, frozenset[str]]
    groups: Mapping[str, tuple[str, ...]]
    shared: frozenset[str]

    def owner_of(self, address: str) -> str | None:
        """Return whose address it is."""
        return find_owner(address, self.addresses.items())


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a policy asks for before an action may run: who of each stage, who may be added, and how well proven."""

    stages: tuple[tuple[tuple[str, ...], int], ...]
    reserve: tuple[str, ...]
    veto: bool
    single_operator: bool
    named_people: bool
    reply_level: Level
    web_confirm: str
    proven_only: bool

    def stages_of(self, crowd: Crowd) -> list[Stage]:
        """Return the stages with the people who hold them."""
        named = [(expand(names, crowd.addresses, crowd.groups), quorum) for names, quorum in self.stages]
        return [Stage(people=tuple(p for p in who if self.is_one_person(p, crowd)), quorum=q) for who, q in named]

    def reserve_of(self, crowd: Crowd) -> tuple[str, ...]:
        """Return whom escalation may add."""
        return expand(self.reserve, crowd.addresses, crowd.groups)

    def is_one_person(self, person: str, crowd: Crowd) -> bool:
        """Return whether somebody counts as a person of his own."""
        return not (self.named_people and person in crowd.shared)

    def takes_yes(self, level: Level, channel: str) -> bool:
        """Return whether a yes that is proven so well counts."""
        if self.proven_only and level not in PROVEN:
            return False
        if channel == "reply":
            return meets(level, self.reply_level)
        return channel != "link" or meets(level, BY_CONFIRMATION.get(self.web_confirm, Level.LINK_FRESH_CODE))


def read_terms(policy: Mapping[str, Any]) -> Terms:
    """Return the terms of a recorded policy.

    Raises:
        ValueError: it is none.
    """
    try:
        stages = [(tuple(map(str, s["approvers"])), int(s["quorum"])) for s in policy["stages"]]
        approvers = tuple(map(str, policy["approvers"]))
        further = [str(name) for step in policy["escalate_further"] for name in step["ask"]]
        return Terms(
            stages=tuple(stages) or (((approvers, int(policy["quorum"])),) if approvers else ()),
            reserve=(*map(str, policy["escalate_to"]), *further),
            veto=policy["veto"] is True,
            single_operator=policy["single_operator"] is True,
            named_people=policy["named_people"] is True,
            reply_level=Level(policy["reply_level"]),
            web_confirm=str(policy["web_confirm"]),
            proven_only=policy["separation"] == "proven",
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("not a policy as records hold it") from error


def read_crowd(said: Mapping[str, Any]) -> Crowd:
    """Return the people and groups of a ``people`` record.

    Raises:
        ValueError: it is none.
    """
    try:
        people = said["people"]
        return Crowd(
            addresses={
                str(name): frozenset(fold(str(a)) for a in (p["address"], *p["aliases"])) for name, p in people.items()
            },
            groups={str(name): tuple(map(str, members)) for name, members in said["groups"].items()},
            shared=frozenset(str(name) for name, p in people.items() if p["group"]),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("not people as records hold them") from error
