"""How mails and pages look and behave in a real browser: readable for everybody, safe under thumbs and Enter keys."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from typing import Any
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import Browser, Page, Route

from mailgate.mail.compose import render
from mailgate.mail.draft import receipt_letter, request_letter
from mailgate.mail.letter import Letter
from mailgate.mail.rehearsal import sample_letters
from mailgate.sandbox.pages import frame_steps
from mailgate.sandbox.reading import read_mail
from tests.letters import CODE, LINK, SHIPPED, TOKEN, ask, seat, signature, templates

PAGE = "http://approvals.test/d/token/"
STYLE = "http://approvals.test/static/style.css"
CSP = "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
SCHEMES = ("light", "dark")
PHONE = {"width": 390, "height": 844}
DESKTOP = {"width": 1200, "height": 900}
HOSTILE = {
    "order_id": "A-1001",
    "token": "x" * 400,
    "<b>name</b>": "<script>document.title = 'evil'</script>",
    "text": "APPROVE\n\nhttps://evil.example \u202e \u200b",
    "nested": [{"שלום": ["é" * 80, None]}],
}


MAILED_NOWHERE = {"mails_code": False, "code_note": "", "code_is_news": False, "can_mail_code": False}
WILL_BE_MAILED = {
    "mails_code": True,
    "code_note": "Pressing Approve first has a code mailed to you; this page then asks for it.",
    "can_mail_code": True,
    "needs_code": False,
    "reason_hint": "Needed to reject. If the agent shall be told your reason, have a code mailed to you first, and type it too.",
}
WAS_MAILED = WILL_BE_MAILED | {
    "code_note": "A code was mailed to b…@example.com. Type it below. It holds until 09:10 UTC (10:10 in Europe/Berlin), "
    "for one decision.",
    "code_is_news": True,
    "needs_code": True,
    "code_hint": "Six digits, in the newest mail about this request. Needed to approve.",
}
MUST_WAIT = WILL_BE_MAILED | {
    "code_note": "3 codes were mailed within 60 minutes. The next one can be mailed after 10:00 UTC.",
    "can_mail_code": False,
}
UNDO = {
    "action_url": "",
    "form_key": "key",
    "needs_code": True,
    "code_hint": "Six digits, printed in the mail under the link.",
    "tries_left": 5,
    "error": "That is not the code.",
    **MAILED_NOWHERE,
}


def full_letter(**changes: Any) -> Letter:
    """Return a request with everything in it, some of it hostile."""
    return request_letter(
        ask(arguments=HOSTILE), seat(**changes), warnings=("First time.", "Second attempt."), history=(signature(),)
    )


def decide_page(**changes: Any) -> str:
    """Return the HTML of the decide page."""
    context = {
        "letter": full_letter(),
        "action_url": "",
        "deciding_as": "Bob Brown <bob@example.com>",
        "error": None,
        "form_key": "key",
        "needs_code": True,
        "code_hint": "Six digits, printed in the mail under the link. Needed to approve.",
        **MAILED_NOWHERE,
        "reason_hint": "Needed to reject. Type the code too if the agent shall be told your reason.",
        "tries_left": 5,
        "style_url": STYLE,
    }
    return templates().render("web/decide.html.j2", context | changes)


def message_page(**changes: Any) -> str:
    """Return the HTML of a message page."""
    context = {
        "title": "Thank you: your approval was counted",
        "sentences": ("The outcome comes by mail.",),
        "tone": "done",
        "letter": receipt_letter(ask(), seat(), signature()),
        "undo": UNDO,
        "style_url": STYLE,
    }
    return templates().render("web/message.html.j2", context | changes)


PAGES = {
    "decide": decide_page,
    "decide, wrong code": lambda: decide_page(error="That is not the code.", tries_left=3),
    "decide, codes used up": lambda: decide_page(tries_left=0),
    "decide, no code": lambda: decide_page(needs_code=False, tries_left=None),
    "decide, a code will be mailed": lambda: decide_page(**WILL_BE_MAILED),
    "decide, a code was mailed": lambda: decide_page(**WAS_MAILED),
    "decide, enough codes were mailed": lambda: decide_page(**MUST_WAIT, error="No other code was mailed."),
    "thank you": message_page,
    "thank you, a code will be mailed": lambda: message_page(undo=UNDO | WILL_BE_MAILED | {"error": None}),
    "thank you, a code was mailed": lambda: message_page(undo=UNDO | WAS_MAILED | {"error": None}),
    "thank you, codes used up": lambda: message_page(undo=UNDO | {"tries_left": 0}),
    "too often": lambda: message_page(
        title="This page was asked for too often", tone="problem", letter=None, undo=None
    ),
    "unknown link": lambda: message_page(title="This link cannot be used", tone="problem", letter=None, undo=None),
}


class Site:
    """Two addresses that exist in one browser page only: the HTML given, and the style sheet."""

    def __init__(self, html: str) -> None:
        self.html = html
        self.requests: list[str] = []
        self.forms: list[dict[str, list[str]]] = []

    def answer(self, route: Route) -> None:
        """Answer a request of the page, with the headers that the real pages have."""
        request = route.request
        self.requests.append(request.url)
        if request.url == STYLE:
            route.fulfill(path=SHIPPED / "web" / "style.css", content_type="text/css")
        elif request.url.split("#")[0] == PAGE:
            if request.method == "POST":
                self.forms.append(parse_qs(request.post_data or "", keep_blank_values=True))
            route.fulfill(
                body=self.html, content_type="text/html; charset=utf-8", headers={"Content-Security-Policy": CSP}
            )
        else:
            route.abort()


@contextmanager
def opened(browser: Browser, html: str, **options: Any) -> Iterator[tuple[Page, Site]]:
    """Open a page of ours in a browser window of its own."""
    site = Site(html)
    context = browser.new_context(**{"viewport": PHONE, **options})
    page = context.new_page()
    page.route("**/*", site.answer)
    page.goto(PAGE)
    yield page, site
    context.close()


@contextmanager
def submitting(page: Page) -> Iterator[None]:
    """Wait until what is done inside has sent the form and its answer is there."""
    with page.expect_navigation(url=PAGE):
        yield


def texts(value: object) -> Iterator[str]:
    """Yield every text of a letter."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from texts(item)
    elif is_dataclass(value):
        for part in fields(value):
            yield from texts(getattr(value, part.name))


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", PAGES)
def test_pages_are_accessible(
    browser: Browser, axe_serious: Callable[[Page], list[str]], name: str, scheme: str
) -> None:
    """axe-core finds nothing serious on any page, light or dark."""
    with opened(browser, PAGES[name](), color_scheme=scheme, bypass_csp=True) as (page, _):
        assert axe_serious(page) == []


@pytest.mark.parametrize("scheme", SCHEMES)
def test_mails_are_accessible(browser: Browser, axe_serious: Callable[[Page], list[str]], scheme: str) -> None:
    """axe-core finds nothing serious in the HTML part of any kind of mail, light or dark."""
    context = browser.new_context(color_scheme=scheme, viewport=PHONE)
    page = context.new_page()
    for letter in {letter.kind: letter for letter in (*sample_letters(), full_letter())}.values():
        page.set_content(render(letter, templates()).html)
        assert axe_serious(page) == [], letter.kind


@pytest.mark.parametrize("width", [320, 390, 1200])
def test_nothing_is_wider_than_the_screen(browser: Browser, width: int) -> None:
    """Four hundred letters without a blank are broken, in mails and on pages, down to the narrowest phones."""
    with opened(browser, decide_page(), viewport={"width": width, "height": 844}) as (page, _):
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    mail = browser.new_context(viewport={"width": width, "height": 844}).new_page()
    mail.set_content(render(full_letter(), templates()).html)
    assert mail.evaluate("document.documentElement.scrollWidth") <= width


def test_a_mail_is_at_most_600_pixels_wide(browser: Browser) -> None:
    """On a desk the column stays readable."""
    context = browser.new_context(viewport=DESKTOP)
    page = context.new_page()
    page.set_content(render(full_letter(), templates()).html)
    box = page.locator(".card").bounding_box()
    assert box is not None
    assert box["width"] <= 600


def test_the_first_screen_of_a_phone_says_what_and_how(browser: Browser) -> None:
    """Without scrolling: what the agent wants, until when, how to answer, that there are warnings, the first argument."""
    context = browser.new_context(viewport={"width": 390, "height": 700})
    page = context.new_page()
    page.set_content(render(full_letter(), templates()).html)
    for words in ("Refund 120.0 EUR", "Answer by", "Reply with APPROVE or REJECT", "Look twice", "1. order_id:"):
        box = page.get_by_text(words).first.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 700, words


def test_dark_mails_are_dark(browser: Browser) -> None:
    """The style sheet for dark mode reaches every background; text is light."""
    context = browser.new_context(color_scheme="dark")
    page = context.new_page()
    page.set_content(render(full_letter(), templates()).html)
    colours = page.evaluate(
        "[...document.querySelectorAll('body, .card, .panel, .warn')].map(e => getComputedStyle(e).backgroundColor)"
    )
    assert all(sum(map(int, colour[4:-1].split(","))) < 200 for colour in colours)


def test_opening_a_mail_fetches_nothing(browser: Browser) -> None:
    """No image, no font, no style: nobody learns that or when it was read."""
    context = browser.new_context()
    page = context.new_page()
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.set_content(render(full_letter(), templates()).html, wait_until="networkidle")
    assert requests == []


def test_nothing_hostile_comes_alive_in_a_mail(browser: Browser) -> None:
    """One link, no script, no markup of the agent's."""
    context = browser.new_context()
    page = context.new_page()
    page.set_content(render(full_letter(), templates()).html)
    assert page.eval_on_selector_all("a", "links => links.map(a => a.href)") == [LINK]
    assert page.locator("script").count() == 0
    assert page.title() == "approvals"


def test_a_page_needs_no_script_and_obeys_its_policy(browser: Browser) -> None:
    """With scripts off it is styled and complete, fetches its style sheet and nothing else, and breaks no rule."""
    complaints: list[str] = []
    with opened(browser, decide_page(), java_script_enabled=False) as (page, site):
        page.on("console", lambda message: complaints.append(message.text))
        page.reload()
        assert set(site.requests) == {PAGE, STYLE}
        assert page.locator("form#decide").is_visible()
    assert complaints == []
    assert "<script" not in decide_page() + message_page()
    assert "style=" not in decide_page() + message_page()


def test_the_page_shows_what_the_mail_shows_but_no_secret(browser: Browser) -> None:
    """Every text of the letter is on the page; the link's token and the code, which the page asks for, are not."""
    letter = full_letter()
    assert letter.answering is not None
    parts: list[object] = [
        letter.headline,
        letter.action,
        letter.short_code,
        letter.digest,
        letter.arguments,
        letter.claim,
    ]
    parts += [letter.if_approved, letter.if_rejected, letter.deadline, letter.warnings, letter.history]
    parts += [letter.answering.others, letter.answering.quorum]
    with opened(browser, decide_page(letter=letter)) as (page, _):
        seen = "".join(page.inner_text("body").split())
        for part in parts:
            for text in texts(part):
                assert "".join(text.split()) in seen, text
        assert page.get_by_text("You are deciding as Bob Brown <bob@example.com>").first.is_visible()
        content = page.content()
        assert TOKEN not in content
        assert CODE not in content
        assert "482 913" not in content


def test_enter_in_the_code_field_decides_nothing(browser: Browser) -> None:
    """A thumb on the keyboard's Enter must not approve; only pressing a button decides."""
    with opened(browser, decide_page()) as (page, site):
        page.get_by_label("Code from the mail").fill("482 913")
        page.get_by_label("Code from the mail").press("Enter")
        assert site.forms == []
        with submitting(page):
            page.get_by_role("button", name="Approve: issue_refund").click()
        assert site.forms == [{"form": ["key"], "code": ["482 913"], "reason": [""], "verdict": ["approve"]}]


def test_approve_is_the_last_button(browser: Browser) -> None:
    """A browser that skips the disabled default button finds Reject first: a doubtful yes must never run."""
    with opened(browser, decide_page()) as (page, _):
        buttons = page.locator("form#decide button")
        assert buttons.evaluate_all("all => all.map(b => [b.value, b.disabled, b.type])") == [
            ["", True, "submit"],
            ["reject", False, "submit"],
            ["approve", False, "submit"],
        ]


def test_approving_without_a_code_is_stopped_by_the_browser_and_rejecting_is_not(browser: Browser) -> None:
    """The code is needed for a yes only."""
    with opened(browser, decide_page()) as (page, site):
        for code in ("", "12345", "abcdef"):
            page.get_by_label("Code from the mail").fill(code)
            page.get_by_role("button", name="Approve: issue_refund").click()
        assert site.forms == []
        page.get_by_label("Code from the mail").fill("")
        page.get_by_label("Reason").fill("Not now")
        with submitting(page):
            page.get_by_role("button", name="Reject: issue_refund").click()
        assert site.forms == [{"form": ["key"], "code": [""], "reason": ["Not now"], "verdict": ["reject"]}]


def test_the_form_works_with_the_keyboard_alone(browser: Browser) -> None:
    """Code, reason, Reject, Approve, in this order, each with a visible focus."""
    with opened(browser, decide_page()) as (page, site):
        page.get_by_label("Code from the mail").focus()
        page.keyboard.type("482913")
        seen = []
        for _ in range(3):
            page.keyboard.press("Tab")
            seen.append(page.evaluate("document.activeElement.value || document.activeElement.name"))
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
        assert seen == ["reason", "reject", "approve"]
        with submitting(page):
            page.keyboard.press("Enter")
        assert site.forms[0]["verdict"] == ["approve"]


def test_the_code_field_suits_a_phone(browser: Browser) -> None:
    """Digits on the keyboard, and the code offered from a message if the phone can."""
    with opened(browser, decide_page()) as (page, _):
        field = page.get_by_label("Code from the mail")
        assert field.get_attribute("inputmode") == "numeric"
        assert field.get_attribute("autocomplete") == "one-time-code"


def test_buttons_are_large_enough_for_thumbs(browser: Browser) -> None:
    """At least 44 pixels high, and apart."""
    with opened(browser, decide_page()) as (page, _):
        boxes = [page.locator(f"button[value={value}]").bounding_box() for value in ("reject", "approve")]
        assert all(box is not None and box["height"] >= 44 for box in boxes)
        reject, approve = boxes
        assert reject is not None
        assert approve is not None
        assert approve["y"] - (reject["y"] + reject["height"]) >= 8


def test_an_error_is_announced_and_tied_to_its_field(browser: Browser) -> None:
    """It is an alert, has the focus, is in the title, describes the field; and what was written is still there."""
    html = decide_page(error="That is not the code.", tries_left=3, reason="a </textarea> b")
    with opened(browser, html) as (page, _):
        alert = page.get_by_role("alert")
        assert alert.inner_text() == "That is not the code. 3 tries left."
        assert page.evaluate("document.activeElement.id") == "error"
        assert page.title().startswith("Error: ")
        field = page.get_by_label("Code from the mail")
        assert "error" in (field.get_attribute("aria-describedby") or "")
        assert field.get_attribute("aria-invalid") == "true"
        assert page.get_by_label("Reason").input_value() == "a </textarea> b"


def test_an_error_about_the_reason_marks_the_reason(browser: Browser) -> None:
    """The code field is not accused of what another field lacks."""
    with opened(browser, decide_page(error="Please say why.", error_field="reason")) as (page, _):
        assert page.get_by_label("Reason").get_attribute("aria-invalid") == "true"
        assert "error" in (page.get_by_label("Reason").get_attribute("aria-describedby") or "")
        assert page.get_by_label("Code from the mail").get_attribute("aria-invalid") is None
        assert page.get_by_text("tries left").count() == 0


def test_when_the_codes_are_used_up_only_rejecting_is_left(browser: Browser) -> None:
    """The page says so and names the other way."""
    with opened(browser, decide_page(tries_left=0)) as (page, _):
        assert page.locator("button[value=approve]").count() == 0
        assert page.locator("input[name=code]").count() == 0
        assert page.locator("button[value=reject]").is_visible()
        assert page.get_by_text("answer by replying to the mail").is_visible()


@pytest.mark.parametrize("width", [358, 720])
def test_the_inbox_frames_a_mail_closely(browser: Browser, width: int) -> None:
    """Below a usual mail the sandbox's inbox leaves a few lines blank at most, and hides none of it."""
    html = render(request_letter(ask(), seat()), templates()).html
    context = browser.new_context(viewport={"width": width, "height": 100})
    page = context.new_page()
    page.set_content(html)
    tall = page.evaluate("document.documentElement.scrollHeight")
    context.close()
    mail = read_mail(f"From: a@b\r\nContent-Type: text/html\r\n\r\n{html}".encode())
    given = 64 * frame_steps(mail, 38 if width < 500 else 75)
    assert tall <= given <= tall + 100


def test_where_no_reply_approves_the_page_invites_none(browser: Browser) -> None:
    """A reply that could never count is no other way, neither when the codes are used up nor where links only reject."""
    letter = full_letter(approves_by_reply=False)
    with opened(browser, decide_page(letter=letter, tries_left=0)) as (page, _):
        assert page.get_by_text("You can still reject here.").is_visible()
        assert page.get_by_text("replying to the mail").count() == 0
    letter = full_letter(approves_by_reply=False, web_confirm="reject")
    with opened(browser, decide_page(letter=letter, approves=False)) as (page, _):
        assert page.get_by_text("As this is set up nobody can approve it").is_visible()
        assert page.get_by_text("reply to the mail with APPROVE").count() == 0


def test_without_a_code_the_page_asks_for_none(browser: Browser) -> None:
    """Where the gate wants a button only, or mails a fresh code first."""
    with opened(browser, decide_page(needs_code=False, tries_left=None)) as (page, site):
        assert page.locator("input[name=code]").count() == 0
        with submitting(page):
            page.get_by_role("button", name="Approve: issue_refund").click()
        assert site.forms[0]["verdict"] == ["approve"]


def test_a_decision_can_be_taken_back_from_the_thank_you_page(browser: Browser) -> None:
    """By POST, with the code, and not by Enter."""
    with opened(browser, message_page()) as (page, site):
        page.get_by_label("Code from the mail").fill("482913")
        page.get_by_label("Code from the mail").press("Enter")
        assert site.forms == []
        with submitting(page):
            page.get_by_role("button", name="Take my decision back").click()
        assert site.forms == [{"form": ["key"], "code": ["482913"], "verdict": ["undo"]}]


def test_the_neutral_page_tells_nothing(browser: Browser) -> None:
    """An unknown link learns no action, no person, no code field."""
    with opened(browser, PAGES["unknown link"]()) as (page, _):
        text = page.inner_text("body")
        assert "issue_refund" not in text
        assert "Bob" not in text
        assert page.locator("form").count() == 0


def test_where_a_code_will_be_mailed_no_field_asks_for_one(browser: Browser) -> None:
    """Approve has it mailed; so does a button of its own, for whoever wants to be heard with a no."""
    with opened(browser, decide_page(**WILL_BE_MAILED)) as (page, site):
        assert page.locator("input[name=code]").count() == 0
        with submitting(page):
            page.get_by_role("button", name="Mail me a code").click()
        with submitting(page):
            page.get_by_role("button", name="Approve: issue_refund").click()
        assert [form["verdict"] for form in site.forms] == [["code"], ["approve"]]


def test_a_mailed_code_is_asked_for_where_the_reader_is(browser: Browser) -> None:
    """The field has the focus, and is described by where the code went; another one needs nothing typed; Enter is nothing."""
    with opened(browser, decide_page(**WAS_MAILED), java_script_enabled=False) as (page, site):
        field = page.get_by_label("Code from the mail")
        assert page.evaluate("document.activeElement.id") == "code"
        assert "code-note" in (field.get_attribute("aria-describedby") or "")
        assert page.get_by_role("status").inner_text().startswith("A code was mailed to b…@example.com.")
        field.fill("482913")
        field.press("Enter")
        assert site.forms == []
        field.fill("")
        with submitting(page):
            page.get_by_role("button", name="Mail me another code").click()
        assert site.forms[0]["verdict"] == ["code"]


def test_where_no_code_can_be_mailed_now_only_rejecting_is_left(browser: Browser) -> None:
    """The page says from when on there is another code, and offers no button that would not work."""
    with opened(browser, decide_page(**MUST_WAIT)) as (page, _):
        assert page.locator("button[value=approve], button[value=code], input[name=code]").count() == 0
        assert page.locator("button[value=reject]").is_visible()
        assert page.get_by_text("The next one can be mailed after 10:00 UTC.").is_visible()


def test_taking_back_has_a_code_mailed_as_well(browser: Browser) -> None:
    """One button has it mailed and then takes it; when the codes are used up a reply is named instead."""
    with opened(browser, message_page(undo=UNDO | WILL_BE_MAILED | {"error": None})) as (page, site):
        assert page.locator("input[name=code]").count() == 0
        with submitting(page):
            page.get_by_role("button", name="Take my decision back").click()
        assert site.forms == [{"form": ["key"], "verdict": ["undo"]}]
    with opened(browser, message_page(undo=UNDO | {"tries_left": 0})) as (page, _):
        assert page.locator("button[value=undo]").count() == 0
        assert page.get_by_text("Reply UNDO to the mail").is_visible()
