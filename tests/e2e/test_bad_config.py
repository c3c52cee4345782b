"""Mistakes of the people who set mailgate up: each is one clear sentence on stderr, never a traceback; nothing is lost."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from mailgate.model.evidence import LogSigner
from mailgate.runtime import log_name
from mailgate.store.tables import Outgoing, Request
from tests.conftest import unavailable
from tests.deployment import Deployment, eventually


def sentences(done: subprocess.CompletedProcess[str], code: int) -> list[str]:
    """Return what a failed command said, one line a sentence; it must have ended with ``code`` and without a traceback."""
    assert done.returncode == code, done
    assert "Traceback" not in done.stdout + done.stderr
    lines = done.stderr.splitlines()
    assert all(line.startswith("mailgate: ") and line.endswith((".", "?")) for line in lines), lines
    return lines


def change(house: Deployment, *replacements: tuple[str, str]) -> None:
    """Edit the configuration."""
    path = house.folder / "config.toml"
    text = path.read_text()
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new, 1)
    path.write_text(text)


def test_three_mistakes_are_three_sentences(quiet_house: Deployment) -> None:
    """All mistakes of a configuration are said at once, each with the key, what is wrong, and what to do."""
    change(
        quiet_house,
        ('name = "test"', 'name = "test"\nbase_ulr = "x"'),
        ('approvers = ["bob"]\nif_approved', 'approvers = ["bobby"]\nif_approved'),
        ('when = "args.amount <= 10.0"', 'when = "amount <= 10.0"'),
    )
    said = sentences(quiet_house.call("serve", check=False), 2)
    assert len(said) == 3
    assert any("[mailgate] base_ulr is not a known key; did you mean 'base_url'?" in s for s in said)
    assert any("[gates.issue_refund] names 'bobby', who is not under [people]" in s for s in said)
    assert any("speaks of amount; a rule may use" in s for s in said)


def test_a_configuration_that_is_no_toml(quiet_house: Deployment) -> None:
    """A slip of the keyboard is said with its place."""
    change(quiet_house, ("[mailgate]", "[mailgate"))
    [said] = sentences(quiet_house.call("requests", "list", check=False), 2)
    assert "config.toml is not valid TOML" in said
    assert "line 2" in said


def test_no_configuration(quiet_house: Deployment) -> None:
    """Where there is none, the sentence says how to make one."""
    [said] = sentences(quiet_house.call("serve", "--config", "elsewhere.toml", check=False), 2)
    assert "`mailgate init`" in said


@pytest.mark.parametrize("key", ["keys/serve.key", "keys/link.key", "keys/log.key", "log.vkey"])
def test_a_missing_key_file(quiet_house: Deployment, key: str) -> None:
    """The serving side refuses to start without one of its keys, and names the file."""
    (quiet_house.folder / key).unlink()
    [said] = sentences(quiet_house.call("serve", check=False), 2)
    assert key in said


def test_a_damaged_key_file(quiet_house: Deployment) -> None:
    """A key file that holds something else is not used."""
    (quiet_house.folder / "keys/serve.key").write_text("not a key\n")
    [said] = sentences(quiet_house.call("serve", check=False), 2)
    assert "restore it from a backup" in said


def test_somebody_elses_public_key(quiet_house: Deployment) -> None:
    """A public key that does not belong to the secret one is noticed at the start, not when a worker refuses."""
    other = LogSigner(log_name(quiet_house.config), b"x" * 32)
    (quiet_house.folder / "log.vkey").write_text(f"{other.vkey}\n")
    [said] = sentences(quiet_house.call("serve", check=False), 2)
    assert "vkey_file is not the public key of log_file" in said


def test_a_missing_password_file(quiet_house: Deployment) -> None:
    """The file with the mail password is named."""
    (quiet_house.folder / "keys/mail.password").unlink()
    [said] = sentences(quiet_house.call("serve", check=False), 2)
    assert "[smtp] password_file" in said
    assert "mail.password cannot be read" in said


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("nosuch:mg", "There is no module 'nosuch' here"),
        ("app:nothing", "app has no Mailgate called 'nothing'"),
        ("app", "write MODULE:NAME, such as app:mg"),
        ("app.py:mg", "name the module, not its file: app:mg"),
    ],
)
def test_a_worker_for_nothing(quiet_house: Deployment, name: str, says: str) -> None:
    """A MODULE:NAME that leads nowhere is said as what is wrong with it."""
    [said] = sentences(quiet_house.call("worker", name, check=False), 2)
    assert says in said


def test_a_module_that_a_module_lacks_is_named(quiet_house: Deployment) -> None:
    """If the agent's own module imports one that is missing, that one is named, not the agent's."""
    (quiet_house.folder / "shop_agent.py").write_text("import shop\n")
    done = quiet_house.call("worker", "shop_agent:mg", check=False)
    [said] = sentences(done, 2)
    assert "No module named 'shop'" in said
    assert "There is no module 'shop_agent'" not in said


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("x = 1\nraise ValueError('boom')\n", "ValueError in {file}, line 2: boom; correct it."),
        ("x = 1\ny = = 2\n", "SyntaxError in {file}, line 2: invalid syntax; correct it."),
        ("import json\n\njson.loads('{{')\n", "JSONDecodeError in {file}, line 3: "),
        ("from mailgate import Mailgate\nmg = Mailgate.load()\n", "declares no action (@mg.action) and no agent"),
    ],
)
def test_a_module_that_fails_is_one_sentence(quiet_house: Deployment, source: str, says: str) -> None:
    """A worker whose module cannot be imported, or gives it nothing to do, ends with file and line, not a traceback."""
    (quiet_house.folder / "boom.py").write_text(source)
    [said] = sentences(quiet_house.call("worker", "boom:mg", check=False), 2)
    assert says.format(file=(quiet_house.folder / "boom.py").resolve()) in said


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("MAILGATE__DATABASE", "postgresql://u:s3cret@db.example.com/x", "[mailgate] database: 'postgresql' is not"),
        ("SMTP__PASSWORD_FILE", "a\x1bb", r"SMTP__PASSWORD_FILE: 'a\x1bb' has a control character"),
        ("WEB__HOST", "a..b", "[web] host = 'a..b': that is no address"),
    ],
)
def test_a_value_that_cannot_be_used(quiet_house: Deployment, variable: str, value: str, says: str) -> None:
    """One line for each, without what is secret in it; a mistake of the configuration exits with 2."""
    quiet_house.extra[f"MAILGATE_{variable}"] = value
    [said] = sentences(quiet_house.call("serve", check=False), 2)
    assert says in said
    assert "s3cret" not in said


def test_an_unknown_state_is_refused(quiet_house: Deployment) -> None:
    """A state that there is not lists nothing, which would look like good news."""
    done = quiet_house.call("requests", "list", "--state", "foo", check=False)
    assert done.returncode == 2
    assert "'foo' is not one of 'pending', 'approved'" in " ".join(done.stderr.split())


def test_foreign_text_does_not_reach_the_terminal_raw(quiet_house: Deployment) -> None:
    """What somebody else wrote is printed with codes in place of what would change how a terminal shows it."""
    (quiet_house.folder / "odd.eml").write_bytes(
        b"From: x@y.test\r\nTo: z@y.test\r\nSubject: x\r\nMessage-ID: <1@y.test>\r\n"
        b"Content-Type: text/plain; charset=utf-8\r\n\r\n\x1b[2J\x1b]0;owned\x07 \xc2\x9b:warning: \xc3\xbc\r\n"
    )
    for options in ((), ("--json",)):
        done = quiet_house.call("explain", *options, "odd.eml", check=False)
        shown = done.stdout.replace("\n", "")
        assert "owned" in shown
        assert "ü" in shown
        assert shown.isprintable()
        assert ":warning:" in shown
    assert json.loads(done.stdout)["first_line"].startswith("\x1b[2J")


def test_a_port_in_use(quiet_house: Deployment) -> None:
    """Somebody else on the decide page's port keeps serve from starting at all."""
    with socket.create_server(("127.0.0.1", quiet_house.port)):
        [said] = sentences(quiet_house.call("serve", check=False), 2)
    assert f"[web] port = {quiet_house.port}: 127.0.0.1:{quiet_house.port} cannot be listened on" in said


@pytest.mark.parametrize("option", ["--inbox-port", "--port"])
def test_a_port_in_use_for_the_sandbox(tmp_path: Path, quiet_house: Deployment, option: str) -> None:
    """The sandbox says which of its ports is taken, and how to give another."""
    other = {"--inbox-port": "--port", "--port": "--inbox-port"}[option]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        [said] = sentences(
            quiet_house.call("sandbox", str(tmp_path / "box"), option, str(port), other, "0", check=False), 2
        )
    assert str(port) in said
    assert "choose another" in said


def test_a_folder_that_is_a_file(quiet_house: Deployment) -> None:
    """A path that cannot be used for what it was given for is named."""
    [said] = sentences(quiet_house.call("init", "app.py", check=False), 3)
    assert said == "mailgate: app.py cannot be used: File exists."


def test_an_unknown_role(quiet_house: Deployment) -> None:
    """A role that does not exist is answered with those that do."""
    [said] = sentences(quiet_house.call("serve", "--role", "postman", check=False), 2)
    assert "There is no role 'postman'; choose from keeper, outbox, inbox, web." in said


def test_an_unknown_request(quiet_house: Deployment) -> None:
    """An id that nobody has is said, with the command that lists those there are."""
    for command in (["show", "zzz"], ["settle", "zzz", "--as", "failed"]):
        [said] = sentences(quiet_house.call("requests", *command, check=False), 2)
        assert "`mailgate requests list` shows them" in said


def test_an_unknown_quarantined_mail(quiet_house: Deployment) -> None:
    """The same for mails that are not in quarantine."""
    [said] = sentences(quiet_house.call("quarantine", "release", "zzz", check=False), 2)
    assert "`mailgate quarantine list` shows them" in said


@pytest.fixture
def read_only(quiet_house: Deployment) -> Deployment:
    """Make the database a file that nobody may write, not even root: its processes lose that power."""
    if shutil.which("setpriv") is None:
        unavailable("Taking root's powers away needs setpriv; as root: apt-get install -y util-linux")
    quiet_house.submit("issue_refund", {"order_id": "before", "amount": 120.0}, run="before")
    for file in quiet_house.folder.glob("mailgate.db*"):
        file.chmod(0o444)
    quiet_house.folder.chmod(0o555)
    return quiet_house


def powerless(house: Deployment, command: list[str]) -> subprocess.CompletedProcess[str]:
    """Run a command as root without root's power to write what is read-only."""
    less = ["setpriv", "--inh-caps=-dac_override", "--bounding-set=-dac_override"]
    environment = house.environment | {"PYTHONDONTWRITEBYTECODE": "1", "APP_OUT": os.devnull}
    return subprocess.run(
        [*less, *command], cwd=house.folder, env=environment, capture_output=True, text=True, timeout=60
    )


def test_a_read_only_database_stops_serve(read_only: Deployment) -> None:
    """The serving side says at once that it cannot write, and what to do; what is stored stays."""
    [said, hint] = sentences(powerless(read_only, read_only.command("serve")), 1)
    assert "The database cannot be used now: attempt to write a readonly database" in said
    assert "writable for this user" in hint
    assert [r.state for r in read_only.rows(Request)] == ["pending"]


def test_a_read_only_database_stops_the_agent(read_only: Deployment) -> None:
    """An agent's call raises that the database cannot be used; the action does not run, no second row appears."""
    command = [*read_only.command()[:1], "app.py", "issue_refund", "after", '{"order_id": "after", "amount": 120.0}']
    done = powerless(read_only, command)
    assert "mailgate.errors.StoreUnavailable: The database cannot be used now" in done.stderr
    assert read_only.notes("executed") == []
    assert len(read_only.rows(Request)) == 1


@pytest.mark.parametrize(
    ("args", "says"),
    [
        ('{"order_id": "A-1"}', "amount"),
        ('{"order_id": "A-1", "amount": "a lot"}', "amount"),
        ('{"order_id": "A-1", "amount": 1.0, "currancy": "EUR"}', "currancy"),
        ('{"order_id": "A-1", "amount": NaN}', "amount"),
    ],
)
def test_arguments_that_do_not_fit(quiet_house: Deployment, args: str, says: str) -> None:
    """Arguments that the action cannot be run with are refused before anybody is asked, and named."""
    done = subprocess.run(
        [*quiet_house.command()[:1], "app.py", "issue_refund", "run", args],
        cwd=quiet_house.folder,
        env=quiet_house.environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    last = done.stderr.splitlines()[-1]
    assert last.startswith("mailgate.errors.InvalidArguments: ")
    assert says in last
    assert quiet_house.rows(Request) == []


def test_a_template_with_an_undefined_variable_stops_the_start(quiet_house: Deployment) -> None:
    """An overridden template that cannot work is found when serve starts, with its name and line."""
    (quiet_house.folder / "mine/mail").mkdir(parents=True)
    template = quiet_house.folder / "mine/mail/receipt.txt.j2"
    template.write_text('{% extends "mail/layout.txt.j2" %}\n{% block kicker %}{{ letter.nickname }}{% endblock %}\n')
    quiet_house.extra["MAILGATE_MAILGATE__TEMPLATES"] = "mine"
    [said] = sentences(quiet_house.call("serve", check=False), 2)
    assert said.startswith("mailgate: [mailgate] templates: ")
    assert "mail/receipt.txt.j2, line 2" in said
    assert "nickname" in said


def test_a_template_that_would_decide_stops_the_start(quiet_house: Deployment) -> None:
    """It is found by serve and by doctor, with its file and line: its line would be an answer when a client quotes it."""
    (quiet_house.folder / "mine/mail").mkdir(parents=True)
    template = quiet_house.folder / "mine/mail/receipt.txt.j2"
    template.write_text('{% extends "mail/layout.txt.j2" %}\n\n{% block kicker %}No reply needed{% endblock %}\n')
    quiet_house.extra["MAILGATE_MAILGATE__TEMPLATES"] = "mine"
    problem = (
        f"[mailgate] templates: {template}, line 3, prints a line that could be read as an answer: 'No reply needed'."
    )
    assert sentences(quiet_house.call("serve", check=False), 2) == [f"mailgate: {problem}"]
    assert problem in quiet_house.call("doctor", check=False).stdout


def test_a_template_broken_later_keeps_the_mail(quiet_house: Deployment) -> None:
    """A template that breaks while serving loses nothing: operators are told, and once it is mended the mail goes out."""
    house = quiet_house
    (house.folder / "mine/mail").mkdir(parents=True)
    template, shipped = house.folder / "mine/mail/request.txt.j2", Path("templates/mail/request.txt.j2")
    shutil.copy(shipped, template)
    house.extra["MAILGATE_MAILGATE__TEMPLATES"] = "mine"
    with house.serving():
        template.write_text("{{ nonsense }}\n")
        request = house.submit("issue_refund", {"order_id": "K-1", "amount": 120.0}, run="K-1")
        notice = house.mail_to("olga", "mail/request.txt.j2", "nonsense")
        assert "issue_refund" in notice.words
        assert house.state(request) == "pending"
        eventually(lambda: all(m.attempts > 1 for m in house.rows(Outgoing, kind="request")), why="Trying again")
        shutil.copy(shipped, template)
        house.mail_to("bob", "K-1", "Decision needed")
        eventually(lambda: all(m.state == "sent" for m in house.rows(Outgoing)))
    assert (
        len(house.mails("olga", "nonsense")) == 2
    )  # one for Bob's mail and one for the archive's, however often tried


def test_a_summary_with_an_undefined_argument(quiet_house: Deployment) -> None:
    """A summary that cannot be filled in is left out: the mail shows every argument all the same, and the log says why."""
    house = quiet_house
    change(house, ("Transfer to account {{ args.account }}", "Transfer {{ args.amont }}"))
    with house.serving():
        house.submit("transfer", {"order_id": "Y-1", "account": 7, "payload": "x"}, run="Y-1")
        assert "account: 7" in house.mail_to("bob", "Y-1", "Decision needed").words
    assert "summary_left_out" in house.log()
    assert "amont" in house.log()
