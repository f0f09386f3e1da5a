"""Sensors: all personal sensors of a device with their open batches, as the app sees them."""

import time

from firmware.const import const
from firmware.drivers.parts import receiver
from firmware.sampler import Sampler
from firmware.sensing.batches import BatchBuilder
from firmware.sensing.environment import Environment
from firmware.sensing.motion import Motion
from firmware.sensing.zones import Zones
from firmware.wire import batch, readings
from firmware.wire.ladder import ENVIRONMENT, LOCATION, MOTION

# From this interval on a device that sleeps between fixes has the receiver off: a start from backup and a wake cost what
# six seconds of waiting for the next solution cost.
_SPARSE_S = const(20)


class Sensors:
    """Built from what the app has: board, settings, sealer, keystore, clock, in_force; `on_time()` changes the day. `dozes`:
    the device sleeps when nothing is due.
    """

    def __init__(self, board, settings, sealer, keystore, clock, in_force, supervisor, on_time, dozes=False):
        self._board = board
        self._in_force = in_force
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
        fitted = settings.get("parts")
        gnss = receiver(board, settings.get("gnss", "ubx"), fitted)
        self.sampler = Sampler(gnss, clock, in_force, location, on_time=on_time, on_fix=self.zones.fix, moved=moved)
        moved = supervisor.watch("environment", 120_000)
        self.environment = Environment(
            board, clock, in_force, self.zones, environment, lamp=self.show, moved=moved, parts=fitted
        )
        moved = supervisor.watch("motion", 120_000)
        self.motion = Motion(board, clock, in_force, self.zones, motion, moved=moved, parts=fitted)
        if dozes:
            self.sampler.sparse_s = _SPARSE_S
        self.sampler.motion = self.motion
        self.motion.set_off = self.sampler.set_off
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
        if LOCATION not in lost:
            self.sampler.finish()
        if ENVIRONMENT not in lost:
            self.environment.finish()
        self.environment.drop()
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
        self.sampler.finish()
        self.environment.finish()
        self.motion.finish()
        for builder in self.builders:
            builder.close()

    def tick(self) -> None:
        """Once a second: what is no longer permitted, or due by time."""
        for task in self.tasks:
            task.check()
        self.zones.check()
        self.environment.tick()
        self.motion.tick()
        if not self._in_force.senses_location():
            self.sampler.finish()  # a quiet hour, the lease's end: what is held back waits for no other fix
        for builder in self.builders:
            builder.close_if_old()
        self.show(False)

    def pace(self, stretch: int) -> None:
        """How far the battery stretches the intervals; at 0 nothing is sensed."""
        for task in self.tasks:
            task.stretch = stretch

    def show(self, on: bool) -> None:
        """The LED: lit while personal data is being sensed, or while `on`."""
        self._board.led(on or any(task.sensing() for task in self.tasks))

    def _entered(self) -> None:
        """A fix lies in a private zone: nothing is sensed there but the way out."""
        self.environment.stop_now()
        self.motion.stop_now()
        self.motion.drop()


def _location(directive, kind, entries: list, epoch: int) -> bytes:
    if directive.places:
        from firmware.wire.places import pack_places  # where only they leave

        return pack_places(entries, epoch)
    return batch.pack_location(directive.precision, entries, epoch)


def _environment(directive, kind, entries: list, epoch: int) -> bytes:
    if directive.aggregate:
        from firmware.wire.aggregates import pack_aggregates  # where only sums leave

        return pack_aggregates(kind, directive.aggregate, entries, epoch)
    return readings.pack_environment(kind, readings.step_of(directive), entries, epoch)


def _motion(directive, kind, entries: list, epoch: int) -> bytes:
    return readings.pack_motion(readings.step_of(directive), entries, epoch)
