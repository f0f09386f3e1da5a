"""Environment: temperature and light, each by its own leave, read once in a while and unpowered in between."""

from firmware.const import const
from firmware.drivers.tmp117 import Tmp117
from firmware.drivers.veml7700 import Veml7700
from firmware.errors import DriverError
from firmware.sensing.task import IDLE_MS, SensorTask
from firmware.wire import readings, report
from firmware.wire.directive import LIGHT, TEMPERATURE

_LATE_S = const(2)  # a reading that is so late keeps its place in the row; one that is later begins a new row


class Environment(SensorTask):
    """`zones` holds the readings back where that is needed, `builder` takes them, `lamp(on)` shows that they are taken."""

    def __init__(self, board, clock, in_force, zones, builder, *, lamp, moved):
        super().__init__(moved)
        self._chips = (
            (TEMPERATURE, Tmp117(board), report.FAULT_TEMPERATURE),
            (LIGHT, Veml7700(board), report.FAULT_LIGHT),
        )
        self._clock = clock
        self._in_force = in_force
        self._zones = zones
        self._builder = builder
        self._lamp = lamp
        self._planned_s = 0  # when the last reading was due
        self._read_s = 0  # when it came

    @property
    def powered(self) -> bool:
        """True while one of the two has power."""
        return any(chip.powered for _, chip, _ in self._chips)

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
        period_s = max(step_s, directive.interval)
        now_s = self._clock.now_s()
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
            values.append(readings.light_class(value) if sensor == LIGHT else value)
        if sensors and self._wanted():
            self._zones.hold(now_s, self._deliver, (sensors, tuple(values)))

    async def _value_of(self, chip):
        """A chip's reading, with the lamp lit for as long as it has power."""
        self._lamp(True)
        try:
            return await chip.read()
        finally:
            self._lamp(False)

    def _deliver(self, captured_s: int, value: tuple) -> None:
        sensors, values = value
        directive = self._in_force.directive
        step_s = readings.step_of(directive)
        self._builder.add((captured_s - captured_s % step_s,) + values, directive, sensors)
