"""Telling a story outside of a test: no logs, and no page that gives way to a keeper."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
import structlog

from mailgate.service import link
from tests.audit.story import Told, tell


def told_quietly(folder: Path, rounds: int) -> Told:
    """Tell so many rounds of the story in ``folder``."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(link, "GIVE_WAY_SECONDS", 0.0)
        before = structlog.get_config()
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
        try:
            return tell(folder, rounds)
        finally:
            structlog.configure(**before)
