"""A request's course as a picture: one mark for each record, from left to right, with the time that passed between. Inline SVG.

It prints in black and white: what a mark means is in its shape and its words, colour only helps. Standard library only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from html import escape

from mailgate.audit.cases import Case, Step
from mailgate.mail.characters import one_line

IN_A_ROW = 7
_STEP, _ROW, _LEFT, _LINE = 102, 92, 54, 40  # units of the picture: a third of a millimetre on A4

_YES, _NO, _END, _RUN, _OTHER = "yes", "no", "end", "run", "other"
_KINDS = {
    "approved": _YES,
    "rejected": _NO,
    "executing": _RUN,
    "in_doubt": _NO,
    "outcome": _END,
    "settled": _END,
    "expired": _END,
    "lapsed": _END,
    "cancelled": _END,
    "undeliverable": _END,
}
_MARKS = {
    _YES: '<circle class="yes" cx="{x}" cy="{y}" r="8"/>',
    _NO: '<path class="no" d="M{x} {top}l9 9l-9 9l-9-9z"/>',
    _END: '<rect class="end" x="{left}" y="{top}" width="16" height="16"/>',
    _RUN: '<path class="run" d="M{left} {top}l16 8l-16 8z"/>',
    _OTHER: '<circle class="other" cx="{x}" cy="{y}" r="5"/>',
}


def picture(case: Case) -> Iterator[str]:
    """Yield the picture of a request's course."""
    rows = [case.steps[at : at + IN_A_ROW] for at in range(0, len(case.steps), IN_A_ROW)]
    width, height = _LEFT * 2 + _STEP * (IN_A_ROW - 1), _ROW * len(rows)
    said = "; ".join(f"{step.what}{f' by {step.who}' if step.who else ''} at {step.at:%H:%M:%S}" for step in case.steps)
    yield f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{_safe(said)}">\n'
    before: Step | None = None
    for number, row in enumerate(rows):
        yield from _row(row, before, number)
        before = row[-1]
    yield "</svg>\n"


def passed(length: timedelta) -> str:
    """Return how much time passed, in one unit: ``3 min``."""
    seconds = length.total_seconds()
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s" if seconds >= 1 else "at once"


def _row(steps: Sequence[Step], before: Step | None, number: int) -> Iterator[str]:
    y = number * _ROW + _LINE
    for place, step in enumerate(steps):
        x = _LEFT + place * _STEP
        if place or before is not None:
            start = x - _STEP if place else 0
            yield f'<path class="way" d="M{start} {y}H{x}"/>\n'
        if before is not None:
            middle = x - _STEP // 2 if place else _LEFT // 2
            yield f'<text class="passed" x="{middle}" y="{y - 7}">{passed(step.at - before.at)}</text>\n'
        yield from _mark(step, x, y, is_new_day=before is None or before.at.date() != step.at.date())
        before = step


def _mark(step: Step, x: int, y: int, *, is_new_day: bool) -> Iterator[str]:
    kind = _KINDS.get(step.event, _KINDS.get(step.what, _END if step.ends else _OTHER))
    yield _MARKS[kind].format(x=x, y=y, left=x - 8, top=y - (9 if kind == _NO else 8)) + "\n"
    yield f'<text class="what" x="{x}" y="{y - 18}">{_safe(_short(step.what))}</text>\n'
    yield f'<text class="who" x="{x}" y="{y + 22}">{_safe(_short(step.who))}</text>\n'
    day = f"{step.at:%Y-%m-%d} " if is_new_day else ""
    yield f'<text class="at" x="{x}" y="{y + 35}">{day}{step.at:%H:%M:%S}</text>\n'


def _short(text: str) -> str:
    return text if len(text) <= 20 else f"{text[:19]}…"


def _safe(text: str) -> str:
    return escape(one_line(text))
