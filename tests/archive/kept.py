"""One deployment with a short history: its configuration and keys in a folder, and its archive as a Maildir."""

from __future__ import annotations

import base64
import json
import mailbox
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mailgate.mail.templates import Templates
from mailgate.model.verdict import Verdict
from tests.service.histories import Player
from tests.service.post import AUTHSERV_ID, reply
from tests.service.rig import PEOPLE, Place, Rig

ARCHIVE = "archive@gate.example.com"
SECTIONS: Mapping[str, Any] = {
    "mailgate": {"base_url": "https://approvals.example.com", "operators": ["oscar"], "digest_every": "1h"},
    "smtp": {"from": "Approvals <approvals@gate.example.com>"},
    "imap": {"authserv_id": AUTHSERV_ID},
    "archive": {"address": ARCHIVE, "seal_every": "1d", "on_failure": "warn"},
    "people": PEOPLE,
    "gates": {
        "pay": {"approvers": ["bob"], "remind_after": "30m", "escalate_after": "1h", "escalate_to": ["carol"]},
        "pay_twice": {"approvers": ["alice", "bob"], "quorum": 2, "remind_after": "none"},
        "look_up": {"approvers": ["bob"], "remind_after": "none", "cooling_off": "10m"},
        "note_down": {"tier": "log"},
        "warm_up": {"approvers": ["bob"], "timeout": "none"},
    },
}


@dataclass(frozen=True)
class Kept:
    """A deployment's folder, its archive's mails in the order they were sent, and its requests by what became of them."""

    folder: Path
    rig: Rig
    mails: list[bytes]
    requests: Mapping[str, str]

    @property
    def archive(self) -> Path:
        """The archive as a Maildir."""
        return self.folder / "archive"

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self.folder / "config.toml"

    @property
    def vkey(self) -> str:
        """The log's public key."""
        return self.rig.serving.verifier.vkey


def keep(rig: Rig, folder: Path) -> Kept:
    """Play the history and write the folder."""
    requests = dict(_played(rig))
    mails = [raw for _, to, raw in rig.sender.sent if to == ARCHIVE]
    (folder / "keys").mkdir(parents=True)
    for name, secret in (("serve", b"s"), ("link", b"k"), ("log", b"l")):
        (folder / "keys" / f"{name}.key").write_text(base64.b64encode(secret * 32).decode() + "\n")
    (folder / "log.vkey").write_text(rig.serving.verifier.vkey + "\n")
    (folder / "keys" / "log.guard").write_bytes(rig.serving.guard.path.read_bytes())
    (folder / "config.toml").write_text("\n".join(_toml("", SECTIONS)) + "\n")
    box = mailbox.Maildir(folder / "archive", create=True)
    for raw in mails:
        box.add(raw)
    box.close()
    return Kept(folder=folder, rig=rig, mails=mails, requests=requests)


def _played(rig: Rig) -> Iterator[tuple[str, str]]:
    """Yield what is asked, by what becomes of it."""
    player = Player(rig)
    run = rig.ask("pay", {"order": "A-1"}, on_behalf_of="carol@example.com", reasoning="Charged twice.", confidence=0.7)
    player._mail(reply(rig, run, "bob", "QUESTION: Which charge?"))
    rig.keeper()
    player.answer(0)
    player._mail(reply(rig, run, "bob", "APPROVE"))
    rig.keeper()
    rig.work()
    yield "run", run
    rig.clock.forward(minutes=3)
    rejected = rig.ask("pay", {"order": "A-2", "amount": 900.0}, run="run-2", reasoning='=HYPERLINK("http://x";"y")')
    player._mail(reply(rig, rejected, "bob", "reject: =1+1 is too much"))
    rig.keeper()
    rig.work()
    yield "rejected", rejected
    failed = rig.ask("pay_twice", {"order": "A-3"}, run="run-3")
    for person in ("alice", "bob"):
        rig.clock.forward(minutes=2)
        rig.press(failed, person)
        rig.keeper()
    rig.shop.doing = lambda: 1 // 0
    rig.work()
    yield "failed", failed
    withdrawn = rig.ask("look_up", {"order": "A-4"}, run="run-4")
    rig.press(withdrawn, "bob")
    rig.keeper()
    player._mail(reply(rig, withdrawn, "bob", "undo"))
    rig.keeper()
    yield "withdrawn", withdrawn
    yield "expired", rig.ask("pay", {"order": "A-5"}, run="run-5")
    rig.mg.report(rig.submit("note_down", {"order": "A-6"}), result="noted")
    for _ in range(9):
        rig.clock.forward(minutes=31)
        rig.keeper()
    yield "open", rig.ask("warm_up", {"order": "A-7"}, run="run-7", agent="billing")
    player.end()


def _toml(name: str, section: Mapping[str, Any]) -> Iterator[str]:
    plain = {key: value for key, value in section.items() if not isinstance(value, Mapping)}
    if name:
        yield f"[{name}]"
    yield from (f"{key} = {json.dumps(value)}" for key, value in plain.items())
    for key, value in section.items():
        if isinstance(value, Mapping):
            yield from _toml(f"{name}.{key}".strip("."), value)


def make_kept(place: Place, database: Path, templates: Templates, folder: Path) -> Kept:
    """Make a rig in ``place``, and keep what happened on it in ``folder``."""
    place.clear(database)
    return keep(Rig(place, templates, SECTIONS), folder)


__all__ = ["ARCHIVE", "SECTIONS", "Kept", "Verdict", "make_kept"]
