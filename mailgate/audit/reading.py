"""Archives → mails, one at a time: mbox, Maildir, folders of EML, single mails, and zips of these. Standard library only.

Nothing is believed of a file but its bytes: names and endings say nothing, sizes that a zip declares are compared with what
comes out of it. Memory is bounded by the biggest mail that is read.
"""

from __future__ import annotations

import os
import re
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Protocol

MAX_MAIL = 32 * 1024 * 1024
"""Bytes of one mail. Ours have a few kilobytes, or as much as the replies that are kept with the end of a request."""

MAX_RATIO = 100
"""How many times a zip may unfold; mails with base64 shrink to a third, a bomb to a thousandth."""

_CHUNK = 1024 * 1024
_SMALL = 1024 * 1024
_QUOTED_FROM = re.compile(rb"^>(>*From )", re.MULTILINE)
_FIELD = re.compile(rb"(?:\xef\xbb\xbf)?[\r\n]*(?:>?From |[!-9;-~]+[ \t]*:)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One mail of an archive; ``raw`` is None where it was not read, and ``why`` says why."""

    place: str
    raw: bytes | None
    why: str = ""
    size: int = 0


class Stream(Protocol):
    """What bytes are read from."""

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes, none at the end."""


def read_archives(paths: Iterable[Path]) -> Iterator[Item]:
    """Yield the mails of all archives.

    Raises:
        OSError: a file or folder that is not there, or cannot be read.
    """
    for path in paths:
        if path.is_dir():
            yield from _read_folder(path)
        else:
            with path.open("rb") as file:
                yield from _read_file(file, path.name, path.stat().st_size)


def _read_folder(top: Path) -> Iterator[Item]:
    """Yield the mails of a folder and of the folders in it. Links are not followed: they may lead in circles."""
    waiting = [(top, top.name)]
    while waiting:
        folder, place = waiting.pop()
        is_maildir = (folder / "cur").is_dir()
        with os.scandir(folder) as entries:
            for entry in entries:
                inner, where = folder / entry.name, f"{place}/{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    # What lies in a Maildir's tmp was not delivered (maildir(5)).
                    waiting += [] if is_maildir and entry.name == "tmp" else [(inner, where)]
                elif entry.is_file(follow_symlinks=False) and entry.stat(follow_symlinks=False).st_size:
                    yield from _read_inner(inner, where)


def _read_inner(path: Path, place: str) -> Iterator[Item]:
    try:
        with path.open("rb") as file:
            yield from _read_file(file, place, path.stat().st_size)
    except OSError as error:
        yield Item(place=place, raw=None, why=f"it cannot be read ({error.strerror})")


def _read_file(file: BinaryIO, place: str, size: int) -> Iterator[Item]:
    head = file.read(512)
    if head.startswith(b"PK\x03\x04"):
        file.seek(0)
        yield from _read_zip(file, place)
    else:
        yield from _read_mails(file, head, place, size)


def _read_mails(file: Stream, head: bytes, place: str, size: int) -> Iterator[Item]:
    """Yield what lies in a file that is no zip: an mbox, a mail, or neither."""
    if not _FIELD.match(head):
        yield Item(place=place, raw=None, why="it is no mail and no mbox", size=size)
    elif head.startswith(b"From "):
        yield from _read_mbox(file, head, place)
    else:
        raw = head + file.read(MAX_MAIL + 1 - len(head))
        if len(raw) > MAX_MAIL:
            yield Item(place=place, raw=None, why=_TOO_BIG, size=size)
        else:
            yield Item(place=place, raw=raw.removeprefix(b"\xef\xbb\xbf"), size=len(raw))


_TOO_BIG = f"it has more than {MAX_MAIL // 1024 // 1024} MB, and is not read"


def _read_mbox(file: Stream, head: bytes, place: str) -> Iterator[Item]:
    """Yield the mails of an mbox; lines that begin with ``>From`` are put right (mboxrd, which is right for mboxo of ours)."""
    buffer, number, skipped, seen = b"", 0, 0, 0
    for chunk in chain([head], iter(lambda: file.read(_CHUNK), b"")):
        start, at = 0, max(seen - 10, 0)
        buffer += chunk
        while (at := buffer.find(b"\nFrom ", at)) >= 0:
            if buffer.endswith((b"\n", b"\n\r"), max(at - 2, 0), at):  # an empty line comes before
                number += 1
                yield _of_mbox(buffer[start:at], place, number, skipped)
                start, skipped = at + 1, 0
            at += 1
        buffer = buffer[start:]
        seen = len(buffer)
        if seen > MAX_MAIL or (skipped and seen > 10):
            skipped, buffer, seen = skipped + seen - 10, buffer[-10:], 10
    yield _of_mbox(buffer, place, number + 1, skipped)


def _of_mbox(raw: bytes, place: str, number: int, skipped: int) -> Item:
    where = f"{place}, mail {number}"
    if skipped or len(raw) > MAX_MAIL:
        return Item(place=where, raw=None, why=_TOO_BIG, size=skipped + len(raw))
    mail = raw.partition(b"\n")[2]
    if b"\n>" in mail:
        mail = _QUOTED_FROM.sub(rb"\1", mail)
    return Item(place=where, raw=mail, size=len(raw))


def _read_zip(file: BinaryIO, place: str) -> Iterator[Item]:
    left = os.fstat(file.fileno()).st_size
    try:
        with zipfile.ZipFile(file) as archive:
            for info in archive.infolist():
                left -= info.compress_size
                if left < 0:
                    # Several entries over the same bytes: a bomb without a high ratio.
                    yield Item(place=place, raw=None, why=_BOMB)
                    return
                if not info.is_dir():
                    yield from _read_member(archive, info, f"{place}/{info.filename}")
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        yield Item(place=place, raw=None, why=f"it is a zip that cannot be read ({error})")


def _read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, place: str) -> Iterator[Item]:
    if info.file_size > _SMALL and info.file_size > MAX_RATIO * info.compress_size:
        yield Item(place=place, raw=None, why=_BOMB, size=info.compress_size)
        return
    with archive.open(info) as member:
        # A zip may declare less than it holds: what comes out is counted, too.
        counted = _Counted(member, max(_SMALL, MAX_RATIO * info.compress_size))
        head = counted.read(512)
        if head.startswith(b"PK\x03\x04"):
            yield Item(place=place, raw=None, why="it is a zip within a zip; unpack it first", size=info.compress_size)
            return
        yield from _read_mails(counted, head, place, info.compress_size)
        if counted.is_over:
            yield Item(place=place, raw=None, why=_BOMB)


_BOMB = f"it unfolds to more than {MAX_RATIO} times its size, as no mail does, and is not read"


class _Counted:
    """A stream that ends after so many bytes."""

    def __init__(self, stream: Stream, most: int) -> None:
        self._stream, self._left = stream, most
        self.is_over = False

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes, none at the end."""
        content = self._stream.read(min(size, self._left + 1))
        self.is_over = self.is_over or len(content) > self._left
        self._left -= min(len(content), self._left)
        return b"" if self.is_over else content
