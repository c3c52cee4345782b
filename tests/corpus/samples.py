"""Samples from outside the project: mails, and bodies without a header, with expectations beside them or without."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.corpus.reading import Expected, Result, explainer

_BODIES = {".txt": "plain", ".html": "html", ".htm": "html"}
_NAMES = ("expectations.json", "expected.json")


def samples(folder: Path) -> Iterator[tuple[str, bytes, Expected | None]]:
    """Yield name, bytes and expectation of every sample below a folder: ``.eml``, ``.txt``, ``.html``.

    A file ``expectations.json`` or ``expected.json`` beside them maps names without endings to what is expected, with the
    keys of `reading.Expected`, or ``verdict`` for what a mail means.
    """
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() == ".eml":
            yield str(path.relative_to(folder)), path.read_bytes(), _expected(path)
        elif kind := _BODIES.get(path.suffix.lower()):
            yield str(path.relative_to(folder)), _as_mail(path.read_bytes(), kind), _expected(path)


BY_HAND = Path(__file__).parent.parent / "replies"
"""Mails that were written by hand before there was a corpus, each for one case; their own tests know more about them."""


def by_hand() -> list[Result]:
    """Read the mails that were written by hand, as a group of their own."""
    return [replace(r, expected=replace(r.expected, group="written by hand")) for r in read_samples(BY_HAND)]


def read_samples(folder: Path) -> list[Result]:
    """Read every sample; where nothing is expected, what was read stands in for it, under the group ``unknown``."""
    results = []
    for name, raw, expected in samples(folder):
        found = explainer(("en",)).explain(raw)
        unknown = Expected(group="unknown", kind=found["kind"], level=found["level"], means=found["verdict"])
        results.append(Result(name=name, expected=expected or unknown, found=found))
    return results


def _as_mail(body: bytes, kind: str) -> bytes:
    """Return a mail around a body, from nobody whose name is known."""
    lines = body.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
    head = f"From: somebody@example.org\r\nContent-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    return head.encode() + lines


def _expected(path: Path) -> Expected | None:
    for name in _NAMES:
        if (path.parent / name).is_file():
            told = json.loads((path.parent / name).read_text(encoding="utf-8")).get(path.stem)
            return _from_told(told) if isinstance(told, dict) else None
    return None


def _from_told(told: dict[str, Any]) -> Expected:
    known = {key: value for key, value in told.items() if key in Expected.__dataclass_fields__}
    known.setdefault("means", told.get("verdict") or "none")
    known.setdefault("group", "samples")
    known.setdefault("level", "none")
    known.setdefault("clear", known["means"] in ("approve", "reject"))
    return Expected(**{**known, "words": tuple(known.get("words", ()))})
