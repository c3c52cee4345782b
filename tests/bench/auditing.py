"""How fast an archive is verified, and in how much memory, beside Python's mail parser alone on the same mails."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.audit.cloning import Cloner
from tests.audit.quiet import told_quietly

MAILS = int(os.environ.get("BENCH_MAILS", "100000"))

_VERIFY = """
import json, resource, sys, time
from pathlib import Path
from mailgate.audit.domains import check_dkim
from mailgate.audit.keyring import Keyring
from mailgate.audit.reading import read_archives
from mailgate.audit.verify import verify
from mailgate.model.evidence import verify_ed25519
keyring, start = Keyring(sys.argv[2], verify_ed25519), time.process_time()
report = verify(read_archives([Path(sys.argv[1])]), keyring, check_dkim=check_dkim)
seconds = time.process_time() - start
memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps([report.verdict, report.mails, seconds, memory]))
"""

_PARSE = """
import email, json, resource, sys, time
from pathlib import Path
from mailgate.audit.reading import read_archives
start, mails = time.process_time(), 0
for item in read_archives([Path(sys.argv[1])]):
    for part in email.message_from_bytes(item.raw).walk():
        part.get_payload(decode=True)
    mails += 1
print(json.dumps(["parsed", mails, time.process_time() - start, 0]))
"""


def rows() -> list[dict[str, Any]]:
    """Make an archive of so many mails, measure both on it, print and return the rows."""
    with tempfile.TemporaryDirectory() as folder:
        told = told_quietly(Path(folder), 1)
        small, large = Path(folder) / "small.mbox", Path(folder) / "large.mbox"
        per_copy = len(told.archive)
        _write(small, Cloner(told), max(MAILS // 10 // per_copy, 1))
        _write(large, Cloner(told), max(MAILS // per_copy, 1))
        before = _measured(_VERIFY, small, told.vkey)
        ours, theirs = _measured(_VERIFY, large, told.vkey), _measured(_PARSE, large, "")
    assert ours["said"] == before["said"] == "complete"
    speed, beside = ours["mails"] / ours["seconds"], theirs["mails"] / theirs["seconds"]
    print(f"\naudit verify: {ours['mails']} mails, {speed:.0f} mails/s on one core, peak {ours['memory']:.0f} MB")
    print(f"  {beside:7.0f} mails/s  Python's email parser alone (compat32, every part decoded)")
    print(f"  {before['memory']:7.0f} MB       peak with {before['mails']} mails")
    return [
        {
            "name": f"audit verify, {ours['mails']} mails",
            "value": round(speed),
            "unit": "mails/s (one core)",
            "beside": "Python's email parser alone",
            "ratio": round(speed / beside, 2),
        },
        _memory(before),
        _memory(ours),
    ]


def _memory(measured: dict[str, Any]) -> dict[str, Any]:
    name = f"audit verify: peak memory, {measured['mails']} mails"
    return {"name": name, "value": round(measured["memory"]), "unit": "MB", "beside": "", "ratio": None}


def _write(path: Path, cloner: Cloner, copies: int) -> None:
    with path.open("wb") as file:
        for raw in cloner.tell(copies):
            file.write(b"From mailgate Tue Nov 24 09:00:00 2026\n" + raw.replace(b"\r\n", b"\n") + b"\n")


def _measured(program: str, archive: Path, vkey: str) -> dict[str, Any]:
    """Run a program in a process of its own, so that its memory is its own."""
    command = [sys.executable, "-c", program, str(archive), vkey]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    said, mails, seconds, memory = json.loads(done.stdout)
    return {"said": said, "mails": mails, "seconds": seconds, "memory": memory}


if __name__ == "__main__":
    rows()
