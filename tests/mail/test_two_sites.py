"""Two organisations' real mail: the approvers' servers sign, ours verify, and what `mailgate serve` runs reads what arrives.

Requests go out through one Postfix and in through the other's, and answers come back the same way. Mallory hands mail in
at our border, as anybody on the Internet may. There are two houses: one believes no server and checks signatures itself,
the other believes our server's Authentication-Results and checks nothing. All mails are sent first and looked at then.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from mailgate.mail.dkim import Outcome, check_signatures
from mailgate.mail.mime import open_mail
from mailgate.store.tables import Decision, Event, Incoming
from tests.conftest import Attack, unavailable
from tests.deployment import eventually
from tests.e2e.post import Received, reply
from tests.mail.two_sites import BOB, CAROL, House, leaked, signed_part, two_sites
from tests.signing import record, sign
from tests.site.dns import NameServer
from tests.site.opendkim import what_opendkim_lacks

HOUSES: dict[str, dict[str, Any]] = {
    "checked here": {"authserv_id": "", "dkim": True},
    "by our server": {"dkim": False},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """What Mallory has to work with: the mail that asked Bob, and his counted answer to another one, as it was sent."""

    house: House
    asked: Received
    other: bytes


def letter(asked: Received) -> bytes:
    """Return a yes of Bob's to something else."""
    about = f"Subject: Re: lunch {asked.reply_to[:25]}\r\nDate: Tue, 24 Nov 2026 09:30:00 +0000"
    return f"From: {BOB}\r\nTo: {CAROL}\r\n{about}\r\n\r\nAPPROVE\r\n".encode()


def stolen(scene: Scene) -> bytes:
    """Return Bob's signed yes to this very request, which never reached us."""
    return leaked(scene.house.theirs, reply(scene.asked, BOB, "APPROVE"))


ATTACKS: dict[str, Callable[[Scene], bytes]] = {
    "real mail: unsigned, with a forged From": lambda scene: reply(scene.asked, BOB, "APPROVE"),
    "real mail: a forged From, signed with the forger's own good key": lambda scene: sign(
        reply(scene.asked, BOB, "APPROVE"), domain="v.il"
    ),
    "real mail: a colleague's own good signature": lambda scene: leaked(
        scene.house.theirs, reply(scene.asked, CAROL, "APPROVE"), sender=CAROL
    ),
    "real mail: the signed approval of one request, handed in for another": lambda scene: scene.other,
    "real mail: a signed letter about something else": lambda scene: leaked(scene.house.theirs, letter(scene.asked)),
    "real mail: text appended to a signed approval": lambda scene: stolen(scene) + b"Thanks!\r\n",
    "real mail: a second Subject above a signed approval": lambda scene: b"Subject: Re: x\r\n" + stolen(scene),
    "real mail: a second From above a signed approval": lambda scene: b"From: m@v.il\r\n" + stolen(scene),
    "real mail: a signed refusal made an approval": lambda scene: leaked(
        scene.house.theirs, reply(scene.asked, BOB, "Not now.", quoting=False)
    ).replace(b"Not now.", b"APPROVE"),
    "real mail: our server's word, forged": lambda scene: (
        b"Authentication-Results: mx.gate.test; dmarc=pass header.from=approvers.test\r\n"
        + reply(scene.asked, BOB, "APPROVE")
    ),
}
COUNTED = "a reply that is counted"


class Story:
    """What happened at one house: for each thing that was tried the request it was about."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.requests: dict[str, str] = {}
        self.asked: dict[str, Received] = {}

    def ask(self) -> None:
        """Let the agent ask once for each thing that will be tried."""
        for number, name in enumerate((COUNTED, *ATTACKS)):
            order = f"{self.house.folder.name}-{number}"
            args = {"order_id": order, "amount": 120.0}
            self.requests[name] = self.house.submit("issue_refund", args, run=order)

    def answer(self) -> None:
        """Let Bob answer one of the mails that asked him."""
        for number, name in enumerate(self.requests):
            self.asked[name] = self.house.mail_to("bob", f"{self.house.folder.name}-{number} ")
        asked = self.asked[COUNTED]
        self.house.theirs.submit(BOB, asked.reply_to, reply(asked, BOB, "APPROVE"))

    def attack(self) -> None:
        """Let Mallory hand in everything, at last the answer that was counted, once more."""
        self.house.until(self.requests[COUNTED], "approved")
        answered = self.asked[COUNTED].reply_to
        self.arrived, self.row = self.house.read_at(answered)
        other = signed_part(self.arrived)
        for name, make in ATTACKS.items():
            raw = make(Scene(house=self.house, asked=self.asked[name], other=other))
            self.house.site.deliver_from_outside("mallory@v.il", self.asked[name].reply_to, raw)
        self.house.site.deliver_from_outside("mallory@v.il", answered, other)

    def wait(self) -> None:
        """Return when all of it was read."""
        eventually(lambda: len(self.house.read()) == len(ATTACKS) + 2, seconds=40, why="Reading what was handed in")


@pytest.fixture(scope="module")
def stories(tmp_path_factory: pytest.TempPathFactory, mail_servers: None) -> Iterator[dict[str, Story]]:
    """Play the same story at both houses, step by step, so that they wait at the same time."""
    if missing := what_opendkim_lacks():
        unavailable(missing)
    with ExitStack() as running:
        names = running.enter_context(NameServer())
        names.publish("s1._domainkey.v.il", "TXT", record())
        sites = running.enter_context(two_sites(names))
        told = {}
        for number, (name, imap) in enumerate(HOUSES.items()):
            house = House(tmp_path_factory.mktemp(f"house{number}"), *sites)
            running.enter_context(house.answering(**imap, resolver=names.address))
            told[name] = Story(house)
        for step in (Story.ask, Story.answer, Story.attack, Story.wait):
            for story in told.values():
                step(story)
        yield told


@pytest.fixture(params=HOUSES)
def story(request: pytest.FixtureRequest, stories: dict[str, Story]) -> Story:
    """Return what happened at each house in turn."""
    return stories[request.param]


def test_a_signed_reply_is_counted(story: Story) -> None:
    """From the other organisation's server through ours: aligned, and the record holds the proof."""
    request_id = story.requests[COUNTED]

    [decision] = story.house.rows(Decision, request_id=request_id)
    [event] = story.house.rows(Event, request_id=request_id, kind="decision")

    assert (decision.verdict, decision.level) == ("approve", "aligned")
    assert event.record is not None
    kept = story.house.serving.verifier.read(event.record, event.proof).body["inbound"]
    assert kept["raw_sha256"] == story.row.sha256
    if story.house.serving.look_up is not None:
        assert list(kept["key"]) == ["sel1._domainkey.approvers.test"]
    else:
        assert kept["auth"] == "mx.gate.test; dmarc=pass header.from=approvers.test"


def test_the_kept_key_checks_the_kept_mail(stories: dict[str, Story]) -> None:
    """An auditor needs no DNS: OpenDKIM's signature is good by the mail and the key that were kept."""
    story = stories["checked here"]
    [decision] = story.house.rows(Decision, request_id=story.requests[COUNTED])
    evidence = json.loads(decision.evidence)
    keys = {evidence["dkim_key_name"]: evidence["dkim_key"].encode()}
    found = check_signatures(
        story.arrived, open_mail(story.arrived), sender=BOB, look_up=keys.get, at=story.row.received_at
    )
    assert found.outcome is Outcome.PASS


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_refused_and_recorded(story: Story, name: str, attack: Attack) -> None:
    """Nothing is decided; what came is kept with the reason, and Bob hears of it where that is safe."""
    house, request_id, asked = story.house, story.requests[name], story.asked[name]

    _, row = house.read_at(asked.reply_to)

    assert house.state(request_id) == "pending"
    assert house.rows(Decision, request_id=request_id) == []
    assert row.why
    if row.state == "quarantined":
        attack(name, f"quarantined: {row.why}")
        return
    assert row.level == "token"
    [refusal] = house.rows(Event, request_id=request_id, kind="superseded")
    assert json.loads(refusal.body)["inbound_sha256"] == row.sha256
    assert "was not counted" in house.mail_to("bob", "was not counted", asked.header("Subject")).words
    attack(name, "not counted, recorded, and the person who was asked is told")


def test_the_same_bytes_again_change_nothing(story: Story, attack: Attack) -> None:
    """Handed in once more for the same request they are kept, and that is all."""
    rows = story.house.rows(Incoming, assignment_id=story.row.assignment_id)
    again = max(rows, key=lambda row: row.fetched_at)
    assert (len(rows), again.state) == (2, "concluded")
    assert "the very same mail came here before" in again.why
    assert len(story.house.rows(Decision, request_id=story.requests[COUNTED])) == 1
    attack("real mail: a counted approval, handed in again", "kept, and nothing else happens")
