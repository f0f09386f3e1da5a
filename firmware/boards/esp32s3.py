"""ESP32-S3 board: receiver on UART 1 behind a load switch, LED, button, battery divider, raw partitions."""

import os
import socket

import machine
import network
from esp32 import Partition

from firmware.boards import store
from firmware.errors import FlashError
from firmware.flash.region import RawRegion

# Wiring of the reference board.
PIN_GNSS_TX, PIN_GNSS_RX, PIN_GNSS_POWER = 17, 18, 21
PIN_LED, PIN_BUTTON, PIN_BATTERY = 48, 0, 1
# What may come before it is read: a solution and an answer, 500 bytes; or NMEA of two seconds, 1200 bytes.
UART_BUFFER_BYTES = 2048

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
        self._gnss_power = machine.Pin(PIN_GNSS_POWER, machine.Pin.OUT, value=0)
        self._led = machine.Pin(PIN_LED, machine.Pin.OUT, value=0)
        self._button = machine.Pin(PIN_BUTTON, machine.Pin.IN, machine.Pin.PULL_UP)
        # Up to 3.1 V at the pin: half of a full lithium cell is 2.1 V.
        self._battery = machine.ADC(machine.Pin(PIN_BATTERY), atten=machine.ADC.ATTN_11DB)
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
        return machine.UART(1, baudrate=baudrate, tx=PIN_GNSS_TX, rx=PIN_GNSS_RX, rxbuf=UART_BUFFER_BYTES, timeout=0)

    def gnss_power(self, on: bool) -> None:
        """Load switch of the receiver."""
        self._gnss_power.value(1 if on else 0)

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
