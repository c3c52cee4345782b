"""Mistakes: all of them at once, each one sentence that names the key, the value and what to do."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mailgate.config import load_config
from mailgate.errors import ConfigError

PEOPLE = """
[people.alice]
name = "Alice Adams"
address = "alice@example.com"

[people.bob]
name = "Bob Brown"
address = "bob@example.com"
"""

JARGON = re.compile(
    r"pydantic|input should|value error|validat|valid (integer|string|tuple|dict)|instance|model|tuple|\bstr\b|\bint\b|NoneType|"
    r"function-|errno|traceback|object at|regex|pattern|json|codec",
    re.IGNORECASE,
)
"""Words for somebody who reads the source, not for somebody who edits a file."""


@pytest.fixture(autouse=True)
def no_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take away what the environment of the tests may hold."""
    import os

    for name in list(os.environ):
        if name.upper().startswith("MAILGATE_"):
            monkeypatch.delenv(name)


def problems(tmp_path: Path, text: str) -> list[str]:
    """Return the sentences that a configuration draws, without the file's name before each."""
    path = tmp_path / "config.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    for sentence in caught.value.problems:
        assert sentence.startswith("config.toml: ")
        assert sentence.endswith((".", "?"))
        assert "\n" not in sentence
        assert not JARGON.search(sentence), sentence
    assert len(set(caught.value.problems)) == len(caught.value.problems)
    return [p.removeprefix("config.toml: ") for p in caught.value.problems]


LONG = "x" * 100_000


@pytest.mark.parametrize(
    "text",
    [
        f"[smtp]\ntimeout = '{LONG}'",
        f"[smtp]\nfrom = '{LONG}'",
        f"[smtp]\nhost = '{LONG}'\ntls = 'none'",
        f"[mailgate]\nbase_url = '{LONG}'",
        f"[mailgate]\noperators = ['{LONG}']",
        f"[people.al]\nname = 'Al'\naddress = '{LONG}'",
        f"[people.al]\nname = 'Al'\naddress = 'al@example.com'\nzone = '{LONG}'",
        f"[gates.x]\napprovers = ['alice']\nrules = [{{ when = '{LONG}', tier = 'auto' }}]",
        f"[gates.x]\napprovers = ['alice']\nrules = [{{ when = '{LONG[:1999]} +', tier = 'auto' }}]",
        f"[{LONG}]",
        f"[groups]\n{LONG} = []",
    ],
    ids=lambda text: text[:24],
)
def test_a_long_mistake_is_not_repeated_whole(tmp_path: Path, text: str) -> None:
    """A sentence stays one that can be read, whatever was pasted into the file."""
    assert all(len(p) <= 620 and LONG[:100] not in p[:150] for p in problems(tmp_path, PEOPLE + text))


@pytest.mark.parametrize(
    "text",
    [
        '[gates.x]\napprovers = ["alice"]\nrules = [{ when = "1 + \\u001b[2J", tier = "auto" }]',
        '[gates.x]\napprovers = ["alice"]\nrules = [{ when = "\\u202e", tier = "auto" }]',
        '[groups]\n"a\\u001b[2J" = []',
        '["a\\u202eb"]\nx = 1',
    ],
)
def test_a_mistake_is_shown_in_plain_characters(tmp_path: Path, text: str) -> None:
    """What a file holds reaches a terminal as codes where it would change what the terminal shows."""
    assert all(p.isprintable() for p in problems(tmp_path, PEOPLE + text))


ONE: list[tuple[str, str]] = [
    ("[smtp]\nhots = 'x'", "[smtp] hots is not a known key; did you mean 'host'?"),
    ("[smpt]\nhost = 'x'", "[smpt] is not a known key; did you mean 'smtp'?"),
    ("port = 5", "port is not a known key; sections are answers, archive, "),
    ("folder = 'x'", "folder is not a known key; "),
    ("_env_file = 'x'", "_env_file is not a known key; "),
    ("[nonsense]", "[nonsense] is not a known key; sections are answers, archive, "),
    ("[calibration]\nzzz = 1", "[calibration] zzz is not a known key; known here are flag_above, min_decisions."),
    ("[smtp]\nport = 'many'", "[smtp] port = 'many': write a whole number."),
    ("[smtp]\nport = 1.5", "[smtp] port = 1.5: write a whole number."),
    ("[smtp]\nport = 0", "[smtp] port = 0: it must be at least 1."),
    ("[imap]\nport = 70000", "[imap] port = 70000: it must be at most 65535."),
    ("[imap]\nport = []", "[imap] port = []: write a whole number."),
    ("[smtp]\nport = true", "[smtp] port = true: write a whole number."),
    ("[worker]\nconcurrency = true", "[worker] concurrency = true: write a whole number."),
    ("[confidence]\nrequire_below = true", "[confidence] require_below = true: write a number."),
    (f"{PEOPLE}[gates.pay]\nquorum = true\napprovers = ['alice']", "[gates.pay] quorum = true: write a whole number."),
    (
        f"{PEOPLE}[gates.pay]\nstages = [{{ approvers = ['alice'], quorum = true }}]",
        "[[gates.pay.stages]] #1 quorum = true: write a whole number.",
    ),
    ('[smtp]\nca_file = "\\u0000"', "[smtp] ca_file: '\\x00' has a control character in it; write it without."),
    ('[web]\nhost = "a\\nb"', "[web] host: 'a\\nb' has a control character in it; write it without."),
    ("[gates.pay]\nsummary = '{{'", "[gates.pay] summary: '{{' is no template: unexpected 'end of template'."),
    (
        "[gates.pay]\nsummary = '{{ args.amount | euro }}'",
        "[gates.pay] summary: '{{ args.amount | euro }}' is no template: ",
    ),
    ("[smtp]\nhost = 5", "[smtp] host = 5: write text in quotes."),
    ("[smtp]\nhost = true", "[smtp] host = true: write text in quotes."),
    ("[smtp]\nhost = 2026-01-01", "[smtp] host = "),
    ("[smtp]\ntls = 'ssl'", "[smtp] tls = 'ssl': use 'starttls', 'implicit' or 'none'."),
    (
        "[smtp]\ntimeout = 30",
        "[smtp] timeout: 30 is not a length of time; write for example '90s', '15m', '4h' or '2d'.",
    ),
    ("[smtp]\nretry_after = '0s'", "[smtp] retry_after: '0s' leaves no time for it; make it longer."),
    ("[worker]\nlease = '0s'", "[worker] lease: '0s' leaves no time for it; make it longer."),
    ("[imap]\npoll = '0m'", "[imap] poll: '0s' leaves no time for it; make it longer."),
    ("smtp = 5", "[smtp] = 5: write a table of keys and values."),
    ("people = ['alice']", "[people] = ['alice']: write a table of keys and values."),
    ("[people]\nalice = 'Alice'", "[people] alice = 'Alice': write a table of keys and values."),
    ("[people.al]\nname = 'Al'", "[people.al] address is missing; add it."),
    ("[people.al]\naddress = 'al@example.com'", "[people.al] name is missing; add it."),
    ("[people.al]\nname = 'A\\u0000'\naddress = 'al@example.com'", ""),
    (
        "[people.al]\nname = 'Al'\naddress = 'Al <al@example.com>'",
        "[people.al] address: 'Al <al@example.com>' is not a plain mail address such as alice@example.com.",
    ),
    (
        "[people.al]\nname = 'Al'\naddress = 'al@example.com'\nzone = 'Mars/Phobos'",
        "[people.al] zone: 'Mars/Phobos' is not a time zone such as Europe/London.",
    ),
    (
        "[people.al]\nname = 'Al'\naddress = 'al@example.com'\nroles = ['approver', 'admin']",
        "[people.al] roles #2 = 'admin': use 'approver', 'operator' or 'auditor'.",
    ),
    (
        "[people.'a b']\nname = 'Al'\naddress = 'al'",
        "[people.\"a b\"] address: 'al' is not a plain mail address such as alice@example.com.",
    ),
    (
        "[mailgate]\nname = 'My Gate'",
        "[mailgate] name = 'My Gate': use 1 to 32 lower-case letters, digits, '.' and '-', ",
    ),
    ("[mailgate]\noperators = 'alice'", "[mailgate] operators = 'alice': write a list, such as [\"alice\"]."),
    ("[mailgate]\noperators = [5]", "[mailgate] operators #1 = 5: write text in quotes."),
    (
        "[mailgate]\nbase_url = 'http://approvals.example.com'",
        "[mailgate] base_url: 'http://approvals.example.com' is not encrypted; use https:// (http:// is for this machine only).",
    ),
    ("[confidence]\nrequire_below = 50", "[confidence] require_below = 50: it must be at most 1.0."),
    ("[confidence]\nrequire_below = nan", "[confidence] require_below = nan: it must be"),
    ("[confidence]\nrequire_below = 'high'", "[confidence] require_below = 'high': write a number."),
    (
        "[archive]\naddress = 'nobody'",
        "[archive] address: 'nobody' is not a plain mail address such as alice@example.com.",
    ),
    ("[archive]\naddress = 5", "[archive] address = 5: write text in quotes."),
    (
        "[archive]\nwitnesses = ['x']",
        "[archive] witnesses #1: 'x' is not a plain mail address such as alice@example.com.",
    ),
    ("[archive]\ncarry_checkpoint = 'perhaps'", "[archive] carry_checkpoint = 'perhaps': write true or false."),
    ("[smtp]\npassword = 12345", "[smtp] password = (not shown): write text in quotes."),
    ("[gates.x]\ntier = 'maybe'", "[gates.x] tier = 'maybe': use 'auto', 'log' or 'require_approval'."),
    ("[gates.x]\nquorum = 0", "[gates.x] quorum = 0: it must be at least 1."),
    ("[gates.x]\ntimeout = 'soon'", "[gates.x] timeout: 'soon' is not a length of time; write for example '90s', "),
    ("[gates.x]\ntimeout = '0s'", "[gates.x] timeout: '0s' leaves no time for it; make it longer."),
    ("[gates.x]\naprovers = ['bob']", "[gates.x] aprovers is not a known key; did you mean 'approvers'?"),
    (
        PEOPLE + "[gates.x]\napprovers = ['bob']\nstages = [{approvers = ['alice']}]",
        "[gates.x] has both 'approvers' and 'stages', which have their own; keep one of them.",
    ),
    (
        "[gates.x]\ntimeout = '1h'\nremind_after = '2h'",
        "[gates.x] 'remind_after' is not before 'timeout', so it would never happen; make it shorter.",
    ),
    ("[gates.x]\nstages = [{approvers = []}]", "[[gates.x.stages]] #1 approvers = []: name at least one."),
    ("[gates.x]\nstages = [{quorum = 1}]", "[[gates.x.stages]] #1 approvers is missing; add it."),
    ("[[gates.x.rules]]\nwhen = 'true'", "[[gates.x.rules]] #1 tier is missing; add it."),
    (
        "[[gates.x.rules]]\nwhen = 'true'\ntier = 'log'\n[[gates.x.rules]]\nwhen = 'user > 5'\ntier = 'auto'",
        "[[gates.x.rules]] #2 when: 'user > 5' speaks of user; a rule may use agent, args, confidence, now, risk, run.",
    ),
    (
        "[[gates.x.rules]]\nwhen = 'args.a <'\ntier = 'auto'",
        "[[gates.x.rules]] #1 when: 'args.a <' is not valid CEL: at character 9, something is missing.",
    ),
    (
        "[[gates.x.rules]]\nwhen = 'true'\ntier = 'auto'\nthen = 1",
        "[[gates.x.rules]] #1 then is not a known key; did you mean",
    ),
    ("[gates.x]\nrules = ['true']", "[[gates.x.rules]] #1 = 'true': write a table of keys and values."),
    ("[groups]\nfinance = 'alice'", "[groups] finance = 'alice': write a list, such as [\"alice\"]."),
    ("[smtp]\nfrom = 'Approvals'", "[smtp] from: 'Approvals' is not a plain mail address such as alice@example.com."),
    (
        "[smtp]\nfrom = 'Zoë <z@example.com>'",
        "[smtp] from: 'Zoë <z@example.com>' needs a plain ASCII name, such as Approvals <",
    ),
]


@pytest.mark.parametrize(("text", "expected"), [c for c in ONE if c[1]], ids=lambda v: ascii(v)[:50])
def test_one_mistake_is_one_sentence(tmp_path: Path, text: str, expected: str) -> None:
    """It names the place as it stands in the file, repeats the value, and says what to do; nothing else is blamed."""
    [found] = problems(tmp_path, text)
    assert found.startswith(expected)


@pytest.mark.parametrize(
    "url",
    [
        "approvals.example.com",
        "https://",
        "ftp://example.com",
        "https://example.com/?a=1",
        "https://example.com/#a",
        "https://user:pw@example.com",
        "https://[::1",
        "https://example.com:port",
        "https://example.com:99999",
        "https://exa mple.com",
        "https://example.com/\\nx",
        "https://exämple.com",
        "//example.com",
    ],
)
def test_a_base_url_that_no_link_can_start_with_is_refused(tmp_path: Path, url: str) -> None:
    """Everything in it would stand in every mail's link."""
    [found] = problems(tmp_path, f'[mailgate]\nbase_url = "{url}"')
    assert found.startswith("[mailgate] base_url: ")
    assert "is not a web address such as https://approvals.example.com" in found


@pytest.mark.parametrize(
    "sender",
    [
        "Approvals <approvals@example.com>, Other <other@example.com>",
        "boss@corp.example <approvals@example.com>",
        "Approvals <approvals@example.com> extra",
        "Approvals\\r\\nBcc: x <approvals@example.com>",
        "<approvals@example.com",
        "",
    ],
)
def test_a_sender_that_mail_programs_read_in_two_ways_is_refused(tmp_path: Path, sender: str) -> None:
    """One name, one address, nothing after it."""
    [found] = problems(tmp_path, f'[smtp]\nfrom = "{sender}"')
    assert found.startswith("[smtp] from: ")


def test_three_mistakes_are_three_sentences(tmp_path: Path) -> None:
    """A typing error, a wrong value and a name that nobody has."""
    text = PEOPLE + '[smtp]\nprot = 25\ntls = "no"\n[gates.wire]\napprovers = ["carol"]\n'
    assert problems(tmp_path, text) == [
        "[smtp] tls = 'no': use 'starttls', 'implicit' or 'none'.",
        "[smtp] prot is not a known key; did you mean 'port'?",
        "[gates.wire] names 'carol', who is not under [people] or [groups].",
    ]


TEN = """
[mailgate]
name = "My Gate"
default_approvers = ["alice", "nobody"]
operators = ["group:finance"]

[smtp]
port = "many"
hots = "mail.example.com"

[people.alice]
name = "Alice"
address = "alice"

[people.bob]
name = "Bob"
address = "bob"
zone = "Berlin"

[people.carol]
adress = "carol@example.com"

[groups]
finance = "alice"

[gates.wire]
approvers = ["alice", "bob"]
quorum = 3
tier = "never"

[[gates.wire.rules]]
when = "amount < 5"
tier = "auto"

[[gates.wire.rules]]
tier = "lgo"

[gates.pay]
approvers = ["group:finance"]
stages = [{ approvers = ["bob"] }]
"""


def test_many_mistakes_are_all_told_and_no_follow_on_is(tmp_path: Path) -> None:
    """Seventeen mistakes, each once: a person with a broken address still counts as somebody."""
    assert sorted(problems(tmp_path, TEN)) == sorted(
        [
            "[mailgate] name = 'My Gate': use 1 to 32 lower-case letters, digits, '.' and '-', not beginning with '.' or '-'.",
            "[mailgate] default_approvers names 'nobody', who is not under [people] or [groups].",
            "[smtp] port = 'many': write a whole number.",
            "[smtp] hots is not a known key; did you mean 'host'?",
            "[people.alice] address: 'alice' is not a plain mail address such as alice@example.com.",
            "[people.bob] address: 'bob' is not a plain mail address such as alice@example.com.",
            "[people.bob] zone: 'Berlin' is not a time zone such as Europe/London.",
            "[people.carol] name is missing; add it.",
            "[people.carol] address is missing; add it.",
            "[people.carol] adress is not a known key; did you mean 'address'?",
            "[groups] finance = 'alice': write a list, such as [\"alice\"].",
            "[gates.wire] tier = 'never': use 'auto', 'log' or 'require_approval'.",
            "[gates.wire] quorum = 3 can never be reached by 2 people (alice, bob); lower it or name more.",
            "[[gates.wire.rules]] #1 when: 'amount < 5' speaks of amount; "
            "a rule may use agent, args, confidence, now, risk, run.",
            "[[gates.wire.rules]] #2 when is missing; add it.",
            "[[gates.wire.rules]] #2 tier = 'lgo': use 'auto', 'log' or 'require_approval'.",
            "[gates.pay] has both 'approvers' and 'stages', which have their own; keep one of them.",
        ]
    )


def test_several_wrong_items_of_a_list_are_named_by_their_places(tmp_path: Path) -> None:
    """What is taken out to look at the rest does not move the others."""
    text = "[gates.x]\nrules = ['a', 'b', { when = 'true', tier = 'log' }]"
    assert problems(tmp_path, text) == [
        "[[gates.x.rules]] #1 = 'a': write a table of keys and values.",
        "[[gates.x.rules]] #2 = 'b': write a table of keys and values.",
    ]


def test_a_secret_is_never_repeated(tmp_path: Path) -> None:
    """Sentences go to terminals and logs; a password of the wrong type stays out of them, a long value is cut."""
    found = problems(
        tmp_path, f'[smtp]\npassword = {{ value = "hunter2" }}\n[imap]\npassword = ["hunter2"]\nhost = [{"1," * 500}]'
    )
    assert len(found) == 3
    assert not any("hunter2" in f for f in found)
    assert all(len(f) < 150 for f in found)


def test_the_error_carries_its_sentences_one_a_line() -> None:
    """Whoever prints the exception sees them all."""
    error = ConfigError(["a.", "b."])
    assert str(error) == "a.\nb."
    assert error.problems == ("a.", "b.")


@pytest.mark.parametrize(
    "server", ["127.0.0.1", "dns.example.com:53", "127.0.0.1:0", "127.0.0.1:x", "::1:99999", ":53"]
)
def test_a_resolver_is_an_address_and_a_port(tmp_path: Path, server: str) -> None:
    """A name would have to be looked up by what it names."""
    [sentence] = problems(tmp_path, f'{PEOPLE}[imap]\nresolver = "{server}"\n')
    assert f"{server!r} is no DNS server's address and port, such as 127.0.0.1:53" in sentence


@pytest.mark.parametrize("server", ["", "127.0.0.1:53", "[::1]:5353"])
def test_a_resolver_is_taken(tmp_path: Path, server: str) -> None:
    """Also one of IPv6, and none."""
    (tmp_path / "config.toml").write_text(f'{PEOPLE}[imap]\nresolver = "{server}"\n', encoding="utf-8")
    assert load_config(tmp_path / "config.toml").imap.resolver == server
