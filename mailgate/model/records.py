"""Records: the exact bytes of each event, as in-toto Statements. Whoever checks one hashes its bytes and never writes them
anew. What proves a record stands in :mod:`mailgate.model.evidence`. Standard library only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

STATEMENT = "https://in-toto.io/Statement/v1"
PREDICATE = "urn:mailgate:event:v1"

HEAD = frozenset({"log", "index", "event", "request", "seq", "time", "nonce"})
"""What every record says, by name; the rest is what its kind of event says besides."""


def build_record(
    *,
    log: str,
    index: int,
    event: str,
    request: str,
    seq: int,
    digest: bytes,
    at: datetime,
    nonce: bytes,
    body: Mapping[str, Any],
) -> bytes:
    """Return the exact bytes of one record.

    Args:
        seq: the record's place among those of its request, from 0; 0 where it is about none.
        digest: of the action, 32 bytes; empty for records about no request.
        nonce: 16 random bytes, so that nobody can guess a record from its hash.
        body: what this kind of event says besides; its names never hide those of every record.

    Raises:
        ValueError: a body with what JSON cannot hold.
    """
    predicate = dict(body) | {
        "log": log,
        "index": index,
        "event": event,
        "request": request,
        "seq": seq,
        "time": format_time(at),
        "nonce": nonce.hex(),
    }
    statement = {
        "_type": STATEMENT,
        "subject": [{"name": request or log, "digest": {"sha256": digest.hex()}}],
        "predicateType": PREDICATE,
        "predicate": predicate,
    }
    return json.dumps(statement, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")).encode()


def format_time(at: datetime) -> str:
    """Return an aware instant as RFC 3339 in UTC with milliseconds."""
    if at.tzinfo is None:
        raise ValueError(f"{at} has no time zone; an instant is aware UTC")
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A record, parsed. ``body`` is everything it says; ``digest`` that of the action it is about, or empty."""

    log: str
    index: int
    event: str
    request: str
    seq: int
    digest: bytes
    at: datetime
    body: Mapping[str, Any]


def parse_record(raw: bytes) -> Record:
    """Return a record's parts.

    Raises:
        ValueError: bytes that are no record of ours, names given twice, or values of another type.
    """
    try:
        # Given bytes, the JSON reader would guess an encoding; records are UTF-8.
        statement = json.loads(raw.decode(), object_pairs_hook=_once, parse_constant=_no_constant)
        [subject], predicate = statement["subject"], statement["predicate"]
        if statement["_type"] != STATEMENT or statement["predicateType"] != PREDICATE:
            raise ValueError("not a mailgate record")
        whole = all(type(predicate[key]) is int and predicate[key] >= 0 for key in ("index", "seq"))
        if not whole or not all(
            isinstance(predicate[key], str) for key in ("log", "event", "request", "time", "nonce")
        ):
            raise ValueError("not the types of a record")
        at, digest = datetime.fromisoformat(predicate["time"]), bytes.fromhex(subject["digest"]["sha256"])
        said = (predicate["time"], subject["digest"]["sha256"], subject["name"])
        if said != (format_time(at), digest.hex(), predicate["request"] or predicate["log"]):
            raise ValueError("not in the form of a record")
        return Record(
            log=predicate["log"],
            index=predicate["index"],
            event=predicate["event"],
            request=predicate["request"],
            seq=predicate["seq"],
            digest=digest,
            at=at,
            body=predicate,
        )
    except (KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise ValueError("not a mailgate record") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is given twice, so that two readers may see two things")
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
