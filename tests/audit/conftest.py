"""Fixtures: one story of every kind of history, told once for all test processes, and an archive of 200 mails from it."""

from __future__ import annotations

import fcntl
import logging
import pickle
from pathlib import Path

import pytest
import structlog

from mailgate.service import link
from tests.audit.cloning import Cloner
from tests.audit.story import Told, tell


@pytest.fixture(scope="session")
def told(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Told:
    """Tell the story through the rig: 17 histories, some 50 mails to the archive."""
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent
    with (shared / "story.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        path = shared / "story"
        if not path.exists():
            path.write_bytes(pickle.dumps(_told(tmp_path_factory.mktemp("story"), 1)))
        found: Told = pickle.loads(path.read_bytes())
    return found


@pytest.fixture(scope="session")
def archive(told: Told) -> list[bytes]:
    """Tell it four times over: more than 200 mails to the archive."""
    mails = list(Cloner(told).tell(4))
    assert len(mails) >= 200
    return mails


@pytest.fixture(scope="session")
def long_story(tmp_path_factory: pytest.TempPathFactory) -> Told:
    """Tell it four times through the rig itself."""
    told = _told(tmp_path_factory.mktemp("long"), 4)
    assert len(told.archive) >= 200
    return told


def _told(folder: Path, rounds: int) -> Told:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(link, "GIVE_WAY_SECONDS", 0.0)
        before = structlog.get_config()
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
        try:
            return tell(folder, rounds)
        finally:
            structlog.configure(**before)
