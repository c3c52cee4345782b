"""mailgate as an operator runs it: a folder with a configuration, and real processes on a real mail site."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from sqlmodel import SQLModel, select

from mailgate.config import Config, load_config
from mailgate.gate import Mailgate
from mailgate.runtime import make_key_files, open_database
from mailgate.store import Store
from mailgate.store.tables import Request
from tests.e2e.post import Received, reply
from tests.site import MailSite
from tests.site.ports import PortLease

T = TypeVar("T")
Row = TypeVar("Row", bound=SQLModel)

APP = Path(__file__).parent / "e2e" / "app.py"

SETPRIV = shutil.which("setpriv")
DIES_WITH_US = [SETPRIV, "--pdeathsig", "KILL"] if SETPRIV else []
"""Before a command that runs long: the kernel ends it should this process be killed (prctl(2), PR_SET_PDEATHSIG)."""

GATES = """
[gates.issue_refund]
approvers = ["bob"]
if_approved = "The customer is refunded at once."

[[gates.issue_refund.rules]]
when = "args.amount <= 10.0"
tier = "auto"
"""


class Deployment:
    """A folder that mailgate runs in, on one mail site.

    Attributes:
        folder: holds ``config.toml``, keys, database and ``app.py``.
        gate: the address mails come from and replies go to; its own mailbox.
        archive: the address of the archive's mailbox.
        people: id → address.
        extra: variables added to the environment of its processes.
    """

    def __init__(
        self,
        folder: Path,
        site: MailSite,
        *,
        gates: str = GATES,
        more: str = "",
        people: Mapping[str, str] | None = None,
        operators: Sequence[str] = (),
        base_url: str = "",
        gate: str = "",
        reply_address: str = "plus",
    ) -> None:
        self.folder = folder
        self.site = site
        self.gate = gate or site.fresh_user("approvals", "gate.test")
        self.reply_address = reply_address
        self.archive = site.fresh_user("archive", "gate.test")
        self.people = dict(people or {"bob": site.fresh_user("bob", "approvers.test")})
        self.port = free_port()
        self.out = folder / "out.jsonl"
        self.extra: dict[str, str] = {}
        self._store: Store | None = None
        url = base_url or f"http://127.0.0.1:{self.port}"
        text = self._config(gates, more, operators or [next(iter(self.people))], url)
        (folder / "config.toml").write_text(text, encoding="utf-8")
        (folder / "keys").mkdir(mode=0o700, exist_ok=True)
        (folder / "keys" / "mail.password").write_text(site.smtp_of(self.gate).password + "\n", encoding="ascii")
        shutil.copy(APP, folder / "app.py")
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

    def close(self) -> None:
        """Close what looking into the database has opened."""
        if self._store is not None:
            self._store.close()
            self._store = None

    # Its processes.

    @contextmanager
    def running(
        self, *arguments: str, stop_with: int = signal.SIGTERM, through: str = "mailgate"
    ) -> Iterator[subprocess.Popen[str]]:
        """Run ``mailgate …`` in the folder until the block ends; its log goes to a file there.

        Args:
            through: another module to run the command line in.
        """
        log = self.folder / f"{arguments[0]}.log"
        with log.open("a") as output:
            process = subprocess.Popen(
                [*DIES_WITH_US, sys.executable, "-m", through, *arguments],
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

    @contextmanager
    def serving(self, *options: str, through: str = "mailgate") -> Iterator[subprocess.Popen[str]]:
        """Run ``mailgate serve`` and give it once it reads its mailbox."""
        before = self.log().count("mailbox_open")
        with self.running("serve", *options, through=through) as process:

            def is_reading() -> bool:
                assert process.poll() is None, f"serve ended with {process.returncode}:\n{self.log()}"
                return self.log().count("mailbox_open") > before

            eventually(is_reading, seconds=60, why=f"Opening the mailbox (log: {self.folder / 'serve.log'})")
            yield process

    def call(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run one ``mailgate …`` command to its end."""
        return self._run(self.command(*arguments), check=check)

    def command(self, *arguments: str) -> list[str]:
        """Return the command line of ``mailgate …``."""
        return [sys.executable, "-m", "mailgate", *arguments]

    def ask(self, order_id: str, run: str = "run-1", action: str = "issue_refund", **args: Any) -> str:
        """Let the agent ask, in a process that ends; return what it printed: the request's id."""
        return self.run_agent(order_id, run, action, **args).stdout.strip()

    def run_agent(
        self, order_id: str, run: str = "run-1", action: str = "issue_refund", *, check: bool = True, **args: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run the agent's process to its end."""
        given = {"order_id": order_id, "amount": 120.0} | args
        arguments = json.dumps({n: v for n, v in given.items() if v is not None})
        return self._run([sys.executable, "app.py", action, run, arguments], check=check)

    def submit(self, action: str, args: Mapping[str, Any], run: str) -> str:
        """Ask from within this process, which declares no action: every argument has to be given; return the request's id."""
        mg = Mailgate(self.config)
        args = ({"currency": "EUR"} if action == "issue_refund" else {}) | dict(args)
        try:
            return mg.submit(action, args, agent="support", run=run, state={"order": args["order_id"]}).request_id
        finally:
            mg.close()

    @property
    def environment(self) -> dict[str, str]:
        """The environment of its processes."""
        inherited = {n: v for n, v in os.environ.items() if not n.startswith("MAILGATE_")}
        return (
            inherited
            | {
                "MAILGATE_CONFIG": str(self.folder / "config.toml"),
                "APP_OUT": str(self.out),
                "PYTHONPATH": os.pathsep.join([str(self.folder), str(APP.parents[2])]),
            }
            | self.extra
        )

    # What people see and do.

    def mails(self, person: str, *words: str) -> list[Received]:
        """Return the mails that a person, or an address, has received and that contain ``words``; oldest first."""
        found = [Received(raw) for raw in self.site.maildir(self.people.get(person, person))]
        return [m for m in found if all(w in m.words or w in m.header("Subject") for w in words)]

    def mail_to(self, person: str, *words: str, seconds: float = 30.0) -> Received:
        """Wait for a mail to a person, or an address, that contains ``words``."""

        def look() -> list[Received]:
            return self.mails(person, *words)

        return eventually(look, seconds=seconds, why=f"A mail to {person} with {words}")[0]

    def answer(self, person: str, to: Received, text: str, **style: Any) -> bytes:
        """Let a person reply to a mail, over SMTP; return the bytes that were handed in."""
        sender = self.people[person]
        raw = reply(to, sender, text, name=f"{person.title()} Example", **style)
        self.site.submit(sender, to.reply_to, raw)
        return raw

    # What came of it.

    def rows(self, table: type[Row], **where: Any) -> list[Row]:
        """Return the rows of a table whose columns have these values."""
        if self._store is None:
            self._store = open_database(self.config)
        with self._store.read() as tx:
            return list(tx.session.exec(select(table).filter_by(**where)).all())

    def requests(self) -> list[Request]:
        """Return every request."""
        return self.rows(Request)

    def state(self, request_id: str) -> str:
        """Return a request's state."""
        return self.rows(Request, id=request_id)[0].state

    def until(self, request_id: str, state: str) -> None:
        """Wait until a request is in ``state``."""
        eventually(lambda: self.state(request_id) == state, seconds=40, why=f"{request_id} becoming {state}")

    def notes(self, did: str, order_id: str = "") -> list[dict[str, Any]]:
        """Return what the app noted about ``did``, for one order if given."""
        if not self.out.exists():
            return []
        notes = [n for n in map(json.loads, self.out.read_text().splitlines()) if n["did"] == did]
        return [n for n in notes if order_id in ("", n.get("order_id"), n.get("args", {}).get("order_id"))]

    def resumed(self, order_id: str, seconds: float = 40.0) -> dict[str, Any]:
        """Wait until the agent was resumed about an order, and return what it was told."""
        found = eventually(lambda: self.notes("resumed", order_id), seconds=seconds, why=f"Resuming about {order_id}")
        return found[0]

    def log(self, name: str = "serve") -> str:
        """Return what a command has logged."""
        path = self.folder / f"{name}.log"
        return path.read_text() if path.exists() else ""

    def _run(self, command: list[str], *, check: bool) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        if check and done.returncode:
            raise AssertionError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stderr}")
        return done

    def _config(self, gates: str, more: str, operators: Sequence[str], base_url: str) -> str:
        smtp, imap = self.site.smtp_of(self.gate), self.site.imap_of(self.gate)
        people = "\n".join(
            f'[people.{i}]\nname = "{i.title()} Example"\naddress = "{a}"\nzone = "Europe/Berlin"\n'
            for i, a in self.people.items()
        )
        return f"""
[mailgate]
name = "test"
base_url = "{base_url}"
operators = {json.dumps(list(operators))}

[smtp]
host = "{smtp.host}"
port = {smtp.port}
tls = "{smtp.tls}"
ca_file = "{smtp.ca_file}"
username = "{smtp.username}"
password_file = "keys/mail.password"
from = "Approvals <{self.gate}>"
retry_after = "1s"

[imap]
host = "{imap.host}"
port = {imap.port}
tls = "{imap.tls}"
ca_file = "{imap.ca_file}"
username = "{imap.username}"
password_file = "keys/mail.password"
reply_address = "{self.reply_address}"
authserv_id = "{self.site.authserv_id}"

[archive]
address = "{self.archive}"

[web]
port = {self.port}

{people}
{gates}
{more}
"""


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


def free_port() -> int:
    """Return a TCP port of loopback that nobody listens on, and that no outgoing connection will take."""
    lease = PortLease()
    lease.release()
    return lease.number
