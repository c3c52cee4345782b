"""Archives as an auditor names them: mails, or bags that were exported. Standard library only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from mailgate.audit.bag import check_bag, is_bag, read_info
from mailgate.audit.sampling import parse_counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """What to read.

    Attributes:
        paths: where the mails lie.
        sample: the requests of a declared sample, and how many records each had; None where none of the archives is one.
        faults: what of a bag is not as its manifest says, a sentence each.
    """

    paths: tuple[Path, ...]
    sample: dict[str, int] | None
    faults: tuple[str, ...]


def sources_of(archives: Iterable[Path]) -> Sources:
    """Return where the mails of ``archives`` lie; of a bag those in ``data/eml``, once.

    Raises:
        OSError: one of them is not there.
        ValueError: a bag that declares a sample in another form than ours.
    """
    paths, faults, sample = list[Path](), list[str](), dict[str, int]()
    is_sample = False
    for path in archives:
        path.stat()
        if not is_bag(path):
            paths.append(path)
            continue
        info = read_info(path)
        is_sample = is_sample or "Mailgate-Sample" in info
        sample |= parse_counts(info.get("Mailgate-Sample-Requests", ""))
        faults += [f"{path.name}: {fault}" for fault in check_bag(path)]
        paths.append(path / "data" / "eml")
    return Sources(paths=tuple(paths), sample=sample if is_sample else None, faults=tuple(faults))
