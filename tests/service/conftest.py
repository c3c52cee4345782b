"""Fixtures: a rig for each test, on a copy of one empty database; the log that was written meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from mailgate.mail.templates import Templates
from mailgate.service import link
from tests.service.rig import SHIPPED, Place, Rig, make_database

RigMaker = Callable[..., Rig]


DATABASES = ("sqlite",)
"""Every database the store knows; what matters on each of them takes it as a parameter (``empty_database``, indirect)."""


@pytest.fixture(scope="session")
def empty_database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Migrate one database; tests copy the file."""
    assert getattr(request, "param", "sqlite") in DATABASES
    path = tmp_path_factory.mktemp("database") / "mailgate.db"
    make_database(path)
    return path


@pytest.fixture(scope="session")
def shipped_templates() -> Templates:
    """Compile the templates of the source tree once."""
    return Templates.load(SHIPPED)


@pytest.fixture(scope="session")
def places(tmp_path_factory: pytest.TempPathFactory) -> list[Place]:
    """Make two places for rigs: no test needs more at a time."""
    folder = tmp_path_factory.mktemp("rigs")
    return [Place(folder / "first"), Place(folder / "second")]


@pytest.fixture
def make_rig(places: list[Place], empty_database: Path, shipped_templates: Templates) -> Iterator[RigMaker]:
    """Return the maker of rigs with a configuration of their own; all are closed after the test."""
    rigs: list[Rig] = []

    def make(**sections: Any) -> Rig:
        place = places[len(rigs)]
        place.clear(empty_database)
        rigs.append(Rig(place, shipped_templates, sections))
        return rigs[-1]

    yield make
    for rig in rigs:
        rig.close()


@pytest.fixture(autouse=True)
def _nobody_to_give_way_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests play the keeper themselves: no page waits for its turn."""
    monkeypatch.setattr(link, "GIVE_WAY_SECONDS", 0.0)


@pytest.fixture
def rig(make_rig: RigMaker) -> Rig:
    """Make the usual rig."""
    return make_rig()


@pytest.fixture
def logs() -> Iterator[list[Any]]:
    """Capture what is logged."""
    with capture_logs() as entries:
        yield entries
