"""What reaches the archive over a busy week: every record once, each mail's story so far, a true stamp, and no live secret."""

from __future__ import annotations

import base64
import binascii
import json
import re
from base64 import b64decode
from collections.abc import Callable, Iterator
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from email.utils import parseaddr
from pathlib import Path
from typing import Any

import pytest

from mailgate.errors import TokenError
from mailgate.mail.mime import open_mail
from mailgate.mail.saying import read_html
from mailgate.mail.templates import Templates
from mailgate.model.evidence import format_time
from mailgate.model.lifecycle import FINAL
from mailgate.model.merkle import leaf_hash
from mailgate.model.records import Record
from mailgate.model.signature import Signature
from mailgate.model.stamps import Stamp, visible_block, visible_hash
from mailgate.model.verdict import Verdict
from mailgate.service import link
from mailgate.service.delegation import delegate
from mailgate.service.execute import Known
from mailgate.service.link import press
from mailgate.service.questions import question_token
from mailgate.store.tables import Assignment, Event, Question, Request
from tests.service.post import AUTHSERV_ID, deliver, reply
from tests.service.rig import GATES, PEOPLE, Place, Rig

ARCHIVE = "archive@gate.example.com"


class Mail:
    """One mail as it went out: its bytes, its message, and what its attachment holds."""

    def __init__(self, recipient: str, raw: bytes) -> None:
        self.recipient, self.raw = recipient, raw
        message = message_from_bytes(raw, policy=default)
        assert isinstance(message, EmailMessage)
        self.message = message
        attached = {part.get_filename(): part for part in message.iter_attachments()}
        evidence = attached.get("mailgate-evidence.json")
        self.told: dict[str, Any] = {} if evidence is None else json.loads(evidence.get_content())

    def records(self, rig: Rig) -> list[Record]:
        """Return the records it carries, each once its proof holds."""
        told = self.told.get("records", [])
        return [rig.working.verifier.read(b64decode(entry["record"]), entry["proof"]) for entry in told]


def everything_in(raw: bytes) -> Iterator[bytes]:
    """Yield whatever can be read of some bytes: parts of a mail, texts of JSON, base64, each without its line breaks too."""
    yield raw
    yield re.sub(rb"=?\s+", b"", raw)
    if re.match(rb"[\w-]+: ", raw):
        for part in message_from_bytes(raw).walk():
            content = part.get_payload(decode=True)
            if isinstance(content, bytes) and content != raw:
                yield from everything_in(content)
    elif raw[:1] in (b"{", b"[", b'"'):
        try:
            yield from (found for text in texts_in(json.loads(raw)) for found in everything_in(text.encode()))
        except ValueError:
            return
    elif re.fullmatch(rb"[A-Za-z0-9+/]{24,}={0,2}", raw):
        try:
            yield from everything_in(base64.b64decode(raw, validate=True))
        except (binascii.Error, ValueError):
            return


def texts_in(value: Any) -> Iterator[str]:
    """Yield every text of plain JSON, names too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from value
        for inner in value.values():
            yield from texts_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts_in(inner)


def secrets_of(rig: Rig, seat: Assignment) -> dict[str, list[bytes]]:
    """Return every secret that a seat ever had, by what it is, in the forms in which it is written."""
    found = {}
    for generation in range(1, seat.generation + 1):
        code = rig.serving.key.code(seat.id, generation)
        earlier = Assignment(**(seat.model_dump() | {"generation": generation}))
        found |= {
            f"reply address {generation}": [rig.serving.key.reply_token(seat.id, generation)],
            f"bounce address {generation}": [rig.serving.key.bounce_token(seat.id, generation)],
            f"link {generation}": [rig.token(earlier)],
            f"code {generation}": [f"{code[:3]}{gap}{code[3:]}" for gap in ("", " ", "-", ".")],
        }
    return {name: [form.encode() for form in forms] for name, forms in found.items()}


def live_secrets(rig: Rig) -> Iterator[tuple[str, list[bytes]]]:
    """Yield every secret by which something can still be said about a request that has not ended."""
    ended = {r.id for r in rig.rows(Request) if r.state in FINAL}
    for seat in rig.rows(Assignment):
        if seat.request_id not in ended:
            for name, forms in secrets_of(rig, seat).items():
                yield f"{seat.person}'s {name} for {seat.request_id}", forms
    for question in rig.rows(Question):
        if question.request_id not in ended and question.answered_at is None:
            yield f"the address for {question.id}", [question_token(rig.serving, question.id).encode()]


def quoted(text: str) -> str:
    """Return a text as a mail program quotes it."""
    above = ["", "", "On Tue, 24 Nov 2026 at 09:00, Approvals <approvals@gate.example.com> wrote:", ""]
    return "\r\n".join([*above, *(f"> {line}" for line in text.split("\n"))])


class Week:
    """A rig and the things that happen to it; after each of them everything that went out is looked at."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.story = ""
        self.mails: list[Mail] = []
        self.leaks: list[str] = []

    def passes(self, **length: float) -> None:
        """Let the keeper and the outbox work, some time pass, and both work again."""
        for hop in (length, {}):
            self.rig.keeper()
            self.rig.outbox()
            self.look()
            self.rig.clock.forward(**hop)

    def look(self) -> None:
        """Search the mails to the archive that are new for what can still decide."""
        live = list(live_secrets(self.rig))
        for _, recipient, raw in self.rig.sender.sent[len(self.mails) :]:
            self.mails.append(Mail(recipient, raw))
            if recipient == ARCHIVE:
                known = b"\n".join(set(everything_in(raw)))
                self.leaks += [f"{self.story}: {name}" for name, forms in live if any(f in known for f in forms)]

    def archived(self) -> list[Mail]:
        """Return the mails to the archive."""
        return [mail for mail in self.mails if mail.recipient == ARCHIVE]

    def letter_to(self, person: str, request_id: str) -> str:
        """Return the text of the last mail to a person about a request, link, code and addresses and all."""
        about = self.rig.request(request_id).id[:6].upper()
        mine = [m for m in self.mails if m.recipient.startswith(f"{person}@") and about in str(m.message["Subject"])]
        text = "\n".join(open_mail(mine[-1].raw).plain)
        return f"To: {person}, Reply-To: {parseaddr(str(mine[-1].message['Reply-To']))[1]}\n{text}"

    def ask(self, name: str = "pay", **options: Any) -> str:
        """Let an agent ask, and the mails go out."""
        options = {"args": {"order": f"A-{len(self.rig.rows(Request))}"}, "on_behalf_of": "erin@example.com"} | options
        request_id = self.rig.ask(name, **options)
        self.passes()
        return request_id

    def write(self, request_id: str, text: str, person: str = "bob", *, quoting: str | None = None) -> None:
        """Let a person reply to the last mail about a request, quoting it whole."""
        below = quoted(quoting if quoting is not None else self.letter_to(person, request_id))
        deliver(self.rig, reply(self.rig, request_id, person, f"{text}{below}"), mail_id=self.rig.chance.id())
        self.passes()

    def answer(self, text: str) -> None:
        """Let Erin answer the last question that she was sent, quoting it whole."""
        mail = [m for m in self.mails if m.recipient == "erin@example.com"][-1]
        to = parseaddr(str(mail.message["Reply-To"]))[1]
        raw = (
            f"Authentication-Results: {AUTHSERV_ID}; dmarc=pass header.from=example.com\r\nFrom: erin@example.com\r\n"
            f"To: {to}\r\nSubject: Re: x\r\nMessage-ID: <{self.rig.chance.id()}@example.com>\r\n"
            "Date: Tue, 24 Nov 2026 09:30:00 +0000\r\n\r\n"
            f"{text}{quoted(to + chr(10) + chr(10).join(open_mail(mail.raw).plain))}\r\n"
        )
        deliver(self.rig, raw.encode(), mail_id=self.rig.chance.id())
        self.passes()

    def press(self, request_id: str, person: str = "bob", verdict: Verdict = Verdict.APPROVE, reason: str = "") -> None:
        """Let a person decide on the page, and write into it whatever the mail holds."""
        reason = reason or f"As in my mail: {self.letter_to(person, request_id)}"
        self.rig.press(request_id, person, verdict, reason=reason)
        self.passes()

    def work(self) -> None:
        """Let the worker work."""
        self.rig.work()
        self.passes()


def asked_and_answered(week: Week) -> None:
    """A question, its answer, a yes by reply, and it runs."""
    request_id = week.ask()
    week.write(request_id, "QUESTION: was it booked?")
    week.answer("Yes, on Monday.")
    week.write(request_id, "APPROVE")
    week.work()
    assert week.rig.state(request_id) == "succeeded"


def two_of_two(week: Week) -> None:
    """One by reply, one on the page; between them the request is open with one of its seats used."""
    request_id = week.ask("pay_twice")
    week.write(request_id, "APPROVE", "alice")
    week.press(request_id, "bob")
    week.work()
    assert week.rig.state(request_id) == "succeeded"


def outvoted(week: Week) -> None:
    """A no on the page that ends nothing, its reason full of secrets; then two yes."""
    request_id = week.ask("vote")
    week.press(request_id, "carol", Verdict.REJECT)
    assert week.rig.state(request_id) == "pending"
    week.write(request_id, "APPROVE", "alice")
    week.write(request_id, "APPROVE", "bob")
    week.work()
    assert week.rig.state(request_id) == "succeeded"


def rejected_bare(week: Week) -> None:
    """A no without a reason, which is given later."""
    request_id = week.ask()
    week.write(request_id, "REJECT")
    week.write(request_id, "The customer has left.")
    week.work()
    assert week.rig.state(request_id) == "rejected"


def taken_back(week: Week) -> None:
    """A yes, undone by reply; another one undone on the page, where the other seat stays open."""
    request_id = week.ask()
    week.write(request_id, "APPROVE")
    week.write(request_id, "UNDO")
    assert week.rig.state(request_id) == "withdrawn"
    other = week.ask("vote")
    week.press(other, "bob")
    week.press(other, "bob", Verdict.UNDO)
    week.press(other, "alice", Verdict.APPROVE)
    week.press(other, "carol", Verdict.APPROVE)
    week.work()
    assert week.rig.state(other) == "succeeded"


def unclear(week: Week) -> None:
    """Answers that are none; then nobody says anything more, somebody else is asked, and the time is over."""
    request_id = week.ask("slow")
    week.write(request_id, "Well, if you must")
    week.write(request_id, "It depends.")
    week.passes(minutes=61)
    week.passes(hours=2)
    week.passes(hours=30)
    week.work()
    assert week.rig.state(request_id) == "expired"
    week.write(request_id, "APPROVE")


def stood_in_for(week: Week) -> None:
    """Somebody stands in and lets go; the seat that was given back gets other secrets."""
    until = week.rig.clock.at + timedelta(hours=1)
    delegate(week.rig.serving, "bob", "carol", until=until, gate="pay", by="oscar")
    request_id = week.ask()
    week.passes(minutes=1)
    week.write(request_id, "REJECT too much", "carol")
    assert week.rig.state(request_id) == "rejected"
    week.passes(hours=2)


def lost_and_cancelled(week: Week) -> None:
    """An agent that takes its request back, and an approval that nobody uses in time."""
    request_id = week.ask()
    week.rig.mg.cancel(request_id)
    week.passes()
    late = week.ask()
    week.press(late)
    week.passes(minutes=20)
    week.work()
    assert (week.rig.state(request_id), week.rig.state(late)) == ("cancelled", "lapsed")


def broken(week: Week) -> None:
    """An action that fails, and an agent that cannot be resumed."""
    request_id = week.ask()
    week.press(request_id)
    week.rig.shop.doing = lambda: 1 / 0
    week.rig.execute()
    week.rig.shop.doing = lambda: "done"
    week.passes()
    week.rig.resume(lambda outcome: 1 / 0)
    week.passes()
    week.rig.clock.forward(hours=1)
    week.work()
    assert week.rig.state(request_id) == "failed"


def mixed_up(week: Week) -> None:
    """A reply about one request that quotes the mail about another one, which is still open when the first has ended."""
    open_one, other = week.ask("pay_twice"), week.ask()
    week.write(other, "REJECT", quoting=week.letter_to("bob", open_one))
    assert (week.rig.state(other), week.rig.state(open_one)) == ("rejected", "pending")
    week.write(open_one, "REJECT too late", "alice")


STORIES: list[Callable[[Week], None]] = [
    asked_and_answered,
    two_of_two,
    outvoted,
    rejected_bare,
    taken_back,
    unclear,
    stood_in_for,
    lost_and_cancelled,
    broken,
    mixed_up,
]


SLOW = {"approvers": ["bob"], "remind_after": "1h", "escalate_after": "2h", "escalate_to": ["alice"], "timeout": "24h"}


@pytest.fixture(scope="module")
def week(
    tmp_path_factory: pytest.TempPathFactory, empty_database: Path, shipped_templates: Templates
) -> Iterator[Week]:
    """Let every story happen on one rig, and a seal at the end. Tests only look at it."""
    place = Place(tmp_path_factory.mktemp("week") / "place")
    place.clear(empty_database)
    sections = {
        "imap": {"authserv_id": AUTHSERV_ID, "username": "approvals"},
        "people": PEOPLE | {"erin": {"name": "Erin Evans", "address": "erin@example.com"}},
        "gates": GATES
        | {
            "pay_twice": {"approvers": ["alice", "bob"], "quorum": 2, "remind_after": "none"},
            "vote": {"approvers": ["alice", "bob", "carol"], "quorum": 2, "veto": False, "remind_after": "none"},
            "slow": SLOW,
        },
        "archive": {"address": ARCHIVE, "seal_every": "7d"},
    }
    rig = Rig(place, shipped_templates, sections)
    pay = rig.shop.pay
    rig.shop.actions |= {name: Known(signature=Signature(name, pay), function=pay) for name in ("vote", "slow")}
    happening = Week(rig)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(link, "GIVE_WAY_SECONDS", 0.0)
        for story in STORIES:
            happening.story = story.__name__
            story(happening)
        happening.passes(days=8)
    yield happening
    rig.close()


def test_nothing_in_the_archive_can_still_decide(week: Week) -> None:
    """No link, code or secret address of a request that has not ended is in any byte that reached the archive, decoded or not.

    Whatever people quote, and wherever they write it.
    """
    assert week.leaks == []


def test_what_is_found_in_the_archive_later_decides_nothing(week: Week) -> None:
    """Secrets do reach it, in the people's own words, with the mail that ends a request; they are worth nothing by then."""
    archived = b"\n".join({some for mail in week.archived() for some in everything_in(mail.raw)})
    found = [
        seat
        for seat in week.rig.rows(Assignment)
        if any(form in archived for forms in secrets_of(week.rig, seat).values() for form in forms)
    ]
    assert len(found) > 5
    before = week.rig.dump()
    assert not any(says_anything(week.rig, seat) for seat in found)
    assert week.rig.dump() == before


def says_anything(rig: Rig, seat: Assignment) -> bool:
    """Return whether somebody who has a seat's link and code can decide, reject or take back anything by them."""
    code = rig.serving.key.code(seat.id, seat.generation)
    try:
        return any(
            press(rig.serving, rig.token(seat), verdict=verdict, code=code, reason="I found this.").done
            for verdict in (Verdict.APPROVE, Verdict.REJECT, Verdict.UNDO)
        )
    except TokenError:
        return False


def test_replies_reach_the_archive_once_they_decide_nothing_more(week: Week) -> None:
    """The very bytes of what people wrote come with the mail that ends their request, and not before."""
    with_replies = [mail for mail in week.mails if "inbound" in mail.told]
    assert {mail.recipient for mail in with_replies} == {ARCHIVE}
    ends = [mail.records(week.rig)[-1] for mail in with_replies]
    assert {end.body["outcome"] for end in ends} >= {"succeeded", "rejected", "withdrawn", "expired"}
    assert len({end.request for end in ends}) == len(ends)
    raws = [b64decode(entry["raw"]) for entry in with_replies[0].told["inbound"]]
    first_lines = [raw.partition(b"\r\n\r\n")[2].split(b"\r\n")[0] for raw in raws]
    assert first_lines == [b"QUESTION: was it booked?", b"Yes, on Monday.", b"APPROVE"]


def test_a_reply_that_quotes_what_is_open_elsewhere_is_kept_by_its_digest_only(week: Week) -> None:
    """The mail names it and says why; its bytes stay in the database."""
    entries = [entry for mail in week.mails for entry in mail.told.get("inbound", []) if "raw" not in entry]
    [withheld] = entries
    assert withheld["withheld"] == "It quotes a link or an address of a request that was open when this mail was made."
    assert len(bytes.fromhex(withheld["raw_sha256"])) == 32


def test_every_record_rides_in_exactly_one_mail_to_the_archive(week: Week) -> None:
    """In order, none twice; whenever a mail has gone there, no record before its last one is missing."""
    rig, seen = week.rig, list[int]()
    mails = [m.records(rig) for m in week.archived()]
    for records in sorted((m for m in mails if m), key=lambda records: records[-1].index):
        seen += [record.index for record in records]
        assert seen == list(range(len(seen)))
    recorded = [e for e in rig.rows(Event) if e.position is not None]
    assert len(seen) == len(recorded) > 60
    assert {e.archived for e in recorded} == {True}
    assert len({e.kind for e in recorded}) >= 18


def test_each_mail_tells_its_request_s_story_so_far(week: Week) -> None:
    """What it carries and its thread together are all records of its request up to its own, in order, and of no other one."""
    rig, told = week.rig, 0
    log = sorted((e for e in rig.rows(Event) if e.position is not None), key=lambda e: e.position or 0)
    for mail in week.mails:
        records = mail.records(rig)
        if not records or not records[-1].request:
            continue
        own = records[-1]
        story = [e.record for e in log if e.request_id == own.request and (e.position or 0) <= own.index]
        carried = [b64decode(entry["record"]) for entry in mail.told["records"]]
        thread = [b64decode(record) for record in mail.told["thread"]]
        assert [record for record in story if record not in carried] == thread
        assert story[-1] == carried[-1]
        told += len(thread)
    assert told > 100


def test_each_mail_s_stamp_binds_what_it_shows(week: Week) -> None:
    """From, To, Subject, Date, the records and every word of the block, in text and HTML, under the log's key."""
    rig, shown = week.rig, 0
    for mail in week.mails:
        if not mail.told:
            continue
        said = mail.told["stamp"]
        plain, html = mail.message.get_body(("plain",)), mail.message.get_body(("html",))
        assert plain is not None
        assert html is not None
        block = visible_block(plain.get_content().splitlines())
        assert block == visible_block(read_html(html.get_content()).lines)
        stamp = Stamp(
            log=rig.serving.signer.name,
            leaves=tuple(leaf_hash(b64decode(entry["record"])) for entry in mail.told["records"]),
            sender=parseaddr(str(mail.message["From"]))[1],
            recipient=parseaddr(str(mail.message["To"]))[1],
            subject=str(mail.message["Subject"]),
            date=format_time(mail.message["Date"].datetime),
            shown="" if block is None else visible_hash(block),
        )
        assert said == {
            **{name: getattr(stamp, name) for name in ("sender", "recipient", "subject", "date", "shown")},
            "signature": said["signature"],
        }
        assert rig.working.verifier.has_stamped(stamp, b64decode(said["signature"]))
        shown += block is not None
    assert shown > 60
