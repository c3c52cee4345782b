"""What is missing from a sample: only the threads that it declares, since the others are left out on purpose.

Standard library only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from mailgate.audit.spill import Spill
from mailgate.model.findings import Found, Kind


def find_missing_of(spill: Spill, counts: Mapping[str, int]) -> Iterator[Found]:
    """Yield what is missing from the threads of a sample.

    Args:
        counts: the requests that were drawn, and how many records each had then.
    """
    for request, count in counts.items():
        here = {seq for (seq,) in spill.find(_HERE, request)}
        copies = {seq: (index, place) for seq, index, place in spill.find(_COPIES, request)}
        if not here and not copies:
            why = f"The sample names request {request}, and nothing of it is here."
            yield Found(kind=Kind.MAIL_DELETED, why=why, request=request)
            continue
        for seq in range(max(count, *(seq + 1 for seq in (*here, *copies)))):
            if seq not in here:
                index, place = copies.get(seq, (None, ""))
                found = f": recovered from a later mail, {place}" if place else ""
                why = f"Record {seq} of the request is in no mail of the sample{found}."
                yield Found(kind=Kind.MAIL_DELETED, why=why, index=index, request=request)


_HERE = "select body.seq from body join proven using (idx, leaf) where body.request = ? and archived"
_COPIES = (
    "select thread.seq, thread.idx, mail.place from thread join mail on mail.id = thread.mail where thread.request = ?"
)
