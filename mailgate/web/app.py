"""The decide page: GET and HEAD show, POST decides. No JavaScript, no cookies, nothing remote."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import structlog
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from mailgate.errors import Forged, StoreUnavailable, TokenError
from mailgate.mail.letter import Letter
from mailgate.model.verdict import Verdict
from mailgate.service.context import Serving
from mailgate.service.link import Page, Problem, ask_code, look, press
from mailgate.service.visits import keep_visits
from mailgate.web import sentences
from mailgate.web.brakes import Brakes
from mailgate.web.guard import LINK, MOST_FORM_BYTES, UNSURE, OnePath, OwnForms, SecurityHeaders
from mailgate.web.visits import CAME_OF, Book, Visits

log = structlog.get_logger(__name__)

_STYLE = "/static/style.css"
_ASK_CODE = "code"  # the value of the button that has a fresh code mailed, beside the verdicts of the others

_UNKNOWN = (
    "This link does not lead to a decision",
    "It may be incomplete, out of date, or replaced by a newer mail. Nothing was decided. Use the link in the latest mail.",
)

_REFUSED = {
    403: ("This form was sent from another page", "Nothing was decided. Open the link in the mail, and answer there."),
    413: ("That was too long", "Nothing was decided. Open the link in the mail again, and write less."),
}

_NOTHING = "Nothing was decided by this visit."
_PERHAPS = (
    "Your answer may have been counted: then a receipt comes by mail. If none comes, answer again; "
    "no answer is counted twice."
)


def make_app(serving: Serving, style: Path, now: Callable[[], float]) -> Starlette:
    """Return the web application of the serving side. Its ``state.book`` has visits to store, and wants to be closed.

    Args:
        style: the stylesheet's file.
        now: a monotonic clock.
    """
    base_url, web = serving.config.mailgate.base_url, serving.config.web
    pages = DecidePages(serving)

    async def stylesheet(_: Request) -> Response:
        return FileResponse(style, media_type="text/css")

    async def health(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    book = Book(partial(keep_visits, serving), now)
    app = Starlette(
        routes=[
            Route(f"{LINK}{{token}}", pages.show, methods=["GET", "HEAD"]),
            Route(f"{LINK}{{token}}", pages.decide, methods=["POST"]),
            Route(_STYLE, stylesheet, methods=["GET", "HEAD"]),
            Route("/health", health, methods=["GET", "HEAD"]),
        ],
        middleware=[  # the outermost first
            Middleware(SecurityHeaders),
            Middleware(OnePath, base_path=urlsplit(base_url).path),
            Middleware(Visits, links=serving.links, book=book),
            Middleware(
                Brakes,
                links=serving.links,
                per_link=web.most_per_link,
                per_network=web.most_per_network,
                too_soon=pages.too_soon,
                now=now,
            ),
            Middleware(OwnForms, base_url=base_url),
        ],
        exception_handlers={HTTPException: pages.refuse},
    )
    app.router.redirect_slashes = False
    app.state.book = book
    return app


class DecidePages:
    """The three things the decide page can be: a form, the truth about what was decided, or a neutral unknown."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving

    async def show(self, request: Request) -> Response:
        """Answer GET and HEAD; changes nothing."""
        return await self._answer(request, lambda: look(self._serving, request.path_params["token"]))

    async def decide(self, request: Request) -> Response:
        """Answer POST: the only method that decides."""
        fields, token = await _fields(request), request.path_params["token"]
        if fields["verdict"] not in (Verdict.APPROVE, Verdict.REJECT, Verdict.UNDO, _ASK_CODE):
            raise HTTPException(400)

        def visit() -> Page:
            if request.scope.get(UNSURE) and not _was_shown(fields["form"], look(self._serving, token)):
                raise HTTPException(403)
            if fields["verdict"] == _ASK_CODE:
                return ask_code(self._serving, token)
            verdict = Verdict(fields["verdict"])
            return press(self._serving, token, verdict=verdict, code=fields["code"], reason=fields["reason"])

        return await self._answer(request, visit, typed=fields["reason"], decides=True)

    async def refuse(self, _: Request, error: Exception) -> Response:
        """Answer what is no page of ours."""
        status = error.status_code if isinstance(error, HTTPException) else 400
        return self._message(*_REFUSED.get(status, _UNKNOWN), status=status)

    def too_soon(self, seconds: int) -> Response:
        """Answer a visit that came too soon after others."""
        sentence = f"{_NOTHING} Try again in {seconds} second{'' if seconds == 1 else 's'}, or reply to the mail."
        return self._message("This page was asked for too often", sentence, status=429)

    async def _answer(
        self, request: Request, visit: Callable[[], Page], *, typed: str = "", decides: bool = False
    ) -> Response:
        """Make a visit and answer with what came of it. All errors end here, where the protecting headers are still added.

        Args:
            typed: the reason as it was typed, which a page that has to be sent again still shows.
            decides: whether the visit may have decided something by the time it failed.
        """
        try:
            page = await run_in_threadpool(visit)
            request.scope.get(CAME_OF, []).append(_came_of(page, decides=decides))
            return self._page(page, typed)
        except HTTPException:
            raise
        except TokenError:
            return self._message(*_UNKNOWN, status=404)
        except Forged as error:
            return self._broken(error)
        except StoreUnavailable as error:
            log.warning("store_unavailable", why=error.message)
            return self._message("Please try again in a moment", _PERHAPS if decides else _NOTHING, status=503)
        except Exception as error:  # what nobody foresaw
            log.error("page_failed", why=f"{type(error).__name__}: {error}")
            sentence = _PERHAPS if decides else f"{_NOTHING} Reply to the mail instead."
            return self._message("Something went wrong", sentence, status=500)

    def _broken(self, error: Forged) -> Response:
        log.error("forged", table=error.table, row=error.row, why=error.why)
        sentence = "Something is wrong with this request. Nothing was decided."
        return self._message("This cannot be decided", sentence, status=409)

    def _page(self, page: Page, typed: str) -> Response:
        if not page.is_open:
            return self._closed(page)
        context = {
            "letter": page.letter,
            "action_url": "",  # the form's own address, whatever a reverse proxy calls it
            "form_key": page.form_key,
            "deciding_as": page.deciding_as,
            "error": sentences.problem_of(page),
            "error_field": "reason" if page.problem is Problem.REASON_MISSING else "code",
            "reason": typed,
            "reason_hint": sentences.reason_hint(page),
            "approves": page.approves,
            "needs_code": page.needs_code,
            "code_hint": sentences.code_hint(page),
            "tries_left": page.tries_left,
            **_mailing(page, "Approve"),
        }
        return self._render("decide.html.j2", context, 422 if page.problem else 200)

    def _closed(self, page: Page) -> Response:
        """Return the page of a request that cannot be decided here any more; one's own answer may be taken back."""
        undo = {
            "action_url": "",
            "form_key": page.form_key,
            "needs_code": page.needs_code and page.approves,
            "code_hint": sentences.code_hint(page).removesuffix(" Needed to approve."),
            "tries_left": page.tries_left,
            "error": sentences.problem_of(page),
            **_mailing(page, "the button"),
        }
        return self._message(
            page.title or "There is nothing left to decide here",
            page.sentence,
            422 if page.problem else 200,
            tone="done" if page.done else "plain",
            letter=page.letter,
            undo=undo if page.can_undo else None,
        )

    def _message(
        self,
        title: str,
        sentence: str,
        status: int = 200,
        *,
        tone: str = "problem",
        letter: Letter | None = None,
        undo: dict[str, Any] | None = None,
    ) -> Response:
        context = {"title": title, "sentences": [sentence], "tone": tone, "letter": letter, "undo": undo}
        return self._render("message.html.j2", context, status)

    def _render(self, name: str, context: dict[str, Any], status: int) -> Response:
        style = f"{urlsplit(self._serving.config.mailgate.base_url).path}{_STYLE}"
        html = self._serving.templates.render(f"web/{name}", context | {"style_url": style})
        return HTMLResponse(html, status)


def _mailing(page: Page, button: str) -> dict[str, Any]:
    """Return what the templates say of codes that are mailed: the sentence, whether it is news, and what can be pressed."""
    return {
        "mails_code": page.mails_code,
        "code_note": sentences.code_note(page, button),
        "code_is_news": page.has_mailed,
        "can_mail_code": page.mails_code and page.next_code_at is None and page.tries_left > 0,
    }


def _was_shown(form_key: str, page: Page) -> bool:
    return hmac.compare_digest(form_key.encode(), page.form_key.encode())


def _came_of(page: Page, *, decides: bool) -> str:
    """Return what came of a visit, in a word or two."""
    if page.problem is not None:
        return page.problem.value
    if page.done or page.has_mailed:
        return "counted" if page.done else "code_mailed"
    return "not_counted" if decides else "shown"


async def _fields(request: Request) -> dict[str, str]:
    """Return the form's fields.

    Raises:
        HTTPException: 413 if it is too long, 400 if it cannot be read.
    """
    try:
        async with request.form(max_files=0, max_fields=8, max_part_size=MOST_FORM_BYTES) as form:
            return {name: str(form.get(name) or "") for name in ("verdict", "code", "reason", "form")}
    except HTTPException:
        raise
    except Exception as error:  # a charset there is none of, a sender that went away: parsers raise many kinds
        raise HTTPException(400) from error
