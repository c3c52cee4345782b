"""The first hour of an operator: `mailgate init` makes what is needed, `mailgate doctor` says whether it works."""

from __future__ import annotations

import os
import pty
import socket
import stat
import subprocess
import sys
from contextlib import suppress
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from mailgate.checkup import check_all
from mailgate.config import load_config
from mailgate.store.tables import Lease
from tests.deployment import Deployment
from tests.e2e.post import visit


def init(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run ``mailgate init`` without a terminal."""
    environment = {n: v for n, v in os.environ.items() if not n.startswith("MAILGATE_")}
    command = [sys.executable, "-m", "mailgate", "init", "trial"]
    return subprocess.run(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60
    )


def findings(house: Deployment, *options: str, code: int = 0) -> dict[str, tuple[bool, str]]:
    """Return what ``mailgate doctor`` found: whether it is fine, and what it says."""
    done = house.call("doctor", *options, check=False)
    assert done.returncode == code, done
    assert done.stderr == ""
    found = {}
    for line in done.stdout.splitlines():
        sign, rest = line[0], line[2:]
        what, _, says = rest.partition("  ")
        found[what] = (sign == "✓", says)
    return found


def test_init_makes_everything_and_asks_nothing(tmp_path: Path) -> None:
    """Configuration, keys that only their owner can read, the public key and a database are made; the next step is said."""
    done = init(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    folder = tmp_path / "trial"
    made = {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}
    keys = {"keys/serve.key", "keys/link.key", "keys/log.key"}
    assert {"config.toml", "log.vkey", "mailgate.db", *keys} <= made
    assert {stat.S_IMODE((folder / key).stat().st_mode) for key in keys} == {0o600}
    assert "mailgate doctor" in done.stdout


def test_init_keeps_what_is_there(tmp_path: Path) -> None:
    """A second run changes no file: keys that are lost or replaced would make every open link and seal worthless."""
    init(tmp_path)
    folder = tmp_path / "trial"
    (folder / "config.toml").write_text((folder / "config.toml").read_text() + "\n# mine\n")
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    done = init(tmp_path)
    assert done.returncode == 0
    assert "kept  trial/config.toml" in done.stdout
    assert {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()} == before


def test_doctor_finds_everything_well(quiet_house: Deployment) -> None:
    """Against a real mail site every check passes, mails to our own addresses come back included."""
    found = findings(quiet_house, "--probe")
    assert {what for what, (fine, _) in found.items() if not fine} == {"probe catchall"}
    probed = {"probe plus", "probe catchall", "probe single", "reply address", "IDLE", "senders"}
    assert set(found) == {"configuration", "python", "keys", "database", "SMTP", "IMAP"} | probed
    assert "pushes news (IDLE)" in found["IMAP"][1]
    assert "reply_address = 'plus' works" in found["reply address"][1]


def test_doctor_shows_on_a_terminal_what_it_waits_for(quiet_house: Deployment) -> None:
    """A person who watches sees that something goes on; in a pipe nothing of it is printed."""
    ours, theirs = pty.openpty()
    command = quiet_house.command("doctor", "--probe")
    with subprocess.Popen(
        command, env=quiet_house.environment, stdout=theirs, stdin=theirs, cwd=quiet_house.folder
    ) as run:
        os.close(theirs)
        said = b""
        with suppress(OSError):  # how a terminal says that nobody writes any more
            while piece := os.read(ours, 4096):
                said += piece
        os.close(ours)
        assert run.wait(30) == 0
    assert b"waiting for" in said
    assert b"reply_address = 'plus' works" in said


def test_doctor_says_which_login_is_wrong(quiet_house: Deployment) -> None:
    """A wrong password is said for SMTP and IMAP apart, with the server's words; the rest is still checked."""
    (quiet_house.folder / "keys/mail.password").write_text("wrong\n")
    found = findings(quiet_house, code=1)
    assert {what for what, (fine, _) in found.items() if not fine} == {"SMTP", "IMAP"}
    assert "check [smtp] username and password" in found["SMTP"][1]
    assert "Authentication failed" in found["IMAP"][1]


def test_doctor_says_that_nobody_answers(quiet_house: Deployment) -> None:
    """A server that is not there is named with host and port."""
    quiet_house.extra |= {"MAILGATE_SMTP__PORT": "1", "MAILGATE_IMAP__PORT": "2"}
    found = findings(quiet_house, code=1)
    assert "localhost:1 cannot be used now" in found["SMTP"][1]
    assert "localhost:2 cannot be read now" in found["IMAP"][1]
    assert "Check [smtp] host, port" in found["SMTP"][1]
    assert "Check [imap] host, port" in found["IMAP"][1]


def test_doctor_says_that_no_reply_can_approve(quiet_house: Deployment) -> None:
    """Without anybody whose word on senders is believed, gates that ask for a proven sender approve by link alone."""
    quiet_house.extra["MAILGATE_IMAP__AUTHSERV_ID"] = ""
    fine, says = findings(quiet_house)["replies"]
    assert not fine
    assert "authserv_id is empty" in says
    assert "issue_refund" in says


def test_doctor_says_that_others_can_read_a_key(quiet_house: Deployment) -> None:
    """A secret key that any user may read works, and is a warning with the command that mends it."""
    path = quiet_house.folder / "keys/serve.key"
    path.chmod(0o644)
    done = quiet_house.call("doctor", check=False)
    assert done.returncode == 0
    assert f"! keys  [keys] serve_file: other users of this machine can read {path}; run chmod 600 on it" in done.stdout
    assert "✓ keys" in done.stdout


def test_doctor_counts_like_a_person(quiet_house: Deployment) -> None:
    """One gate is a gate."""
    config = quiet_house.config
    gates = dict(list(config.gates.items())[:1])
    people = dict(list(config.people.items())[:1])
    changed = config.model_copy(update={"gates": gates, "people": people})
    assert next(check_all(changed, probe=False)).says == "1 person, 1 gate"


def test_doctor_finds_an_account_that_may_not_send(quiet_house: Deployment) -> None:
    """A login that works and a sender address that is somebody else's is found before the first mail is lost."""
    quiet_house.extra["MAILGATE_SMTP__FROM"] = "Approvals <approvals@gate.test>"
    fine, says = findings(quiet_house, code=1)["SMTP"]
    assert not fine
    assert "553 5.7.1" in says


def test_a_worker_takes_the_configuration_that_is_named(quiet_house: Deployment) -> None:
    """With ``--config`` the agents' module loads the configuration that was named."""
    (quiet_house.folder / "config.toml").rename(quiet_house.folder / "other.toml")
    module = "from mailgate import Mailgate\nmg = Mailgate.load()\nprint(mg.config.smtp.address)\nraise SystemExit(7)\n"
    (quiet_house.folder / "telling.py").write_text(module)
    done = quiet_house.call("worker", "telling:mg", "--config", "other.toml", check=False)
    assert (done.returncode, done.stdout) == (7, f"{quiet_house.gate}\n"), done.stderr


def test_serve_and_worker_end_when_told(quiet_house: Deployment) -> None:
    """SIGTERM ends both in order, with exit code 0, and frees what they alone owned for whoever comes next."""
    with quiet_house.serving() as serve, quiet_house.running("worker", "app:mg") as worker:
        request = quiet_house.submit("issue_refund", {"order_id": "T-1", "amount": 120.0, "currency": "EUR"}, run="T-1")
        mail = quiet_house.mail_to("bob", "T-1", "Decision needed")
        assert visit(mail.link, {"verdict": "approve", "code": mail.code})[0] == 200
        quiet_house.until(request, "succeeded")
        quiet_house.resumed("T-1")
        for process in (serve, worker):
            process.terminate()
        assert (serve.wait(30), worker.wait(30)) == (0, 0)
    leases = quiet_house.rows(Lease)
    assert {lease.name.split()[0] for lease in leases} == {"keeper", "inbox"}
    assert all(lease.until <= datetime.now(UTC) for lease in leases)
    assert "level=error" not in quiet_house.log() + quiet_house.log("worker")


def test_the_sandbox_comes_back_as_it_was(tmp_path: Path) -> None:
    """A sandbox makes its configuration once; started again in the same folder it serves at the same addresses."""
    said = [sandbox(tmp_path) for _ in range(2)]
    assert said[0] == said[1]
    config = load_config(tmp_path / "box" / "config.toml")
    assert any(str(tmp_path / "box") in line or "box/config.toml" in line for line in said[0])
    assert any(line.startswith("serving") and config.mailgate.base_url in line for line in said[0])


def test_the_sandbox_takes_the_port_that_is_named(tmp_path: Path) -> None:
    """An option of this run wins over the port of the last one, which may be in use, and links lead to it."""
    sandbox(tmp_path)
    config = load_config(tmp_path / "box" / "config.toml")
    with socket.create_server(("127.0.0.1", config.web.port)):
        [serving] = [line for line in sandbox(tmp_path, "--port", "0") if line.startswith("serving")]
    assert "http://127.0.0.1:" in serving
    assert config.mailgate.base_url not in serving
    assert load_config(tmp_path / "box" / "config.toml") == config


def test_the_demo_goes_on_quietly_when_nobody_reads() -> None:
    """A reader that has seen enough (head) ends what is printed; no thread or process of the story complains."""
    command = [sys.executable, "-m", "mailgate", "demo", "--unattended"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        said = process.stderr.read()
        assert (process.wait(60), said) == (0, "")


def test_version_and_short_help(tmp_path: Path) -> None:
    """What one types first at a new program works."""
    for option, says in (("--version", f"mailgate {version('mailgate')}\n"), ("-h", "Usage: mailgate ")):
        command = [sys.executable, "-m", "mailgate", option]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0
        assert done.stdout.startswith(says)


def sandbox(folder: Path, *options: str) -> list[str]:
    """Run ``mailgate sandbox`` until it has introduced itself; return what it said, but for the inbox's address.

    Without ``options`` it takes a free port the first time, and as it is meant to, the same one later.
    """
    if not options and not (folder / "box").exists():
        options = ("--port", "0")
    command = [sys.executable, "-u", "-m", "mailgate", "sandbox", "box", "--inbox-port", "0", *options]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = list(iter(process.stdout.readline, "Everything is on this machine only. Stop with Ctrl-C.\n"))
        process.terminate()
        assert process.wait(30) == 0
    return [line for line in lines if not line.startswith("inbox")]
