"""The stored corpus is what the generator writes, and covers what it is said to cover."""

from __future__ import annotations

from tests.corpus.clients import CLIENTS
from tests.corpus.generate import corpus, told
from tests.corpus.reading import EXPECTATIONS, MAILS, expectations

MOST_BYTES = 3_000_000


def test_the_generator_writes_exactly_what_is_stored() -> None:
    """Else run: python -m tests.corpus.generate; no mail is stored that it does not write."""
    mails = list(corpus())
    assert {mail.name: mail.raw for mail in mails} == {path.stem: path.read_bytes() for path in MAILS.glob("*.eml")}
    assert told(mails) == EXPECTATIONS.read_text(encoding="utf-8")


def test_the_corpus_is_as_large_and_as_small_as_it_is_said_to_be() -> None:
    """At least 400 mails of 25 clients in 8 languages, 15 systems that answer by themselves; less than 3 MB."""
    told_of = expectations()
    assert len(told_of) >= 400
    assert len({e.group for e in told_of.values()} & {client.name for client in CLIENTS}) >= 25
    assert len({e.language for e in told_of.values() if e.kind == "reply"}) >= 8
    for kind in ("auto_reply", "bounce"):
        assert len({e.group for e in told_of.values() if e.kind == kind}) >= 15
    assert sum(path.stat().st_size for path in MAILS.glob("*.eml")) < MOST_BYTES


def test_whatever_is_read_otherwise_than_meant_says_why() -> None:
    """An expectation that differs from what a person reads has its reason beside it."""
    assert [name for name, told_of in expectations().items() if told_of.read and not told_of.why] == []
