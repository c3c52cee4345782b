"""The stamp of a mail: what its reader sees, bound to the records it carries (docs/adr/0012). Standard library only.

A record binds what was asked, decided and done. The stamp binds how that was put to a person: who it was from and to,
under which subject and when, and every word between the two lines of the visible block. It is signed with the log's key.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

BEGINS = "----- begin mailgate record -----"
ENDS = "----- end mailgate record -----"

_HEADER = "mailgate-mail@v1"
_LINK = re.compile(r"(?i)https?://\S+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What a stamp says.

    Attributes:
        log: the name of the log whose key signs it.
        leaves: hashes of the records the mail carries, in its order.
        sender, recipient, subject, date: of its header; the date in RFC 3339.
        shown: SHA-256 in hex of the visible block, see :func:`visible_hash`.
    """

    log: str
    leaves: tuple[bytes, ...]
    sender: str
    recipient: str
    subject: str
    date: str
    shown: str

    def text(self) -> bytes:
        """Return what is signed.

        Raises:
            ValueError: a line end in one of its parts.
        """
        leaves = " ".join(leaf.hex() for leaf in self.leaves)
        parts = (_HEADER, self.log, leaves, self.sender, self.recipient, self.subject, self.date, self.shown)
        if any("\n" in part or "\r" in part for part in parts):
            raise ValueError("a stamp's parts are lines")
        return ("\n".join(parts) + "\n").encode()


def squeezed(text: str) -> str:
    """Return ``text`` without white space: what stays the same however a client folds, indents or re-wraps it."""
    return "".join(text.split())


def visible_block(lines: Sequence[str]) -> str | None:
    """Return what stands between the two lines of the visible block, without white space and links; None unless there is one.

    Links are left out because gateways write them anew, and because the HTML part has the one link of a mail in a button.
    What an agent wrote holds none: its addresses are defanged.
    """
    stripped = [line.strip() for line in lines]
    if stripped.count(BEGINS) != 1 or stripped.count(ENDS) != 1:
        return None
    begin, end = stripped.index(BEGINS), stripped.index(ENDS)
    return squeezed(_LINK.sub("", " ".join(stripped[begin + 1 : end]))) if begin < end else None


def visible_hash(block: str) -> str:
    """Return the digest by which a stamp names a visible block; hex SHA-256 of its UTF-8."""
    return hashlib.sha256(block.encode()).hexdigest()
