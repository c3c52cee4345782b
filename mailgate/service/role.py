"""What a role is: something that runs until it is told to stop."""

from __future__ import annotations

import threading
from typing import Protocol


class Role(Protocol):
    """One of mailgate's long-running jobs; it runs in a thread of its own."""

    name: str

    def run(self, stop: threading.Event) -> None:
        """Work until ``stop`` is set."""
        ...
