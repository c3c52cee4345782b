"""`mailgate serve`, with one thing more: it writes down when the mail server pushed news."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from mailgate.cli import main
from mailgate.mail.imap import ImapMailbox

_listen = ImapMailbox._listen
_pushes = Path(os.environ["BENCH_PUSHES"])


def _noting(self: ImapMailbox, seconds: float) -> Any:
    news = _listen(self, seconds)
    if news:
        at = time.time()
        with _pushes.open("a") as file:
            file.write(f"{at}\n")
    return news


ImapMailbox._listen = _noting  # type: ignore[method-assign]
main()
