"""The wheel: what somebody gets who installs mailgate, with no source tree near."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_demo_runs_from_the_built_wheel(tmp_path: Path) -> None:
    """Built, installed with the extra `sandbox` into an empty environment, away from the sources: the story runs."""
    _run([sys.executable, "-m", "build", "--wheel", "--outdir", str(tmp_path / "dist"), str(ROOT)], tmp_path)
    [wheel] = (tmp_path / "dist").glob("*.whl")
    home = tmp_path / "empty"
    venv.create(home, with_pip=True)
    python = str(home / "bin" / "python")
    _run([python, "-m", "pip", "install", "-q", f"{wheel}[sandbox]", "-c", str(ROOT / "constraints.txt")], tmp_path)
    where = _run([python, "-c", "import mailgate; print(mailgate.__file__)"], tmp_path)
    assert str(home) in where
    assert "all tickets are done" in _run([str(home / "bin" / "mailgate"), "demo", "--unattended"], tmp_path)
    assert "made  config.toml" in _run([str(home / "bin" / "mailgate"), "init"], tmp_path)


def _run(command: list[str], folder: Path) -> str:
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "VIRTUAL_ENV", "MAILGATE_CONFIG")}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
