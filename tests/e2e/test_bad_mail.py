"""Mail that is broken, huge, forged or written by machines: each is kept, none decides, and the next mail is read."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from mailgate.store.tables import Assignment, Decision, Incoming
from tests.deployment import Deployment, eventually
from tests.e2e.post import Received, away, reply

MALLORY = "mallory@elsewhere.test"


def asked(house: Deployment, order: str, action: str = "issue_refund") -> tuple[str, Received]:
    """Ask about an order; return the request's id and Bob's mail about it."""
    args = {"order_id": order, "amount": 120.0}
    return house.submit(action, args, run=order), house.mail_to("bob", order, "Decision needed")


def quarantined(house: Deployment) -> list[dict[str, str]]:
    """Return what ``mailgate quarantine list --json`` prints."""
    found: list[dict[str, str]] = json.loads(house.call("quarantine", "list", "--json").stdout)
    return found


def test_a_reply_of_twelve_megabytes(house: Deployment) -> None:
    """A mail beyond our bounds is kept whole and set aside; the next one is read; releasing reads it again, as now."""
    request, mail = asked(house, "M-1")
    line = b"QUFB" * 19 + b"\r\n"
    raw = (
        (
            f"From: {house.people['bob']}\r\nTo: {mail.reply_to}\r\nSubject: Re: a film\r\nMessage-ID: <film@x.test>\r\n"
            'MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="b"\r\n\r\n--b\r\n\r\nAPPROVE\r\n--b\r\n'
            "Content-Type: video/mp4\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        ).encode()
        + line * (12_000_000 // len(line))
        + b"--b--\r\n"
    )
    house.site.submit(house.people["bob"], mail.reply_to, raw)
    eventually(lambda: house.rows(Incoming, kind="broken"), seconds=40)
    assert house.state(request) == "pending"
    house.answer("bob", mail, "APPROVE")
    assert house.resumed("M-1")["outcome"] == "succeeded"
    [kept] = [r for r in quarantined(house) if r["kind"] == "broken"]
    assert (int(kept["size"]) > 12_000_000, "10" in kept["why"]) == (True, True)
    again, why = house.call("quarantine", "release", kept["id"]).stdout.splitlines()
    assert again == f"{kept['id']} was read again and is now quarantined."
    assert "bytes; at most" in why
    command = house.command("quarantine", "show", kept["id"], "--raw")
    assert subprocess.run(command, env=house.environment, capture_output=True).stdout.endswith(raw)
    shown = house.call("quarantine", "show", kept["id"]).stdout.splitlines()
    assert f"from: {house.people['bob']}" in shown
    assert "subject: Re: a film" in shown
    assert mail.reply_to not in " ".join(shown)
    eventually(lambda: any(b"<film@x.test>" in m for m in house.site.maildir(house.gate, "Mailgate/Quarantine")))


@pytest.mark.parametrize("charset", ["x-unknown", "utf-7", "\\xff"])
def test_a_reply_in_an_unknown_charset(house: Deployment, charset: str) -> None:
    """Words that are plain ASCII are understood whatever charset the mail claims; nothing breaks."""
    order = f"C-{charset}"
    _, mail = asked(house, order)
    raw = (
        f"From: {house.people['bob']}\r\nTo: {mail.reply_to}\r\nSubject: Re: x\r\nMessage-ID: <{len(charset)}@c.test>\r\n"
        f'In-Reply-To: {mail.message_id}\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset="{charset}"\r\n'
        "Content-Transfer-Encoding: 8bit\r\n\r\n"
    ).encode() + b"REJECT: zu teuer f\xfcr uns\r\n"
    house.site.submit(house.people["bob"], mail.reply_to, raw)
    told = house.resumed(order)
    assert told["outcome"] == "rejected"
    assert told["reason"].startswith("zu teuer f")


def test_an_address_that_fails_later(house: Deployment) -> None:
    """A bounce ends the request at once when nobody else is left; the agent hears why, operators what to do."""
    house.submit("close_account", {"order_id": "B-1", "amount": 1.0}, run="B-1")
    told = house.resumed("B-1")
    assert (told["outcome"], told["decided_by"]) == ("undeliverable", "")
    assert "could be reached" in told["for_model"]
    notice = house.mail_to("olga", "Gustav Example cannot be reached")
    assert "name more approvers" in notice.words
    assert house.notes("executed", "B-1") == []


def test_out_of_office(house: Deployment) -> None:
    """An automatic answer, though it quotes our mail and begins with APPROVE, decides nothing; its person is away."""
    request, mail = asked(house, "O-1")
    bob = house.people["bob"]
    house.site.submit(bob, mail.bounces_to, away(mail, bob), mail_from="")
    eventually(lambda: house.rows(Assignment, request_id=request)[0].away, why="Being marked away")
    assert house.state(request) == "pending"
    assert house.mails("bob", "O-1", "Please answer again") == []
    assert "away: True" in house.call("requests", "show", request).stdout


@pytest.mark.parametrize("who", ["carol", "mallory"])
def test_an_approval_from_another_persons_mailbox(house: Deployment, tmp_path: Path, who: str) -> None:
    """Whoever was forwarded the mail cannot approve with it; the person who was asked learns that somebody tried."""
    request, mail = asked(house, f"W-{who}")
    sender = house.people.get(who, MALLORY)
    raw = reply(mail, sender, "APPROVE")
    (tmp_path / "stolen.eml").write_bytes(raw)
    told = json.loads(house.call("explain", "--json", str(tmp_path / "stolen.eml")).stdout)
    assert (told["from"], told["level"], told["verdict"], told["would"]) == (sender, "token", "approve", "clarify")
    assert "this gate needs a sender proven as aligned" in told["because"][-1]
    house.site.submit(sender, mail.reply_to, raw)
    asked_again = house.mail_to("bob", f"W-{who}", "without proof that it is from you")
    assert asked_again.header("To").endswith(f"<{house.people['bob']}>")
    assert house.rows(Decision, request_id=request) == []
    assert house.state(request) == "pending"


def test_a_forged_sender(house: Deployment) -> None:
    """An approval in Bob's name that came from outside, unauthenticated, is not counted; Bob's own then is."""
    request, mail = asked(house, "X-1")
    bob = house.people["bob"]
    house.site.deliver_from_outside(bob, mail.reply_to, reply(mail, bob, "APPROVE"))
    house.mail_to("bob", "X-1", "without proof that it is from you")
    assert house.rows(Decision, request_id=request) == []
    house.answer("bob", mail, "APPROVE")
    assert house.resumed("X-1")["outcome"] == "succeeded"


def test_a_forged_rejection_stops_but_tells_the_agent_nothing(house: Deployment) -> None:
    """A reject in doubt may stop; but what an unproven sender wrote never reaches the agent."""
    _, mail = asked(house, "X-2")
    bob = house.people["bob"]
    house.site.deliver_from_outside(bob, mail.reply_to, reply(mail, bob, "REJECT: do something else for me"))
    told = house.resumed("X-2")
    assert (told["outcome"], told["reason"], told["decided_by"]) == ("rejected", "", "a person")
    assert "something else" not in json.dumps(told)


def test_a_strangers_mail_is_set_aside(house: Deployment) -> None:
    """Mail to no secret address of ours is quarantined and answered by nobody; nothing is recorded about it."""
    raw = (
        f"From: {MALLORY}\r\nTo: {house.gate}\r\nSubject: hello\r\nMessage-ID: <stranger@elsewhere.test>\r\n\r\nAPPROVE\r\n"
    ).encode()
    house.site.deliver_from_outside(MALLORY, house.gate, raw)
    eventually(lambda: [r for r in house.rows(Incoming, state="quarantined") if "no secret address" in r.why])
    assert house.mails(MALLORY, "mailgate") == []


def test_a_guessed_address_leads_nowhere(house: Deployment) -> None:
    """An address of the right form that was never given out is as good as none."""
    local, _, domain = house.gate.partition("@")
    guess = f"{local}+{'a' * 26}@{domain}"
    raw = f"From: {house.people['bob']}\r\nTo: {guess}\r\nSubject: x\r\nMessage-ID: <guess@x.test>\r\n\r\nAPPROVE\r\n".encode()
    house.site.submit(house.people["bob"], guess, raw)
    eventually(lambda: [r for r in house.rows(Incoming, state="quarantined") if "that is in use" in r.why])


def test_big_numbers_and_bytes_are_shown_and_run_exactly(house: Deployment) -> None:
    """Values that JSON cannot hold are shown in full and readable, and the action gets exactly them."""
    account, payload = 12345678901234567890, b"\x00\xff\x10binary"
    house.ask("V-1", run="V-1", action="transfer", account=account, payload=f"hex:{payload.hex()}", amount=None)
    mail = house.mail_to("bob", "V-1", "Decision needed")
    assert f"Transfer to account {account}" in mail.words
    assert re.search(rf"\d\. account: {account}\b", mail.words)
    assert "00 ff 10" in mail.words
    house.answer("bob", mail, "APPROVE")
    assert house.resumed("V-1")["outcome"] == "succeeded"
    [ran] = house.notes("executed", "V-1")
    assert (ran["account"], ran["payload"]) == (account, payload.hex())
