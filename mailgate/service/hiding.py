"""Leave secrets out of what a person wrote, before any of it is stored in clear or shown."""

from __future__ import annotations

import re
from collections.abc import Callable

from mailgate.model.redaction import LEFT_OUT
from mailgate.service.context import Serving
from mailgate.store.tables import Assignment

_LINK = re.compile(r"/d/[\w.\-]{20,}/?")
"""The part of a decide page's address that is its token (``mailgate/web/app.py``)."""

_MESSAGE_ID = re.compile(r"[a-z2-7]{20}(?=\.mailgate@)")
"""The part of a Message-ID of ours by which a reply is known (``mailgate/tokens.py``)."""


_ADDRESS = re.compile(r"[a-z2-7]{26}(?=@)")
_CODE = re.compile(r"(?<=code:)\W{0,3}\d{3}\W?\d{3}")
_ANY = re.compile("|".join(p.pattern for p in (_LINK, _MESSAGE_ID, _ADDRESS, _CODE)), re.I)


def hide_any(text: str) -> str:
    """Return ``text`` without what has the form of a link, a code as our mails print it, an address or an id of ours."""
    return _ANY.sub(LEFT_OUT, text)


def hiding(serving: Serving, seat: Assignment) -> Callable[[str], str]:
    """Return what takes the link, the code and the secret addresses of ``seat`` out of a text, and what looks like others'."""
    generations = range(1, seat.generation + 1)
    codes = [serving.key.code(seat.id, g) for g in generations]
    tokens = [t(seat.id, g) for t in (serving.key.reply_token, serving.key.bounce_token) for g in generations]
    # People copy a code with or without its gap, or with a sign in it.
    spaced = [r"[\s.\-]?".join(code) for code in codes]
    secret = re.compile(
        "|".join(
            [_LINK.pattern, _MESSAGE_ID.pattern, *map(re.escape, tokens), *(rf"(?<!\d){s}(?!\d)" for s in spaced)]
        ),
        re.I,
    )
    return lambda text: hide_any(secret.sub(LEFT_OUT, text))
