"""``mailgate …``, killed at one exact moment: ``CRASH_AT=module:function:before python -m tests.e2e.crash serve``.

The first call of that function, or its return (``after``), is the moment. Leases and claims are short here, so that
whoever comes next need not wait for as long as a real one would.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import os
import signal
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from mailgate.cli import main
from mailgate.service import deliver, fetch, roles

SHORT = timedelta(seconds=0.5)


def dying(function: Callable[..., Any], when: str) -> Callable[..., Any]:
    """Return ``function``, at whose call or return this process is killed."""

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    @functools.wraps(function)
    def plain(*args: Any, **kwargs: Any) -> Any:
        if when == "before":
            die()
        result = function(*args, **kwargs)
        die()
        return result

    @functools.wraps(function)
    async def waiting(*args: Any, **kwargs: Any) -> Any:
        if when == "before":
            die()
        result = await function(*args, **kwargs)
        die()
        return result

    return waiting if inspect.iscoroutinefunction(function) else plain


def arm(moment: str) -> None:
    """Put the death into place."""
    module_name, path, when = moment.split(":")
    *owners, name = path.split(".")
    owner: Any = importlib.import_module(module_name)
    for step in owners:
        owner = getattr(owner, step)
    setattr(owner, name, dying(getattr(owner, name), when))


if __name__ == "__main__":
    roles.LEASE = fetch.LEASE = SHORT
    deliver.CLAIM = timedelta(seconds=1)
    arm(os.environ["CRASH_AT"])
    main()
