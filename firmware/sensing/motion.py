"""Motion: when the device began to move, when it came to rest, and when it was knocked; never how it was accelerated."""

import asyncio

from firmware.const import const
from firmware.drivers.lis2dh12 import Lis2dh12
from firmware.errors import DriverError
from firmware.sensing.task import IDLE_MS, RETRY_MS, SensorTask
from firmware.wire import readings, report
from firmware.wire.batch import EPOCH_S
from firmware.wire.directive import MOTION

_LOOK_MS = const(1_000)  # between two looks at the pin INT1
_CHECK_LOOKS = const(60)  # looks between two questions whether the chip is still there
_STILL_S = const(120)  # without motion for so long is rest: longer than a red light


class Motion(SensorTask):
    """`zones` holds the events back where that is needed, `builder` takes an entry for each step that had some."""

    def __init__(self, board, clock, in_force, zones, builder, *, moved):
        super().__init__(moved)
        self._board = board
        self._chip = Lis2dh12(board)
        self._clock = clock
        self._in_force = in_force
        self._zones = zones
        self._builder = builder
        self._moving = False
        self._moved_s = 0  # when motion was seen last
        self._open: "tuple | None" = None  # (step, bits): the entry that is still being made
        self._told_s = None  # step of the last entry

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

    def _wanted(self) -> bool:
        return self._in_force.senses(MOTION) and self._zones.clear(readings.step_of(self._in_force.directive))

    def _cut(self) -> None:
        if self._chip.powered:
            self._chip.stop()

    async def _sense(self) -> int:
        """Watch until it is no longer wanted; returns the pause in ms before the next look."""
        self._moving = False
        try:
            await self._chip.start()
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
            await asyncio.sleep_ms(_LOOK_MS)
            self._moved()
            looks += 1
            if looks >= _CHECK_LOOKS:
                looks = 0
                self._chip.check()
            self._look()

    def _look(self) -> None:
        """What the chip has seen since the last look."""
        high = self._board.motion_pin()
        if not high and not self._moving:
            return
        moved, shaken = self._chip.read() if high else (False, False)
        now_s = self._clock.now_s()
        if now_s is None or not self._wanted():
            return
        bits = readings.SHOCK if shaken else 0
        if moved:
            bits |= 0 if self._moving else readings.BEGAN
            self._moving, self._moved_s = True, now_s
        elif self._moving and now_s - self._moved_s >= _STILL_S:
            bits |= readings.ENDED
            self._moving = False
        if bits:
            self._zones.hold(now_s, self._deliver, bits)

    def _deliver(self, captured_s: int, bits: int) -> None:
        """Into the entry of its step; where the interval is longer than the step, of the next that may be told."""
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
                    return
        if self._open is not None and self._open[0] != at_s:
            self._hand_on()
        self._open = (at_s, bits | (self._open[1] if self._open else 0))

    def _hand_on(self) -> None:
        (at_s, bits), self._open = self._open, None
        self._told_s = at_s
        self._builder.add((at_s, bits), self._in_force.directive)
