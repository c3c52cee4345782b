"""Every client in every language it is set to, with answers in turn: the large part of the corpus."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, cycle

from tests.corpus.answers import APPROVALS, OTHERS, OWN_WORDS, REJECTIONS, Answer
from tests.corpus.clients import CLIENTS, Client, Position, Reply, request_for
from tests.corpus.envelope import Mail, charset_for, header, written
from tests.corpus.people import WRITERS
from tests.corpus.wording import WORDINGS

UNSET = frozenset(("outlook desktop", "samsung", "huawei", "qq mail"))
"""Clients that set nothing off: below their frame nobody can tell an answer from our own words."""

_SIGNED = frozenset(("gmail signed", "outlook new"))
"""Clients drawn with a signature in its container: only answers that have one."""

_BY_NAME = {client.name: client for client in CLIENTS}
_WHOLE_EVERY = 60
_EMPTY = Answer(name="nothing", means="none", text="")


def replies() -> Iterator[Mail]:
    """Yield the mails in a fixed order."""
    yield from _on_top()
    yield from _below_and_between()
    yield from _own_words()


def frame_alone(client: Client, language: str) -> Mail:
    """Return a reply to which its writer added nothing."""
    return _mail(client, language, "top", _EMPTY)


def every_answer() -> Iterator[Mail]:
    """Yield every answer in every client, language and position: about ten thousand mails, made and not stored."""
    for client in CLIENTS:
        for language in client.languages:
            for answer in (*APPROVALS, *REJECTIONS, *OTHERS):
                if not _fits(answer, client):
                    continue
                for position in client.positions:
                    if position == "top" or (position == "bottom" and client.name not in UNSET):
                        yield _mail(client, language, position, answer)


def _on_top() -> Iterator[Mail]:
    approvals, rejections, others = cycle(APPROVALS), cycle(REJECTIONS), cycle(OTHERS)
    number = count()
    for client in CLIENTS:
        for language in client.languages:
            for answers in (approvals, rejections):
                whole = next(number) % _WHOLE_EVERY == 0
                yield _mail(client, language, "top", _fitting(answers, client), whole=whole)
            if language in ("en", "de", "ja") or client.name in _SIGNED:
                yield _mail(client, language, "top", _fitting(others, client))


def _below_and_between() -> Iterator[Mail]:
    approvals, rejections = cycle(APPROVALS), cycle(REJECTIONS)
    for client in CLIENTS:
        languages = client.languages[:1] if client.name in UNSET else client.languages[:3]
        for position in client.positions[1:]:
            for language in languages if position == "bottom" else languages[:1]:
                yield _mail(client, language, position, next(approvals))
                yield _mail(client, language, position, next(rejections))


def _own_words() -> Iterator[Mail]:
    clients = {
        "de": ("gmail web", "outlook desktop", "gmx"),
        "fr": ("gmail web", "outlook web", "apple mail"),
        "es": ("gmail web", "outlook desktop", "iphone mail"),
        "ja": ("gmail web", "outlook web", "becky"),
    }
    for language, answers in OWN_WORDS.items():
        turn = cycle(clients[language])
        for answer in answers:
            for _ in range(2):
                yield _mail(_BY_NAME[next(turn)], language, "top", answer, words=("en", language))


def _fitting(answers: Iterator[Answer], client: Client) -> Answer:
    """Return the next answer that this client can be drawn with."""
    return next(answer for answer in answers if _fits(answer, client))


def _fits(answer: Answer, client: Client) -> bool:
    """Whether a client can be drawn with an answer; some are drawn with a signature, which it has to have then."""
    signed = ("{card}", "{name}", "{first}")
    is_signed = answer.text.count("\n\n") == 1 and any(s in answer.text for s in signed)
    return client.name not in _SIGNED or (is_signed and answer.text.strip() == answer.text)


def _mail(
    client: Client,
    language: str,
    position: Position,
    answer: Answer,
    *,
    whole: bool = False,
    words: tuple[str, ...] = (),
) -> Mail:
    writer = WRITERS[language]
    name = f"{client.name} {language} {position} {answer.means} {answer.name}".replace(" ", "-").replace(".", "")
    text, markup = request_for(writer, whole=whole)
    reply = Reply(
        text=answer.by(writer),
        writer=writer,
        wording=WORDINGS[language],
        position=position,
        quoted=text,
        markup=markup,
    )
    charset = charset_for(writer.name, client.transfer, writer)
    subject = f"{WORDINGS[language].re}: issue_refund (R-7K2M9Q)"
    head = header(
        name, writer, program=client.program, subject=subject, charset="utf-8" if charset == "us-ascii" else charset
    )
    decides = answer.means in ("approve", "reject")
    read, why = _read_otherwise(client, position) if decides else (answer.read, answer.why)
    return Mail(
        name=name,
        raw=written(head, client.write(reply), client, writer, name),
        group=client.name,
        language=language,
        means=answer.means,
        clear=decides and position != "interleaved",
        read=read,
        why=why,
        words=words,
    )


def _read_otherwise(client: Client, position: Position) -> tuple[str, str]:
    """Say where an answer stands of which a program cannot know whose words it is."""
    if position == "interleaved":
        return "unclear", "an answer between quoted lines may be the rest of one"
    if position == "bottom" and client.name in UNSET:
        return "none", "nothing divides it from our own mail above it"
    return "", ""
