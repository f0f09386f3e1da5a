"""One key a person, wrapped in the key store: what is sealed under it, wherever it lies, is gone when the key is.

Private zones say where somebody lives. They stand in the limits of a person and in the directives of their devices; both are
sealed under this key and not under the key-encryption key itself [a backup of before an erasure must not open after it].
"""

from __future__ import annotations

import hashlib
import hmac
import os
from dataclasses import replace
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from cloud_sync.errors import SealBroken
from cloud_sync.keys.wrap import KEY_BYTES, NONCE_BYTES, TAG_BYTES, KeyEncryptionKey
from cloud_sync.model import Person
from cloud_sync.stores import Clock, KeyDatabase

#: First byte of what is sealed here. A directive in the clear begins with 0x9E, an array of 14.
SEALED: Final = b"\x01"


class PersonKeys:
    """The keys of all persons over one key store. It takes no lock but the store's."""

    def __init__(self, store: KeyDatabase, kek: KeyEncryptionKey, clock: Clock) -> None:
        self._store = store
        self._kek = kek
        self._clock = clock

    def person(self, subject: str) -> Person:
        """The row of a person, made where there is none."""
        with self._store.transaction():
            person = self._store.person(subject)
            if person is None:
                wrapped = self._kek.wrap(os.urandom(KEY_BYTES), person_identity(subject))
                person = Person(subject, self._clock.now(), wrapped)
                self._store.put_person(person)
            return person

    def seal(self, subject: str, value: bytes, identity: bytes) -> bytes:
        """`value` sealed under the person's key and bound to `identity`: 0x01 ‖ nonce (12) ‖ ciphertext ‖ tag (16)."""
        nonce = os.urandom(NONCE_BYTES)
        return SEALED + nonce + self._aead(self.person(subject)).encrypt(nonce, value, identity)

    def digest(self, subject: str, value: bytes, identity: bytes) -> str:
        """HMAC-SHA256 of a value under the person's key, in hex: the same for the same, and nobody's once the key is gone."""
        key = self._kek.unwrap(self.person(subject).wrapped, person_identity(subject))
        return hmac.new(key, identity + b"\0" + value, hashlib.sha256).hexdigest()

    def open(self, subject: str, sealed: bytes, identity: bytes) -> bytes:
        """The value again; `SealBroken` if the person's key is gone, or bytes or identity differ from those sealed."""
        person = self._store.person(subject)
        if person is None:
            raise SealBroken("the key of this person is gone")
        if sealed[:1] != SEALED or len(sealed) < 1 + NONCE_BYTES + TAG_BYTES:
            raise SealBroken("not sealed under a person's key")
        nonce, rest = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
        try:
            return self._aead(person).decrypt(nonce, rest, identity)
        except InvalidTag:
            raise SealBroken("does not open under this person's key and identity") from None

    def put_limits(self, subject: str, revision: int, value: bytes) -> None:
        """Store the limits of a person as `revision`."""
        with self._store.transaction():
            sealed = self.seal(subject, value, _limits_identity(subject, revision))
            self._store.put_person(replace(self.person(subject), revision=revision, limits=sealed))

    def limits(self, subject: str) -> tuple[int, bytes]:
        """(revision, value) of what `put_limits` stored last; (0, empty) if nothing; `SealBroken` as `open`."""
        person = self._store.person(subject)
        if person is None or not person.limits:
            return 0, b""
        return person.revision, self.open(subject, person.limits, _limits_identity(subject, person.revision))

    def older(self, subject: str, at: float) -> bool:
        """Whether the person has a key from before that moment (Unix seconds)."""
        person = self._store.person(subject)
        return person is not None and person.made_at < at

    def destroy(self, subject: str) -> None:
        """Destroy the key, and the limits with it."""
        self._store.destroy_person(subject)

    def vacuum(self) -> None:
        """Make what was destroyed unreadable in the key store's files too."""
        self._store.vacuum_erased()

    def _aead(self, person: Person) -> AESGCM:
        return AESGCM(self._kek.unwrap(person.wrapped, person_identity(person.subject)))


def person_identity(subject: str) -> bytes:
    """What a person's key is bound to in the key store."""
    return f"byleave/1/person/{subject}".encode()


def _limits_identity(subject: str, revision: int) -> bytes:
    return f"byleave/1/limits/{subject}/{revision}".encode()
