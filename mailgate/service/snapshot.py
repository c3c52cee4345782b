"""The agent's own state on its way into a checkpoint: bytes, and what they are."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from mailgate.errors import InvalidArguments


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The agent's own state: bytes with a media type, and the version its writer gave it."""

    body: bytes
    media_type: str
    version: str = ""


def snapshot_of(state: Any, version: str) -> Snapshot | None:
    """Return ``state`` as bytes: itself, ``(bytes, media type)``, or JSON; a callable is asked for it; None is none.

    Raises:
        InvalidArguments: a state that JSON cannot hold.
    """
    if callable(state):
        state = state()
    if state is None:
        return None
    if isinstance(state, bytes):
        return Snapshot(body=state, media_type="application/octet-stream", version=version)
    if isinstance(state, tuple) and len(state) == 2 and isinstance(state[0], bytes):
        return Snapshot(body=state[0], media_type=str(state[1]), version=version)
    try:
        body = json.dumps(state, ensure_ascii=False, allow_nan=False).encode()
    except (TypeError, ValueError, UnicodeEncodeError) as error:
        raise InvalidArguments(
            f"The state cannot be stored as JSON ({error}); pass bytes and a media type instead."
        ) from error
    return Snapshot(body=body, media_type="application/json", version=version)
