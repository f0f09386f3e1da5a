"""LIS2DH12: motion and shock as latched interrupts; no acceleration is ever read (ST DocID025056, sections 3 and 8).

Generator 1 is for motion, generator 2 for shock, both behind the high-pass filter, so that the way in which the device
lies does not count, and both on the pin INT1. At 25 Hz in low-power mode the chip draws 4 µA.
"""

import asyncio

from firmware.const import const
from firmware.drivers.i2c import Chip, ChipIdentityError, ChipNonsenseError
from firmware.errors import DriverError

_ADDRESS = const(0x18)  # SA0 to ground; open it would be 0x19
_WHO_AM_I = const(0x0F)
_I_AM = const(0x33)
_CTRL_REG1 = const(0x20)
_REFERENCE = const(0x26)
_INT1_CFG = const(0x30)
_INT1_SRC = const(0x31)
_INT2_CFG = const(0x34)
_INT2_SRC = const(0x35)
_AUTO_INCREMENT = const(0x80)  # of a register's address, for several bytes
CONTROL = bytes(
    (
        0x3F,  # CTRL_REG1: ODR 25 Hz, LPen, all axes
        0x0B,  # CTRL_REG2: high-pass on both generators (HP_IA1, HP_IA2) and the output (FDS)
        0x60,  # CTRL_REG3: I1_IA1 and I1_IA2: both on the pin INT1
        0xA0,  # CTRL_REG4: BDU, full scale 8 g: 62 mg a step, so that shock and motion have one scale
        0x0A,  # CTRL_REG5: LIR_INT1, LIR_INT2: latched until read
    )
)
_ANY_AXIS_HIGH = const(0x2A)  # INTx_CFG: OR of X, Y and Z above the threshold
_MOTION_STEPS = const(2)  # 124 mg: two quanta of low-power mode above noise; walking, loading and driving are above it
_SHOCK_STEPS = const(48)  # 3 g: a fall or a knock; no braking and no kerb comes near it
# of INTx_SRC: active; which axes; always 0
_IA = const(0x40)
_AXES = const(0x3F)
_ZERO = const(0x80)
_TURN_ON_MS = const(320)  # 7 periods of the output rate, and one more for the filter


class Lis2dh12(Chip):
    """The chip stays under power from `start` to `stop` and watches by itself."""

    def __init__(self, board, name: str = "motion"):
        super().__init__(board, name, _ADDRESS)

    async def start(self) -> None:
        """Power on, identify, configure. DriverError after at most half a second, and then no power."""
        try:
            await self._power_up()
            self._identify()
            self._write(_CTRL_REG1 | _AUTO_INCREMENT, CONTROL)
            for first, steps in ((_INT1_CFG, _MOTION_STEPS), (_INT2_CFG, _SHOCK_STEPS)):
                self._write(first + 2, bytes((steps,)))  # INTx_THS
                self._write(first + 3, b"\0")  # INTx_DURATION: one sample is enough
                self._write(first, bytes((_ANY_AXIS_HIGH,)))
            await asyncio.sleep_ms(_TURN_ON_MS)
            # What the filter made of gravity as it began is no motion.
            self._read(_REFERENCE, 1)
            self._read(_INT1_SRC, 1)
            self._read(_INT2_SRC, 1)
            self.check()
        except BaseException:  # a cancelled start must not leave the chip on
            self.stop()
            raise

    def resume(self) -> None:
        """Go on with a chip that has watched alone, under power, while the processor slept. DriverError unless it is as it
        was configured, and then it has no power."""
        self._board.sensor_power(self._name, True)
        self._bus = self._board.i2c(self._name)
        try:
            self.check()
        except DriverError:
            self.stop()
            raise

    def check(self) -> None:
        """DriverError unless the chip is still there and as it was configured [a supply that dipped; a held data line]."""
        self._identify()
        if self._read(_CTRL_REG1 | _AUTO_INCREMENT, len(CONTROL)) != CONTROL:
            raise ChipNonsenseError("motion: configuration not as written")
        for first, steps in ((_INT1_CFG, _MOTION_STEPS), (_INT2_CFG, _SHOCK_STEPS)):
            if self._read(first, 1)[0] != _ANY_AXIS_HIGH or self._read(first + 2, 1)[0] != steps:
                raise ChipNonsenseError("motion: configuration not as written")

    def read(self):
        """(motion, shock) since the last read; it clears them. To be called when the pin INT1 is high."""
        moved, shaken = self._source(_INT1_SRC), self._source(_INT2_SRC)
        if not moved and not shaken:
            raise ChipNonsenseError("motion: interrupt without a source")
        return moved, shaken

    def _source(self, register: int) -> bool:
        source = self._read(register, 1)[0]
        if source & _ZERO or bool(source & _IA) > bool(source & _AXES):
            raise ChipNonsenseError("motion: source out of range")
        return source & _IA != 0

    def _identify(self) -> None:
        if self._read(_WHO_AM_I, 1)[0] != _I_AM:
            raise ChipIdentityError("motion: no LIS2DH12")
