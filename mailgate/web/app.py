"""The decide page: GET and HEAD show, POST decides. No JavaScript, no cookies, nothing remote."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import structlog
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from mailgate.errors import Forged, StoreUnavailable, TokenError
from mailgate.mail.letter import Letter
from mailgate.model.verdict import Verdict
from mailgate.service.context import Serving
from mailgate.service.link import Page, Problem, look, press
from mailgate.web.guard import MOST_FORM_BYTES, SecurityHeaders

log = structlog.get_logger(__name__)

_STYLE = "/static/style.css"
_LINKS = ("/d/{token}/", "/d/{token}")

_PROBLEMS = {
    Problem.CODE_WRONG: "That is not the code printed in the mail. Type the six digits from the mail that brought you here.",
    Problem.CODES_USED_UP: "The code was wrong too often, so this link no longer approves. Answer by replying to the mail.",
    Problem.NOT_HERE: "An approval counts here only from your own mailbox: reply to the mail with APPROVE.",
    Problem.REASON_MISSING: "Please say why: the agent is told your reason, so that it does not try the same again.",
}

_UNKNOWN = (
    "This link does not lead to a decision",
    "It may be incomplete, out of date, or replaced by a newer mail. Nothing was decided. Use the link in the latest mail.",
)

_NOTHING = "Nothing was decided by this visit."
_PERHAPS = (
    "Your answer may have been counted: then a receipt comes by mail. If none comes, answer again; "
    "no answer is counted twice."
)


def make_app(serving: Serving, style: Path) -> Starlette:
    """Return the web application of the serving side.

    Args:
        style: the stylesheet's file.
    """
    base = urlsplit(serving.config.mailgate.base_url)
    pages = DecidePages(serving)

    async def stylesheet(_: Request) -> Response:
        return FileResponse(style, media_type="text/css")

    async def health(_: Request) -> Response:
        return PlainTextResponse("ok\n")

    app = Starlette(
        routes=[
            # A link whose final slash a mail program lost is not redirected to the right one: Host would say where.
            *(Route(path, pages.show, methods=["GET", "HEAD"]) for path in _LINKS),
            *(Route(path, pages.decide, methods=["POST"]) for path in _LINKS),
            Route(_STYLE, stylesheet, methods=["GET", "HEAD"]),
            Route("/health", health, methods=["GET", "HEAD"]),
        ],
        exception_handlers={HTTPException: pages.refuse},
    )
    app.router.redirect_slashes = False
    app.add_middleware(SecurityHeaders, own_origin=f"{base.scheme}://{base.netloc}")
    return app


class DecidePages:
    """The three things the decide page can be: a form, the truth about what was decided, or a neutral unknown."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving

    async def show(self, request: Request) -> Response:
        """Answer GET and HEAD; changes nothing."""
        return await self._answer(lambda: look(self._serving, request.path_params["token"]))

    async def decide(self, request: Request) -> Response:
        """Answer POST: the only method that decides."""
        fields = await _fields(request)
        if fields["verdict"] not in (Verdict.APPROVE, Verdict.REJECT, Verdict.UNDO):
            raise HTTPException(400)
        verdict, token = Verdict(fields["verdict"]), request.path_params["token"]
        return await self._answer(
            lambda: press(self._serving, token, verdict=verdict, code=fields["code"], reason=fields["reason"]),
            typed=fields["reason"],
            decides=True,
        )

    async def refuse(self, _: Request, error: Exception) -> Response:
        """Answer what is no page of ours."""
        status = error.status_code if isinstance(error, HTTPException) else 400
        return self._message(*_UNKNOWN, status=status)

    async def _answer(self, visit: Callable[[], Page], *, typed: str = "", decides: bool = False) -> Response:
        """Make a visit and answer with what came of it. All errors end here, where the protecting headers are still added.

        Args:
            typed: the reason as it was typed, which a page that has to be sent again still shows.
            decides: whether the visit may have decided something by the time it failed.
        """
        try:
            return self._page(await run_in_threadpool(visit), typed)
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
            "deciding_as": page.deciding_as,
            "error": _PROBLEMS[page.problem] if page.problem else None,
            "error_field": "reason" if page.problem is Problem.REASON_MISSING else "code",
            "reason": typed,
            "approves": page.approves,
            "needs_code": page.needs_code,
            "tries_left": page.tries_left,
        }
        return self._render("decide.html.j2", context, 422 if page.problem else 200)

    def _closed(self, page: Page) -> Response:
        """Return the page of a request that cannot be decided here any more; one's own answer may be taken back."""
        wrong = _PROBLEMS[page.problem] if page.problem else None
        undo = {"action_url": "", "needs_code": page.needs_code and page.approves, "error": wrong}
        return self._message(
            "Your answer was counted" if page.done else "There is nothing left to decide here",
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


async def _fields(request: Request) -> dict[str, str]:
    """Return the form's fields.

    Raises:
        HTTPException: 413 if it is too long, 400 if it cannot be read.
    """
    try:
        async with request.form(max_files=0, max_fields=8, max_part_size=MOST_FORM_BYTES) as form:
            return {name: str(form.get(name) or "") for name in ("verdict", "code", "reason")}
    except HTTPException:
        raise
    except Exception as error:  # a charset there is none of, a sender that went away: parsers raise many kinds
        raise HTTPException(400) from error
