"""Archives as they come: every format, nested, several at once; and files that are no archive, within bounds."""

from __future__ import annotations

import mailbox
import os
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from mailgate.audit.reading import MAX_MAIL, Item, read_archives

MAIL = b"From: a@example.com\r\nSubject: x\r\n\r\nHello.\r\n"


def mails(count: int) -> list[bytes]:
    """Return different mails, one with lines that an mbox has to quote."""
    found = [MAIL.replace(b"Hello", b"Hello %d" % n) for n in range(count)]
    return [*found[:-1], found[-1] + b"\r\nFrom here on\r\n>From there\r\n"]


def read(*paths: Path) -> list[Item]:
    """Read archives."""
    return list(read_archives(paths))


def as_mbox(path: Path, raws: list[bytes]) -> Path:
    """Write an mbox as the standard library does."""
    box = mailbox.mbox(path)
    for raw in raws:
        box.add(raw.replace(b"\r\n", b"\n"))
    box.close()
    return path


def unix(raws: list[bytes]) -> list[bytes]:
    """Return mails with LF, as they lie in an mbox."""
    return [raw.replace(b"\r\n", b"\n") for raw in raws]


def test_an_mbox(tmp_path: Path) -> None:
    """Each mail as it was, lines that begin with From too; named by its number."""
    items = read(as_mbox(tmp_path / "a.mbox", mails(5)))
    meant = [raw.replace(b"\n>From there", b"\nFrom there") for raw in unix(mails(5))]
    assert [(item.raw or b"").rstrip() for item in items] == [raw.rstrip() for raw in meant]
    assert [item.place for item in items] == [f"a.mbox, mail {n}" for n in range(1, 6)]


def test_an_mbox_with_crlf_and_with_mails_over_chunks(tmp_path: Path) -> None:
    """Where one mail ends and the next begins does not depend on how it is read."""
    big = [MAIL + b"%d " % n * (200_000 + n) + b"\r\n" for n in range(12)]
    path = tmp_path / "big"
    path.write_bytes(b"".join(b"From x Tue Nov 24 09:00:00 2026\r\n" + raw + b"\r\n" for raw in big))
    assert [(item.raw or b"").rstrip() for item in read(path)] == [raw.rstrip() for raw in big]


def test_a_maildir(tmp_path: Path) -> None:
    """With folders in it; what lies in tmp was not delivered."""
    box = mailbox.Maildir(tmp_path / "Maildir")
    for raw in mails(3):
        box.add(raw)
    box.add_folder("Sent").add(MAIL)
    (tmp_path / "Maildir" / "tmp" / "half").write_bytes(MAIL[:20])
    assert len(read(tmp_path / "Maildir")) == 4


def test_folders_in_folders_and_several_at_once(tmp_path: Path) -> None:
    """EML files, an mbox and a zip, side by side and nested; places name each."""
    inner = tmp_path / "2026" / "11"
    inner.mkdir(parents=True)
    (inner / "one.eml").write_bytes(MAIL)
    as_mbox(inner / "two", mails(2))
    with zipfile.ZipFile(tmp_path / "2026" / "three.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("eml/a.eml", MAIL)
        archive.write(inner / "two", "box.mbox")
    (tmp_path / "four.eml").write_bytes(b"\xef\xbb\xbf" + MAIL)
    items = read(tmp_path / "2026", tmp_path / "four.eml")
    assert sorted(item.place for item in items) == [
        "2026/11/one.eml",
        "2026/11/two, mail 1",
        "2026/11/two, mail 2",
        "2026/three.zip/box.mbox, mail 1",
        "2026/three.zip/box.mbox, mail 2",
        "2026/three.zip/eml/a.eml",
        "four.eml",
    ]
    assert all((item.raw or b"").startswith(b"From: a") for item in items)


def test_links_are_not_followed(tmp_path: Path) -> None:
    """They may lead in circles."""
    (tmp_path / "a.eml").write_bytes(MAIL)
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "b.eml").symlink_to(tmp_path / "a.eml")
    assert len(read(tmp_path)) == 1


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(1000), "it is no mail and no mbox"),
        (b"%PDF-1.7\n", "it is no mail and no mbox"),
        (b"", "it is no mail and no mbox"),
        (b"PK\x03\x04 and then nothing", "it is a zip that cannot be read (File is not a zip file)"),
    ],
)
def test_what_is_no_archive_is_said_to_be_none(tmp_path: Path, content: bytes, why: str) -> None:
    """In one sentence, and the next file is read."""
    (tmp_path / "x").write_bytes(content)
    (tmp_path / "y.eml").write_bytes(MAIL)
    by_place = {item.place: item for item in read(tmp_path / "x", tmp_path / "y.eml")}
    assert (by_place["x"].raw, by_place["x"].why) == (None, why)
    assert by_place["y.eml"].raw == MAIL


def test_a_file_that_may_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder is read all the same; an archive that was named and is not there is an error."""
    (tmp_path / "a.eml").write_bytes(MAIL)
    (tmp_path / "b.eml").write_bytes(MAIL)
    opened = Path.open

    def refuse(path: Path, *args: object, **options: object) -> object:
        if path.name == "a.eml":
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *args, **options)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", refuse)
    assert sorted(item.why for item in read(tmp_path)) == ["", "it cannot be read (Permission denied)"]
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "nowhere")


@pytest.mark.slow
def test_a_mail_that_is_too_big_is_passed_over(tmp_path: Path) -> None:
    """Two gigabytes of nothing within an mbox: the mails before and after are read."""
    items = read(sparse(tmp_path / "sparse.mbox", 2 * 1024**3))
    assert [item.why for item in items] == ["", "it has more than 32 MB, and is not read", ""]
    assert items[1].size > 2 * 1024**3


def test_it_takes_no_memory(tmp_path: Path) -> None:
    """No more than the biggest mail that is read, some times over."""
    path = sparse(tmp_path / "sparse.mbox", 3 * MAX_MAIL)
    tracemalloc.start()
    assert [item.why for item in read(path)] == ["", "it has more than 32 MB, and is not read", ""]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2.5 * MAX_MAIL


def sparse(path: Path, size: int) -> Path:
    """Write an mbox of three mails, one of which is mostly a hole."""
    with path.open("wb") as file:
        file.write(b"From x\n" + MAIL + b"\nFrom x\n" + MAIL)
        file.seek(size, os.SEEK_CUR)
        file.write(b"\n\nFrom x\n" + MAIL)
    return path


def test_a_single_mail_that_is_too_big(tmp_path: Path) -> None:
    """No more of it is read than a mail may have."""
    path = tmp_path / "big.eml"
    with path.open("wb") as file:
        file.write(MAIL)
        file.truncate(2 * 1024**3)
    assert [item.why for item in read(path)] == ["it has more than 32 MB, and is not read"]


def test_a_zip_bomb(tmp_path: Path) -> None:
    """By the size it declares, by what comes out where it lies, and by entries over the same bytes."""
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.eml", MAIL + b"x" * 20_000_000)
    [item] = read(bomb)
    assert item.why == "it unfolds to more than 100 times its size, as no mail does, and is not read"

    raw = bytearray(bomb.read_bytes())
    size = (len(MAIL) + 20_000_000).to_bytes(4, "little")
    lying = tmp_path / "lying.zip"
    lying.write_bytes(bytes(raw.replace(size, (5000).to_bytes(4, "little"))))
    assert [item.raw for item in read(lying) if item.raw and len(item.raw) > 5000] == []

    many = tmp_path / "many.zip"
    with zipfile.ZipFile(many, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a.eml", MAIL + os.urandom(1000).hex().encode())
        first = archive.infolist()[0]
        for number in range(50):
            again = zipfile.ZipInfo(f"{number}.eml")
            again.compress_size, again.file_size, again.CRC = first.compress_size, first.file_size, first.CRC
            again.header_offset = first.header_offset
            archive.filelist.append(again)
            archive.NameToInfo[again.filename] = again
        archive._didModify = True  # type: ignore[attr-defined]
    assert read(many)[-1].why.startswith("it unfolds to more than") or "zip that cannot be read" in read(many)[-1].why


def test_a_zip_within_a_zip(tmp_path: Path) -> None:
    """It is named, and not unpacked."""
    inner, outer = tmp_path / "inner.zip", tmp_path / "outer.zip"
    with zipfile.ZipFile(inner, "w") as archive:
        archive.writestr("a.eml", MAIL)
    with zipfile.ZipFile(outer, "w") as archive:
        archive.write(inner, "inner.zip")
    assert [item.why for item in read(outer)] == ["it is a zip within a zip; unpack it first"]
