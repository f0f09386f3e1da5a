"""Where a board's parts meet its meter: what counts as running, as transmitting, and what comes and goes with power.

The processor runs while it serves a request of the program (clock readings, flash and bus operations, start-up, a hang)
and waits while virtual time passes in a `sleep` or `poll`. Computing takes no virtual time; `currents.MCU_TURN` stands
for it. Each reading of the ledger brings that up to date.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from hw_sim.energy import currents
from hw_sim.energy.meter import Mark, Meter, Report
from hw_sim.silicon.flash import Operation

if TYPE_CHECKING:
    from hw_sim.board import Board
    from hw_sim.energy.pack import Pack


class BoardMeter(Meter):
    """The meter of one board; the board calls its methods as its life goes on, its parts report by themselves."""

    def __init__(self, board: "Board") -> None:
        super().__init__(board.world.clock)
        self._board = board
        self._mcu = self.part("mcu")
        self._flash = self.part("flash")
        self._led = self.part("led")
        self._light = False
        self._requests = 0
        self.on_start: list[Callable[[], None]] = []  # told when a program starts; `board.reset_cause` says why
        self.pack: Pack | None = None
        board.radio.load = self.part("radio")
        if board.has_gnss:
            board.gnss.load = self.part("gnss")
        board.buzzer.load = self.part("buzzer")
        board.bluetooth.load = self.part("bluetooth")
        board.flash.done.append(self._flash_operation)
        if board.description.led is not None:
            board.gpio.on_output[board.description.led.pin] = self._led_level
        for name, chip in board.sensors.items():
            chip.on_state = self.part(name).draw

    # --- the life of the board

    def supply(self) -> None:
        """Power has come."""
        currents.FLASH_STANDBY.flows(self._flash)
        battery_ua = self._board.battery_mv * 1000 / currents.DIVIDER_OHM
        self.part("battery divider").draw("on", round(battery_ua, 3))
        if self.pack is not None:
            self.pack.look()

    def started(self) -> None:
        """A program starts: the time that it takes to load passes for the meter alone."""
        currents.MCU_LOAD.paid(self._mcu)
        for hear in self.on_start:
            hear()

    def running(self) -> None:
        """The processor does something."""
        self._light = False
        currents.MCU_RUNNING.flows(self._mcu)

    def waiting(self) -> None:
        """Time passes while the processor waits, or sleeps as it was told."""
        asleep = currents.MCU_DEEP_SLEEP if self._board.asleep else currents.MCU_WAITING
        (currents.MCU_LIGHT_SLEEP if self._light else asleep).flows(self._mcu)

    def light_sleep(self) -> None:
        """The next wait is light sleep."""
        self._light = True

    # --- what the parts do

    def _flash_operation(self, operation: Operation) -> None:
        (currents.FLASH_PROGRAM if operation.kind == "program" else currents.FLASH_ERASE).paid(self._flash)

    def _led_level(self, level: int) -> None:
        if level:
            currents.LED_LIT.flows(self._led)
        else:
            self._led.draw("off", 0.0)

    @property
    def terminal_mv(self) -> int:
        """The battery's voltage as a divider sees it: the pack's under load, unless a fault has set the board's own."""
        board = self._board
        stated, battery = board.battery_mv, board.description.battery
        return stated if self.pack is None or battery is None or stated != battery.millivolts else self.pack.terminal_mv

    # --- reading

    def mark(self) -> Mark:
        """The ledger as it is now, for `since`."""
        self._count_turns()
        return super().mark()

    def since(self, mark: Mark) -> Report:
        """What came after the mark."""
        self._count_turns()
        return super().since(mark)

    @property
    def uc_by_part(self) -> dict[str, float]:
        """Charge of each part so far, in µC."""
        self._count_turns()
        return super().uc_by_part

    def _count_turns(self) -> None:
        turns = self._board.counters["requests"] - self._requests
        if turns:
            self._requests += turns
            currents.MCU_TURN.paid(self._mcu, turns)
