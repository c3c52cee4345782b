"""The pages of a rig, served on a port of loopback, and what programs send there."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Any
from urllib.parse import urlencode

from sqlmodel import col, select

from mailgate.chance import monotonic
from mailgate.mail.templates import Templates
from mailgate.store.tables import Assignment, Outgoing, Visit
from mailgate.web.app import make_app
from mailgate.web.server import WebRole, bind
from tests.deployment import eventually
from tests.service.rig import SHIPPED, Place, Rig

STYLE = SHIPPED / "web" / "style.css"
PATIENCE = 20


@dataclass
class Site:
    """A running web role, and the links of the people of its rig; ``close`` ends the role and leaves the rig."""

    rig: Rig
    port: int
    close: Callable[[], None]
    requests: list[str] = field(default_factory=list)

    @property
    def base(self) -> str:
        """The address of its root."""
        return f"http://127.0.0.1:{self.port}"

    def path(self, request_id: str, person: str = "bob") -> str:
        """Return the path of a person's link."""
        return f"/d/{self.rig.token(self.rig.seat(request_id, person))}/"

    def link(self, request_id: str, person: str = "bob") -> str:
        """Return a person's link on this port, whatever the base URL is."""
        return self.base + self.path(request_id, person)

    def code(self, request_id: str, person: str = "bob") -> str:
        """Return the code printed in a person's mail."""
        seat = self.rig.seat(request_id, person)
        return self.rig.serving.key.code(seat.id, seat.generation)

    def fresh_code(self, request_id: str, person: str = "bob") -> str:
        """Return the code in the newest mail that was ordered for a press of a button."""
        seat = self.rig.seat(request_id, person)
        mails = self.rig.rows(Outgoing, kind="code", assignment_id=seat.id)
        newest = max(mails, key=lambda mail: mail.created_at)
        return self.rig.serving.key.fresh_code(seat.id, seat.generation, newest.id)

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, Any, str]:
        """Make one HTTP request; return status, headers and text."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request(method, path, body, {n.replace("_", "-"): v for n, v in headers.items()})
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read().decode()
        finally:
            connection.close()

    def post(self, path: str, fields: dict[str, str], **headers: str) -> tuple[int, Any, str]:
        """Post a form as a browser does that tells no origin."""
        kind = {"Content_Type": "application/x-www-form-urlencoded"}
        return self.ask("POST", path, urlencode(fields).encode(), **(kind | headers))

    def visits(self, request_id: str, least: int) -> list[Visit]:
        """Wait until at least so many visits of a request's links are on record, and return them in order."""

        def found() -> list[Visit]:
            with self.rig.working.store.read() as tx:
                wanted = select(Visit).join(Assignment, col(Assignment.id) == col(Visit.assignment_id))
                rows = tx.session.exec(wanted.where(Assignment.request_id == request_id).order_by(col(Visit.number)))
                visits = list(rows.all())
            return visits if sum(v.times for v in visits) >= least else []

        return eventually(found, why=f"Keeping {least} visits")


@contextmanager
def serving(place: Place, templates: Templates, **sections: Any) -> Iterator[Site]:
    """Serve the pages of a fresh rig on a port of its own, with ``sections`` of configuration in place of the usual ones."""
    place.clear(place.folder.parent / "empty.db")
    listening = bind("127.0.0.1", 0)
    port = listening.getsockname()[1]
    main = {"base_url": f"http://127.0.0.1:{port}", "operators": ["oscar"]} | sections.pop("mailgate", {})
    rig = Rig(place, templates, {"mailgate": main} | sections)
    stop = Event()
    app = make_app(rig.serving, STYLE, monotonic)
    role = WebRole(app, listening, rig.serving.config.web.trusted_proxies)
    thread = Thread(target=role.run, args=(stop,))
    thread.start()

    def close() -> None:
        stop.set()
        thread.join(PATIENCE)

    try:
        yield Site(rig=rig, port=port, close=close)
    finally:
        close()
        rig.close()
    assert not thread.is_alive()
