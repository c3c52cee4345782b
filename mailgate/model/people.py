"""People who may be asked, and groups of them: names and addresses to persons. Nothing here judges a decision."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

# One plain ASCII addr-spec (RFC 5322 section 3.4.1, dot-atom form only): what an SMTP envelope takes everywhere.
_ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.\-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.\-]{0,251}[A-Za-z0-9])?")


def check_address(text: str) -> str:
    """Return ``text`` if it is one plain mail address, else raise ValueError."""
    if not _ADDRESS.fullmatch(text):
        raise ValueError(f"{text!r} is not a plain mail address such as alice@example.com")
    return text


def fold(address: str) -> str:
    """Return the form in which two spellings of one mailbox are equal: lower case, without a ``+tag``."""
    local, _, domain = address.strip().lower().rpartition("@")
    return f"{local.split('+', 1)[0]}@{domain}"


def _check_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"{name!r} is not a time zone such as Europe/London")
    return name


Address = Annotated[str, AfterValidator(check_address)]
Zone = Annotated[str, AfterValidator(_check_zone)]


class Person(BaseModel):
    """Somebody who may be asked, as configured under ``[people.ID]``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    address: Address
    aliases: tuple[Address, ...] = ()
    zone: Zone = "UTC"
    language: str = "en"
    roles: tuple[str, ...] = ("approver",)
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

    def expand(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return the ids behind ``names`` (``alice`` or ``group:finance``), each once, in order; unknown ones left out."""
        found: dict[str, None] = {}
        for name in names:
            members = self.groups.get(name.removeprefix("group:"), ()) if name.startswith("group:") else (name,)
            found.update(dict.fromkeys(m for m in members if m in self.people))
        return tuple(found)

    def unknown(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return those of ``names`` that stand for nobody."""
        return tuple(
            n
            for n in names
            if (n.removeprefix("group:") not in self.groups if n.startswith("group:") else n not in self.people)
        )

    def find_by_address(self, address: str) -> str | None:
        """Return the id of the person with ``address``, whatever its case or tag, or None."""
        folded = fold(address)
        return next((i for i, p in self.people.items() if folded in p.addresses), None)
