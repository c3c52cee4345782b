"""Modules make one file that does what they do, or the file is refused with the reason."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from typing import Any

import pytest

import mailgate
from mailgate.audit.assembling import START, assemble
from mailgate.audit.merging import CannotMerge

HOUSE = Path(mailgate.__file__).parent.parent

LOWER = '''"""What lies below. No import of it stands."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_LIMIT = 3
"""How many."""

open = "a builtin's name"


@dataclass(frozen=True)
class Thing:
    """A thing; its _LIMIT is its own."""

    name: str
    parts: list[str] = field(default_factory=list)

    def _once(self) -> int:
        return _once(self.name)


def _once(text: str) -> int:
    return len(re.findall("x", text)) + _LIMIT


def told(thing: Thing) -> str:
    return f"{_once(thing.name)!r} of {_LIMIT:>{_LIMIT}} – {open} " f"{thing._once()}"
'''
UPPER = '''"""What stands on it."""

from __future__ import annotations

import re as expressions
from collections.abc import (
    Iterator,
)

from mailgate.lower import Thing
from mailgate.lower import open as opened, told

_LIMIT = 5  # not the other _LIMIT
field = "a name that the other module has from the standard library"


def _once() -> Iterator[int]:
    yield from range(_LIMIT)


def main() -> list[object]:
    """Return all of it; no _once is told."""
    return [told(Thing("xx")), opened, field, sum(_once()), expressions.escape("."), open.__class__.__name__]
'''


def made(lower: str = LOWER, upper: str = UPPER) -> str:
    """Return the file of two modules."""
    return assemble({"mailgate.lower": lower, "mailgate.upper": upper}.__getitem__, "mailgate.upper")


def run(text: str) -> dict[str, Any]:
    """Return what a file defines."""
    names: dict[str, Any] = {"__name__": "verifier"}
    sys.modules["verifier"] = sys  # dataclasses look their module up
    try:
        exec(compile(text, "verifier", "exec"), names)
    finally:
        del sys.modules["verifier"]
    return names


def test_modules_that_use_one_name_for_two_things_do_what_they_did() -> None:
    """Equal names of two modules, of a builtin and of an import are kept apart, in f-strings too, and a method's is its own."""
    said = run(made())["main"]()
    assert said == [
        "5 of   3 – a builtin's name 5",
        "a builtin's name",
        said[2],
        10,
        "\\.",
        "builtin_function_or_method",
    ]
    assert said[2].startswith("a name that the other module has")


def test_only_what_clashes_is_called_otherwise() -> None:
    """The text stays as it is, comments and docstrings included; clashing names have the module's name before them."""
    text = made()
    assert "_upper_LIMIT = 5  # not the other _LIMIT\n" in text
    assert '"""A thing; its _LIMIT is its own."""' in text
    assert "    def _once(self) -> int:\n        return _lower_once(self.name)\n" in text
    assert {"_lower_LIMIT", "_upper_LIMIT", "_lower_once", "_upper_once", "lower_open", "upper_field"} == set(
        re.findall(r"\b_?(?:lower|upper)_\w+", text)
    )


def test_it_is_one_readable_file() -> None:
    """It begins with what it is, imports each module of the standard library once, and shows where each part is from."""
    text = made()
    assert text.startswith('#!/usr/bin/env python3\n"""Verify an archive of mailgate on a bare machine')
    assert "\nimport re\nimport re as expressions\nfrom collections.abc import Iterator\n" in text
    assert text.index("# mailgate/lower.py\n") < text.index("# mailgate/upper.py\n")
    assert text.endswith('if __name__ == "__main__":\n    sys.exit(main())\n')
    assert text == made()


CANNOT = {
    "is not of the standard library": {"lower": LOWER.replace("import re\n", "import re\nimport cryptography\n")},
    "an import that is not at the top": {"lower": LOWER.replace("    return len", "    import os\n    return len")},
    "imports itself": {"lower": LOWER.replace("import re\n", "import re\nfrom mailgate.upper import main\n")},
    "no definition, and no import": {"lower": LOWER + "\nprint(_LIMIT)\n"},
    "which mailgate.lower does not define": {"upper": UPPER.replace("import Thing", "import Nothing")},
    "call one of them otherwise": {"lower": LOWER.replace("(text: str)", "(text: str, _LIMIT: int = 3)")},
    "elsewhere that is": {"upper": UPPER.replace("import re as expressions", "import html as re")},
    "is in none of the modules": {"upper": UPPER.replace('escape(".")', "escape(missing)")},
    "which there is already": {"upper": UPPER + "\n_lower_once = 1\n"},
    "cannot be rewritten": {"lower": LOWER.replace("of {_LIMIT", "of _LIMIT {_LIMIT")},
}


@pytest.mark.parametrize("why", CANNOT)
def test_what_cannot_be_put_together_is_refused(why: str) -> None:
    """Nothing is written that might do something else than the modules, and the reason is said."""
    with pytest.raises(CannotMerge, match=why):
        made(**CANNOT[why])


@pytest.mark.parametrize(
    "hiding",
    [
        "def f():\n    _LIMIT = 1\n    return _LIMIT\n",
        "class C:\n    _LIMIT = 1\n",
        "def f():\n    return [_LIMIT for _LIMIT in ()]\n",
        "def f():\n    try:\n        pass\n    except OSError as _LIMIT:\n        pass\n",
        "def f(x):\n    match x:\n        case [_LIMIT]:\n            pass\n",
        "def f(x):\n    match x:\n        case [*_LIMIT]:\n            pass\n",
        "def f(x):\n    match x:\n        case {**_LIMIT}:\n            pass\n",
        "def f():\n    def _LIMIT():\n        pass\n    return _LIMIT\n",
        "def f():\n    if 1:\n        def _LIMIT():\n            pass\n    return _LIMIT\n",
        "def f():\n    global _LIMIT\n    _LIMIT = 1\n",
        "f = lambda _LIMIT: _LIMIT\n",
    ],
)
def test_a_name_that_hides_one_of_the_module_is_refused(hiding: str) -> None:
    """Wherever Python can bind a name, one that is about to be changed is not bound anew."""
    with pytest.raises(CannotMerge, match="call one of them otherwise"):
        made(lower=f"{LOWER}\n\n{hiding}")


def test_the_verifier_is_made_of_the_package(tmp_path: Path) -> None:
    """Every function and class of every module that it names is in it, and of the errors only those that it needs."""
    text = assemble()
    there = {node.name for node in ast.parse(text).body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    paths = re.findall(r"^    (mailgate/\S+\.py)$", text, re.MULTILINE)
    assert f"{START.replace('.', '/')}.py" == paths[-1]
    assert len(paths) > 30
    for path in paths:
        tree = ast.parse((HOUSE / path).read_text(encoding="utf-8"))
        stem = Path(path).stem
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and path != "mailgate/errors.py":
                otherwise = f"{'_' if node.name.startswith('_') else ''}{stem}_{node.name.lstrip('_')}"
                assert {node.name, otherwise} & there, (path, node.name)
    assert {"MailgateError", "IllegalTransition"} <= there
    assert "ConfigError" not in there
