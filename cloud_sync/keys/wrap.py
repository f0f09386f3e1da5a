"""Wrapping of ladder keys at rest under a key-encryption key.

What the key store holds is useless without the key-encryption key, and each wrapped value opens only as the key that it was
stored as: the identity (device, generation, stream, epoch, position) is the associated data [a database administrator who
copies yesterday's row over an erased one must not bring it back under another name].
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cloud_sync.errors import ConfigError, SealBroken

KEY_BYTES = 32  # AES-256
NONCE_BYTES = 12  # NIST SP 800-38D section 8.2.2: random nonces, at most 2**32 wraps under one key
TAG_BYTES = 16
WRAPPED_BYTES = NONCE_BYTES + KEY_BYTES + TAG_BYTES
PRIVATE_MODE = 0o600


class KeyEncryptionKey(Protocol):
    """Who wraps and unwraps: a file, a hardware module, a key service."""

    def wrap(self, key: bytes, identity: bytes) -> bytes:
        """`key` (32 bytes) sealed for storage and bound to `identity`."""

    def unwrap(self, wrapped: bytes, identity: bytes) -> bytes:
        """The key again; `SealBroken` if the bytes or the identity differ from those wrapped."""


class AesKeyEncryptionKey:
    """AES-256-GCM under 32 bytes in memory: nonce (12) ‖ ciphertext (32) ‖ tag (16)."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ConfigError(f"a key-encryption key has {KEY_BYTES} bytes, this one has {len(key)}")
        self._aead = AESGCM(key)

    def wrap(self, key: bytes, identity: bytes) -> bytes:
        """`key` sealed for storage and bound to `identity`."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._aead.encrypt(nonce, key, identity)

    def unwrap(self, wrapped: bytes, identity: bytes) -> bytes:
        """The key again; `SealBroken` if the bytes or the identity differ from those wrapped."""
        if len(wrapped) != WRAPPED_BYTES:
            raise SealBroken("a wrapped key of the wrong length")
        try:
            return self._aead.decrypt(wrapped[:NONCE_BYTES], wrapped[NONCE_BYTES:], identity)
        except InvalidTag:
            raise SealBroken("a wrapped key does not open under this key-encryption key and identity") from None


class FileKeyEncryptionKey(AesKeyEncryptionKey):
    """One whose 32 random bytes lie in a file of mode 0600."""

    @classmethod
    def create(cls, path: str | Path) -> FileKeyEncryptionKey:
        """Make a new key file, durable before it is used; an existing file is never overwritten."""
        path = Path(path)
        key = os.urandom(KEY_BYTES)
        try:
            descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, PRIVATE_MODE)
        except FileExistsError:
            raise ConfigError(f"{path}: exists already; a key-encryption key is never overwritten") from None
        except OSError as error:
            raise ConfigError(f"{path}: cannot be created ({error.strerror}); make its directory first") from error
        with os.fdopen(descriptor, "wb") as file:
            file.write(key)
            file.flush()
            os.fsync(file.fileno())
        sync_directory(path.parent)
        return cls(key)

    @classmethod
    def open(cls, path: str | Path) -> FileKeyEncryptionKey:
        """Read a key file; refused if it is missing, of another length, or readable by others."""
        path = Path(path)
        try:
            mode = path.stat().st_mode & 0o777
            key = path.read_bytes()
        except OSError as error:
            raise ConfigError(
                f"{path}: the key-encryption key cannot be read ({error.strerror}); restore it, or create one for an empty store"
            ) from error
        if mode & ~PRIVATE_MODE:
            raise ConfigError(f"{path}: mode {mode:04o} lets others read the key-encryption key; run: chmod 600 {path}")
        if len(key) != KEY_BYTES:
            raise ConfigError(f"{path}: holds {len(key)} bytes instead of {KEY_BYTES}; restore it from its backup")
        return cls(key)


def sync_directory(path: Path) -> None:
    """Make a file that was made, renamed or removed in this directory stay so after a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
