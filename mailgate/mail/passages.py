"""Passages: what others wrote, made safe to print and kept short enough to read; the whole goes along as a file.

A mail that is too long is cut off by its reader's client (Gmail hides what follows 102 KB), and a person asked to read
forty screens reads none. So values share a budget, and what is left out is counted, attached, and named by its SHA-256.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mailgate.mail.characters import harmless, hidden, mixed, one_line, remarks
from mailgate.mail.display import Shown, prose, show, texts
from mailgate.mail.letter import Argument, AttachedFile, Passage

MOST_CHARACTERS = 2_000
MOST_LINES = 40
"""Up to this much of one value is printed in the mail."""

MOST_ARGUMENTS = 30
"""So many arguments are printed; further ones are only attached."""

_BUDGET_CHARACTERS = 12_000  # of all arguments together; a quote takes five bytes in HTML, and a mail has other parts
_BUDGET_LINES = 200
_NAME_CHARACTERS = 120
_PLAIN_NAME = re.compile(r"[\w.@:/+#,-]{1,80}", re.ASCII)
_LONGEST_RESULT = 500_000  # characters of what an action returned, which nobody bounds; mail servers do
_MOST_WARNINGS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class _Limits:
    """How much of one value is printed: characters, lines, and characters of all its notes together."""

    characters: int = MOST_CHARACTERS
    lines: int = MOST_LINES
    notes: int = 2_000


_USUAL = _Limits()
_SCARCE = _Limits(characters=200, lines=4, notes=150)  # of each argument, once all together exceed the budget


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """The arguments as printed, the files that hold what is left out, and warnings about what deceives the eye."""

    arguments: tuple[Argument, ...]
    more: str
    files: tuple[AttachedFile, ...]
    warnings: tuple[str, ...]


def list_arguments(arguments: Mapping[str, object]) -> Listing:
    """Return ``arguments`` for a letter.

    Raises:
        ComposeError: a value that ``display.show`` cannot show.
    """
    shown = {name: show(value) for name, value in arguments.items()}
    limits = _SCARCE if _exceeds_budget(shown.values()) else _USUAL
    listed: list[Argument] = []
    files: list[AttachedFile] = []
    for number, (name, value) in enumerate(list(shown.items())[:MOST_ARGUMENTS], 1):
        short, file = _shortened(value, f"argument-{number}.txt", limits)
        listed.append(Argument(number=number, name=named(name), value=short))
        files += file
    more = ""
    if len(shown) > MOST_ARGUMENTS:
        whole = _file("all-arguments.txt", (x for name, value in shown.items() for x in (one_line(name), *value.lines)))
        files.append(whole)
        more = f"Not printed here: {len(shown) - MOST_ARGUMENTS} more arguments. All are in {_named(whole)}."
    inside = ((f"Argument {n} ({named(name)})", (name, *texts(v))) for n, (name, v) in enumerate(arguments.items(), 1))
    return Listing(arguments=tuple(listed), more=more, files=tuple(files), warnings=suspicions(inside))


def passage(text: str, file_name: str) -> tuple[Passage, tuple[AttachedFile, ...]]:
    """Return what somebody wrote, and the file with the whole if it is long."""
    return _shortened(Shown(lines=prose(text), notes=tuple(remarks(text)), is_block=True), file_name, _USUAL)


def excerpt(text: str, limit: int = MOST_CHARACTERS) -> Passage:
    """Return the beginning of what somebody wrote, where the whole is kept elsewhere."""
    cut = text[:limit]
    lines = tuple(map(harmless, prose(cut)))[:MOST_LINES]
    is_whole = len(text) <= limit and len(lines) == cut.count("\n") + 1
    return Passage(lines=lines, left_out="" if is_whole else "The rest is left out here.")


def result_passage(value: object, file_name: str) -> tuple[Passage, tuple[AttachedFile, ...]]:
    """Return a value, such as an action's result, and the file with the whole if it is long."""
    shown = show(value)
    if len(shown.text) <= _LONGEST_RESULT:
        return _shortened(shown, file_name, _USUAL)
    note = f"only the first {_LONGEST_RESULT:,} of {len(shown.text):,} characters are given here; the database has the rest"
    beginning = tuple(shown.text[:_LONGEST_RESULT].split("\n"))
    return _shortened(Shown(lines=beginning, notes=(note, *shown.notes), is_block=True), file_name, _USUAL)


def label(text: str, limit: int = _NAME_CHARACTERS) -> str:
    """Return ``text`` (a name, an identifier) on one line, harmless, and cut at ``limit`` characters."""
    line = harmless(one_line(text[: limit + 1]))
    return line if len(text) <= limit else f"{line} ... ({len(text):,} characters)"


def named(text: str) -> str:
    """Return a name that an agent chose, on one line, harmless: bare only where nobody can take it for more than a name."""
    return label(quoted(text), _NAME_CHARACTERS + 80)


def quoted(text: str, limit: int = _NAME_CHARACTERS) -> str:
    """Return ``text`` bare if it is one plain word, else in quotes and cut, so that it cannot pass for words of ours around it.

    Characters are left as they are.
    """
    if _PLAIN_NAME.fullmatch(text) and len(text) <= limit:
        return text
    cut = text[:limit].replace("\\", "\\\\").replace('"', '\\"')
    return f'"{cut}"' if len(text) <= limit else f'"{cut}" ... ({len(text):,} characters)'


def suspicions(inside: Iterable[tuple[str, Iterable[str]]]) -> tuple[str, ...]:
    """Return a warning for each thing whose texts hold what cannot be seen, or mix alphabets within a word.

    Args:
        inside: what a sentence calls the thing, harmless, and the texts in it.
    """
    warnings = []
    for thing, given in inside:
        held = tuple(given)
        for found, what in (
            (dict.fromkeys(char for text in held for char in hidden(text)), "holds characters that cannot be seen"),
            (dict.fromkeys(word for text in held for word in mixed(text)), "mixes alphabets within a word"),
        ):
            if found:
                listed = ", ".join(list(found)[:5]) + (", ..." if len(found) > 5 else "")
                warnings.append(f"{thing} {what}: {harmless(listed)}.")
    if len(warnings) > _MOST_WARNINGS:
        return (*warnings[:_MOST_WARNINGS], f"{len(warnings) - _MOST_WARNINGS} more such warnings are left out.")
    return tuple(warnings)


def _exceeds_budget(shown: Iterable[Shown]) -> bool:
    characters = lines = 0
    for value in shown:
        characters += min(len(value.text), _USUAL.characters) + min(sum(map(len, value.notes)), _USUAL.notes)
        lines += min(len(value.lines), _USUAL.lines) + len(value.notes)
    return characters > _BUDGET_CHARACTERS or lines > _BUDGET_LINES


def _shortened(value: Shown, file_name: str, limits: _Limits) -> tuple[Passage, tuple[AttachedFile, ...]]:
    lines = tuple(map(harmless, value.lines))
    notes = _few(value.notes, limits.notes)
    kept: list[str] = []
    room = limits.characters
    for line in lines[: limits.lines]:
        kept.append(_cut(line, room))
        room -= len(line) + 1
        if room <= 0:
            break
    if tuple(kept) == lines:
        return Passage(lines=lines, notes=notes, is_block=value.is_block), ()
    file = _file(file_name, value.lines)
    missing_lines = len(lines) - len(kept)
    missing = sum(map(len, lines)) - sum(map(len, kept))
    rows = f"{missing_lines:,} more line{'s' if missing_lines > 1 else ''}, " if missing_lines else ""
    sentence = f"Shortened: {rows}{missing:,} more characters are left out. The whole is in {_named(file)}."
    return Passage(lines=tuple(kept), notes=notes, left_out=sentence), (file,)


def _few(notes: tuple[str, ...], room: int) -> tuple[str, ...]:
    kept: list[str] = []
    for note in map(harmless, notes):
        if room <= 0:
            return (*kept, f"and {len(notes) - len(kept)} more notes")
        kept.append(note if len(note) <= room else f"{_cut(note, room)} ...")
        room -= len(note)
    return tuple(kept)


def _cut(line: str, limit: int) -> str:
    if len(line) <= limit:
        return line
    head = line[:limit]
    if head.rfind("⟨") > head.rfind("⟩"):  # never half a code
        head = head[: head.rfind("⟨")]
    return head.rstrip(" ")


def _file(name: str, lines: Iterable[str]) -> AttachedFile:
    return AttachedFile(name=name, content="".join(f"{harmless(line)}\n" for line in lines).encode())


def _named(file: AttachedFile) -> str:
    digest = hashlib.sha256(file.content).hexdigest()
    return f"the attached file {file.name} ({len(file.content):,} bytes, SHA-256 {digest})"
