"""Headers on every answer; forms from elsewhere, and larger than any of ours, refused. Plain ASGI."""

from __future__ import annotations

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


class SecurityHeaders:
    """Adds :data:`HEADERS`, and refuses a POST that a page of another origin made the browser send.

    Args:
        own_origin: scheme, host and port of the configured base URL.
    """

    def __init__(self, app: ASGIApp, own_origin: str) -> None:
        self._app = app
        self._own_origin = own_origin.lower()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
            await send(message)

        if scope["method"] == "POST" and not self._is_own(Headers(scope=scope)):
            await PlainTextResponse("This form was sent from another page. Nothing was decided.\n", 403)(
                scope, receive, send_with_headers
            )
            return
        await self._app(scope, _bounded(receive), send_with_headers)

    def _is_own(self, headers: Headers) -> bool:
        site, origin = headers.get("sec-fetch-site"), headers.get("origin")
        if site is not None:
            return site in ("same-origin", "none")
        # "null" is what our own no-referrer policy can make a browser say, always together with Sec-Fetch-Site.
        return origin is None or origin.lower() == self._own_origin


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
