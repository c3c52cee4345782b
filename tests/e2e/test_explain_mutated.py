"""`mailgate explain` on ten thousand damaged mails in one run: a line for each, and never a traceback."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest

from tests.corpus.reading import MAILS

FIELDS = {"kind", "assignment", "from", "level", "verdict", "first_line", "reason", "would", "because"}


def damaged(raw: bytes, chance: random.Random) -> bytes:
    """Return a mail with a few bytes changed, taken out, doubled, or put elsewhere."""
    data = bytearray(raw)
    for _ in range(chance.randint(1, 12)):
        at = chance.randrange(len(data))
        match chance.randrange(5):
            case 0:
                data[at] = chance.randrange(256)
            case 1:
                del data[at : at + chance.randint(1, 200)]
            case 2:
                data[at:at] = data[at : at + chance.randint(1, 200)]
            case 3:
                data[at:at] = chance.choice(
                    [b"\r", b"\n", b"\0", b"\r\n\r\n", b"=?utf-7?Q?", b"\xff\xfe", b"From: x\r\n"]
                )
            case _:
                piece = data[at : at + 80]
                elsewhere = chance.randrange(len(data))
                data[elsewhere:elsewhere] = piece
        data = data or bytearray(b"\0")
    return bytes(data)


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_no_damaged_mail_is_a_traceback(tmp_path: Path) -> None:
    """Ten thousand in one run: each gets its line with all fields, whatever is wrong with it."""
    chance = random.Random(10_000)
    mails = [path.read_bytes() for path in sorted(MAILS.glob("*.eml"))]
    for number in range(10_000):
        (tmp_path / f"{number:05}.eml").write_bytes(damaged(chance.choice(mails), chance))
    (tmp_path / "dns.json").write_text("{}")
    words = [sys.executable, "-m", "mailgate", "explain", "--json", "--dns", "dns.json"]
    names = [f"{number:05}.eml" for number in range(10_000)]
    done = subprocess.run([*words, *names], cwd=tmp_path, capture_output=True, text=True)

    assert "Traceback" not in done.stderr
    assert done.returncode == 0, done.stderr[-500:]
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(lines) == 10_000
    assert all(line.keys() >= FIELDS for line in lines)
