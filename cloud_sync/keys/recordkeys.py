"""One key for each person's part of a record, wrapped in the key store: the part is gone when its key is."""

from __future__ import annotations

import os
from collections.abc import Iterable

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cloud_sync.errors import KeyDestroyed, SealBroken
from cloud_sync.keys.wrap import KEY_BYTES, NONCE_BYTES, TAG_BYTES, KeyEncryptionKey
from cloud_sync.stores import RecordKeyStore


class RecordKeys:
    """The keys of all records over one key store."""

    def __init__(self, store: RecordKeyStore, kek: KeyEncryptionKey) -> None:
        self._store = store
        self._kek = kek

    def seal(self, record_id: str, subject: str, content: bytes, about: bytes) -> bytes:
        """`content` under a key that did not exist before, stored before it is used: nonce (12) ‖ ciphertext ‖ tag (16).

        `about` is what the part says of itself in the clear [a part that is moved into another category].
        """
        key = os.urandom(KEY_BYTES)
        identity = record_identity(record_id, subject)
        self._store.put_record_key(record_id, subject, self._kek.wrap(key, identity))
        return _sealed(key, content, identity + b"\0" + about)

    def seal_again(self, record_id: str, subject: str, content: bytes, about: bytes) -> bytes:
        """Other content under the key that there is [a new key beside the old row, after a crash, would open neither]."""
        wrapped = self._store.record_key(record_id, subject)
        if wrapped is None:
            raise KeyDestroyed("the key of this record is gone")
        identity = record_identity(record_id, subject)
        return _sealed(self._kek.unwrap(wrapped, identity), content, identity + b"\0" + about)

    def open(self, record_id: str, subject: str, sealed: bytes, about: bytes) -> bytes:
        """The content again; `KeyDestroyed` if its key is gone, `SealBroken` if bytes or names differ from those sealed."""
        wrapped = self._store.record_key(record_id, subject)
        if wrapped is None:
            raise KeyDestroyed("the key of this record is gone")
        if len(sealed) < NONCE_BYTES + TAG_BYTES:
            raise SealBroken("not a sealed record")
        identity = record_identity(record_id, subject)
        try:
            aead = AESGCM(self._kek.unwrap(wrapped, identity))
            return aead.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], identity + b"\0" + about)
        except InvalidTag:
            raise SealBroken("a record does not open under its key and name") from None

    def names(self, after: tuple[str, str], limit: int) -> list[tuple[str, str]]:
        """Up to `limit` (record, subject) of which there is a key, behind `after`."""
        return self._store.record_keys(after, limit)

    def destroy(self, parts: Iterable[tuple[str, str]]) -> int:
        """Destroy the keys of (record, subject); the number destroyed."""
        return self._store.destroy_record_keys(parts)


def _sealed(key: bytes, content: bytes, about: bytes) -> bytes:
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(key).encrypt(nonce, content, about)


def record_identity(record_id: str, subject: str) -> bytes:
    """What the key of a part is bound to."""
    return f"byleave/1/record/{record_id}/{subject}".encode()
