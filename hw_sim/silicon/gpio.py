"""Pins and watchdog of the board."""

from collections.abc import Callable, Mapping

from hw_sim.errors import NotSimulated
from hw_sim.world.clock import Handle, VirtualClock

MODE_IN, MODE_OUT, MODE_OPEN_DRAIN = 1, 3, 7
PULL_DOWN, PULL_UP = 1, 2


class Inputs(dict[int, int]):
    """Levels that the world applies, by pin; `heard` is called after each change, `edge(pin, rising)` for each edge."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: Callable[[], None] = lambda: None
        self.edge: Callable[[int, bool], None] = lambda pin, rising: None

    def __setitem__(self, pin: int, level: int) -> None:
        self.update({pin: level})

    def update(self, levels: Mapping[int, int]) -> None:  # type: ignore[override]  # nobody gives pins as keywords
        """Several levels at once."""
        changed = [pin for pin, level in levels.items() if self.get(pin, level) != level]
        super().update(levels)
        for pin in changed:
            self.edge(pin, bool(self[pin]))
        self.heard()


class Gpio:
    """Levels of the pins; `on_output[pin]` hears what the program drives, `inputs[pin]` is what the world applies.

    A held pin keeps what it drives, whatever the program does and over a deep sleep, until it is released.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._modes: dict[int, int] = {}
        self._levels: dict[int, int] = {}
        self._held: dict[int, tuple[int, int]] = {}  # mode and level of the pad, by pin
        self.inputs = Inputs()
        self.on_output: dict[int, Callable[[int], None]] = {}

    def reset(self, *, release: bool = True) -> None:
        """Pins float again, so that whatever hangs on a load switch loses its power; held ones only if released."""
        if release:
            self._held.clear()
        self._modes.clear()
        self._levels.clear()
        for pin, hear in self.on_output.items():
            if pin not in self._held:
                hear(0)

    def hold(self, pin: int, on: bool) -> None:
        """Holds the pad as it is, or lets it follow the program again."""
        if on:
            self._held.setdefault(pin, (self._modes.get(pin, 0), self._levels.get(pin, 0)))
        elif self._held.pop(pin, None) is not None:
            hear = self.on_output.get(pin)
            if hear is not None:
                hear(self.output(pin) or 0)

    def set_mode(self, pin: int, mode: int) -> None:
        """Direction, with the pull resistor in bits 4 and 5."""
        was_open = self._modes.get(pin, 0) & 15 == MODE_OPEN_DRAIN
        self._modes[pin] = mode
        if mode & 15 in (MODE_OUT, MODE_OPEN_DRAIN):
            self.write(pin, self._levels.get(pin, 0))
        elif was_open and pin in self.on_output and pin not in self._held:
            self.on_output[pin](0)

    def write(self, pin: int, level: int) -> None:
        """Sets the output latch; it drives the pin if that is an output."""
        self._levels[pin] = level
        drives = self._modes.get(pin, 0) & 15 in (MODE_OUT, MODE_OPEN_DRAIN)
        if drives and pin in self.on_output and pin not in self._held:
            self.on_output[pin](level)

    def latch(self, pin: int) -> int:
        """What was last written, whether or not it drives the pin."""
        return self._levels.get(pin, 0)

    def output(self, pin: int) -> int | None:
        """Level that the pad drives, None if it does not: an open drain drives only 0."""
        mode, level = self._held.get(pin, (self._modes.get(pin, 0), self._levels.get(pin, 0)))
        if mode & 15 == MODE_OPEN_DRAIN:
            return None if level else 0
        return level if mode & 15 == MODE_OUT else None

    def read(self, pin: int) -> int:
        """Level at the pin."""
        driven = self.output(pin)
        if driven is not None:
            return driven
        if pin in self.inputs:
            return self.inputs[pin]
        pull = self._modes.get(pin, 0) >> 4
        if not pull:
            raise NotSimulated(f"pin {pin} of {self._name} floats: nothing is wired to it and it has no pull resistor")
        return int(pull & PULL_UP != 0)


class Watchdog:
    """Once started it cannot be stopped but by a reset; `bite` is called when nobody fed it in time."""

    def __init__(self, clock: VirtualClock, bite: Callable[[], None]) -> None:
        self._clock, self._bite = clock, bite
        self._timeout_us = 0
        self._timer: Handle | None = None
        self.deadline_us: int | None = None

    def start(self, timeout_ms: int) -> None:
        """Starts it, or changes its time."""
        self._timeout_us = timeout_ms * 1000
        self.feed()

    def feed(self) -> None:
        """Begins its time anew."""
        self.stop()
        self.deadline_us = self._clock.now_us + self._timeout_us
        self._timer = self._clock.at(self.deadline_us, self._bite)

    def stop(self) -> None:
        """Off, as after a reset."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.deadline_us = None
