"""Wrapping of keys at rest, and the file that holds the key-encryption key."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from cloud_sync.errors import ConfigError, SealBroken
from cloud_sync.keys.wrap import FileKeyEncryptionKey

KEY = bytes(range(32, 64))


@pytest.fixture
def kek() -> FileKeyEncryptionKey:
    """A key-encryption key of known bytes."""
    return FileKeyEncryptionKey(bytes(range(32)))


def test_a_wrapped_key_opens_under_its_identity_only(kek: FileKeyEncryptionKey) -> None:
    """Another identity, another key-encryption key, one bit, one byte less: refused each."""
    wrapped = kek.wrap(KEY, b"leaf/a/1")
    assert kek.unwrap(wrapped, b"leaf/a/1") == KEY
    for data, identity, opener in (
        (wrapped, b"leaf/a/2", kek),
        (wrapped, b"leaf/a/1", FileKeyEncryptionKey(bytes(32))),
        (wrapped[:-1] + bytes([wrapped[-1] ^ 1]), b"leaf/a/1", kek),
        (wrapped[:-1], b"leaf/a/1", kek),
        (b"", b"leaf/a/1", kek),
    ):
        with pytest.raises(SealBroken):
            opener.unwrap(data, identity)


def test_wrapping_twice_gives_different_bytes_and_never_the_key(kek: FileKeyEncryptionKey) -> None:
    """A fresh nonce each time; the key is not among the bytes."""
    one, two = kek.wrap(KEY, b"x"), kek.wrap(KEY, b"x")
    assert one != two and KEY not in one and len(one) == 60


def test_a_key_file_is_made_privately_and_read_again(tmp_path: Path) -> None:
    """Mode 0600 whatever the umask, 32 random bytes, and a second creation is refused."""
    path = tmp_path / "kek"
    mask = os.umask(0)
    try:
        wrapped = FileKeyEncryptionKey.create(path).wrap(KEY, b"x")
    finally:
        os.umask(mask)
    assert (path.stat().st_mode & 0o777, path.stat().st_size) == (0o600, 32)
    assert FileKeyEncryptionKey.open(path).unwrap(wrapped, b"x") == KEY
    with pytest.raises(ConfigError, match="never overwritten"):
        FileKeyEncryptionKey.create(path)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o700])
def test_a_key_file_with_a_wider_mode_is_refused(tmp_path: Path, mode: int) -> None:
    """With 0600 it opens, with one bit more it does not, and the message says what to do."""
    path = tmp_path / "kek"
    FileKeyEncryptionKey.create(path)
    FileKeyEncryptionKey.open(path)
    path.chmod(mode)
    with pytest.raises(ConfigError, match="chmod 600"):
        FileKeyEncryptionKey.open(path)


def test_a_missing_or_damaged_key_file_says_what_to_do(tmp_path: Path) -> None:
    """A missing file, a directory that does not exist, and a file that lost a byte."""
    path = tmp_path / "kek"
    with pytest.raises(ConfigError, match="restore"):
        FileKeyEncryptionKey.open(path)
    with pytest.raises(ConfigError, match="directory"):
        FileKeyEncryptionKey.create(tmp_path / "nowhere" / "kek")
    FileKeyEncryptionKey.create(path)
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ConfigError, match="31 bytes"):
        FileKeyEncryptionKey.open(path)
    with pytest.raises(ConfigError, match="16"):
        FileKeyEncryptionKey(bytes(16))
