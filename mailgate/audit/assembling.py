"""The stand-alone verifier: one file, made of the very modules that the package verifies with.

It starts at :mod:`mailgate.audit.standalone` and takes every module that is imported from there, imported ones first. What
stands in a module stays as it is, but for imports between modules, which are not needed any more, and for names that
several modules use for different things, which get the module's name before them. That nothing else was changed is
checked whenever the file is made, and that it needs nothing but the standard library; so it is made when it is wanted, and
kept nowhere.
"""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import version
from importlib.resources import files
from itertools import groupby

from mailgate.audit.merging import (
    PACKAGE,
    CannotMerge,
    Import,
    Module,
    final_names,
    outside_imports,
    own_imports,
    rewritten,
    scopes,
)

FILE_NAME = "verify_mailgate.py"

START = "mailgate.audit.standalone"

IN_PARTS = frozenset({"mailgate.errors"})
"""Modules of which only the classes are taken that somebody imports, and those that they derive from."""

Read = Callable[[str], str]
"""Returns the text of a module, by its full name."""


def assemble(read: Read | None = None, start: str = START) -> str:
    """Return the text of the stand-alone verifier; the same for the same version of mailgate.

    Args:
        read: returns modules from elsewhere than from the package.
        start: the module with ``main``.

    Raises:
        CannotMerge: a module imports more than the standard library, or cannot be put together with the others.
    """
    modules = list(_gathered(start, read or _source))
    finals = final_names(modules)
    text = _HEAD.format(
        name=FILE_NAME,
        version=version(PACKAGE),
        modules="\n".join(f"    {module.path}" for module in modules),
        imports="\n".join(line for line in _imports(modules) if line != "import sys"),
        parts="\n\n\n".join(f"# {module.path}\n\n{rewritten(module, finals)}" for module in modules),
    )
    _check_names(text)
    return text


_HEAD = '''#!/usr/bin/env python3
"""Verify an archive of mailgate on a bare machine: one file, Python 3.11 or newer, nothing else.

    python3 {name} ARCHIVE... --key VKEY [--expect CHECKPOINT]... [--as-of TIME] [--json]

It has one check less than `mailgate audit verify`: it does not check the DKIM signatures of people's own mail domains under
the replies that the archive keeps. Everything else is the same, line by line: this file was made of modules of
mailgate {version}, as they stand in the package. Only their imports of each other are gone, and names that two of them
use for different things have the module's name before them. `mailgate audit write-verifier` makes it again, byte for byte.

{modules}
"""

from __future__ import annotations

import sys

if sys.version_info < (3, 11):
    sys.exit("{name} needs Python 3.11 or newer.")

{imports}

{parts}


if __name__ == "__main__":
    sys.exit(main())
'''


def _source(name: str) -> str:
    *folders, stem = name.split(".")[1:]
    return files(PACKAGE).joinpath(*folders, f"{stem}.py").read_text(encoding="utf-8")


def _gathered(start: str, read: Read) -> Iterator[Module]:
    """Yield the modules that ``start`` needs, each after those that it imports itself."""
    trees = _trees(start, read)
    wanted = {name: {n for t in trees.values() for n in _taken_from(t, name)} for name in IN_PARTS & trees.keys()}
    done: dict[str, bool] = {}

    def visit(name: str) -> Iterator[str]:
        if name in done:
            if not done[name]:
                raise CannotMerge(f"{name} imports itself, by way of others")
            return
        done[name] = False
        for needed in _needs(trees[name]):
            yield from visit(needed)
        done[name] = True
        yield name

    for name in visit(start):
        text = read(name)
        if name in wanted:
            text = _classes(text, wanted[name])
        yield Module(name=name, text=text, tree=ast.parse(text))


def _trees(start: str, read: Read) -> dict[str, ast.Module]:
    found: dict[str, ast.Module] = {}
    waiting = [start]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = ast.parse(read(name))
            waiting += _needs(found[name])
    return found


def _needs(tree: ast.Module) -> list[str]:
    return [node.module or "" for node in own_imports(tree)]


def _taken_from(tree: ast.Module, module: str) -> list[str]:
    return [alias.name for node in own_imports(tree) if node.module == module for alias in node.names]


def _classes(text: str, wanted: set[str]) -> str:
    """Return a module with these classes and what they derive from, and nothing else."""
    tree = ast.parse(text)
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    waiting, kept = sorted(wanted), set[str]()
    while waiting:
        name = waiting.pop()
        if name in classes and name not in kept:
            kept.add(name)
            waiting += [base.id for base in classes[name].bases if isinstance(base, ast.Name)]
    lines = text.split("\n")
    parts = ["\n".join(lines[c.lineno - 1 : c.end_lineno]) for c in classes.values() if c.name in kept]
    return "\n\n\n".join(parts) + "\n"


def _imports(modules: Iterable[Module]) -> Iterator[str]:
    """Yield the lines that import what the modules need of the standard library.

    Raises:
        CannotMerge: one of them needs more.
    """
    found = set[Import]()
    for module in modules:
        for one in outside_imports(module):
            if one.module.partition(".")[0] not in sys.stdlib_module_names:
                raise CannotMerge(f"{module.path} imports {one.module}, which is not of the standard library")
            found.add(one)
    for one in sorted(one for one in found if not one.name):
        yield f"import {one.module}{_as(one)}"
    names = sorted(one for one in found if one.name)
    for source, imports in groupby(names, key=lambda one: one.module):
        yield f"from {source} import {', '.join(f'{one.name}{_as(one)}' for one in imports)}"


def _as(one: Import) -> str:
    return f" as {one.alias}" if one.alias else ""


def _check_names(text: str) -> None:
    """Refuse a file in which something is used that nothing defines."""
    known = set(_GIVEN)
    for scope in scopes(text, FILE_NAME):
        is_top = scope.get_type() == "module"
        symbols = scope.get_symbols()
        if is_top:
            known |= {symbol.get_name() for symbol in symbols if symbol.is_assigned() or symbol.is_imported()}
        for symbol in symbols:
            if (is_top or symbol.is_global()) and symbol.is_referenced() and symbol.get_name() not in known:
                raise CannotMerge(f"{symbol.get_name()}, which {scope.get_name()} uses, is in none of the modules")


_GIVEN = frozenset(dir(builtins)) | {"__name__", "__doc__", "__file__"}
