"""mailgate at one mail site and the people it asks at another: both sites sign, verify, and exchange mail over loopback."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mailgate.model.evidence import format_time
from mailgate.runtime import open_serving, roles_of, run_roles
from mailgate.service.context import Serving
from mailgate.store.tables import Cursor, Incoming
from tests.deployment import Deployment, eventually
from tests.e2e.post import Received
from tests.site import MailSite
from tests.site.dns import NameServer

BOB, CAROL = "bob@approvers.test", "carol@approvers.test"
GATES = """
[gates.issue_refund]
approvers = ["bob"]
allow_twins = true
"""


@contextmanager
def two_sites(names: NameServer) -> Iterator[tuple[MailSite, MailSite]]:
    """Run our site and the approvers', each with its own Postfix, Dovecot and OpenDKIM, domains and keys."""
    ours = MailSite({"approvals@gate.test": "gate-pw"}, name_server=names)
    theirs = MailSite({BOB: "bob-pw", CAROL: "carol-pw"}, name_server=names)
    try:
        ours.route_to(theirs)
        theirs.route_to(ours)
        ours.up()
        theirs.up()
        yield ours, theirs
    finally:
        theirs.down()
        ours.down()


class House(Deployment):
    """One mailgate at our site; its roles run in threads of this process.

    Attributes:
        theirs: the approvers' site.
        serving: the serving side while it runs.
    """

    serving: Serving

    def __init__(self, folder: Path, site: MailSite, theirs: MailSite) -> None:
        super().__init__(folder, site, gates=GATES, people={"bob": BOB, "carol": CAROL})
        self.theirs = theirs

    @contextmanager
    def answering(self, **imap: Any) -> Iterator[None]:
        """Run what `mailgate serve` runs, but the page, until the block ends; ``imap`` changes keys of that section."""
        config = self.config
        config = config.model_copy(update={"imap": config.imap.model_copy(update=imap)})
        self.serving, stop = open_serving(config), threading.Event()
        roles = roles_of(self.serving, ("keeper", "outbox", "inbox"))
        thread = threading.Thread(target=run_roles, args=(roles, stop, self.serving.store.pulse.beat))
        thread.start()
        try:
            eventually(lambda: self.rows(Cursor), why="Opening the mailbox")
            yield
        finally:
            stop.set()
            self.serving.store.pulse.beat()
            thread.join()
            self.serving.store.close()
            self.close()

    def mails(self, person: str, *words: str) -> list[Received]:
        """Return the mails that a person has received, at the other site."""
        found = [Received(raw) for raw in self.theirs.maildir(self.people[person])]
        return [m for m in found if all(w in m.words or w in m.header("Subject") for w in words)]

    def read(self) -> dict[bytes, Incoming]:
        """Return every mail that was read so far, by its bytes."""
        rows = [row for row in self.rows(Incoming) if row.state != "new"]
        return {
            self.serving.key.unseal(r.sealed, label=f"incoming {r.id} {format_time(r.received_at)}"): r for r in rows
        }

    def read_at(self, to: str) -> tuple[bytes, Incoming]:
        """Wait for the newest mail that was delivered to an address and read; return its bytes and what is kept of it."""

        def look() -> list[tuple[bytes, Incoming]]:
            mine = [(raw, row) for raw, row in self.read().items() if f"\r\nX-Original-To: {to}\r\n".encode() in raw]
            return sorted(mine, key=lambda found: found[1].fetched_at)[-1:]

        return eventually(look, why=f"Reading the mail to {to}")[0]


def leaked(theirs: MailSite, raw: bytes, *, sender: str = BOB) -> bytes:
    """Let somebody send a mail to Carol, and return what lies in her mailbox from the signature on: Mallory has seen it."""
    theirs.submit(sender, CAROL, raw)
    ends = raw.rpartition(b"\r\n\r\n")[2]
    return signed_part(theirs.wait_for_mail(CAROL, lambda mail: mail.endswith(ends)))


def signed_part(arrived: bytes) -> bytes:
    """Return what left the signer's server: the mail from its signature on."""
    return arrived[arrived.index(b"DKIM-Signature:") :]
