"""The firmware's own flash, keys, clock and rules over simulated NOR in RAM, without a board."""

from __future__ import annotations

import itertools
from typing import Any

from tests.unit.firmware.link import micro  # isort: skip  # lends CPython the names of MicroPython first

from firmware.clock import Challenge, Clock
from firmware.flash.recordlog import RecordLog
from firmware.flash.region import RawRegion
from firmware.flash.rules import Rules
from firmware.flash.spool import Spool
from firmware.keystore import KeyStore
from firmware.rules import InForce
from firmware.sealer import Sealer
from firmware.wire import directive

START_S = 1_768_000_000
DAY_S = 86_400
SECTOR_BYTES = 4096


class Nor:
    """NOR flash as a block device: programs clear bits, erases set them. Behind `budget` [n] operations OSError."""

    def __init__(self, sectors: int) -> None:
        self.data = bytearray(b"\xff" * sectors * SECTOR_BYTES)
        self.budget: list[int] | None = None

    def _operation(self) -> None:
        if self.budget is not None:
            self.budget[0] -= 1
            if self.budget[0] < 0:
                raise OSError(5)

    def readblocks(self, block: int, buffer: Any, offset: int) -> None:
        """Read."""
        at = block * SECTOR_BYTES + offset
        buffer[:] = self.data[at : at + len(buffer)]

    def writeblocks(self, block: int, buffer: Any, offset: int) -> None:
        """Program."""
        self._operation()
        at = block * SECTOR_BYTES + offset
        for i, byte in enumerate(buffer):
            self.data[at + i] &= byte

    def ioctl(self, operation: int, argument: int) -> int:
        """4 count, 5 size, 6 erase."""
        if operation == 6:
            self._operation()
            at = argument * SECTOR_BYTES
            self.data[at : at + SECTOR_BYTES] = b"\xff" * SECTOR_BYTES
        return {4: len(self.data) // SECTOR_BYTES, 5: SECTOR_BYTES}.get(operation, 0)


class Rig:
    """An enrolled device's state. `boot()` starts it again over the same flash; `ticks` is its millisecond counter."""

    def __init__(self) -> None:
        self.flash = {"keys": Nor(2), "rules": Nor(2), "spool": Nor(8)}
        self.ticks = 0
        self._random = itertools.count(1)
        self.stops: list[list[int]] = []
        store = KeyStore(RecordLog(self.region("keys"), 512))
        store.enrol("a" * 16, bytearray(range(32)), 0, START_S // DAY_S, START_S)
        self.boot()

    def cut_after(self, operations: int | None) -> None:
        """Every program or erase beyond so many from now fails, wherever in the flash; None: none does."""
        budget = None if operations is None else [operations]
        for nor in self.flash.values():
            nor.budget = budget

    def region(self, label: str) -> RawRegion:
        """Raw flash under a label."""
        return RawRegion(self.flash[label])

    def random(self, n: int) -> bytes:
        """Bytes that never repeat."""
        return next(self._random).to_bytes(n, "big")

    def boot(self) -> None:
        """The order of App."""
        self.keystore = KeyStore(RecordLog(self.region("keys"), 512))
        self.keystore.boot()
        self.spool = Spool(self.region("spool"))
        self.challenge = Challenge(self.random)
        self.clock = Clock(lambda: self.ticks, self.keystore, self.challenge)
        self.sealer = Sealer(self.keystore, self.spool, self.random)
        self.store = Rules(RecordLog(self.region("rules"), 512))
        self.rules = InForce(self.store, self.keystore, self.clock, self.challenge, self.spool)
        self.rules.stop_sensing = self.stops.append
        self.rules.resume()

    def seal_location(self) -> None:
        """One envelope of `location` in the spool."""
        self.sealer.seal(1, b"\x91\x01", 1, START_S)

    def streams(self) -> list[int]:
        """Streams of what waits in the spool."""
        return [entry.stream for entry in self.spool.pending()]

    def directive(self, version: int, *, answered: bool = True, **changes: Any) -> directive.Directive:
        """A directive that permits exact fixes each 10 s for 30 days, changed as named."""
        challenge = self.challenge.value if answered else b""
        d: dict[str, Any] = {"version": version, "issued_at": START_S + 60, "lease_until": START_S + 30 * DAY_S}
        d |= {"sensors": 1, "precision": 0, "fields": 0, "interval": 10, "batch": 20, "batch_age": 300}
        d |= {"spool_age": DAY_S, "heartbeat": 600, "zones": [], "hours": [], "thinning": [0] * 7, "places": []}
        d |= {"aggregate": 0, "size": 0, "challenge": challenge}
        return directive.Directive([*(d | changes).values()])

    def apply(self, version: int, *, answered: bool = True, **changes: Any) -> int:
        """Apply such a directive."""
        return self.rules.apply(self.directive(version, answered=answered, **changes))


__all__ = ["DAY_S", "START_S", "Nor", "Rig", "micro"]
