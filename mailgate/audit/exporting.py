"""Export an archive as a bag: mails, records with their proofs, a table of decisions, a report. Standard library only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mailgate.audit.bag import Bag
from mailgate.audit.bagging import write_mails, write_records
from mailgate.audit.cases import Case, case_of
from mailgate.audit.decisions import rows
from mailgate.audit.gathering import histories, notes
from mailgate.audit.keyring import Keyring
from mailgate.audit.paper import Paper, page
from mailgate.audit.reading import Item
from mailgate.audit.sampling import Sample, belongs, format_counts
from mailgate.audit.spill import Spill
from mailgate.audit.verdicts import Report


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """What a bag holds: how many mails, records and requests; ``total`` requests there are in the archive."""

    mails: int
    records: int
    requests: int
    total: int


def export(
    folder: Path,
    spill: Spill,
    report: Report,
    keyring: Keyring,
    read: Callable[[], Iterable[Item]],
    *,
    sample: Sample | None,
    tools: Mapping[str, bytes],
    version: str,
) -> Exported:
    """Write a bag of an archive that was verified.

    Args:
        folder: where to; not there yet, or empty.
        spill: what verifying it has left.
        read: reads the same archive once more.
        sample: None: everything.
        tools: files to put beside it under ``data/``, by name: what verifies it on a bare machine.
        version: of mailgate, for ``bag-info.txt``.

    Raises:
        OSError: it cannot be written.
    """
    requests = [str(request) for (request,) in spill.find(_REQUESTS)]
    chosen = frozenset(requests) if sample is None else sample.of(requests)
    bag = Bag(folder)
    mails = write_mails(bag, spill, read(), lambda records: sample is None or belongs(records, chosen))
    records = write_records(bag, spill)
    with bag.payload("decisions.csv") as file:
        for line in rows(_cases(spill, chosen)):
            file.write(line)
    declared = "" if sample is None else f"{len(chosen)} of {len(requests)} requests, drawn with the seed {sample.seed}"
    paper = Paper(report=report, sample=declared, mails=mails, records=records, version=version)
    with bag.payload("report.html") as file:
        for part in page(paper, lambda: _cases(spill, chosen)):
            file.write(part.encode("utf-8", "replace"))
    bag.put("checkpoint", ("", *notes(spill))[-1].encode())
    bag.put("log.vkey", "".join(f"{key.format()}\n" for key in keyring.keys).encode())
    for name, content in tools.items():
        bag.put(name, content)
    info = dict(_info(report, version))
    if sample is not None:
        counts = {request: len(kept) for request, kept in histories(spill) if request in chosen}
        info |= {"Mailgate-Sample": declared, "Mailgate-Sample-Requests": format_counts(counts)}
    bag.close(info)
    return Exported(mails=mails, records=records, requests=len(chosen), total=len(requests))


_REQUESTS = """select distinct request from (select request from body union select request from thread)
    where request != '' order by request"""


def _cases(spill: Spill, chosen: frozenset[str]) -> Iterator[Case]:
    for request, kept in histories(spill):
        if request in chosen:
            yield case_of(request, kept)


def _info(report: Report, version: str) -> Mapping[str, str]:
    return {
        "Bag-Software-Agent": f"mailgate {version}",
        "External-Identifier": report.log,
        "Mailgate-Verdict": report.verdict.value,
        "Mailgate-Records": f"{report.records} of {report.size}",
    }
