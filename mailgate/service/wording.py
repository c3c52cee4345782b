"""Sentences about a request: what an agent's model is told, and what people read. Values to text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from mailgate.mail.instants import format_instant
from mailgate.model.lifecycle import State
from mailgate.model.policy import Route
from mailgate.store.tables import Decision, Request


def sentence_for_model(request: Request, *, route: Route, state: State | None = None, reason: str | None = None) -> str:
    """Return the sentence to give a language model about where its action stands, or would stand in ``state``.

    Args:
        route: where a rejection leads.
        reason: of a rejection, as the records bear it out; the row's own if None.
    """
    what = request.action
    given = request.reason if reason is None else reason
    sentence = given if given.endswith((".", "!", "?")) else f"{given}."
    why = f" The reason given: {sentence}" if given else " No reason was given."
    match state or State(request.state):
        case State.PENDING | State.APPROVED | State.EXECUTING:
            return f"{what} waits for a person's approval. Stop here; you will be told the outcome."
        case State.IN_DOUBT:
            return f"{what} may have been started, and its outcome is not known. Do not try it again; a person is finding out."
        case State.SUCCEEDED:
            return f"{what} was approved by {request.decided_by or 'a person'} and has been carried out."
        case State.FAILED:
            effect = "It had no effect." if request.effect == "none" else "Whether it had an effect is not known."
            return f"{what} was approved and then failed: {request.error or 'no details'}. {effect} Do not simply repeat it."
        case State.REJECTED:
            return (
                f"A person rejected {what}.{why} Do not try this action again, neither the same "
                f"nor an equivalent one by other means. {_ROUTES[route]}"
            )
        case State.EXPIRED:
            return (
                f"Nobody answered in time about {what}, so it was not carried out. This is not a rejection by a person."
            )
        case State.LAPSED:
            return f"{what} was approved but not started in time, so it was not carried out."
        case State.WITHDRAWN:
            return f"The approval of {what} was taken back before it was carried out."
        case State.UNDELIVERABLE:
            return f"Nobody who may approve {what} could be reached, so it was not carried out."
        case State.CANCELLED:
            return f"{what} was cancelled and not carried out."


_ROUTES: Mapping[Route, str] = {
    "abort": "Stop this task here, and say why.",
    "reroute": "Find a way that does without it, or stop.",
    "escalate": "A person was asked to take this task over: leave it to them, and stop.",
}


def standing_of(request: Request, decisions: Sequence[Decision], names: Mapping[str, str], *, to: str = "") -> str:
    """Return the truth about what became of a request, in a sentence or two: who decided when, and what came of it.

    Args:
        decisions: the counted ones, oldest first.
        names: printed names by person.
        to: the id of the person who reads it, if known.
    """
    state = State(request.state)
    verdict = "reject" if state is State.REJECTED else "approve"
    mine = [d for d in decisions if d.person == to]
    ruling = [d for d in decisions if d.verdict == verdict and not d.undone_at][-1:] if state in _DECIDED else []
    said = [
        _said(d, "" if d.person == to else names[d.person]) for d in (*mine, *(d for d in ruling if d.person != to))
    ]
    ended_at = _moment(request.finished_at or request.created_at)
    lacking = "enough answers" if decisions else "an answer"
    return " ".join([*said, _CAME_OF_IT[state].format(at=ended_at, state=state.value, lacking=lacking)])


def _said(decision: Decision, name: str) -> str:
    word = "approved" if decision.verdict == "approve" else "rejected"
    who = f"It was already {word} by {name}" if name else f"You {word} it"
    undone = f", and that was taken back {_moment(decision.undone_at)}" if decision.undone_at else ""
    return f"{who} {_moment(decision.decided_at)}{undone}."


def _moment(at: datetime) -> str:
    day, clock = format_instant(at).split(", ")
    return f"at {clock} on {day}"


def summary_of(state: State) -> str:
    """Return what a state means to a person, in a few words."""
    return _SUMMARIES[state]


_SUMMARIES = {
    State.PENDING: "waiting for an answer",
    State.APPROVED: "approved, not started yet",
    State.EXECUTING: "being carried out",
    State.IN_DOUBT: "perhaps started, outcome unknown",
    State.SUCCEEDED: "approved and carried out",
    State.FAILED: "approved, but it failed",
    State.WITHDRAWN: "approval taken back, not carried out",
    State.LAPSED: "approved, but not started in time",
    State.REJECTED: "rejected, not carried out",
    State.EXPIRED: "expired without an answer, not carried out",
    State.UNDELIVERABLE: "nobody could be reached, not carried out",
    State.CANCELLED: "cancelled, not carried out",
}

_CAME_OF_IT = {
    State.PENDING: "It is still open.",
    State.APPROVED: "It may run, and has not started yet.",
    State.EXECUTING: "It is being carried out.",
    State.IN_DOUBT: "It may have been started, and nobody knows yet whether it came to its end.",
    State.SUCCEEDED: "It was run, and succeeded {at}.",
    State.FAILED: "It was run, and failed {at}.",
    State.REJECTED: "It is not run.",
    State.EXPIRED: "It expired {at} without {lacking}, and is not run.",
    State.UNDELIVERABLE: "It ended as {state} {at}: nobody who may approve it could be reached. It is not run.",
    State.LAPSED: "It ended as {state} {at}: it was approved, but not started in time. It is not run.",
    State.WITHDRAWN: "It ended as {state} {at}: the approval was taken back. It is not run.",
    State.CANCELLED: "It ended as {state} {at}: the question was taken back. It is not run.",
}

_DECIDED = frozenset({State.APPROVED, State.EXECUTING, State.IN_DOUBT, State.SUCCEEDED, State.FAILED, State.REJECTED})
"""States that a decision brought about, so that it belongs into a sentence on them."""
