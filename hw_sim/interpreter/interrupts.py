"""What calls the program back: pins, timers, UARTs. The engine asks what is due before each answer and in each wait."""

from collections import deque
from typing import TYPE_CHECKING

from hw_sim.interpreter.shims import _ops
from hw_sim.world.clock import Handle

if TYPE_CHECKING:
    from hw_sim.board import Board

RISING, FALLING = 1, 2
TIMERS_LIMIT = 64  # of a program: more would be a program that forgets them


class Interrupts:
    """The sources that a program has armed, and those that are due, each at most once, as a chip's flags are."""

    def __init__(self, board: "Board") -> None:
        self._board, self._clock = board, board.world.clock
        self._pins: dict[int, int] = {}
        self._timers: dict[int, Handle] = {}
        self._due: deque[tuple[int, int]] = deque()
        self._flags: dict[tuple[int, int], int] = {}
        self.serving = False  # a handler runs: the next one waits for its end
        self.held = False  # by `machine.disable_irq()`

    def forget(self) -> None:
        """The program is gone."""
        for timer in self._timers.values():
            timer.cancel()
        for port in self._board.uarts.values():
            port.heard = None
        self._pins.clear()
        self._timers.clear()
        self._due.clear()
        self._flags.clear()
        self.serving = self.held = False

    # --- arming

    def arm_pin(self, pin: int, edges: int) -> None:
        """The program hears these edges of a pin; 0 for none."""
        self._pins[pin] = edges
        if not edges:
            self._drop((_ops.PIN, pin))

    def arm_uart(self, number: int, trigger: int) -> None:
        """The program hears that bytes came, or that the line rests behind them."""
        self._board.uarts[number].heard = (
            None if not trigger else lambda events: self._raise((_ops.SERIAL, number), events & trigger)
        )

    def arm_timer(self, number: int, period_us: int) -> None:
        """Calls back after `period_us` again and again, once if negative, never if 0."""
        old = self._timers.pop(number, None)
        if old is not None:
            old.cancel()
        self._drop((_ops.TICK, number))
        if period_us and len(self._timers) < TIMERS_LIMIT:
            self._timers[number] = self._clock.after(abs(period_us), lambda: self._tick(number, period_us))

    def _tick(self, number: int, period_us: int) -> None:
        del self._timers[number]
        if period_us > 0:
            self._timers[number] = self._clock.after(period_us, lambda: self._tick(number, period_us))
        self._raise((_ops.TICK, number), 1)

    # --- what happens

    def edge(self, pin: int, rising: bool) -> None:
        """The level of a pin changed."""
        if self._pins.get(pin, 0) & (RISING if rising else FALLING):
            self._raise((_ops.PIN, pin), 1)

    def _raise(self, source: tuple[int, int], flags: int) -> None:
        if flags and source not in self._flags:
            self._due.append(source)
        if flags:
            self._flags[source] = self._flags.get(source, 0) | flags

    def _drop(self, source: tuple[int, int]) -> None:
        if self._flags.pop(source, None) is not None:
            self._due.remove(source)

    @property
    def due(self) -> bool:
        """A handler is to be called now."""
        return bool(self._due) and not self.serving and not self.held

    def take(self) -> int:
        """The next one, as the program is told (`shims/_ops.py`, status 4)."""
        self.serving = True
        source = self._due.popleft()
        kind, number = source
        return kind | number << 8 | self._flags.pop(source) << 24
