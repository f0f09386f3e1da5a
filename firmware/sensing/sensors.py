"""Sensors: all personal sensors of a device with their open batches, as the app sees them."""

import time

from firmware.const import const
from firmware.drivers.gnss import Gnss
from firmware.sampler import Sampler
from firmware.sensing.batches import BatchBuilder
from firmware.sensing.environment import Environment
from firmware.sensing.motion import Motion
from firmware.sensing.zones import Zones
from firmware.wire import batch, readings
from firmware.wire.ladder import ENVIRONMENT, LOCATION, MOTION

_POWERED = const(("temperature", "light", "motion"))  # of board.sensor_power


class Sensors:
    """Built from what the app has: board, settings, sealer, keystore, clock, in_force; `on_time()` changes the day."""

    def __init__(self, board, settings, sealer, keystore, clock, in_force, supervisor, on_time):
        self._board = board
        self.zones = Zones(in_force, clock)
        self.zones.entered = self._entered
        parts = (sealer, keystore, time.ticks_ms, time.ticks_diff)
        self.builders = (
            BatchBuilder(LOCATION, _location, *parts),
            BatchBuilder(ENVIRONMENT, _environment, *parts),
            BatchBuilder(MOTION, _motion, *parts),
        )
        location, environment, motion = self.builders
        # A fix may be awaited for 65 s; the others pause for 30 s at most.
        moved = supervisor.watch("sampler", 120_000)
        gnss = Gnss(board, settings.get("gnss", "ubx"))
        self.sampler = Sampler(gnss, clock, in_force, location, on_time=on_time, on_fix=self.zones.fix, moved=moved)
        moved = supervisor.watch("environment", 120_000)
        self.environment = Environment(board, clock, in_force, self.zones, environment, lamp=self.show, moved=moved)
        moved = supervisor.watch("motion", 120_000)
        self.motion = Motion(board, clock, in_force, self.zones, motion, moved=moved)
        self.tasks = (self.sampler, self.environment, self.motion)
        for builder in self.builders:
            builder.on_time = on_time

    @property
    def faults(self) -> int:
        """Fault bits of `status`."""
        return self.sampler.faults | self.environment.faults | self.motion.faults

    @property
    def sealed(self) -> int:
        """Envelopes since boot."""
        return sum(builder.sealed for builder in self.builders)

    def stop(self, lost) -> None:
        """Power off first; then the open batches of the streams in `lost` are dropped, the others sealed under the
        directive that they were sensed under.
        """
        for task in self.tasks:
            task.stop_now()
        self.zones.forget()
        self.environment.faults = self.motion.faults = 0
        if MOTION not in lost:
            self.motion.finish()
        self.motion.drop()
        for builder in self.builders:
            if builder.stream in lost:
                builder.drop()
            else:
                builder.close()

    def close(self) -> None:
        """The day is over: seal what is open."""
        self.motion.finish()
        for builder in self.builders:
            builder.close()

    def tick(self) -> None:
        """Once a second: what is no longer permitted, or due by time."""
        for task in self.tasks:
            task.check()
        self.zones.check()
        self.motion.tick()
        for builder in self.builders:
            builder.close_if_old()
        self.show(False)

    def show(self, on: bool) -> None:
        """The LED: lit while personal data is being sensed, or while `on`."""
        self._board.led(on or any(task.sensing() for task in self.tasks))

    def _entered(self) -> None:
        """A fix lies in a private zone: nothing is sensed there but the way out."""
        self.environment.stop_now()
        self.motion.stop_now()
        self.motion.drop()


def unpower(board) -> None:
    """Cut the power of every personal sensor."""
    board.gnss_power(False)
    for name in _POWERED:
        board.sensor_power(name, False)


def _location(directive, kind, entries: list, epoch: int) -> bytes:
    return batch.pack_location(directive.precision, entries, epoch)


def _environment(directive, kind, entries: list, epoch: int) -> bytes:
    return readings.pack_environment(kind, readings.step_of(directive), entries, epoch)


def _motion(directive, kind, entries: list, epoch: int) -> bytes:
    return readings.pack_motion(readings.step_of(directive), entries, epoch)
