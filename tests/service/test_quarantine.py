"""Mails that were kept and not counted: shown without anything that could decide, and read again without being believed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from mailgate.cli.quarantine import show
from mailgate.errors import InvalidArguments
from mailgate.service.quarantine import quarantined, raw_of, read_again, refused_so_far, shown
from mailgate.store.tables import Assignment, Decision
from tests.service.conftest import RigMaker
from tests.service.post import AUTHSERV_ID, deliver, receive, reply
from tests.service.rig import Rig, in_parallel

READING = {"authserv_id": AUTHSERV_ID, "username": "approvals"}
Record = Callable[[str, object], None]


@pytest.fixture
def reading(make_rig: RigMaker) -> Rig:
    """Make a rig whose intake believes its mail server."""
    return make_rig(imap=READING)


def secrets_of(rig: Rig, request_id: str) -> list[str]:
    """Return everything by which Bob's seat could be answered."""
    seat, key = rig.seat(request_id, "bob"), rig.serving.key
    code = key.code(seat.id, 1)
    [mail] = [m for m in rig.mails("request", request_id) if m.assignment_id == seat.id]
    return [
        rig.token(seat),
        code,
        f"{code[:3]} {code[3:]}",
        key.reply_token(seat.id, 1),
        key.bounce_token(seat.id, 1),
        rig.message_id(mail)[1:21],
    ]


@pytest.mark.parametrize("marked", [True, False])
def test_a_mail_is_shown_without_what_could_decide(reading: Rig, record_property: Record, marked: bool) -> None:
    """Links, codes, addresses and ids that it quotes are left out, whether or not it is known whose they are."""
    request_id = reading.ask()
    secrets = secrets_of(reading, request_id)
    link, code, spaced, token, bounce, message = secrets
    quoted = (
        f"> Code: {spaced}\r\n> https://approvals.example.com/d/{link}/\r\n> approvals+{token}@gate.example.com\r\n"
        f"> <approvals+{bounce}@gate.example.com>\r\n> <{message}.mailgate@gate.example.com>\r\n> Code: {code}\r\nThe end.\r\n"
    )
    raw = reply(reading, request_id, text=f"Hello.\r\n{quoted}", token=None if marked else "b" * 26)
    subject = f"Subject: Fwd: approvals+{token}@gate.example.com".encode()
    mail = deliver(reading, b"List-Id: <a.b>\r\n" + raw.replace(b"Subject: Re: a request", subject))
    assert (mail.state, mail.assignment_id is not None) == ("quarantined", marked)

    said = json.dumps([shown(reading.serving, "mail"), quarantined(reading.serving)])

    assert [secret for secret in secrets if secret in said] == []
    assert "Hello." in said
    assert "The end." in said
    assert raw_of(reading.serving, "mail").count(link.encode()) == 1
    record_property("attack", f"an operator's screen as a way to secrets that a mail quotes (seat known: {marked})")
    record_property("happened", "all left out; the exact bytes only on request, into a file")


def test_nothing_in_a_mail_acts_on_a_terminal(reading: Rig, record_property: Record) -> None:
    """Escapes, direction changes and line ends are shown as codes, in fields and in the text."""
    raw = (
        b"From: =?utf-8?q?=1B]0;x=07?= <x@example.com>\r\nTo: approvals@gate.example.com\r\nSubject: =?utf-8?b?G1sySg==?=\r\n"
        b"Date: \x1b[31m\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n"
        b"\x1b[2J\x1b]52;c;eA==\x07 ok\r\nid: forged\r\n\xe2\x80\xaeevil\ttab\r\n"
    )
    deliver(reading, raw)
    found = shown(reading.serving, "mail")
    lines = "".join(str(v) for v in found.values())
    assert {c for c in lines if not c.isprintable()} == {"\n"}
    assert found["text"].split("\n")[0] == "⟨U+001B⟩[2J⟨U+001B⟩]52;c;eA==⟨U+0007⟩ ok"
    assert "⟨U+202E⟩evil   tab" in found["text"]
    record_property("attack", "a mail with terminal escapes in fields and text")
    record_property("happened", "shown as codes")


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (
            b"From: x@y.z\r\nMIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n<p>See <b>this</b><style>p{}</style><p>now",
            "See this\n\nnow",
        ),
        (b"From: x@y.z\r\nMIME-Version: 1.0\r\nContent-Type: image/png\r\n\r\nPNG", ""),
        (b"no header\r\n\r\nAPPROVE", ""),
    ],
)
def test_what_a_reader_sees_is_shown(reading: Rig, raw: bytes, text: str) -> None:
    """Text before HTML, HTML as it looks; what cannot be read has no text, and its bytes can be had."""
    deliver(reading, raw)
    assert shown(reading.serving, "mail")["text"] == text
    assert raw_of(reading.serving, "mail") == raw


def test_a_long_mail_is_cut(reading: Rig) -> None:
    """And how much is missing is said."""
    deliver(reading, b"From: x@y.z\r\n\r\n" + b"a" * 5000)
    found = shown(reading.serving, "mail")
    assert (len(found["text"]), found["more"]) == (4000, 1000)


def test_exact_bytes_are_not_for_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """They hold whatever the sender put there, and live secrets: a file takes them, and the sentence says how."""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    with pytest.raises(InvalidArguments, match=r"show abc --raw > mail\.eml"):
        show("abc", raw=True, config=Path("none"))


# Releasing.


def quarantine(rig: Rig, raw: bytes) -> None:
    """Let a mail be set aside for something that is mended afterwards."""
    [seat] = rig.rows(Assignment)
    rig.forge("update assignments set reply_hash = 'broken'")
    assert deliver(rig, raw).state == "quarantined"
    rig.forge("update assignments set reply_hash = :hash", hash=seat.reply_hash)


def test_releasing_lends_nobody_an_identity(reading: Rig, record_property: Record) -> None:
    """An approval that nobody is proven to have sent is read again, and asked back like any other."""
    request_id = reading.ask()
    quarantine(reading, reply(reading, request_id, aligned=False))

    state, why = read_again(reading.serving, "mail")

    assert (state, reading.state(request_id), reading.rows(Decision)) == ("concluded", "pending", [])
    assert "aligned" in why
    assert len(reading.mails("clarification")) == 1
    record_property("attack", "an unproven approval, released from quarantine by an operator")
    record_property("happened", "not counted; the person is asked again")


def test_what_is_released_counts_by_the_time_it_came(reading: Rig) -> None:
    """In time then is in time now, as long as the request is open; who released it stands in the record."""
    request_id = reading.ask()
    end = reading.request(request_id).deadline_at
    quarantine(reading, reply(reading, request_id))
    assert end is not None
    reading.clock.forward(hours=4, minutes=1)

    state, _ = read_again(reading.serving, "mail")
    reading.keeper()

    assert (state, reading.state(request_id)) == ("concluded", "approved")
    assert reading.kinds(request_id) == ["request", "release", "decision"]
    [body] = reading.bodies(request_id, "release")
    assert body["person"] == "bob"
    with pytest.raises(InvalidArguments, match="quarantine list"):
        read_again(reading.serving, "mail")


def test_what_is_released_after_the_end_changes_nothing(reading: Rig, record_property: Record) -> None:
    """A request that ended meanwhile stays as it ended, and the sender is told how it stands."""
    request_id = reading.ask()
    quarantine(reading, reply(reading, request_id))
    reading.clock.forward(hours=5)
    reading.keeper()
    assert reading.state(request_id) == "expired"

    read_again(reading.serving, "mail")

    assert (reading.state(request_id), reading.rows(Decision)) == ("expired", [])
    assert len(reading.mails("late")) == 1
    record_property("attack", "an approval released after its request had ended")
    record_property("happened", "nothing changed; the sender is told")


def test_a_mail_that_is_still_wrong_stays(reading: Rig) -> None:
    """List mail is list mail however often it is read, and a stranger's is counted once."""
    request_id = reading.ask()
    deliver(reading, b"List-Id: <a.b>\r\n" + reply(reading, request_id), mail_id="list")
    deliver(reading, reply(reading, request_id, token="b" * 26), mail_id="stranger")
    for name, why in (("list", "a list server sent it on"), ("stranger", "that is in use")):
        for _ in range(3):
            state, said = read_again(reading.serving, name)
            assert state == "quarantined"
            assert why in said
    assert refused_so_far(reading.serving) == {"reply": 1}
    assert {row["id"] for row in quarantined(reading.serving)} == {"list", "stranger"}


def test_a_mail_is_released_once_however_many_try(reading: Rig) -> None:
    """Two operators at once, and the inbox beside them: one of them has it read, and it counts once."""
    request_id = reading.ask()
    quarantine(reading, reply(reading, request_id))
    receive(reading, reply(reading, request_id, text="Hm."), mail_id="other")

    results = in_parallel([lambda: read_again(reading.serving, "mail")] * 4)

    assert reading.state(request_id) == "approved"
    assert len(reading.rows(Decision)) == 1
    assert [r for r in results if not isinstance(r, InvalidArguments) and r[0] != "concluded"] == []
    assert len(reading.bodies(request_id, "release")) == 1
