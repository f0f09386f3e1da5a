"""KeyStore: the device's side of the ladder, with the persistence rules that keep any key from being used twice.

The record in flash is always ahead of what was used: before a number is given out, the chain LEAP steps further is
persisted and read back. A cut skips numbers and never repeats one. Whatever the record holds derives only keys that
have never been used; what has been used is forgotten.
"""

from firmware import keyrecord
from firmware.const import const
from firmware.errors import SealError
from firmware.keyrecord import wipe
from firmware.wire import ladder

# Numbers that one record reserves: 1/8 record an envelope, and 512 cuts a day until a stream's 4096 counters are spent.
LEAP = 8
DOWN_AHEAD = 4096  # how far beyond `down_next` a downlink's number may lie (wire-format section 4)
# Days of one jump: 11 years on a shelf. The work is bounded: 16,384 hashes, and no date can spend the whole ladder.
MAX_JUMP = 4096
FLOOR_MARGIN_S = 120  # an oscillator that ran fast must not refuse the next true time (PROTOCOL rule 8 bears 120 s)
SLOT_BYTES = 512  # of the record log
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
        self.enrolled = keyrecord.fits(body)
        self._body = body if self.enrolled else keyrecord.blank()
        self._read_head()

    @property
    def repaired(self) -> bool:
        """The log held torn or doubled records at boot: the power was cut while it was written."""
        return self._log.repaired

    @property
    def down_next(self) -> int:
        """The downlink number that is expected next."""
        return (
            self._working[ladder.DOWN][0]
            if self._working[ladder.DOWN]
            else keyrecord.number_of(self._body, ladder.DOWN)
        )

    def enrol(self, device: str, root: bytearray, generation: int, first_epoch: int, now_s: int):
        """Begin a generation from its root, which is overwritten. Persisted before it returns; see enrol.install()."""
        new = keyrecord.blank()
        self.device, self.generation, self.epoch, self.floor_s = device, generation, first_epoch, now_s
        self.dark_s = self.boots = self.refused = self.directive_high = 0
        keyrecord.put_blur(new, root)
        keyrecord.put_ladder(new, ladder.DOWN, 0, ladder.down_chain(root))
        for stream in range(ladder.LOCATION, ladder.STATUS + 1):
            keyrecord.put_day(new, stream, ladder.spine(root, stream))
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
        if working[0] >= keyrecord.number_of(self._body, stream):
            self._reserve()
        counter, chain = working
        key = bytearray(ladder.seal_key(chain, stream))
        working[0] = counter + 1
        _move(chain, ladder.step(chain, stream))
        return counter, key

    def spent(self, stream: int) -> bool:
        """True when the stream has no counter left in this epoch (fault bit 8)."""
        working = self._working[stream]
        return (working[0] if working else keyrecord.number_of(self._body, stream)) >= ladder.COUNTERS

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
            spine = self.next_spine(stream)
            for _ in range(epoch - self.epoch - 1):
                _move(spine, ladder.next_spine(spine, stream))
                if tick:
                    tick()
            keyrecord.put_day(new, stream, spine)
            wipe(spine)
            if working[stream]:
                # What was used yesterday will be used today: reserve in the same record.
                working[stream] = [0, keyrecord.chain_of(new, stream)]
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

    def next_spine(self, stream: int) -> bytearray:
        """A copy of the spine value of the day after this one; overwrite it after use."""
        self._check_usable()
        return keyrecord.spine_of(self._body, stream)

    def blur_secret(self) -> bytearray:
        """A copy of the device's secret for blurred positions: new at enrolment, the same after a healing; it opens nothing."""
        self._check_usable()
        return keyrecord.blur(self._body)

    def begin_generation(self, heads: bytearray):
        """Healing: from the first spines of generation g+1 (5 × 32 bytes by stream; of `down` its first chain), which are
        overwritten, all ladders of this epoch in one record. FlashError: the old generation goes on. Whatever flash does,
        memory goes on with what a start would find [an offer answered in g by a device that starts in g+1 locks it out].
        """
        self._check_usable()
        if self.generation >= ladder.MAX_GENERATION:
            raise SealError("no generation is left")
        new, size = bytearray(self._body), keyrecord.KEY_BYTES
        keyrecord.put_ladder(new, ladder.DOWN, 0, heads[:size])
        for stream in range(ladder.LOCATION, ladder.STATUS + 1):
            keyrecord.put_day(new, stream, heads[stream * size : (stream + 1) * size])
        wipe(heads)
        self.generation += 1
        try:
            self._persist(new)
        except Exception:
            self.generation -= 1
            wipe(new)
            self._reserve()  # over what a write that is said to have failed may have left
            raise
        if self._probe:
            wipe(self._probe[1])
        for used in self._working:
            if used:
                wipe(used[1])
        self._working, self._probe = [None] * 5, None

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
        if number >= keyrecord.number_of(self._body, ladder.DOWN):
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
        from firmware import retained  # at the two ends of a deep sleep only

        data = retained.pack(self._log.sequence, self.refused, self._working)
        self._frozen = True
        return data

    def import_retained(self, board) -> bool:
        """Resume after a deep sleep from board.retained(), which is overwritten. False: nothing valid in it, so call
        boot().

        board: retained() -> bytes, retain(bytes), reset_cause() -> int.
        """
        if board.reset_cause() != _DEEP_SLEEP or not self.enrolled:
            board.retain(bytes(len(board.retained())))
            return False
        from firmware import retained

        data = retained.take(board)
        if data is None:
            return False
        found = retained.unpack(data, self._log.sequence)
        if found is None:
            return False
        self.refused, working = found
        for stream, used in enumerate(working):
            if used[0] <= keyrecord.number_of(self._body, stream):
                self._working[stream] = used
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
            self._working[stream] = [keyrecord.number_of(self._body, stream), keyrecord.chain_of(self._body, stream)]
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
        number, chain = keyrecord.number_of(new, stream), keyrecord.chain_of(new, stream)
        if used[0] > number:
            number = used[0]
            _move(chain, used[1])
        for _ in range(target - number):
            _move(chain, ladder.step(chain, stream))
        keyrecord.put_ladder(new, stream, max(target, number), chain)
        wipe(chain)

    def _persist(self, new):
        counts = (self.epoch, self.floor_s, self.dark_s, self.boots, self.refused, self.directive_high)
        keyrecord.pack_head(new, self.device, (self.generation,) + counts)
        self._log.store(new)
        wipe(self._body)
        self._body = new

    def _read_head(self):
        device, self.generation, *rest = keyrecord.head(self._body)
        self.epoch, self.floor_s, self.dark_s, self.boots, self.refused, self.directive_high = rest
        self.device = str(device, "ascii") if self.enrolled else ""


def _move(key, value):
    key[:] = value
