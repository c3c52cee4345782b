"""Tell the story: run the agent and its successors as processes, let people answer, print what each received."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from contextlib import ExitStack
from pathlib import Path

from rich.console import Console
from rich.text import Text

from mailgate.demo.keeping import keep_archive, seal_archive, wait_until_sent
from mailgate.demo.people import Part, about, follow_link, play, reply_with, stay_silent
from mailgate.demo.site import PEOPLE, Site, open_site, serving
from mailgate.demo.thread import print_closing, print_mailboxes, print_thread
from mailgate.errors import MailgateError

GATES = """
[gates.look_up_order]
tier = "auto"

[gates.send_reply]
tier = "log"

[gates.post_status]
tier = "log"

[gates.issue_refund]
summary = "Refund {{ '%.2f' % args.amount }} {{ args.currency }} on order {{ args.order_id }}"
approvers = ["bob"]
if_approved = "The customer is refunded at once; this cannot be undone."

[[gates.issue_refund.rules]]
id = "small and sure"
when = "args.amount <= 25.0 && confidence >= 0.9"
tier = "auto"

[gates.delete_account]
summary = "Delete the account of {{ args.customer }}{% if args.erase_orders %} and all its orders{% endif %}"
approvers = ["carol"]
if_approved = "The account is gone for good."

[gates.send_bulk_mail]
summary = "Mail {{ args.recipients }} people: {{ args.segment }}"
approvers = ["alice"]
if_rejected = "Nobody is mailed; the agent looks for another way."

[gates.extend_credit]
approvers = ["dave"]
timeout = "SILENCE"
remind_after = "none"
"""

PARTS = (
    Part(
        person="Bob",
        address=PEOPLE["bob"].address,
        waits_for=about("A-1004", but_not="came too late"),
        does=reply_with("APPROVE"),
    ),
    Part(person="Carol", address=PEOPLE["carol"].address, waits_for=about("gina@"), does=follow_link),
    Part(
        person="Alice",
        address=PEOPLE["alice"].address,
        waits_for=about("all customers"),
        does=reply_with("REJECT: 48,210 mails about a short outage? Put it on the status page."),
    ),
    Part(person="Dave", address=PEOPLE["dave"].address, waits_for=about("ines@"), does=stay_silent),
    Part(
        person="Bob",
        address=PEOPLE["bob"].address,
        waits_for=about("A-1010"),
        does=reply_with("ok go ahead I guess"),
    ),
    Part(
        person="Bob",
        address=PEOPLE["bob"].address,
        waits_for=about("could be read in more than one way"),
        does=reply_with("APPROVE"),
    ),
)

FINISHED = "all tickets are done"
MOST_PROCESSES = 12
"""The day has five gates; more processes than this mean that something goes round in circles."""


def tell(*, unattended: bool, keep: Path | None, stop: threading.Event) -> None:
    """Tell the story to its end.

    Args:
        unattended: scripted people answer; else it waits for you.
        keep: a folder for the configuration, the database, the archive and the public key.

    Raises:
        MailgateError: a process of the story failed.
    """
    console = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
    with ExitStack() as until_done:
        folder = keep or Path(until_done.enter_context(tempfile.TemporaryDirectory(prefix="mailgate-demo-")))
        gates = GATES.replace("SILENCE", "2s" if unattended else "2m")
        if (folder / "config.toml").exists():
            raise MailgateError(f"{folder} holds a configuration already; give a new folder to --keep.")
        opened = open_site(folder, inbox_port=0, web_port=0, gates=gates, approvers=["bob"])
        site, listening = until_done.enter_context(opened)
        _introduce(console, site, unattended=unattended)
        acting = play(site.mail, PARTS, lambda *said: _person(console, *said)) if unattended else []
        with serving(site.config, listening, stop.set) as side:
            _run_agent(console, site, stop)
            for thread in acting:
                thread.join(10)
            _settle(site)
            seal_archive(side)
            _settle(site)
        print_mailboxes(console, site, PEOPLE)
        print_thread(console, site, PEOPLE["bob"], "A-1010")
        if keep is not None:
            keep_archive(site, folder)
        print_closing(console, site, kept=str(keep or ""))


def _introduce(console: Console, site: Site, *, unattended: bool) -> None:
    console.rule("A support agent's day", align="left")
    console.print("Real SMTP, IMAP and HTTP on this machine; nobody outside is involved.")
    if unattended:
        console.print(
            "Alice, Bob, Carol and Dave are scripted. The agent's process ends wherever it has to ask one of them.\n"
        )
    else:
        console.print(f"You play everybody. Open [bold]{site.mail.inbox_url}[/] and answer the mails as they come.\n")


def _run_agent(console: Console, site: Site, stop: threading.Event) -> None:
    """Run the agent, then one worker after the other, until the day is over."""
    agent = [sys.executable, "-m", "mailgate.demo.shop"]
    worker = [sys.executable, "-m", "mailgate", "worker", "mailgate.demo.shop:mg", "--once"]
    command, who = agent, "agent"
    for _ in range(MOST_PROCESSES):
        if _run(console, site, command, who, stop) or stop.is_set():
            return
        command, who = worker, "worker"
    raise MailgateError(f"The story did not end after {MOST_PROCESSES} processes.")


def _run(console: Console, site: Site, command: list[str], who: str, stop: threading.Event) -> bool:
    """Run one process to its end, printing what it says; return whether the day is over."""
    environment = os.environ | {
        "MAILGATE_CONFIG": str(site.config_path),
        "PYTHONUNBUFFERED": "1",
        "MAILGATE_LOG_LEVEL": "error",
    }
    finished = False
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:  # noqa: S603 - our own
        watcher = threading.Thread(target=_end_after, args=(process, stop), daemon=True)
        watcher.start()
        assert process.stdout is not None
        for line in process.stdout:
            finished |= FINISHED in line
            console.print(Text(f"{who:>7} ", style="cyan"), Text(line.rstrip()), sep="")
    if process.returncode != 0 and not stop.is_set():
        raise MailgateError(f"The {who} process {process.pid} failed with exit code {process.returncode}.")
    console.print(Text(f"{who:>7} [{process.pid}] has ended", style="dim"))
    return finished


def _end_after(process: subprocess.Popen[str], stop: threading.Event) -> None:
    while process.poll() is None:
        if stop.wait(0.2):
            process.terminate()
            return


def _person(console: Console, person: str, received: str, did: str) -> None:
    console.print(Text(f"{person:>7} ", style="magenta"), Text(f"receives “{received}” and {did}"), sep="")


def _settle(site: Site) -> None:
    """Wait until every mail that was ordered has been sent."""
    wait_until_sent(site, seconds=10)
