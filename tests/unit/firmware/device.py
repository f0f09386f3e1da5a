"""The sealing half of a device over simulated flash, and what a server knows of its keys: shared by the firmware's
tests.
"""

from __future__ import annotations

import functools
import hashlib
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESCCM

from firmware.flash.recordlog import RecordLog
from firmware.flash.region import RawRegion
from firmware.flash.spool import Spool
from firmware.keystore import SLOT_BYTES, KeyStore
from firmware.sealer import Sealer
from firmware.wire import envelope, ladder, msgpack
from tests.unit.firmware.nor import Nor, Supply

DEVICE = "abcdefghijklmnop"
ROOT = hashlib.sha256(b"root of the firmware's tests").digest()
FIRST_EPOCH = 20_600
DAY_S = 86_400
NOW_S = FIRST_EPOCH * DAY_S + 3_600


class Flash:
    """The raw regions of one device on one supply."""

    def __init__(self, supply: Supply | None = None, sector_bytes: int = 4096, spool_sectors: int = 6) -> None:
        self.supply = supply or Supply()
        self.keys = Nor(2, sector_bytes, self.supply)
        self.rules = Nor(2, sector_bytes, self.supply)
        self.spool = Nor(spool_sectors, sector_bytes, self.supply)

    def log(self, label: str = "keys") -> RecordLog:
        """A record log as a boot makes it."""
        return RecordLog(RawRegion(getattr(self, label)), SLOT_BYTES)

    def raw(self) -> bytes:
        """All bytes, as somebody with a programmer reads them."""
        return bytes(self.keys.data + self.rules.data + self.spool.data)


class Device:
    """Key store, spool and sealer after one boot."""

    def __init__(self, flash: Flash) -> None:
        self.flash = flash
        self.keys = KeyStore(flash.log())
        self.spool = Spool(RawRegion(flash.spool))
        self.sealer = Sealer(self.keys, self.spool, flash.supply.rng.randbytes)

    def enrol(self) -> Device:
        """With the root of the tests."""
        self.keys.enrol(DEVICE, bytearray(ROOT), 0, FIRST_EPOCH, NOW_S)
        return self


def enrolled(flash: Flash | None = None) -> Device:
    """A device on its first day."""
    return Device(flash or Flash()).enrol()


@functools.cache
def _chain(stream: int, epoch: int, counter: int) -> bytes:
    if counter:
        # In steps of which each is cached: a sweep asks for the same few hundred again and again.
        return ladder.step(_chain(stream, epoch, counter - 1), stream)
    spine = ladder.spine(ROOT, stream)
    for _ in range(epoch - FIRST_EPOCH):
        spine = ladder.next_spine(spine, stream)
    return ladder.day_chain(spine, stream)


class Server:
    """The other end of the ladder: opens uplinks, seals downlinks."""

    def __init__(self) -> None:
        self.down_next = 0

    @staticmethod
    def chain(stream: int, epoch: int, counter: int) -> bytes:
        """C(0, epoch, counter)."""
        return _chain(stream, epoch, counter)

    def open(self, data: bytes) -> bytes:
        """Plaintext of an uplink of the test's device; cryptography.exceptions.InvalidTag otherwise."""
        header, salt, sealed = msgpack.unpack(data)
        _, _, stream, epoch, counter, _ = header
        key = ladder.seal_key(self.chain(stream, epoch, counter), stream)
        nonce = bytes([stream]) + epoch.to_bytes(4, "big") + counter.to_bytes(4, "big") + salt
        return AESCCM(key, tag_length=8).decrypt(nonce, sealed, self._bound(msgpack.pack(header)))

    def down(self, value: Any, number: int | None = None) -> bytes:
        """A sealed downlink with the next number, or a later one."""
        number = self.down_next if number is None else number
        chain = ladder.down_chain(ROOT)
        for _ in range(number):
            chain = ladder.step(chain, ladder.DOWN)
        self.down_next = max(self.down_next, number + 1)
        header, nonce = msgpack.pack([1, 0, 0, number]), number.to_bytes(13, "big")
        sealed = AESCCM(ladder.seal_key(chain, ladder.DOWN), tag_length=16).encrypt(
            nonce, msgpack.pack(value), self._bound(header)
        )
        return b"\x93" + header + msgpack.pack(nonce) + msgpack.pack(sealed)

    @staticmethod
    def _bound(header: bytes) -> bytes:
        return header + bytes([len(DEVICE)]) + DEVICE.encode()


def number_of(data: bytes) -> tuple[int, ...]:
    """(generation, stream, epoch, counter) of an uplink."""
    return envelope.peek_uplink(data)[:4]
