"""The library face: declare actions, open a session, call through the gate. Wiring is in ``runtime.py``."""

from __future__ import annotations

from mailgate.gate.actions import GatedAction, current_request
from mailgate.gate.library import Mailgate
from mailgate.gate.session import Session

__all__ = ["GatedAction", "Mailgate", "Session", "current_request"]
