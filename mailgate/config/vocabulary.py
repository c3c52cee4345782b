"""Mistakes in [answers] languages and [words]: a word that could be taken for another, or that our mails would hold."""

from __future__ import annotations

from collections.abc import Iterator

from mailgate.config.schema import Config
from mailgate.model.quoting import quoted
from mailgate.model.words import ENGLISH, SHIPPED, faults, found_in


def word_mistakes(config: Config) -> Iterator[str]:
    """Yield what is wrong with the words by which people decide, one sentence each without its final stop."""
    yield from _languages(config)
    for words in config.own_words:
        own = config.words.get(words.language)
        listed = {*own.approve, *own.reject} if own else set()
        for key, why in faults(words):
            if any(why.startswith(quoted(word)) for word in listed):  # what is shipped is tested where it is made
                yield f"[words.{words.language}] {key}: {why}; use another word"
    yield from _contradictions(config)
    yield from _in_our_mails(config)


def _languages(config: Config) -> Iterator[str]:
    named = config.answers.languages
    if ENGLISH not in named:
        yield f"[answers] languages: {ENGLISH!r} is missing; our mails ask for APPROVE and REJECT, which always count"
    for unknown in (name for name in named if name != ENGLISH and name not in SHIPPED and name not in config.words):
        shipped = ", ".join(sorted(SHIPPED))
        yield f"[answers] languages names {quoted(unknown)}, for which there are no words; use {shipped}, or write [words]"
    for idle in (name for name, own in config.words.items() if name not in named and (own.approve or own.reject)):
        yield f"[words.{idle}] counts only if [answers] languages names {quoted(idle)}; add it there, or remove the table"


def _contradictions(config: Config) -> Iterator[str]:
    """Yield words that approve in one language and reject in another."""
    refused = {word: words.language for words in config.own_words for word in words.reject}
    for words in config.own_words:
        for word in (w for w in words.approve if w in refused and refused[w] != words.language):
            yield f"[words.{words.language}] approve: {quoted(word)} rejects in [words.{refused[word]}]; use another word"


def _in_our_mails(config: Config) -> Iterator[str]:
    """Yield words that stand in a text of the configuration which mails repeat."""
    texts = [
        (f"[gates.{name}] {key}", str(getattr(gate, key))) for name, gate in config.gates.items() for key in _PRINTED
    ]
    texts += [(f"[people.{name}] name", person.name) for name, person in config.people.items()]
    for words in config.own_words:
        for place, text in texts:
            for word in found_in(text, (*words.approve, *words.reject)):
                yield (
                    f"{place} holds {quoted(word)}, which decides in [words.{words.language}]: mails repeat it, and a quote "
                    "could be taken for an answer; say it in other words"
                )


_PRINTED = ("summary", "if_approved", "if_rejected")
