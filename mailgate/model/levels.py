"""How well the person behind a decision is proven, and what a gate wants of a yes. Standard library only."""

from __future__ import annotations

from enum import StrEnum


class Level(StrEnum):
    """How well the person behind a decision is proven, by the way it came (design section 8)."""

    NONE = "none"
    TOKEN = "token"  # noqa: S105 - a level's name: the reply came to the assignment's secret address
    ALIGNED = "aligned"  # and from that person's address, proven by aligned DKIM or DMARC
    LINK = "link"  # the page behind the mailed link
    LINK_CODE = "link+code"  # and the code printed in the mail
    LINK_FRESH_CODE = "link+fresh_code"  # and a code mailed to the registered address when the button was pressed
    DASHBOARD = "dashboard"  # logged in
    OPERATOR = "operator"  # at the shell of the serving machine


_LADDERS: tuple[tuple[Level, ...], ...] = (
    (Level.NONE, Level.TOKEN, Level.ALIGNED),
    (Level.NONE, Level.LINK, Level.LINK_CODE, Level.LINK_FRESH_CODE),
    (Level.NONE, Level.DASHBOARD),
    (Level.NONE, Level.OPERATOR),
)

PROVEN = frozenset({Level.ALIGNED, Level.LINK_FRESH_CODE, Level.DASHBOARD})
"""The levels that a gate with ``separation = "proven"`` accepts."""

BY_CONFIRMATION = {"button": Level.LINK, "code": Level.LINK_CODE, "fresh_code": Level.LINK_FRESH_CODE}
"""What pressing a button on the page has to prove for a yes, by the gate's ``web_confirm``."""


def meets(level: Level, needed: Level) -> bool:
    """Return whether ``level`` is at least ``needed``. Levels of different channels prove different things: never."""
    return any(
        needed in ladder and level in ladder and ladder.index(level) >= ladder.index(needed) for ladder in _LADDERS
    )


def takes_yes(level: Level, *, reply_level: Level, web_confirm: str, proven_only: bool) -> bool:
    """Return whether a yes that was proven at ``level`` counts at a gate with these settings.

    Args:
        reply_level: the least for a reply.
        web_confirm: what the page asks for (:data:`BY_CONFIRMATION`).
        proven_only: whether the gate has ``separation = "proven"``.
    """
    if level in PROVEN:
        return True
    return not proven_only and (meets(level, reply_level) or meets(level, BY_CONFIRMATION[web_confirm]))
