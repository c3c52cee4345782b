"""Which line of which template printed something, so that a mistake in somebody's template is found where it was made."""

from __future__ import annotations

import html
import re
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

from mailgate.errors import ComposeError
from mailgate.mail.folding import squeezed
from mailgate.mail.letter import Letter
from mailgate.mail.templates import Piece, Templates

_TAG = re.compile(r"<[^>]*>")


def located(error: ComposeError, letter: Letter, templates: Templates) -> ComposeError:
    """Return ``error`` with the file and line that it is about in the place of its ``subject``.

    Where something is missing, the sentence names the replaced files that could print it, and the line of the shipped
    template that does.
    """
    if not error.subject or not error.message.startswith(error.subject):
        return error
    said = error.message.removeprefix(error.subject).rstrip(".")
    overrides = templates.overrides()
    found = [place for part, text in error.printed if (place := _find(templates, letter, part, text))]
    own = [place for place in found if place.file in overrides]
    # What stands in a block that another template filters comes from there: then the words themselves are looked for.
    own = own or [place for part, text in error.printed if (place := _written(overrides, part, text))]
    for place in (*own, *found):
        return ComposeError(f"{place.file}, line {place.line},{said}.")
    if error.missing is None:
        return error
    part, text = error.missing
    replaced = [file for file in overrides if file.match(f"mail/*.{part}.j2")]
    files = " or ".join(map(str, _taking_part(templates, letter, part, replaced) or replaced)) or error.subject
    there = _find(templates.shipped(), letter, part, text)
    says = f" (the shipped {there.file.parent.name}/{there.file.name} prints it in line {there.line})" if there else ""
    return ComposeError(f"{files}{said}{says}.")


def _written(files: Sequence[Path], part: str, text: str) -> Piece | None:
    """Return the line of one of ``files`` in which ``text`` is written out."""
    for file in files:
        if file.match(f"mail/*.{part}.j2"):
            for number, line in enumerate(file.read_text(encoding="utf-8").split("\n"), 1):
                if text and text in line:
                    return Piece(file=file, line=number, text=line)
    return None


def _find(templates: Templates, letter: Letter, part: str, text: str) -> Piece | None:
    """Return the piece in which ``text`` begins, as it is printed or, white space and tags aside, as it is seen."""
    pieces = list(templates.pieces(f"mail/{letter.kind}.{part}.j2", {"letter": letter}))
    whole = "".join(piece.text for piece in pieces)
    return _at(pieces, whole.find(text)) or _at(pieces, _seen(whole, text, is_html=part == "html"))


def _seen(whole: str, text: str, *, is_html: bool) -> int:
    """Return where ``text`` begins in ``whole`` if one reads both without white space, and HTML without its tags; or -1."""
    hidden = [False] * len(whole)
    for tag in _TAG.finditer(whole) if is_html else ():
        hidden[tag.start() : tag.end()] = [True] * (tag.end() - tag.start())
    places = [i for i, char in enumerate(whole) if not (hidden[i] or char.isspace())]
    wanted = squeezed(html.escape(text) if is_html else text)
    start = "".join(whole[i] for i in places).find(wanted) if wanted else -1
    return places[start] if start >= 0 else -1


def _at(pieces: Sequence[Piece], position: int) -> Piece | None:
    if position < 0:
        return None
    ends = list(accumulate(len(piece.text) for piece in pieces))
    piece = pieces[bisect_right(ends, position)]
    before = position - (ends[pieces.index(piece)] - len(piece.text))
    return Piece(file=piece.file, line=piece.line + piece.text[:before].count("\n"), text=piece.text)


def _taking_part(templates: Templates, letter: Letter, part: str, files: Sequence[Path]) -> list[Path]:
    printing = {piece.file for piece in templates.pieces(f"mail/{letter.kind}.{part}.j2", {"letter": letter})}
    return [file for file in files if file in printing]
