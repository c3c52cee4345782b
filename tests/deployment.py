"""mailgate as an operator runs it: a folder with a configuration, and real processes on a real mail site."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from mailgate.config import Config, load_config
from mailgate.runtime import make_key_files, open_database
from mailgate.store import Store
from tests.site import MailSite

T = TypeVar("T")

GATES = '''
[gates.issue_refund]
approvers = ["bob"]
if_approved = "The customer is refunded at once."

[[gates.issue_refund.rules]]
when = "args.amount <= 10.0"
tier = "auto"
'''

APP = '''
import json, os, sys, time
from pathlib import Path
from mailgate import ApprovalPending, Mailgate

mg = Mailgate.load()
OUT = Path(os.environ["APP_OUT"])

def note(**what):
    with OUT.open("a") as file:
        file.write(json.dumps(what | {"pid": os.getpid(), "at": time.time()}, default=str) + "\\n")

@mg.action
def issue_refund(order_id: str, amount: float, currency: str = "EUR") -> str:
    note(did="executed", order_id=order_id, amount=amount)
    return f"refunded {amount} {currency} on {order_id}"

@mg.continues("support")
def go_on(outcome):
    note(did="resumed", outcome=outcome.outcome, result=outcome.result, reason=outcome.reason,
         decided_by=outcome.decided_by, state=outcome.state, args=outcome.args, for_model=outcome.for_model)

def ask(order_id, amount=120.0, run="run-1", **more):
    with mg.session(agent="support", run=run, on_behalf_of="erin@approvers.test", state={"order": order_id}) as s:
        return s.call(issue_refund, {"order_id": order_id, "amount": amount}, reasoning="Charged twice.", confidence=0.9)

if __name__ == "__main__":
    try:
        ask(sys.argv[1], run=sys.argv[2] if len(sys.argv) > 2 else "run-1")
    except ApprovalPending as pending:
        print(pending.request_id)
'''


class Deployment:
    """A folder that mailgate runs in, on one mail site.

    Attributes:
        folder: holds ``config.toml``, keys, database and ``app.py``.
        gate: the address mails come from and replies go to; its own mailbox.
    """

    def __init__(self, folder: Path, site: MailSite, *, gates: str = GATES, more: str = "", people: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.site = site
        self.gate = site.fresh_user("approvals", "gate.test")
        self.archive = site.fresh_user("archive", "gate.test")
        self.people = dict(people or {"bob": site.fresh_user("bob", "approvers.test")})
        self.port = _free_port()
        self.out = folder / "out.jsonl"
        (folder / "config.toml").write_text(self._config(gates, more), encoding="utf-8")
        (folder / "app.py").write_text(APP, encoding="utf-8")
        make_key_files(self.config)
        open_database(self.config).close()

    @property
    def config(self) -> Config:
        """The configuration as it is on disk now."""
        return load_config(self.folder / "config.toml")

    @contextmanager
    def store(self) -> Iterator[Store]:
        """Open the database."""
        store = open_database(self.config)
        try:
            yield store
        finally:
            store.close()

    @contextmanager
    def running(self, *arguments: str, stop_with: int = signal.SIGTERM) -> Iterator[subprocess.Popen[str]]:
        """Run ``mailgate …`` in the folder until the block ends; its log goes to a file there."""
        log = self.folder / f"{arguments[0]}.log"
        with log.open("a") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "mailgate", *arguments],
                cwd=self.folder,
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
            try:
                yield process
            finally:
                process.send_signal(stop_with)
                process.wait(20)

    def call(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run one ``mailgate …`` command to its end."""
        return subprocess.run(
            [sys.executable, "-m", "mailgate", *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=check,
            timeout=60,
        )

    def ask(self, order_id: str, run: str = "run-1") -> str:
        """Let the agent ask, in a process that ends; return the request's id."""
        done = subprocess.run(
            [sys.executable, "app.py", order_id, run],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
        return done.stdout.strip()

    @property
    def environment(self) -> dict[str, str]:
        """The environment of its processes."""
        return os.environ | {
            "MAILGATE_CONFIG": str(self.folder / "config.toml"),
            "APP_OUT": str(self.out),
            "PYTHONPATH": str(self.folder),
        }

    def notes(self, did: str) -> list[dict[str, Any]]:
        """Return what the app noted about ``did``."""
        import json

        if not self.out.exists():
            return []
        return [n for n in map(json.loads, self.out.read_text().splitlines()) if n["did"] == did]

    def log(self, name: str = "serve") -> str:
        """Return what a command has logged."""
        path = self.folder / f"{name}.log"
        return path.read_text() if path.exists() else ""

    def _config(self, gates: str, more: str) -> str:
        smtp, imap = self.site.smtp_of(self.gate), self.site.imap_of(self.gate)
        people = "\n".join(
            f'[people.{i}]\nname = "{i.title()} Example"\naddress = "{a}"\nzone = "Europe/Berlin"\n'
            for i, a in self.people.items()
        )
        first = next(iter(self.people))
        return f'''
[mailgate]
name = "test"
base_url = "http://127.0.0.1:{self.port}"
operators = ["{first}"]

[smtp]
host = "{smtp.host}"
port = {smtp.port}
tls = "{smtp.tls}"
ca_file = "{smtp.ca_file}"
username = "{smtp.username}"
password = "{smtp.password}"
from = "Approvals <{self.gate}>"
retry_after = "1s"

[imap]
host = "{imap.host}"
port = {imap.port}
tls = "{imap.tls}"
ca_file = "{imap.ca_file}"
username = "{imap.username}"
password = "{imap.password}"
authserv_id = "{self.site.authserv_id}"

[archive]
address = "{self.archive}"

[web]
port = {self.port}

{people}
{gates}
{more}
'''


def eventually(look: Callable[[], T], *, seconds: float = 20.0, why: str = "") -> T:
    """Return the first true value of ``look``; fail with what it gave last."""
    end = time.monotonic() + seconds
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > end:
            raise AssertionError(f"{why or 'It'} did not happen within {seconds:g} s; last seen: {found!r}")
        time.sleep(0.02)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])
