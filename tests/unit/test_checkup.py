"""What `mailgate doctor` says of the Python that it runs on."""

from __future__ import annotations

import pytest

from mailgate.checkup import check_python


@pytest.mark.parametrize(
    ("version", "update_to"), [((3, 11, 9), "3.11.10"), ((3, 11, 0), "3.11.10"), ((3, 12, 4), "3.12.5")]
)
def test_a_python_whose_mail_library_has_a_hole_is_named(version: tuple[int, int, int], update_to: str) -> None:
    """Below the releases that fix CVE-2024-6923 doctor says so, and to what to update; it is a doubt, not a failure."""
    found = check_python(version)
    assert (found.fine, found.doubtful) == (True, True)
    assert "CVE-2024-6923" in found.says
    assert found.says.endswith(f"update to {update_to}")


@pytest.mark.parametrize("version", [(3, 11, 10), (3, 12, 5), (3, 13, 0), (3, 14, 1)])
def test_a_mended_python_is_fine(version: tuple[int, int, int]) -> None:
    """From those releases on nothing is said but the version."""
    found = check_python(version)
    assert (found.fine, found.doubtful, found.says) == (True, False, ".".join(map(str, version)))
