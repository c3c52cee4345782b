"""Server programs as processes: started, stopped, killed and never left behind. What they serve is not known here."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from tests.site.ports import LOOPBACK

READY_WITHIN_S = 15.0
STOP_WITHIN_S = 5.0
LOOK_EVERY_S = 0.01


class Daemon:
    """One server program and its children, in a process group of their own.

    Signals go to the whole group: the sessions of a mail server outlive a master that is killed alone.
    """

    def __init__(
        self,
        name: str,
        argv: Sequence[str],
        *,
        folder: Path,
        greetings: Mapping[int, bytes],
        sockets: Sequence[Path] = (),
    ) -> None:
        """Describe a server; nothing is started.

        Args:
            name: names its log and its pid file.
            argv: the command; it must stay in the foreground.
            folder: an existing folder for ``<name>.log`` and ``<name>.pid``.
            greetings: port → the first bytes that the server says there once it is ready.
            sockets: Unix sockets that take a connection once it is ready.
        """
        self.name = name
        self.log = folder / f"{name}.log"
        self._argv = tuple(argv)
        self._pid_file = folder / f"{name}.pid"
        self._ready = [partial(_greets, port, greeting) for port, greeting in greetings.items()]
        self._ready += [partial(_takes, path) for path in sockets]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def group(self) -> int | None:
        """The process group while the server runs, else None."""
        return self._process.pid if self._process else None

    def launch(self) -> None:
        """Start the program and return at once; :meth:`wait_ready` tells when it serves."""
        if self._process:
            raise RuntimeError(f"{self.name} is running already.")
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self._pid_file.write_text(str(self._process.pid))

    def wait_ready(self) -> None:
        """Return when every port greets and every socket takes a connection.

        Raises:
            TimeoutError: one does not; the message holds the end of the log.
        """
        give_up_at = time.monotonic() + READY_WITHIN_S
        for is_ready in self._ready:
            while not is_ready():
                if time.monotonic() > give_up_at or (self._process and self._process.poll() is not None):
                    raise TimeoutError(
                        f"{self.name} does not serve {is_ready.args[0]}. Its log ends:\n{self.log_tail()}"
                    )
                time.sleep(LOOK_EVERY_S)

    def start(self) -> None:
        """Start the program and return when it serves."""
        self.launch()
        self.wait_ready()

    def stop(self) -> None:
        """Ask the program to end, as an operator would, and return when all of it is gone."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End the program and its children on the spot (SIGKILL), as a crash or a power cut would."""
        self._end(signal.SIGKILL)

    def log_tail(self, lines: int = 15) -> str:
        """Return the last lines of the log."""
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def _end(self, how: signal.Signals) -> None:
        if not self._process:
            return
        process, self._process = self._process, None
        _signal_group(process.pid, how)
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_WITHIN_S)
        _signal_group(process.pid, signal.SIGKILL)
        process.wait()
        # The children hold the listening sockets too: the ports are free only when the last one is gone.
        while living(process.pid):
            time.sleep(LOOK_EVERY_S)
        self._pid_file.unlink()


def living(group: int) -> list[int]:
    """List the processes of a process group that have not ended; zombies have (proc(5), /proc/PID/stat)."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                state, _parent, its_group = (entry / "stat").read_text().rpartition(")")[2].split()[:3]
                if int(its_group) == group and state not in "ZX":
                    found.append(int(entry.name))
    return found


def _signal_group(group: int, how: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, how)


def _greets(port: int, greeting: bytes) -> bool:
    try:
        with socket.create_connection((LOOPBACK, port), 1) as connection:
            connection.settimeout(2)
            return connection.recv(256).startswith(greeting)
    except OSError:
        return False


def _takes(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as connection, suppress(OSError):
        connection.connect(str(path))
        return True
    return False


class Sweeper:
    """A shell that cleans up after a site even if the process that started the site was killed.

    It sleeps on a pipe that only the starting process holds open. When that closes, on purpose or by death, it kills
    every process group named by a pid file and removes the folder. (A parent-death signal would not serve: Postfix's
    master changes its credentials, which clears it; prctl(2), PR_SET_PDEATHSIG.)
    """

    _SCRIPT = """
        cat >/dev/null
        for pid_file in "$1"/log/*.pid; do
            [ -f "$pid_file" ] && kill -s KILL -- "-$(cat "$pid_file")"
        done 2>/dev/null
        rm -rf -- "$1"
    """

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", self._SCRIPT, "sh", str(folder)], stdin=subprocess.PIPE, start_new_session=True
        )

    def sweep(self) -> None:
        """Clean up now and return when done."""
        self._process.communicate()
