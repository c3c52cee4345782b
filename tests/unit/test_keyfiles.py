"""Key files: made once, for their owner alone, and read or refused in one sentence."""

from __future__ import annotations

import base64
import os
import threading
from pathlib import Path

import pytest

from mailgate.config import Config
from mailgate.config.keyfiles import KEY_BYTES, make_keys, read_secret, read_secrets, read_vkey
from mailgate.errors import ConfigError
from mailgate.model.evidence import LogSigner

SECRETS = ("serve_file", "link_file", "log_file")


def counted() -> object:
    """Return a source of bytes that are all different."""
    number = iter(range(256))
    return lambda size: bytes([next(number)]) * size


def vkey_of(seed: bytes) -> str:
    """Return the public key of a seed."""
    return LogSigner("gate.example.com/approvals", seed).vkey


@pytest.fixture
def config(tmp_path: Path) -> Config:
    """Return a configuration in an empty folder."""
    return Config(folder=tmp_path)


def encoded(*secrets: bytes) -> str:
    """Return a key file's text."""
    return "".join(base64.b64encode(s).decode() + "\n" for s in secrets)


def test_missing_keys_are_made_and_said(config: Config) -> None:
    """Three secrets and the public key of the log; each of its own bytes."""
    made = make_keys(config, counted(), vkey_of)  # type: ignore[arg-type]
    assert [p.relative_to(config.folder) for p in made] == [
        Path("keys/serve.key"),
        Path("keys/link.key"),
        Path("keys/log.key"),
        Path("log.vkey"),
    ]
    secrets = [read_secret(config, key) for key in SECRETS]
    assert [len(s) for s in secrets] == [KEY_BYTES] * 3
    assert len(set(secrets)) == 3
    assert read_vkey(config) == vkey_of(read_secret(config, "log_file"))


def test_what_is_there_is_never_overwritten(config: Config) -> None:
    """A second start, or an `init` in the wrong folder, destroys nothing."""
    make_keys(config, counted(), vkey_of)  # type: ignore[arg-type]
    before = {p: p.read_bytes() for p in config.folder.rglob("*") if p.is_file()}
    assert make_keys(config, lambda size: b"\xff" * size, vkey_of) == []
    assert {p: p.read_bytes() for p in config.folder.rglob("*") if p.is_file()} == before


def test_only_what_is_missing_is_made(config: Config) -> None:
    """The public key is made anew from the secret that is there."""
    make_keys(config, counted(), vkey_of)  # type: ignore[arg-type]
    log, public = read_secret(config, "log_file"), read_vkey(config)
    (config.folder / "log.vkey").unlink()
    (config.folder / "keys/link.key").unlink()
    made = make_keys(config, lambda size: b"\xff" * size, vkey_of)
    assert [p.name for p in made] == ["link.key", "log.vkey"]
    assert (read_secret(config, "log_file"), read_vkey(config)) == (log, public)


def test_secrets_are_for_their_owner_alone(config: Config) -> None:
    """Whatever the umask says: files 0600, the folder that is made for them 0700; the public key is readable."""
    before = os.umask(0)
    try:
        make_keys(config, counted(), vkey_of)  # type: ignore[arg-type]
    finally:
        os.umask(before)
    assert {p.name: oct(p.stat().st_mode & 0o777) for p in config.folder.rglob("*.key")} == {
        "serve.key": "0o600",
        "link.key": "0o600",
        "log.key": "0o600",
    }
    assert oct((config.folder / "keys").stat().st_mode & 0o777) == "0o700"
    assert (config.folder / "log.vkey").stat().st_mode & 0o044


def test_two_processes_that_make_keys_agree(config: Config) -> None:
    """Whoever is first wins; nobody fails, and nobody reads half a file."""
    start = threading.Barrier(8)
    found: list[object] = []

    def make(number: int) -> None:
        start.wait()
        try:
            make_keys(config, lambda size: bytes([number]) * size, vkey_of)
            found.append((tuple(read_secret(config, key) for key in SECRETS), read_vkey(config)))
        except Exception as error:
            found.append(error)

    threads = [threading.Thread(target=make, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(found)) == 1
    assert sorted(p.name for p in (config.folder / "keys").iterdir()) == ["link.key", "log.key", "serve.key"]


def test_keys_rotate_by_a_new_line(config: Config) -> None:
    """Oldest first; the last one is the present one. Line ends of other systems are fine."""
    (config.folder / "keys").mkdir()
    old, new = b"\x01" * 32, b"\x02" * 32
    (config.folder / "keys/link.key").write_bytes(encoded(old, new).replace("\n", "\r\n").encode())
    assert read_secrets(config, "link_file") == [old, new]
    assert read_secret(config, "link_file") == new


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"not base64!\n",
        b"\xff\xfe",
        "schlüssel".encode(),
        encoded(b"\x01" * 31).encode(),
        encoded(b"\x01" * 32, b"").encode() + b"QQ==",
        base64.b64encode(b"\x01" * 32)[:-3],
    ],
)
@pytest.mark.parametrize("key", SECRETS)
def test_a_damaged_secret_is_one_sentence(config: Config, key: str, content: bytes) -> None:
    """Which key, which file, what to do; nothing of its content."""
    path = config.path(getattr(config.keys, key))
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_secrets(config, key)
    [sentence] = caught.value.problems
    assert sentence.startswith(f"[keys] {key}: {path} ")
    assert sentence.endswith("; restore it from a backup.")


@pytest.mark.parametrize("key", SECRETS)
def test_a_missing_secret_says_how_to_make_it_and_where(config: Config, key: str) -> None:
    """On the agents' side it is missing on purpose."""
    with pytest.raises(ConfigError) as caught:
        read_secret(config, key)
    path = config.path(getattr(config.keys, key))
    assert caught.value.problems == (
        f"[keys] {key}: {path} cannot be read (No such file or directory); "
        "make it with `mailgate init`, on the serving side only.",
    )


@pytest.mark.parametrize("content", [None, b"", b" \n", b"\xff\xfe\x00"])
def test_a_public_key_that_cannot_be_read_is_one_sentence(config: Config, content: bytes | None) -> None:
    """Workers and auditors copy it from the serving side."""
    if content is not None:
        (config.folder / "log.vkey").write_bytes(content)
    with pytest.raises(
        ConfigError, match=r"^\[keys\] vkey_file: .*log\.vkey .*; copy log\.vkey from the serving side\.$"
    ):
        read_vkey(config)


def test_a_folder_that_cannot_be_written_is_one_sentence(config: Config) -> None:
    """A file where the folder should be, in place of missing rights, which root has."""
    (config.folder / "keys").write_text("")
    with pytest.raises(ConfigError, match=r"^\[keys\] serve_file: .*serve\.key cannot be written \(.*\); "):
        make_keys(config, counted(), vkey_of)  # type: ignore[arg-type]
