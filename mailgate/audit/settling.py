"""Once all mails are in: whose signatures hold, which records are proven, and which of them the archive itself has.

Standard library only.
"""

from __future__ import annotations

from collections.abc import Iterator

from mailgate.audit.keyring import Keyring
from mailgate.audit.spill import Spill
from mailgate.model.findings import Found, Kind
from mailgate.model.merkle import Frontier, grow
from mailgate.model.notes import parse_signed_checkpoint
from mailgate.model.records import parse_record

_PROVEN = """
create table proven as select carrier.idx, carrier.leaf,
    max(case when carrier.recipient = '' or carrier.recipient in (select address from archive) then 1 else 0 end) archived
    from carrier join note on note.id = carrier.note where note.signed group by carrier.idx, carrier.leaf
"""


def settle(spill: Spill, keyring: Keyring) -> Iterator[Found]:
    """Yield what is not signed by any key of the log; afterwards the table ``proven`` holds what is."""
    spill.change("create index body_event on body (event, idx)")
    while _take_keys(spill, keyring) and _sign_again(spill, keyring):
        pass
    if _take_earlier_keys(spill, keyring):
        _sign_again(spill, keyring)
    yield from _unsigned(spill)
    yield from _unstamped(spill, keyring)
    _name_archive(spill)
    spill.change(_PROVEN)
    spill.change("create unique index proven_key on proven (idx, leaf)")


def _take_keys(spill: Spill, keyring: Keyring) -> bool:
    """Take the keys that proven records hand on; return whether there was a new one."""
    query = """select distinct body.raw from body join carrier using (idx, leaf) join note on note.id = carrier.note
        where body.event in ('key', 'genesis') and note.signed"""
    vkeys = [parse_record(raw).body.get("vkey") for (raw,) in list(spill.find(query))]
    taken = [keyring.add(vkey) for vkey in vkeys if isinstance(vkey, str)]
    return any(taken)


def _take_earlier_keys(spill: Spill, keyring: Keyring) -> bool:
    """Take the keys from before the ones that were given; return whether there was one.

    They stand in the first records, whose own checkpoints only they signed. But the tree that a later key signed holds those
    records, too: grown from all that claim to be in it, it has that root.
    """
    row = spill.first("select min(size) from note where signed")
    if row[0] is None or not spill.first("select 1 from note where not signed and size < ?", row[0]):
        return False
    size, roots = row[0], {r for (r,) in spill.find("select root from note where signed and size = ?", row[0])}
    claimed = spill.find("select idx, min(leaf) from carrier where idx < ? group by idx order by idx", size)
    frontier = Frontier()
    for expected, (index, leaf) in enumerate(claimed):
        if index != expected:
            return False
        frontier = grow(frontier, [leaf]).frontier
    if frontier.size != size or {frontier.root} != roots:
        return False
    query = """select raw from body where event in ('key', 'genesis') and idx < ?
        and leaf = (select min(leaf) from carrier where carrier.idx = body.idx)"""
    taken = [keyring.add(str(parse_record(raw).body.get("vkey"))) for (raw,) in spill.find(query, size)]
    return any(taken)


def _sign_again(spill: Spill, keyring: Keyring) -> bool:
    """Look at the checkpoints again that no key had signed; return whether one has now."""
    waiting = list(spill.find("select id, text from note where not signed"))
    signed = [number for number, text in waiting if keyring.has_signed(parse_signed_checkpoint(text))]
    for number in signed:
        spill.change("update note set signed = 1 where id = ?", number)
    return bool(signed)


def _unsigned(spill: Spill) -> Iterator[Found]:
    query = """select distinct carrier.idx, mail.place from note join carrier on carrier.note = note.id
        join mail on mail.id = carrier.mail where not note.signed"""
    for index, place in spill.find(query):
        why = "The checkpoint that its proof leads to is not signed by the log's key."
        yield Found(kind=Kind.PROOF_BAD, why=why, index=index, place=place)


def _unstamped(spill: Spill, keyring: Keyring) -> Iterator[Found]:
    query = """select stamp.text, stamp.signature, mail.place, min(carrier.idx) from stamp
        join mail on mail.id = stamp.mail left join carrier on carrier.mail = stamp.mail group by stamp.rowid"""
    for text, signature, place, index in spill.find(query):
        if not keyring.has_stamped(text, signature):
            why = "Its stamp, which binds what it shows to its records, is not signed by the log's key."
            yield Found(kind=Kind.PROOF_BAD, why=why, index=index, place=place)


def _name_archive(spill: Spill) -> None:
    """Find out which addresses are the archive's: seals say so; else it is whoever got most records."""
    spill.change("create table archive (address text primary key)")
    query = """select distinct body.raw from body join carrier using (idx, leaf) join note on note.id = carrier.note
        where body.event = 'seal' and note.signed"""
    said = {parse_record(raw).body.get("archive") for (raw,) in spill.find(query)}
    addresses = {address.lower() for address in said if isinstance(address, str) and address}
    if not addresses:
        most = spill.first("select recipient from carrier group by recipient order by count(distinct idx) desc limit 1")
        addresses = {most[0]} if most else set()
    for address in sorted(addresses):
        spill.change("insert into archive values (?)", address)
