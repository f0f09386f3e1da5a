"""A board that lives in the host's time, with somebody at its prompt."""

from collections.abc import Callable, Sequence
from functools import partial
from time import monotonic
from typing import Protocol

from hw_sim.board import Board, RunEnd
from hw_sim.shell.buttons import Deed
from hw_sim.shell.flashfile import FlashFile
from hw_sim.shell.port import Port
from hw_sim.shell.terminal import Terminal
from hw_sim.shell.wire import Wire
from hw_sim.silicon.flash import PowerLost
from hw_sim.world.clock import VirtualClock

ROUND_S = 0.02  # of real time: so soon is somebody who types heard, whatever the board does
LAG_S = 0.5  # of real time: a host that cannot keep up runs as fast as it can, and does not try to make it up


class Pace:
    """Where virtual time should be by the host's clock, `speed` times as fast."""

    def __init__(self, clock: VirtualClock, speed: float) -> None:
        self._clock, self._speed = clock, speed
        self._from_us, self._from_s = clock.now_us, monotonic()

    def behind_us(self) -> int:
        """How far virtual time is behind; negative when an operation of the board has taken it ahead."""
        target_us = self._from_us + round((monotonic() - self._from_s) * self._speed * 1e6)
        return target_us - self._clock.now_us

    def forgive(self) -> None:
        """Begins anew from now if it is too far behind."""
        if self.behind_us() > LAG_S * self._speed * 1e6:
            self._from_us, self._from_s = self._clock.now_us, monotonic()

    def ahead_s(self) -> float:
        """Real time until the host has caught up with what virtual time is ahead; 0 if it is not."""
        return max(0.0, -self.behind_us() / self._speed / 1e6)


class Loader(Protocol):
    """The boot loader in a chip's ROM. `active`: it runs, and the board's program does not."""

    active: bool

    def takes(self, data: bytes) -> bool:
        """Whether what was typed is its own, which it has then acted on. PowerLost if the flash's supply goes."""

    def look(self) -> None:
        """Does what is due by other ways than the line. PowerLost too."""

    def unplugged(self) -> None:
        """Nobody has the port any more."""

    def leave(self) -> None:
        """The board starts anew."""


class Shell:
    """Runs `board` with its console on `port` until told to stop.

    `flash` is saved when the cable is pulled and when the power is cut, so that a killed shell loses little. `wires` hang on
    UARTs of the board, with ports of their own. `loader` takes the board over from its program when it is asked for. `deeds`
    tells what is done to the board by hand, one after the other.
    """

    def __init__(
        self,
        board: Board,
        port: Port,
        *,
        speed: float = 1.0,
        flash: FlashFile | None = None,
        wires: Sequence[Wire] = (),
        loader: Loader | None = None,
        deeds: Callable[[], Deed | None] = lambda: None,
    ) -> None:
        self._board, self._port, self._flash, self._wires = board, port, flash, wires
        self._speed, self._loader, self._deeds = speed, loader, deeds
        self._terminal = Terminal(port.write)
        self._attached = False
        board.terminal = self._terminal
        board.console.tap = self._terminal.printed

    def serve(self, stop: Callable[[], bool]) -> None:
        """Powers the board and lets it live until `stop()`; HwSimError if it cannot be started."""
        board = self._board
        board.power_on()
        pace = Pace(board.world.clock, self._speed)
        while not stop():
            self._done_by_hand()
            self._listen()
            if self._loads():
                self._port.flush()
                self._port.wait(ROUND_S)
                continue
            if not self._port.congested:
                self._run(pace)
                pace.forgive()
            self._port.flush()
            if board.waiting or self._port.congested:
                self._port.wait(min(ROUND_S, pace.ahead_s()) if pace.ahead_s() else ROUND_S)

    def _run(self, pace: Pace) -> None:
        behind_us = pace.behind_us()
        if behind_us <= 0:
            return
        until_s = monotonic() + ROUND_S
        end = self._board.run(for_s=behind_us / 1e6, until=lambda: monotonic() >= until_s or self._port.congested)
        if end is RunEnd.POWER_OFF:  # a cut that somebody armed: the supply is back at once
            self._save()
            self._board.power_on()

    def _done_by_hand(self) -> None:
        board = self._board
        while (deed := self._deeds()) is not None:
            if self._loader is not None:
                self._loader.leave()
            if deed is Deed.RESET and board.powered:
                board.press_reset()
            elif board.powered:
                board.cut_power()
            if not board.powered:
                self._save()
                board.power_on()

    def _listen(self) -> None:
        for wire in self._wires:
            wire.listen()
        attached = self._port.attached()
        if self._attached and not attached:
            if self._loader is not None:
                self._loader.unplugged()
            self._save()
        self._attached = attached
        while data := self._port.read():
            if self._loader is not None:
                taken = self._acts(partial(self._loader.takes, data))
                self._loads()
                if taken:
                    continue
            if self._board.powered and not self._board.asleep:
                self._terminal.receive(data)

    def _acts(self, act: Callable[[], bool | None]) -> bool | None:
        """What the boot loader does; when its supply goes, it is back at once, as the program's is."""
        try:
            return act()
        except PowerLost:
            if self._loader is not None:
                self._loader.leave()
            self._save()
            return True

    def _loads(self) -> bool:
        """The boot loader runs, and the program does not."""
        if self._loader is None:
            return False
        if self._loader.active:
            self._acts(self._loader.look)
            if not self._loader.active:
                self._save()
        if self._loader.active and self._board.powered:
            self._board.cut_power()
        elif not self._loader.active and not self._board.powered:
            self._board.power_on()
        return self._loader.active

    def _save(self) -> None:
        if self._flash is not None:
            self._flash.save()
