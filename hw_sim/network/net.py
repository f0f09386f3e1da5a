"""The network of a board: simulated sockets in front, real TCP behind, with every fault on call.

A socket of the board carries its bytes to the real address that its destination is configured for. Bytes of the peer
are taken in only at `settle`, which the board calls before it lets virtual time pass; there the peer gets the real
time that it needs to answer. So what the device sees does not depend on how fast the host is.
"""

import select
import socket
import time
from collections.abc import Callable, Mapping, Sequence

from hw_sim.errors import SettleTimeout
from hw_sim.network.connection import ECONNREFUSED, EHOSTUNREACH, NOBODY, Connection, Faults, SocketError
from hw_sim.network.resolver import Answer, Resolver
from hw_sim.network.tape import REFUSED, Peer, Player, Recorder, Tape
from hw_sim.network.traffic import Capture, Direction, Traffic
from hw_sim.world.clock import World

__all__ = ["Connection", "Faults", "Network", "SocketError"]

RESPONSE_POLL_S = 0.002
RAW_ANSWER_S = 0.02  # for a stream that is not MQTT nobody knows whether an answer is due: this long it gets
USABLE_DBM = -61
LOOPBACK = "127."  # RFC 1122, section 3.2.1.3
Endpoint = tuple[str, int]


class Network:
    """Where names lead, which access points there are, what passes and what is broken.

    A name with several endpoints has an address for each, in that order; `None` is an address where nobody is.
    """

    def __init__(
        self,
        world: World,
        *,
        hosts: Mapping[str, Endpoint] | Mapping[str, Endpoint | list[Endpoint | None]] | None = None,
        wifi: dict[str, str] | None = None,
        settled: Callable[[], bool] | None = None,
        bound_s: float = 2.0,
    ) -> None:
        self.world = world
        self.hosts: dict[str, Endpoint | list[Endpoint | None]] = {**(hosts or {})}
        self.wifi = dict(wifi or {})
        self.settled = settled
        self.bound_s = bound_s
        self.air_changed: Callable[[], None] = lambda: None  # the radio hears that a network came or went
        self._fault = Faults()
        self.fault = self._fault
        self.up, self.down = Traffic(), Traffic()
        self.capture = Capture()
        self.connections: list[Connection] = []
        self.asked: list[str] = []  # names that were to be resolved
        self.dialled: list[Endpoint] = []  # simulated addresses and ports that the board went to
        self.associated = True  # the radio of the board says so
        self.on_air: Callable[[Direction, int], None] = lambda way, n_bytes: None  # it hears what it has to carry
        self.carries: Callable[[], bool] = lambda: True  # False: no cell is in reach, and bytes vanish both ways
        self.delay_ms: Callable[[], int] = lambda: 0  # that the way down takes, beside the fault's
        self.reach: Callable[[str], int | None] = lambda ssid: USABLE_DBM  # signal of an access point here, in dBm
        self.station: str | None = None  # the access point with which the radio is associated
        self.resolver = Resolver(self)
        self.settlings = 0  # so many times the peers were waited for
        self.opened = 0  # sockets so far
        self.lost_segments = self.duplicates = 0
        self._recorder: Recorder | None = None
        self._player: Player | None = None
        self.settle_timeouts = 0
        self.raise_on_timeout = True

    @property
    def fault(self) -> Faults:
        """What is wrong at present."""
        return self._fault

    @fault.setter
    def fault(self, fault: Faults) -> None:
        self._fault = fault
        fault.changed = self._tell_radio
        self._tell_radio()

    def _tell_radio(self) -> None:
        self.air_changed()

    @property
    def online(self) -> bool:
        """The board has an address and the way out works."""
        return self.associated and not self.out_of_reach

    @property
    def out_of_reach(self) -> bool:
        """There is no access point, or the one of the radio is not heard here."""
        return self.fault.down or (self.station is not None and self.reach(self.station) is None)

    def resolve(self, host: str) -> str:
        """Addresses for a name, with commas between; SocketError(-202) for one that nobody knows."""
        answer = self.lookup(host)
        if answer.errno:
            raise SocketError(answer.errno)
        return answer.addresses

    def lookup(self, host: str) -> Answer:
        """The same with the time that it takes."""
        self.asked.append(host)
        return self.resolver.ask(host)

    def addresses(self, host: str) -> str:
        """What an honest resolver says; empty for a name that nobody knows."""
        if host not in self.hosts:
            return ""
        return ",".join(self._alias(host, n) for n in range(len(self._endpoints(host))))

    def _endpoints(self, host: str) -> Sequence[Endpoint | None]:
        found = self.hosts[host]
        return found if isinstance(found, list) else [found]

    def _alias(self, host: str, n: int) -> str:
        # Each address of a known name has one of its own on the simulated network (RFC 5737, TEST-NET-1 and -2).
        number = 1 + sorted(self.hosts).index(host)
        return f"192.0.2.{number}" if n == 0 else f"198.51.100.{8 * number + n}"

    def real_address(self, address: str, port: int) -> Endpoint:
        """Where bytes for a simulated address go in truth; SocketError for an address that leads nowhere."""
        self.dialled.append((address, port))
        if self.fault.portal or address.startswith(NOBODY):
            return address, port
        for host in self.hosts:
            for n, real in enumerate(self._endpoints(host)):
                if real is not None and address in (host, self._alias(host, n)):
                    return real
        if address.startswith(LOOPBACK):
            raise SocketError(ECONNREFUSED)  # the board itself, on which nobody listens
        raise SocketError(EHOSTUNREACH)

    def open(self) -> Connection:
        """A new socket."""
        self.opened += 1
        connection = Connection(self, self.opened)
        self.connections.append(connection)
        return connection

    def dial(self, address: Endpoint, number: int) -> Peer:
        """The peer at a real address, or as the tape has it; OSError if nobody answers."""
        if self._player is not None and self._player.dials:
            return self._player.dial(number)
        try:
            peer = socket.create_connection(address, timeout=2)
        except OSError:
            if self._recorder is not None:
                self._recorder.note(REFUSED, number)
            raise
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer.setblocking(False)
        return peer if self._recorder is None else self._recorder.taped(peer, number)

    def record(self) -> Tape:
        """From now on what passes is put on this tape; before the first connection."""
        self._recorder = Recorder(self)
        return self._recorder.tape

    def play(self, tape: Tape) -> None:
        """The tape takes the place of the peers until it is over; before the first connection.

        TapeError, now or when the run differs from what is on it.
        """
        self._player = Player(self, tape)

    def close(self, connection: Connection, *, reset: bool = False) -> None:
        """Closes a socket and forgets it."""
        connection.close(reset=reset)
        if connection in self.connections:
            self.connections.remove(connection)

    def sever(self) -> None:
        """The interface is gone: lwIP aborts what went through it (`tcp_netif_ip_addr_changed`)."""
        for connection in self.connections:
            connection.abort()

    def captured(self, direction: Direction | None = None) -> bytes:
        """All bytes that passed between board and peers."""
        return self.capture.data(direction)

    def settle(self) -> None:
        """Lets the peers answer: returns when nothing is owed any more and `settled` agrees, or raises SettleTimeout.

        The bound is real time, `bound_s`; with `raise_on_timeout` off it is counted instead.
        """
        live = [c for c in self.connections if c.real is not None and not c.lost]
        if not live:
            return
        began = time.monotonic()
        self.settlings += 1
        if self._player is not None and not self._player.over:
            while [connection for connection in live if connection.pump()]:
                pass
            return
        while True:
            for connection in live:
                connection.pump()
            waiting = [c.waiting for c in live if c.waiting]
            elapsed = time.monotonic() - began
            if self._rests(waiting, elapsed):
                return
            if elapsed > self.bound_s:
                self._give_up(waiting)
                return
            self._await_bytes(live)

    def _rests(self, waiting: list[str], elapsed_s: float) -> bool:
        if any(w != "an answer, perhaps" for w in waiting):
            return False
        if waiting and elapsed_s < RAW_ANSWER_S:
            return False
        broken = self.fault.half_open or not self.online or not self.carries()
        return broken or self.settled is None or self.settled()

    def _give_up(self, waiting: list[str]) -> None:
        self.settle_timeouts += 1
        if self.raise_on_timeout:
            owed = "; ".join(waiting) or "the condition `settled`"
            raise SettleTimeout(f"not settled after {self.bound_s} s of real time, still missing: {owed}")

    def _await_bytes(self, live: list[Connection]) -> None:
        sockets = [c.real for c in live if c.real is not None]
        select.select(sockets, [], [], RESPONSE_POLL_S) if sockets else time.sleep(RESPONSE_POLL_S)
