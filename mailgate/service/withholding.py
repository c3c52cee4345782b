"""Whether the bytes of a mail hold something that can still decide: people quote one request's mail when they answer another."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from mailgate.errors import TokenError
from mailgate.model.lifecycle import FINAL
from mailgate.service.context import Serving
from mailgate.store import Tx
from mailgate.store.answers import find_assignment, find_by_address, find_questions
from mailgate.store.requests import find_request
from mailgate.tokens import TOKEN_LENGTH, address_hash

_LINK = re.compile(rb"/d/([\w.\-]{20,400})")
_ADDRESS = re.compile(rb"(?i)(?<![a-z2-7])[a-z2-7]{%d}(?![a-z2-7])" % TOKEN_LENGTH)
_BASE64 = re.compile(rb"(?:[A-Za-z0-9+/]{60,76}\r?\n)+[A-Za-z0-9+/]*={0,2}")
_MOST = 200
"""Words that look like a secret, in one mail. Nobody quotes so many; who made them up does not want to be read."""


def can_still_decide(tx: Tx, serving: Serving, raw: bytes) -> bool:
    """Return whether ``raw`` holds a link or a secret address, encoded or not, of a request that has not ended."""
    links, addresses = set[str](), set[str]()
    for text in _readings(raw):
        links |= {found.decode() for found in _LINK.findall(text)}
        addresses |= {found.decode().lower() for found in _ADDRESS.findall(text)}
    if len(links) + len(addresses) > _MOST:
        return True
    named = (*_by_links(tx, serving, links), *_by_addresses(tx, addresses))
    return any((request := find_request(tx, name)) is not None and request.state not in FINAL for name in named)


def _readings(raw: bytes) -> Iterator[bytes]:
    """Yield a mail as it is, with the line breaks of quoted-printable undone, and what stands in it as base64.

    In each, what gateways write into links of their own is undone, too.
    """
    yield from map(unquote_to_bytes, (raw, re.sub(rb"=\r?\n", b"", raw)))
    for block in _BASE64.findall(raw):
        encoded = re.sub(rb"[\r\n=]", b"", block)
        yield unquote_to_bytes(base64.b64decode(encoded[: len(encoded) // 4 * 4]))


def _by_links(tx: Tx, serving: Serving, tokens: set[str]) -> Iterator[str]:
    for token in tokens:
        try:
            seat = find_assignment(tx, serving.links.read(token.rstrip(".")).assignment)
        except TokenError:
            continue
        if seat is not None:
            yield seat.request_id


def _by_addresses(tx: Tx, tokens: set[str]) -> Iterator[str]:
    for hashed in map(address_hash, tokens):
        yield from (seat.request_id for seat in find_by_address(tx, [hashed]))
        yield from (question.request_id for question in find_questions(tx, [hashed]))
