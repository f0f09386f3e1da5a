"""Environment: temperature and light, each by its own leave, read once in a while and unpowered in between."""

from firmware.const import const
from firmware.drivers.parts import driver
from firmware.errors import DriverError
from firmware.sensing.task import IDLE_MS, SensorTask
from firmware.sensing.zones import reach_s
from firmware.wire import readings, report
from firmware.wire.batch import EPOCH_S
from firmware.wire.directive import LIGHT, TEMPERATURE

_LATE_S = const(2)  # a reading that is so late keeps its place in the row; one that is later begins a new row


class Environment(SensorTask):
    """`zones` holds the readings back where that is needed, `builder` takes them, `lamp(on)` shows that they are taken."""

    def __init__(self, board, clock, in_force, zones, builder, *, lamp, moved, parts=None):
        super().__init__(moved)
        self._chips = (
            (TEMPERATURE, driver(board, "temperature", parts), report.FAULT_TEMPERATURE),
            (LIGHT, driver(board, "light", parts), report.FAULT_LIGHT),
        )
        self._clock = clock
        self._in_force = in_force
        self._zones = zones
        self._builder = builder
        self._lamp = lamp
        self._planned_s = 0  # when the last reading was due
        self._read_s = 0  # when it came
        self._sums = None  # of the interval that lies open, where only sums leave
        self._told: tuple = (0, 0)  # Unix s of begin and end of the interval whose sums were handed on last

    @property
    def powered(self) -> bool:
        """True while one of the two has power."""
        return any(chip.powered for _, chip, _ in self._chips)

    def tick(self) -> None:
        """Hand on the sums of an interval that is over, once no reading of it can be waiting any more."""
        now_s, directive = self._clock.now_s(), self._in_force.directive
        if self._sums is None or now_s is None or directive is None:
            return
        if now_s - self._sums.start_s >= directive.aggregate + reach_s(directive):
            self.finish()

    def finish(self) -> None:
        """The interval, the day or the leave ends: hand on what lies open [no sums over two days or two directives]."""
        sums, directive = self._sums, self._in_force.directive
        self._sums = None
        if sums is None or directive is None:
            return
        self._told = (sums.start_s, sums.start_s + directive.aggregate)
        sensors, entry = sums.take()
        self._builder.add(entry, directive, sensors)

    def drop(self) -> None:
        """Forget what lies open."""
        self._sums = None

    def keep(self) -> list:
        """Integers for `restore` behind a deep sleep."""
        sums = self._sums.keep() if self._sums else []
        return [self._planned_s, self._read_s, self.faults, self.idle_ms(), sums, list(self._told)]

    def restore(self, kept: list, asleep_ms: int) -> None:
        """Go on behind it."""
        self._planned_s, self._read_s, self.faults, idle_ms, sums, told = kept
        self._told = tuple(told)
        self.resume(max(0, idle_ms - asleep_ms))
        if sums:
            from firmware.sensing.sums import Sums

            self._sums = Sums(sums[0])
            self._sums.restore(sums)

    def _wanted(self) -> bool:
        if not (self._in_force.senses(TEMPERATURE) or self._in_force.senses(LIGHT)):
            return False
        return self._zones.clear(readings.step_of(self._in_force.directive))

    def _cut(self) -> None:
        for _, chip, _ in self._chips:
            if chip.powered:
                chip.stop()

    async def _sense(self) -> int:
        """One reading of what is permitted, if it is due; the pause to the next in ms."""
        directive = self._in_force.directive
        step_s = readings.step_of(directive)
        period_s = max(step_s, directive.interval * max(self.stretch, 1))
        now_s = self._clock.now_s()
        span_s = directive.aggregate
        if span_s and not self._counts(now_s - now_s % span_s):
            return (span_s - now_s % span_s) * 1000  # its sum would not leave, so nothing is read for it
        wait_s = self._wait_s(now_s, step_s, period_s)
        if wait_s <= 0:
            self._plan(now_s, step_s, period_s)
            await self._read(now_s)
            wait_s = self._wait_s(self._clock.now_s() or now_s, step_s, period_s)
        return wait_s * 1000 if wait_s > 0 else IDLE_MS

    def _wait_s(self, now_s: int, step_s: int, period_s: int) -> int:
        """Seconds until a reading is due: a period after the last was, and never twice in a step."""
        if now_s < self._read_s - step_s:
            return 0  # the clock has been healed
        next_step_s = (self._read_s // step_s + 1) * step_s
        return max(self._planned_s + period_s, next_step_s) - now_s

    def _plan(self, now_s: int, step_s: int, period_s: int) -> None:
        """A reading begins. The row after the first goes with the begin of steps, so that none is left out."""
        due_s = self._planned_s + period_s
        self._planned_s = due_s if 0 <= now_s - due_s <= _LATE_S else -(-now_s // step_s) * step_s
        self._read_s = now_s

    async def _read(self, now_s: int) -> None:
        sensors, values = 0, []
        for sensor, chip, fault in self._chips:
            if not self._in_force.senses(sensor):
                continue
            try:
                value = await self._value_of(chip)
            except DriverError as error:
                print("sensor:", error)
                self.faults |= fault
                continue
            self.faults &= ~fault
            sensors |= sensor
            if sensor == LIGHT and not self._in_force.directive.aggregate:
                value = readings.light_class(value)
            values.append(value)
        if sensors and self._wanted():
            self._zones.hold(now_s, self.deliver, (sensors, tuple(values)))

    async def _value_of(self, chip):
        """A chip's reading, with the lamp lit for as long as it has power."""
        self._lamp(True)
        try:
            return await chip.read()
        finally:
            self._lamp(False)

    def deliver(self, captured_s: int, value: tuple) -> None:
        sensors, values = value
        directive = self._in_force.directive
        if directive.aggregate:
            self._sum(captured_s - captured_s % directive.aggregate, sensors, values)
            return
        step_s = readings.step_of(directive)
        self._builder.add((captured_s - captured_s % step_s,) + values, directive, sensors)

    def _sum(self, start_s: int, sensors: int, values: tuple) -> None:
        if self._sums is not None and self._sums.start_s != start_s:
            self.finish()
        if start_s // EPOCH_S < self._builder.epoch:
            return  # it waited for a fix over midnight: the sums of its day are sealed
        if not self._counts(start_s):
            return
        if self._sums is None:
            from firmware.sensing.sums import Sums  # where only sums leave

            self._sums = Sums(start_s)
        self._sums.add(sensors, values)

    def _counts(self, start_s: int) -> bool:
        """True if the sum of the interval that began then may leave: before its directive no leave was given for it; and each
        has one sum [parts of it, handed on at ten directives or presses of the button, would be the readings].
        """
        directive = self._in_force.directive
        return start_s >= directive.issued_at and not self._told[0] - directive.aggregate < start_s < self._told[1]
