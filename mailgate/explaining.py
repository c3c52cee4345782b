"""What `mailgate explain` finds out: the very functions that intake runs, on a file, changing nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from mailgate.config import Config
from mailgate.errors import ConfigError
from mailgate.mail.dkim import LookUp
from mailgate.mail.identity import Identity, identify, sender
from mailgate.mail.mime import on_the_wire
from mailgate.model.lifecycle import State
from mailgate.model.people import fold
from mailgate.model.policy import Gate
from mailgate.model.verdict import Level, Verdict, meets
from mailgate.runtime import log_name, open_database, resolver_of
from mailgate.service.judging import Examined, Judgement, Would, examine, judge_mail, with_signatures
from mailgate.store import Store, Tx
from mailgate.store.mails import find_incoming_by_hash
from mailgate.store.requests import get_request


class Explainer:
    """Explains mails under one configuration; with its database if there is one, and keys from where it is told."""

    def __init__(self, config: Config, store: Store | None, look_up: LookUp | None = None) -> None:
        self._config = config
        self._store = store
        self._look_up = look_up

    @classmethod
    @contextmanager
    def open(cls, config: Config | None, dns: Mapping[str, str] | None = None) -> Iterator[Explainer]:
        """Give an explainer: with a configuration and its database where there are, else with the defaults.

        Args:
            dns: TXT records by name, instead of DNS; without them and without a configuration no key is looked up.

        Raises:
            StoreUnavailable: there is a database, and it cannot be used.
        """
        store = open_database(config) if config is not None and _has_database(config) else None
        look_up = resolver_of(config) if config is not None else None
        if dns is not None:
            look_up = _from(dns)
        try:
            yield cls(config or Config(), store, look_up)
        finally:
            if store is not None:
                store.close()

    def explain(self, raw: bytes) -> dict[str, Any]:
        """Return what one mail is, whose, what it says and what would be done with it."""
        # Saved mails often have lost their CRs; a mail from a server never has.
        unix_lines = b"\r\n" not in raw[:100_000]
        examined = examine(raw, self._config, log_name(self._config), unix_lines=unix_lines)
        if self._look_up is not None:
            wire = on_the_wire(raw) if unix_lines else raw
            examined = with_signatures(wire, self._config, examined, self._look_up, _received_at(examined))
        if self._store is None:
            judgement = _without_database(self._config, examined)
        else:
            with self._store.read() as tx:
                row = find_incoming_by_hash(tx, hashlib.sha256(raw).hexdigest())
                judgement = judge_mail(tx, self._config, examined, incoming_id=row.id if row is not None else "")
                judgement = _as_of_now(tx, judgement)
        identity, reading = judgement.identity, examined.reading
        return {
            "kind": examined.kind.value,
            "assignment": judgement.seat.id if judgement.seat else None,
            "from": identity.sender if identity else None,
            "level": identity.level.value if identity else "none",
            "verdict": reading.verdict.value if reading else "none",
            "first_line": reading.first_line if reading else "",
            "reason": reading.reason if reading else "",
            "would": judgement.would.value,
            "because": list(dict.fromkeys((*examined.because, *judgement.because))),
        }


def _without_database(config: Config, examined: Examined) -> Judgement:
    """Return what can be said where no request is known: not who was asked, and nothing safer than a gate's default."""
    judgement = judge_mail(None, config, examined)
    if examined.reading is None or examined.mail is None or judgement.identity is None:
        return judgement
    identity = _claimed(config, examined)
    judged = replace(judgement, identity=identity, because=(*examined.reading.because, *identity.because))
    needed = Level(Gate().reply_level)
    if examined.reading.verdict is not Verdict.APPROVE or meets(identity.level, needed):
        return judged
    why = f"to approve, a gate needs a sender proven as {needed}, unless it is configured otherwise"
    return replace(judged, would=Would.CLARIFY, because=(*judged.because, why))


def _claimed(config: Config, examined: Examined) -> Identity:
    """Return who a mail says it is from, and how well that is proven if it is the one who was asked."""
    assert examined.mail is not None
    who = sender(examined.mail)
    known = who.address and any(fold(who.address) in p.addresses for p in config.people.values())
    if who.address and config.people and not known:
        because = (f"{who.because}, which is nobody in the configuration",)
        return Identity(level=Level.TOKEN, sender=who.address, because=because)
    addresses = frozenset({fold(who.address)}) if who.address else frozenset[str]()
    found = identify(
        examined.mail, person_addresses=addresses, authserv_id=config.imap.authserv_id, signed=examined.signed
    )
    unknown = "without a database nobody knows who was asked, or whether it came to a secret address"
    return replace(found, because=(*found.because, unknown))


def _as_of_now(tx: Tx, judgement: Judgement) -> Judgement:
    """Return what would be done today: an answer to what has ended is answered with the truth, and changes nothing."""
    if judgement.seat is None or judgement.would not in (Would.COUNT, Would.CLARIFY):
        return judgement
    request = get_request(tx, judgement.seat.request_id)
    if request.state == State.PENDING:
        return judgement
    why = f"request {request.id[:6]} is {request.state} already, so it would change nothing; the sender would be told"
    return replace(judgement, would=Would.IGNORE, because=(*judgement.because, why))


def _received_at(examined: Examined) -> datetime:
    """Return when a saved mail was received, as its topmost Received field has it; else now."""
    text = examined.mail.first("received").rpartition(";")[2] if examined.mail else ""
    try:
        found = parsedate_to_datetime(text[:100])
    except (TypeError, ValueError, IndexError, OverflowError):
        return datetime.now(UTC)
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def _from(dns: Mapping[str, str]) -> LookUp:
    """Return what looks names up in ``dns``, as DNS does: in whatever case, with or without the final dot."""
    records = {name.rstrip(".").lower(): text for name, text in dns.items()}

    def look_up(name: str) -> bytes | None:
        text = records.get(name.rstrip(".").lower())
        return None if text is None else text.encode()

    return look_up


def read_dns(path: Path) -> dict[str, str]:
    """Return the TXT records of a JSON file.

    Raises:
        ConfigError: not a JSON object of texts.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(
            [f'--dns: {path} cannot be read as JSON ({error}); write {{"name": "TXT record"}}.']
        ) from error
    if not isinstance(found, dict) or not all(isinstance(v, str) for v in found.values()):
        raise ConfigError([f"--dns: {path} must be a JSON object that maps names to TXT records."])
    return found


def _has_database(config: Config) -> bool:
    return Path(config.database_url.removeprefix("sqlite:///")).exists()
