"""Mistakes that no single key shows: unknown people, quorums nobody can reach, mailboxes that would loop."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from mailgate.config.schema import Config, Server
from mailgate.errors import InvalidArguments
from mailgate.model.action import check_name
from mailgate.model.people import fold
from mailgate.model.policy import Gate

_LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """Sentences without a final stop; any error keeps mailgate from starting."""

    errors: list[str]
    warnings: list[str]


def lint(config: Config) -> Findings:
    """Return what is wrong or doubtful across the keys of ``config``."""
    errors = [*_people(config), *_names(config), *_servers(config)]
    warnings: list[str] = []
    for name, gate in config.gates.items():
        errors += _gate(config, name, gate)
        warnings += _tight_quorums(config, name, gate)
    return Findings(errors=errors, warnings=warnings)


def _people(config: Config) -> Iterator[str]:
    spelled = Counter(a for p in config.people.values() for a in p.addresses)
    for address in [a for a, n in spelled.items() if n > 1]:
        who = [i for i, p in config.people.items() if address in p.addresses]
        yield f"[people.{who[-1]}] address: {address} belongs to {' and '.join(who)}; one address is one person"
    for group, members in config.groups.items():
        if not members:
            yield f"[groups] {group} is empty; name its members or remove it"
        for unknown in config.directory.unknown(members):
            yield f"[groups] {group} names {unknown!r}, who is not under [people]"


def _names(config: Config) -> Iterator[str]:
    for key in ("default_approvers", "operators"):
        for unknown in config.directory.unknown(getattr(config.mailgate, key)):
            yield f"[mailgate] {key} names {unknown!r}, who is not under [people] or [groups]"


def _servers(config: Config) -> Iterator[str]:
    sections: tuple[tuple[str, Server], ...] = (("smtp", config.smtp), ("imap", config.imap))
    for section, server in sections:
        if server.tls == "none" and server.host not in _LOOPBACK:
            yield f"[{section}] tls = 'none' is for this machine only, and host is {server.host!r}; use 'starttls' or 'implicit'"
    if config.archive.address and fold(config.archive.address) == fold(config.smtp.address):
        yield "[archive] address is the mailbox that replies are read from, which would loop; use another mailbox"
    if config.archive.address and fold(config.archive.address) == fold(config.imap.username):
        yield "[archive] address is the mailbox of [imap] username, which would loop; use another mailbox"


def _gate(config: Config, name: str, gate: Gate) -> Iterator[str]:
    try:
        check_name(name)
    except InvalidArguments as error:
        yield f"[gates] {error.message.rstrip('.')}"
    named = [n for stage in gate.asked() for n in stage.approvers] + list(gate.escalate_to)
    for unknown in dict.fromkeys(config.directory.unknown(named)):
        yield f"[gates.{name}] names {unknown!r}, who is not under [people] or [groups]"
    yield from (f"[gates.{name}] {key}: {why}" for key, why in _not_yet(gate))
    for stage in gate.asked():
        people = config.directory.expand(stage.approvers)
        if people and stage.quorum > len(people) and not config.directory.unknown(stage.approvers):
            who = f"{len(people)} people ({', '.join(people)})"
            yield f"[gates.{name}] quorum = {stage.quorum} can never be reached by {who}; lower it or name more"


def _not_yet(gate: Gate) -> Iterator[tuple[str, str]]:
    """Yield the keys that promise more than this version does: an ignored safeguard would be worse than an error."""
    if gate.web_confirm == "fresh_code":
        yield "web_confirm", "'fresh_code' is not there yet in this version; use 'code'"
    if gate.separation == "proven":
        yield "separation", "'proven' is not there yet in this version; use 'checked'"
    if gate.on_reject == "escalate":
        yield "on_reject", "'escalate' is not there yet in this version; use 'abort' or 'reroute'"
    for key in ("cooling_off", "batch_window"):
        if getattr(gate, key):
            yield key, "is not there yet in this version; leave it at '0s'"


def _tight_quorums(config: Config, name: str, gate: Gate) -> Iterator[str]:
    for stage in gate.asked():
        people = config.directory.expand(stage.approvers)
        if len(people) > 1 and stage.quorum == len(people):
            needs = f"quorum = {stage.quorum} needs everybody"
            yield f"[gates.{name}] {needs}; where one of them is the requester it cannot be reached"
