"""What all boards do in the same way: pins, buses, Wi-Fi, settings. A board's own file has the numbers."""

import os
import socket

import machine
import network

from firmware.boards import store
from firmware.const import const

_I2C_HZ = const(100_000)  # rises through 10 kOhm
_I2C_TIMEOUT_US = const(50_000)  # for a clock line that is held; no chip of these stretches it at all
# What may come before it is read: a solution and an answer, 500 bytes; or NMEA of two seconds, 1200 bytes.
_UART_BUFFER_BYTES = const(2048)
_TONE_HZ = const(2_700)  # where small piezos are loudest, and ears good
_BEACON_US = const(1_000_000)  # of at most 2 s (draft-detecting-unwanted-location-trackers, "advertising interval")
_NAME = const(b"\x19\x09tracker: hold its button")  # complete local name, the same of every board


class BaseBoard:
    """The board's interface of docs/architecture.md, but for what the family of chips decides.

    A board names itself and its pins:
    `PINS` (UART of the receiver and its TX and RX as the board sees them, load switch of the receiver, LED, button, battery,
    INT1 of the accelerometer);
    `PINS_SENSOR` what is sensed -> (supply, SDA, SCL). The supply is the pin itself: the hungriest of these chips takes
    0.3 mA, its pull-up resistors as much. So a sensor without leave has no power at all, and a bus that hangs is healed by
    its own supply.
    `PINS_LINK` UART, TX and RX of the serial link or of a modem, `PINS_MODEM` what else a modem has; `SOUND` the piezo that
    calls whoever carries the board unknowingly.
    """

    NAME: str
    PINS: tuple
    PINS_SENSOR: dict
    PINS_LINK: tuple
    PINS_MODEM: tuple
    SOUND: int
    WATCHDOG_MS: int  # at most
    RETAINS_BYTES: int  # of memory that outlives a deep sleep
    socket_module: object = socket

    def __init__(self):
        _, _, _, power, led, button, _, int1 = self.PINS
        self._gnss_power = machine.Pin(power, machine.Pin.OUT, value=0)
        self._supplies = {}
        for name in self.PINS_SENSOR:
            self._supplies[name] = machine.Pin(self.PINS_SENSOR[name][0], machine.Pin.OUT, value=0)
        # Pulled down: an unpowered chip drives nothing.
        self._int1 = machine.Pin(int1, machine.Pin.IN, machine.Pin.PULL_DOWN)
        self._led = machine.Pin(led, machine.Pin.OUT, value=0)
        self._button = machine.Pin(button, machine.Pin.IN, machine.Pin.PULL_UP)
        self._wlan = None
        self._lit = False
        self._tone: "machine.PWM" = None
        self._ble = None

    def uart_gnss(self, baudrate: int):
        """UART of the receiver."""
        uart, tx, rx = self.PINS[:3]
        return machine.UART(uart, baudrate=baudrate, tx=tx, rx=rx, rxbuf=_UART_BUFFER_BYTES, timeout=0)

    def uart_link(self, baudrate: int):
        """UART of the serial link to a gateway; two frames fit its buffer."""
        uart, tx, rx = self.PINS_LINK
        return machine.UART(uart, baudrate=baudrate, tx=tx, rx=rx, rxbuf=_UART_BUFFER_BYTES, timeout=0)

    def gnss_power(self, on: bool) -> None:
        """Load switch of the receiver."""
        self._gnss_power.value(1 if on else 0)

    def sensor_power(self, name: str, on: bool) -> None:
        """Supply of "temperature", "light" or "motion"; without it the pins of its bus drive nothing either."""
        self._supplies[name].value(1 if on else 0)
        if not on:
            for pin in self.PINS_SENSOR[name][1:]:
                machine.Pin(pin, machine.Pin.IN)

    def i2c(self, name: str):
        """The bus of that sensor; to be taken anew after each time without power."""
        _, sda, scl = self.PINS_SENSOR[name]
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

    def watchdog(self, timeout_ms: int):
        """The hardware watchdog, at most as slow as the chip's can be; cannot be stopped once started."""
        return machine.WDT(timeout=min(timeout_ms, self.WATCHDOG_MS))

    def ended(self) -> None:
        """The app has ended; who is at the console now may start it again without its having crashed."""

    def random(self, n: int) -> bytes:
        """Random bytes of the chip's generator."""
        return os.urandom(n)

    def set_clock(self, unix_s: int) -> None:
        """Set the chip's clock, against which TLS judges certificates; it stands at a date of its own after each start."""
        from time import gmtime  # with TLS only

        since_2000_s = 946_684_800 if gmtime(0)[0] == 2000 else 0
        year, month, day, hour, minute, second, weekday = gmtime(unix_s - since_2000_s)[:7]
        machine.RTC().datetime((year, month, day, weekday, hour, minute, second, 0))

    def led(self, on: bool) -> None:
        """Lit while personal data is being sensed."""
        if on != self._lit:
            self._lit = on
            self._led.value(1 if on else 0)

    def sound(self, on: bool) -> None:
        """The piezo."""
        if self._tone is not None:
            self._tone.deinit()
            self._tone = None
        if on:
            self._tone = machine.PWM(machine.Pin(self.SOUND), freq=_TONE_HZ, duty_u16=32_768)

    def beacon(self, payload: "bytes | None") -> None:
        """Advertise this over Bluetooth LE, under a new random static address; None ends it. Nothing where MicroPython was
        built without Bluetooth."""
        if payload is None and self._ble is None:
            return
        try:  # with the first beacon only: the radio's stack takes memory that links need
            from bluetooth import BLE
        except ImportError:
            return
        self._ble = ble = BLE()
        if payload is None:
            ble.active(False)
            self._ble = None
            return
        ble.active(True)
        ble.gap_advertise(None)
        ble.config(addr_mode=1)  # which draws an address
        ble.gap_advertise(_BEACON_US, payload, resp_data=_NAME, connectable=False)

    def button(self) -> bool:
        """True while pressed."""
        return self._button.value() == 0

    def quietly(self, work, *args):
        """`work(*args)`, which writes files; on boards whose flash makes the receiver's line deaf, in a pause of it."""
        return work(*args)

    def settings(self) -> dict:
        """Settings: wifi, broker, board options; no key."""
        return store.load()

    def save_settings(self, settings: dict) -> None:
        """Replace the settings."""
        self.quietly(store.save, settings)
