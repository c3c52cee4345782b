"""The shipped config.toml is the documentation of every key: it loads, says the defaults, and leaves nothing out."""

from __future__ import annotations

import re
import tomllib
import warnings
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from mailgate.config import Config, load_config, shipped
from mailgate.config.schema import Section
from mailgate.model.people import Person
from mailgate.model.policy import Gate, Rule, StageSettings

PATH = shipped("config.toml")
TEXT = PATH.read_text(encoding="utf-8")
TABLE = tomllib.loads(TEXT)

SECTIONS = {
    name: field.annotation
    for name, field in Config.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
}


def keys_of(model: type[BaseModel]) -> set[str]:
    """Return the keys of a table as they are written."""
    return {str(field.validation_alias or name) for name, field in model.model_fields.items()}


def defaults_of(model: type[BaseModel]) -> dict[str, Any]:
    """Return the values that keys have when nothing is written, as one would write them."""
    values = model().model_dump(mode="json", by_alias=True)
    return {k: "none" if v is None else v for k, v in values.items()}


def test_it_loads_without_a_warning() -> None:
    """What people start from is right, complete and without a secret."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        config = load_config(PATH)
    assert set(config.people) == {"alice", "bob"}


@pytest.mark.parametrize("section", sorted(SECTIONS))
def test_each_section_says_the_defaults(section: str) -> None:
    """Leaving the file as it is and leaving a line out are the same: a changed default must change both."""
    assert TABLE[section] == defaults_of(SECTIONS[section])


def test_the_gate_says_the_defaults() -> None:
    """As the sections; summary, approvers and the rule are examples."""
    written = {k: v for k, v in TABLE["gates"]["issue_refund"].items() if k != "rules"}
    expected = {k: v for k, v in defaults_of(Gate).items() if k not in ("rules", "stages", "escalate_further")}
    differ = {k for k in expected if written[k] != expected[k]}
    assert written.keys() == expected.keys()
    assert differ == {"summary", "approvers"}


def test_the_person_says_the_defaults() -> None:
    """What is not given for bob is what is written for alice."""
    alice, bob = TABLE["people"]["alice"], TABLE["people"]["bob"]
    assert alice.keys() == keys_of(Person)
    assert bob.keys() == {"name", "address"}
    written = Person.model_validate(alice).model_dump(exclude={"name", "address"})
    assert written == Person.model_validate(bob).model_dump(exclude={"name", "address"})


def test_every_section_and_key_there_is_stands_in_the_file_and_no_other() -> None:
    """A key that is added to the models fails here until it is explained."""
    top = {name for name in Config.model_fields if name != "folder"}
    assert TABLE.keys() == top
    for section, model in SECTIONS.items():
        assert TABLE[section].keys() == keys_of(model), section
    assert TABLE["gates"]["issue_refund"].keys() == keys_of(Gate) - {"stages", "escalate_further"}
    assert TABLE["gates"]["issue_refund"]["rules"][0].keys() == keys_of(Rule)


def test_the_other_way_to_name_approvers_works_as_it_is_commented_out() -> None:
    """Whoever removes the # gets a gate with stages."""
    [line] = re.findall(r"^# (stages = .*\])", TEXT, flags=re.MULTILINE)
    stages = tomllib.loads(line)["stages"]
    assert all(stage.keys() == keys_of(StageSettings) for stage in stages)
    assert len(Gate.model_validate({"stages": stages}).stages) == 2


def test_every_key_has_a_comment_beside_it() -> None:
    """No key is left to guessing (of the second person, only the first one's keys are explained)."""
    bare, section = [], ""
    for line in TEXT.splitlines():
        section = line if line.startswith("[") else section
        if re.match(r"(# )?[a-z_]+ = ", line) and not re.search(r"  # \S", line):
            bare.append((section, line))
    assert [line for section, line in bare if not section.startswith("[people.bob]")] == []


def test_no_example_is_a_real_address_or_host() -> None:
    """Whoever starts it unchanged writes to nobody: names of RFC 2606, and this machine."""
    hosts = re.findall(r"@([\w.\-]+)", TEXT)
    assert hosts
    assert {h for h in hosts if not h.endswith("example.com")} <= {"domain"}
    assert {TABLE[s]["host"] for s in ("smtp", "imap", "web")} == {"127.0.0.1"}


def test_a_missing_shipped_file_says_what_to_do(tmp_path: Path) -> None:
    """A broken installation is named as one."""
    with pytest.raises(FileNotFoundError, match="install it again"):
        shipped("templates/no-such-file")
