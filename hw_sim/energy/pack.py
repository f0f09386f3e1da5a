"""A battery that runs empty beneath a board: what was drawn, the voltage that the ADC sees, the brown-out at its end.

    pack = Pack.fit(board, battery.load("liion-18650"), celsius=lambda unix_s: -10.0, full=0.5)

Without a pack a board draws from a supply that never ends and reads the voltage of its description.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Self

from hw_sim.energy.battery import Battery
from hw_sim.errors import HwSimError

if TYPE_CHECKING:
    from hw_sim.board import Board
    from hw_sim.world.clock import Handle

UC_PER_MAH = 3_600_000.0
MOST_UA = 700_000.0  # more than all parts at once: until so much could have emptied it nobody needs to look
LEAST_LOOK_S, MOST_LOOK_S = 1.0, 6 * 3600.0
NEAR_EMPTY = 0.85  # drawn: from here on each change of a state is looked at, since a pulse may be the last


class Pack:
    """One battery beneath one board. Temperature is a function of Unix time; charge drawn is counted from the meter."""

    def __init__(self, board: Board, battery: Battery, celsius: Callable[[float], float], full: float) -> None:
        if not 0 < full <= 1:
            raise HwSimError(f"full = {full}: the share of its charge that the battery has, above 0 and at most 1")
        self.battery = battery
        self._board, self._clock, self._celsius = board, board.world.clock, celsius
        self._gone_uc = (1 - full) * battery.capacity.mah * UC_PER_MAH
        self._at_us = self._clock.now_us
        self._counted: dict[str, float] = dict.fromkeys(board.meter.uc_by_part, 0.0) | board.meter.uc_by_part
        self._timer: Handle | None = None
        self._looking = self._near = False

    @classmethod
    def fit(
        cls,
        board: Board,
        battery: Battery,
        *,
        celsius: Callable[[float], float] = lambda unix_s: 20.0,
        full: float = 1.0,
    ) -> Self:
        """Puts a battery beneath a board, in place of whatever was there."""
        pack = cls(board, battery, celsius, full)
        pack._check_warmth()
        old = board.meter.pack
        if old is not None:
            old.remove()
        board.meter.pack = pack
        board.meter.heard.append(pack._changed)
        pack.look()
        return pack

    def remove(self) -> None:
        """Takes it out; the board has its endless supply again."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        if self._board.meter.pack is self:
            self._board.meter.pack = None
            self._board.meter.heard.remove(self._changed)

    def _check_warmth(self) -> None:
        self.battery.at(self.celsius)

    @property
    def celsius(self) -> float:
        """Its temperature now, within what it works at."""
        rows = self.battery.temperature.row
        return min(max(self._celsius(self._clock.unix_s), rows[0].celsius), rows[-1].celsius)

    @property
    def drawn_mah(self) -> float:
        """What is gone of its charge, by the board and by itself, in mAh."""
        self._count()
        return self._gone_uc / UC_PER_MAH

    @property
    def drawn(self) -> float:
        """The same as a share of what it can give at its temperature; 1 or more is empty."""
        return self.drawn_mah / (self.battery.capacity.mah * self.battery.at(self.celsius).capacity)

    @property
    def terminal_mv(self) -> int:
        """Voltage at its ends under the present load, as an ADC behind a divider sees it."""
        return round(max(0.0, self._under_load_mv(self.drawn)))

    @property
    def empty(self) -> bool:
        """It cannot hold up the board now."""
        drawn = self.drawn
        return drawn >= 1 or self._under_load_mv(drawn) < self.battery.least_mv

    def _under_load_mv(self, drawn: float) -> float:
        battery = self.battery
        ua = 0.0
        if self._board.powered:
            ua = battery.regulator.battery_ua(self._board.meter.currents, battery.rest_mv(drawn))
        return battery.under_load_mv(drawn, ua, self.celsius)

    def _count(self) -> None:
        """Writes down what has gone since the last time."""
        battery, now_us = self.battery, self._clock.now_us
        seconds = (now_us - self._at_us) / 1e6
        counted = self._board.meter.uc_by_part
        new = {part: uc - self._counted.get(part, 0.0) for part, uc in counted.items()}
        if seconds > 0 or any(new.values()):
            rest_mv = battery.rest_mv(self._gone_uc / UC_PER_MAH / battery.capacity.mah)
            quiescent = battery.regulator.quiescent_ua
            # A charge is a current of one second: the same rule says what the battery gives for it.
            given = battery.regulator.battery_ua(new, rest_mv) - quiescent
            standing_ua = battery.lost_ua(self.celsius) + (quiescent if self._board.powered else 0.0)
            self._gone_uc += given + standing_ua * seconds
        self._at_us, self._counted = now_us, counted

    def _changed(self, part: str, state: str) -> None:
        if self._near and not self._looking:
            self.look()

    def look(self) -> None:
        """Looks whether it is empty, and plans the next look: the sooner the less is left."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._looking, self._near = True, self.drawn >= NEAR_EMPTY
        try:
            if self._board.powered and self.empty:
                self._board.brown_out()
                return
        finally:
            self._looking = False
        if self._board.powered:
            self._timer = self._clock.after(round(self._next_look_s() * 1e6), self.look)

    def _next_look_s(self) -> float:
        # The charge may not outlast this at the largest current; what self-discharge adds is below a look's error.
        left_uc = max(0.0, 1 - self.drawn) * self.battery.capacity.mah * UC_PER_MAH
        return min(MOST_LOOK_S, max(LEAST_LOOK_S, left_uc / MOST_UA / 2))
