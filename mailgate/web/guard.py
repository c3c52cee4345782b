"""What stands before every page: protecting headers, one spelling of a path, own and small forms only. Plain ASGI."""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_FORM_BYTES = 64_000
"""A code and a reason of a few thousand characters, however they are encoded."""

HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",  # the address is a secret
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

LINK = "/d/"
"""What the path of a link begins with; its token follows."""

ROUTES = (LINK, "/static/", "/health")
"""How the paths begin that anything is served under."""

UNSURE = "mailgate.unsure"
"""Key of a request's scope: true where its form has to show by itself that it comes from a page of ours."""


class SecurityHeaders:
    """Adds :data:`HEADERS` to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
            await send(message)

        await self._app(scope, receive, send_with_headers if scope["type"] == "http" else send)


class OnePath:
    """Gives the application each path in one spelling, so that links work as they come out of mail programs and proxies.

    A reverse proxy may keep the path of the base URL or take it off. A mail program may lose the slash at a link's end, or
    add one; such a link is not redirected to the right one, because the Host header would say where.

    Args:
        base_path: the path of the base URL, without a slash at its end; may be empty.
    """

    def __init__(self, app: ASGIApp, base_path: str) -> None:
        self._app = app
        self._base_path = base_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http":
            scope = {**scope, "path": self._path(scope["path"])}
        await self._app(scope, receive, send)

    def _path(self, path: str) -> str:
        below = path.removeprefix(self._base_path)
        if below.startswith(ROUTES):  # a base path of /d looks like a link's own path that a proxy left alone
            path = below
        return path.rstrip("/") if path.startswith(LINK) else path


class OwnForms:
    """Refuses a POST that a page of another origin made the browser send, and a body that is longer than any of ours.

    The page has no cookie: whoever can make somebody's browser send a form has its address and code already. What they may
    lack is the way to a server inside a company's network, and that they must not get from a browser there.

    Args:
        base_url: as configured; its origin is ours, whatever the Host header says.
    """

    def __init__(self, app: ASGIApp, base_url: str) -> None:
        self._app = app
        self._origin = origin_of(base_url)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_own = scope["method"] != "POST" or self._is_own(Headers(scope=scope))
        if is_own is False:
            answer = PlainTextResponse("This form was sent from another page. Nothing was decided.\n", 403)
            await answer(scope, receive, send)
            return
        await self._app({**scope, UNSURE: is_own is None}, _bounded(receive), send)

    def _is_own(self, headers: Headers) -> bool | None:
        """Return whether a form comes from a page of ours; None if only the form itself can tell."""
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        if site is not None:  # no page can forge it: browsers have said it since 2020, Safari since 16.4
            return site in ("same-origin", "none")
        if origin is None:  # an older browser, which tells nothing, or a program
            return True
        # Our own no-referrer policy makes a browser say "null"; one that is older, and says that alone, may be on our
        # page, or in a sandboxed frame of somebody else's.
        return None if origin == "null" else origin_of(origin) == self._origin


def origin_of(url: str) -> tuple[str, str | None, int | None]:
    """Return scheme, host and port of ``url``; a port that goes without saying is said."""
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:  # of a port or IPv6 address that is none
        return "", None, None
    return parts.scheme, parts.hostname, port


def _bounded(receive: Receive) -> Receive:
    """Return ``receive``, which refuses a body that is too long as soon as it is, whatever length was announced."""
    received = 0

    async def bounded() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > MOST_FORM_BYTES:
            raise HTTPException(413)
        return message

    return bounded
