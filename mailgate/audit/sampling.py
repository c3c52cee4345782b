"""A sample of an archive: the whole threads of some requests, drawn so that anybody can draw them again. Standard library only."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mailgate.model.records import Record

GROUND = frozenset({"genesis", "key", "policy", "people", "redaction"})
"""Kinds of records that others are judged by: a sample has the mails that carry them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """How many requests to draw, and by which seed: the same seed draws the same requests, whoever draws."""

    count: int
    seed: str

    def of(self, requests: Iterable[str]) -> frozenset[str]:
        """Return the requests that are drawn: those whose hash with the seed comes first.

        By hand: ``printf 'SEED\\nREQUEST' | sha256sum`` for each, then sort.
        """
        drawn = sorted(requests, key=lambda request: hashlib.sha256(f"{self.seed}\n{request}".encode()).digest())
        return frozenset(drawn[: self.count])


def belongs(records: Sequence[Record], chosen: frozenset[str]) -> bool:
    """Return whether a mail with ``records`` belongs into the sample with the ``chosen`` requests."""
    return any(r.request in chosen or (not r.request and r.event in GROUND) for r in records)


def format_counts(counts: Mapping[str, int]) -> str:
    """Return the requests of a sample, with how many records each has, as one line."""
    return " ".join(f"{request}:{count}" for request, count in counts.items())


def parse_counts(line: str) -> dict[str, int]:
    """Return what :func:`format_counts` wrote.

    Raises:
        ValueError: anything else.
    """
    pairs = [word.partition(":") for word in line.split()]
    return {request: int(count) for request, _, count in pairs}
