"""Who has a mailbox at a site: named users, fresh users made up by a test, and one address that only looks like one."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

FRESH = "fresh-"
"""Every local part that begins so has an empty mailbox at each local domain."""

GONE = "gone"
"""This local part is accepted at each local domain, but has no mailbox: a bounce follows."""

FRESH_PASSWORD = "fresh-pw"


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounts:
    """The users of one site, address → password; the first one's domain names the mail server.

    ``delimiter`` begins a detail that the site passes over in an address; with none there are no such addresses.
    ``catch_all`` names the user who gets whatever is sent to a domain and is nobody's.
    """

    users: Mapping[str, str]
    delimiter: str = "+"
    catch_all: Mapping[str, str] = field(default_factory=dict)
    domains: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "domains", tuple(dict.fromkeys(user.partition("@")[2] for user in self.users)))

    def password(self, address: str) -> str:
        """Return the password of a user.

        Raises:
            KeyError: nobody here has this address.
        """
        local, _, domain = address.partition("@")
        if local.startswith(FRESH) and domain in self.domains:
            return FRESH_PASSWORD
        return self.users[address]

    def write(self, folder: Path) -> None:
        """Write the files by which the servers know the users.

        ``passwords`` is Dovecot's. ``users`` (texthash) and ``patterns`` (regexp_table(5)) lead Postfix from an address
        to the login that owns it, as ``catchall`` does for whole domains.
        """
        known = "".join(f"{address} {address}\n" for address in self.users)
        gone = "".join(f"{GONE}@{domain} {GONE}@{domain}\n" for domain in self.domains)
        (folder / "passwords").write_text("".join(f"{user}:{{PLAIN}}{word}\n" for user, word in self.users.items()))
        (folder / "users").write_text(known + gone)
        any_domain = "|".join(re.escape(domain) for domain in self.domains)
        detail = rf"(\{self.delimiter}[^@]*)?" if self.delimiter else "()"
        (folder / "patterns").write_text(rf"/^({FRESH}[^+@]+){detail}@({any_domain})$/ ${{1}}@${{3}}" + "\n")
        caught = {f"@{domain}": user for domain, user in self.catch_all.items()}
        itself = {user: user for user in self.users if user.partition("@")[2] in self.catch_all}
        (folder / "catchall").write_text("".join(f"{at} {user}\n" for at, user in (itself | caught).items()))


def new_local_part(name: str) -> str:
    """Make up a fresh user's local part that nobody has used."""
    return f"{FRESH}{name}-{secrets.token_hex(4)}"
