"""Take mails in, one after the other: judge each by itself, and keep of it what the whole has to be judged by.

Standard library only.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from mailgate.audit.attached import Evidence
from mailgate.audit.carried import Carried
from mailgate.audit.judging import Looked, code_of, judge, look
from mailgate.audit.keyring import Keyring, stamp_text
from mailgate.audit.replies import dns_text, replies_of
from mailgate.audit.spill import Spill
from mailgate.model.findings import Found, Kind
from mailgate.model.merkle import leaf_hash
from mailgate.model.notes import parse_signed_checkpoint
from mailgate.model.records import Record, parse_record

CheckDkim = Callable[[bytes, Mapping[str, str]], bool]
"""Returns whether a signature under a mail holds, with these DNS records (name → TXT) and no others."""

_MOST_KEPT = 20_000
"""Hashes remembered of records seen lately: each stands in every later mail of its thread, and these lie close together."""

_LOSES = frozenset({Kind.PROOF_MISMATCH, Kind.STRIPPED, Kind.RECORD_ALTERED, Kind.PROOF_BAD})
"""What leaves a mail without a record of its own, so that the one that is missing may be its."""


class Taking:
    """Takes mails in.

    Args:
        check_dkim: checks the signatures under kept replies; None: nobody does.
    """

    def __init__(self, spill: Spill, keyring: Keyring, check_dkim: CheckDkim | None) -> None:
        self._spill, self._keyring, self._check_dkim = spill, keyring, check_dkim
        self._notes: OrderedDict[str, tuple[int, bool]] = OrderedDict()
        self._seen: OrderedDict[bytes, None] = OrderedDict()
        self._mails = self._next_note = 0
        self.others: dict[str, int] = {}
        self.ours = 0

    def take(self, mail: Carried) -> None:
        """Take one mail in."""
        self._mails += 1
        if mail.evidence is None:
            self._bare(mail, "garbled" if mail.flaw else "bare")
            return
        text, is_stamped = self._stamp(mail.evidence)
        looked = look(mail, mail.evidence, self._keyring.name, is_stamped=is_stamped)
        if self._is_of_another(looked):
            return
        self.ours += 1
        found = [*judge(looked), *self._thread(looked), *self._leaves(looked)]
        self._spill.report(found)
        self._kept(looked)
        self._carriers(looked)
        if looked.stamp and not is_stamped:
            # Perhaps by a key that the log hands on in a mail still to come.
            self._spill.add("stamp", self._mails, text, looked.stamp.signature)
        state = "lost" if any(one.kind in _LOSES for one in found) else "ok"
        self._row(mail, state, looked.stamp.sender.lower() if looked.stamp else "")

    def note(self, text: str) -> tuple[int, bool]:
        """Return a number of a signed checkpoint, which mails of one batch share, and whether a known key signed it.

        Raises:
            ValueError: it is none.
        """
        known = self._notes.get(text)
        if known is None:
            signed = parse_signed_checkpoint(text)
            number = self._next_note = self._next_note + 1
            holds = signed.checkpoint.origin == self._keyring.name and self._keyring.has_signed(signed)
            self._spill.add(
                "note", number, text, signed.checkpoint.size, signed.checkpoint.root, self._mails, int(holds)
            )
            known = (number, holds)
            _remember(self._notes, text, known)
        return known

    def _is_of_another(self, looked: Looked) -> bool:
        """Return whether a mail is another log's; one that says it is ours is none."""
        names = {entry.origin for entry in looked.entries} - {""}
        log, instance = self._keyring.name, looked.mail.instance
        if instance == log or log in names or not (names or (instance and not looked.entries)):
            return False
        name = min(names or {instance})
        if name in self.others or len(self.others) < 1000:
            self.others[name] = self.others.get(name, 0) + 1
        return True

    def _bare(self, mail: Carried, state: str) -> None:
        if mail.flaw and mail.instance not in ("", self._keyring.name):
            self.others[mail.instance] = self.others.get(mail.instance, 0) + 1
            return
        addresses = mail.addresses("from") or ("",)
        self._row(mail, state, addresses[0])

    def _row(self, mail: Carried, state: str, sender: str) -> None:
        date, subject = mail.date, mail.subject[:200]
        self._spill.add(
            "mail",
            self._mails,
            mail.place,
            subject,
            mail.message_id,
            date.timestamp() if date else None,
            sender,
            mail.instance,
            code_of(subject),
            state,
            mail.flaw,
            mail.digest,
        )

    def _carriers(self, looked: Looked) -> None:
        recipient = looked.stamp.recipient.lower() if looked.stamp else (looked.mail.addresses("to") or ("",))[0]
        for entry in looked.entries:
            if entry.fault is not None or entry.index is None:
                continue
            number, is_signed = self.note(entry.note)
            self._spill.add("carrier", entry.index, entry.leaf, self._mails, recipient, number)
            if entry.record is not None:
                self._body("body", entry.leaf, entry.record, entry.raw)
            if is_signed:
                _remember(self._seen, entry.leaf, None)
        self._belongings(looked)

    def _belongings(self, looked: Looked) -> None:
        """Keep what is bound by the record that the mail was written for, and travels beside it."""
        evidence = looked.evidence
        if not looked.entries or looked.entries[-1].index is None:
            return
        own = looked.entries[-1]
        if evidence.log_tier is not None:
            self._spill.add("lines", own.index, own.leaf, evidence.log_tier)
        if evidence.state is not None:
            state = evidence.state
            self._spill.add("state", own.index, own.leaf, state.media_type, state.version, state.raw)

    def _body(self, table: str, leaf: bytes, record: Record, raw: bytes, *more: Any) -> None:
        at = record.at.timestamp()
        self._spill.add(table, record.index, leaf, record.request, record.seq, record.event, at, *more, raw)

    def _thread(self, looked: Looked) -> list[Found]:
        """Keep the copies of earlier records, from which a deleted one is recovered."""
        found = []
        for raw in looked.evidence.thread:
            leaf = leaf_hash(raw)
            if leaf in self._seen:
                self._seen.move_to_end(leaf)
                continue
            try:
                record = parse_record(raw)
            except ValueError:
                found.append(looked.found(Kind.RECORD_ALTERED, "A copy of an earlier record in it is no record."))
                continue
            self._body("thread", leaf, record, raw, self._mails)
            _remember(self._seen, leaf, None)
        return found

    def _leaves(self, looked: Looked) -> list[Found]:
        """Keep what a seal says of the records since the one before it: by that a deleted one is named."""
        leaves, own = looked.evidence.leaves, looked.own
        sealed = own is not None and own.event == "seal"
        if leaves is None:
            return [looked.found(Kind.STRIPPED, "The list of a seal was taken out of it.")] if sealed else []
        since = own.body.get("since") if own is not None and sealed else None
        if own is None or not isinstance(since, int) or since < 0 or len(leaves) != own.index - since + 1:
            return [looked.found(Kind.PROOF_BAD, "It has a list of records that does not fit to what it seals.")]
        for index, leaf in enumerate(leaves, start=since):
            self._spill.add("claim", index, leaf, self._mails)
        return []

    def _stamp(self, evidence: Evidence) -> tuple[bytes, bool]:
        """Return what the mail's stamp signs, and whether a key that is known by now signed it."""
        text = stamp_text(evidence.stamp.stamp(self._keyring.name)) if evidence.stamp else None
        holds = bool(evidence.stamp and text and self._keyring.has_stamped(text, evidence.stamp.signature))
        return text or b"", holds

    def _kept(self, looked: Looked) -> None:
        """Keep which replies the mail keeps, and whether their own domains vouch for them."""
        if not looked.evidence.inbound:
            return
        recorded = _recorded_keys(looked)
        request = looked.own.request if looked.own else ""
        for kept in looked.evidence.inbound:
            digest = hashlib.sha256(kept.raw).digest()
            dns = recorded.get(digest) or kept.dns
            holds = int(self._check_dkim(kept.raw, dns)) if dns and self._check_dkim else None
            self._spill.add("kept", digest, self._mails, request, holds, dns_text(kept.dns))


def _remember(memory: OrderedDict[Any, Any], key: Any, value: Any) -> None:
    memory[key] = value
    if len(memory) > _MOST_KEPT:
        memory.popitem(last=False)


def _recorded_keys(looked: Looked) -> dict[bytes, Mapping[str, str]]:
    records = [entry.record for entry in looked.entries if entry.record is not None]
    for raw in looked.evidence.thread:
        try:
            records.append(parse_record(raw))
        except ValueError:
            continue
    return {digest: dns for record in records for digest, dns in replies_of(record)}
