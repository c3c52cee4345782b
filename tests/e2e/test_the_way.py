"""The main job, all the way, with real processes and real mail: asked, answered, run, and the agent carried on."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from mailgate.runtime import open_serving
from mailgate.service.letters import link_of
from mailgate.store.tables import Assignment, Decision
from tests.deployment import Deployment, eventually
from tests.e2e.post import Received, visit


def asked(house: Deployment, order: str, action: str = "issue_refund", person: str = "bob") -> tuple[str, Received]:
    """Let an agent ask about an order; return the request's id and the mail that a person got about it."""
    request = house.ask(order, run=order, action=action)
    return request, house.mail_to(person, order, "Decision needed")


def test_a_reply_approves(house: Deployment) -> None:
    """An agent asks and its process ends; a reply approves; another process runs the action and resumes the agent."""
    request, mail = asked(house, "R-1")
    assert house.notes("executed", "R-1") == []
    house.answer("bob", mail, "Approve.\n\n-- \nBob Example\nTel. +44 20 7946 0991", as_html=True)
    told = house.resumed("R-1")
    assert (told["outcome"], told["result"]) == ("succeeded", "refunded 120.0 EUR on R-1")
    assert told["decided_by"] == "Bob Example"
    assert told["args"] == {"order_id": "R-1", "amount": 120.0, "currency": "EUR"}
    assert told["state"]["order"] == "R-1"
    assert told["state"]["asked_by"] not in (told["pid"], os.getpid())
    [ran] = house.notes("executed", "R-1")
    assert ran["pid"] == told["pid"]
    [decision] = house.rows(Decision, request_id=request)
    assert (decision.channel, decision.level) == ("reply", "aligned")


def test_a_link_with_its_code_approves(house: Deployment) -> None:
    """Looking at the link decides nothing, a wrong code neither; the code of the mail does."""
    request, mail = asked(house, "L-1")
    status, page = visit(mail.link)
    assert (status, "Bob Example" in page, "L-1" in page) == (200, True, True)
    wrong = "000 000" if mail.code != "000 000" else "111 111"
    assert visit(mail.link, {"verdict": "approve", "code": wrong})[0] == 422
    assert house.state(request) == "pending"
    status, page = visit(mail.link, {"verdict": "approve", "code": mail.code})
    assert (status, "Your answer was counted" in page) == (200, True)
    assert house.resumed("L-1")["outcome"] == "succeeded"
    [decision] = house.rows(Decision, request_id=request)
    assert (decision.channel, decision.level) == ("link", "link+code")
    house.mail_to("bob", "L-1", "Receipt")


def test_a_rejection_gives_the_agent_its_reason(house: Deployment) -> None:
    """The reason reaches the agent and the sentence for its model, nothing runs, and asking again is refused at once."""
    request, mail = asked(house, "N-1")
    house.answer("bob", mail, "Reject: the parcel has arrived,\nsee the tracking page.")
    told = house.resumed("N-1")
    assert (told["outcome"], told["decided_by"]) == ("rejected", "Bob Example")
    assert told["reason"] == "the parcel has arrived,\nsee the tracking page."
    assert "rejected" in told["for_model"]
    assert told["reason"] in told["for_model"]
    assert house.notes("executed", "N-1") == []
    before = len(house.mails("bob", "N-1"))
    again = house.run_agent("N-1", run="N-1 again", check=False)
    assert (again.returncode, "the parcel has arrived" in again.stdout) == (4, True)
    assert len(house.mails("bob", "N-1", "Decision needed")) == 1
    assert before <= len(house.mails("bob", "N-1"))
    assert house.state(request) == "rejected"


def test_nobody_answers_and_it_expires(house: Deployment) -> None:
    """Silence never approves: the request expires, by nobody's decision, and the agent is told."""
    request, _ = asked(house, "E-1", "make_offer")
    told = house.resumed("E-1")
    assert (told["outcome"], told["decided_by"], told["reason"]) == ("expired", "", "")
    assert "not a rejection" in told["for_model"]
    assert house.notes("executed", "E-1") == []
    assert house.rows(Decision, request_id=request) == []
    house.mail_to("bob", "E-1", "nobody answered in time")


def test_an_unclear_reply_is_asked_again(house: Deployment) -> None:
    """A reply that says neither yes nor no decides nothing; the answer to the clarifying mail does."""
    request, mail = asked(house, "U-1")
    house.answer("bob", mail, "ok go ahead I guess")
    again = house.mail_to("bob", "U-1", "could be read in more than one way")
    assert "ok go ahead I guess" in again.words
    assert again.header("Auto-Submitted") == "auto-replied"
    assert house.state(request) == "pending"
    house.answer("bob", again, "APPROVE")
    assert house.resumed("U-1")["outcome"] == "succeeded"


def test_a_late_answer_is_told_the_truth(house: Deployment) -> None:
    """Whoever answers after the end learns how it ended, and by whom; nothing changes."""
    request = house.ask("T-1", run="T-1", action="pay_out")
    bobs, carols = (house.mail_to(p, "T-1", "Decision needed") for p in ("bob", "carol"))
    house.answer("bob", bobs, "no: not this month")
    assert house.resumed("T-1")["outcome"] == "rejected"
    house.answer("carol", carols, "APPROVE")
    late = house.mail_to("carol", "T-1", "already rejected by Bob Example")
    assert late.references[0] == carols.references[0]
    status, page = visit(carols.link, {"verdict": "approve", "code": carols.code})
    assert (status, "already rejected by Bob Example" in page) == (200, True)
    assert [d.verdict for d in house.rows(Decision, request_id=request)] == ["reject"]
    assert house.notes("executed", "T-1") == []


def test_two_approvers_must_both_agree(house: Deployment) -> None:
    """With a quorum of two the first yes runs nothing; everybody asked gets every receipt and the outcome."""
    request = house.ask("Q-1", run="Q-1", action="pay_out")
    bobs, carols = (house.mail_to(p, "Q-1", "Decision needed") for p in ("bob", "carol"))
    assert (bobs.reply_to, bobs.link, bobs.code) != (carols.reply_to, carols.link, carols.code)
    house.answer("bob", bobs, "approve")
    for person in ("bob", "carol"):
        house.mail_to(person, "Q-1", "Signed by: Bob Example", "More answers are needed")
    assert house.state(request) == "pending"
    assert visit(carols.link, {"verdict": "approve", "code": carols.code})[0] == 200
    assert house.resumed("Q-1")["outcome"] == "succeeded"
    assert len(house.notes("executed", "Q-1")) == 1
    for person in ("bob", "carol"):
        house.mail_to(person, "Q-1", "Signed by: Carol Example", "It may run now")
        house.mail_to(person, "Q-1", "was run and succeeded")


def test_what_failed_without_effect_is_said_so(house: Deployment) -> None:
    """An action that says it did nothing is reported as failed, without effect, to agent, approver and operator."""
    _, mail = asked(house, "F-1", "decline")
    house.answer("bob", mail, "APPROVED!")
    told = house.resumed("F-1")
    assert (told["outcome"], told["error"]) == ("failed", "the till for F-1 is closed")
    assert "It had no effect." in told["for_model"]
    house.mail_to("bob", "F-1", "the till for F-1 is closed")
    house.mail_to("olga", "decline was approved and then failed")


def test_mails_about_one_request_are_one_thread(house: Deployment) -> None:
    """Constant subject, one References chain from one root, and our automatic mails say that they are automatic."""
    request, first = asked(house, "H-1")
    house.answer("bob", first, "hm")
    unclear = house.mail_to("bob", "H-1", "Please answer again")
    house.answer("bob", unclear, "APPROVE")
    receipt, outcome = house.mail_to("bob", "H-1", "Receipt"), house.mail_to("bob", "H-1", "Outcome")
    thread = [first, unclear, receipt, outcome]
    assert len({m.message_id for m in thread}) == 4
    assert {m.header("Subject") for m in thread} == {f"[test] issue_refund ({request[:6].upper()})"}
    root = first.references
    assert len(root) == 1
    for mail in thread[1:]:
        assert mail.references[:2] == [*root, first.message_id]
        assert mail.header("In-Reply-To") == mail.references[-1]
    assert [m.header("Auto-Submitted") for m in thread] == ["", "auto-replied", "auto-generated", "auto-generated"]
    for mail in thread:
        assert mail.header("Cc") + mail.header("Bcc") == ""
        assert mail.header("To").endswith(f"<{house.people['bob']}>")
    assert re.fullmatch(r"fresh-approvals-\w+\+[a-z2-7]{26}@gate\.test", first.reply_to)
    assert re.fullmatch(r"fresh-approvals-\w+\+[a-z2-7]{26}@gate\.test", first.bounces_to)
    assert first.reply_to != first.bounces_to
    assert unclear.bounces_to == ""  # an answer to a mail must never be answered by a machine


def test_the_archive_holds_every_mail_and_no_secret(house: Deployment) -> None:
    """The archive gets request, receipt and outcome; no byte of them, decoded or not, could decide anything."""
    request, mail = asked(house, "A-1")
    house.answer("bob", mail, "APPROVE")
    house.resumed("A-1")

    def archived() -> list[Received]:
        return house.mails(house.archive, f"({request[:6].upper()})")

    eventually(lambda: len(archived()) == 3, why="The archive having three mails")
    assert all("A-1" in m.words for m in archived())
    secrets = secrets_of(house, request) | {mail.code, mail.link, mail.reply_to, mail.bounces_to}
    for copy in archived():
        shown = [copy.raw.replace(b"=\r\n", b"")]
        for section in copy.message.walk():
            payload = section.get_payload(decode=True)
            shown += [payload] if isinstance(payload, bytes) else []
        for secret in secrets:
            assert not any(secret.encode() in text for text in shown), (secret, copy.header("Message-ID"))


def secrets_of(house: Deployment, request: str) -> set[str]:
    """Return everything with which somebody could answer a request in a person's name."""
    serving = open_serving(house.config)
    try:
        found: set[str] = set()
        for seat in house.rows(Assignment, request_id=request):
            link = link_of(serving, seat)
            code = serving.key.code(seat.id, seat.generation)
            found |= {serving.key.reply_token(seat.id, seat.generation), link, link.rstrip("/").rpartition("/")[2]}
            found |= {serving.key.bounce_token(seat.id, seat.generation), code, f"{code[:3]} {code[3:]}"}
        return found
    finally:
        serving.store.close()


def test_explain_knows_whose_answer_it_is(house: Deployment, tmp_path: Path) -> None:
    """With the database at hand `mailgate explain` names the seat, what is proven, and what would be done as of now."""
    request, mail = asked(house, "X-1")
    raw = house.answer("bob", mail, "APPROVE")
    house.resumed("X-1")
    read: list[bytes] = eventually(
        lambda: [m for m in house.site.maildir(house.gate, "Mailgate/Processed") if m.endswith(raw)]
    )
    stolen = raw.replace(house.people["bob"].encode(), b"mallory@elsewhere.test")
    cut = raw.replace(mail.reply_to.encode(), house.gate.encode())
    lost = cut.replace(mail.message_id.encode(), b"<x@approvers.test>")
    files = [tmp_path / f"{name}.eml" for name in ("counted", "stolen", "cut", "lost")]
    for file, text in zip(files, (read[0], stolen, cut, lost), strict=True):
        file.write_bytes(text)
    printed = house.call("explain", "--json", *map(str, files)).stdout
    counted, stolen_one, cut_one, lost_one = map(json.loads, printed.splitlines())
    [seat] = house.rows(Assignment, request_id=request)
    assert (counted["kind"], counted["assignment"], counted["level"]) == ("reply", seat.id, "aligned")
    assert (counted["verdict"], counted["first_line"], counted["would"]) == ("approve", "APPROVE", "ignore")
    assert f"request {request[:6]} is succeeded already" in counted["because"][-1]
    assert (stolen_one["from"], stolen_one["level"]) == ("mallory@elsewhere.test", "token")
    assert (cut_one["assignment"], cut_one["would"]) == (seat.id, "ignore")
    assert (lost_one["assignment"], lost_one["level"], lost_one["would"]) == (None, "none", "quarantine")


def test_a_small_refund_runs_at_once(house: Deployment) -> None:
    """What the rules let run needs no person: it runs in the agent's own process, and nobody is mailed."""
    done = house.run_agent("S-1", amount=5.0)
    assert done.stdout.strip() == "refunded 5.0 EUR on S-1"
    assert len(house.notes("executed", "S-1")) == 1
    assert house.mails("bob", "S-1") == []


def test_the_logs_hold_no_secret(house: Deployment) -> None:
    """Reply addresses, links and codes are never logged, by the serving side or the worker."""
    request, mail = asked(house, "G-1")
    visit(mail.link, {"verdict": "approve", "code": mail.code})
    house.resumed("G-1")
    logs = house.log() + house.log("worker")
    assert request in logs
    assert not [secret for secret in secrets_of(house, request) if secret in logs]
