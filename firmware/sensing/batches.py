"""BatchBuilder: the open batch of one personal stream, in RAM only, sealed when it closes (wire-format section 6)."""

from firmware.const import const
from firmware.errors import FlashError, SealError, WireError
from firmware.wire.batch import EPOCH_S, SLACK_S, pad
from firmware.wire.directive import SPEED_AND_COURSE
from firmware.wire.ladder import LOCATION

# Of a plaintext: the arrays' heads with all that is not a column; of each column its head, order and first value; of
# each further value a difference below 32 768, which 36 km a fix and nine hours are.
_HEAD_BYTES = const(10)
_COLUMN_BYTES = const(9)
_VALUE_BYTES = const(3)


class BatchBuilder:
    """One for each stream; `pack(directive, kind, entries, epoch)` makes the plaintext of a batch.

    `kind` is what all entries of a batch share besides the directive: of `environment` the sensors.
    """

    def __init__(self, stream: int, pack, sealer, keystore, ticks_ms, ticks_diff):
        self.stream = stream
        self._pack = pack
        self._sealer = sealer
        self._keystore = keystore
        self._ticks_ms = ticks_ms
        self._ticks_diff = ticks_diff
        self._entries: list = []
        self._shared: tuple = (None, None, 0)  # directive, kind and epoch of the open batch
        self._opened_ms = 0
        self.on_time = None  # set by who changes the day: called before an entry of the next day is taken
        self.sealed = 0  # envelopes since boot
        self.lost = 0  # entries that could not be sealed

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def epoch(self) -> int:
        """The epoch that can be sealed in."""
        return self._keystore.epoch

    def add(self, entry: tuple, directive, kind=None) -> None:
        """Take one entry; closes before it at another day, directive or kind, or where times fall as the clock is taken
        back; behind it when the batch is full.
        """
        if entry[0] // EPOCH_S > self._keystore.epoch and self.on_time:
            self.on_time()
        shared = (directive, kind, self._epoch_of(entry))
        if self._entries and (shared != self._shared or entry[0] < self._entries[-1][0]):
            self.close()
        if not self._entries:
            self._shared = shared
            self._opened_ms = self._ticks_ms()
        self._entries.append(entry)
        if len(self._entries) >= self._most(entry, directive):
            self.close()

    def close_if_old(self) -> None:
        """Close the batch at the age that the directive allows."""
        if not self._entries:
            return
        if self._ticks_diff(self._ticks_ms(), self._opened_ms) >= self._shared[0].batch_age * 1000:
            self.close()

    def idle_ms(self) -> int:
        """How long until the batch closes by its age."""
        if not self._entries:
            return 86_400_000
        return max(0, self._shared[0].batch_age * 1000 - self._ticks_diff(self._ticks_ms(), self._opened_ms))

    def keep(self) -> list:
        """The open batch for `restore` behind a deep sleep; WireError if it is longer than an envelope may be."""
        if not self._entries:
            return []
        directive, kind, epoch = self._shared
        age_ms = self._ticks_diff(self._ticks_ms(), self._opened_ms)
        return [epoch, kind or 0, age_ms, self._pack(directive, kind, self._entries, epoch)]

    def holds(self, entries: list) -> bool:
        """True if these are the entries of the open batch; events of one time come in any order."""
        return sorted([tuple(entry) for entry in entries]) == sorted([tuple(entry) for entry in self._entries])

    @property
    def directive(self):
        """The directive of the open batch."""
        return self._shared[0]

    def restore(self, kept: list, entries: list, directive, asleep_ms: int) -> None:
        """Go on with what `keep` gave and the entries out of its plaintext."""
        self._entries = entries
        self._shared = (directive, kept[1] or None, kept[0])
        self._opened_ms = self._ticks_ms() - min(kept[2] + asleep_ms, directive.batch_age * 1000)

    def close(self) -> None:
        """Seal and spool the open batch; what cannot be sealed is counted and let go."""
        entries, self._entries = self._entries, []
        if entries:
            self._seal(entries)

    def drop(self) -> None:
        """Forget the open batch."""
        self._entries = []

    def _most(self, entry, directive) -> int:
        """Entries of a batch. With `size` so many as fit whatever they say [if a batch closed when it is full, how
        many envelopes come would tell how much has changed: nothing at rest, and three bytes a column on the road].
        """
        if not directive.size:
            return directive.batch
        columns = len(entry)
        if self.stream == LOCATION and directive.fields & SPEED_AND_COURSE:
            columns = 6  # whether they were known too
        room = directive.size - _HEAD_BYTES - columns * _COLUMN_BYTES
        return max(1, min(directive.batch, 1 + room // (columns * _VALUE_BYTES)))

    def _epoch_of(self, entry) -> int:
        """Epoch to seal it in: its own, or the next if that began a moment after it."""
        began_s = self._keystore.epoch * EPOCH_S
        if began_s - SLACK_S <= entry[0] < began_s:
            return self._keystore.epoch
        return entry[0] // EPOCH_S

    def _seal(self, entries: list) -> None:
        directive, kind, epoch = self._shared
        if epoch != self._keystore.epoch:  # captured in a day whose keys are gone
            self.lost += len(entries)
            return
        try:
            plaintext = self._pack(directive, kind, entries, epoch)
            if directive.size:
                plaintext = pad(plaintext, directive.size)
                if len(plaintext) > directive.size:
                    raise WireError("longer than all others")
            self._sealer.seal(self.stream, plaintext, directive.version, entries[0][0])
            self.sealed += 1
        except WireError:
            # Longer than it may be: wild jumps at full precision; or two readings of one step as the clock was healed.
            # Two halves are not.
            if len(entries) == 1:
                self.lost += 1
                return
            half = len(entries) // 2
            self._seal(entries[:half])
            self._seal(entries[half:])
        except (SealError, FlashError):
            self.lost += len(entries)
