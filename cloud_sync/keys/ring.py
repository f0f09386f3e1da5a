"""The ring: the keys under which every stored key is wrapped, themselves wrapped by the provider (`keys.providers`).

    provider (file, environment, hardware module, key service)
        └ ring: key 1, key 2, …       one small file; the newest wraps, all of them unwrap
            └ tips, days, persons, …   rows of the key store

So the provider is asked once at a start, and a rotation is two cheap things: another key in the ring, at once, and rows that
are wrapped anew under it, little by little, while everything goes on (`keys.rotation`).

A wrapped row is 0x01 ‖ number of the key (4, big-endian) ‖ nonce (12) ‖ ciphertext (32) ‖ tag (16). Rows from before there
was a ring have no first two parts: they are wrapped by the provider itself, and called key 0 here.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from cloud_sync.errors import ConfigError, SealBroken
from cloud_sync.keys.wrap import (
    KEY_BYTES,
    PRIVATE_MODE,
    WRAPPED_BYTES,
    AesKeyEncryptionKey,
    KeyEncryptionKey,
    sync_directory,
)

FORM = 1
MARK = b"\x01"
NUMBER_BYTES = 4
PREFIX_BYTES = len(MARK) + NUMBER_BYTES
DIRECT = 0  # the number of what the provider has wrapped itself
MOST_BYTES = 1 << 20  # a ring of a hundred years of weekly keys; a longer file is none


@dataclass(frozen=True, slots=True)
class RingKey:
    """One key of the ring: wrapped by a provider, or by two while one takes over from the other."""

    number: int
    made_at: float
    wrapped: tuple[str, ...]  # hex
    emptied_at: float | None = None  # since when no row is wrapped under it


class KeyRing:
    """A `KeyEncryptionKey` over all keys of one ring. Threads share it; processes share its file."""

    def __init__(self, path: Path, root: KeyEncryptionKey) -> None:
        """Read the ring at `path`; ConfigError when it is not there, is damaged, or the provider is another one's."""
        self.path = path
        self._root = root
        self._lock = threading.Lock()
        self._keys: Mapping[int, RingKey] = {}
        self._aead: Mapping[int, AesKeyEncryptionKey] = {}
        self.reload()

    @classmethod
    def create(cls, path: Path, root: KeyEncryptionKey, now: float) -> KeyRing:
        """A ring of one new key, durable before it is used; one that is there is never overwritten."""
        if path.exists():
            raise ConfigError(f"{path}: exists already; a ring of keys is never overwritten")
        _write(path, [_made(1, now, root)])
        return cls(path, root)

    # What a `KeyEncryptionKey` does

    def wrap(self, key: bytes, identity: bytes) -> bytes:
        """`key` sealed for storage under the newest key and bound to `identity`."""
        number = self.current
        return prefix(number) + self._aead[number].wrap(key, identity)

    def unwrap(self, wrapped: bytes, identity: bytes) -> bytes:
        """The key again; `SealBroken` if the bytes or the identity differ, or the key of that number is gone."""
        if len(wrapped) == WRAPPED_BYTES:
            return self._root.unwrap(wrapped, identity)
        number = number_of(wrapped)
        if number not in self._aead:
            self.reload()  # another process may have rotated
        if number not in self._aead:
            raise SealBroken(f"wrapped under key {number}, which is not in the ring any more")
        return self._aead[number].unwrap(wrapped[PREFIX_BYTES:], identity)

    # The ring itself

    @property
    def current(self) -> int:
        """The number of the newest key."""
        return max(self._keys)

    @property
    def keys(self) -> list[RingKey]:
        """All keys, oldest first; what they are is not told."""
        return [self._keys[number] for number in sorted(self._keys)]

    def reload(self) -> None:
        """Read the file again: another process may have changed it."""
        with self._lock:
            keys = _read(self.path)
            self._aead = {number: self._aead.get(number) or self._opened(key) for number, key in keys.items()}
            self._keys = keys

    def add(self, now: float) -> int:
        """A new key, which wraps from now on; its number."""
        with _only_one(self.path), self._lock:
            keys = _read(self.path)
            if any(len(key.wrapped) > 1 for key in keys.values()):
                # [a key that the former provider alone wraps: the service would not start with the new one]
                raise ConfigError(
                    f"{self.path}: two providers open the ring; restart with the new one, run `sync keys settle`, then rotate"
                )
            number = max(keys) + 1
            _write(self.path, [*keys.values(), _made(number, now, self._root)])
        self.reload()
        return number

    def mark_empty(self, number: int, now: float) -> None:
        """No row is wrapped under this key any more, since now unless it was said before."""
        self._change(number, lambda key: key if key.emptied_at is not None else replace(key, emptied_at=now))

    def mark_used(self, number: int) -> None:
        """Rows are wrapped under this key again: a restored store, or a process that had not read the ring."""
        self._change(number, lambda key: replace(key, emptied_at=None))

    def drop(self, number: int) -> None:
        """Destroy a key; what is still wrapped under it, in a backup of the key store say, opens nowhere any more."""
        if number == self.current:
            raise ConfigError("the newest key of the ring wraps all others' rows; rotate before you drop it")
        self._change(number, lambda key: None)

    def alone(self) -> AbstractContextManager[None]:
        """No other thread or process changes the ring, or what lies beside it under this lock."""
        return _only_one(self.path)

    def hand_over(self, root: KeyEncryptionKey) -> None:
        """Wrap every key by another provider too, so that either opens the ring."""
        with _only_one(self.path), self._lock:
            keys = _read(self.path)
            moved = []
            for number, key in keys.items():
                secret = _unwrapped(key, self._root)
                if secret is None:
                    raise ConfigError(f"{self.path}: key {number} does not open; nothing was changed")
                moved.append(replace(key, wrapped=(*key.wrapped, root.wrap(secret, identity_of(number)).hex())))
            _write(self.path, moved)
        self.reload()

    def settle(self) -> bool:
        """Forget what other providers than this one have wrapped; whether there was any."""
        with _only_one(self.path), self._lock:
            keys = _read(self.path)
            own = [replace(key, wrapped=tuple(self._own(key))) for key in keys.values()]
            if lost := [key.number for key in own if not key.wrapped]:
                raise ConfigError(
                    f"{self.path}: this provider does not open key {lost[0]}; nothing was changed, move it anew"
                )
            if own == list(keys.values()):
                return False
            _write(self.path, own)
        self.reload()
        return True

    def _own(self, key: RingKey) -> list[str]:
        return [text for text in key.wrapped if _unwrapped(replace(key, wrapped=(text,)), self._root) is not None]

    def _opened(self, key: RingKey) -> AesKeyEncryptionKey:
        secret = _unwrapped(key, self._root)
        if secret is None:
            raise ConfigError(f"{self.path}: key {key.number} does not open; is key_encryption_key that of this ring?")
        return AesKeyEncryptionKey(secret)

    def _change(self, number: int, change: Any) -> None:
        with _only_one(self.path), self._lock:
            keys = _read(self.path)
            if number in keys:
                changed = change(keys[number])
                if changed == keys[number]:
                    return
                others = [key for key in keys.values() if key.number != number]
                _write(self.path, others if changed is None else [*others, changed])
        self.reload()


def prefix(number: int) -> bytes:
    """How a row that is wrapped under this key of the ring begins."""
    return MARK + number.to_bytes(NUMBER_BYTES, "big")


def number_of(wrapped: bytes) -> int:
    """Under which key of the ring a row is wrapped; `SealBroken` for what is no wrapped row."""
    if len(wrapped) == WRAPPED_BYTES:
        return DIRECT
    if len(wrapped) != PREFIX_BYTES + WRAPPED_BYTES or not wrapped.startswith(MARK):
        raise SealBroken("a wrapped key of the wrong length")
    return int.from_bytes(wrapped[len(MARK) : PREFIX_BYTES], "big")


def identity_of(number: int) -> bytes:
    """What a key of the ring is bound to where a provider wraps it."""
    return f"byleave/1/ring/{number}".encode()


def _made(number: int, now: float, root: KeyEncryptionKey) -> RingKey:
    return RingKey(number, now, (root.wrap(os.urandom(KEY_BYTES), identity_of(number)).hex(),))


def _unwrapped(key: RingKey, root: KeyEncryptionKey) -> bytes | None:
    for text in key.wrapped:
        with suppress(SealBroken):
            return root.unwrap(bytes.fromhex(text), identity_of(key.number))
    return None


def _read(path: Path) -> dict[int, RingKey]:
    try:
        if path.stat().st_mode & 0o077:
            raise ConfigError(f"{path}: others can read it; run: chmod 600 {path}")
        with path.open("rb") as file:
            value = json.loads(file.read(MOST_BYTES + 1))
        keys = [
            RingKey(key["number"], key["made_at"], tuple(key["wrapped"]), key["emptied_at"]) for key in value["keys"]
        ]
    except OSError as error:
        raise ConfigError(
            f"{path}: the ring of keys cannot be read ({error.strerror}); restore it, nothing stored opens without it"
        ) from error
    except (ValueError, KeyError, TypeError):
        raise ConfigError(f"{path}: is no ring of keys; restore it from its backup") from None
    if value.get("form") != FORM or not keys:
        raise ConfigError(f"{path}: a ring of form {value.get('form')}, this program knows {FORM}; upgrade it")
    return {key.number: key for key in keys}


def _write(path: Path, keys: list[RingKey]) -> None:
    """Another file in its place, whole or not at all, whatever the power does."""
    value = {"form": FORM, "keys": [asdict(key) for key in sorted(keys, key=lambda key: key.number)]}
    beside = path.with_name(path.name + ".new")
    try:
        beside.unlink(missing_ok=True)
        descriptor = os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE_MODE)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            json.dump(value, file, indent=1)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
        sync_directory(path.parent)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror}); the ring is as it was") from error


class _only_one:  # noqa: N801 - a context, like a function
    """One process changes the ring at a time: a lock on a file of its own, since the ring's is replaced."""

    def __init__(self, path: Path) -> None:
        self._path = path.with_name(path.name + ".lock")

    def __enter__(self) -> None:
        self._descriptor = os.open(self._path, os.O_CREAT | os.O_RDWR, PRIVATE_MODE)
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)
