"""ESP32-S3 board: receiver on UART 1 behind a load switch, three sensors on buses and supplies of their own, LED,
button, battery divider, raw partitions.
"""

import os
import socket

import machine
import network
from esp32 import Partition

from firmware.boards import store
from firmware.const import const
from firmware.errors import FlashError
from firmware.flash.region import RawRegion

# Wiring of the reference board.
_PIN_GNSS_TX = const(17)
_PIN_GNSS_RX = const(18)
_PIN_GNSS_POWER = const(21)
_PIN_LED = const(48)
_PIN_BUTTON = const(0)
_PIN_BATTERY = const(1)
# (supply, SDA, SCL). A pin drives 20 mA and the hungriest of them takes 0.3 mA: the pin itself is the supply, of the
# pull-up resistors too. So a sensor without leave has no power at all, and a bus that hangs is healed by its own supply.
PINS_SENSOR = {"temperature": (4, 5, 6), "light": (7, 15, 16), "motion": (8, 9, 10)}
_PIN_MOTION_INT1 = const(11)
_I2C_HZ = const(100_000)  # rises through 10 kOhm
_I2C_TIMEOUT_US = const(50_000)  # for a clock line that is held; no chip of these stretches it at all
# What may come before it is read: a solution and an answer, 500 bytes; or NMEA of two seconds, 1200 bytes.
_UART_BUFFER_BYTES = const(2048)

_RESETS = {
    machine.PWRON_RESET: 1,
    machine.HARD_RESET: 2,
    machine.WDT_RESET: 3,
    machine.DEEPSLEEP_RESET: 4,
    machine.SOFT_RESET: 5,
}


class Board:
    """The board's interface of docs/architecture.md."""

    NAME = "esp32s3"
    socket_module = socket

    def __init__(self):
        self._gnss_power = machine.Pin(_PIN_GNSS_POWER, machine.Pin.OUT, value=0)
        self._supplies = {}
        for name in PINS_SENSOR:
            self._supplies[name] = machine.Pin(PINS_SENSOR[name][0], machine.Pin.OUT, value=0)
        # Pulled down: an unpowered chip drives nothing.
        self._int1 = machine.Pin(_PIN_MOTION_INT1, machine.Pin.IN, machine.Pin.PULL_DOWN)
        self._led = machine.Pin(_PIN_LED, machine.Pin.OUT, value=0)
        self._button = machine.Pin(_PIN_BUTTON, machine.Pin.IN, machine.Pin.PULL_UP)
        # Up to 3.1 V at the pin: half of a full lithium cell is 2.1 V.
        self._battery = machine.ADC(machine.Pin(_PIN_BATTERY), atten=machine.ADC.ATTN_11DB)
        self._wlan = None
        self._lit = False

    def region(self, label: str) -> RawRegion:
        """Raw flash under a label ("keys", "rules", "spool"), never under a file system."""
        found = Partition.find(Partition.TYPE_DATA, label="bl_" + label)
        if not found:
            raise FlashError("no partition bl_" + label)
        return RawRegion(found[0])

    def uart_gnss(self, baudrate: int):
        """UART of the receiver."""
        return machine.UART(1, baudrate=baudrate, tx=_PIN_GNSS_TX, rx=_PIN_GNSS_RX, rxbuf=_UART_BUFFER_BYTES, timeout=0)

    def gnss_power(self, on: bool) -> None:
        """Load switch of the receiver."""
        self._gnss_power.value(1 if on else 0)

    def sensor_power(self, name: str, on: bool) -> None:
        """Supply of "temperature", "light" or "motion"; without it the pins of its bus drive nothing either."""
        self._supplies[name].value(1 if on else 0)
        if not on:
            for pin in PINS_SENSOR[name][1:]:
                machine.Pin(pin, machine.Pin.IN)

    def i2c(self, name: str):
        """The bus of that sensor; to be taken anew after each time without power."""
        _, sda, scl = PINS_SENSOR[name]
        return machine.SoftI2C(scl=machine.Pin(scl), sda=machine.Pin(sda), freq=_I2C_HZ, timeout=_I2C_TIMEOUT_US)

    def motion_pin(self) -> bool:
        """INT1 of the accelerometer: high while an interrupt is latched."""
        return self._int1.value() == 1

    def radio_connect(self, settings: dict) -> None:
        """Begin to join the access point of the settings; does not wait."""
        if self._wlan is None:
            self._wlan = network.WLAN(network.STA_IF)
        self._wlan.active(True)
        self._wlan.connect(settings["wifi"]["ssid"], settings["wifi"]["key"])

    def radio_connected(self) -> bool:
        """True once there is an address."""
        return self._wlan is not None and self._wlan.isconnected()

    def radio_off(self) -> None:
        """Leave and power down the radio."""
        if self._wlan is not None:
            try:
                self._wlan.disconnect()
            except OSError:
                pass  # it was not connected
            self._wlan.active(False)

    def watchdog(self, timeout_ms: int) -> machine.WDT:
        """The hardware watchdog; cannot be stopped once started."""
        return machine.WDT(timeout=timeout_ms)

    def reset_cause(self) -> int:
        """Why the device started, in wire-format numbers."""
        return _RESETS.get(machine.reset_cause(), 0)

    def retained(self) -> bytes:
        """Memory that outlives a deep sleep."""
        return bytes(machine.RTC().memory())

    def retain(self, data: bytes) -> None:
        """Replace it."""
        machine.RTC().memory(data)

    def random(self, n: int) -> bytes:
        """Random bytes of the chip's generator; it is a true one while the radio is on."""
        return os.urandom(n)

    def battery_mv(self) -> int:
        """Battery behind a 1:2 divider."""
        return self._battery.read_uv() * 2 // 1000

    def led(self, on: bool) -> None:
        """Lit while personal data is being sensed."""
        if on != self._lit:
            self._lit = on
            self._led.value(1 if on else 0)

    def button(self) -> bool:
        """True while pressed."""
        return self._button.value() == 0

    def deep_sleep_ms(self, ms: int) -> None:
        """Power down but for retained memory; ends in a reset."""
        machine.deepsleep(ms)

    def reset(self) -> None:
        """Restart."""
        machine.reset()

    def settings(self) -> dict:
        """Settings: wifi, broker, board options; no key."""
        return store.load()

    def save_settings(self, settings: dict) -> None:
        """Replace the settings."""
        store.save(settings)
