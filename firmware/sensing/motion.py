"""Motion: when the device began to move, when it came to rest, and when it was knocked; never how it was accelerated.

The same chip tells the receiver's task whether it moves, where the directive says so (`wake`, or `motion` itself); of that
nothing leaves.
"""

import asyncio
import time

from firmware.const import const
from firmware.drivers.parts import driver
from firmware.errors import DriverError
from firmware.sensing.task import IDLE_MS, RETRY_MS, SensorTask
from firmware.wire import readings, report
from firmware.wire.batch import EPOCH_S
from firmware.wire.directive import GNSS, MOTION, WAKE

_LOOK_MS = const(1_000)  # between two looks at the pin INT1
_CHECK_LOOKS = const(60)  # looks between two questions whether the chip is still there
_STILL_S = const(120)  # without motion for so long is rest: longer than a red light
# While it moves and may tell so, a sleeping device looks once in the least step, for a knock and for the end.
_MOVING_MS = const(60_000)
_DAY_MS = const(86_400_000)


class Motion(SensorTask):
    """`zones` holds the events back where that is needed, `builder` takes an entry for each step that had some.

    `set_off()` is called when it moves again behind a rest; `at_rest` after 120 s without motion.
    """

    def __init__(self, board, clock, in_force, zones, builder, *, moved, parts=None):
        super().__init__(moved)
        self._board = board
        self._chip = driver(board, "motion", parts)
        self._clock = clock
        self._in_force = in_force
        self._zones = zones
        self._builder = builder
        self._moving = False
        self._moved_s = 0  # when motion was seen last
        self._open: "tuple | None" = None  # (step, bits): the entry that is still being made
        self._told_s = None  # step of the last entry
        self._kept = False  # the chip has watched alone while the processor slept
        self._seen_ms = time.ticks_ms()  # ticks at the last motion, whoever may be told of it
        self.watches = False  # the chip runs and is believed
        self.at_rest = False
        self.set_off = None

    @property
    def powered(self) -> bool:
        """True while the chip has power."""
        return self._chip.powered

    def tick(self) -> None:
        """Hand on the entry whose step is over."""
        if self._open is None or len(self._zones):
            return
        now_s = self._clock.now_s()
        if now_s is not None and now_s >= self._open[0] + readings.step_of(self._in_force.directive):
            self._hand_on()

    def finish(self) -> None:
        """The batch is about to close: hand on what lies open, if its step has begun in this epoch."""
        now_s = self._clock.now_s()
        if self._open is None or now_s is None or self._open[0] > now_s:
            return
        if self._open[0] // EPOCH_S <= self._builder.epoch:
            self._hand_on()

    def drop(self) -> None:
        """Forget what lies open."""
        self._open = None

    def sensing(self) -> bool:
        """True while what it senses may leave."""
        return self._chip.powered and self._tells()

    def idle_ms(self) -> int:
        """As of SensorTask; a chip that watches needs nobody before it raises its pin."""
        if not self.watches:
            return 0 if self._chip.powered else super().idle_ms()
        if self._moving or self._open:
            return _MOVING_MS
        # What it has seen is told at once, but without a time: then it stays in the chip until somebody tells the time.
        return 0 if self._board.motion_pin() and self._in_force.senses(MOTION) else _DAY_MS

    def wakes(self) -> bool:
        """True if motion is to end a sleep: the device is at rest, or would tell that motion began."""
        if not self.watches or self._board.motion_pin():
            return False
        return self.at_rest or (not self._moving and self._in_force.senses(MOTION))

    def keep(self) -> list:
        """Integers for `restore` behind a deep sleep, over which a chip that `watches` keeps its power."""
        at_s, bits = self._open or (0, 0)
        flags = int(self.watches) + 2 * int(self.at_rest) + 4 * int(self._moving)
        age_ms = min(time.ticks_diff(time.ticks_ms(), self._seen_ms), _DAY_MS) if self.watches else 0
        told_s = -1 if self._told_s is None else self._told_s
        return [flags, age_ms, self._moved_s, told_s, at_s, bits, self.faults, self.idle_ms()]

    def restore(self, kept: list, asleep_ms: int) -> None:
        """Go on behind it."""
        flags, age_ms, self._moved_s, told_s, at_s, bits, self.faults, idle_ms = kept
        self._kept, self.at_rest, self._moving = flags & 1 != 0, flags & 2 != 0, flags & 4 != 0
        self._seen_ms = time.ticks_add(time.ticks_ms(), -min(age_ms + asleep_ms, _DAY_MS))
        self._told_s = None if told_s < 0 else told_s
        self._open = (at_s, bits) if bits else None
        if self._kept:
            try:
                self._chip.resume()
                self.watches = True
                self._feel()
            except DriverError as error:
                print("sensor:", error)
                self._kept = self.at_rest = False
        else:
            self.resume(max(0, idle_ms - asleep_ms))

    def _tells(self) -> bool:
        """True while events may be told, and not in another day or hour than their own alone."""
        if not self._in_force.senses(MOTION) or not self._zones.clear(readings.step_of(self._in_force.directive)):
            return False
        return self._place_s(self._clock.now_s()) is not None

    def _wanted(self) -> bool:
        directive = self._in_force.directive
        if directive is None:
            return False
        # In a private zone too: the way out is noticed by it, and nothing leaves.
        if directive.rest and directive.sensors & WAKE and directive.permits(GNSS):
            return self._in_force.senses_location() or self._in_force.time_only()
        return self._tells() or self._waits_for_time()

    def _waits_for_time(self) -> bool:
        """Behind a sleep that led the clock astray: what the chip has seen stays in it until the time is known."""
        if not self._kept or self._clock.now_s() is not None or self._clock.lease_over():
            return False
        in_force = self._in_force
        return in_force.directive.permits(MOTION) and not in_force.asking and not in_force.paused

    def _cut(self) -> None:
        self.watches = self._kept = self.at_rest = False
        if self._chip.powered:
            self._chip.stop()

    async def _sense(self) -> int:
        """Watch until it is no longer wanted; returns the pause in ms before the next look."""
        try:
            if not self.watches:
                self._moving = False
                await self._chip.start()
                self._seen_ms = time.ticks_ms()
                self.watches = True
            self.faults = 0
            await self._watch()
        except DriverError as error:
            print("sensor:", error)
            self.faults = report.FAULT_MOTION
            return RETRY_MS
        return IDLE_MS

    async def _watch(self) -> None:
        looks = 0
        while self._chip.powered:
            self._look()
            await asyncio.sleep_ms(_LOOK_MS)
            self._moved()
            looks += 1
            if looks >= _CHECK_LOOKS:
                looks = 0
                self._chip.check()

    def _feel(self) -> bool:
        """Whether the pin is high; what that means for the receiver."""
        high = self._board.motion_pin()
        now_ms = time.ticks_ms()
        if high:
            self._seen_ms = now_ms
            if self.at_rest:
                self.at_rest = False
                self.set_off()
        elif not self.at_rest and time.ticks_diff(now_ms, self._seen_ms) >= _STILL_S * 1000:
            self.at_rest = True
        return high

    def _look(self) -> None:
        """What the chip has seen since the last look."""
        high = self._feel()
        now_s = self._clock.now_s()
        if now_s is None or (not high and not self._moving):
            return  # without a time the interrupt stays latched, and is told when there is one
        self._kept = False
        moved, shaken = self._chip.read() if high else (False, False)
        if not self._tells():
            self._moving = False
            return
        bits = readings.SHOCK if shaken else 0
        if moved:
            bits |= 0 if self._moving else readings.BEGAN
            self._moving, self._moved_s = True, now_s
        elif self._moving and now_s - self._moved_s >= _STILL_S:
            bits |= readings.ENDED
            self._moving = False
        if bits:
            self._zones.hold(now_s, self.deliver, bits)

    def deliver(self, captured_s: int, bits: int) -> None:
        """Into the entry of its step; where the interval is longer than the step, of the next that may be told."""
        at_s = self._place_s(captured_s)
        if at_s is None:
            return
        if self._open is not None and self._open[0] != at_s:
            self._hand_on()
        self._open = (at_s, bits | (self._open[1] if self._open else 0))

    def _place_s(self, captured_s: int):
        """Time of the entry for what is seen at that second, or None if there is none that it may go into."""
        directive = self._in_force.directive
        step_s = readings.step_of(directive)
        at_s = captured_s - captured_s % step_s
        if self._told_s is not None:
            earliest_s = -(-(self._told_s + max(step_s, directive.interval)) // step_s) * step_s
            if 0 < earliest_s - at_s <= max(step_s, directive.interval) + step_s:  # else the clock has been healed
                at_s = earliest_s
                # Told later, but not in another day, nor for a time at which nothing is sensed.
                other_day = at_s // EPOCH_S != captured_s // EPOCH_S
                if other_day or directive.closed_at(at_s) or at_s >= directive.lease_until:
                    return None
        return at_s

    def _hand_on(self) -> None:
        (at_s, bits), self._open = self._open, None
        self._told_s = at_s
        self._builder.add((at_s, bits), self._in_force.directive)
