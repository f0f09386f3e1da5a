"""Sampler: powers the receiver only while that is permitted, and builds batches of what the minimiser leaves."""

import asyncio
import time

from firmware.drivers.gnss import MAX_RATE_S, GnssRefusedError, GnssSilentError
from firmware.errors import DriverError, FlashError, SealError, WireError
from firmware.wire import batch, report

LOCATION = 1
IDLE_MS = 5_000  # how soon a permitted hour, or the end of one, is noticed
# A receiver that failed is tried again after this: each try costs about 5 s of its acquisition current.
RETRY_MS = 60_000
SEARCH_MS = 180_000  # without a fix for so long the receiver sees no sky; pause if the interval allows it
QUIET_MS = 5_000  # silence beyond the interval of solutions that makes the receiver count as silent


class BatchBuilder:
    """The open batch of `location`: in RAM only, sealed when it closes (wire-format section 6)."""

    def __init__(self, sealer, keystore, ticks_ms, ticks_diff):
        self._sealer = sealer
        self._keystore = keystore
        self._ticks_ms = ticks_ms
        self._ticks_diff = ticks_diff
        self._entries = []
        self._directive = None
        self._opened_ms = 0
        self.sealed = 0  # envelopes since boot
        self.lost = 0  # fixes that could not be sealed

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, entry: tuple, directive) -> None:
        """Take one entry; closes before it at another day or directive, behind it when the batch is full."""
        if self._entries and (directive is not self._directive or self._epoch() != entry[0] // batch.EPOCH_S):
            self.close()
        if not self._entries:
            self._directive = directive
            self._opened_ms = self._ticks_ms()
        self._entries.append(entry)
        if len(self._entries) >= directive.batch:
            self.close()

    def close_if_old(self) -> None:
        """Close the batch at the age that the directive allows."""
        if self._entries and self._ticks_diff(self._ticks_ms(), self._opened_ms) >= self._directive.batch_age * 1000:
            self.close()

    def close(self) -> None:
        """Seal and spool the open batch; what cannot be sealed is counted and let go."""
        entries, self._entries = self._entries, []
        if entries:
            self._seal(entries)

    def drop(self) -> None:
        """Forget the open batch."""
        self._entries = []

    def _epoch(self) -> int:
        return self._entries[0][0] // batch.EPOCH_S

    def _seal(self, entries: list) -> None:
        epoch = entries[0][0] // batch.EPOCH_S
        if epoch != self._keystore.epoch:  # captured in a day whose keys are gone
            self.lost += len(entries)
            return
        try:
            plaintext = batch.pack_location(self._directive.precision, entries, epoch)
            self._sealer.seal(LOCATION, plaintext, self._directive.version, entries[0][0])
            self.sealed += 1
        except WireError:
            # Longer than an envelope may be: wild jumps at full precision. Two halves are.
            if len(entries) == 1:
                self.lost += 1
                return
            half = len(entries) // 2
            self._seal(entries[:half])
            self._seal(entries[half:])
        except (SealError, FlashError):
            self.lost += len(entries)


class Sampler:
    """Task around the receiver; `in_force` says what is permitted, `moved()` tells the supervisor that it lives."""

    def __init__(self, gnss, clock, in_force, builder, *, on_time, moved):
        self._gnss = gnss
        self._clock = clock
        self._in_force = in_force
        self._builder = builder
        self._on_time = on_time
        self._moved = moved
        self._work = None
        self._wake = None
        self._next_s = 0  # time of the next fix that is wanted
        self.faults = 0

    def stop_now(self) -> None:
        """Cut the receiver's power at once, from any task; the task looks anew at what is permitted."""
        self._gnss.cut()
        if self._work is not None:
            self._work.cancel()
        if self._wake is not None:
            self._wake.set()

    def check(self) -> None:
        """Stop what is no longer permitted: a lease or an hour ends between two fixes too."""
        if self._gnss.powered and not self._wanted():
            self.stop_now()

    def sensing(self) -> bool:
        """True while personal data is being sensed (the LED shows it)."""
        return self._gnss.powered and self._in_force.senses_location()

    async def run(self) -> None:
        """For ever: sense while permitted, sleep with the receiver off otherwise."""
        self._wake = asyncio.Event()
        while True:
            self._moved()
            self._wake.clear()
            pause_ms = IDLE_MS
            if self._wanted():
                self._work = asyncio.create_task(self._sense())
                try:
                    pause_ms = await self._work
                except asyncio.CancelledError:
                    if not self._wake.is_set():
                        raise  # the whole task was cancelled, not its work
                self._work = None
            self._gnss.stop()
            await self._sleep(pause_ms)

    async def _sleep(self, pause_ms: int) -> None:
        """Pause in steps that the supervisor sees; ends early when something changed."""
        while pause_ms > 0 and not self._wake.is_set():
            step_ms = min(pause_ms, IDLE_MS)
            try:
                await asyncio.wait_for_ms(self._wake.wait(), step_ms)
            except asyncio.TimeoutError:
                pause_ms -= step_ms
            self._moved()

    def _wanted(self) -> bool:
        return self._in_force.senses_location() or self._in_force.time_only()

    async def _sense(self) -> int:
        """Run the receiver until it is no longer wanted; returns the pause in ms before the next look."""
        directive = self._in_force.directive
        try:
            await self._gnss.start(directive.interval)
            self.faults = 0
            return await self._follow(directive)
        except GnssRefusedError:
            self.faults |= report.FAULT_GNSS_REFUSED
        except GnssSilentError:
            self.faults |= report.FAULT_GNSS_SILENT
        except DriverError:
            self.faults |= report.FAULT_GNSS_SILENT
        return RETRY_MS

    async def _follow(self, directive) -> int:
        wait_ms = min(directive.interval, MAX_RATE_S) * 1000 + QUIET_MS
        began_ms = time.ticks_ms()
        while self._wanted() and self._in_force.directive is directive:
            fix = await self._gnss.fix(wait_ms)
            self._moved()
            took = self._take(fix, directive)
            if self._gnss.implausible:
                self.faults |= report.FAULT_GNSS_IMPLAUSIBLE
            # Sparse fixes: the receiver is off in between.
            searched_ms = time.ticks_diff(time.ticks_ms(), began_ms)
            if directive.interval > MAX_RATE_S and (took or searched_ms > SEARCH_MS):
                return max(directive.interval * 1000 - searched_ms, IDLE_MS)
        return 0 if self._wanted() else IDLE_MS

    def _take(self, fix: tuple, directive) -> bool:
        """Time first, then the position if that is permitted; True if a fix was good enough to be used.

        `on_time` changes the day before the first fix of the new one is taken.
        """
        time_s = fix[0]
        if time_s >= 0 and self._clock.offer_gnss(time_s, True, True, True, True):
            self._on_time()
        if fix[6] < 2 or time_s < 0 or not self._in_force.senses_location():
            return False
        # The receiver's date may be refused by the clock; then its fix would lie in another epoch.
        now_s = self._clock.now_s()
        if now_s is None or abs(time_s - now_s) > 2:
            return False
        if time_s < self._next_s and self._next_s - time_s <= directive.interval:
            return True  # a receiver that gives more than was asked for
        entry = self._in_force.minimiser.accept(fix)
        self._next_s = time_s + directive.interval
        if entry is not None:
            self._builder.add(entry, directive)
        return True
