"""Templates: from files to text. The shipped folder, with single files replaced by those of an override folder.

A mistake in a template is one sentence that names the file and the line, and no mail. What a template may show is in
``mail/letter.py``; what the result must say is checked in ``mail/compose.py``.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from jinja2 import (
    Environment,
    FileSystemLoader,
    StrictUndefined,
    Template,
    TemplateError,
    TemplateSyntaxError,
    select_autoescape,
)
from markupsafe import Markup, escape

from mailgate.errors import ComposeError
from mailgate.mail.folding import fold
from mailgate.mail.letter import RECORD_BEGINS, RECORD_ENDS

_ENDING = ".j2"


class Templates:
    """The loaded templates of mails and pages, named by their path below the folder (``mail/request.txt.j2``)."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._digest = ""

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
        templates = cls(environment)
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
