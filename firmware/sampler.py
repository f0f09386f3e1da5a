"""Sampler: powers the receiver only while that is permitted, and hands on what the minimiser leaves of its fixes.

Between sparse fixes, at rest, and after a search without sky the receiver is off (docs/decisions/0010).
"""

import time

from firmware.const import const
from firmware.drivers.gnss import MAX_RATE_S, GnssRefusedError, GnssSilentError
from firmware.errors import DriverError
from firmware.sensing.jumps import Jumps
from firmware.sensing.task import IDLE_MS, RETRY_MS, SensorTask
from firmware.wire import cells, report

_QUIET_MS = const(5_000)  # silence beyond the interval of solutions that makes the receiver count as silent
# A search without a fix: a cold start takes up to a minute under a poor sky, three with little of it. Where there was no
# sky the next tries are shorter, but each fourth has time to take the orbits from the satellites again.
_SEARCH_MS = const(180_000)
_SEARCH_AGAIN_MS = const(60_000)
_LEAST_PAUSE_S = const(60)  # after such a search, doubled each time
_MOST_PAUSE_S = const(1_800)  # out of a garage it is found half an hour late at most, at once where motion is seen
# The first solutions after power are the worst: for an exact position the next seconds are waited for.
_GOOD_MM = const(10_000)
_SETTLE_MS = const(4_000)
# Below a receiver's noise of speed no vehicle is told from a parked one; longer than a red light it is rest.
_SLOW_MM_S = const(1_000)
_STILL_MS = const(120_000)


class Sampler(SensorTask):
    """Task around the receiver; `in_force` says what is permitted, `moved()` tells the supervisor that it lives.

    `on_fix(time_s, inside)` hears of each fix that tells whether it lies in a private zone. `motion`: the accelerometer's
    task, None for none; `presence` hears of each fix and judges whether it moves with strangers. `sparse_s`: from this
    interval on the receiver is off between fixes.
    """

    def __init__(self, gnss, clock, in_force, builder, *, on_time, on_fix, moved):
        super().__init__(moved)
        self._gnss = gnss
        self._clock = clock
        self._in_force = in_force
        self._builder = builder
        self._on_time = on_time
        self._on_fix = on_fix
        self._jumps = Jumps()
        self.motion = None
        self.presence = None
        self.sparse_s = MAX_RATE_S + 1
        self._places = None  # of the directive that has ended, until the next has taken over from it
        self._next_s = 0  # time of the next fix that is wanted
        self._fixed_ms = None  # ticks at the last fix
        self._slow_ms = None  # ticks since when the receiver has said that it stands
        self._misses = 0  # searches in a row that found no sky

    @property
    def powered(self) -> bool:
        """True while the receiver has power."""
        return self._gnss.powered

    def sensing(self) -> bool:
        """True while positions are being sensed, not time alone."""
        return self._gnss.powered and self._in_force.senses_location()

    def nap_ms(self) -> int:
        """For how long the receiver says nothing."""
        return self._gnss.nap_ms()

    def held(self) -> None:
        """The program did nothing for a while: what is read now may have waited."""
        self._gnss.held()

    def finish(self) -> None:
        """The day, the leave or the sensing ends: what the minimiser held back goes into the open batch."""
        self._begin()
        minimiser = self._in_force.minimiser
        if minimiser is not None:
            self._places = minimiser.places
            for entry in minimiser.flush():
                self._builder.add(entry, self._in_force.directive)

    def _begin(self) -> None:
        """A new directive goes on where the last one ended."""
        if self._places is None or self._in_force.minimiser is None:
            return
        minimiser = self._in_force.minimiser
        places, self._places = self._places, None
        if minimiser.places is not None and minimiser.places is not places:
            minimiser.places.resume(places)

    def set_off(self) -> None:
        """It moves again: the next fix as soon as the interval lets it, and sky may be near."""
        self._misses = 0
        self._slow_ms = None
        self.look()

    def at_rest(self) -> bool:
        """By the accelerometer where it runs, else by the receiver's own speed."""
        directive = self._in_force.directive
        if directive is None or not directive.rest:
            return False
        if self.motion is not None and self.motion.watches:
            return self.motion.at_rest
        return self._slow_ms is not None and time.ticks_diff(time.ticks_ms(), self._slow_ms) >= _STILL_MS

    def keep(self) -> list:
        """Integers for `restore` behind a deep sleep; ages in ms, -1 for none."""
        self._begin()
        now_ms = time.ticks_ms()
        ages = [-1 if at is None else max(0, time.ticks_diff(now_ms, at)) for at in (self._fixed_ms, self._slow_ms)]
        return ages + [self._next_s, self._misses, self.faults, self.idle_ms()]

    def restore(self, kept: list, asleep_ms: int) -> None:
        """Go on behind it."""
        now_ms = time.ticks_ms()
        at = [None if age < 0 else time.ticks_add(now_ms, -age - asleep_ms) for age in kept[:2]]
        self._fixed_ms, self._slow_ms = at
        self._next_s, self._misses, self.faults = kept[2:5]
        self.resume(max(0, kept[5] - asleep_ms))

    def _wanted(self) -> bool:
        return self._in_force.senses_location() or self._in_force.time_only()

    def _cut(self) -> None:
        self._gnss.cut()
        self._places = None  # of a stream that is withdrawn nothing is remembered: its end comes with no `finish`

    def _off(self) -> None:
        self._gnss.stop()

    async def _sense(self) -> int:
        """Run the receiver until it is no longer wanted; returns the pause in ms before the next look."""
        self._begin()
        directive = self._in_force.directive
        early_ms = self._early_ms(directive)
        if early_ms > 0 and not self._in_force.time_only():
            return early_ms
        try:
            await self._gnss.start(1 if self._is_sparse(directive) else self._interval_s(directive))
            self.faults = self._jumps.dropped = 0
            return await self._follow(directive)
        except GnssRefusedError:
            self.faults |= report.FAULT_GNSS_REFUSED
        except GnssSilentError:
            self.faults |= report.FAULT_GNSS_SILENT
        except DriverError:
            self.faults |= report.FAULT_GNSS_SILENT
        return RETRY_MS

    async def _follow(self, directive) -> int:
        sparse = self._is_sparse(directive)
        wait_ms = (1 if sparse else min(self._interval_s(directive), MAX_RATE_S)) * 1000 + _QUIET_MS
        search_ms = _SEARCH_AGAIN_MS if self._misses % 4 else _SEARCH_MS
        began_ms = time.ticks_ms()
        seen_ms = None  # since when there has been a position
        while self.wanted() and self._in_force.directive is directive:
            fix = await self._gnss.fix(wait_ms)
            self._moved()
            now_ms = time.ticks_ms()
            if seen_ms is None and fix[6] >= 2:
                seen_ms = now_ms
            settled = seen_ms is not None and time.ticks_diff(now_ms, seen_ms) >= _SETTLE_MS
            took = self._take(fix, directive, settled or not sparse)
            if self._gnss.implausible or self._jumps.dropped:
                self.faults |= report.FAULT_GNSS_IMPLAUSIBLE
            if took:
                self._misses, began_ms = 0, now_ms
                if sparse or self.at_rest():
                    return max(self._early_ms(directive), IDLE_MS)
            elif time.ticks_diff(now_ms, began_ms) > search_ms:
                return self._miss(directive)
        return 0 if self.wanted() else IDLE_MS

    def _interval_s(self, directive) -> int:
        """Between fixes. Of those within a time step of the precision one leaves, so no other is taken; zones and places
        need each, to know where it goes in and out.
        """
        return max(self._least_s(directive), self._step_s(directive))

    def _least_s(self, directive) -> int:
        return directive.interval * max(self.stretch, 1)

    def _step_s(self, directive) -> int:
        if directive.zones or directive.places or directive.precision > cells.REGION:
            return 1
        return cells.TIME_STEP_S[directive.precision]

    def _is_sparse(self, directive) -> bool:
        return self._interval_s(directive) >= self.sparse_s

    def _early_ms(self, directive) -> int:
        """How long the next fix has to wait."""
        if self._fixed_ms is None:
            return 0
        period_s = max(directive.rest if self.at_rest() else 0, self._least_s(directive))
        elapsed_ms = time.ticks_diff(time.ticks_ms(), self._fixed_ms)
        # Negative after six days without a fix, when the ticks have come half around.
        early_ms = max(0, period_s * 1000 - elapsed_ms) if elapsed_ms >= 0 else 0
        left_s = self._next_s - (self._clock.now_s() or self._next_s)  # a clock that sleeps has a poorer count
        return max(early_ms, left_s * 1000) if left_s <= self._interval_s(directive) else early_ms

    def _miss(self, directive) -> int:
        """No sky: pauses that grow, not beyond half an hour or the directive's interval."""
        pause_s = max(self._least_s(directive), min(_LEAST_PAUSE_S << min(self._misses, 8), _MOST_PAUSE_S))
        self._misses += 1
        return pause_s * 1000

    def _take(self, fix: tuple, directive, settled: bool) -> bool:
        """Time first, then the position if that is permitted; True if a fix was good enough to be used.

        `on_time` changes the day before the first fix of the new one is taken.
        """
        time_s = fix[0]
        if time_s >= 0 and self._clock.offer_gnss(time_s, True, True, True, True):
            self._on_time()
        if fix[6] < 2 or time_s < 0 or not self._in_force.senses_location():
            return False
        if not self._is_good(fix, directive, settled):
            return False
        self._begin()
        inside = self._in_force.minimiser.inside(fix)
        if inside is not None:
            self._on_fix(time_s, inside)
        if inside:
            self._note(fix)
            return True  # it takes nobody's turn: when the next fix is due tells nothing of the zone
        if self.presence:
            self.presence.accept(fix)
        interval_s = self._interval_s(directive)
        if time_s < self._next_s and self._next_s - time_s <= interval_s:
            return True  # a receiver that gives more than was asked for, or a clock that was fast asleep
        self._note(fix)
        entries = self._in_force.minimiser.accept(fix, interval_s)
        step_s = self._step_s(directive)
        self._next_s = max(time_s + self._least_s(directive), time_s - time_s % step_s + step_s)
        for entry in entries:
            self._builder.add(entry, directive)
        return True

    def _is_good(self, fix: tuple, directive, settled: bool) -> bool:
        """Before anything is concluded from it: time, accuracy, and that a vehicle can be there."""
        # The receiver's date may be refused by the clock; then its fix would lie in another epoch.
        now_s = self._clock.now_s()
        if now_s is None or abs(fix[0] - now_s) > 2:
            return False
        if not settled and directive.precision == 0 and not 0 <= fix[3] <= _GOOD_MM:
            return False
        # [A jump out of a zone and back would let go what waits there and must not leave.]
        return self._jumps.accept(fix)

    def _note(self, fix: tuple) -> None:
        """When it was, and whether it stands."""
        self._fixed_ms = time.ticks_ms()
        if not 0 <= fix[4] < _SLOW_MM_S:
            self._slow_ms = None
        elif self._slow_ms is None:
            self._slow_ms = self._fixed_ms
