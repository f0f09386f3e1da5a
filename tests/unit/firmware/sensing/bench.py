"""The firmware's sensors on simulated silicon under CPython, in virtual time: flash, keys and rules of the rig, chips and
buses of the simulator, and a keeper that looks once a second as the app's does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from hw_sim.chips.lis2dh12 import Lis2dh12
from hw_sim.chips.tmp117 import Tmp117
from hw_sim.chips.veml7700 import Veml7700
from hw_sim.errors import DeviceError
from hw_sim.silicon.i2c import Controller, I2cBus
from hw_sim.world.clock import World
from tests.unit.firmware.app.rig import START_S, Rig, micro

from firmware.sensing.sensors import Sensors  # isort: skip
from firmware.supervisor import Supervisor  # isort: skip
from firmware.wire import readings  # isort: skip
from firmware.wire.aggregates import unpack_aggregates  # isort: skip
from firmware.wire.batch import EPOCH_S, unpack_location  # isort: skip
from firmware.wire.places import unpack_places  # isort: skip

GNSS, TEMPERATURE, LIGHT, MOTION = 1, 2, 4, 8
ALL = GNSS | TEMPERATURE | LIGHT | MOTION
REST = (0.0, 0.0, 1000.0)


class SoftI2C:
    """`machine.SoftI2C` over the simulated wires: a missing acknowledgement and a held clock line raise, as on the chip."""

    def __init__(self, bench: SimBoard, bus: I2cBus) -> None:
        self._bench = bench
        self._controller = Controller(bus, True, 100_000, 50_000)
        self._controller.open()

    def readfrom_mem(self, address: int, register: int, n: int) -> bytes:
        """Read registers."""
        return bytes(self._do(lambda: self._controller.read_mem(address, bytes((register,)), n)))

    def writeto_mem(self, address: int, register: int, data: bytes) -> None:
        """Write registers."""
        self._do(lambda: self._controller.write(address, bytes((register,)) + data))

    def _do(self, act: Callable[[], Any]) -> Any:
        self._bench.sync()
        try:
            return act()
        except DeviceError as error:
            raise OSError(error.args[0]) from None


class SimBoard:
    """The three sensors of docs/architecture.md's board; `settings` has pins enough for nothing else."""

    def __init__(self, start_s: int = START_S) -> None:
        self.world = World(start_unix_s=start_s, seed=1)
        self.temperature, self.light, self.motion = Tmp117(self.world), Veml7700(self.world), Lis2dh12(self.world)
        self.chips = {"temperature": self.temperature, "light": self.light, "motion": self.motion}
        self.buses: dict[str, I2cBus] = {}
        for pin, (name, chip) in enumerate(self.chips.items()):
            bus = I2cBus(self.world.clock, 2 * pin, 2 * pin + 1, lambda chip=chip: chip.powered)  # type: ignore[misc]
            bus.attach(chip)
            self.buses[name] = bus
        self._loop: object = None
        self._began_us = 0
        self.lit = False
        self.lit_at: list[float] = []
        self.light.illuminance_lx = lambda unix_s: 100.0
        self.motion.acceleration_mg = lambda unix_s: REST

    def sync(self) -> None:
        """The world comes to where the virtual loop is."""
        clock, loop = self.world.clock, micro._current[-1] if micro._current else None
        if loop is not None and loop is not self._loop:  # each run begins at zero
            self._loop, self._began_us = loop, clock.now_us - int(loop.now_s * 1e6)
        loop_us = int(loop.now_s * 1e6) if loop is not None else 0
        clock.advance_to(max(self._began_us + loop_us, clock.now_us))

    def gnss_power(self, on: bool) -> None:
        """There is no receiver here."""

    def sensor_power(self, name: str, on: bool) -> None:
        """Supply of one sensor."""
        self.sync()
        self.chips[name].power(on)

    def i2c(self, name: str) -> SoftI2C:
        """Its bus."""
        return SoftI2C(self, self.buses[name])

    def motion_pin(self) -> bool:
        """INT1."""
        self.sync()
        return self.motion.pins[1] == 1

    def led(self, on: bool) -> None:
        """The LED."""
        if on and not self.lit:
            self.lit_at.append(self.world.clock.unix_s)
        self.lit = on


class Bench(Rig):
    """An enrolled device with its sensors. `run` lets time pass; `sent` is what was sealed, as it is on the wire."""

    def __init__(self) -> None:
        self.board = SimBoard()
        super().__init__()

    @property
    def ticks(self) -> int:
        """The device's millisecond counter is the loop's."""
        return micro.ticks_ms()

    @ticks.setter
    def ticks(self, value: int) -> None:
        pass

    def boot(self) -> None:
        """The order of App."""
        super().boot()
        self.sent: list[tuple[int, int, Any]] = []  # (stream, directive version, content of the batch)
        self.sizes: list[int] = []  # bytes of the plaintexts
        seal = self.sealer.seal

        def watched(stream: int, plaintext: bytes, version: int, time_s: int) -> Any:
            entry = seal(stream, plaintext, version, time_s)
            sums = stream == 2 and plaintext[1] == 0xCC  # 128 and more: sums of intervals
            environment = unpack_aggregates if sums else readings.unpack_environment
            location = unpack_places if stream == 1 and plaintext[1] == 6 else unpack_location
            unpack = {1: location, 2: environment, 3: readings.unpack_motion}[stream]
            self.sent.append((stream, version, unpack(plaintext, self.keystore.epoch)))
            self.sizes.append(len(plaintext))
            return entry

        self.sealer.seal = watched
        parts = (self.sealer, self.keystore, self.clock, self.rules)
        self.supervisor = Supervisor(micro.ticks_ms, lambda end, start: end - start)
        self.sensors = Sensors(self.board, {}, *parts, self.supervisor, self.on_time)
        self.rules.stop_sensing = self.sensors.stop

    def on_time(self) -> None:
        """As App does it."""
        if self.clock.day_is_over():
            self.sensors.close()
            now_s = self.clock.now_s()
            if now_s is not None:
                self.keystore.advance(now_s // EPOCH_S, now_s)

    def world_s(self) -> float:
        """Unix time of the world."""
        self.board.sync()
        return self.board.world.clock.unix_s

    def permit(self, version: int, **changes: Any) -> None:
        """Apply a directive, by default for all sensors, in batches of four and within five minutes."""
        now_s = self.clock.now_s() or START_S
        changes = {"sensors": ALL, "batch": 4, "issued_at": now_s, "lease_until": now_s + 30 * EPOCH_S} | changes
        self.apply(version, **changes)

    def narrow(self, version: int, **changes: Any) -> None:
        """Apply a change of the directive in force without the challenge."""
        directive = self.rules.directive
        same = {
            name: getattr(directive, name)
            for name in ("lease_until", "issued_at", "batch", "batch_age", "interval", "sensors")
        }
        zones = [list(zone) for zone in directive.zones]
        self.apply(version, answered=False, **(same | {"zones": zones} | changes))

    def environment(self) -> list[tuple[int, ...]]:
        """Entries of `environment` that were sealed."""
        return [entry for stream, _, (*_, entries) in self.sent if stream == 2 for entry in entries]

    def motion(self) -> list[tuple[int, int]]:
        """Entries of `motion` that were sealed."""
        return [entry for stream, _, (*_, entries) in self.sent if stream == 3 for entry in entries]

    def run(self, story: Callable[[Bench], Coroutine[Any, Any, None]]) -> None:
        """Run the sensors' tasks and the keeper beside a story, to the story's end."""

        async def keeper() -> None:
            while True:
                self.on_time()
                self.sensors.tick()
                assert self.supervisor.overdue() is None or self.supervisor.overdue() == "sampler"
                await asyncio.sleep(1)

        async def main() -> None:
            self.board.sync()  # from here on the world's time is the loop's, whenever a chip is spoken to first
            running = [self.sensors.environment.run(), self.sensors.motion.run(), keeper()]
            tasks = [asyncio.create_task(task) for task in running]
            await story(self)
            for task in tasks:
                assert not task.done(), task.exception()

        micro.run(main())


async def fixes(bench: Bench, for_s: int, *, inside: Callable[[int], bool] = lambda now_s: False) -> None:
    """So many seconds with a fix each ten of them, as the receiver's task tells of it."""
    for _ in range(for_s // 10):
        now_s = bench.clock.now_s()
        if now_s is not None:
            bench.sensors.zones.fix(now_s, inside(now_s))
        await asyncio.sleep(10)


def shaking(begin_s: float, end_s: float, mg: float = 400.0) -> Callable[[float], tuple[float, float, float]]:
    """A world that shakes from one Unix time to another, 5 Hz, and rests before and after."""

    def sense(unix_s: float) -> tuple[float, float, float]:
        if not begin_s <= unix_s < end_s:
            return REST
        return (mg if int(unix_s * 10) % 2 else -mg, 0.0, 1000.0)

    return sense
