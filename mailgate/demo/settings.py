"""A configuration for the sandbox: written once into a folder, so that agents, workers and people can come and go."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mailgate.sandbox import Sandbox

GATES = """
[gates.issue_refund]
summary = "Refund {{ args.amount }} {{ args.currency }} on order {{ args.order_id }}"
approvers = ["bob"]
timeout = "4h"
if_approved = "The customer is refunded at once; this cannot be undone."

[[gates.issue_refund.rules]]
id = "small"
when = "args.amount <= 25.0"
tier = "auto"
"""
"""What `mailgate sandbox` starts with; made to be edited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxPerson:
    """A person of the sandbox, as configured."""

    id: str
    name: str
    address: str
    zone: str = "UTC"


def write_config(
    folder: Path, site: Sandbox, people: Mapping[str, SandboxPerson], *, web_port: int, gates: str, approvers: list[str]
) -> Path:
    """Write ``config.toml`` for ``site`` into ``folder`` and return its path.

    Args:
        gates: TOML with the gates.
        approvers: ids of those who are asked about actions without a gate; the first is the operator too.
    """
    password = site.passwords[site.gate_address]
    sections = [
        f'''# Made by mailgate for its sandbox: everything here is on this machine only. Edit the gates as you like.

[mailgate]
name = "sandbox"
base_url = "http://127.0.0.1:{web_port}"
database = "sqlite:///mailgate.db"
default_approvers = {_list(approvers)}
operators = {_list(approvers[:1])}

[smtp]
host = "127.0.0.1"
port = {site.smtp_port}
tls = "none"
username = "{site.gate_address}"
password_file = "keys/mail.password"
from = "Approvals <{site.gate_address}>"
retry_after = "1s"

[imap]
host = "127.0.0.1"
port = {site.imap_port}
tls = "none"
username = "{site.gate_address}"
password_file = "keys/mail.password"
authserv_id = "{site.authserv_id}"

[archive]
address = "{site.archive_address}"

[web]
port = {web_port}
'''
    ]
    sections += [
        f'[people.{p.id}]\nname = "{p.name}"\naddress = "{p.address}"\nzone = "{p.zone}"\n' for p in people.values()
    ]
    (folder / "keys").mkdir(parents=True, exist_ok=True, mode=0o700)
    secret = folder / "keys" / "mail.password"
    secret.write_text(password + "\n", encoding="utf-8")
    secret.chmod(0o600)
    path = folder / "config.toml"
    path.write_text("\n".join([*sections, gates.strip() + "\n"]), encoding="utf-8")
    return path


def _list(names: list[str]) -> str:
    return "[" + ", ".join(f'"{n}"' for n in names) + "]"
