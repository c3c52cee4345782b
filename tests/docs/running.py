"""Run a page of the documentation as its reader would: in an empty folder, step by step, comparing what is printed."""

from __future__ import annotations

import contextlib
import importlib.util
import io
import os
import re
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from mailgate import Mailgate
from tests.audit import story
from tests.conftest import unavailable
from tests.docs.pages import ROOT, Block, Reply
from tests.docs.sandbox import Inbox, free_port, running_sandbox, text_of, wait_for_line
from tests.site.dns import NameServer

INBOX, PAGE = "8025", "8080"
"""The sandbox's ports as the pages print them; here others are used, since tests run at the same time."""

DIGEST = "f061260991dc0d36c5c7c8551ecd3a0204ae31b7537ce9df2ce409070bdb42df"
"""Of the refund that pages speak of; one of them computes it by hand."""

_VARIES = re.compile(r"(?P<instant>\d{4}-\d\d-\d\dT[\d:.]+Z)|(?P<id>\b[a-z2-7]{16}\b)|(?P<anything>…|\.\.\.)")
"""What is different in each run, and what the pages leave out."""

_ANY = {"instant": r"\d{4}-\d\d-\d\dT[\d:.]+Z", "id": "[a-z2-7]{16}", "anything": ".*"}


class PageRunner:
    """One page being run.

    Args:
        folder: an empty one.
    """

    def __init__(self, folder: Path) -> None:
        (folder / "clone").mkdir()
        (folder / "clone" / ".venv").symlink_to(sys.prefix)
        self.folder = folder / "clone"
        self._ports = {INBOX: str(free_port()), PAGE: str(free_port())}
        self._namespace: dict[str, Any] = {"__name__": "page"}
        self._printed = ""
        self._until_done = ExitStack()
        self._names = self._until_done.enter_context(NameServer())
        self._read: set[str] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for value in self._namespace.values():
            if isinstance(value, Mailgate):
                value.close()
        self._until_done.close()

    def take(self, step: Block | Reply) -> None:
        """Do what a step says.

        Raises:
            AssertionError: a command failed, or printed something else.
        """
        if isinstance(step, Reply):
            self._reply(step)
            return
        if "openssl" in step.text and shutil.which("openssl") is None:
            unavailable("This page needs openssl.")
        how, _, argument = step.how.partition(" ")
        if how == "config":
            self._run("mailgate init")
        elif how == "evidence":
            self._make_evidence()
        elif how == "archive":
            self._make_archive()
        if how in ("file", "append"):
            self._write(step.text, argument, append=how == "append")
        elif how in ("background", "until"):
            self._start(step.text, stay=how == "background")
        elif how in ("make", "modules"):
            self._look_for(step.text)
        elif how == "setup":
            self.folder = Path(self._run(f"set -e\n{step.text}\npwd").splitlines()[-1])
        else:
            self._run_block(step)

    def _run_block(self, block: Block) -> None:
        if block.language == "python":
            self._execute(block.text)
        elif block.language == "console":
            for command, expected in commands(block.text):
                self._compare(command, expected, self._run(command).splitlines())
        else:
            self._run(block.text)

    def _write(self, text: str, name: str, *, append: bool) -> None:
        with (self.folder / name).open("a" if append else "w", encoding="utf-8") as file:
            file.write(f"\n{text}" if append else text)

    @property
    def _environment(self) -> dict[str, str]:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        names = {"MAILGATE_IMAP__RESOLVER": self._names.address}  # tests ask no name server but their own
        return os.environ | names | {"PATH": path, "COLUMNS": "200", "PYTHONUNBUFFERED": "1"}

    def _run(self, command: str) -> str:
        """Run a command to its end and return what it printed. `mailgate doctor` may find something wrong."""
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0 or command == "mailgate doctor", f"$ {command}\n{done.stdout}"
        return done.stdout

    def _start(self, text: str, *, stay: bool) -> None:
        """Start the one command of a block and wait for its output."""
        [(command, expected)] = commands(text)
        words = command.split()
        if words[:2] == ["mailgate", "sandbox"]:
            words += ["--inbox-port", self._ports[INBOX], "--port", self._ports[PAGE]]
        process = self._until_done.enter_context(
            subprocess.Popen(
                words,
                executable=shutil.which(words[0], path=self._environment["PATH"]),
                cwd=self.folder,
                env=self._environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        )
        printed: list[str] = []
        try:
            printed = wait_for_line(process, self._here(expected[-1]))
        finally:
            if not stay:
                process.terminate()
                process.wait(30)
        self._compare(command, expected, printed)
        self._until_done.callback(process.terminate)

    def _execute(self, code: str) -> None:
        """Run Python in the page's namespace; ``# prints:`` comments say what has to come."""
        printed = io.StringIO()
        with contextlib.chdir(self.folder), contextlib.redirect_stdout(printed):
            exec(compile(code, "<page>", "exec"), self._namespace)
        expected = re.findall(r"^# prints: (.*)$", code, re.MULTILINE)
        if expected:
            self._compare("python", expected, printed.getvalue().splitlines())

    def _reply(self, reply: Reply) -> None:
        inbox = Inbox(f"http://127.0.0.1:{self._ports[INBOX]}/")
        inbox.reply(inbox.wait_for(reply.person, reply.about), reply.says)

    def _look_for(self, text: str) -> None:
        """Make sure that the targets of make, and the modules of ``python -m``, exist."""
        for line in text.splitlines():
            words = line.partition("#")[0].split()
            if words[0] == "make":
                self._run(f"make -n -C {ROOT} {words[1]}")
            else:
                assert importlib.util.find_spec(words[words.index("-m") + 1]) is not None, line

    def _make_evidence(self) -> None:
        """Let an agent ask and Bob approve in a sandbox; keep the archive's receipt."""
        with running_sandbox(self.folder) as inbox:
            mg = Mailgate.load(self.folder / "sandbox" / "config.toml")
            args = {"amount": 120, "currency": "EUR", "order_id": "A-1001"}
            mg.submit("issue_refund", args, agent="support", run="monday")
            mg.close()
            inbox.reply(inbox.wait_for("bob"), "APPROVE")
            receipt = inbox.source(inbox.wait_for("archive", "Bob Brown approved issue_refund"))
        assert DIGEST in text_of(receipt)
        (self.folder / "mail.eml").write_bytes(receipt)
        shutil.copy(self.folder / "sandbox" / "log.vkey", self.folder)

    def _make_archive(self) -> None:
        """Tell one history, sealed; keep the archive's mails and the log's key."""
        (self.folder / "rig").mkdir()
        rig = story.make_rig(self.folder / "rig")
        try:
            teller = story.Teller(rig)
            story.approved_by_reply(teller)
            teller.seal()
            told = teller.told()
        finally:
            rig.close()
        (self.folder / "log.vkey").write_text(f"{told.vkey}\n")
        (self.folder / "archive").mkdir()
        for number, raw in enumerate(told.archive, start=1):
            (self.folder / "archive" / f"{number:04}.eml").write_bytes(raw)

    def _here(self, expected: str) -> str:
        for shown, used in self._ports.items():
            expected = expected.replace(f":{shown}", f":{used}")
        return expected

    def _compare(self, command: str, expected: list[str], printed: list[str]) -> None:
        """Find the expected lines in what was printed, in their order; ``…`` or ``...`` stands for anything."""
        rest = iter(printed)
        for line in expected:
            if line.strip() in ("…", "..."):
                continue
            wanted = as_pattern(self._here(line))
            assert any(wanted.fullmatch(found.rstrip()) for found in rest), (
                f"$ {command}\nshould print: {line}\nprinted:\n" + "\n".join(printed)
            )


def commands(text: str) -> list[tuple[str, list[str]]]:
    """Return the commands of a console block, each with the lines it should print."""
    found: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif line.strip():
            found[-1][1].append(line)
    return found


def as_pattern(line: str) -> re.Pattern[str]:
    """Return what a printed line has to look like to be ``line``."""
    pattern, end = "", 0
    for varying in _VARIES.finditer(line):
        pattern += re.escape(line[end : varying.start()]) + _ANY[varying.lastgroup or ""]
        end = varying.end()
    return re.compile(pattern + re.escape(line[end:].rstrip()))
