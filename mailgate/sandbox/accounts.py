"""Who has a mailbox at the sandbox, and whose mailbox an address leads to. Values only, no sockets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from mailgate.errors import ConfigError

# A dot-atom local part without a tag, and a domain: what one types into a mail client (RFC 5322 section 3.4.1).
_ADDRESS = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*@[a-z0-9-]+(?:\.[a-z0-9-]+)+")


def base_address(address: str) -> str:
    """Return ``address`` in lower case and without its ``+`` part (RFC 5233 calls it the detail)."""
    local, at, domain = address.lower().rpartition("@")
    return f"{local.split('+', 1)[0]}{at}{domain}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One mailbox, its owner's name and login. The user name of SMTP and IMAP is the address."""

    address: str
    name: str
    password: str
    is_person: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """Everybody at the site: the people in the given order, then the mailboxes of the gate."""

    by_address: Mapping[str, Account]
    gate_address: str
    archive_address: str

    @property
    def domain(self) -> str:
        """The domain of the site: that of the gate."""
        return self.gate_address.rpartition("@")[2]

    @property
    def authserv_id(self) -> str:
        """The name under which the site states what it checked (RFC 8601 section 2.5)."""
        return f"mx.{self.domain}"

    def find(self, address: str) -> Account | None:
        """Return the account that mail to ``address`` goes to, whatever its case and ``+`` part, or None."""
        return self.by_address.get(base_address(address))


def _account(address: str, name: str, *, is_person: bool) -> Account:
    # Fixed, so that a configuration written against one sandbox works with the next. Loopback only.
    password = f"{address.partition('@')[0]}-sandbox"
    return Account(address=address, name=name, password=password, is_person=is_person)


def accounts_for(people: Mapping[str, str], *, gate_address: str, archive_address: str) -> Accounts:
    """Return the accounts of a site with these ``people`` (address to name) and the two mailboxes of the gate.

    Raises:
        ConfigError: an address that is not a plain one, or two mailboxes at one address; every mistake at once.
    """
    wanted = [(a, name, True) for a, name in people.items()]
    wanted += [(gate_address, "Approvals", False), (archive_address, "Archive", False)]
    problems: list[str] = []
    found: dict[str, Account] = {}
    for spelled, name, is_person in wanted:
        address = spelled.lower()
        if not _ADDRESS.fullmatch(address):
            problems.append(
                f"{spelled!r} cannot be a mailbox of the sandbox: use a plain address like alice@sandbox.test."
            )
        elif not name.strip() or not name.isprintable():
            problems.append(f"{address} has the name {name!r}: give every person a name in one line.")
        elif address in found:
            problems.append(f"{address} is there twice: give every person and the gate an address of their own.")
        else:
            found[address] = _account(address, name, is_person=is_person)
    if problems:
        raise ConfigError(problems)
    return Accounts(by_address=found, gate_address=gate_address.lower(), archive_address=archive_address.lower())
