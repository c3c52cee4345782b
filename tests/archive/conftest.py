"""One kept deployment for all tests of what an archive is good for; nobody changes it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mailgate.mail.templates import Templates
from tests.archive.kept import Kept, make_kept
from tests.service.rig import SHIPPED, Place, make_database


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    """Play a short history once, and keep its archive."""
    folder = tmp_path_factory.mktemp("kept")
    make_database(folder / "empty.db")
    made = make_kept(Place(folder / "rig"), folder / "empty.db", Templates.load(SHIPPED), folder / "deployment")
    yield made
    made.rig.close()
