"""The network side of the simulated SIM7080G: search and registration, power saving, the call, and what all that draws."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable

from hw_sim.energy import currents
from hw_sim.energy.meter import UNMETERED, Load
from hw_sim.world.cell import Cell
from hw_sim.world.clock import World

# Search and attach without and with a network that it knows: estimates, which make 8 and 3 J of it at 3.8 V, the ends of what
# a full attach is thought to cost.
COLD_S, WARM_S, SPREAD = 30.0, 12.0, 0.3
LOOK_S = 10.0  # estimate: between two searches without a result
LOSE_US = 5_000_000  # estimate: until it knows that the cell is gone
TAIL_US = 10_000_000  # the network releases an idle connection after 10 s or so (its inactivity timer)
# By the four bits of AT+CEDRXS, for LTE-M (3GPP TS 24.008, table 10.5.5.32); the last two stand for the one before.
EDRX_MS = (
    5_120, 10_240, 20_480, 40_960, 61_440, 81_920, 102_400, 122_880, 143_360, 163_840, 327_680, 655_360, 1_310_720,
    2_621_440, 2_621_440, 2_621_440,
)  # fmt: skip


class OnNetwork(ABC):
    """What a modem does in a mobile network; `cell` is the network, `registration` the number of +CEREG.

    Settings that its manual calls AUTO_SAVE stay in `kept` without power.
    """

    state: str
    sim_state: str
    functional: bool
    sim_ready: bool
    _supply: bool

    def __init__(self, world: World) -> None:
        self._clock = world.clock
        self._rng: random.Random = world.random("sim7080g")
        self._cell = Cell()
        self.kept = {"CNMP": "2", "CMNB": "3", "CPSMS": '0,,,"01100000","00000000"', "CEDRXS": "", "APN": ""}
        self.load: Load = UNMETERED
        self.counts: Counter[str] = Counter()
        self.on_call: Callable[[], None] = lambda: None  # the call has ended
        self._forget_network()

    def _forget_network(self) -> None:
        """What is lost with the program."""
        self.registration, self.call = 0, False
        self._connected_us = -TAIL_US
        self._attached = self._asked = False

    @abstractmethod
    def _after(self, name: str, us: int, act: Callable[[], None]) -> None:
        """Does it then, unless the timer of this name is set anew or dropped."""

    @abstractmethod
    def _drop(self, *names: str) -> None:
        """Forgets timers."""

    @abstractmethod
    def _stop(self, state: str) -> None:
        """Its program ends, for this state."""

    @abstractmethod
    def _boot(self, *, resumes: bool) -> None:
        """Its program begins, out of PSM or anew."""

    @abstractmethod
    def timers(self) -> tuple[int, int]:
        """Active time and period that were asked for, in s."""

    @abstractmethod
    def say(self, *lines: str) -> None:
        """Lines as they come on the wire."""

    @property
    @abstractmethod
    def deaf(self) -> bool:
        """Its program stands still."""

    @abstractmethod
    def _leave_data_mode(self) -> None:
        """The call is over."""

    @property
    def cell(self) -> Cell:
        """The network around it."""
        return self._cell

    @cell.setter
    def cell(self, cell: Cell) -> None:
        self._cell = cell
        if self.state != "running":
            return
        if not cell.covered and self.registration in (1, 5):
            self._after("lose", LOSE_US, self._lose)
        elif cell.covered:
            self._drop("lose")
            if self.registration not in (1, 5):
                self.search()

    def _lose(self) -> None:
        self._end_call()
        self._attached = False
        self.search()

    def search(self) -> None:
        """Looks for a network, if it may."""
        self._drop("search", "rest")
        if not (self.functional and self.sim_ready and self.sim_state == "READY"):
            self.registration = 0
            self.draw()
            return
        mean_s = WARM_S if self.kept.get("network") == self.kept["APN"] else COLD_S
        self._look(mean_s * self._rng.uniform(1 - SPREAD, 1 + SPREAD))

    def _look(self, seconds: float) -> None:
        self.registration = 2
        self.draw()
        self._after("search", round(seconds * 1e6), self._found)

    def _found(self) -> None:
        if not self._cell.covered:
            self._attached = False
            self._look(LOOK_S)
            return
        if self._cell.takes == "nobody":
            self.counts["denied"] += 1
            self.registration = 3
            self._after("search", round(LOOK_S * 3e6), self._found)
            self.draw()
            return
        if not self._attached:
            self.counts["attaches"] += 1
            self._asked = self.kept["CPSMS"].startswith("1")
        self._attached = True
        self.kept["network"] = self.kept["APN"]
        self.registration = 1 if self._cell.takes == "home" else 5
        self.carry(0)

    # --- power saving

    def ask_psm(self, on: bool) -> None:
        """AT+CPSMS goes from 0 to 1, which is when it asks the network."""
        self._asked = on
        self._rest_later()

    @property
    def timers_s(self) -> tuple[int, int]:
        """Active time and period that the network grants, in s; zeros for none."""
        if not (self._asked and self._cell.psm and self.registration in (1, 5)):
            return 0, 0
        return self.timers()

    @property
    def edrx_ms(self) -> int:
        """The cycle of eDRX that the network grants; 0 for none."""
        asked = self.kept["CEDRXS"]
        if not (asked and self._cell.edrx and self.registration in (1, 5)):
            return 0
        return EDRX_MS[int(asked[-5:-1], 2)]

    @property
    def paging_ms(self) -> int:
        """How long the network keeps back what comes for the board: an idle modem listens at the start of each cycle."""
        cycle_ms, idle_us = self.edrx_ms, self._clock.now_us - self._connected_us - TAIL_US
        return 0 if not cycle_ms or idle_us < 0 else cycle_ms - idle_us // 1000 % cycle_ms

    def _rest_later(self) -> None:
        """PSM begins when the connection is idle, and then the active time is over."""
        self._drop("rest")
        if self.call or self.state != "running" or self.registration not in (1, 5) or not self.timers_s[0]:
            return
        idle_us = max(0, self._connected_us + TAIL_US - self._clock.now_us)
        self._after("rest", idle_us + self.timers_s[0] * 1_000_000, self._rest)

    def _rest(self) -> None:
        active_s, period_s = self.timers_s
        if not active_s:
            return
        self.counts["rests"] += 1
        self._stop("psm")
        self._asked = True
        self._after("period", period_s * 1_000_000, self._update)

    def _update(self) -> None:
        """The period is over: it shows itself to the network, and rests again."""
        self.counts["periodic updates"] += 1
        self._boot(resumes=True)

    # --- a call

    def dial(self) -> bool:
        """Into data mode, if a network has it."""
        if self.registration not in (1, 5) or not self._cell.covered:
            return False
        self.counts["calls"] += 1
        self.call = True
        self._drop("rest")
        self.carry(0)
        return True

    def hang_up(self, *, told: bool = False) -> None:
        """The call ends; `told` by the far end of PPP, so that it says so."""
        if self.call:
            self._end_call()
            if told:
                self.say("NO CARRIER")
            self._rest_later()

    def _end_call(self) -> None:
        if self.call:
            self.call = False
            self._leave_data_mode()
            self.on_call()

    @property
    def passes(self) -> bool:
        """Bytes of the call reach the network."""
        return self.call and self._cell.covered and not self.deaf

    def carry(self, n_bytes: int) -> None:
        """So many bytes go up, or something comes down: the network connects it for a while."""
        self._connected_us = self._clock.now_us
        self.draw()
        if n_bytes:
            currents.modem_transmit(self.load, n_bytes)
        self._rest_later()

    # --- what it draws

    def draw(self) -> None:
        """Tells the meter its state."""
        if self.state == "off":
            (currents.MODEM_OFF.flows(self.load)) if self._supply else self.load.draw("off", 0.0)
        elif self.state == "psm":
            currents.MODEM_PSM.flows(self.load)
        elif self.state == "running" and self.registration in (1, 5):
            left_us = self._connected_us + TAIL_US - self._clock.now_us
            if left_us > 0:
                currents.MODEM_CONNECTED.flows(self.load)
                self.load.then(left_us, currents.MODEM_IDLE.state, currents.MODEM_IDLE.ua)
            else:
                currents.MODEM_IDLE.flows(self.load)
        elif self.state == "running" and self.registration == 2:
            currents.MODEM_SEARCHING.flows(self.load)
        else:
            currents.MODEM_IDLE.flows(self.load)
