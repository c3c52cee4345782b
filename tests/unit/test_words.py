"""Words of other languages: what they decide, what only looks like them, and which words are fit to decide."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailgate.model.verdict import Reading, Verdict, read_verdict
from mailgate.model.words import SHIPPED, Words, faults, found_in, opening

DUTCH = Words(language="nl", approve=("akkoord",), reject=("afgewezen", "nee"))


def read(text: str, *languages: str, signer: str = "") -> Reading:
    """Read a text with the shipped words of these languages turned on."""
    return read_verdict(text, signer=signer, words=[SHIPPED[language] for language in languages])


EVERY = [(language, word) for language, words in SHIPPED.items() for word in words.approve]
REFUSALS = [(language, word) for language, words in SHIPPED.items() for word in words.reject]


@pytest.mark.parametrize(("language", "word"), EVERY)
def test_a_word_of_approval_approves_in_its_language_only(language: str, word: str) -> None:
    """In any case, with emphasis and one final mark, decomposed too; without its language it is unclear."""
    for spelled in (
        word,
        word.upper(),
        f"*{word}*",
        f"{word}.",
        f"{word}!",
        f"{word}。",
        unicodedata.normalize("NFD", word),
    ):
        assert read(f"\n{spelled}\n", language).verdict is Verdict.APPROVE, spelled
        assert read_verdict(spelled).verdict is Verdict.UNCLEAR, spelled
    assert read("APPROVE", language).verdict is Verdict.APPROVE


@pytest.mark.parametrize(("language", "word"), EVERY)
def test_nothing_but_a_word_of_approval_approves(language: str, word: str) -> None:
    """What contains or resembles it does not, nor does it with words below it."""
    for text in (
        f"{word}?",
        f"{word}, thanks",
        f"{word} 50",
        f"not {word}",
        f"nicht {word}",
        f"un{word}",
        f"{word}x",
        f"- {word}",
        f"> {word}",
        f"{word[0]}\u200b{word[1:]}",
        f"{word[:-1]}{word[-1]}\u0323",
        f"{word}!!",
        f"{word}\n\nonly up to 50",
        f"{word}\n\nREJECT",
    ):
        assert read(text, language).verdict is Verdict.UNCLEAR, text


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("genеhmigt", "de"),  # Cyrillic е
        ("ｇｅｎｅｈｍｉｇｔ", "de"),
        ("geneh\u00admigt", "de"),
        ("\u202etgimhéneg", "de"),
        ("aprobad\u043e", "es"),  # Cyrillic о
        ("appr\u043euvé", "fr"),
        ("approuve\u0300", "fr"),
        ("承\u200b認", "ja"),
        ("承認\ufe00", "ja"),
    ],
)
def test_look_alikes_of_other_words_are_unclear(text: str, language: str) -> None:
    """Letters of other alphabets, other marks and invisible ones are never taken for the word."""
    assert read(text, language).verdict is Verdict.UNCLEAR


@pytest.mark.parametrize(("language", "word"), REFUSALS)
def test_a_word_of_refusal_rejects_alone_or_set_apart(language: str, word: str) -> None:
    """In any case; what follows a colon, a comma or the line is the reason."""
    assert read(word.upper(), language).verdict is Verdict.REJECT
    for text in (f"{word}: 4711", f"{word}, 4711", f"{word}\n\n4711", f"*{word}* – 4711", f"{word}：4711"):
        assert (read(text, language).verdict, read(text, language).reason) == (Verdict.REJECT, "4711"), text
    assert read_verdict(f"{word}: 4711").verdict is not Verdict.APPROVE


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Nein?", "de"),
        ("Ablehnen/Genehmigen?", "de"),
        ("Nein danke, passt schon", "de"),
        ("Nein, alles gut", "de"),
        ("Nein, kein Problem, weiter so", "de"),
        ("Nein, ok", "de"),
        ("Ablehnen würde ich das nicht", "de"),
        ("Neinsager", "de"),
        ("Kein Problem", "de"),
        ("Non, c'est bon, allez-y", "fr"),
        ("Non, pas de problème", "fr"),
        ("non approuvé", "fr"),
        ("Refuser ?", "fr"),
        ("Rechazar o aprobar", "es"),
        ("Rechazado no, adelante", "es"),
        ("No hay problema, adelante", "es"),
        ("No, está bien, adelante", "es"),
        ("却下しないで", "ja"),
        ("却下、いや、承認", "ja"),
        ("却下？", "ja"),
    ],
)
def test_doubtful_refusals_in_other_languages_are_unclear(text: str, language: str) -> None:
    """Sentences that begin with a refusal and may mean yes never end a request in a person's name."""
    reading = read(text, language)
    assert (reading.verdict, reading.reason) == (Verdict.UNCLEAR, "")


@pytest.mark.parametrize("text", ["No hay problema, adelante.", "No tengo objeciones", "No, va bene così", "No, vale"])
def test_an_english_no_before_assent_in_another_language_is_unclear(text: str) -> None:
    """`No` is a word of several languages, whichever are turned on."""
    assert read_verdict(text).verdict is Verdict.UNCLEAR


def test_refusals_that_deny_in_their_own_language_reject() -> None:
    """A word of assent that is denied takes nothing back."""
    assert read("Nein, das passt so nicht", "de").reason == "das passt so nicht"
    assert read("Non, c'est bon, mais pas pour ce client", "fr").verdict is Verdict.REJECT
    assert read("Rechazado, no está bien", "es").verdict is Verdict.REJECT


def test_words_of_ones_own_need_a_colon_before_a_reason() -> None:
    """Nobody has told mailgate how people take such a refusal back."""
    for text in ("nee", "Nee.", "afgewezen: te duur", "AFGEWEZEN\n\nte duur"):
        assert read_verdict(text, words=[DUTCH]).verdict is Verdict.REJECT, text
    for text in ("nee hoor, prima", "nee, prima", "afgewezen. of niet", "nee?"):
        assert read_verdict(text, words=[DUTCH]).verdict is Verdict.UNCLEAR, text
    assert read_verdict("Akkoord", words=[DUTCH]).verdict is Verdict.APPROVE


def test_a_signature_below_another_word_is_one() -> None:
    """What stands below is judged as it is below the English word."""
    below = "Mit freundlichen Grüßen\n\nJürgen Groß\nLeiter Finanzen"
    assert read(f"Genehmigt.\n\n{below}", "de", signer="Jürgen Groß").verdict is Verdict.APPROVE
    assert read(f"Genehmigt.\n\naber nur bis 50\n\n{below}", "de", signer="Jürgen Groß").verdict is Verdict.UNCLEAR
    assert read(f"Ablehnen: zu teuer\n\n{below}", "de", signer="Jürgen Groß").reason == "zu teuer"


PIECES = st.sampled_from(
    [
        "genehmigt",
        "Genehmigt",
        "nicht",
        "nein",
        "aber",
        "approuvé",
        "承認",
        "承認します",
        "却下",
        " ",
        "\n",
        ".",
        "!",
        "?",
        "*",
        ">",
        "é",
        "\u0301",
        "\u200b",
        "е",
    ]
)


@settings(deadline=None)
@given(st.lists(PIECES, max_size=6).map("".join))
def test_only_a_word_ever_approves(text: str) -> None:
    """Whatever the text: if it approves, its first line is one of the words and nothing else but marks."""
    reading = read(text, "de", "fr", "es", "ja")
    if reading.verdict is Verdict.APPROVE:
        bare = unicodedata.normalize("NFC", reading.first_line).strip("\u200b*.! ").lower()
        assert bare in {"approve", "approved", *(word for _, word in EVERY)}


@pytest.mark.parametrize("language", SHIPPED)
def test_shipped_words_are_fit(language: str) -> None:
    """The tables that come with mailgate meet what is asked of anybody's words, and contradict no other table."""
    assert list(faults(SHIPPED[language])) == []
    others = {word for name, words in SHIPPED.items() if name != language for word in words.reject}
    assert not others & set(SHIPPED[language].approve)


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("", "2 to 40 letters"),
        ("y", "2 to 40 letters"),
        ("x" * 41, "2 to 40 letters"),
        ("  ", "letters alone"),
        ("go ahead", "letters alone"),
        ("ok!", "letters alone"),
        ("ja1", "letters alone"),
        ("ok\u200b", "letters alone"),
        ("Akkoord", "lower case"),
        ("approuve\u0301", "NFC"),
        ("ｏｋ", "NFC"),
        ("ﬁne", "NFC"),
        ("аpproved", "mixes alphabets"),
        ("асе", "looks like a word in Latin letters"),
        ("no", "refuses"),
        ("nein", "refuses"),
        ("afgewezen", "under reject as well"),
        ("nicht", "limits or negates"),
        ("maybe", "limits or negates"),
        ("unapproved", "negates another word"),
        ("ungenehmigt", "negates another word"),
        ("nonakkoord", "negates another word"),
        ("承認しません", "ends as a negation"),
    ],
)
def test_words_that_cannot_approve_are_told(word: str, why: str) -> None:
    """A word that is not plain letters, resembles another, or negates, is refused with a reason."""
    own = Words(language="xx", approve=("akkoord", word), reject=("afgewezen",))
    assert [key for key, said in faults(own) if why in said] != []


def test_words_that_cannot_reject_are_told() -> None:
    """A word of approval is none of refusal."""
    assert [said for _, said in faults(Words(language="xx", reject=("approve",)))] == ["'approve' approves"]
    assert [said for _, said in faults(Words(language="xx", reject=("genehmigt",)))] == ["'genehmigt' approves"]
    assert list(faults(DUTCH)) == []


def test_words_are_found_in_lines() -> None:
    """As whole words in any case; anywhere where a script has no blanks; at the beginning behind quotes and numbers."""
    assert list(found_in("Ist GENEHMIGT worden.", ["genehmigt", "ist", "nehm"])) == ["genehmigt", "ist"]
    assert list(found_in("これは承認です", ["承認"])) == ["承認"]
    assert list(opening("> *Genehmigt* ist das", ["genehmigt", "ist"])) == ["genehmigt"]
    assert list(opening("  1. | genehmigter", ["genehmigt"])) == []
