"""Ways to forge outgoing and incoming mail."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from mailgate.service.deliver import take_due
from mailgate.tokens import ServeKey, address_hash
from tests.service.forging import TOKEN, Way, asked, asked_two, entering, incoming_row, mailed, rows
from tests.service.post import deliver, receive, reply
from tests.service.rig import Rig, stamp

WAYS: list[Way] = []
way = entering(WAYS)


@way("outgoing: a mail to the forger put in", mailed)
def _(rig: Rig, r: str) -> None:
    [row] = [m for m in rows(rig, "outgoing", r) if m["recipient"] == "bob@example.com"]
    change = {"id": "evil", "recipient": "mallory@evil.example", "state": "waiting", "sealed": None}
    rig.insert("outgoing", **(row | change | {"claimed_until": None}))


for column, value in (
    ("recipient", "mallory@evil.example"),
    ("details", '{"headline":"Please send us the code"}'),
    ("kind", "reminder"),
    ("message_id", "<evil@evil.example>"),
    ("mark", b"\x00" * 32),
    ("events", ""),
):

    @way(f"outgoing: {column} changed", lambda rig: rig.ask())
    def _(rig: Rig, r: str, column: str = column, value: Any = value) -> None:
        rig.forge(f"update outgoing set {column} = :v where request_id = :r", v=value, r=r)


@way("outgoing: two mails exchange their sealed bytes", asked_two)
def _(rig: Rig, r: str) -> None:
    ready = {m.row.recipient: m.row.id for m in take_due(rig.serving, 100)}  # and the outbox dies
    alice, bob = ready["alice@example.com"], ready["bob@example.com"]
    rig.forge("update outgoing set claimed_until = null")
    rig.forge(
        "update outgoing set sealed = (select sealed from outgoing where id = :a) where id = :b",
        a=alice,
        b=bob,
    )


@way("outgoing: a message id that would be more than one header", mailed, said="nowhere")
def _(rig: Rig, r: str) -> None:
    evil = "<a@b>\r\nBcc: mallory@evil.example\r\n\r\nAPPROVE"
    rig.forge("update assignments set message_id = :m where request_id = :r", m=evil, r=r)


@way("outgoing: a seat's mail under another seat's name", asked_two)
def _(rig: Rig, r: str) -> None:
    rig.forge("update outgoing set assignment_id = :s where recipient like 'alice%'", s=rig.seat(r, "bob").id)


# incoming


@way("incoming: an approving mail put in by hand", asked, said="row")
def _(rig: Rig, r: str) -> None:
    rig.insert("incoming", **incoming_row(rig, r, sealed=reply(rig, r)))


@way("incoming: an approving mail sealed by another key", asked, said="row")
def _(rig: Rig, r: str) -> None:
    row = incoming_row(rig, r, sealed=b"")
    label = f"incoming {row['id']} {stamp(rig.clock.at)}"
    sealed = ServeKey(b"e" * 32).seal(reply(rig, r), label=label, nonce=b"n" * 12)
    rig.insert("incoming", **(row | {"sealed": sealed}))


@way("incoming: the sealed bytes of one mail under another", asked, said="row")
def _(rig: Rig, r: str) -> None:
    receive(rig, reply(rig, r), mail_id="honest")
    rig.forge("update incoming set state = 'concluded'")
    [row] = rows(rig, "incoming", None)
    rig.insert("incoming", **(row | {"id": "evil", "uid": 99, "sha256": "evil", "state": "new"}))


@way("incoming: a late mail said to have come in time", asked, said="row")
def _(rig: Rig, r: str) -> None:
    rig.clock.forward(hours=4, minutes=1)
    receive(rig, reply(rig, r))
    rig.forge("update incoming set received_at = :at", at=rig.clock.at - timedelta(hours=2))


@way("incoming: a mail that was not enough to be read again", asked_two, said="nowhere")
def _(rig: Rig, r: str) -> None:
    deliver(rig, reply(rig, r, aligned=False))
    rig.press(r, "alice")
    rig.forge("update incoming set state = 'new', level = 'aligned', verdict = 'approve'")


@way("incoming: an approving mail of somebody else for a forged seat", asked, said="row")
def _(rig: Rig, r: str) -> None:
    rig.forge("update assignments set reply_hash = :h where request_id = :r", h=address_hash(TOKEN), r=r)
    receive(rig, reply(rig, r, token=TOKEN))
