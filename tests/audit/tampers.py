"""Everything somebody may do to an archive, each as a function that does it to some mail of a scene.

None of these hands has the log key; what its holder can do is in ``forgeries.py``.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import format_datetime, parsedate_to_datetime
from functools import lru_cache
from typing import Any

from mailgate.audit.domains import check_dkim
from mailgate.audit.keyring import Keyring
from mailgate.audit.reading import Item
from mailgate.audit.verdicts import Report
from mailgate.audit.verify import verify
from mailgate.model.evidence import LogSigner, build_record, verify_ed25519
from mailgate.model.findings import HARMLESS, Kind
from mailgate.model.merkle import Frontier, grow, leaf_hash, prove_inclusion
from mailgate.model.notes import Proof, parse_proof
from mailgate.model.records import Record
from mailgate.model.stamps import BEGINS, ENDS
from tests.audit.cloning import stamped
from tests.audit.mails import Opened, b64, open_mail, unb64, write
from tests.audit.story import DKIM_NAME, dkim_record, signed_reply


@dataclass(frozen=True)
class Expected:
    """What verifying must find: the kind (None: any that means harm), and the record or the mail that it must name."""

    kind: Kind | None
    index: int | None = None
    place: str | None = None

    def is_in(self, report: Report) -> bool:
        """Return whether it was found."""
        return any(
            (found.kind is self.kind if self.kind else found.kind not in HARMLESS)
            and (self.index is None or found.index == self.index)
            and (self.place is None or found.place == self.place)
            for found in report.found
        )


_opened = lru_cache(maxsize=512)(open_mail)


@dataclass
class Scene:
    """An archive that is being tampered with, mail by mail; each thread is touched once, so that hands do not meet."""

    mails: list[bytes | None]
    chance: random.Random
    added: list[bytes] = field(default_factory=list)
    touched: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Take every mail apart; what is taken apart here is only looked at."""
        self.opened = [_opened(raw) for raw in self.mails if raw is not None]
        self.owns = [mail.own for mail in self.opened]

    def pick(self, wanted: Callable[[Opened, Record], Any] = lambda mail, own: True) -> int:
        """Return the number of a mail of an untouched thread that is like that; neither the last one nor a seal."""
        found = [
            n
            for n, own in enumerate(self.owns[:-1])
            if own.request and own.request not in self.touched and wanted(self.opened[n], own)
        ]
        number = self.chance.choice(found)
        self.touched.add(self.owns[number].request)
        return number

    def change(self, number: int) -> Opened:
        """Return a mail, apart, to be changed; :meth:`put` writes it."""
        raw = self.mails[number]
        assert raw is not None
        return open_mail(raw)

    def put(self, number: int, mail: Opened | bytes | None) -> None:
        """Put a changed mail in its place; None: nothing."""
        self.mails[number] = mail.write() if isinstance(mail, Opened) else mail

    def items(self) -> Iterator[Item]:
        """Return the mails as an archive has them."""
        return items_of([*self.mails, *self.added])


Tamper = Callable[[Scene], list[Expected]]


def items_of(mails: Iterable[bytes | None]) -> Iterator[Item]:
    """Yield mails as an archive has them; None: there is none in this place."""
    for number, raw in enumerate(mails):
        if raw is not None:
            yield Item(place=place(number), raw=raw, size=len(raw))


def place(number: int) -> str:
    """Return where a mail of a scene lies."""
    return f"mail {number}"


__all__ = ["TAMPERS", "Expected", "Scene", "Tamper", "check_dkim", "items_of", "verified"]


def verified(items: Any, vkey: str, **options: Any) -> Report:
    """Verify mails with the package's own Ed25519."""
    return verify(items, Keyring(vkey, verify_ed25519), **options)


# Deleting.


def delete_a_mail(s: Scene) -> list[Expected]:
    """Delete one mail."""
    number = s.pick()
    s.put(number, None)
    return [Expected(Kind.MAIL_DELETED, index=s.owns[number].index)]


def delete_a_thread(s: Scene) -> list[Expected]:
    """Delete every mail about one request."""
    request = s.owns[s.pick()].request
    gone = [n for n, own in enumerate(s.owns) if own.request == request]
    for number in gone:
        s.put(number, None)
    return [Expected(Kind.MAIL_DELETED, index=s.owns[number].index) for number in gone]


def delete_a_seal(s: Scene) -> list[Expected]:
    """Delete a mail that seals the log, and its riders with it."""
    found = [n for n, own in enumerate(s.owns[:-1]) if own.event == "seal" and s.mails[n] is not None]
    number = s.chance.choice(found)
    s.put(number, None)
    return [Expected(Kind.MAIL_DELETED, index=s.owns[number].index)]


def delete_a_reply(s: Scene) -> list[Expected]:
    """Take a person's reply out of the mail that ends the request."""
    number = s.pick(lambda mail, own: mail.evidence.get("inbound"))
    mail = s.change(number)
    mail.evidence["inbound"].pop(s.chance.randrange(len(mail.evidence["inbound"])))
    s.put(number, mail)
    return [Expected(Kind.REPLY_DELETED, place=place(number))]


# Changing records.


def change_a_record(s: Scene) -> list[Expected]:
    """Change a value in a record."""
    number = s.pick()
    mail = s.change(number)
    entry = s.chance.choice(mail.evidence["records"])
    index = _change_record(s, entry)
    s.put(number, mail)
    return [Expected(Kind.RECORD_ALTERED, index=index, place=place(number))]


def change_a_record_and_all_that_shows_it(s: Scene) -> list[Expected]:
    """Change an amount in the record, in both texts, and in the copies that later mails have."""
    number = s.pick(lambda mail, own: own.event == "request" and "order" in mail.text)
    index = s.owns[number].index
    order = re.search(r"order: \"(A-\d+)\"", s.opened[number].text)
    assert order is not None
    other = f"B-{s.chance.randrange(10**6)}"
    old = s.opened[number].evidence["records"][-1]["record"]
    new = b64(unb64(old).replace(f'\\"{order[1]}\\"'.encode(), f'\\"{other}\\"'.encode()))
    assert new != old
    for n, own in enumerate(s.owns):
        if own.request == s.owns[number].request:
            mail = s.change(n)
            mail.text, mail.html = mail.text.replace(order[1], other), mail.html.replace(order[1], other)
            for entry in mail.evidence["records"]:
                entry["record"] = new if entry["record"] == old else entry["record"]
            mail.evidence["thread"] = [new if text == old else text for text in mail.evidence["thread"]]
            mail.evidence["stamp"]["leaves"] = [
                leaf_hash(unb64(new)).hex() if leaf == leaf_hash(unb64(old)).hex() else leaf
                for leaf in mail.evidence["stamp"]["leaves"]
            ]
            s.put(n, mail)
    return [Expected(Kind.RECORD_ALTERED, index=index, place=place(number))]


def garble_a_record(s: Scene) -> list[Expected]:
    """Change one byte of a record, whichever."""
    number = s.pick()
    mail = s.change(number)
    entry = s.chance.choice(mail.evidence["records"])
    raw = bytearray(unb64(entry["record"]))
    raw[s.chance.randrange(len(raw))] ^= 1 << s.chance.randrange(8)
    entry["record"] = b64(bytes(raw))
    s.put(number, mail)
    return [Expected(Kind.RECORD_ALTERED, place=place(number))]


def change_a_copy_in_a_thread(s: Scene) -> list[Expected]:
    """Change the copy of an earlier record that a later mail has."""
    number = s.pick(lambda mail, own: mail.evidence["thread"])
    mail = s.change(number)
    thread = mail.evidence["thread"]
    n = s.chance.randrange(len(thread))
    entry = {"record": thread[n]}
    _change_record(s, entry)
    thread[n] = entry["record"]
    s.put(number, mail)
    return [Expected(Kind.RECORD_ALTERED, place=place(number))]


def _change_record(s: Scene, entry: dict[str, Any]) -> int:
    """Change a value of a record that says something; return its index."""
    said = json.loads(unb64(entry["record"]))
    predicate = said["predicate"]
    name = s.chance.choice([n for n in predicate if n not in ("index", "log", "request", "nonce", "time")])
    predicate[name] = {"changed": s.chance.random()}
    entry["record"] = b64(json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode())
    return int(predicate["index"])


# Changing what is seen.


def change_the_text(s: Scene) -> list[Expected]:
    """Change a letter or a digit within the block of the text."""
    number = s.pick()
    mail = s.change(number)
    mail.text = _change_block(s, mail.text, 0)
    s.put(number, mail)
    return [Expected(Kind.BODY_ALTERED, index=s.owns[number].index, place=place(number))]


def change_the_html(s: Scene) -> list[Expected]:
    """Change a letter or a digit that the page shows within the block."""
    number = s.pick()
    mail = s.change(number)
    mail.html = _change_block(s, mail.html, 1)
    s.put(number, mail)
    return [Expected(Kind.BODY_ALTERED, index=s.owns[number].index, place=place(number))]


def add_to_the_block(s: Scene) -> list[Expected]:
    """Write a sentence into the block, in text and HTML alike."""
    number = s.pick()
    mail = s.change(number)
    mail.text = mail.text.replace(ENDS, f"This was approved.\n\n{ENDS}")
    mail.html = mail.html.replace("</h1>", "</h1><p>This was approved.</p>")
    s.put(number, mail)
    return [Expected(Kind.BODY_ALTERED, index=s.owns[number].index, place=place(number))]


def hide_within_the_block(s: Scene) -> list[Expected]:
    """Hide a part of the page from its reader, and leave it in the mail."""
    number = s.pick()
    mail = s.change(number)
    hidden = s.chance.choice(
        (
            '<span style="display:none">',
            "<span hidden>",
            '<span style="font-size: 0px">',
            '<span style="Visibility: hidden">',
            "<s>",
            '<span title="',
        )
    )
    mail.html = re.sub(r"<bdi dir=\"ltr\">", lambda m: f"{hidden}{m[0]}", mail.html, count=1)
    s.put(number, mail)
    return [Expected(Kind.BODY_ALTERED, index=s.owns[number].index, place=place(number))]


def tear_the_block(s: Scene) -> list[Expected]:
    """Take one of the two lines of the block away, or all of it, in one form of the mail."""
    number = s.pick()
    mail = s.change(number)
    begin, end = mail.text.index(BEGINS), mail.text.index(ENDS)
    match s.chance.randrange(4):
        case 0:
            mail.text = mail.text.replace(BEGINS, "")
        case 1:
            mail.html = mail.html.replace(ENDS, "")
        case 2:
            mail.text = mail.text[:begin] + "This was rejected." + mail.text[end + len(ENDS) :]
        case 3:
            mail.html = "<p>This was rejected.</p>"
    s.put(number, mail)
    return [Expected(Kind.BODY_ALTERED, index=s.owns[number].index, place=place(number))]


def _change_block(s: Scene, words: str, is_html: int) -> str:
    begin, end = words.index(BEGINS) + len(BEGINS), words.index(ENDS)
    pattern = r"(?<=>)[^<>&]*?([A-Za-z0-9])" if is_html else r"(?<!\S)[^\s]*?([A-Za-z0-9])"
    spots = [m.start(1) for m in re.finditer(pattern, words) if begin < m.start(1) < end]
    at = s.chance.choice(spots)
    other = s.chance.choice([c for c in "abcXYZ123789" if c != words[at]])
    return words[:at] + other + words[at + 1 :]


# Changing the header.


def change_the_sender(s: Scene) -> list[Expected]:
    """Let it come from somebody else."""
    number = s.pick()
    mail = s.change(number)
    mail.set("From", s.chance.choice(("ceo@example.com", "Approvals <approvals@gate.example.org>", "a@b.c, d@e.f")))
    s.put(number, mail)
    return [Expected(Kind.SENDER_ALTERED, index=s.owns[number].index, place=place(number))]


def add_a_second_sender(s: Scene) -> list[Expected]:
    """Add another From field, above or below."""
    number = s.pick()
    mail = s.change(number)
    mail.fields.insert(s.chance.choice((0, len(mail.fields))), ("From", "ceo@example.com"))
    s.put(number, mail)
    return [Expected(Kind.SENDER_ALTERED, index=s.owns[number].index, place=place(number))]


def change_the_recipient(s: Scene) -> list[Expected]:
    """Let it go to somebody else."""
    number = s.pick()
    mail = s.change(number)
    mail.set("To", f"somebody{s.chance.randrange(99)}@example.com")
    s.put(number, mail)
    return [Expected(Kind.RECIPIENT_ALTERED, index=s.owns[number].index, place=place(number))]


def change_the_subject(s: Scene) -> list[Expected]:
    """Change a word of the subject, or put one before or after it."""
    number = s.pick()
    mail = s.change(number)
    subject = mail.field("Subject")
    ways = (f"Approved: {subject}", f"[APPROVED] {subject}", f"{subject} approved", subject.replace("(", "(X", 1))
    mail.set("Subject", s.chance.choice(ways))
    s.put(number, mail)
    return [Expected(Kind.SUBJECT_ALTERED, index=s.owns[number].index, place=place(number))]


def change_the_date(s: Scene) -> list[Expected]:
    """Date it earlier or later, by a second or by a year."""
    number = s.pick()
    mail = s.change(number)
    shift = s.chance.choice((1, -1)) * s.chance.choice((1, 60, 3_600, 86_400, 31_536_000))
    mail.set("Date", format_datetime(parsedate_to_datetime(mail.field("Date")) + timedelta(seconds=shift)))
    s.put(number, mail)
    return [Expected(Kind.TIME_SKEW, index=s.owns[number].index, place=place(number))]


def receive_it_at_another_time(s: Scene) -> list[Expected]:
    """Let a mail server have received it before it was made, or weeks later."""
    number = s.pick()
    mail = s.change(number)
    shift = s.chance.choice((-86_400, -3_600, 1_000_000, 10_000_000))
    at = parsedate_to_datetime(mail.field("Date")) + timedelta(seconds=shift)
    mail.fields.insert(0, ("Received", f"from a by b with ESMTP id c; {format_datetime(at)}"))
    s.put(number, mail)
    return [Expected(Kind.TIME_SKEW, index=s.owns[number].index, place=place(number))]


# Changing replies.


def change_a_reply(s: Scene) -> list[Expected]:
    """Change the words of a kept reply."""
    number = s.pick(lambda mail, own: mail.evidence.get("inbound"))
    mail = s.change(number)
    kept = s.chance.choice(mail.evidence["inbound"])
    kept["raw"] = b64(unb64(kept["raw"]).rstrip() + b" (but not before May)\r\n")
    s.put(number, mail)
    kinds = (Kind.REPLY_ALTERED, *([Kind.DKIM_FAIL] if kept["dns"] else []))
    return [Expected(kind, place=place(number)) for kind in kinds]


def swap_a_reply(s: Scene) -> list[Expected]:
    """Put another reply in its place that the same domain did sign."""
    number = s.pick(lambda mail, own: mail.evidence.get("inbound"))
    mail = s.change(number)
    kept = s.chance.choice(mail.evidence["inbound"])
    at = s.owns[number].at
    kept["raw"] = b64(signed_reply("bob@example.com", "APPROVE", at, f"m{s.chance.randrange(10**9)}"))
    kept["dns"] = {DKIM_NAME: dkim_record()}
    s.put(number, mail)
    return [Expected(Kind.REPLY_ALTERED, place=place(number))]


def change_the_kept_key(s: Scene) -> list[Expected]:
    """Put another key beside a kept reply."""
    number = s.pick(lambda mail, own: any(k["dns"] for k in mail.evidence.get("inbound", ())))
    mail = s.change(number)
    kept = s.chance.choice([k for k in mail.evidence["inbound"] if k["dns"]])
    kept["dns"] = {DKIM_NAME: "v=DKIM1; k=rsa; p="}
    s.put(number, mail)
    return [Expected(Kind.DKIM_FAIL, place=place(number))]


def add_a_reply(s: Scene) -> list[Expected]:
    """Keep a reply that was never counted."""
    number = s.pick(lambda mail, own: mail.evidence.get("inbound"))
    mail = s.change(number)
    raw = signed_reply("alice@example.com", "APPROVE", s.owns[number].at, f"m{s.chance.randrange(10**9)}")
    mail.evidence["inbound"].append({"raw": b64(raw), "dns": {DKIM_NAME: dkim_record()}})
    s.put(number, mail)
    return [Expected(Kind.REPLY_ALTERED, place=place(number))]


# Grafting and forging.


def graft_the_evidence(s: Scene) -> list[Expected]:
    """Put all the evidence of one approval into the mail about another request."""
    source = s.pick(lambda mail, own: own.event == "decision")
    number = s.pick(lambda mail, own: own.event == "decision")
    mail = s.change(number)
    mail.said = s.change(source).said
    s.put(number, mail)
    return [Expected(Kind.PROOF_MISMATCH, place=place(number))]


def graft_the_record(s: Scene) -> list[Expected]:
    """Put the proven record of one approval into the mail about another request."""
    source = s.pick(lambda mail, own: own.event == "decision")
    number = s.pick(lambda mail, own: own.event == "decision")
    mail = s.change(number)
    mail.evidence["records"][-1] = dict(s.opened[source].evidence["records"][-1])
    s.put(number, mail)
    return [Expected(Kind.PROOF_MISMATCH, place=place(number))]


def graft_the_proof(s: Scene) -> list[Expected]:
    """Put the proof of another record beside a record."""
    source, number = s.pick(), s.pick()
    mail = s.change(number)
    mail.evidence["records"][-1]["proof"] = s.opened[source].evidence["records"][-1]["proof"]
    s.put(number, mail)
    return [Expected(Kind.PROOF_MISMATCH, index=s.owns[number].index, place=place(number))]


def forge_an_approval(s: Scene) -> list[Expected]:
    """Make a whole mail that approves, signed by a key of the forger's own in the log's name."""
    number = s.pick(lambda mail, own: own.event == "request")
    own, mail = s.owns[number], open_mail(s.mails[number] or b"")
    signer = LogSigner("gate.example.com/approvals", s.chance.randbytes(32))
    raw = build_record(
        log=signer.name,
        index=own.index + 1,
        event="decision",
        request=own.request,
        seq=1,
        digest=own.digest,
        at=own.at,
        nonce=s.chance.randbytes(16),
        body={"outcome": "approved", "meaning": "approved"},
    )
    leaf, before = leaf_hash(raw), own.index + 1
    frontier = Frontier(size=before, hashes=tuple(s.chance.randbytes(32) for _ in range(before.bit_count())))
    growth = grow(frontier, [leaf])
    known = dict(zip(frontier.places(), frontier.hashes, strict=True)) | growth.nodes
    path = prove_inclusion(before, before + 1, lambda level, at: known[level, at])
    note = signer.sign(before + 1, growth.frontier.root)
    mail.said = {"records": [{"record": b64(raw), "proof": Proof(index=before, path=path, checkpoint=note).format()}]}
    mail.said |= {"thread": [], "stamp": stamped(signer, mail, [leaf])}
    s.added.append(mail.write())
    return [Expected(Kind.PROOF_BAD, place=place(len(s.mails) + len(s.added) - 1))]


def break_a_proof(s: Scene) -> list[Expected]:
    """Change a hash of the path, of the root, or a byte of the signature."""
    number = s.pick(lambda mail, own: parse_proof(mail.evidence["records"][-1]["proof"]).path)
    mail = s.change(number)
    lines = mail.evidence["records"][-1]["proof"].split("\n")
    at = s.chance.choice([n for n, line in enumerate(lines) if re.fullmatch(r"[A-Za-z0-9+/]{43}=", line)] + [-2])
    word = lines[at].split(" ")[-1]
    raw = bytearray(unb64(word))
    # Not the key's id before the signature: that names a key nobody has, and is tried below.
    raw[s.chance.randrange(4 if at == -2 else 0, len(raw))] ^= 1 << s.chance.randrange(8)
    lines[at] = lines[at].replace(word, b64(bytes(raw)))
    mail.evidence["records"][-1]["proof"] = "\n".join(lines)
    s.put(number, mail)
    return [Expected(Kind.PROOF_BAD, place=place(number))]


def spell_a_proof_otherwise(s: Scene) -> list[Expected]:
    """Write a proof in another spelling of the same bytes, with a blank or a line more."""
    number = s.pick(lambda mail, own: parse_proof(mail.evidence["records"][-1]["proof"]).path)
    mail = s.change(number)
    proof = mail.evidence["records"][-1]["proof"]
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    spelled = re.search(r"[A-Za-z0-9+/]{42}([A-Za-z0-9+/])=\n", proof)
    assert spelled is not None
    at = spelled.start(1)
    ways = (
        proof[:at] + letters[letters.index(proof[at]) ^ 1] + proof[at + 1 :],
        proof.replace("index ", "index 0"),
        proof.replace("\n\n", "\n \n", 1),
        proof + "\n",
        proof.replace("\n", "\r\n"),
    )
    mail.evidence["records"][-1]["proof"] = s.chance.choice(ways)
    s.put(number, mail)
    return [Expected(Kind.PROOF_BAD, place=place(number))]


def name_another_key(s: Scene) -> list[Expected]:
    """Let the checkpoint be signed by a key that the log never had."""
    number = s.pick()
    mail = s.change(number)
    for entry in mail.evidence["records"]:
        proof = parse_proof(entry["proof"])
        name, size, root = proof.checkpoint.split("\n")[:3]
        note = LogSigner(name, b"x" * 32).sign(int(size), unb64(root))
        entry["proof"] = Proof(index=proof.index, path=proof.path, checkpoint=note).format()
    s.put(number, mail)
    return [Expected(Kind.PROOF_BAD, place=place(number))]


def change_the_stamp(s: Scene) -> list[Expected]:
    """Change the mail and its stamp alike."""
    number = s.pick()
    mail = s.change(number)
    stamp = mail.evidence["stamp"]
    match s.chance.randrange(3):
        case 0:
            stamp["sender"] = "ceo@example.com"
            mail.set("From", "ceo@example.com")
        case 1:
            stamp["subject"] = "[approvals] approved"
            mail.set("Subject", "[approvals] approved")
        case 2:
            signature = bytearray(unb64(stamp["signature"]))
            signature[s.chance.randrange(64)] ^= 1
            stamp["signature"] = b64(bytes(signature))
    s.put(number, mail)
    return [Expected(Kind.PROOF_BAD, place=place(number))]


def change_the_list_of_a_seal(s: Scene) -> list[Expected]:
    """Change a hash in the list of a seal, leave one out, or add one."""
    found = [n for n, own in enumerate(s.owns) if own.event == "seal" and s.mails[n] == s.opened[n].write()]
    found = found or [n for n, own in enumerate(s.owns) if own.event == "seal" and s.mails[n] is not None]
    number = s.chance.choice(found)
    mail = s.change(number)
    leaves = mail.evidence["leaves"]
    match s.chance.randrange(3):
        case 0:
            leaves[s.chance.randrange(len(leaves))] = s.chance.randbytes(32).hex()
        case 1:
            leaves.pop()
        case 2:
            leaves.append(s.chance.randbytes(32).hex())
    s.put(number, mail)
    return [Expected(Kind.PROOF_BAD, place=place(number))]


def claim_to_be_mailgate(s: Scene) -> list[Expected]:
    """Add a mail that says it is from mailgate, without evidence."""
    number = s.pick(lambda mail, own: own.event == "decision")
    mail = open_mail(s.mails[number] or b"")
    mail.said = None
    mail.set("Message-ID", f"<{s.chance.randrange(10**12)}.mailgate@gate.example.com>")
    if s.chance.randrange(2):
        mail.fields = [(n, v) for n, v in mail.fields if n != "X-Mailgate-Instance"]
    s.added.append(mail.write())
    return [Expected(Kind.UNPROVEN_MAIL, place=place(len(s.mails) + len(s.added) - 1))]


def strip_the_evidence(s: Scene) -> list[Expected]:
    """Take the attachment out."""
    number = s.pick()
    mail = s.change(number)
    mail.said = None
    s.put(number, mail)
    return [Expected(Kind.STRIPPED, place=place(number))]


def strip_a_rider(s: Scene) -> list[Expected]:
    """Take one of several records out of a mail."""
    number = s.pick(lambda mail, own: len(mail.evidence["records"]) > 1)
    mail = s.change(number)
    mail.evidence["records"].pop(s.chance.randrange(len(mail.evidence["records"]) - 1))
    s.put(number, mail)
    return [Expected(Kind.STRIPPED, place=place(number))]


def strip_the_stamp(s: Scene) -> list[Expected]:
    """Take the stamp out."""
    number = s.pick()
    mail = s.change(number)
    del mail.evidence["stamp"]
    s.put(number, mail)
    return [Expected(Kind.STRIPPED, place=place(number))]


def say_it_twice(s: Scene) -> list[Expected]:
    """Give a name in the evidence twice, so that two readers see two things."""
    number = s.pick()
    mail = s.change(number)
    text = json.dumps(mail.evidence).replace('{"records"', '{"records": [], "records"', 1)
    s.put(number, write(mail.fields, mail.text, mail.html, text.encode()))
    return [Expected(Kind.PROOF_BAD, place=place(number))]


def change_any_letter(s: Scene) -> list[Expected]:
    """Change one letter of the evidence, wherever it stands."""
    number = s.pick()
    mail = s.change(number)
    text = json.dumps(mail.evidence)
    at = s.chance.choice([n for n, letter in enumerate(text) if letter.isalnum()])
    other = s.chance.choice(
        [c for c in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789" if c != text[at]]
    )
    s.put(number, write(mail.fields, mail.text, mail.html, (text[:at] + other + text[at + 1 :]).encode()))
    return [Expected(None, place=place(number))]


TAMPERS: tuple[Tamper, ...] = (
    delete_a_mail,
    delete_a_thread,
    delete_a_seal,
    delete_a_reply,
    change_a_record,
    change_a_record_and_all_that_shows_it,
    garble_a_record,
    change_a_copy_in_a_thread,
    change_the_text,
    change_the_html,
    add_to_the_block,
    hide_within_the_block,
    tear_the_block,
    change_the_sender,
    add_a_second_sender,
    change_the_recipient,
    change_the_subject,
    change_the_date,
    receive_it_at_another_time,
    change_a_reply,
    swap_a_reply,
    change_the_kept_key,
    add_a_reply,
    graft_the_evidence,
    graft_the_record,
    graft_the_proof,
    forge_an_approval,
    break_a_proof,
    spell_a_proof_otherwise,
    name_another_key,
    change_the_stamp,
    change_the_list_of_a_seal,
    claim_to_be_mailgate,
    strip_the_evidence,
    strip_a_rider,
    strip_the_stamp,
    say_it_twice,
    change_any_letter,
)
