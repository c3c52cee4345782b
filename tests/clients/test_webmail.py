"""People at a webmail, Roundcube in Chromium: they read what is asked, answer in text and HTML, forward what they should not."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser

from mailgate.store.tables import Decision, Incoming
from tests.clients.conftest import Asked, short_code
from tests.clients.webmail import Webmail
from tests.conftest import unavailable
from tests.deployment import Deployment, eventually
from tests.site import MailSite
from tests.site.roundcube import running_roundcube, what_roundcube_lacks

pytestmark = pytest.mark.slow

DESK = {"width": 1280, "height": 900}
LogIn = Callable[..., Webmail]
WAYS = pytest.mark.parametrize("html", [False, True], ids=["plain", "html"])


@pytest.fixture(scope="module")
def roundcube(mail_site: MailSite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run one Roundcube for all tests here, and give its address."""
    if missing := what_roundcube_lacks():
        unavailable(missing)
    with running_roundcube(mail_site, tmp_path_factory.mktemp("roundcube")) as url:
        yield url


@pytest.fixture
def log_in(house: Deployment, roundcube: str, browser: Browser) -> LogIn:
    """Return a function that logs a person in, in a browser of their own."""

    def enter(person: str, *, html: bool = False) -> Webmail:
        address = house.people[person]
        page = browser.new_context(viewport=DESK, color_scheme="light").new_page()
        return Webmail(page, roundcube, address, house.site.imap_of(address).password, html=html)

    return enter


def decision(house: Deployment, request: str) -> tuple[str, str, str, str]:
    """Wait for the one decision on a request: verdict, level, channel, reason."""
    [row] = eventually(lambda: house.rows(Decision, request_id=request), why="A decision")
    return row.verdict, row.level, row.channel, row.reason


def test_a_request_is_read_in_a_webmail(house: Deployment, asked: Asked, log_in: LogIn) -> None:
    """It shows every argument, fits, warns of nothing remote, and its one link opens the decide page."""
    request, mail = asked()
    bob = log_in("bob")
    shown = bob.open(short_code(request))
    said = " ".join(shown.inner_text().split())
    for words in (
        mail.words.partition(" ")[0],
        'order_id: "C-',
        "amount: 120",
        "To approve, write the single word APPROVE",
    ):
        assert words in said, words
    assert bob.page.locator("#remote-objects-message").is_hidden()
    assert shown.locator("img, script, form, button").count() == 0
    assert shown.evaluate("body => body.scrollWidth <= body.clientWidth")
    assert shown.locator("a").evaluate_all("all => all.map(a => a.href)") == [mail.link]
    with bob.page.expect_popup() as popup:
        shown.get_by_text("Decide on").click()
    popup.value.get_by_text("You are deciding as Bob Example").first.wait_for()
    assert house.rows(Decision, request_id=request) == []


@WAYS
def test_approve_is_counted(house: Deployment, asked: Asked, log_in: LogIn, html: bool) -> None:
    """APPROVE typed above what Roundcube quotes, flattened to text or in its own HTML, approves, and the action runs."""
    request, _ = asked()
    bob = log_in("bob", html=html)
    bob.open(short_code(request))
    bob.reply("APPROVE")
    assert decision(house, request) == ("approve", "aligned", "reply", "")
    house.until(request, "succeeded")


@WAYS
def test_reject_is_counted_with_its_reason(house: Deployment, asked: Asked, log_in: LogIn, html: bool) -> None:
    """The reason is what the person typed, without anything that Roundcube put below it."""
    request, _ = asked()
    bob = log_in("bob", html=html)
    bob.open(short_code(request))
    bob.reply("REJECT: the parcel has arrived.")
    assert decision(house, request) == ("reject", "aligned", "reply", "the parcel has arrived.")


@WAYS
def test_nothing_typed_decides_nothing(house: Deployment, asked: Asked, log_in: LogIn, html: bool) -> None:
    """Send pressed on the empty draft, our mail quoted below, is no answer; what the person then says is."""
    request, _ = asked()
    bob = log_in("bob", html=html)
    bob.open(short_code(request))
    bob.reply("")
    house.mail_to("bob", short_code(request), "Please answer again", "no words of your own")
    assert (house.state(request), house.rows(Decision, request_id=request)) == ("pending", [])
    bob.open(short_code(request), nth=2)
    bob.reply("Approve.")
    assert decision(house, request) == ("approve", "aligned", "reply", "")


Record = Callable[[str, object], None]


def is_refused(house: Deployment, request: str, person: str) -> None:
    """Wait until Bob is told that somebody answered for him; assert that nothing was counted, and that it is recorded."""
    house.mail_to("bob", short_code(request), "without proof that it is from you")
    assert (house.state(request), house.rows(Decision, request_id=request)) == ("pending", [])
    kept = house.rows(Incoming, sender=house.people[person])[-1]
    assert (kept.verdict, kept.level, kept.state) == ("approve", "token", "concluded")


def test_a_colleague_who_was_forwarded_the_text_cannot_approve(
    house: Deployment, asked: Asked, log_in: LogIn, record_property: Record
) -> None:
    """Their reply goes to who forwarded it; to the secret address, which the text shows, it is refused and recorded."""
    request, mail = asked()
    bob = log_in("bob")
    bob.open(short_code(request))
    bob.forward(house.people["carol"], "Can you look at this?")
    house.mail_to("carol", short_code(request))
    carol = log_in("carol")
    assert mail.reply_to in carol.open(short_code(request)).inner_text()
    carol.reply("APPROVE")
    house.mail_to("bob", "APPROVE", "Can you look at this?")
    assert house.rows(Incoming, sender=house.people["carol"]) == []
    carol.write_to(mail.reply_to, "APPROVE")
    is_refused(house, request, "carol")
    record_property(
        "attack", "A request mail is forwarded as text, and the reader writes APPROVE to the secret address in it"
    )
    record_property(
        "happened", "Not counted: the sender is another person. Recorded, and the person who was asked is told."
    )


def test_a_colleague_who_was_forwarded_the_mail_as_a_file_cannot_approve(
    house: Deployment, asked: Asked, log_in: LogIn, record_property: Record
) -> None:
    """Roundcube lets them reply to the attached mail itself, straight to the secret address; it is refused all the same."""
    request, _ = asked()
    bob = log_in("bob")
    bob.open(short_code(request))
    bob.forward_as_attachment(house.people["dora"])
    house.mail_to("dora", short_code(request))
    dora = log_in("dora")
    dora.open(short_code(request))
    dora.reply_to_attached("issue_refund", "APPROVE")
    is_refused(house, request, "dora")
    record_property(
        "attack", "A request mail is forwarded as a file, and the reader replies APPROVE to the attached mail"
    )
    record_property(
        "happened", "Not counted: the sender is another person. Recorded, and the person who was asked is told."
    )


def test_a_colleague_who_was_sent_the_mail_as_it_is_cannot_approve(
    house: Deployment, asked: Asked, log_in: LogIn, record_property: Record
) -> None:
    """Redirected, it looks as if it were theirs, and a reply goes to the secret address; it is refused, and Bob is told."""
    request, _ = asked()
    bob = log_in("bob")
    bob.open(short_code(request))
    bob.redirect(house.people["olga"])
    house.mail_to("olga", short_code(request), "Decision needed")
    olga = log_in("olga")
    olga.open(short_code(request))
    olga.reply("APPROVE")
    is_refused(house, request, "olga")
    record_property("attack", "A request mail is redirected as it is, and the reader replies APPROVE")
    record_property(
        "happened", "Not counted: the sender is another person. Recorded, and the person who was asked is told."
    )
