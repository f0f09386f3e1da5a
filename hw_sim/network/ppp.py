"""The board's end of a PPP call over the modem's UART, as `network.PPP` has it: states and times, no frames.

LCP and IPCP take as long as they would; whether they come to an end, the modem decides: it must be in data mode, and its network
in reach. Sockets then go the way of `hw_sim.network.net`, with the cell's delay, losses and gaps.
"""

import errno
from collections.abc import Callable

from hw_sim.chips.sim7080g import Sim7080g
from hw_sim.errors import DeviceError
from hw_sim.network.net import Network
from hw_sim.network.traffic import Direction
from hw_sim.world.clock import Handle, World

INACTIVE, ERROR, CONNECTING, CONNECTED = 0, 2, 3, 4  # extmod/network_ppp_lwip.c
NEGOTIATION_US = (
    1_500_000  # estimate: LCP and IPCP, some eight round trips between modem and board, and the modem's own pace
)
TRY_US, TRIES = 6_000_000, 10  # lwIP's FSM_DEFTIMEOUT, FSM_DEFMAXCONFREQS
END_US, DEAF_END_US = 300_000, 12_000_000  # with a peer that answers, and when two requests to end are in vain


class PppLink:
    """PPP of one board."""

    def __init__(self, world: World, network: Network, modem: Sim7080g) -> None:
        self._clock, self._network, self._modem = world.clock, network, modem
        self._rng = world.random("ppp")
        self._timer: Handle | None = None
        self._tries = 0
        self.status = INACTIVE
        modem.on_call = self._call_changed
        self._other_radio = network.on_air
        network.on_air = self._carry
        network.carries = lambda: self.status != CONNECTED or modem.passes

    def connect(self) -> None:
        """Begins to negotiate; DeviceError while it does or has."""
        if self.status in (CONNECTING, CONNECTED):
            raise DeviceError(errno.EALREADY)
        self.status, self._tries = CONNECTING, 0
        self._after(NEGOTIATION_US, self._negotiate)

    def _negotiate(self) -> None:
        if self._modem.passes:
            self._set(CONNECTED)
            return
        self._tries += 1
        if self._tries >= TRIES:
            self._set(ERROR)
        else:
            self._after(TRY_US, self._negotiate)

    def disconnect(self) -> None:
        """Begins to end it; nothing where there is nothing to end."""
        if self.status in (CONNECTING, CONNECTED):
            self._network.associated = False
            self._after(END_US if self._modem.call else DEAF_END_US, self._end)

    def _end(self) -> None:
        self._set(INACTIVE)
        self._modem.hang_up(told=True)

    def gone(self) -> None:
        """The program is gone, and with it this end; the modem does not know."""
        self._set(INACTIVE)

    def _set(self, status: int) -> None:
        if self._timer is not None:
            self._timer.cancel()
        up = status == CONNECTED
        if up or self.status == CONNECTED:
            self._network.associated = up
            self._network.delay_ms = self._delay_ms if up else lambda: 0
        if self.status == CONNECTED:
            self._network.sever()
        self.status = status

    def _call_changed(self) -> None:
        if self.status == CONNECTED and not self._modem.call:
            self._set(ERROR)  # the modem's end of LCP says so before it leaves

    def _delay_ms(self) -> int:
        cell = self._modem.cell
        return self._modem.paging_ms + cell.latency_ms + (cell.again_ms if self._rng.random() < cell.loss else 0)

    def _carry(self, way: Direction, n_bytes: int) -> None:
        if self.status == CONNECTED:
            self._modem.carry(n_bytes if way == "up" else 0)
        else:
            self._other_radio(way, n_bytes)

    def _after(self, us: int, act: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._clock.after(us, act)
