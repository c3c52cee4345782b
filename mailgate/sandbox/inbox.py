"""The web inbox: reads everybody's mail, answers it as a mail client would, switches people away. Loopback only.

Requests to values and back; mail is taken apart in ``reading``, composed in ``composing``, laid out by ``pages``.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import quote as url_quote
from urllib.parse import urlsplit

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from mailgate.config import shipped
from mailgate.errors import MailServerError
from mailgate.sandbox.accounts import Account
from mailgate.sandbox.composing import quote
from mailgate.sandbox.mailboxes import StoredMail
from mailgate.sandbox.pages import Pages, framed
from mailgate.sandbox.ports import LOOPBACK
from mailgate.sandbox.reading import Attachment
from mailgate.sandbox.site import MailSite
from mailgate.sandbox.threads import Conversation, Entry, conversations, find_conversation

_PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self'; frame-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# A mail's own HTML: no script, no form, nothing fetched from anywhere, an origin of its own even when opened directly.
_FRAME_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; "
    "frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
)
_CAREFUL = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}
_LONGEST_SOURCE = 200_000  # characters shown; the download has all
_FILES = ("inbox.css", "refresh.js", "icon.svg")


def mail_path(address: str, mail: StoredMail) -> str:
    """Return the path of a mail's page."""
    return f"/box/{url_quote(address, safe='@')}/{url_quote(mail.folder)}/{mail.uid}"


def answer_text(start: str, text: str) -> str:
    """Return what the reply box says: the chosen first line and the text.

    Raises:
        ValueError: nothing was chosen and nothing was written.
    """
    said = text.replace("\r\n", "\n").strip()
    if start == "approve":
        return f"APPROVE\n\n{said}" if said else "APPROVE"
    if start == "reject":
        return f"REJECT: {said}" if said else "REJECT"
    if not said:
        raise ValueError("Write an answer first, or start it with APPROVE or REJECT.")
    return said


def _page(content: str, *, status: int = 200) -> HTMLResponse:
    headers = {
        "Content-Security-Policy": _PAGE_POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cache-Control": "no-store",
    }
    return HTMLResponse(content, status, headers=headers)


def _comes_from_elsewhere(request: Request) -> bool:
    """Return whether a form was sent by a page that is not ours: any page in the same browser could try."""
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        return True
    return request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}


class WebInbox:
    """The inbox of every account of one site, served in that site's event loop."""

    def __init__(self, site: MailSite, *, smtp_port: int, imap_port: int) -> None:
        self._site = site
        self._folder = shipped("templates/sandbox")
        self._pages = Pages(self._folder)
        self._facts = {"smtp_port": smtp_port, "imap_port": imap_port, "host": LOOPBACK}
        self._serving: asyncio.Task[None] | None = None
        self._server: uvicorn.Server | None = None

    async def serve(self, listening: socket.socket) -> None:
        """Serve the inbox on ``listening`` until :meth:`close`."""
        config = uvicorn.Config(
            self.app(),
            log_config=None,
            log_level="critical",
            access_log=False,
            lifespan="off",
            ws="none",
            http="h11",
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._serving = asyncio.create_task(self._server.serve(sockets=[listening]))

    async def close(self) -> None:
        """Stop serving."""
        if self._server is not None and self._serving is not None:
            self._server.should_exit = True
            await self._serving

    def app(self) -> Starlette:
        """Return the web application."""
        mail = "/box/{address}/{folder:path}/{uid:int}"
        return Starlette(
            routes=[
                Route("/", self._home),
                *(Route(f"/{name}", self._file) for name in _FILES),
                Route("/box/{address}", self._mailbox),
                Route("/box/{address}/pretend", self._pretend, methods=["POST"]),
                Route(f"{mail}/frame", self._frame),
                Route(f"{mail}/source.eml", self._source),
                Route(f"{mail}/part/{{part:int}}", self._part),
                Route(f"{mail}/reply", self._reply, methods=["POST"]),
                Route(mail, self._mail),
            ],
            middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=[LOOPBACK, "localhost"])],
            exception_handlers={HTTPException: self._problem},
        )

    async def _home(self, request: Request) -> Response:
        accounts = self._site.accounts.by_address.values()
        return _page(self._pages.render("home", **await self._around(None), accounts=accounts, **self._facts))

    async def _file(self, request: Request) -> Response:
        return FileResponse(self._folder / request.url.path[1:], headers={"Cache-Control": "no-cache"})

    async def _mailbox(self, request: Request) -> Response:
        owner = self._owner(request)
        found = conversations(await self._site.mailboxes.mails(owner.address))
        return _page(self._pages.render("mailbox", **await self._around(owner), conversations=found))

    async def _mail(self, request: Request) -> Response:
        owner = self._owner(request)
        conversation, entry = await self._find(request, owner)
        # The gate's mailboxes are read by mailgate; looking at them must change nothing there.
        if owner.is_person and entry.stored.unread and request.method == "GET":
            await self._site.mailboxes.mark(owner.address, entry.stored)
        notice = "sent" if request.query_params.get("sent") == "1" else ""
        view = request.query_params.get("view", "")
        return _page(await self._mail_page(owner, conversation, entry, view=view, notice=notice))

    async def _mail_page(
        self,
        owner: Account,
        conversation: Conversation,
        entry: Entry,
        *,
        view: str = "",
        notice: str = "",
        problem: str = "",
        start: str = "free",
        text: str = "",
    ) -> str:
        views = ("html", "text", "source") if entry.shown.html is not None else ("text", "source")
        at = conversation.entries.index(entry)
        return self._pages.render(
            "mail",
            **await self._around(owner),
            conversation=conversation,
            entry=entry,
            earlier=conversation.entries[:at],
            later=conversation.entries[at + 1 :],
            views=views,
            view=view if view in views else views[0],
            source=entry.stored.raw[:_LONGEST_SOURCE].decode("utf-8", "replace"),
            is_cut=len(entry.stored.raw) > _LONGEST_SOURCE,
            quoted=quote(entry.shown, received_at=entry.stored.arrived_at.astimezone()),
            may_reply=owner.is_person and not entry.is_own and bool(entry.shown.reply_to),
            notice=notice,
            problem=problem,
            start=start,
            text=text,
        )

    async def _frame(self, request: Request) -> Response:
        _, entry = await self._find(request, self._owner(request))
        if entry.shown.html is None:
            raise HTTPException(404, "This mail has no HTML part.")
        return HTMLResponse(framed(entry.shown.html), headers={"Content-Security-Policy": _FRAME_POLICY, **_CAREFUL})

    async def _source(self, request: Request) -> Response:
        _, entry = await self._find(request, self._owner(request))
        return _download(entry.stored.raw, filename=f"mail-{entry.stored.uid}.eml")

    async def _part(self, request: Request) -> Response:
        _, entry = await self._find(request, self._owner(request))
        wanted: Sequence[Attachment] = [a for a in entry.shown.attachments if a.part == request.path_params["part"]]
        if not wanted:
            raise HTTPException(404, "This mail has no such attachment.")
        return _download(wanted[0].content, filename=wanted[0].filename)

    async def _reply(self, request: Request) -> Response:
        owner = self._owner(request)
        conversation, entry = await self._find(request, owner)
        form = await self._own_form(request)
        start, text = form.get("start", "free"), form.get("text", "")
        try:
            await self._site.reply(owner.address, entry.stored, text=answer_text(start, text), html=None)
        except (ValueError, MailServerError) as failed:
            page = await self._mail_page(owner, conversation, entry, problem=str(failed), start=start, text=text)
            return _page(page, status=422)
        return RedirectResponse(f"{mail_path(owner.address, entry.stored)}?sent=1", 303)

    async def _pretend(self, request: Request) -> Response:
        owner = self._owner(request)
        if not owner.is_person:
            raise HTTPException(404, "Only people can be away.")
        form = await self._own_form(request)
        if "away" in form:
            self._site.set_away(owner.address, away=form["away"] == "on")
        if "bouncing" in form:
            self._site.set_bouncing(owner.address, bouncing=form["bouncing"] == "on")
        return RedirectResponse(f"/box/{url_quote(owner.address, safe='@')}", 303)

    async def _problem(self, request: Request, problem: Exception) -> Response:
        assert isinstance(problem, HTTPException)
        if problem.detail == HTTPStatus(problem.status_code).phrase:  # the router's own, which says nothing to a person
            problem.detail = "There is no such page."
        values = await self._around(None)
        return _page(self._pages.render("problem", **values, problem=problem.detail), status=problem.status_code)

    async def _own_form(self, request: Request) -> dict[str, str]:
        if _comes_from_elsewhere(request):
            raise HTTPException(403, "This form was sent from another page. Open the inbox and try again there.")
        form = await request.form()
        return {name: value for name, value in form.items() if isinstance(value, str)}

    def _owner(self, request: Request) -> Account:
        try:
            return self._site.account(request.path_params["address"])
        except LookupError:
            raise HTTPException(404, "Nobody here has this mailbox.") from None

    async def _find(self, request: Request, owner: Account) -> tuple[Conversation, Entry]:
        mails = await self._site.mailboxes.mails(owner.address)
        folder, uid = request.path_params["folder"], request.path_params["uid"]
        found = find_conversation(conversations(mails), folder=folder, uid=uid)
        if found is None:
            raise HTTPException(404, "This mail is not here any more; a mail client may have moved or deleted it.")
        return found

    async def _around(self, owner: Account | None) -> dict[str, object]:
        """Return what every page shows around its content: all mailboxes with their unread counts."""
        unread = {address: await self._site.mailboxes.unread(address) for address in self._site.accounts.by_address}
        everybody = tuple(self._site.accounts.by_address.values())
        return {
            "owner": owner,
            "people": [a for a in everybody if a.is_person],
            "services": [a for a in everybody if not a.is_person],
            "unread": unread,
            "away": {a.address for a in everybody if self._site.is_away(a.address)},
            "bouncing": {a.address for a in everybody if self._site.is_bouncing(a.address)},
            "archive_address": self._site.accounts.archive_address,
            "mail_path": mail_path,
            "now": datetime.now(UTC),
        }


def _download(content: bytes, *, filename: str) -> Response:
    """Offer ``content`` as a file, never as something a browser would show or run."""
    name = url_quote(filename, safe="")
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{name}",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        **_CAREFUL,
    }
    return Response(content, media_type="application/octet-stream", headers=headers)
