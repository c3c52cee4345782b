"""`mailgate doctor --probe` on real mail sites: which reply address works, what is in the way, and that nothing is left behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from imapclient import IMAPClient

from mailgate.checkup import Finding, check_all
from mailgate.config import Config
from mailgate.store.refused import refused
from mailgate.store.tables import Incoming, Outgoing
from tests.conftest import CAUGHT
from tests.deployment import Deployment
from tests.e2e.test_addresses import serving
from tests.site import MailSite

Maker = Callable[..., Deployment]
PATIENCE = 10.0


@pytest.fixture
def make_house(tmp_path: Path) -> Iterator[Maker]:
    """Return the maker of deployments on whatever site."""
    made: list[Deployment] = []

    def make(site: MailSite, reply_address: str, gate: str = "") -> Deployment:
        made.append(Deployment(tmp_path, site, reply_address=reply_address, gate=gate))
        return made[-1]

    yield make
    for house in made:
        house.close()


def probed(
    config: Config, patience: float = PATIENCE, say: Callable[[str], None] = lambda _: None
) -> dict[str, Finding]:
    """Return what ``doctor --probe`` finds, by name."""
    return {f.what: f for f in check_all(config, probe=True, patience=patience, say=say)}


def changed(config: Config, section: str, **values: Any) -> Config:
    """Return a configuration with other keys in one section."""
    return config.model_copy(update={section: getattr(config, section).model_copy(update=values)})


def left_behind(house: Deployment) -> list[bytes]:
    """Return the probes that still lie in some folder."""
    folders = ("INBOX", "Junk", "Mailgate/Processed", "Mailgate/Quarantine")
    found = [raw for folder in folders for raw in house.site.maildir(house.gate, folder)]
    return [raw for raw in found if b"\r\nX-Mailgate-Probe: " in raw.split(b"\r\n\r\n")[0]]


@pytest.mark.parametrize(
    ("site", "configured", "works", "says"),
    [
        ("mail_site", "plus", {"plus", "single"}, "[imap] reply_address = 'plus' works"),
        ("mail_site", "single", {"plus", "single"}, "'single' works; 'plus' does, too, and is better"),
        (
            "mail_site",
            "catchall",
            {"plus", "single"},
            "set [imap] reply_address = 'plus', which works here; 'catchall' does",
        ),
        ("catch_all_site", "catchall", {"plus", "catchall", "single"}, "[imap] reply_address = 'catchall' works"),
        ("plain_site", "single", {"single"}, "[imap] reply_address = 'single' works"),
        ("plain_site", "plus", {"single"}, "set [imap] reply_address = 'single', which works here; 'plus' does not"),
    ],
)
def test_the_way_that_works_is_named(
    request: pytest.FixtureRequest, make_house: Maker, site: str, configured: str, works: set[str], says: str
) -> None:
    """On a site that allows just that: each way is tried as real mails are sent, and what to configure is said."""
    gate = CAUGHT if site == "catch_all_site" else ""
    house = make_house(request.getfixturevalue(site), configured, gate)
    found = probed(house.config)
    ways = {way: found[f"probe {way}"] for way in ("plus", "catchall", "single")}
    assert {way for way, one in ways.items() if "came back within" in one.says} == works
    assert all(
        ("was not taken" in one.says and "User unknown" in one.says) or way in works or "not owned by user" in one.says
        for way, one in ways.items()
    )
    assert found["reply address"].fine is (configured in works)
    assert says in found["reply address"].says
    assert {one.what for one in found.values() if not one.fine} == (
        set() if configured in works else {f"probe {configured}", "reply address"}
    )
    assert found["IDLE"].says == "the server pushed the news of a mail"
    assert f"Authentication-Results of {house.site.authserv_id}, as configured" in found["senders"].says
    assert left_behind(house) == []


def test_a_name_is_hinted_at_and_not_learned(mail_site: MailSite, make_house: Maker) -> None:
    """Without a configured name, or with another, a person is told which name the server uses."""
    house = make_house(mail_site, "plus")
    for configured, says in (("", "if that is your mail server's own name"), ("mx.x.test", "check which is your mail")):
        found = probed(changed(house.config, "imap", authserv_id=configured))["senders"]
        assert (found.doubtful, says in found.says, house.site.authserv_id in found.says) == (True, True, True)


def test_a_running_mailgate_is_not_disturbed(mail_site: MailSite, make_house: Maker) -> None:
    """It takes the probes for our own: it answers, tallies and quarantines nothing; and nothing of them is left."""
    house = make_house(mail_site, "plus")
    with serving(house):
        found = probed(house.config)
        assert found["reply address"].says == "[imap] reply_address = 'plus' works"
        assert left_behind(house) == []
    rows = house.rows(Incoming)
    assert {(r.kind, r.state) for r in rows} <= {("own", "concluded")}
    assert house.rows(Outgoing) == []
    with house.store() as store, store.read() as tx:
        assert refused(tx) == {}


def test_only_our_own_mails_are_removed(mail_site: MailSite, make_house: Maker) -> None:
    """What else comes meanwhile stays, even if somebody marked it as deleted or it copies our field."""
    house = make_house(mail_site, "plus")
    came: list[str] = []

    def say(_: str) -> None:
        if not came:
            for field in ("X-Mailgate-Probe: aaaa", "Subject: mailgate probe: plus"):
                raw = f"From: x@x.test\r\n{field}\r\n\r\nmine\r\n".encode()
                house.site.deliver_from_outside("x@x.test", house.gate, raw)
                house.site.wait_for_mail(house.gate, lambda found, raw=raw: found.endswith(raw))
                came.append(field)

    assert probed(house.config, say=say)["reply address"].fine
    assert len(house.site.maildir(house.gate)) == len(came) == 2


def test_the_database_is_not_needed(mail_site: MailSite, make_house: Maker) -> None:
    """One that cannot be used is said, and the mail servers are looked at all the same."""
    house = make_house(mail_site, "plus")
    config = changed(house.config, "mailgate", database="sqlite:////nowhere/at/all.db")
    found = probed(config)
    assert {one.what for one in found.values() if not one.fine} == {"keys and database"}
    assert found["reply address"].says == "[imap] reply_address = 'plus' works"


@pytest.mark.parametrize(
    ("section", "says"), [("smtp", "because SMTP must work first"), ("imap", "because IMAP must work first")]
)
def test_a_server_that_is_down(mail_site: MailSite, make_house: Maker, section: str, says: str) -> None:
    """Nothing is sent then; which server it is was said before."""
    house = make_house(mail_site, "plus")
    found = probed(changed(house.config, section, port=1))
    assert {one.what for one in found.values() if not one.fine} == {section.upper(), "probe"}
    assert says in found["probe"].says
    assert house.site.maildir(house.gate) == []


def test_a_mailbox_that_goes_down_meanwhile(own_mail_site: MailSite, make_house: Maker) -> None:
    """The mails were sent and cannot be waited for: that is said, and what to look at."""
    house = make_house(own_mail_site, "plus")
    found = probed(house.config, say=lambda _: own_mail_site.dovecot.kill())
    assert not found["probe"].fine
    assert "could not be waited for: The mailbox at localhost" in found["probe"].says
    assert "Check [imap] host" in found["probe"].says


@pytest.mark.parametrize(
    ("script", "says"),
    [
        ('require "fileinto"; fileinto "Junk";', "was put into Junk; tell the server"),
        ("discard;", "was taken, and did not come within 1 s"),
    ],
)
def test_mails_that_go_astray(mail_site: MailSite, make_house: Maker, script: str, says: str) -> None:
    """Put among the junk, or swallowed: each is said in a sentence of its own, and junk is cleaned up, too."""
    house = make_house(mail_site, "plus")
    house.site.write_sieve(house.gate, script)
    waited: list[str] = []
    found = probed(house.config, patience=1, say=waited.append)
    assert says in found["probe plus"].says
    assert says in found["probe single"].says
    assert not found["probe plus"].fine
    assert "no kind of reply address works" in found["reply address"].says
    assert waited[0] == "waiting for 2 of 3 mails (plus, single), 1 s left"
    assert left_behind(house) == []


def test_a_server_that_writes_its_own_message_id(mail_site: MailSite, make_house: Maker) -> None:
    """As Amazon SES does: then replies are told by their address, and `single` cannot work."""
    house = make_house(mail_site, "single")
    script = (
        'require "editheader"; deleteheader "Message-ID"; addheader "Message-ID" "<0100@eu-west-1.amazonses.test>";'
    )
    house.site.write_sieve(house.gate, script)
    found = probed(house.config)
    assert "with another Message-ID than we gave it; a reply to it could not be told" in found["probe single"].says
    assert "with another Message-ID than we gave it; replies are then known by" in found["probe plus"].says
    assert not found["probe single"].fine
    assert found["probe plus"].fine
    assert "set [imap] reply_address = 'plus', which works here; 'single' does not" in found["reply address"].says
    assert left_behind(house) == []


def test_answers_among_the_junk_are_counted(mail_site: MailSite, make_house: Maker) -> None:
    """`doctor` says how many of them the server put there; real junk and what came long ago is none of them."""
    house = make_house(mail_site, "plus")
    login = house.site.imap_of(house.gate)
    answer = f"From: x@x.test\r\nTo: {house.gate.replace('@', '+' + 'a' * 26 + '@')}\r\n\r\nAPPROVE\r\n".encode()
    with IMAPClient(login.host, login.port, ssl_context=login.tls_context()) as session:
        session.login(login.username, login.password)
        session.append("Junk", b"From: x@x.test\r\nTo: y@y.test\r\n\r\nBuy.\r\n")
        session.append("Junk", answer, msg_time=datetime.now(UTC) - timedelta(days=9))
        assert "junk" not in {one.what for one in check_all(house.config, probe=False)}
        session.append("Junk", answer)
    [found] = [one for one in check_all(house.config, probe=False) if one.what == "junk"]
    assert found.doubtful
    assert found.says == "1 mail to us lies in Junk, where nothing is read; move what is no junk to INBOX"
