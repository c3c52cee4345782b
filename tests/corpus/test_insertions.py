"""Conditions between an approval and the frame of a client: in each client, wherever they stand, they are seen."""

from __future__ import annotations

import html
from collections.abc import Iterator

import pytest

from mailgate.mail.mime import open_mail
from mailgate.mail.reply import read_reply
from mailgate.model.verdict import Verdict
from tests.corpus.clients import CLIENTS, Client, Reply, request_for
from tests.corpus.clients.shape import Body
from tests.corpus.people import WRITERS
from tests.corpus.wording import WORDINGS

CONDITIONS = (
    # Most look like a piece of a frame, and could be taken for its first line.
    "only up to 50",
    "Only on 5 May",
    "On 5 May 2026",
    "on 24 Nov 2026 at 15:00,",
    "24.11.2026 15:00",
    "Nov 30, 2026 at 10:00,",
    "by 5pm",
    "From: Carol",
    "From: Carol <carol@example.com>",
    "To: the second account only",
    "Date: tomorrow",
    "Date: tomorrow\nTo: the second account",
    "Subject: half of it",
    "Sent: via Carol only",
    "> only 50",
    "| only 50",
    "Carol <carol@example.com>",
    "Carol wrote:",
    "if Carol <carol@example.com> agrees:",
    "Carol Clark <carol@example.com> writes:",
    "Am 5.5.2026 um 10:00 Uhr,",
    "50",
    "(half)",
)
PLACES = ("APPROVE\n\n{}", "APPROVE\n{}", "APPROVE\n\nThanks\n{}", "approved\n\n{}\n\nThanks")


def read(body: Body, name: str) -> Verdict:
    """Read a body as a mail."""
    parts = [(kind, text) for kind, text in (("plain", body.plain), ("html", body.html)) if text is not None]
    head = 'From: Bob Brown <bob@example.com>\r\nContent-Type: multipart/alternative; boundary="b"\r\n\r\n'
    pieces = (f"--b\r\nContent-Type: text/{kind}; charset=utf-8\r\n\r\n{text}\r\n" for kind, text in parts)
    return read_reply(open_mail(f"{head}{''.join(pieces)}--b--\r\n".encode()), name).verdict


def bodies(client: Client, language: str, text: str) -> Iterator[Body]:
    """Yield what a client makes of an answer: its mail, and each part of it alone."""
    writer = WRITERS[language]
    quoted, markup = request_for(writer)
    reply = Reply(text=text, writer=writer, wording=WORDINGS[language], position="top", quoted=quoted, markup=markup)
    body = client.write(reply)
    yield body
    if body.plain is not None and body.html is not None:
        yield Body(plain=body.plain)
        yield Body(html=body.html)


def unseen(client: Client, language: str, places: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return conditions and places with which a client's mail is read as an approval."""
    name = WRITERS[language].name
    return [
        (condition, place)
        for condition in CONDITIONS
        for place in places
        for body in bodies(client, language, place.format(condition))
        if read(body, name) is Verdict.APPROVE
    ]


@pytest.mark.parametrize("number", range(len(CLIENTS)), ids=lambda n: CLIENTS[n].name.replace(" ", "-"))
def test_a_condition_above_the_frame_is_seen(number: int) -> None:
    """Each condition in one place, in the client's first language."""
    client = CLIENTS[number]
    assert unseen(client, client.languages[0], (PLACES[number % len(PLACES)],)) == []


def below(body: Body, condition: str) -> Body:
    """Return a body with a condition at its very end."""
    plain = None if body.plain is None else f"{body.plain.rstrip()}\n\n{condition}\n"
    if body.html is None:
        return Body(plain=plain)
    written = f"<div>{html.escape(condition)}</div>"
    end = body.html.lower().rfind("</body>")
    return Body(plain=plain, html=body.html + written if end < 0 else body.html[:end] + written + body.html[end:])


@pytest.mark.parametrize("number", range(len(CLIENTS)), ids=lambda n: CLIENTS[n].name.replace(" ", "-"))
def test_a_condition_below_everything_is_seen(number: int) -> None:
    """Below the quote, set off or not, in the client's first language."""
    client = CLIENTS[number]
    language = client.languages[0]
    found = [
        condition
        for body in bodies(client, language, "APPROVE")
        for condition in CONDITIONS[number % 2 :: 2]
        if read(below(body, condition), WRITERS[language].name) is Verdict.APPROVE
    ]
    assert found == []


@pytest.mark.slow
@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name.replace(" ", "-"))
def test_a_condition_above_the_frame_is_seen_in_every_language(client: Client) -> None:
    """Each condition in each place, in every language that the client is set to."""
    assert {language: found for language in client.languages if (found := unseen(client, language, PLACES))} == {}
