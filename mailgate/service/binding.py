"""What binds a reply to its request: a proven sender proves a mail, and an old mail can be sent again to another address.

Whoever has seen somebody's signed "Approved" could hand its very bytes in for another request, if only he knew that
request's secret address: the envelope says where a mail goes, and nobody signs envelopes. So what a proven sender vouches
for has to name the request as well (docs/adr/0014-who-sent-a-reply.md).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from mailgate.config import Config
from mailgate.mail.addresses import collect
from mailgate.mail.inbound import message_tokens, referenced_ids, secret_tokens
from mailgate.mail.letter import MARKER
from mailgate.mail.mime import Mail
from mailgate.service.heading import short_code
from mailgate.service.locating import By, locate
from mailgate.service.questions import question_marker, question_token
from mailgate.store import Tx
from mailgate.store.requests import get_request
from mailgate.store.tables import Assignment, Question
from mailgate.tokens import ServeKey, address_hash

_FORWARDED = re.compile(r"\s*(?:fwd?|wg|tr|rv|enc|i|vs|vb|vl|pd|doorst|ilt|转发|轉寄)\s*[:：]", re.IGNORECASE)
"""How programs begin the subject of a mail that is passed on; it quotes what a reply quotes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the reply to one seat, or to one question, names.

    Attributes:
        at: the id of the seat or question.
        by: what of the mail led there (`mailgate.service.locating`), vouched for or not.
        key: proves what rows say; None: they are believed.
        code: the request's short code, which stands in every subject.
        reply_hash: of the secret address.
        marker: the marker line of the mails that asked; empty where no key is at hand, then any line of ours will do.
    """

    at: str
    by: frozenset[By]
    key: ServeKey | None
    code: str
    reply_hash: str
    marker: str


def seat_asked(tx: Tx, seat: Assignment, by: frozenset[By], key: ServeKey | None) -> Asked:
    """Return what a reply to ``seat`` names; with the key from no row that somebody could have written."""
    return Asked(
        at=seat.id,
        by=by,
        key=key,
        code=short_code(get_request(tx, seat.request_id)),
        reply_hash=address_hash(key.reply_token(seat.id, seat.generation)) if key else seat.reply_hash,
        marker=key.marker(seat.id, seat.generation) if key else "",
    )


def question_asked(tx: Tx, question: Question, by: frozenset[By], key: ServeKey | None) -> Asked:
    """Return what the answer to ``question`` names."""
    return Asked(
        at=question.id,
        by=by,
        key=key,
        code=short_code(get_request(tx, question.request_id)),
        reply_hash=address_hash(question_token(key, question.id)) if key else question.reply_hash,
        marker=question_marker(key, question.id) if key else "",
    )


def why_unbound(tx: Tx, config: Config, mail: Mail, covers: frozenset[str] | None, asked: Asked) -> str:
    """Return why a mail may have been written for something else, or nothing if it is bound.

    Args:
        covers: the header fields, in lower case, that the sender vouches for besides the text; None: all of them.

    Raises:
        Forged: a row says of a mail that asked what the serving side did not write.
    """
    if _named(covers, "to"):
        addresses = [a for name in _named(covers, "to", "cc") for value in mail.all(name) for a in collect(value)]
        tokens = _tokens(addresses, config.smtp.address)
        if asked.reply_hash in map(address_hash, tokens):
            return ""
        if tokens or asked.by != {By.MESSAGE_ID} or config.smtp.address.lower() not in addresses:
            return _ELSEWHERE
    elif asked.code.lower() not in mail.subject.lower() or _FORWARDED.match(mail.subject):
        return "its sender vouches for no To, and its subject is not that of a reply to this request"
    return "" if _answers(tx, config, mail, covers, asked) else _NOTHING


_ELSEWHERE = "its To is another address than the one it came to, so that it was written for something else"

_NOTHING = "nothing in it that its sender vouches for names this request"


def _tokens(addresses: list[str], base: str) -> tuple[str, ...]:
    """Return the secrets of ours among addresses; of either kind, since the mail that asked may be older than the setting."""
    return (*secret_tokens(addresses, base=base, mode="plus"), *secret_tokens(addresses, base=base, mode="catchall"))


def _named(covers: frozenset[str] | None, *names: str) -> list[str]:
    return [name for name in names if covers is None or name in covers]


def _answers(tx: Tx, config: Config, mail: Mail, covers: frozenset[str] | None, asked: Asked) -> bool:
    """Return whether a mail refers to one that asked, or quotes its marker line."""
    ids = referenced_ids(mail, _named(covers, "references", "in-reply-to"))
    answered = message_tokens(ids, config.smtp.address.partition("@")[2])
    if any(found.at.id == asked.at for found in locate(tx, asked.key, addressed=(), answered=answered)):
        return True
    return any(f"{MARKER}{asked.marker}" in text for text in (*mail.plain, *mail.html))
