"""Request mails of agents that write to deceive, in a real browser: what a person sees is our frame with text in it."""

from __future__ import annotations

from collections.abc import Callable

from playwright.sync_api import Browser

from mailgate.mail.compose import render
from mailgate.mail.draft import request_letter
from tests.letters import LINK, ask, seat, templates
from tests.service.test_hostile_agent import ATTACKS, HEADINGS, lines_of

PHONE = {"width": 390, "height": 844}


def test_no_hostile_mail_comes_alive(browser: Browser, record_property: Callable[[str, object], None]) -> None:
    """Whatever an agent writes: one link, no script, no fetch, no dialog, nothing wider than a phone, our headings once."""
    page = browser.new_context(viewport=PHONE).new_page()
    alive: list[str] = []
    page.on("request", lambda request: alive.append(request.url))
    page.on("dialog", lambda dialog: alive.append(dialog.message))
    for attack in ATTACKS:
        text = attack.text
        name = lines_of(text)
        arguments = {"order": text, name: {text: [text]}}
        letter = request_letter(ask(arguments=arguments, agent=name, run=name, reasoning=text, summary=text), seat())
        page.set_content(
            render(letter, templates()).html, wait_until="networkidle" if attack is ATTACKS[-1] else "load"
        )
        assert page.eval_on_selector_all("a", "links => links.map(a => a.href)") == [LINK], attack.name
        assert page.locator("script, img, iframe, form, input").count() == 0, attack.name
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], attack.name
        shown = page.locator("h2").all_inner_texts()
        assert [shown.count(heading) for heading in HEADINGS] == [1] * len(HEADINGS), attack.name
    assert alive == []
    record_property(
        "attack", "Every text of these attacks at once in a request mail, opened in a browser as a mail program would"
    )
    record_property(
        "happened", "Nothing ran, loaded or asked; one link; every heading of ours once; nothing wider than a phone."
    )
