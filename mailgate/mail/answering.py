"""How a person can answer, in sentences: which ways are open, who else is asked, what one yes or no does. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from enum import Enum

from mailgate.errors import ComposeError
from mailgate.mail.brief import Seat
from mailgate.mail.characters import harmless, one_line
from mailgate.mail.folding import opens_decision
from mailgate.mail.letter import Answering, Letter, host_of, redacted
from mailgate.mail.passages import label


class _Takes(Enum):
    """What one way of answering can do."""

    BOTH = "approve and reject"
    REJECT = "only reject"
    NOTHING = "nothing"


_ONLY_REJECT = "As this is set up nobody can approve it; you can only reject. Please tell whoever runs the agent."

# What a reply takes, what the link takes.
_WAYS = {
    (_Takes.BOTH, _Takes.BOTH): "Reply with APPROVE or REJECT, or use the page linked below.",
    (_Takes.BOTH, _Takes.REJECT): "Reply with APPROVE or REJECT. On the page linked below you can only reject.",
    (_Takes.BOTH, _Takes.NOTHING): "Reply with APPROVE or REJECT, as said below.",
    (_Takes.REJECT, _Takes.BOTH): "Use the page linked below; a reply can only reject.",
    (_Takes.NOTHING, _Takes.BOTH): "Use the page linked below; a reply does not decide.",
}
_CODE_HINTS = {
    "code": "The page asks for this code before it takes a yes, and before it tells the agent why you say no.",
    "fresh_code": "Before the page takes a yes, or tells the agent why you say no, a code is mailed to you, and it asks for that.",
    "button": "",
    "reject": "On that page you can reject. An approval counts only as a reply from your own mailbox.",
}


def answering_of(seat: Seat) -> Answering:
    """Return how the person of ``seat`` can answer.

    Raises:
        ComposeError: a code that is not six digits.
    """
    digits = "".join(seat.code.split())
    if digits and not (len(digits) == 6 and digits.isascii() and digits.isdigit()):
        raise ComposeError("The code of a link is not six digits; it has to come from tokens.ServeKey.code.")
    others = f"Also asked: {listed([label(name) for name in seat.others])}." if seat.others else "You alone are asked."
    return Answering(
        ways=_WAYS.get((_by_reply(seat), _by_link(seat)), _ONLY_REJECT),
        by_reply=seat.by_reply,
        approves_by_reply=seat.approves_by_reply,
        link_url=seat.link,
        link_host=host_of(seat.link) if seat.link else "",
        code=f"{digits[:3]} {digits[3:]}" if digits and seat.link else "",
        code_hint=_code_hint(seat),
        others=others,
        quorum=_quorum(seat),
    )


def archive_copy(letter: Letter, people: Sequence[str]) -> Letter:
    """Return ``letter`` for the archive: it says whom its mails asked or told, and nothing in it can decide.

    Args:
        people: printed names of those who got the mail itself; may be empty.
    """
    names = [label(name) for name in people]
    bare = replace(redacted(letter), recipient=listed(names) or "nobody", is_copy=True)
    if bare.answering is None:
        return bare
    if len(names) == 1:
        asked = f"Asked: {names[0]}, and nobody else."
    else:
        asked = f"Asked: {listed(names)}, each in a mail of their own." if names else "Nobody could be asked."
    return replace(bare, answering=replace(bare.answering, others=asked))


def listed(names: Sequence[str]) -> str:
    """Return names as a person says them: ``Alice Adams, Bob Brown and Carol Clark``."""
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def plain(text: str) -> str:
    """Return ``text`` on one line with single blanks, harmless."""
    return harmless(one_line(" ".join(text.split())))


def safe(sentence: str) -> str:
    """Return a sentence of ours that cannot be read as an answer: it may begin with a name, and "No" is one."""
    return f"Note: {sentence}" if opens_decision(sentence) else sentence


def _by_reply(seat: Seat) -> _Takes:
    if not seat.by_reply:
        return _Takes.NOTHING
    return _Takes.BOTH if seat.approves_by_reply else _Takes.REJECT


def _by_link(seat: Seat) -> _Takes:
    if not seat.link:
        return _Takes.NOTHING
    return _Takes.REJECT if seat.web_confirm == "reject" else _Takes.BOTH


def _code_hint(seat: Seat) -> str:
    if _by_link(seat) is _Takes.REJECT and _by_reply(seat) is not _Takes.BOTH:
        return "On that page you can reject."
    return _CODE_HINTS[seat.web_confirm] if seat.link else ""


def _quorum(seat: Seat) -> str:
    needed = "One yes is enough." if seat.needed == 1 else f"It takes {seat.needed} different people to say yes."
    given = f"So far {seat.given} of them {'has' if seat.given == 1 else 'have'}." if seat.given else ""
    veto = "A single no ends it." if seat.veto else "A no does not end it while enough others can still say yes."
    return safe(" ".join(filter(None, (plain(seat.step), needed, given, veto))))
