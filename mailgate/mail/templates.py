"""Templates: from files to text. The shipped folder, with single files replaced by those of an override folder.

A mistake in a template is one sentence that names the file and the line, and no mail. What a template may show is in
``mail/letter.py``; what the result must say is checked in ``mail/compose.py``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import TracebackType
from typing import Any

from jinja2 import (
    Environment,
    FileSystemLoader,
    StrictUndefined,
    Template,
    TemplateError,
    TemplateSyntaxError,
    select_autoescape,
)
from jinja2.meta import find_referenced_templates
from markupsafe import Markup, escape

from mailgate.errors import ComposeError
from mailgate.mail.folding import fold
from mailgate.mail.letter import RECORD_BEGINS, RECORD_ENDS

_ENDING = ".j2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Something that a template prints: the text, and the file and line that print it."""

    file: Path
    line: int
    text: str


class Templates:
    """The loaded templates of mails and pages, named by their path below the folder (``mail/request.txt.j2``)."""

    def __init__(self, environment: Environment, folders: Sequence[Path]) -> None:
        self._environment = environment
        self._digest = ""
        self._folders = tuple(folders)

    @classmethod
    def load(cls, shipped: Path, override: Path | None = None) -> Templates:
        """Return the templates of ``shipped``; a file of the same name in ``override`` replaces one.

        Raises:
            ComposeError: a folder that is not there, or a template that does not compile.
        """
        folders = [folder for folder in (override, shipped) if folder is not None]
        for folder in folders:
            if not folder.is_dir():
                raise ComposeError(f"The template folder {folder} does not exist; correct mailgate.templates.")
        environment = Environment(
            loader=FileSystemLoader(folders),
            undefined=StrictUndefined,
            autoescape=select_autoescape(enabled_extensions=(f"html{_ENDING}",), default=False),
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters |= {"fold": fold, "spaced": spaced}
        environment.globals |= {"record_begins": RECORD_BEGINS, "record_ends": RECORD_ENDS}
        templates = cls(environment, folders)
        templates._check_names()
        for name in templates.names():
            templates._compile(name)
        return templates

    def names(self) -> list[str]:
        """Return the names of all templates of mails and pages, sorted."""
        found = self._environment.list_templates(filter_func=lambda name: name.endswith(_ENDING))
        return [name for name in found if name.startswith(("mail/", "web/"))]

    def render(self, name: str, context: Mapping[str, object]) -> str:
        """Return the text of template ``name``; lines end in LF without trailing blanks, never two empty ones in a row.

        Raises:
            ComposeError: an unknown name, an undefined variable, or any other failure inside the template.
        """
        template = self._compile(name)
        try:
            text = template.render(context)
        except (TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            where = _place(error.__traceback__) or f"the template {name}"
            raise ComposeError(f"A mail or page cannot be made: {where} fails with: {_reason(error)}.") from error
        lines = "\n".join(line.rstrip(" \t\r") for line in text.split("\n"))
        return re.sub(r"\n{3,}", "\n\n", lines).strip("\n") + "\n"

    def pieces(self, name: str, context: Mapping[str, object]) -> Iterator[Piece]:
        """Yield what template ``name`` prints, piece by piece, each with the line it comes from; blanks are left as they are.

        A piece that a macro or filter made comes from the line that called it.
        """
        files = {template.filename: template for template in map(self._compile, self.names())}
        running: Any = self._compile(name).root_render_func(self._compile(name).new_context(dict(context)))
        for text in running:
            inner = running
            while (
                getattr(inner.gi_yieldfrom, "gi_frame", None) is not None
            ):  # a template that this one extends, a block
                inner = inner.gi_yieldfrom
            template = files[inner.gi_frame.f_code.co_filename]
            yield Piece(
                file=Path(template.filename or name),
                line=template.get_corresponding_lineno(inner.gi_frame.f_lineno),
                text=text,
            )

    def overrides(self) -> list[Path]:
        """Return the files of the override folder, sorted."""
        if len(self._folders) < 2:
            return []
        return [file for name in self.names() if (file := self._folders[0] / name).is_file()]

    def shipped(self) -> Templates:
        """Return the templates without those of an override folder."""
        return Templates.load(self._folders[-1])

    def digest(self) -> str:
        """Return the SHA-256 (hex) of all mail templates, names and sources, for the record of what was shown."""
        if self._digest:
            return self._digest
        total = hashlib.sha256()
        loader = self._environment.loader
        assert loader is not None
        for name in self.names():
            if name.startswith("mail/"):
                source = loader.get_source(self._environment, name)[0].encode()
                total.update(f"{name} {len(source)}\n".encode() + source)
        self._digest = total.hexdigest()
        return self._digest

    def _check_names(self) -> None:
        """Refuse a file in the override folder that replaces nothing and that no template uses: its name has a slip in it."""
        own = {file.relative_to(self._folders[0]).as_posix() for file in self.overrides()}
        unused = (
            sorted(own - {name for name in own if (self._folders[-1] / name).is_file()} - self._used()) if own else []
        )
        if unused:
            alike = get_close_matches(unused[0], [name for name in self.names() if name not in unused], 1)
            hint = f"; did you mean {alike[0]}?" if alike else "."
            raise ComposeError(f"{self._folders[0] / unused[0]} replaces no template, and none uses it{hint}")

    def _used(self) -> set[str]:
        loader = self._environment.loader
        assert loader is not None
        used: set[str] = set()
        for name in self.names():
            try:
                tree = self._environment.parse(loader.get_source(self._environment, name)[0])
            except TemplateSyntaxError:
                continue  # said when it is compiled
            used |= {found for found in find_referenced_templates(tree) if found}
        return used

    def _compile(self, name: str) -> Template:
        try:
            return self._environment.get_template(name)
        except TemplateSyntaxError as error:
            raise ComposeError(f"The template {error.name}, line {error.lineno}, is wrong: {error.message}") from error
        except (TemplateError, UnicodeDecodeError, OSError) as error:
            raise ComposeError(f"The template {name} cannot be read: {_reason(error)}.") from error


def spaced(text: str) -> Markup:
    """Return ``text`` escaped for HTML with every blank of a run kept: browsers print only the first one."""
    runs_kept = re.sub(r"(?<= ) |^ ", "\N{NO-BREAK SPACE}", str(text))
    return Markup("&nbsp;").join(map(escape, runs_kept.split("\N{NO-BREAK SPACE}")))


def _place(traceback: TracebackType | None) -> str:
    place = ""
    while traceback is not None:  # the innermost frame that is a template
        file = traceback.tb_frame.f_code.co_filename
        if file.endswith(_ENDING):
            place = f"the template {'/'.join(Path(file).parts[-2:])}, line {traceback.tb_lineno},"
        traceback = traceback.tb_next
    return place


def _reason(error: Exception) -> str:
    return str(error).rstrip(".") or type(error).__name__
