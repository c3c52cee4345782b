"""What binds a reply to its request: a proven sender proves a mail, and an old mail can be sent again to another address.

Whoever has seen somebody's signed "Approved" could hand its very bytes in for another request, if only he knew that
request's secret address: the envelope says where a mail goes, and nobody signs envelopes. So what a proven sender vouches
for has to name the request as well (docs/adr/0011-who-sent-a-reply.md).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mailgate.config import Config
from mailgate.mail.addresses import collect
from mailgate.mail.inbound import referenced_ids, secret_tokens
from mailgate.mail.letter import MARKER
from mailgate.mail.mime import Mail
from mailgate.service.letters import short_code
from mailgate.service.marks import check_outgoing
from mailgate.service.questions import question_marker, question_token
from mailgate.store import Tx
from mailgate.store.mails import find_outgoing
from mailgate.store.requests import get_request
from mailgate.store.tables import Assignment, Outgoing, Question
from mailgate.tokens import ServeKey, address_hash

_FORWARDED = re.compile(r"\s*(?:fwd?|wg|tr|rv|enc|i|vs|vb|vl|pd|doorst|ilt|转发|轉寄)\s*[:：]", re.IGNORECASE)
"""How programs begin the subject of a mail that is passed on; it quotes what a reply quotes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What the reply to one seat, or to one question, names.

    Attributes:
        code: the request's short code, which stands in every subject.
        reply_hash: of the secret address.
        marker: the marker line of the mails that asked; empty where no key is at hand, then any line of ours will do.
        is_ours: whether a mail was sent to this very seat, or is this question.
    """

    code: str
    reply_hash: str
    marker: str
    is_ours: Callable[[Outgoing], bool]


def seat_asked(tx: Tx, seat: Assignment, key: ServeKey | None) -> Asked:
    """Return what a reply to ``seat`` names; with the key from no row that somebody could have written."""
    return Asked(
        code=short_code(get_request(tx, seat.request_id)),
        reply_hash=address_hash(key.reply_token(seat.id, seat.generation)) if key else seat.reply_hash,
        marker=key.marker(seat.id, seat.generation) if key else "",
        is_ours=lambda mail: mail.assignment_id == seat.id and _checked(key, mail),
    )


def question_asked(tx: Tx, question: Question, key: ServeKey | None) -> Asked:
    """Return what the answer to ``question`` names."""

    def is_ours(mail: Outgoing) -> bool:
        return mail.kind == "question" and json.loads(mail.details).get("id") == question.id and _checked(key, mail)

    return Asked(
        code=short_code(get_request(tx, question.request_id)),
        reply_hash=address_hash(question_token(key, question.id)) if key else question.reply_hash,
        marker=question_marker(key, question.id) if key else "",
        is_ours=is_ours,
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
        if config.imap.reply_address != "single":
            tokens = secret_tokens(addresses, base=config.smtp.address, mode=config.imap.reply_address)
            return "" if asked.reply_hash in map(address_hash, tokens) else _ELSEWHERE
        if config.smtp.address not in addresses:
            return _ELSEWHERE
    elif asked.code.lower() not in mail.subject.lower() or _FORWARDED.match(mail.subject):
        return "its sender vouches for no To, and its subject is not that of a reply to this request"
    return "" if _answers(tx, mail, covers, asked) else "nothing in it that its sender vouches for names this request"


_ELSEWHERE = "its To is another address than the one it came to, so that it was written for something else"


def _named(covers: frozenset[str] | None, *names: str) -> list[str]:
    return [name for name in names if covers is None or name in covers]


def _answers(tx: Tx, mail: Mail, covers: frozenset[str] | None, asked: Asked) -> bool:
    """Return whether a mail refers to one that asked, or quotes its marker line."""
    ids = referenced_ids(mail, _named(covers, "references", "in-reply-to"))
    if any(asked.is_ours(sent) for sent in find_outgoing(tx, ids)):
        return True
    return any(f"{MARKER}{asked.marker}" in text for text in _texts(mail))


def _texts(mail: Mail) -> Iterator[str]:
    yield from mail.plain
    yield from mail.html


def _checked(key: ServeKey | None, mail: Outgoing) -> bool:
    """Return True for a mail of ours: a row can hold any Message-ID and any seat, only the key makes its mark."""
    if key is not None:
        check_outgoing(key, mail)
    return True
