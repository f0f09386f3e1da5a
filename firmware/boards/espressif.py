"""Boards with an ESP32: partitions, retained memory, calibrated ADC, true deep sleep."""

import esp32
import machine
import network
from esp32 import Partition

from firmware.boards.base import BaseBoard
from firmware.const import const
from firmware.errors import DriverError, FlashError
from firmware.flash.region import RawRegion

_KEY_BYTES = const(32)


class Espressif(BaseBoard):
    """A board of the ESP32 family."""

    # The chip's watchdog would wait for minutes. Longest span that blocks the interpreter on purpose: name resolution
    # (about 14 s with two dead resolvers) and the wipe of a full spool; both fit.
    WATCHDOG_MS = 30_000
    RETAINS_BYTES = 2048  # MICROPY_HW_RTC_USER_MEM_MAX

    def __init__(self):
        super().__init__()
        # Up to 3.1 V at the pin (2.45 V on the first ESP32): half of a full lithium cell is 2.1 V.
        self._battery = machine.ADC(machine.Pin(self.PINS[6]), atten=machine.ADC.ATTN_11DB)

    def random(self, n: int) -> bytes:
        """Random bytes. True ones while Wi-Fi's radio is on, so for key material it is on also where the link is another
        [without it they follow from a seed]. DriverError where it does not start."""
        if n < _KEY_BYTES or (self._wlan is not None and self._wlan.active()):
            return super().random(n)
        wlan = network.WLAN(network.STA_IF)
        try:
            wlan.active(True)
            return super().random(n)
        except OSError:
            raise DriverError("no radio for random bytes")
        finally:
            wlan.active(False)

    def region(self, label: str) -> RawRegion:
        """Raw flash under a label ("keys", "rules", "spool"), never under a file system."""
        found = Partition.find(Partition.TYPE_DATA, label="bl_" + label)
        if not found:
            raise FlashError("no partition bl_" + label)
        return RawRegion(found[0])

    def reset_cause(self) -> int:
        """Why the device started, in wire-format numbers, which are those of this family."""
        return machine.reset_cause()

    def retained(self) -> bytes:
        """Memory that outlives a deep sleep."""
        return bytes(machine.RTC().memory())

    def retain(self, data: bytes) -> None:
        """Replace it."""
        machine.RTC().memory(data)

    def battery_mv(self) -> int:
        """Battery behind a 1:2 divider."""
        return self._battery.read_uv() * 2 // 1000

    def sensor_power(self, name: str, on: bool) -> None:
        """As in BaseBoard; a supply that was held over a deep sleep follows again, without a moment of no power."""
        super().sensor_power(name, on)
        self._supplies[name].init(hold=False)  # type: ignore[call-arg]  # the stubs lack it

    def deep_sleep_ms(self, ms: int, keep: bool = False, wake: bool = False) -> None:
        """Power down but for retained memory; ends in a reset, by the button at once.

        keep: the accelerometer keeps its power; wake: its INT1 ends the sleep too. Both pins lie in the RTC's domain.
        """
        if keep:
            self._supplies["motion"].init(hold=True)  # type: ignore[call-arg]
        if wake:
            esp32.wake_on_ext1((self._int1,), esp32.WAKEUP_ANY_HIGH)
        esp32.wake_on_ext0(self._button, esp32.WAKEUP_ALL_LOW)
        machine.deepsleep(ms)

    def nap_ms(self, ms: int) -> None:
        """Light sleep: RAM and the levels of pins stay, the radio is off, no line is heard."""
        machine.lightsleep(ms)

    def modem(self):
        """The port of a modem, which only devices with LTE-M load."""
        from firmware.boards import modem

        return modem.Port(self)

    def reset(self) -> None:
        """Restart."""
        machine.reset()
