"""KeyStore: the device's side of the ladder, with the persistence rules that keep any key from being used twice.

The record in flash is always ahead of what was used: before a number is given out, the chain LEAP steps further is
persisted and read back. A cut skips numbers and never repeats one. Whatever the record holds derives only keys that
have never been used; what has been used is forgotten.
"""

import struct
from binascii import crc32

from firmware.const import const
from firmware.errors import SealError
from firmware.wire import ladder

# Numbers that one record reserves: 1/8 record an envelope, and 512 cuts a day until a stream's 4096 counters are spent.
LEAP = 8
DOWN_AHEAD = 4096  # how far beyond `down_next` a downlink's number may lie (wire-format section 4)
# Days of one jump: 11 years on a shelf. The work is bounded: 16,384 hashes, and no date can spend the whole ladder.
MAX_JUMP = 4096
FLOOR_MARGIN_S = 120  # an oscillator that ran fast must not refuse the next true time (PROTOCOL rule 8 bears 120 s)
SLOT_BYTES = 512  # of the record log

_RECORD_VERSION = const(1)
# record version, device, generation, epoch, floor, dark seconds, boots, refused, directive
_HEAD = const(">B16sHIIIIII")
_HEAD_BYTES = const(43)
# Ladders lie behind it in the order of their streams, `down` first: number (32 bits), chain, and next spine (zero for
# `down`).
_LADDER_BYTES = const(68)
_RECORD_BYTES = const(_HEAD_BYTES + 5 * _LADDER_BYTES)
_KEY_BYTES = const(32)
_RETAINED_LADDER_BYTES = const(36)
_RETAINED_BYTES = const(9 + 5 * _RETAINED_LADDER_BYTES + 4)
_DEEP_SLEEP = const(4)  # reset cause of wire-format section 5, `status`


class KeyStore:
    """All key state of one device, in one record of a RecordLog (wire-format sections 2 and 3).

    `log` is a RecordLog over the region "keys" with SLOT_BYTES; the constructor loads it (and wipes what a cut left
    behind). To read: `enrolled`, `device`, `generation`, `epoch`, `floor_s`, `dark_s`, `boots`, `refused`,
    `directive_high`, `down_next`, `repaired` (fault bit 16). All that is set below goes with the next record; what says
    "persist" writes one at once.
    """

    def __init__(self, log):
        self._log = log
        self._frozen = False
        self._working: list = [None] * 5  # per stream [next number, its chain], from its first use since power on
        self._probe = None  # (number, chain) of the downlink that is being opened
        body = log.load()
        self.enrolled = body is not None and len(body) == _RECORD_BYTES and body[0] == _RECORD_VERSION
        self._body = body if self.enrolled else bytearray(_RECORD_BYTES)
        self._read_head()

    @property
    def repaired(self) -> bool:
        """The log held torn or doubled records at boot: the power was cut while it was written."""
        return self._log.repaired

    @property
    def down_next(self) -> int:
        """The downlink number that is expected next."""
        return self._working[ladder.DOWN][0] if self._working[ladder.DOWN] else self._number(self._body, ladder.DOWN)

    def enrol(self, device: str, root: bytearray, generation: int, first_epoch: int, now_s: int):
        """Begin a generation from its root, which is overwritten. Persisted before it returns; see enrol.install()."""
        new = bytearray(_RECORD_BYTES)
        self.device, self.generation, self.epoch, self.floor_s = device, generation, first_epoch, now_s
        self.dark_s = self.boots = self.refused = self.directive_high = 0
        self._put_ladder(new, ladder.DOWN, 0, ladder.down_chain(root))
        for stream in range(ladder.LOCATION, ladder.STATUS + 1):
            self._put_day(new, stream, ladder.spine(root, stream))
        wipe(root)
        self._working = [None] * 5
        self._persist(new)
        self.enrolled = True

    def boot(self):
        """Count a start (not a wake that import_retained() resumed). It reserves no number [a supply that breaks down at
        each start would spend the day's `status` numbers within minutes, and without time there is no next day].
        """
        self._check_usable()
        self.boots += 1
        self._reserve()

    def next_envelope(self, stream: int, epoch: int):
        """(counter, key: bytearray(32)) that were never given out before. Sealer.seal() uses it and overwrites the key:
        use that.

        SealError "spent" when the 4096 counters of the epoch are used, or if the epoch is not the store's.
        """
        self._check_usable()
        if epoch != self.epoch:
            raise SealError("the store is in another epoch")
        working = self._start(stream)
        if working[0] >= ladder.COUNTERS:
            raise SealError("spent: no counter left in this epoch")
        if working[0] >= self._number(self._body, stream):
            self._reserve()
        counter, chain = working
        key = bytearray(ladder.seal_key(chain, stream))
        working[0] = counter + 1
        _move(chain, ladder.step(chain, stream))
        return counter, key

    def spent(self, stream: int) -> bool:
        """True when the stream has no counter left in this epoch (fault bit 8)."""
        working = self._working[stream]
        return (working[0] if working else self._number(self._body, stream)) >= ladder.COUNTERS

    def advance(self, epoch: int, now_s: int, tick=None):
        """Change the day: derive the epoch's keys, forget all earlier ones, raise the floor, persist.

        No-op in the same epoch. Seal the old day's batch first. SealError when the epoch is lower or too far. `tick()`
        is called on the way, to feed a watchdog.
        """
        self._check_usable()
        if epoch == self.epoch:
            return
        if not self.epoch < epoch <= min(self.epoch + MAX_JUMP, ladder.MAX_EPOCH):
            raise SealError("epoch falls, or leaps too far")
        new = bytearray(self._body)
        working = list(self._working)
        for stream in range(ladder.LOCATION, ladder.STATUS + 1):
            spine = self._spine(stream)
            for _ in range(epoch - self.epoch - 1):
                _move(spine, ladder.next_spine(spine, stream))
                if tick:
                    tick()
            self._put_day(new, stream, spine)
            wipe(spine)
            if working[stream]:
                # What was used yesterday will be used today: reserve in the same record.
                working[stream] = [0, self._chain(new, stream)]
        before = self.epoch
        self.epoch = epoch
        self.note_floor(now_s)
        try:
            self._reserve(new, working)
        except Exception:
            self.epoch = before
            raise
        for used in self._working[ladder.LOCATION :]:
            if used:
                wipe(used[1])
        self._working = working

    def down_key(self, number: int, tick=None) -> bytearray:
        """Key of one downlink number; changes nothing. SealError if it is below `down_next` or over 4096 beyond."""
        self._check_usable()
        if not self.down_next <= number <= self.down_next + DOWN_AHEAD:
            raise SealError("downlink number was used, or lies too far ahead")
        at, chain = self._start(ladder.DOWN)
        chain = bytearray(chain)
        while at < number:
            _move(chain, ladder.step(chain, ladder.DOWN))
            at += 1
            if tick:
                tick()
        if self._probe:
            wipe(self._probe[1])  # of a downlink that did not open
        self._probe = (number, chain)
        return bytearray(ladder.seal_key(chain, ladder.DOWN))

    def down_accept(self, number: int):
        """Once the tag has verified: `down_next` becomes number + 1, never to fall again, not by a cut either."""
        self._check_usable()
        if self._probe is None or self._probe[0] != number:
            raise SealError("another downlink was opened last")
        working = self._start(ladder.DOWN)
        working[0] = number + 1
        _move(working[1], ladder.step(self._probe[1], ladder.DOWN))
        wipe(self._probe[1])
        self._probe = None
        if number >= self._number(self._body, ladder.DOWN):
            self._reserve()

    def note_refused(self):
        """One downlink more did not open [a record for each would let a broker wear the flash out]."""
        self.refused = min(self.refused + 1, 2**32 - 1)

    def note_floor(self, now_s: int):
        """A trusted time that has come; the floor is kept FLOOR_MARGIN_S behind it, never falls, and goes with the next
        record.
        """
        if now_s - FLOOR_MARGIN_S > self.floor_s:
            self.floor_s, self.dark_s = now_s - FLOOR_MARGIN_S, 0

    def raise_floor(self, now_s: int):
        """Persist a trusted time as floor."""
        self._check_usable()
        self.note_floor(now_s)
        self._reserve()

    def lower_floor(self, now_s: int):
        """Persist a floor below the one that stands, on the server's word in answer to a challenge."""
        self._check_usable()
        self.floor_s, self.dark_s = now_s - FLOOR_MARGIN_S, 0
        self._reserve()

    def count_dark(self, seconds: int):
        """Persist how many seconds have been counted since the floor without trusted time; it never falls for one
        floor.
        """
        self._check_usable()
        self.dark_s = max(self.dark_s, seconds)
        self._reserve()

    def set_directive_high(self, version: int):
        """Persist the highest directive version ever applied."""
        self._check_usable()
        self.directive_high = max(self.directive_high, version)
        self._reserve()

    def export_retained(self) -> bytes:
        """State for retained memory before a deep sleep, so that a wake skips no numbers.

        After it the store is frozen: any use raises SealError until reboot [numbers used after the export would be used
        again].
        """
        self._check_usable()
        data = bytearray(struct.pack(">BII", _RECORD_VERSION, self._log.sequence, self.refused))
        for working in self._working:
            data.extend(struct.pack(">I", working[0]) + working[1] if working else b"\xff" * _RETAINED_LADDER_BYTES)
        self._frozen = True
        return bytes(data) + struct.pack(">I", crc32(data))

    def import_retained(self, board) -> bool:
        """Resume after a deep sleep from board.retained(), which is overwritten. False: nothing valid in it, so call
        boot().

        board: retained() -> bytes, retain(bytes), reset_cause() -> int.
        """
        # 1. Copy, 2. overwrite in full, 3. see that it is gone, 4. only then use [trusting the reset cause alone reused
        # keys].
        data = bytearray(board.retained())
        board.retain(bytes(len(data)))
        if any(board.retained()) or board.reset_cause() != _DEEP_SLEEP or not self.enrolled:
            return False
        end = _RETAINED_BYTES - 4
        if len(data) < _RETAINED_BYTES or crc32(data[:end]).to_bytes(4, "big") != data[end:_RETAINED_BYTES]:
            return False
        # 5. It belongs to the record in flash [an older export, left by a wake that never read it].
        version, sequence, refused = struct.unpack_from(">BII", data)
        if version != _RECORD_VERSION or sequence != self._log.sequence:
            return False
        self.refused = refused
        for stream in range(5):
            at = 9 + stream * _RETAINED_LADDER_BYTES
            number = int.from_bytes(data[at : at + 4], "big")
            if number <= self._number(self._body, stream):
                self._working[stream] = [number, data[at + 4 : at + _RETAINED_LADDER_BYTES]]
        wipe(data)
        return True

    def _check_usable(self):
        if not self.enrolled:
            raise SealError("not enrolled")
        if self._frozen:
            raise SealError("frozen for a deep sleep")

    def _start(self, stream):
        """[number, chain] in use; from the record on first use, where nothing is reserved yet, so that _reserve() comes
        first.
        """
        if not self._working[stream]:
            self._working[stream] = [self._number(self._body, stream), self._chain(self._body, stream)]
        return self._working[stream]

    def _reserve(self, new=None, working=None):
        """Persist every ladder in use LEAP ahead of its next number, with all the rest that has changed."""
        new = bytearray(self._body) if new is None else new
        for stream, used in enumerate(working or self._working):
            if used:
                target = used[0] + LEAP if stream == ladder.DOWN else min(used[0] + LEAP, ladder.COUNTERS)
                self._lead(new, stream, used, target)
        self._persist(new)

    def _lead(self, new, stream, used, target):
        """Move a ladder of a record in the making on to a number; from the chain in use if that is further."""
        number, chain = self._number(new, stream), self._chain(new, stream)
        if used[0] > number:
            number = used[0]
            _move(chain, used[1])
        for _ in range(target - number):
            _move(chain, ladder.step(chain, stream))
        self._put_ladder(new, stream, max(target, number), chain)
        wipe(chain)

    def _persist(self, new):
        numbers = (self.epoch, self.floor_s, self.dark_s, self.boots, self.refused, self.directive_high)
        struct.pack_into(_HEAD, new, 0, _RECORD_VERSION, self.device.encode(), self.generation, *numbers)
        self._log.store(new)
        wipe(self._body)
        self._body = new

    def _read_head(self):
        _, device, self.generation, *rest = struct.unpack_from(_HEAD, self._body)
        self.epoch, self.floor_s, self.dark_s, self.boots, self.refused, self.directive_high = rest
        self.device = str(device, "ascii") if self.enrolled else ""

    def _put_day(self, new, stream, spine):
        """Chain of the spine value's day, and the spine of the day after; the leaf between them is never kept."""
        self._put_ladder(new, stream, 0, ladder.day_chain(spine, stream))
        at = _HEAD_BYTES + stream * _LADDER_BYTES + 4 + _KEY_BYTES
        new[at : at + _KEY_BYTES] = ladder.next_spine(spine, stream)

    def _put_ladder(self, new, stream, number, chain):
        at = _HEAD_BYTES + stream * _LADDER_BYTES
        new[at : at + 4 + _KEY_BYTES] = struct.pack(">I", number) + chain

    def _number(self, body, stream):
        return struct.unpack_from(">I", body, _HEAD_BYTES + stream * _LADDER_BYTES)[0]

    def _chain(self, body, stream):
        at = _HEAD_BYTES + stream * _LADDER_BYTES + 4
        return body[at : at + _KEY_BYTES]

    def _spine(self, stream):
        at = _HEAD_BYTES + stream * _LADDER_BYTES + 4 + _KEY_BYTES
        return self._body[at : at + _KEY_BYTES]


def wipe(key):
    """Overwrite a bytearray with zeros; what MicroPython's own objects copied is out of reach."""
    for i in range(len(key)):
        key[i] = 0


def _move(key, value):
    key[:] = value
