"""`mailgate policy`: what the gates say, what changed since it was recorded, and what they say of examples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mailgate.cli.options import ConfigOption, JsonOption, read_config

if TYPE_CHECKING:
    from mailgate.model.policy import Gate

app = typer.Typer(help="Show the gates, compare them with the record, try them on examples.", no_args_is_help=True)


@app.command()
def show(
    gate: Annotated[str | None, typer.Argument(help="Only this gate.")] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show what each gate asks for, with the digest of its policy."""
    from mailgate.errors import InvalidArguments
    from mailgate.model.policy import policy_digest

    gates = read_config(config).gates
    if gate is not None and gate not in gates:
        known = f"there are {', '.join(sorted(gates))}" if gates else "there are none"
        raise InvalidArguments(f"There is no gate {gate!r}; {known}.")
    chosen = {gate: gates[gate]} if gate is not None else dict(sorted(gates.items()))
    documents = {name: found.document() for name, found in chosen.items()}
    digests = {name: policy_digest(document).hex() for name, document in documents.items()}
    if as_json:
        shown = {name: json.loads(document) | {"digest": digests[name]} for name, document in documents.items()}
        typer.echo(json.dumps(shown, indent=2))
        return
    for name, found in chosen.items():
        typer.echo(f"{name}   {digests[name]}")
        for number, rule in enumerate(found.rules, start=1):
            typer.echo(f"  {rule.tier:17} {rule.id or f'rule {number}'}: {rule.when}")
        typer.echo(f"  {found.tier:17} when no rule matches")
        for number, stage in enumerate(found.asked(), start=1):
            which = f"step {number}: " if len(found.asked()) > 1 else ""
            typer.echo(f"  {which}{stage.quorum} of {', '.join(stage.approvers)}")
        typer.echo(f"  {_times(found)}")


def _times(gate: Gate) -> str:
    """Return what happens when nobody answers, and after an answer, on one line."""
    from mailgate.model.duration import words

    said = [f"open {words(gate.timeout)}" if gate.timeout else "open until it is answered"]
    said += [f"after {words(step.after)} also {', '.join(step.ask)}" for step in gate.escalation]
    said += [f"waits {words(gate.cooling_off)} before it starts"] if gate.cooling_off else []
    return ", ".join([*said, f"after a no: {gate.on_reject}"])


@app.command()
def diff(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Show how the configured gates and people differ from what was last recorded; ends with 1 where they do."""
    from mailgate.model.policy import read_gate
    from mailgate.runtime import open_working
    from mailgate.service.examples import differences, people_differences
    from mailgate.service.policies import recorded_people, recorded_policies
    from mailgate.store.requests import find_policy

    working = open_working(read_config(config))
    try:
        with working.store.read() as tx:
            before = recorded_policies(tx, working.verifier)
            people = recorded_people(tx, working.verifier)
            documents = {name: find_policy(tx, bytes.fromhex(digest)) for name, digest in before.items() if digest}
    finally:
        working.store.close()
    found: dict[str, Any] = {}
    for name in sorted({*documents, *working.config.gates}):
        kept = documents.get(name)
        changes = list(differences(read_gate(kept) if kept else None, working.config.gates.get(name)))
        if changes:
            found[name] = {key: {"recorded": old, "configured": new} for key, old, new in changes}
    for name, changes in people_differences(people, working.config.directory.document()):
        found[name] = {key: {"recorded": old, "configured": new} for key, old, new in changes}
    if as_json:
        typer.echo(json.dumps(found, indent=2))
    elif not found:
        typer.echo("The gates and the people are as they were recorded.")
    else:
        for name, keys in found.items():
            typer.echo(name)
            for key, values in keys.items():
                typer.echo(f"  {key}: {values['recorded']} → {values['configured']}")
    raise typer.Exit(1 if found else 0)


@app.command("test")
def try_out(
    file: Annotated[Path, typer.Argument(help="A TOML file with tables [[examples]].")],
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Print the ruling on each example of a file, with the rule that made it; ends with 1 where one is not as expected."""
    from mailgate.service.examples import read_examples, try_example

    settings = read_config(config)
    tried = [try_example(settings, example) for example in read_examples(file)]
    if as_json:
        rows = [
            {
                "action": t.example.action,
                "tier": t.ruling.tier,
                "rule": t.ruling.rule,
                "expect": t.example.expect,
                "as_expected": t.as_expected,
            }
            for t in tried
        ]
        typer.echo(json.dumps(rows, indent=2))
    for t in () if as_json else tried:
        arguments = ", ".join(f"{n}={v!r}" for n, v in t.example.args.items())
        wrong = "" if t.as_expected else f"   expected {t.example.expect}"
        typer.echo(f"{t.ruling.tier:17} {t.example.action}({arguments})   {t.ruling.rule}{wrong}")
    raise typer.Exit(0 if all(t.as_expected for t in tried) else 1)
