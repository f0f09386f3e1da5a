"""Sampler: powers the receiver only while that is permitted, and hands on what the minimiser leaves of its fixes."""

import time

from firmware.const import const
from firmware.drivers.gnss import MAX_RATE_S, GnssRefusedError, GnssSilentError
from firmware.errors import DriverError
from firmware.sensing.task import IDLE_MS, RETRY_MS, SensorTask
from firmware.wire import report

_SEARCH_MS = const(180_000)  # without a fix for so long the receiver sees no sky; pause if the interval allows it
_QUIET_MS = const(5_000)  # silence beyond the interval of solutions that makes the receiver count as silent


class Sampler(SensorTask):
    """Task around the receiver; `in_force` says what is permitted, `moved()` tells the supervisor that it lives.

    `on_fix(time_s, inside)` hears of each fix that tells whether it lies in a private zone.
    """

    def __init__(self, gnss, clock, in_force, builder, *, on_time, on_fix, moved):
        super().__init__(moved)
        self._gnss = gnss
        self._clock = clock
        self._in_force = in_force
        self._builder = builder
        self._on_time = on_time
        self._on_fix = on_fix
        self._next_s = 0  # time of the next fix that is wanted

    @property
    def powered(self) -> bool:
        """True while the receiver has power."""
        return self._gnss.powered

    def sensing(self) -> bool:
        """True while positions are being sensed, not time alone."""
        return self._gnss.powered and self._in_force.senses_location()

    def _wanted(self) -> bool:
        return self._in_force.senses_location() or self._in_force.time_only()

    def _cut(self) -> None:
        self._gnss.cut()

    def _off(self) -> None:
        self._gnss.stop()

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
        wait_ms = min(directive.interval, MAX_RATE_S) * 1000 + _QUIET_MS
        began_ms = time.ticks_ms()
        while self._wanted() and self._in_force.directive is directive:
            fix = await self._gnss.fix(wait_ms)
            self._moved()
            took = self._take(fix, directive)
            if self._gnss.implausible:
                self.faults |= report.FAULT_GNSS_IMPLAUSIBLE
            # Sparse fixes: the receiver is off in between.
            searched_ms = time.ticks_diff(time.ticks_ms(), began_ms)
            if directive.interval > MAX_RATE_S and (took or searched_ms > _SEARCH_MS):
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
        inside = self._in_force.minimiser.inside(fix)
        if inside is not None:
            self._on_fix(time_s, inside)
        if time_s < self._next_s and self._next_s - time_s <= directive.interval:
            return True  # a receiver that gives more than was asked for
        entry = self._in_force.minimiser.accept(fix)
        self._next_s = time_s + directive.interval
        if entry is not None:
            self._builder.add(entry, directive)
        return True
