"""A board of the tests with any of the parts that have a driver, over the simulator's silicon."""

from __future__ import annotations

from typing import Any

from hw_sim.chips.base import I2cChip
from hw_sim.chips.bh1750 import Bh1750
from hw_sim.chips.lis3dh import Lis3dh
from hw_sim.chips.sht4x import Sht4x
from hw_sim.silicon.i2c import I2cBus
from tests.unit.firmware.sensing.bench import SimBoard, SoftI2C, micro

from firmware.drivers import parts  # isort: skip

__all__ = ["OTHERS", "REFERENCE", "PartsBoard", "micro", "read", "reads"]

REFERENCE = {"temperature": "tmp117", "light": "veml7700", "motion": "lis2dh12"}
OTHERS = {"temperature": "sht4x", "light": "bh1750", "motion": "lis3dh"}


class CommandI2C(SoftI2C):
    """`machine.SoftI2C` with the transfers that chips without registers need."""

    def readfrom(self, address: int, n: int) -> bytes:
        """Read."""
        return bytes(self._do(lambda: self._controller.read(address, n)))

    def writeto(self, address: int, data: bytes) -> int:
        """Write; the number of bytes that were acknowledged."""
        return int(self._do(lambda: self._controller.write(address, data)))


class PartsBoard(SimBoard):
    """SHT4x, BH1750 and LIS3DH in place of the reference board's parts."""

    PARTS = OTHERS

    def __init__(self) -> None:
        super().__init__()
        self.sht4x, self.bh1750, lis3dh = Sht4x(self.world), Bh1750(self.world), Lis3dh(self.world)
        self.bh1750.illuminance_lx = lambda unix_s: 100.0
        chips: dict[str, I2cChip] = {"temperature": self.sht4x, "light": self.bh1750, "motion": lis3dh}
        self.motion = lis3dh
        self.chips = chips  # type: ignore[assignment]
        for pin, (name, chip) in enumerate(chips.items()):
            bus = I2cBus(self.world.clock, 2 * pin, 2 * pin + 1, lambda chip=chip: chip.powered)  # type: ignore[misc]
            bus.attach(chip)
            self.buses[name] = bus

    def i2c(self, name: str) -> SoftI2C:
        """Its bus."""
        return CommandI2C(self, self.buses[name])


async def read(board: SimBoard, name: str) -> Any:
    """One reading of what senses that; of an accelerometer its start."""
    chip = parts.driver(board, name)
    if name == "motion":
        await chip.start()
        return chip
    return await chip.read()


def reads(board: SimBoard, name: str, limit_s: float = 1.0) -> Any:
    """The same, within that virtual time."""
    return micro.run(read(board, name), limit_s)
