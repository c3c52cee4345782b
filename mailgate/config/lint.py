"""Mistakes that no single key shows: unknown people, quorums nobody can reach, mailboxes that would loop."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from mailgate.config.schema import Config, Server
from mailgate.errors import InvalidArguments
from mailgate.model.action import check_name
from mailgate.model.people import fold
from mailgate.model.policy import Gate, Tier
from mailgate.model.quoting import MOST, quoted

_LOOPBACK = ("127.0.0.1", "localhost", "::1")

_LOCAL_PART = 64
"""Octets before the @ (RFC 5321 section 4.5.3.1.1)."""

_TAG = 27
"""A plus sign and an address token (``mailgate/tokens.py``)."""

_MOST_STAGES = 10
"""Stages whose every combination is looked at; beyond, only each one alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """Sentences without a final stop; any error keeps mailgate from starting."""

    errors: list[str]
    warnings: list[str]


def lint(config: Config) -> Findings:
    """Return what is wrong or doubtful across the keys of ``config``."""
    errors = [*_people(config), *_names(config), *_servers(config), *_loops(config)]
    warnings: list[str] = []
    for name, gate in config.gates.items():
        errors += _gate(config, name, gate)
        warnings += [
            *_nobody(config, name, gate),
            *_tight_quorums(config, name, gate),
            *_idle_steps(config, name, gate),
        ]
    return Findings(errors=errors, warnings=warnings)


def _people(config: Config) -> Iterator[str]:
    spelled = Counter(a for p in config.people.values() for a in p.addresses)
    for address in [a for a, n in spelled.items() if n > 1]:
        who = [i for i, p in config.people.items() if address in p.addresses]
        yield f"[people.{who[-1]}] address: {address} belongs to {' and '.join(who)}; one address is one person"
    for group, members in config.groups.items():
        shown = group if len(group) <= MOST else f"{group[:MOST]}…"
        if not members:
            yield f"[groups] {shown} is empty; name its members or remove it"
        for unknown in (m for m in dict.fromkeys(members) if m not in config.people):
            what = "a group holds people, not groups" if unknown.startswith("group:") else "who is not under [people]"
            yield f"[groups] {shown} names {quoted(unknown)}, {what}"


def _names(config: Config) -> Iterator[str]:
    for key in ("default_approvers", "operators"):
        for unknown in dict.fromkeys(config.directory.unknown(getattr(config.mailgate, key))):
            yield f"[mailgate] {key} names {quoted(unknown)}, who is not under [people] or [groups]"


def _servers(config: Config) -> Iterator[str]:
    sections: tuple[tuple[str, Server], ...] = (("smtp", config.smtp), ("imap", config.imap))
    for section, server in sections:
        if server.tls == "none" and server.host not in _LOOPBACK:
            yield (
                f"[{section}] tls = 'none' is for this machine only, and host is {quoted(server.host)}; "
                "use 'starttls' or 'implicit'"
            )
        if server.password_file and server.password.get_secret_value():
            yield f"[{section}] has both 'password' and 'password_file'; keep one of them"
    before = len(config.smtp.address.partition("@")[0])
    if config.imap.reply_address == "plus" and before > _LOCAL_PART - _TAG:
        yield (
            f"[smtp] from: the {before} characters before the @ leave no room for a token, and {_LOCAL_PART} are allowed "
            f"(RFC 5321); use at most {_LOCAL_PART - _TAG}"
        )


def _loops(config: Config) -> Iterator[str]:
    """Yield the addresses that mails of ours would come back from, to be read as replies."""
    login = config.imap.username
    own = login if "@" in login or not login else f"{login}@{config.smtp.address.partition('@')[2]}"
    read = {fold(a) for a in (config.smtp.address, own) if a}
    used = [("[archive] address", config.archive.address)]
    used += [("[archive] witnesses", a) for a in config.archive.witnesses]
    used += [(f"[people.{i}] address", p.address) for i, p in config.people.items()]
    for key, address in used:
        if address and fold(address) in read:
            yield f"{key}: {address} is the mailbox that replies are read from, which would loop; use another mailbox"


def _gate(config: Config, name: str, gate: Gate) -> Iterator[str]:
    try:
        check_name(name)
    except InvalidArguments as error:
        yield f"[gates] {error.message.rstrip('.')}"
    named = [n for stage in gate.asked() for n in stage.approvers] + [n for step in gate.reserve for n in step]
    for unknown in dict.fromkeys(config.directory.unknown(named)):
        yield f"[gates.{name}] names {quoted(unknown)}, who is not under [people] or [groups]"
    if (why_not := _no_template(gate.summary)) is not None:
        yield f"[gates.{name}] summary: {quoted(gate.summary)} is no template: {why_not}"
    yield from (f"[gates.{name}] {key}: {why}" for key, why in _not_yet(gate))
    asked = named if gate.asked() else [*named, *config.mailgate.default_approvers]
    shared = [p for p in config.directory.expand(asked) if config.people[p].group]
    if gate.named_people and shared:
        yield f"[gates.{name}] named_people: {', '.join(shared)} has group = true, which is no single person; name people"
    if not gate.approves_by_link and not config.imap.authserv_id:
        yield (
            f"[gates.{name}] separation = 'proven' takes authenticated replies only, and [imap] authserv_id is empty, so "
            "that none is; name the server whose verdicts are believed, or set web_confirm = 'fresh_code'"
        )
    if gate.on_reject == "escalate" and not config.mailgate.operators:
        yield f"[gates.{name}] on_reject = 'escalate' needs [mailgate] operators, who take the task over"
    if not config.directory.unknown(named):
        yield from (f"[gates.{name}] {why}" for why in _out_of_reach(config, gate))


def _no_template(summary: str) -> str | None:
    """Return why a summary cannot be filled in with whatever arguments, or None if it is Jinja."""
    if "{" not in summary:
        return None
    # Not at the top: an agent whose gates have no such summary starts without it.
    from jinja2 import TemplateError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    try:
        ImmutableSandboxedEnvironment().compile(summary, raw=True)
    except (TemplateError, RecursionError) as error:
        return f"{error}".rstrip(".") or type(error).__name__
    return None


def _out_of_reach(config: Config, gate: Gate) -> Iterator[str]:
    """Yield why no request could ever be approved: one person counts once, in whichever stage."""
    if not gate.asked():
        gate = gate.model_copy(update={"approvers": config.mailgate.default_approvers})
    seats = [(config.directory.expand(s.approvers), s.quorum) for s in gate.asked()]
    short = False
    for people, quorum in seats:
        if people and quorum > len(people):
            short = True
            who = f"{len(people)} {'person' if len(people) == 1 else 'people'} ({', '.join(people)})"
            yield f"quorum = {quorum} can never be reached by {who}; lower it or name more"
    # Hall's theorem: the stages can be filled unless some of them together need more people than they name.
    numbers = range(len(seats)) if len(seats) <= _MOST_STAGES and not short else ()
    for size in range(2, len(numbers) + 1):
        for chosen in combinations(numbers, size):
            people = tuple(dict.fromkeys(p for i in chosen for p in seats[i][0]))
            needed = sum(seats[i][1] for i in chosen)
            if needed > len(people):
                *first, last = (str(i + 1) for i in chosen)
                yield (
                    f"stages {', '.join(first)} and {last} need {needed} different people and name only "
                    f"{', '.join(people)}; name more, one person counts once"
                )
                return


def _not_yet(gate: Gate) -> Iterator[tuple[str, str]]:
    """Yield the keys that promise more than this version does: an ignored safeguard would be worse than an error."""
    if gate.batch_window:
        yield "batch_window", "is not there yet in this version; leave it at '0s'"


def _nobody(config: Config, name: str, gate: Gate) -> Iterator[str]:
    """Say of a gate that asks, and names nobody, that nothing it holds can be approved."""
    asks = Tier.REQUIRE_APPROVAL in (gate.tier, *(rule.tier for rule in gate.rules))
    if asks and not gate.asked() and not config.mailgate.default_approvers:
        yield (
            f"[gates.{name}] needs approval and names nobody, so that whatever it holds is given up at once; "
            "name approvers, or default_approvers under [mailgate]"
        )


def _idle_steps(config: Config, name: str, gate: Gate) -> Iterator[str]:
    """Yield the steps of an escalation that add nobody."""
    asked = {p for stage in gate.asked() for p in config.directory.expand(stage.approvers)}
    for names in gate.reserve:
        people = config.directory.expand(names)
        if people and asked.issuperset(people):
            who = ", ".join(people)
            yield f"[gates.{name}] escalation to {who} adds nobody, since they are asked before; name somebody else"
        asked.update(people)


def _tight_quorums(config: Config, name: str, gate: Gate) -> Iterator[str]:
    for stage in gate.asked():
        people = config.directory.expand(stage.approvers)
        if len(people) > 1 and stage.quorum == len(people):
            needs = f"quorum = {stage.quorum} needs everybody"
            yield f"[gates.{name}] {needs}; where one of them is the requester it cannot be reached"
