"""Where the files that people may edit lie: at the top of the source tree, or inside the installed wheel."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent.parent


def shipped(name: str) -> Path:
    """Return the path of a shipped file or folder, such as ``templates/mail`` or ``config.toml``.

    Raises:
        FileNotFoundError: an installation that lacks it.
    """
    for root in (_PACKAGE / "_shipped", _PACKAGE.parent):
        if (root / name).exists():
            return root / name
    raise FileNotFoundError(f"mailgate was installed without its {name}; install it again")
