"""The ring of keys: what it wraps, who may read it, how it is changed, and what a power cut leaves of it."""

from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import pytest

from cloud_sync.errors import ConfigError, SealBroken
from cloud_sync.keys.ring import DIRECT, KeyRing, number_of
from cloud_sync.keys.wrap import AesKeyEncryptionKey

KEY = bytes(range(32, 64))
ROOT = AesKeyEncryptionKey(bytes(range(32)))
OTHER = AesKeyEncryptionKey(bytes(32))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a ring of one key lies, made at Unix second 1000."""
    KeyRing.create(tmp_path / "ring.json", ROOT, 1000.0)
    return tmp_path / "ring.json"


def test_a_wrapped_key_opens_under_its_identity_only(path: Path) -> None:
    """Another identity, one bit of the number or the rest, one byte less: refused each."""
    ring = KeyRing(path, ROOT)
    wrapped = ring.wrap(KEY, b"leaf/1")
    assert ring.unwrap(wrapped, b"leaf/1") == KEY and number_of(wrapped) == 1 and len(wrapped) == 65
    flipped = [wrapped[:at] + bytes([wrapped[at] ^ 1]) + wrapped[at + 1 :] for at in (0, 4, 5, 20, 64)]
    for data, identity in [(wrapped, b"leaf/2"), (wrapped[:-1], b"leaf/1"), *((data, b"leaf/1") for data in flipped)]:
        with pytest.raises(SealBroken):
            ring.unwrap(data, identity)


def test_the_newest_key_wraps_and_all_unwrap(path: Path) -> None:
    """After a rotation what was wrapped before opens as before, also in a process that starts then."""
    ring = KeyRing(path, ROOT)
    before = ring.wrap(KEY, b"x")
    assert ring.add(2000.0) == 2
    after = ring.wrap(KEY, b"x")
    assert (number_of(before), number_of(after)) == (1, 2)
    again = KeyRing(path, ROOT)
    assert again.unwrap(before, b"x") == again.unwrap(after, b"x") == KEY


def test_another_process_learns_of_a_rotation_when_it_needs_it(path: Path) -> None:
    """A row under a key that a process has not seen makes it read the ring again."""
    service, command = KeyRing(path, ROOT), KeyRing(path, ROOT)
    command.add(2000.0)
    assert service.current == 1
    assert service.unwrap(command.wrap(KEY, b"x"), b"x") == KEY
    assert service.current == 2


def test_rows_from_before_there_was_a_ring_still_open(path: Path) -> None:
    """What the provider wrapped itself has no number, and opens under the provider."""
    direct = ROOT.wrap(KEY, b"x")
    assert number_of(direct) == DIRECT
    assert KeyRing(path, ROOT).unwrap(direct, b"x") == KEY


def test_a_dropped_key_opens_nothing(path: Path) -> None:
    """Whoever has the rows of before, and the ring of now with its provider, reads nothing; the newest is never dropped."""
    ring = KeyRing(path, ROOT)
    before = ring.wrap(KEY, b"x")
    with pytest.raises(ConfigError, match="rotate"):
        ring.drop(1)
    ring.add(2000.0)
    ring.drop(1)
    with pytest.raises(SealBroken, match="key 1"):
        ring.unwrap(before, b"x")
    assert [key.number for key in KeyRing(path, ROOT).keys] == [2]
    ring.add(3000.0)
    assert ring.current == 3  # never a number again


def test_another_provider_takes_over_without_a_stop(path: Path) -> None:
    """Both open the ring until the new one settles; then the old one does not."""
    ring = KeyRing(path, ROOT)
    wrapped = ring.wrap(KEY, b"x")
    with pytest.raises(ConfigError, match="does not open"):
        KeyRing(path, OTHER)
    ring.hand_over(OTHER)
    assert KeyRing(path, ROOT).unwrap(wrapped, b"x") == KEY
    new = KeyRing(path, OTHER)
    assert new.unwrap(wrapped, b"x") == KEY and new.settle() and not new.settle()
    with pytest.raises(ConfigError, match="does not open"):
        KeyRing(path, ROOT)


def test_a_wrapped_key_of_the_ring_is_bound_to_its_number(path: Path) -> None:
    """Key 1 does not pass for key 2 [whoever can write the file must not bring a dropped key back under another name]."""
    KeyRing(path, ROOT).add(2000.0)
    value = json.loads(path.read_text())
    value["keys"][1]["wrapped"] = value["keys"][0]["wrapped"]
    path.write_text(json.dumps(value))
    with pytest.raises(ConfigError, match="key 2 does not open"):
        KeyRing(path, ROOT)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"form": 1, "keys": []}', '{"form": 1, "keys": [{"number": 1}]}', "\x00"]
)
def test_a_damaged_ring_is_refused(path: Path, text: str) -> None:
    """With what to do, and the file stays."""
    path.write_text(text)
    with pytest.raises(ConfigError, match="ring"):
        KeyRing(path, ROOT)
    assert path.read_text() == text


def test_a_ring_that_others_can_read_or_that_is_missing_is_refused(path: Path) -> None:
    """Mode 0640 is refused; nothing is made in the place of a ring that is lost."""
    path.chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        KeyRing(path, ROOT)
    path.unlink()
    with pytest.raises(ConfigError, match="restore"):
        KeyRing(path, ROOT)
    assert not path.exists()


def test_a_ring_is_never_overwritten(path: Path) -> None:
    """Making one where one is changes nothing."""
    before = path.read_bytes()
    with pytest.raises(ConfigError, match="never overwritten"):
        KeyRing.create(path, ROOT, 1.0)
    assert path.read_bytes() == before and path.stat().st_mode & 0o777 == 0o600


def test_a_cut_while_the_ring_is_written_leaves_the_former_one(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed before the rename: the half-written file beside it does no harm, then and later."""
    ring = KeyRing(path, ROOT)

    def cut(*_: object) -> None:
        raise OSError(5, "cut")

    with monkeypatch.context() as cuts:
        cuts.setattr(os, "fsync", cut)
        with pytest.raises(ConfigError, match="as it was"):
            ring.add(2000.0)
    assert KeyRing(path, ROOT).current == 1
    assert KeyRing(path, ROOT).add(2000.0) == 2


def test_two_that_rotate_at_once_lose_no_key(path: Path) -> None:
    """Eight threads, each with a ring of its own over one file: nine keys, each its own number."""
    rings = [KeyRing(path, ROOT) for _ in range(8)]
    threads = [threading.Thread(target=ring.add, args=(2000.0,)) for ring in rings]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [key.number for key in KeyRing(path, ROOT).keys] == list(range(1, 10))


def test_no_key_stands_in_the_file(path: Path) -> None:
    """Neither as bytes nor in hex."""
    ring = KeyRing(path, ROOT)
    secret = ROOT.unwrap(bytes.fromhex(ring.keys[0].wrapped[0]), b"byleave/1/ring/1")
    assert len(secret) == 32 and secret.hex() not in path.read_text() and secret not in path.read_bytes()
