"""Authentication-Results by their grammar: what is left open says nothing, and costs nothing."""

from __future__ import annotations

import pytest

from mailgate.mail.authres import read_authentication_results
from mailgate.mail.identity import authentication_results
from mailgate.mail.mime import open_mail

HONEST = "mx.gate.example.com; dmarc=pass header.from=example.com"


@pytest.mark.parametrize(
    "value",
    [
        'mx.gate.example.com; spf=pass smtp.mailfrom="a (x); dmarc=pass header.from=example.com',
        'mx.gate.example.com; spf=pass smtp.mailfrom=" \\x ; dmarc=pass header.from=example.com',
        'mx.gate.example.com; spf=pass smtp.mailfrom="a\\x"b"; dmarc=pass header.from=example.com',
        'mx.gate.example.com; dmarc=pass header.from=example.com reason="',
        "mx.gate.example.com; dmarc=pass header.from=example.com (",
        "mx.gate.example.com; dmarc=pass header.from=example.com )",
        "mx.gate.example.com; spf=pass (a (b) ; dmarc=pass header.from=example.com",
    ],
)
def test_a_field_with_an_open_end_says_nothing(value: str) -> None:
    """A quoted string or a comment without its end makes the whole field worthless, also for the fields below it."""
    assert read_authentication_results(value) is None
    mail = open_mail(f"Authentication-Results: {value}\r\nAuthentication-Results: {HONEST}\r\n\r\n".encode())
    assert authentication_results(mail, "mx.gate.example.com") is None


@pytest.mark.parametrize("piece", [" ", " =", "a=\t", '\\"', '"\\', "(", "()", ";", '""'])
def test_fields_made_to_cost_are_read(piece: str) -> None:
    """Sixty kilobytes of what was searched from each of its characters on are read in one pass, or refused."""
    word = read_authentication_results(f"mx.gate.example.com; dmarc=pass x{piece * (600_000 // len(piece))}x")
    assert word is None or not any(result.values("header.from") for result in word.results or ())


def test_blanks_about_the_equals_sign_are_none() -> None:
    """Folding whitespace is allowed there (RFC 8601 section 2.2)."""
    word = read_authentication_results("a.b; dmarc = pass header.from\t=  c.d")
    assert word is not None
    assert word.results is not None
    assert word.results[0].values("header.from") == ("c.d",)
