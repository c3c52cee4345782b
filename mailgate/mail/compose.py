"""One door from a letter to a mail: templates rendered, what they say checked, bytes written and read back.

The parts of it: ``mail/templates.py`` (files → text), ``mail/saying.py`` (does it say what the letter says),
``mail/writing.py`` (text → bytes). Nothing here sends, stores, or knows a secret's meaning.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mailgate.errors import ComposeError
from mailgate.mail.letter import AttachedFile, Letter
from mailgate.mail.saying import check_mail
from mailgate.mail.templates import Templates
from mailgate.mail.writing import EVIDENCE_NAME, MAX_ID, Headers, subject_line, usable_id, write_mail
from mailgate.model.stamps import visible_block, visible_hash

__all__ = [
    "EVIDENCE_NAME",
    "MAX_ID",
    "AttachedFile",
    "Headers",
    "Rendered",
    "Templates",
    "compose",
    "render",
    "shown_hash",
    "subject_line",
    "usable_id",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """The two parts of a mail; lines end in LF."""

    text: str
    html: str


def compose(
    letter: Letter,
    headers: Headers,
    templates: Templates,
    *,
    evidence: Callable[[str], bytes] | None = None,
    files: tuple[AttachedFile, ...] | None = None,
) -> bytes:
    """Return the bytes of the mail, to be sent as they are every time.

    Args:
        letter: live for the person, ``redacted(letter)`` for the archive.
        evidence: makes the exact bytes of ``mailgate-evidence.json``, if the mail carries records, from the digest of the
            visible block (:func:`mailgate.model.stamps.visible_hash`; empty where the mail has none).
        files: instead of ``letter.files``.

    Raises:
        ComposeError: a template, a header or a part that is not as it must be; nothing may be sent then.
    """
    rendered = render(letter, templates)
    attached = letter.files if files is None else files
    names = {file.name for file in attached}
    missing = sorted({file.name for file in letter.files} - names)
    if missing:
        raise ComposeError(f"The mail names {missing[0]}, which is not attached to it.")
    attachment = None if evidence is None else evidence(_shown(rendered.text))
    return write_mail(headers, rendered.text, rendered.html, evidence=attachment, files=attached)


def shown_hash(letter: Letter, templates: Templates) -> str:
    """Return the digest of what the mail of ``letter`` shows; of a redacted one, what can be kept while it is undecided.

    Raises:
        ComposeError: see :func:`render`.
    """
    return _shown(render(letter, templates).text)


def _shown(text: str) -> str:
    found = visible_block(text.split("\n"))
    return "" if found is None else visible_hash(found)


def render(letter: Letter, templates: Templates) -> Rendered:
    """Return both parts of the mail of ``letter``, checked against it.

    Raises:
        ComposeError: a template fails, leaves something out, or prints what could be taken for an answer.
    """
    context = {"letter": letter}
    text = templates.render(f"mail/{letter.kind}.txt.j2", context)
    html = templates.render(f"mail/{letter.kind}.html.j2", context)
    check_mail(letter, text, html)
    return Rendered(text=text, html=html)
