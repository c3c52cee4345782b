"""People who may be asked, and groups of them: names and addresses to persons. Nothing here judges a decision."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict

from mailgate.model.mailboxes import expand, find_owner, fold
from mailgate.model.quoting import quoted

__all__ = ["Address", "Directory", "Person", "check_address", "fold"]

# One plain ASCII addr-spec (RFC 5322 section 3.4.1, dot-atom form only): what an SMTP envelope takes everywhere.
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9\-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"(?=[^@]{{1,64}}@){_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*")
_LONGEST = 254  # RFC 5321 section 4.5.3.1.3, without the angle brackets


def check_address(text: str) -> str:
    """Return ``text`` if it is one plain mail address, else raise ValueError."""
    if len(text) > _LONGEST or not _ADDRESS.fullmatch(text):
        raise ValueError(f"{quoted(text)} is not a plain mail address such as alice@example.com")
    return text


_zones = functools.cache(available_timezones)  # it reads folders: 9 ms, for every person


def _check_zone(name: str) -> str:
    if name not in _zones():
        raise ValueError(f"{quoted(name)} is not a time zone such as Europe/London")
    return name


def _check_name(name: str) -> str:
    if not name.strip() or not name.isprintable():
        raise ValueError(f"{quoted(name)} is not a name that can be printed on one line")
    return name


Address = Annotated[str, AfterValidator(check_address)]
Zone = Annotated[str, AfterValidator(_check_zone)]


class Person(BaseModel):
    """Somebody who may be asked, as configured under ``[people.ID]``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, AfterValidator(_check_name)]
    address: Address
    aliases: tuple[Address, ...] = ()
    zone: Zone = "UTC"
    language: str = "en"
    roles: tuple[Literal["approver", "operator", "auditor"], ...] = ("approver",)
    group: bool = False

    @property
    def addresses(self) -> frozenset[str]:
        """Every address of this person, folded."""
        return frozenset(fold(a) for a in (self.address, *self.aliases))

    @property
    def clock(self) -> ZoneInfo:
        """The person's time zone."""
        return ZoneInfo(self.zone)


class Directory(BaseModel):
    """Everybody, by id, and the groups they are in."""

    model_config = ConfigDict(frozen=True)

    people: Mapping[str, Person] = {}
    groups: Mapping[str, tuple[str, ...]] = {}

    def document(self) -> dict[str, Any]:
        """Return, as plain JSON, what decides who may approve: names, addresses, roles, groups."""
        keys = {"name", "address", "aliases", "roles", "group"}
        return {
            "people": {i: p.model_dump(mode="json", include=keys) for i, p in self.people.items()},
            "groups": {name: list(members) for name, members in self.groups.items()},
        }

    def expand(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return the ids behind ``names`` (``alice`` or ``group:finance``), each once, in order; unknown ones left out."""
        return expand(names, self.people, self.groups)

    def unknown(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return those of ``names`` that stand for nobody."""
        return tuple(
            n
            for n in names
            if (n.removeprefix("group:") not in self.groups if n.startswith("group:") else n not in self.people)
        )

    def find_by_address(self, address: str) -> str | None:
        """Return the id of the person with ``address``, whatever its case or tag, or None."""
        return find_owner(address, ((i, p.addresses) for i, p in self.people.items()))
