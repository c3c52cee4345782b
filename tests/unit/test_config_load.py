"""Loading: the file, the environment over it, paths, and what is warned of."""

from __future__ import annotations

import warnings
from datetime import timedelta
from pathlib import Path

import pytest

from mailgate.config import Config, find_config, load_config
from mailgate.errors import ConfigError

PEOPLE = """
[people.alice]
name = "Alice Adams"
address = "alice@example.com"

[people.bob]
name = "Bob Brown"
address = "bob@example.com"
"""


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what the environment of the tests may hold."""
    import os

    for name in list(os.environ):
        if name.upper().startswith("MAILGATE_"):
            monkeypatch.delenv(name)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a space and other signs in its name."""
    path = tmp_path / "my gates #1 ü"
    path.mkdir()
    return path


def write(folder: Path, text: str) -> Path:
    """Write a configuration and return its path."""
    path = folder / "config.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_an_empty_file_is_the_defaults(folder: Path) -> None:
    """Nothing has to be written to try it out."""
    config = load_config(write(folder, ""))
    assert config == Config(folder=folder)
    assert config.smtp.port == 587


def test_the_file_is_found_by_argument_then_variable_then_here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``--config``, ``MAILGATE_CONFIG``, ``./config.toml``, in this order."""
    here = write(folder, "")
    (folder / "a").mkdir()
    (folder / "b").mkdir()
    given, named = write(folder / "a", ""), write(folder / "b", "")
    monkeypatch.chdir(folder)
    assert find_config() == here
    monkeypatch.setenv("MAILGATE_CONFIG", str(named))
    assert find_config() == named
    assert find_config(given) == given
    assert find_config(Path("a/config.toml")) == given
    monkeypatch.setenv("MAILGATE_CONFIG", "")
    assert find_config() == here


@pytest.mark.parametrize("name", ["nothing.toml", "."])
def test_a_missing_file_says_how_to_make_one(folder: Path, name: str) -> None:
    """The first thing that goes wrong is the first thing that is explained."""
    with pytest.raises(
        ConfigError, match=r"^There is no configuration at .*; make one with `mailgate init`, or name yours"
    ):
        find_config(folder / name)
    with pytest.raises(ConfigError, match=r"cannot be read \(.*\); check the path and its permissions\.$"):
        load_config(folder / name)


@pytest.mark.parametrize("text", ["[smtp", "smtp]", "[smtp]\nport = ", "a = 1\na = 2", "x = 'it's'", "\x00"])
def test_what_is_no_toml_is_said_with_its_line(folder: Path, text: str) -> None:
    """The parser's own place is passed on."""
    with pytest.raises(ConfigError, match=r"^config\.toml is not valid TOML: .*\(at (line \d|end of doc).*\)\.$"):
        load_config(write(folder, text))


def test_what_is_no_utf_8_is_said_so(folder: Path) -> None:
    """An editor saved it in another encoding; a byte order mark alone is fine."""
    path = folder / "config.toml"
    path.write_bytes('[people.al]\nname = "Zoë"\naddress = "z@example.com"\n'.encode("latin-1"))
    with pytest.raises(ConfigError, match=r"^config\.toml is not UTF-8 text \(byte 22\); save it as UTF-8\.$"):
        load_config(path)
    path.write_bytes(b"\xef\xbb\xbf[smtp]\r\nport = 25\r\n")
    assert load_config(path).smtp.port == 25


def test_relative_paths_start_at_the_file_s_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the command is run from; absolute paths stay."""
    path = write(folder, '[mailgate]\ndatabase = "sqlite:///db/x.db"\n[keys]\nlog_file = "/etc/log.key"\n')
    monkeypatch.chdir(folder.parent)
    config = load_config(path.relative_to(folder.parent))
    assert config.path("keys/serve.key") == folder / "keys/serve.key"
    assert config.path(config.keys.log_file) == Path("/etc/log.key")
    assert config.database_url == f"sqlite:///{folder}/db/x.db"


@pytest.mark.parametrize("url", ["sqlite:////var/lib/x.db", "postgresql://u:p@host/db", "sqlite:///", "x.db"])
def test_other_databases_stay_as_they_are_written(folder: Path, url: str) -> None:
    """Only a relative SQLite path is made absolute."""
    assert load_config(write(folder, f'[mailgate]\ndatabase = "{url}"\n')).database_url == url


def test_the_environment_wins_over_the_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every key, of any depth; what it does not name stays."""
    path = write(
        folder, PEOPLE + '[smtp]\nport = 25\nhost = "a.example.com"\n[gates.IssueRefund]\napprovers = ["bob"]\n'
    )
    for name, value in {
        "MAILGATE_SMTP__PORT": "2525",
        "mailgate_smtp__password": "s3cret",
        "MAILGATE_SMTP__FROM": "Gate <gate@example.com>",
        "MAILGATE_IMAP__POLL": "10s",
        "MAILGATE_MAILGATE__OPERATORS": '["alice", "bob"]',
        "MAILGATE_PEOPLE__ALICE__ADDRESS": "adams@example.com",
        "MAILGATE_PEOPLE__ALICE__ALIASES": '["a@example.com"]',
        "MAILGATE_PEOPLE__CAROL": '{"name": "Carol", "address": "carol@example.com"}',
        "MAILGATE_GROUPS__FINANCE": '["alice"]',
        "MAILGATE_GATES__ISSUEREFUND__QUORUM": "1",
        "MAILGATE_GATES__ISSUEREFUND__VETO": "false",
        "MAILGATE_ARCHIVE": '{"address": "archive@example.com"}',
        "MAILGATE_LOG_LEVEL": "debug",
        "MAILGATE_FOLDER": "/elsewhere",
    }.items():
        monkeypatch.setenv(name, value)
    config = load_config(path)
    assert (config.smtp.port, config.smtp.host, config.smtp.address) == (2525, "a.example.com", "gate@example.com")
    assert config.password_of(config.smtp) == "s3cret"
    assert config.imap.poll == timedelta(seconds=10)
    assert config.mailgate.operators == ("alice", "bob")
    assert config.people["alice"].address == "adams@example.com"
    assert config.people["alice"].name == "Alice Adams"
    assert config.people["alice"].aliases == ("a@example.com",)
    assert config.people["carol"].name == "Carol"
    assert config.groups == {"finance": ("alice",)}
    assert set(config.gates) == {"IssueRefund"}
    assert (config.gates["IssueRefund"].veto, config.gates["IssueRefund"].approvers) == (False, ("bob",))
    assert config.archive.address == "archive@example.com"
    assert config.folder == folder


def test_a_mistake_in_the_environment_names_the_variable(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of them, beside those of the file, each once; a correct line of the file is not blamed."""
    path = write(folder, PEOPLE + '[smtp]\nport = 25\ntls = "ssl"\n')
    for name, value in {
        "MAILGATE_SMTP__PORT": "many",
        "MAILGATE_SMTP__PASWORD": "s3cret",
        "MAILGATE_SMPT__HOST": "x",
        "MAILGATE_MAILGATE__OPERATORS": "alice",
        "MAILGATE_PEOPLE__ALICE__ADDRESS": "nobody",
        "MAILGATE_IMAP": "[",
    }.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert sorted(caught.value.problems) == [
        "MAILGATE_IMAP = '[': write a table of keys and values.",
        "MAILGATE_MAILGATE__OPERATORS = 'alice': write a list, such as [\"alice\"].",
        "MAILGATE_PEOPLE__ALICE__ADDRESS: 'nobody' is not a plain mail address such as alice@example.com.",
        "MAILGATE_SMPT__HOST is not a known key; did you mean MAILGATE_SMTP__…?",
        "MAILGATE_SMTP__PASWORD is not a known key; did you mean 'password'?",
        "MAILGATE_SMTP__PORT = 'many': write a whole number.",
        "config.toml: [smtp] tls = 'ssl': use 'starttls', 'implicit' or 'none'.",
    ]


@pytest.mark.parametrize("section", ["smtp", "imap"])
def test_a_secret_in_the_file_is_warned_of(folder: Path, section: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It works, and the warning says where it belongs; it does not repeat it. From elsewhere there is no warning."""
    path = write(folder, f'[{section}]\npassword = "hunter2"\n')
    variable = f"MAILGATE_{section.upper()}__PASSWORD"
    with pytest.warns(UserWarning, match=rf"^config\.toml: \[{section}\] password is written .*{variable}\.$") as found:
        config = load_config(path)
    assert len(found) == 1
    assert "hunter2" not in str(found[0].message)
    assert "hunter2" not in repr(config)
    monkeypatch.setenv(variable, "hunter3")
    path.write_text("")
    assert config.password_of(getattr(load_config(path), section)) == "hunter3"


def test_a_password_file_is_read_without_its_newline(folder: Path) -> None:
    """Only the line's end is taken off: a password may end in a blank."""
    path = write(folder, '[smtp]\npassword_file = "smtp.password"\n')
    config = load_config(path)
    (folder / "smtp.password").write_text("pass word \r\n", encoding="utf-8")
    assert config.password_of(config.smtp) == "pass word "
    assert config.password_of(config.imap) == ""


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff\xfe"])
def test_a_password_file_that_cannot_be_read_names_key_and_path(folder: Path, content: bytes | None) -> None:
    """One sentence, where the process starts, instead of a failing login or a traceback later."""
    config = load_config(write(folder, '[imap]\npassword_file = "imap.password"\n'))
    if content is not None:
        (folder / "imap.password").write_bytes(content)
    with pytest.raises(ConfigError, match=r"^\[imap\] password_file: .*imap\.password .*; .*\.$"):
        config.password_of(config.imap)


def test_the_configuration_cannot_be_changed(folder: Path) -> None:
    """What was checked stays as it was checked."""
    config = load_config(write(folder, PEOPLE))
    for thing, name in [(config, "smtp"), (config.smtp, "port"), (config.people["bob"], "address")]:
        with pytest.raises(ValueError, match="frozen"):
            setattr(thing, name, None)


@pytest.mark.parametrize(
    ("written", "address", "name"),
    [
        ("gate@example.com", "gate@example.com", ""),
        ("Approvals <Gate@Example.com>", "gate@example.com", "Approvals"),
        ('\\"Approvals, Ltd.\\" <gate@example.com>', "gate@example.com", "Approvals, Ltd."),
    ],
)
def test_the_sender_is_a_name_and_an_address(folder: Path, written: str, address: str, name: str) -> None:
    """As in a From header; the address alone is enough."""
    config = load_config(write(folder, f'[smtp]\nfrom = "{written}"\n'))
    assert (config.smtp.address, config.smtp.display_name) == (address, name)


@pytest.mark.parametrize(
    ("written", "base"),
    [
        ("https://approvals.example.com", "https://approvals.example.com"),
        ("https://approvals.example.com/", "https://approvals.example.com"),
        ("https://example.com:8443/gate/", "https://example.com:8443/gate"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://localhost/", "http://localhost"),
        ("http://[::1]:80", "http://[::1]:80"),
    ],
)
def test_links_start_with_the_base_url(folder: Path, written: str, base: str) -> None:
    """A path of a reverse proxy is kept, the final slash is not; without TLS only on this machine."""
    assert load_config(write(folder, f'[mailgate]\nbase_url = "{written}"\n')).mailgate.base_url == base


def test_a_correct_file_with_everything_loads_silently(folder: Path) -> None:
    """No false alarm for groups, stages, several gates and an archive."""
    text = (
        PEOPLE
        + """
[people.carol]
name = "Carol Clark"
address = "carol@example.com"
zone = "Europe/Paris"
roles = ["operator", "auditor"]

[groups]
finance = ["alice", "bob"]

[mailgate]
default_approvers = ["group:finance"]
operators = ["carol"]

[archive]
address = "archive@example.com"
witnesses = ["audit@example.org"]

[gates.wire]
stages = [{ approvers = ["alice"], quorum = 1 }, { approvers = ["carol"], quorum = 1 }]
timeout = "none"
remind_after = "1d"
escalate_to = ["bob"]
escalate_after = "2d"

[gates."db.drop-table"]
approvers = ["alice", "bob", "carol"]
quorum = 2
timeout = "30m"

[[gates."db.drop-table".rules]]
when = "args.tables.all(t, t.startsWith('tmp_'))"
tier = "log"
"""
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(load_config(write(folder, text)).gates) == 2
