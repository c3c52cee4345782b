"""Fixtures: the pages of a rig, served."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial

import pytest

from mailgate.mail.templates import Templates
from mailgate.service import link
from tests.service.rig import SHIPPED, Place, make_database
from tests.web.site import Site, serving

SiteMaker = Callable[..., Site]


@pytest.fixture(scope="package")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Make the place that the rigs of these tests use one after another."""
    folder = tmp_path_factory.mktemp("web")
    make_database(folder / "empty.db")
    return Place(folder / "rig")


@pytest.fixture(scope="package")
def shipped() -> Templates:
    """Compile the templates of the source tree once."""
    return Templates.load(SHIPPED)


@pytest.fixture
def make_site(place: Place, shipped: Templates, monkeypatch: pytest.MonkeyPatch) -> Iterator[SiteMaker]:
    """Return the maker of one site with a configuration of its own; no page waits for a keeper there."""
    monkeypatch.setattr(link, "GIVE_WAY_SECONDS", 0.0)
    with ExitStack() as until_done:
        yield lambda **sections: until_done.enter_context(partial(serving, place, shipped)(**sections))


@pytest.fixture
def site(make_site: SiteMaker) -> Site:
    """Serve the pages of the usual rig."""
    return make_site()
