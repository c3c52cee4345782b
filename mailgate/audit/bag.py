"""A BagIt bag (RFC 8493): files under ``data/`` with a manifest of their hashes, so that a copy of it can be checked anywhere.

It names no time of its making: the same archive gives the same bag, byte for byte. Standard library only.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

_DECLARATION = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
_CHUNK = 1024 * 1024


class Payload:
    """One file of a bag while it is being written."""

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._hash, self.size = file, hashlib.sha256(), 0

    def write(self, content: bytes) -> None:
        """Append to the file."""
        self._file.write(content)
        self._hash.update(content)
        self.size += len(content)

    @property
    def digest(self) -> str:
        """SHA-256 of what was written so far, in hex."""
        return self._hash.hexdigest()


class Bag:
    """Writes a bag into a folder that is not there yet, or empty. Names of files are our own: plain ASCII."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, tuple[str, int]] = {}

    @contextmanager
    def payload(self, name: str) -> Iterator[Payload]:
        """Give a file under ``data/`` to write into."""
        path = self._folder / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            written = Payload(file)
            yield written
        self._files[f"data/{name}"] = (written.digest, written.size)

    def put(self, name: str, content: bytes) -> None:
        """Write a whole file under ``data/``."""
        with self.payload(name) as file:
            file.write(content)

    def close(self, info: Mapping[str, str]) -> None:
        """Write what describes the bag: its manifests, and ``info`` for ``bag-info.txt``."""
        octets, streams = sum(size for _, size in self._files.values()), len(self._files)
        said = {**info, "Payload-Oxum": f"{octets}.{streams}"}
        tags = {
            "bagit.txt": _DECLARATION,
            "bag-info.txt": "".join(f"{name}: {_line(text)}\n" for name, text in said.items()).encode(),
            "manifest-sha256.txt": _manifest((digest, name) for name, (digest, _) in self._files.items()),
        }
        for name, content in tags.items():
            (self._folder / name).write_bytes(content)
        listed = _manifest((hashlib.sha256(content).hexdigest(), name) for name, content in tags.items())
        (self._folder / "tagmanifest-sha256.txt").write_bytes(listed)


def is_bag(folder: Path) -> bool:
    """Return whether a folder is a bag."""
    return (folder / "bagit.txt").is_file() and (folder / "data").is_dir()


def read_info(folder: Path) -> dict[str, str]:
    """Return what ``bag-info.txt`` says; folded lines are joined (RFC 8493 section 2.2.2)."""
    text = (folder / "bag-info.txt").read_text(encoding="utf-8") if (folder / "bag-info.txt").is_file() else ""
    lines = text.replace("\n ", " ").replace("\n\t", " ").splitlines()
    return {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines) if value}


def check_bag(folder: Path) -> Iterator[str]:
    """Yield a sentence for each file of a bag that is missing, changed or not in its manifest (RFC 8493 section 3)."""
    listed: set[str] = set()
    for manifest in ("manifest-sha256.txt", "tagmanifest-sha256.txt"):
        path = folder / manifest
        if not path.is_file():
            yield f"{manifest} is missing."
            continue
        for line in path.read_text(encoding="utf-8").splitlines():
            digest, _, name = line.partition("  ")
            listed.add(name)
            file = folder / name
            if not file.resolve().is_relative_to(folder.resolve()) or not file.is_file():
                yield f"{name} is missing."
            elif _digest(file) != digest:
                yield f"{name} is not what the manifest says."
    for file in sorted((folder / "data").rglob("*")):
        name = file.relative_to(folder).as_posix()
        if file.is_file() and name not in listed:
            yield f"{name} is not in the manifest."


def _digest(file: Path) -> str:
    found = hashlib.sha256()
    with file.open("rb") as opened:
        while chunk := opened.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest()


def _manifest(files: Iterable[tuple[str, str]]) -> bytes:
    return "".join(f"{digest}  {name}\n" for digest, name in sorted(files, key=lambda file: file[1])).encode()


def _line(text: str) -> str:
    return " ".join(text.split())
