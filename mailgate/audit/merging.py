"""Several modules in one text: which names have to be changed, and the text with them changed.

A text is edited where the syntax tree says that a name stands, and has to parse as the tree with its names changed, so
that an edit that went wrong, or changed more than a name, is found.
"""

from __future__ import annotations

import ast
import builtins
import re
import symtable
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

PACKAGE = "mailgate"


class CannotMerge(ValueError):
    """The modules do not make one text; the message says which of them, and why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """A module's text, as far as it is taken, and its tree."""

    name: str
    text: str
    tree: ast.Module

    @property
    def path(self) -> str:
        """Where it stands, such as ``mailgate/model/merkle.py``."""
        return f"{self.name.replace('.', '/')}.py"

    @property
    def stem(self) -> str:
        """The last part of its name."""
        return self.name.rpartition(".")[2]


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Import:
    """One import from outside of the package: a module, or a ``name`` of it; ``alias`` is what it is called, if otherwise."""

    module: str
    name: str = ""
    alias: str = ""

    @property
    def bound(self) -> str:
        """The name that it makes known."""
        return self.alias or self.name or self.module.partition(".")[0]

    @property
    def meaning(self) -> str:
        """What that name stands for."""
        if self.name:
            return f"{self.module}.{self.name}"
        return self.module if self.alias else self.module.partition(".")[0]


def own_imports(tree: ast.Module) -> list[ast.ImportFrom]:
    """Return the imports of names from other modules of the package, in their order."""
    return [node for node in tree.body if isinstance(node, ast.ImportFrom) and _is_own(node)]


def outside_imports(module: Module) -> list[Import]:
    """Return what a module imports from outside of the package.

    Raises:
        CannotMerge: an import that is not at the top.
    """
    found = []
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import | ast.ImportFrom) and node not in module.tree.body:
            raise CannotMerge(f"{module.path}, line {node.lineno}: an import that is not at the top")
        if isinstance(node, ast.Import):
            found += [Import(module=alias.name, alias=alias.asname or "") for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not _is_own(node) and node.module != "__future__":
            parts = [(alias.name, alias.asname or "") for alias in node.names]
            found += [Import(module=node.module or "", name=name, alias=alias) for name, alias in parts]
    return found


def _is_own(node: ast.ImportFrom) -> bool:
    return (node.module or "").partition(".")[0] == PACKAGE


def final_names(modules: Sequence[Module]) -> dict[tuple[str, str], str]:
    """Return what each name of each module is called in the one file, by module and name.

    Raises:
        CannotMerge: one name for two things from outside, or a module that does more than define and import.
    """
    outside = _outside_names(modules)
    own = {module.name: _defined(module) for module in modules}
    count = Counter(name for names in own.values() for name in names)
    words = {word for module in modules for word in re.findall(r"\w+", module.text)}
    finals: dict[tuple[str, str], str] = {}
    for module in modules:
        for name in own[module.name]:
            final = name
            if count[name] > 1 or name in outside or hasattr(builtins, name):
                final = f"{'_' if name.startswith('_') else ''}{module.stem}_{name.lstrip('_')}"
                if final in words or final in finals.values():
                    raise CannotMerge(f"{name} of {module.path} would be called {final}, which there is already")
            finals[module.name, name] = final
    return finals


def _outside_names(modules: Sequence[Module]) -> Mapping[str, str]:
    """Return the names that come from outside of the package, and what each stands for."""
    found: dict[str, str] = {}
    for module in modules:
        for one in outside_imports(module):
            if found.setdefault(one.bound, one.meaning) != one.meaning:
                raise CannotMerge(
                    f"{module.path} calls {one.meaning} {one.bound}; elsewhere that is {found[one.bound]}"
                )
    return found


def _defined(module: Module) -> list[str]:
    """Return the names that a module defines itself, in their order."""
    found: dict[str, None] = {}
    for node in module.tree.body:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                found[name] = None
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                found[name] = None
            case ast.Import() | ast.ImportFrom() | ast.Expr(value=ast.Constant()):
                pass
            case _:
                raise CannotMerge(f"{module.path}, line {node.lineno}: no definition, and no import")
    return [name for name in found if name != "__all__"]


def rewritten(module: Module, finals: Mapping[tuple[str, str], str]) -> str:
    """Return a module's text without its imports, with the names that :func:`final_names` gave.

    Raises:
        CannotMerge: the text with the names changed would not say the same.
    """
    names = _renamed(module, finals)
    _check_not_hidden(module, names)
    lines: list[bytes] = module.text.encode().splitlines(keepends=True)
    for edit in sorted(_edits(module.tree, names), reverse=True):
        _apply(edit, lines)
    for node in module.tree.body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            for number in range(node.lineno, (node.end_lineno or node.lineno) + 1):
                lines[number - 1] = b""
    text = re.sub(r"\n{4,}", "\n\n\n", b"".join(lines).decode()).strip("\n")
    expected = _Renaming(names).visit(ast.parse(module.text))
    if ast.dump(ast.parse(text)) != ast.dump(expected):
        raise CannotMerge(f"{module.path} cannot be rewritten with other names: {', '.join(sorted(names))}")
    return text


def _renamed(module: Module, finals: Mapping[tuple[str, str], str]) -> dict[str, str]:
    """Return the names that a module uses and the one file calls otherwise."""
    found = {name: final for (owner, name), final in finals.items() if owner == module.name}
    for node in own_imports(module.tree):
        for alias in node.names:
            final = finals.get((node.module or "", alias.name))
            if final is None:
                raise CannotMerge(f"{module.path} imports {alias.name}, which {node.module} does not define")
            found[alias.asname or alias.name] = final
    return {name: final for name, final in found.items() if name != final}


def _check_not_hidden(module: Module, names: Mapping[str, str]) -> None:
    """Refuse a function or class that uses a name to be changed for something of its own."""
    for scope in scopes(module.text, module.path):
        for symbol in scope.get_symbols():
            # A method's name is reached through its class only, unless something else in the class names it.
            is_method = scope.get_type() == "class" and symbol.is_namespace() and not symbol.is_referenced()
            is_own = scope.get_type() != "module" and (symbol.is_local() or symbol.is_declared_global())
            if is_own and not is_method and symbol.get_name() in names:
                raise CannotMerge(
                    f"{module.path}, line {scope.get_lineno()}: {symbol.get_name()} is a name of its own there, and one of "
                    "the module, too; call one of them otherwise"
                )


def scopes(text: str, path: str) -> Iterator[symtable.SymbolTable]:
    """Yield the scopes of a text: its own, and those of all functions and classes in it."""
    waiting = [symtable.symtable(text, path, "exec")]
    while waiting:
        scope = waiting.pop()
        waiting += scope.get_children()
        yield scope


class _Renaming(ast.NodeTransformer):
    """Changes names in a tree, and takes imports out: what the changed text has to parse as."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names

    def visit_Module(self, node: ast.Module) -> ast.Module:
        """Change what is defined at the top, and everything below."""
        node.body = [inner for inner in node.body if not isinstance(inner, ast.Import | ast.ImportFrom)]
        for inner in node.body:
            if isinstance(inner, ast.FunctionDef | ast.ClassDef):
                inner.name = self._names.get(inner.name, inner.name)
        self.generic_visit(node)
        return node

    def visit_Name(self, node: ast.Name) -> ast.Name:
        """Change a name."""
        node.id = self._names.get(node.id, node.id)
        return node


class _Edit(NamedTuple):
    """Where names are changed: from a byte of a line to a byte of a line (lines from 1); which, and into what."""

    first: int
    start: int
    last: int
    end: int
    changes: tuple[tuple[str, str], ...]


def _edits(tree: ast.Module, names: Mapping[str, str]) -> Iterator[_Edit]:
    """Yield where names are to be changed.

    Python 3.11 does not say where in an f-string a name stands; there every word that is one is changed.
    """
    within = set[ast.AST]()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr) and node not in within:
            inner = list(ast.walk(node))
            within.update(inner)
            used = {n.id for n in inner if isinstance(n, ast.Name)} & names.keys()
            changes = tuple((name, names[name]) for name in sorted(used))
            if changes:
                yield _Edit(node.lineno, node.col_offset, node.end_lineno or 0, node.end_col_offset or 0, changes)
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id in names and node not in within:
            yield _word(node.id, node.lineno, node.col_offset, names)
    for top in tree.body:
        if isinstance(top, ast.FunctionDef | ast.ClassDef) and top.name in names:
            yield _word(top.name, top.lineno, len("def " if isinstance(top, ast.FunctionDef) else "class "), names)


def _word(name: str, line: int, start: int, names: Mapping[str, str]) -> _Edit:
    return _Edit(line, start, line, start + len(name.encode()), ((name, names[name]),))


def _apply(edit: _Edit, lines: list[bytes]) -> None:
    whole = b"".join(lines[edit.first - 1 : edit.last])
    end = len(whole) - len(lines[edit.last - 1]) + edit.end
    there = whole[edit.start : end].decode()
    for name, final in edit.changes:
        there = re.sub(rf"(?<![\w.]){re.escape(name)}(?!\w)", final, there)
    new = whole[: edit.start] + there.encode() + whole[end:]
    lines[edit.first - 1 : edit.last] = new.splitlines(keepends=True)
