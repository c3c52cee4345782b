"""Try a policy on examples, and say how two policies differ: what `mailgate policy` shows."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from mailgate.config import Config
from mailgate.errors import InvalidArguments
from mailgate.model.action import make_action
from mailgate.model.confidence import Confidence
from mailgate.model.policy import Facts, Gate, Ruling, Tier, judge

_Share = Annotated[float, Field(ge=0.0, le=1.0)]


class Example(BaseModel):
    """One action as an agent might ask for it, and what somebody expects of the policy."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    action: str
    args: dict[str, Any] = {}
    agent: str = "agent"
    run: str = "run"
    confidence: _Share = 0.0
    risk: _Share = 1.0
    now: datetime = datetime(2026, 1, 1, 12, tzinfo=UTC)
    expect: Tier | None = None


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    examples: tuple[Example, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """An example with the ruling on it."""

    example: Example
    ruling: Ruling

    @property
    def as_expected(self) -> bool:
        """Whether the ruling is what the example expects; one that expects nothing is content."""
        return self.example.expect in (None, self.ruling.tier)


def read_examples(path: Path) -> tuple[Example, ...]:
    """Return the examples of a TOML file: tables ``[[examples]]``.

    Raises:
        OSError: a file that cannot be read.
        InvalidArguments: a file that is none of examples, with every mistake in it.
    """
    try:
        return _File.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).examples
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InvalidArguments(f"{path} is not TOML: {error}.") from error
    except ValidationError as error:
        said = [f"{'.'.join(map(str, e['loc']))}: {e['msg'][:200]}" for e in error.errors(include_url=False)]
        raise InvalidArguments(
            f"{path}: {'; '.join(said)}. Write tables [[examples]] with action, args, agent, run, confidence, risk, now, expect."
        ) from error


def try_example(config: Config, example: Example) -> Tried:
    """Return what the policy says of an example, with its arguments as they are written: ``1.0`` is no integer here.

    An assessment is not asked: the example names the risk.

    Raises:
        InvalidArguments: an action that could not be asked about at all.
    """
    make_action(example.action, example.args)  # could it be asked about at all?
    confidence = Confidence(value=example.confidence)
    facts = Facts(
        args=example.args,
        agent=example.agent,
        run=example.run,
        confidence=confidence.value,
        risk=example.risk,
        now=example.now,
    )
    gate = config.gates.get(example.action)
    return Tried(example=example, ruling=judge(gate, facts, require_below=config.confidence.require_below))


def differences(before: Gate | None, after: Gate | None) -> Iterator[tuple[str, str, str]]:
    """Yield the keys in which two policies of a gate differ, with both values as JSON; ``-`` where there is no gate."""
    yield from _differences(_plain(before), _plain(after))


def people_differences(
    before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[tuple[str, list[tuple[str, str, str]]]]:
    """Yield who was added, changed or removed, as ``people.alice`` or ``groups``, with the keys that differ.

    Args:
        before, after: as :meth:`mailgate.model.people.Directory.document` has them.
    """
    for person in sorted({*before["people"], *after["people"]}):
        changes = list(_differences(before["people"].get(person, {}), after["people"].get(person, {})))
        if changes:
            yield f"people.{person}", changes
    if changes := list(_differences(before["groups"], after["groups"])):
        yield "groups", changes


def _differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for key in sorted({*old, *new}):
        if old.get(key) != new.get(key):
            yield key, _shown(old, key), _shown(new, key)


def _plain(gate: Gate | None) -> Mapping[str, Any]:
    found: Mapping[str, Any] = {} if gate is None else json.loads(gate.document())
    return found


def _shown(policy: Mapping[str, Any], key: str) -> str:
    return json.dumps(policy[key], ensure_ascii=False) if key in policy else "-"
