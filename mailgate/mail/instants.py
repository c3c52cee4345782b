"""Moments as people read them: always with their zone, never depending on the machine's locale."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from mailgate.errors import ComposeError

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def format_instant(at: datetime, zone: str = "UTC", *, seconds: bool = False) -> str:
    """Return ``Tue 24 Nov 2026, 18:00 UTC``, or ``… 19:00 in Europe/Berlin (UTC+01:00)``.

    Without ``seconds`` the minute is rounded down, so that a printed deadline is never later than the real one.

    Raises:
        ComposeError: a naive time, or a zone that this machine does not know.
    """
    if at.tzinfo is None:
        raise ComposeError("A time without a zone cannot be printed; pass an aware one.")
    try:
        local = at.astimezone(UTC if zone == "UTC" else ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ComposeError(f"{zone!r} is not a time zone this machine knows; use a name like Europe/London.") from error
    clock = f"{local:%H:%M:%S}" if seconds else f"{local:%H:%M}"
    day = f"{_DAYS[local.weekday()]} {local.day} {_MONTHS[local.month - 1]} {local.year}, {clock}"
    if zone == "UTC":
        return f"{day} UTC"
    offset = local.strftime("%z")
    return f"{day} in {zone} (UTC{offset[:3]}:{offset[3:5]})"


def format_clock(at: datetime, zone: str = "UTC") -> str:
    """Return ``18:00 UTC``, or ``18:00 UTC (19:00 in Europe/Berlin)``, for what is a few hours away at most.

    Raises:
        ComposeError: see :func:`format_instant`.
    """
    utc = format_instant(at).partition(", ")[2]
    if zone == "UTC":
        return utc
    return f"{utc} ({format_instant(at, zone).partition(', ')[2].partition(' (')[0]})"
