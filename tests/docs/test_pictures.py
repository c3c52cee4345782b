"""The pictures of mail and page can be made again by whoever changes a template."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.conftest import unavailable
from tests.docs.pictures import PICTURES, WIDTH, make_pictures
from tests.docs.webmail import SIZE, make_webmail_picture
from tests.site.roundcube import what_roundcube_lacks


@pytest.mark.slow
def test_pictures_can_be_made_again(browser: Browser, tmp_path: Path) -> None:
    """Both pictures are made from a real mail and a real page, two phones wide."""
    made = make_pictures(tmp_path, browser)
    assert [path.name for path in made] == ["mail.png", "decide.png"]
    assert all(width_of(path) >= 2 * WIDTH for path in made)


@pytest.mark.slow
def test_the_picture_of_a_webmail_can_be_made_again(mail_servers: None, browser: Browser, tmp_path: Path) -> None:
    """A real deployment asks, and Roundcube shows its mail."""
    if missing := what_roundcube_lacks():
        unavailable(missing)
    assert width_of(make_webmail_picture(tmp_path, browser)) == SIZE["width"]


def test_pictures_are_there() -> None:
    """The pages' pictures are in the repository, as PNG, and not large."""
    for name in ("mail.png", "decide.png", "webmail.png"):
        assert width_of(PICTURES / name) >= 2 * WIDTH
        assert (PICTURES / name).stat().st_size < 600_000


def width_of(path: Path) -> int:
    """Return the width of a PNG in pixels (PNG specification, section 11.2.2)."""
    head = path.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    return int.from_bytes(head[16:20])
