"""What the stored mails are read as: each as expected, and all of them within the figures that are promised."""

from __future__ import annotations

import pytest

from mailgate.model.words import SHIPPED, found_in, opening
from tests.corpus.clients import CLIENTS, Client, Reply, request_for
from tests.corpus.clients.shape import Body
from tests.corpus.people import WRITERS
from tests.corpus.reading import MAILS, Result, expected_of, explainer, figures, read, stored_results
from tests.corpus.replies import every_answer, frame_alone
from tests.corpus.samples import by_hand
from tests.corpus.wording import WORDINGS

_TRIED = ("de", "fr", "es", "ja", "en")


@pytest.fixture(scope="module")
def results() -> list[Result]:
    """Read every stored mail once."""
    return stored_results()


def test_every_mail_is_read_as_expected(results: list[Result]) -> None:
    """Kind, level, verdict, and what would be done with what is no reply."""
    assert [result.differs for result in results if result.differs] == []


def test_no_approval_is_read_that_nobody_gave(results: list[Result]) -> None:
    """The one mistake that must not happen."""
    assert [result.name for result in results if result.falsely_approved] == []


def test_no_machine_decides(results: list[Result]) -> None:
    """In nothing but a reply a verdict is read, and of nothing else an answer would be counted."""
    assert [result.name for result in results if result.by_a_machine] == []
    counted = [result for result in results if result.found["would"] == "count"]
    assert {result.expected.kind for result in counted} == {"reply"}


def test_only_proven_senders_would_be_counted_for_a_yes(results: list[Result]) -> None:
    """An approval by somebody whom nobody vouches for is understood, and asked about."""
    approved = [result for result in results if result.said == "approve"]
    assert {result.found["level"] for result in approved if result.found["would"] == "count"} == {"aligned"}
    assert {result.found["would"] for result in approved if result.found["level"] != "aligned"} == {"clarify"}


def test_the_figures_are_those_that_are_promised(results: list[Result]) -> None:
    """No false approval or rejection; at least 97% of clear approvals and 98% of clear rejections counted at once."""
    assert figures(results).missed() == []
    assert figures(by_hand()).false_approves == 0


@pytest.mark.slow
def test_the_figures_hold_for_every_answer_in_every_client_and_language() -> None:
    """Nine thousand mails that are made on the spot: the stored ones are not a lucky choice of them."""
    made = [(mail.name, mail.raw, expected_of(mail)) for mail in every_answer()]
    results = list(read(made))
    assert len(results) > 8000
    assert [result.differs for result in results if result.differs and not result.says_nothing_either_way] == []
    assert figures(results).missed() == []


def test_words_of_other_languages_decide_only_where_they_are_turned_on(results: list[Result]) -> None:
    """Mails in somebody's own words, read by a deployment that takes English only, decide nothing."""
    own = [result for result in results if result.expected.words]
    assert len(own) > 50
    plain = explainer(("en",))
    assert {plain.explain((MAILS / f"{result.name}.eml").read_bytes())["verdict"] for result in own} == {"unclear"}


def frame(client: Client, language: str) -> Body:
    """Return what a client writes around an empty answer, our mail included."""
    writer = WRITERS[language]
    text, markup = request_for(writer, whole=language == "en")
    return client.write(
        Reply(text="", writer=writer, wording=WORDINGS[language], position="top", quoted=text, markup=markup)
    )


@pytest.mark.parametrize("language", SHIPPED)
def test_no_shipped_word_is_part_of_what_a_client_writes(language: str) -> None:
    """In every client's frame in every language, with our mail in it, none of the words stands anywhere."""
    words = (*SHIPPED[language].approve, *SHIPPED[language].reject)
    found = {
        (client.name, spoken, word)
        for client in CLIENTS
        for spoken in client.languages
        for part in (frame(client, spoken).plain, frame(client, spoken).html)
        for word in found_in(part or "", words)
    }
    assert found == set()


@pytest.mark.parametrize("language", SHIPPED)
def test_no_shipped_word_is_part_of_what_stands_below_an_answer(language: str) -> None:
    """Cards, closings, telephones: none of the words. A legal footer in any language begins no line with one."""
    words = SHIPPED[language]
    for writer in WRITERS.values():
        wording = WORDINGS[writer.language]
        below = (writer.closing, writer.card, wording.iphone, wording.outlook_mobile, wording.galaxy, *wording.labels)
        assert list(found_in("\n".join(below), (*words.approve, *words.reject))) == [], writer.language
        assert list(found_in(writer.legal, words.approve)) == []
        assert [w for line in writer.legal.split(". ") for w in opening(line, words.reject)] == []


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name.replace(" ", "-"))
def test_a_frame_alone_decides_nothing_in_any_language(client: Client) -> None:
    """With every language turned on at once, no client's frame is read as a decision."""
    reader = explainer(_TRIED)
    for language in client.languages:
        found = reader.explain(frame_alone(client, language).raw)
        assert found["verdict"] in ("none", "unclear"), (language, found)
