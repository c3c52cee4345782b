"""People's replies: which of them records name, and whether they are kept as they came. Standard library only."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mailgate.audit.spill import Spill
from mailgate.model.findings import Found, Kind
from mailgate.model.lifecycle import FINAL
from mailgate.model.records import Record


def replies_of(record: Record) -> Iterator[tuple[bytes, Mapping[str, str]]]:
    """Yield the digest (SHA-256) of each reply that a record is about, and the DNS records its signature was checked with."""
    body = record.body
    evidence, inbound = _mapping(body.get("evidence")), _mapping(body.get("inbound"))
    digests = (body.get("inbound_sha256"), evidence.get("inbound_sha256"), inbound.get("raw_sha256"))
    dns = {**_mapping(body.get("dns")), **_mapping(evidence.get("dns")), **_mapping(inbound.get("key"))}
    if isinstance(evidence.get("dkim_key_name"), str):
        dns[evidence["dkim_key_name"]] = evidence.get("dkim_key")
    for digest in dict.fromkeys(d for d in digests if isinstance(d, str) and len(d) == 64):
        try:
            yield bytes.fromhex(digest), {str(name): str(text) for name, text in dns.items()}
        except ValueError:
            continue


def dns_text(dns: Mapping[str, str]) -> str:
    """Return DNS records as one text, to be compared."""
    return json.dumps(dict(dns), sort_keys=True)


def check_replies(spill: Spill, records: Sequence[Record]) -> Iterator[Found]:
    """Yield what is wrong with the replies that are kept with the end of one request.

    Only those that came before the end have to be kept, with the mail that ends it: before, they could still decide.
    """
    end = next((r.index for r in records if str(r.body.get("outcome")) in FINAL), None)
    if end is None or not spill.first("select 1 from proven where idx = ? and archived", end):
        return
    place = _place_of(spill, end)
    named = {digest: (record, dns) for record in records for digest, dns in replies_of(record)}
    needed = {digest: record for digest, (record, _) in named.items() if record.index <= end}
    request = records[0].request
    kept = {
        digest: (signed, dns)
        for digest, signed, dns in spill.find("select digest, signed, dns from kept where request = ?", request)
    }
    for digest, (signed, dns) in kept.items():
        record = named[digest][0] if digest in named else None
        if signed == 0 or (record is not None and dns != dns_text(named[digest][1]) and named[digest][1]):
            why = "The reply kept here does not bear the signature that its sender's domain gave it."
            yield _found(Kind.DKIM_FAIL, why, record.index if record else end, request, place)
    altered = len(kept.keys() - named.keys())
    for digest, record in needed.items():
        if digest in kept:
            continue
        if altered:
            altered -= 1
            why = f"The reply that record {record.index} names by {digest.hex()[:16]} is another one here."
            yield _found(Kind.REPLY_ALTERED, why, record.index, request, place)
            continue
        other = spill.first("select place from mail where digest = ?", digest)
        where = f"a mail with these bytes is {other[0]}" if other else "it is nowhere here"
        why = f"The reply that record {record.index} names by {digest.hex()[:16]} is not kept with the end; {where}."
        yield _found(Kind.REPLY_DELETED, why, record.index, request, place)
    if altered and is_whole(records):
        yield _found(Kind.REPLY_ALTERED, "A reply is kept that no record names.", end, request, place)


def is_whole(records: Sequence[Record]) -> bool:
    """Return whether no record of a request is missing before its last one."""
    return [record.seq for record in records] == list(range(len(records)))


def _found(kind: Kind, why: str, index: int, request: str, place: str) -> Found:
    return Found(kind=kind, why=why, index=index, request=request, place=place)


def _place_of(spill: Spill, index: int) -> str:
    query = "select mail.place from carrier join mail on mail.id = carrier.mail where carrier.idx = ?"
    row = spill.first(query, index)
    return str(row[0]) if row else ""


def _mapping(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, Mapping) else {}
