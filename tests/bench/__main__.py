"""Measure on a real Postfix and Dovecot, print a table, write ``build/bench.json``."""

from __future__ import annotations

import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Callable
from email import message_from_bytes
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any

from sqlmodel import select

from mailgate.store.tables import Decision, Event, Execution, Incoming
from tests.bench import auditing, ruling
from tests.conftest import USERS
from tests.deployment import Deployment, eventually
from tests.site import MailSite

ROUNDS = int(os.environ.get("BENCH_ROUNDS", "15"))
WARM_UP = 3


def main() -> None:
    """Run both ways and print where their time goes."""
    rows: list[dict[str, Any]] = [*ruling.rows(), *auditing.rows()]
    with MailSite.start(USERS) as site, tempfile.TemporaryDirectory() as folder:
        deployment = Deployment(Path(folder), site)
        pushes = Path(folder) / "pushes"
        environment = deployment.environment | {"BENCH_PUSHES": str(pushes), "PYTHONPATH": f"{Path.cwd()}:{folder}"}
        serve = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.serve", "serve"],
            cwd=folder,
            env=environment,
            stderr=(Path(folder) / "serve.log").open("w"),
        )
        try:
            with deployment.running("worker", "app:mg"):
                eventually(lambda: "mailbox_open" in (Path(folder) / "serve.log").read_text(), why="the mailbox")
                replies = [_by_reply(deployment, pushes, n) for n in range(ROUNDS + WARM_UP)][WARM_UP:]
                links = [_by_link(deployment, n) for n in range(ROUNDS + WARM_UP)][WARM_UP:]
        except BaseException:
            print((Path(folder) / "serve.log").read_text()[-4000:], deployment.log("worker")[-2000:], file=sys.stderr)
            raise
        finally:
            serve.terminate()
            serve.wait(20)
    rows += _table(
        "reply: IMAP push to resumed handler",
        replies,
        ("delivered", "before the push: delivery to push (the server's own)"),
    )
    rows += _table("link: POST to resumed handler", links, None)
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False
    ).stdout.strip()
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    Path("build").mkdir(exist_ok=True)
    Path("build/bench.json").write_text(json.dumps({"rows": rows, "machine": machine, "commit": commit}, indent=1))


def _by_reply(deployment: Deployment, pushes: Path, number: int) -> dict[str, float]:
    mail, request = _asked(deployment, f"R-{number}")
    reply_to = str(message_from_bytes(mail)["Reply-To"])
    bob = deployment.people["bob"]
    raw = (
        f"From: {bob}\r\nTo: {reply_to}\r\nSubject: Re: x\r\nMessage-ID: <bench-{number}-{time.time()}@approvers.test>\r\n"
        f"Date: {time.strftime('%a, %d %b %Y %H:%M:%S +0000', time.gmtime())}\r\n\r\nAPPROVE\r\n"
    ).encode()
    before = pushes.read_text().split() if pushes.exists() else []
    submitted = time.time()
    deployment.site.submit(bob, re.search(r"<(.*)>", reply_to)[1] if "<" in reply_to else reply_to, raw)
    resumed = _resumed(deployment, number)
    pushed = float(pushes.read_text().split()[len(before)])
    with deployment.store() as store, store.read() as tx:
        fetched = tx.session.exec(
            select(Incoming).where(Incoming.sha256 != "").order_by(Incoming.fetched_at.desc())
        ).first()  # type: ignore[attr-defined]
        assert fetched is not None
        times = {"delivered": submitted, "start": pushed, "stored": fetched.fetched_at.timestamp()}
        return times | _inside(tx, request) | {"handler entered": resumed}


def _by_link(deployment: Deployment, number: int) -> dict[str, float]:
    mail, request = _asked(deployment, f"L-{number}")
    text = next(p for p in message_from_bytes(mail).walk() if p.get_content_type() == "text/plain").get_payload(
        decode=True
    )
    assert isinstance(text, bytes)
    link = re.search(r"http://127\.0\.0\.1:\d+/d/\S+/", text.decode())
    code = re.search(r"\b(\d{3}) (\d{3})\b", text.decode())
    assert link is not None
    assert code is not None
    form = urllib.parse.urlencode({"verdict": "approve", "code": code[0]}).encode()
    posted = time.time()
    urllib.request.urlopen(link[0], form).read()
    resumed = _resumed(deployment, number + 1000)
    with deployment.store() as store, store.read() as tx:
        return {"start": posted} | _inside(tx, request) | {"handler entered": resumed}


def _asked(deployment: Deployment, order: str) -> tuple[bytes, str]:
    request = deployment.ask(order, run=order)
    mail = deployment.site.wait_for_mail(deployment.people["bob"], lambda raw: order.encode() in raw, timeout=20)
    time.sleep(0.1)  # let receipts of the round before leave the machine quiet
    return mail, request


def _resumed(deployment: Deployment, number: int) -> float:
    order = f"R-{number}" if number < 1000 else f"L-{number - 1000}"
    found: Callable[[], Any] = lambda: [n for n in deployment.notes("resumed") if n["state"]["order"] == order]
    return float(eventually(found)[0]["at"])


def _inside(tx: Any, request: str) -> dict[str, float]:
    decision = tx.session.exec(select(Decision).where(Decision.request_id == request)).one()
    execution = tx.session.exec(select(Execution).where(Execution.request_id == request)).one()
    resumed = tx.session.exec(select(Event).where(Event.request_id == request, Event.kind == "outcome")).one()
    return {
        "decided": decision.decided_at.timestamp(),
        "claimed on the signed record": execution.claimed_at.timestamp(),
        "executed": resumed.at.timestamp(),
    }


def _table(title: str, rounds: list[dict[str, float]], before: tuple[str, str] | None) -> list[dict[str, Any]]:
    legs = [k for k in rounds[0] if k != "delivered"]
    whole = [1000 * (r[legs[-1]] - r[legs[0]]) for r in rounds]
    rows = [{"name": title, "value": round(median(whole), 1), "unit": "ms (median)", "beside": "", "ratio": None}]
    print(f"\n{title}: median {median(whole):.1f} ms, worst {max(whole):.1f} ms, of {len(rounds)}")
    for earlier, later in pairwise(legs):
        leg = median(1000 * (r[later] - r[earlier]) for r in rounds)
        print(f"  {leg:7.1f} ms  {100 * leg / median(whole):4.0f} %  {earlier} → {later}")
        rows.append(
            {"name": f"{title}: {later}", "value": round(leg, 1), "unit": "ms (median)", "beside": "", "ratio": None}
        )
    if before is not None:
        apart = median(1000 * (r["start"] - r[before[0]]) for r in rounds)
        print(f"  {apart:7.1f} ms         {before[1]}")
        rows.append({"name": before[1], "value": round(apart, 1), "unit": "ms (median)", "beside": "", "ratio": None})
    return rows


if __name__ == "__main__":
    main()
