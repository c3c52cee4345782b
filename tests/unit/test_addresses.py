"""Collecting addresses from fields that somebody made for the purpose."""

from __future__ import annotations

import pytest

from mailgate.mail.addresses import collect, one_mailbox


@pytest.mark.parametrize("piece", ['\\"', '"\\', '"', "(", "\\", "<", ",", '"a" ', "a@b."])
def test_fields_made_to_cost_are_collected(piece: str) -> None:
    """Half a megabyte of what was searched from each of its characters on is looked through once."""
    many = piece * (500_000 // len(piece))
    assert "a@b.c" in collect(f"{many}, , a@b.c") or piece in ('"\\', '"', "\\", "(", "<")
    assert one_mailbox(many) is None


def test_a_string_that_is_never_closed_hides_no_address() -> None:
    """A secret address behind a lone quotation mark is found; one inside a closed string is not."""
    assert collect('"Approvals <a@b.c>') == ("a@b.c",)
    assert collect('"d@e.f, \\" g@h.i" <a@b.c>') == ("a@b.c",)
