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
"""What a yes on the page is proven as, by the gate's ``web_confirm``."""


def meets(level: Level, needed: Level) -> bool:
    """Return whether ``level`` is at least ``needed``. Levels of different channels prove different things: never."""
    return any(
        needed in ladder and level in ladder and ladder.index(level) >= ladder.index(needed) for ladder in _LADDERS
    )
