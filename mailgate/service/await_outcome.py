"""Wait for a request to end, woken by every commit."""

from __future__ import annotations

from mailgate.chance import monotonic
from mailgate.errors import ApprovalPending
from mailgate.model.lifecycle import FINAL
from mailgate.service.context import Working
from mailgate.service.once import Once
from mailgate.service.resume import Outcome, is_proven, outcome_of
from mailgate.store.requests import get_request


def await_outcome(working: Working, request_id: str, timeout_seconds: float | None) -> Outcome:
    """Return the outcome of a request once it has one that the records bear out.

    Raises:
        ApprovalPending: it has none within ``timeout_seconds``.
        InvalidArguments: there is no such request.
    """
    end = None if timeout_seconds is None else monotonic() + timeout_seconds
    once = Once()
    while True:
        seen = working.store.pulse.count()
        with working.store.read() as tx:
            request = get_request(tx, request_id)
            if request.state in FINAL and is_proven(tx, working, request_id, once):
                return outcome_of(tx, working, request)
        left = 1.0 if end is None else end - monotonic()
        if left <= 0:
            raise ApprovalPending(
                f"Request {request_id} is still {request.state}.", request_id=request_id, status=request.state
            )
        working.store.pulse.wait(seen, min(left, 1.0))
