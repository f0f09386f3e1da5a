"""Spool: sealed envelopes waiting on flash, a raw ring log in its own region (never under a file system).

Sector: "clean" mark (4 bytes), sequence, envelopes given up before it, CRC (12), drained mark (4), then records. The
sector of sequence s is s modulo the number of sectors. Record: state, stream, length, time, CRC of the envelope, CRC of
this header (16 bytes together), envelope. States change by clearing bits, so that marking costs no erase. The sector
ahead of the newest is always erased: what fell out of the ring is counted in the newest sector's header before it is
erased.
"""

import struct
from binascii import crc32
from collections import namedtuple

from firmware.const import const
from firmware.errors import FlashError

# position: int, rises with age order, stable across boots; time_s: age of the batch; envelope: bytes
Entry = namedtuple("Entry", ("position", "stream", "time_s", "envelope"))

_CLEAN = const(b"BLS1")  # programmed after an erase has ended [an erase that was cut may read as blank and not be]
_HEAD_BYTES = const(20)  # of a sector
_DRAINED_AT = const(16)
_RECORD_BYTES = const(16)  # header of a record
_BLANK = b"\xff" * _RECORD_BYTES
_PENDING = const(0x80)  # bits of the state, set until the fact
_NOT_GIVEN_UP = const(0x40)
_NOT_WIPED = const(0x01)
_MAX_ENVELOPE_BYTES = const(1024)


class Spool:
    """Spool(region): at least 3 sectors. The constructor recovers from a cut anywhere.

    `lost`: entries given up unreleased (ring full, too old, unreadable), since the region was formatted.
    """

    def __init__(self, region):
        if region.sectors < 3 or region.sector_bytes > 4096:
            raise FlashError("spool needs three sectors of at most 4096 bytes")
        self._region = region
        self._n = region.sectors
        self._pending = bytearray(self._n)  # per sector, of which 4096 bytes hold 203 records at most
        self._given_up = bytearray(self._n)
        self._newest = -1  # sequence of the sector that takes records
        self._offset = region.sector_bytes  # in it, where the next record begins
        self._folded = 0  # given up in sectors that are no more
        self._recover()

    @property
    def lost(self) -> int:
        """Entries given up unreleased, since the region was formatted."""
        return self._folded + sum(self._given_up)

    def count(self) -> int:
        """Pending entries."""
        return sum(self._pending)

    def bytes_free(self) -> int:
        """Bytes that can be appended, record headers included, before anything pending is given up (lower bound)."""
        free = self._region.sector_bytes - self._offset
        for ahead in range(2, self._n):
            if self._pending[(self._newest + ahead) % self._n]:
                break
            free += self._region.sector_bytes - _HEAD_BYTES
        return free

    def append(self, stream: int, time_s: int, envelope: bytes):
        """Store durably (read back) and return the Entry. When full, the oldest sector is given up. FlashError: flash
        does not hold it.
        """
        if not 1 <= len(envelope) <= _MAX_ENVELOPE_BYTES:
            raise FlashError("envelope of an impossible length")
        for _ in range(2):  # a second sector, should the first have worn out
            if self._offset + _RECORD_BYTES + len(envelope) > self._region.sector_bytes:
                self._take_sector()
            offset = self._offset
            at = self._at(self._newest, offset)
            data = _record(self._newest, stream, time_s, envelope)
            self._region.program(at, data)
            if self._region.read(at, len(data)) == data:
                self._offset += _aligned(len(data))
                self._pending[self._newest % self._n] += 1
                return Entry(self._newest * self._region.sector_bytes + offset, stream, time_s, envelope)
            self._region.zero(at, len(data))
            self._offset = self._region.sector_bytes
        raise FlashError("envelope cannot be read back")

    def pending(self, after=None, limit=None):
        """Generator of pending Entries, oldest first, beyond position `after`, at most `limit`. Entries may be released
        meanwhile.
        """
        sector_bytes = self._region.sector_bytes
        first = max(0, self._newest - self._n + 2)
        skip = -1 if after is None else after
        for sequence in range(max(first, skip // sector_bytes), self._newest + 1):
            if not self._pending[sequence % self._n]:
                continue
            for offset, state, stream, time_s, length, crc in self._records(sequence):
                position = sequence * sector_bytes + offset
                if not state & _PENDING or position <= skip:
                    continue
                envelope = bytes(self._region.read(self._at(sequence, offset + _RECORD_BYTES), length))
                if crc32(envelope) != crc:
                    self._settle(sequence, offset, length, _PENDING | _NOT_GIVEN_UP, wipe=True)
                    continue
                yield Entry(position, stream, time_s, envelope)
                if limit is not None:
                    limit -= 1
                    if limit <= 0:
                        return

    def release(self, position: int) -> bool:
        """Mark one entry done for good; False if it is not pending (any more)."""
        sequence, offset = divmod(position, self._region.sector_bytes)
        if not self._is_live(sequence) or not _HEAD_BYTES <= offset < self._region.sector_bytes - _RECORD_BYTES:
            return False
        record = self._parse(sequence, offset)
        if record is None or not record[0] & _PENDING:
            return False
        self._settle(sequence, offset, record[3], _PENDING, wipe=False)
        return True

    def purge(self, stream: int, tick=None) -> int:
        """Overwrite every envelope of a stream with zeros, released ones too; how many were pending.

        Repeat it after a cut (flash.rules.Rules keeps the mark).
        """
        return self._sweep(lambda state, of, time_s: of == stream, _PENDING, tick)

    def expire(self, before_s: int, tick=None) -> int:
        """Overwrite pending entries with time_s < before_s; how many. They count as lost."""
        return self._sweep(
            lambda state, of, time_s: state & _PENDING and time_s < before_s, _PENDING | _NOT_GIVEN_UP, tick
        )

    def wipe(self):
        """Erase the whole region and begin anew, `lost` too; for an enrolment."""
        for sector in range(self._n):
            self._region.erase(sector)
        self._pending, self._given_up = bytearray(self._n), bytearray(self._n)
        self._newest, self._folded, self._offset = -1, 0, self._region.sector_bytes
        self._recover()

    def _sweep(self, wanted, bits, tick):
        """Settle and wipe every record that `wanted(state, stream, time_s)`; how many of them were pending."""
        found = 0
        for sequence in range(max(0, self._newest - self._n + 2), self._newest + 1):
            drained = not self._pending[sequence % self._n]
            if (drained and bits & _NOT_GIVEN_UP) or not self._is_live(sequence):
                continue
            for offset, state, stream, time_s, length, _ in self._records(sequence):
                if state & _NOT_WIPED and wanted(state, stream, time_s):
                    found += 1 if state & _PENDING else 0
                    self._settle(sequence, offset, length, bits if state & _PENDING else 0, wipe=True)
            if tick:
                tick()
        return found

    def _settle(self, sequence, offset, length, bits, wipe):
        """Clear state bits of a record, then its envelope, then say that it is wiped.

        In this order a cut leaves work to repeat, never a pending entry without its bytes.
        """
        at = self._at(sequence, offset)
        index = sequence % self._n
        if bits:
            if (
                bits & _NOT_GIVEN_UP
            ):  # on its own: of two bits a cut may clear the wrong one, and nobody counts the loss
                self._region.program(at, bytes((0xFF & ~_NOT_GIVEN_UP,)))
                self._given_up[index] += 1
            self._region.program(at, bytes((0xFF & ~_PENDING,)))
            self._pending[index] -= 1
        if wipe:
            self._region.zero(at + _RECORD_BYTES, length)
            self._region.program(at, bytes((0xFF & ~_NOT_WIPED,)))
        if sequence != self._newest:
            self._note_drained(sequence)

    def _note_drained(self, sequence):
        """Say in a closed sector's header that nothing pends in it, so that no boot reads it again."""
        index = sequence % self._n
        at = self._at(sequence, _DRAINED_AT)
        if not self._pending[index] and self._region.is_blank(at, 4):
            given_up = self._given_up[index]
            self._region.program(at, bytes((given_up, 0xFF ^ given_up, 0, 0)))

    def _take_sector(self):
        """Begin the next sector of the ring; the one after it is given up and erased."""
        sequence = self._newest + 1
        index, victim = sequence % self._n, (sequence + 1) % self._n
        self._make_clean(index)
        lost = self._folded + self._pending[victim] + self._given_up[victim]
        self._region.program(index * self._region.sector_bytes + 4, _sector_head(sequence, lost, self._n))
        self._newest, self._offset, self._folded = sequence, _HEAD_BYTES, lost
        self._pending[index] = self._given_up[index] = self._pending[victim] = self._given_up[victim] = 0
        if sequence:
            self._note_drained(sequence - 1)
        self._make_clean(victim)

    def _make_clean(self, index):
        """Erase unless the sector was erased to the end and nothing has been programmed since."""
        at = index * self._region.sector_bytes
        if self._region.read(at, _HEAD_BYTES) != _CLEAN + b"\xff" * (_HEAD_BYTES - 4):
            self._region.erase(index)
            self._region.program(at, _CLEAN)

    def _recover(self):
        """Find the newest sector and what pends; end an erase and a wipe that were cut; close a sector with a torn
        record.
        """
        for index in range(self._n):
            sequence, lost = self._read_sector_head(index)
            if sequence > self._newest:
                self._newest, self._folded = sequence, lost
        if self._newest < 0:
            self._take_sector()
            return
        self._make_clean((self._newest + 1) % self._n)
        for sequence in range(max(0, self._newest - self._n + 2), self._newest + 1):
            if self._is_live(sequence):
                self._count_sector(sequence)
        self._find_end()

    def _count_sector(self, sequence):
        index = sequence % self._n
        given_up, inverse, zero, zero_too = self._region.read(self._at(sequence, _DRAINED_AT), 4)
        if given_up ^ inverse == 0xFF and not zero and not zero_too:
            self._given_up[index] = given_up
            return
        unfinished = []  # of those that were being given up: ended once all are counted, else the sector is taken for drained
        for offset, state, _, _, length, _ in self._records(sequence):
            if state & _PENDING:
                self._pending[index] += 1
            elif not state & _NOT_GIVEN_UP:
                self._given_up[index] += 1
            if not state & _NOT_GIVEN_UP and state & (_PENDING | _NOT_WIPED):
                unfinished.append((offset, length, _PENDING | _NOT_GIVEN_UP if state & _PENDING else 0))
        for offset, length, bits in unfinished:
            self._settle(sequence, offset, length, bits, wipe=True)
        if sequence != self._newest:
            self._note_drained(sequence)

    def _find_end(self):
        """Where the newest sector goes on; nowhere, if its end is torn: half-programmed cells are not used again."""
        end, last = _HEAD_BYTES, None
        for record in self._records(self._newest):
            last = record
            end = record[0] + _aligned(_RECORD_BYTES + record[4])
        self._offset = end
        if last and last[1] & _PENDING:
            offset, length = last[0], last[4]
            if crc32(self._region.read(self._at(self._newest, offset + _RECORD_BYTES), length)) != last[5]:
                # The append never returned, so nothing that anyone relied upon is given up.
                self._settle(self._newest, offset, length, _PENDING, wipe=True)
                self._offset = self._region.sector_bytes
        rest = self._region.sector_bytes - end
        if not self._region.is_blank(self._at(self._newest, end), rest):
            # A torn record that no purge would find again.
            self._region.zero(self._at(self._newest, end), rest)
            self._offset = self._region.sector_bytes

    def _records(self, sequence):
        """Generator of (offset, state, stream, time_s, length, CRC) until the first thing that is no record."""
        offset = _HEAD_BYTES
        while offset + _RECORD_BYTES < self._region.sector_bytes:
            record = self._parse(sequence, offset)
            if record is None:
                return
            state, stream, time_s, length, crc = record
            yield offset, state, stream, time_s, length, crc
            offset += _aligned(_RECORD_BYTES + length)

    def _parse(self, sequence, offset):
        head = self._region.read(self._at(sequence, offset), _RECORD_BYTES)
        state, stream, length, time_s, crc, check = struct.unpack(">BBHIII", head)
        if head == _BLANK or check != crc32(head[1:12], sequence) or not 1 <= length <= _MAX_ENVELOPE_BYTES:
            return None
        if offset + _RECORD_BYTES + length > self._region.sector_bytes:
            return None
        return state, stream, time_s, length, crc

    def _is_live(self, sequence):
        in_ring = max(0, self._newest - self._n + 2) <= sequence <= self._newest
        return in_ring and self._read_sector_head(sequence % self._n)[0] == sequence

    def _read_sector_head(self, index):
        """(sequence, given up before), (-1, 0) if it is no sector of this ring."""
        head = self._region.read(index * self._region.sector_bytes + 4, 12)
        sequence, lost, check = struct.unpack(">III", head)
        if check != crc32(head[:8], self._n) or sequence % self._n != index:
            return -1, 0
        return sequence, lost

    def _at(self, sequence, offset):
        return sequence % self._n * self._region.sector_bytes + offset


def _sector_head(sequence, lost, sectors):
    """The number of sectors seeds the CRC: a region that was resized is another ring."""
    head = struct.pack(">II", sequence, lost)
    return head + struct.pack(">I", crc32(head, sectors))


def _record(sequence, stream, time_s, envelope):
    """Header and envelope; the sequence seeds the header's CRC, so that no record of an earlier turn of the ring is
    taken for one.
    """
    head = struct.pack(">BHII", stream, len(envelope), time_s, crc32(envelope))
    return b"\xff" + head + struct.pack(">I", crc32(head, sequence)) + envelope


def _aligned(size):
    return size + 3 & ~3  # whole words: some flash drivers take no other address
