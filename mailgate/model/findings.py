"""What can be found wrong with an archive: a closed list, with what each finding means. Standard library only."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """What was found. The names are part of the interface: scripts and auditors' papers quote them."""

    MAIL_DELETED = "MAIL_DELETED"
    REPLY_DELETED = "REPLY_DELETED"
    STRIPPED = "STRIPPED"
    UNPROVEN_MAIL = "UNPROVEN_MAIL"
    TAIL_TRUNCATED = "TAIL_TRUNCATED"
    RECORD_ALTERED = "RECORD_ALTERED"
    BODY_ALTERED = "BODY_ALTERED"
    SENDER_ALTERED = "SENDER_ALTERED"
    RECIPIENT_ALTERED = "RECIPIENT_ALTERED"
    SUBJECT_ALTERED = "SUBJECT_ALTERED"
    TIME_SKEW = "TIME_SKEW"
    REPLY_ALTERED = "REPLY_ALTERED"
    DKIM_FAIL = "DKIM_FAIL"
    PROOF_BAD = "PROOF_BAD"
    PROOF_MISMATCH = "PROOF_MISMATCH"
    FORK = "FORK"
    ILLEGAL_TRANSITION = "ILLEGAL_TRANSITION"
    QUORUM = "QUORUM"
    SOD = "SOD"
    LATE = "LATE"
    REDACTED = "REDACTED"
    NO_RECENT_SEAL = "NO_RECENT_SEAL"


HARMLESS = frozenset({Kind.REDACTED, Kind.NO_RECENT_SEAL})
"""What does not mean that the archive was tampered with."""

MEANINGS = {
    Kind.MAIL_DELETED: "The log has a record that no mail of the archive carries: its mail was deleted, or never arrived.",
    Kind.REPLY_DELETED: "A record names a person's reply by its digest, and the reply is not kept where it has to be.",
    Kind.STRIPPED: "The mail is there, and what it carried as evidence was taken out of it.",
    Kind.UNPROVEN_MAIL: "The mail says that it is from mailgate, and carries nothing that proves it.",
    Kind.TAIL_TRUNCATED: "The log went on after the last mail of the archive: the newest mails were cut off.",
    Kind.RECORD_ALTERED: "The record in this mail is not the one that was put into the log.",
    Kind.BODY_ALTERED: "The visible text of this mail is not the one that was sent.",
    Kind.SENDER_ALTERED: "The mail was sent under another From address than it shows now.",
    Kind.RECIPIENT_ALTERED: "The mail was sent to another address than it shows now.",
    Kind.SUBJECT_ALTERED: "The mail was sent under another subject than it shows now.",
    Kind.TIME_SKEW: "The times of this mail do not fit to the time at which it was made.",
    Kind.REPLY_ALTERED: "The reply that is kept here is not the one that was counted.",
    Kind.DKIM_FAIL: "The signature of the approver's own domain under the kept reply does not hold.",
    Kind.PROOF_BAD: "What should prove the record is not signed by the log's key, or is not in its one form.",
    Kind.PROOF_MISMATCH: "The evidence is genuine, and belongs to another mail or another request.",
    Kind.FORK: "The log key signed two histories that contradict each other: whoever holds it wrote one of them anew.",
    Kind.ILLEGAL_TRANSITION: "The request's history says something that cannot happen, such as a run that nobody approved.",
    Kind.QUORUM: "The request was taken for approved, and not enough of the right people had said yes, proven well enough.",
    Kind.SOD: "The person for whom the agent acted approved the request (separation of duties).",
    Kind.LATE: "It happened outside of its time: an answer after the deadline, or a run that was not approved for then.",
    Kind.REDACTED: "The record was erased by authority; a later record says by whom and why.",
    Kind.NO_RECENT_SEAL: "No seal is as recent as it should be: newer mails may be missing, and nothing here would show it.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One finding.

    Attributes:
        why: a sentence: what exactly.
        index: of the record it is about, or None.
        request: the id of the request it is about, or empty.
        place: where the mail to look at lies; empty where there is none.
    """

    kind: Kind
    why: str
    index: int | None = None
    request: str = ""
    place: str = ""
