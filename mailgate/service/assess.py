"""Ask the caller's own assessment (``assess = "module:function"``) how risky an action is; late or failing: as can be."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import structlog

from mailgate.model.confidence import Confidence

log = structlog.get_logger(__name__)

AT_A_TIME = 8
"""Assessments that may hang at the same time; beyond, a further one counts as late at once instead of piling up threads."""

_places = threading.BoundedSemaphore(AT_A_TIME)


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """Risk and confidence in [0, 1], and why they are not the assessment's own (empty: they are)."""

    risk: float
    confidence: Confidence
    doubt: str = ""


def assess(place: str, about: Mapping[str, Any], *, confidence: Confidence, seconds: float) -> Assessment:
    """Return what ``place`` says of an action.

    Args:
        place: ``module:function``; called with ``about`` as keywords (``action``, ``args``, ``agent``, ``run``,
            ``confidence``), it returns a mapping with ``risk``, and ``confidence`` where it knows better than the agent.
        confidence: the agent's own; used where the assessment names none.
        seconds: how long it may take; then it goes on in its thread, and nobody waits for what it says.
    """
    answers: list[Any] = []
    places = _places

    def ask() -> None:
        try:
            answers.append(_function(place)(**about))
        except BaseException as error:  # a caller's code, in a thread of its own: whatever it raises is no answer
            answers.append(error)
        finally:
            places.release()

    if not places.acquire(blocking=False):
        return _worst(place, f"{AT_A_TIME} assessments hang already")
    thread = threading.Thread(target=ask, name="mailgate-assess", daemon=True)
    thread.start()
    thread.join(seconds)
    if not answers:
        return _worst(place, f"it gave no answer within {seconds:g} seconds")
    return _read(place, answers[0], confidence)


def _read(place: str, answer: Any, confidence: Confidence) -> Assessment:
    if isinstance(answer, BaseException):
        return _worst(place, f"{type(answer).__name__}: {str(answer)[:200]}")
    if not isinstance(answer, Mapping) or not {"risk"} <= answer.keys() <= {"risk", "confidence"}:
        return _worst(place, f"it gave {str(answer)[:100]!r} instead of risk and confidence")
    for name, value in answer.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0.0 <= value <= 1.0:
            return _worst(place, f"its {name} is {str(value)[:40]!r}, no number from 0 to 1")
    own = Confidence(value=float(answer["confidence"])) if "confidence" in answer else confidence
    return Assessment(risk=float(answer["risk"]), confidence=own)


def _worst(place: str, why: str) -> Assessment:
    log.warning("assessment_failed", assess=place, why=why)
    doubt = f"{place} failed: {why}"
    return Assessment(risk=1.0, confidence=Confidence(value=0.0, doubt=doubt), doubt=doubt)


def _function(place: str) -> Callable[..., Any]:
    module, _, name = place.partition(":")
    # An agent's own program is imported already, as the main module; it must not run a second time.
    main = sys.modules.get("__main__")
    spec = getattr(main, "__spec__", None)
    found = main if spec is not None and spec.name == module else import_module(module)
    function: Callable[..., Any] = getattr(found, name)
    return function
