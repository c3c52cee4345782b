"""Leave secrets out of what a person wrote, before any of it is stored in clear or shown."""

from __future__ import annotations

import re
from collections.abc import Callable

from mailgate.model.redaction import LEFT_OUT
from mailgate.service.context import Serving
from mailgate.store.tables import Assignment
from mailgate.tokens import TOKEN_LENGTH

_LINK = r"/d/[\w.\-]{20,}/?"
"""The part of a decide page's address that is its token (``mailgate/web/app.py``)."""

_MESSAGE_ID = r"[a-z2-7]{20}(?=\.mailgate@)"
"""The part of a Message-ID of ours by which a reply is known (``mailgate/tokens.py``)."""

_ADDRESS = rf"(?<![a-z2-7])[a-z2-7]{{{TOKEN_LENGTH}}}(?![a-z2-7])"
"""The secret part of an address of ours (:meth:`mailgate.tokens.ServeKey.reply_token`), whoever it belongs to."""

_CODE = r"(?<=code:)\W{0,3}\d{3}\W?\d{3}"
_ANY = re.compile("|".join((_LINK, _MESSAGE_ID, _ADDRESS, _CODE)), re.I)


def hide_any(text: str) -> str:
    """Return ``text`` without what has the form of a link, a code as our mails print it, an address or an id of ours."""
    return _ANY.sub(LEFT_OUT, text)


def hiding(serving: Serving, seat: Assignment | None) -> Callable[[str], str]:
    """Return what takes links, secret addresses and ids, and the codes of ``seat`` out of a text.

    Links, addresses and ids are told by their form, so that those of other seats and requests are left out, too; without
    them nobody's code decides anything.
    """
    codes = [serving.key.code(seat.id, g) for g in range(1, seat.generation + 1)] if seat is not None else []
    # People copy a code with or without its gap, or with a sign in it.
    spaced = [r"[\s.\-]?".join(code) for code in codes]
    secret = re.compile("|".join([_LINK, _MESSAGE_ID, _ADDRESS, *(rf"(?<!\d){s}(?!\d)" for s in spaced)]), re.I)
    return lambda text: secret.sub(LEFT_OUT, text)
