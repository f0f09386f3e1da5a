"""The other end of an invitation, apart from the agent's code and the server's: docs/wire-format.md section 10 by hand."""

from __future__ import annotations

import base64
import hashlib
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

import msgpack
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from agent.enrolment.invitation import Invitation, parse
from firmware.wire import ladder

MAGIC = b"byleave-enrolment-1\n"
DAY_S = 86_400


@dataclass
class Opened:
    """What a sealed enrolment says."""

    device: str
    root: bytes = field(repr=False)
    first_epoch: int
    made_s: int
    board: str
    version: str
    hello: bytes

    @property
    def status(self) -> list[object]:
        """Plaintext of the hello; cryptography's InvalidTag unless these keys sealed it."""
        header, salt, sealed = msgpack.unpackb(self.hello)
        _, generation, stream, epoch, counter, _ = header
        assert (generation, stream, epoch) == (0, ladder.STATUS, self.first_epoch)
        chain = ladder.day_chain(ladder.spine(self.root, stream), stream)
        for _ in range(counter):
            chain = ladder.step(chain, stream)
        nonce = bytes([stream]) + epoch.to_bytes(4, "big") + counter.to_bytes(4, "big") + salt
        bound = msgpack.packb(header) + bytes([16]) + self.device.encode()
        plain = AESCCM(ladder.seal_key(chain, stream), tag_length=8).decrypt(nonce, sealed, bound)
        return list(msgpack.unpackb(plain))

    def down(self, value: list[object], number: int = 0) -> bytes:
        """An answer to this device."""
        chain = ladder.down_chain(self.root)
        for _ in range(number):
            chain = ladder.step(chain, ladder.DOWN)
        head, nonce = msgpack.packb([1, 0, 0, number]), number.to_bytes(13, "big")
        bound = head + bytes([16]) + self.device.encode()
        key = ladder.seal_key(chain, ladder.DOWN)
        sealed = AESCCM(key, tag_length=16).encrypt(nonce, msgpack.packb(value), bound)
        return b"\x93" + head + msgpack.packb(nonce) + msgpack.packb(sealed)

    def verdict(self, number: int = 0) -> bytes:
        """That the hello is stored."""
        header, _, _ = msgpack.unpackb(self.hello)
        digest = hashlib.sha256(self.hello).digest()[:8]
        return self.down([1, [*header[1:5], digest, 0]], number)


class Server:
    """One invitation, and the key to what is sealed to it."""

    def __init__(self, *, life_s: float = 14 * DAY_S, release_key: bytes | None = None) -> None:
        self.private = X25519PrivateKey.generate()
        self.id = os.urandom(16)
        public = self.private.public_key().public_bytes_raw()
        value = [1, self.id, public, int(time.time() + life_s), "Example Ltd", release_key]
        packed = msgpack.packb(value)
        self.text = "byleave-invitation-1:" + base64.urlsafe_b64encode(packed).decode().rstrip("=")

    @property
    def invitation(self) -> Invitation:
        """As the agent reads it."""
        return parse(self.text)

    def open(self, path: Path) -> Opened:
        """cryptography's InvalidTag unless it is sealed to this invitation."""
        data = path.read_bytes()
        assert data[: len(MAGIC) + 16] == MAGIC + self.id
        suite = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
        plain = suite.decrypt(data[len(MAGIC) + 16 :], self.private, info=b"byleave/1/enrolment" + self.id)
        version, device, root, generation, *rest = msgpack.unpackb(plain)
        assert (version, generation) == (1, 0)
        return Opened(device, root, *rest)
