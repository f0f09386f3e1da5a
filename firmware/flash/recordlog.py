"""RecordLog: one current record in raw flash that survives a cut at any point, and of which no older version stays
readable.

Fixed slots in two or more sectors. A slot: magic, body length (16 bits), sequence (32), CRC-32 (32) over all of it,
body. An older record is programmed to zero only after the newer one has been read back [a file system kept 3 to 9 old
seeds readable].
"""

import struct
from binascii import crc32

from firmware.const import const
from firmware.errors import FlashError

_HEAD = const(">HHII")
_HEAD_BYTES = const(12)
_MAGIC = const(0x4B52)
_TRIES = const(
    4
)  # slots tried for one record: more bad slots in a row mean a dead sector, and the old record still stands


class RecordLog:
    """RecordLog(region, slot_bytes): slot_bytes divides the sector. `sequence` numbers the current record, 0 for none;
    `repaired` says that load() found what an interrupted store left behind, or that an older record could not be wiped.
    Neither holds anything up: the current record is the newest, so no number is used twice; what sticks is reported."""

    def __init__(self, region, slot_bytes: int):
        if region.sectors < 2 or region.sector_bytes % slot_bytes or slot_bytes <= _HEAD_BYTES:
            raise FlashError("record log needs two sectors that slots divide")
        self._region = region
        self._slot_bytes = slot_bytes
        self._per_sector = region.sector_bytes // slot_bytes
        self._slot: int = None  # of the current record
        self._last = -1  # slot that was programmed last, so that the next one follows it
        self._dirty: list = []  # slots that hold, or may hold, what is to be zeroed
        self.sequence = 0
        self.repaired = False

    def load(self):
        """Body of the newest valid record, or None. Zeroes every other slot that is neither blank nor zero; FlashError only if
        it cannot be read.
        """
        best, body = None, None
        for slot in range(self._region.sectors * self._per_sector):
            sequence, found = self._parse(self._read(slot))
            if found is not None and (best is None or sequence > self.sequence):
                best, self.sequence, body = slot, sequence, found
        self._slot, self._last = best, -1 if best is None else best
        for slot in range(self._region.sectors * self._per_sector):
            if slot != best and not self._is_uniform(slot):
                self.repaired = best is not None
                self._clear(slot)
        return body

    def store(self, body):
        """Make body the current record; load() was called before. FlashError: the former one still is. An older one that
        cannot be wiped sets `repaired`.
        """
        if len(body) > self._slot_bytes - _HEAD_BYTES:
            raise FlashError("record longer than its slot")
        data = self._frame(self.sequence + 1, body)
        for _ in range(_TRIES):
            # 1. Program, 2. read back [a cut or a worn cell must not leave the device without a record], 3. only then
            # wipe the old, and with it what an earlier store could not [a write that failed must not leave keys in
            # flash until the next boot].
            self._last = self._next_slot()
            self._dirty.append(self._last)
            self._region.program(self._last * self._slot_bytes, data)
            if self._read(self._last)[: len(data)] == data:
                self._dirty.remove(self._last)
                if self._slot is not None:
                    self._dirty.append(self._slot)
                self._slot = self._last
                self.sequence += 1
                for slot in list(self._dirty):
                    self._clear(slot)
                return
            self._region.zero(self._last * self._slot_bytes, self._slot_bytes)
            self._dirty.remove(self._last)
        raise FlashError("record cannot be read back")

    def wipe(self):
        """Leave nothing: every slot zeroed, then every sector erased [an erase alone can be cut with keys still
        readable]. FlashError: something of before is still there.
        """
        self._slot = None
        for slot in range(self._region.sectors * self._per_sector):
            if not self._is_uniform(slot):
                self._clear(slot)
        for sector in range(self._region.sectors):
            self._region.erase(sector)
            if not self._region.is_blank(sector * self._region.sector_bytes, self._region.sector_bytes):
                raise FlashError("old record cannot be wiped")
        self._slot, self._last, self.sequence, self._dirty = None, -1, 0, []

    def _next_slot(self):
        """The next blank slot; where the sector has none, the following one is erased, never the current record's."""
        slot = self._last + 1
        while slot % self._per_sector:
            if self._region.is_blank(slot * self._slot_bytes, self._slot_bytes):
                return slot
            slot += 1
        sector = slot // self._per_sector % self._region.sectors
        if self._slot is not None and sector == self._slot // self._per_sector:
            raise FlashError("no sector takes a record")
        self._region.erase(sector)
        self._dirty = [slot for slot in self._dirty if slot // self._per_sector != sector]
        return sector * self._per_sector

    def _frame(self, sequence, body):
        head = struct.pack(">HHI", _MAGIC, len(body), sequence)
        return head + struct.pack(">I", crc32(body, crc32(head))) + body

    def _parse(self, data):
        """(sequence, body) of a slot's bytes, (0, None) if they are no record."""
        magic, length, sequence, crc = struct.unpack_from(_HEAD, data)
        if magic != _MAGIC or length > len(data) - _HEAD_BYTES:
            return 0, None
        body = data[_HEAD_BYTES : _HEAD_BYTES + length]
        if crc32(body, crc32(data[:8])) != crc:
            return 0, None
        return sequence, body

    def _read(self, slot):
        return self._region.read(slot * self._slot_bytes, self._slot_bytes)

    def _is_uniform(self, slot):
        data = self._read(slot)
        return data == b"\xff" * len(data) or not any(data)

    def _clear(self, slot):
        """Wipe a slot that is not the current one: by zeros, where cells stick by an erase, and where that does not help either
        say so. What the driver failed at is tried again at the next store, all of it at the next start.
        """
        try:
            self._region.zero(slot * self._slot_bytes, self._slot_bytes)
            if slot in self._dirty:
                self._dirty.remove(slot)  # a cell that sticks costs one try, not one at each store
            sector = slot // self._per_sector
            if any(self._read(slot)) and (self._slot is None or sector != self._slot // self._per_sector):
                self._region.erase(sector)
            if self._is_uniform(slot):
                return
        except FlashError:
            pass
        self.repaired = True
