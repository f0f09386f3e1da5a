"""What a board does to be found: a piezo on a pin, and advertisements over Bluetooth LE. Both keep what people would notice."""

from typing import TYPE_CHECKING, NamedTuple

from hw_sim.energy import currents
from hw_sim.energy.meter import UNMETERED, Load
from hw_sim.errors import NotSimulated
from hw_sim.world.clock import VirtualClock

if TYPE_CHECKING:
    from random import Random


class Tone(NamedTuple):
    """One sound, in s since the world began; `end_s` is None while it lasts."""

    begin_s: float
    end_s: float | None
    hz: int


class Buzzer:
    """A passive piezo: it sounds while its pin has a square wave, and is silent at any level."""

    def __init__(self, clock: VirtualClock, pin: int | None) -> None:
        self._clock, self._pin = clock, pin
        self.load: Load = UNMETERED
        self.tones: list[Tone] = []

    @property
    def sounds(self) -> bool:
        """It can be heard."""
        return bool(self.tones) and self.tones[-1].end_s is None

    def drive(self, pin: int, hz: int) -> None:
        """A square wave on the pin; 0 Hz ends it. NotSimulated for a pin without a piezo."""
        if pin != self._pin:
            raise NotSimulated(f"machine.PWM on pin {pin}: the piezo is on {self._pin}")
        now_s = self._clock.now_us / 1e6
        if self.sounds:
            self.tones[-1] = self.tones[-1]._replace(end_s=now_s)
        if hz:
            self.tones.append(Tone(now_s, None, hz))
        (currents.BUZZER_SOUNDING if hz else currents.BUZZER_SILENT).flows(self.load)

    def reset(self) -> None:
        """The pin floats."""
        if self.sounds and self._pin is not None:
            self.drive(self._pin, 0)


class Advertisement(NamedTuple):
    """What a scanner nearby sees from `begin_s` on (s since the world began) to `end_s`, None while it lasts."""

    begin_s: float
    end_s: float | None
    address: bytes
    interval_us: int
    connectable: bool
    data: bytes
    response: bytes


class Bluetooth:
    """The advertising half of a Bluetooth LE controller: an address of its kind, and what is on the air."""

    def __init__(self, clock: VirtualClock, rng: "Random") -> None:
        self._clock, self._rng = clock, rng
        self.load: Load = UNMETERED
        self.active = False
        self.address = b""
        self.seen: list[Advertisement] = []

    @property
    def advertising(self) -> Advertisement | None:
        """What is on the air now."""
        return self.seen[-1] if self.seen and self.seen[-1].end_s is None else None

    def set_active(self, on: bool) -> None:
        """Power of the controller; it begins with the public address, of which this one has none."""
        self.stop()
        self.active = on
        self.address = b""

    def draw_address(self) -> None:
        """A static random address (Bluetooth Core, Vol 6, Part B, 1.3.2.1: the two highest bits are 1)."""
        address = self._rng.randbytes(6)
        self.address = bytes([address[0] | 0xC0]) + address[1:]

    def advertise(self, interval_us: int, connectable: bool, data: bytes, response: bytes) -> None:
        """Begin, in place of what was on the air. NotSimulated without a random address."""
        if not self.address:
            raise NotSimulated("BLE.gap_advertise under the public address, by which a device is known for ever")
        self.stop()
        now_s = self._clock.now_us / 1e6
        self.seen.append(Advertisement(now_s, None, self.address, interval_us, connectable, data, response))
        currents.BLE_ADVERTISING.flows(self.load)

    def stop(self) -> None:
        """Silence."""
        if self.advertising is not None:
            self.seen[-1] = self.seen[-1]._replace(end_s=self._clock.now_us / 1e6)
            currents.BLE_OFF.flows(self.load)
