"""One simulated socket over real TCP, and every fault on call."""

import contextlib
import socket
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from hw_sim.errors import DeviceError
from hw_sim.network.faults import Faults, Line
from hw_sim.network.portal import Visit
from hw_sim.network.tape import Peer
from hw_sim.network.traffic import Direction, Due, Splitter

if TYPE_CHECKING:
    from hw_sim.network.net import Network

SEND_BUFFER_BYTES = 5760  # lwIP's TCP_SND_BUF on the ESP32: what a dead peer leaves unacknowledged before write blocks

# Inside TLS nobody sees what is still owed: broker and server behind it get this much real time after the last bytes.
TLS_QUIET_S = 0.15

EHOSTUNREACH, ECONNREFUSED, ECONNRESET, ENOTCONN, EBADF = 113, 111, 104, 128, 9
ECONNABORTED = 103
NOBODY = "203.0.113."  # addresses at which nobody is any more (RFC 5737, TEST-NET-3)

__all__ = ["Connection", "Faults", "SocketError"]


class SocketError(DeviceError):
    """An errno of a socket call."""


class Connection:
    """One simulated socket."""

    def __init__(self, network: "Network", number: int = 0) -> None:
        self._network, self.number = network, number
        self._line = Line(network, number)
        self._visit: Visit | None = None  # at a captive portal
        self._real: Peer | None = None
        self._split: dict[Direction, Splitter] = {"up": Splitter(), "down": Splitter()}
        self.connected = False
        self.received = bytearray()
        self.ended = False  # the peer closed in order
        self.error = 0  # errno that the next call meets
        self.heard: Callable[[], None] = lambda: None  # called for what comes: bytes, the end, an error
        self.due = Due()
        self.mqtt: bool | None = None  # unknown until the first byte
        self._raw_pending = False
        self._tls = False
        self._moved_s = 0.0  # of real time: when bytes last passed
        self._unacknowledged = 0
        self._lost = False  # bytes of it vanished: it can never go on, and nobody tells

    @property
    def _dead(self) -> bool:
        network = self._network
        return self._lost or network.fault.half_open or not network.online or not network.carries()

    def connect(self, address: tuple[str, int]) -> None:
        """Opens the real connection; a refusal shows as an error of the socket."""
        fault = self._network.fault
        if not self._network.online:
            self.error = EHOSTUNREACH
            return
        self._network.on_air("up", 0)
        if not self._network.carries() or (address[0].startswith(NOBODY) and not fault.portal):
            self._lost = True  # and nobody answers
        elif fault.refuse:
            self.error = ECONNREFUSED
        elif fault.half_open:
            self._lost = True
            self._later(self._opened)  # some middle box answered
        elif fault.portal:
            self._visit = fault.portal.visit()
            self._later(self._opened)
        else:
            self._dial(address)

    def _dial(self, address: tuple[str, int]) -> None:
        try:
            self._real = self._network.dial(address, self.number)
        except OSError:
            self.error = ECONNREFUSED
            return
        self._later(self._opened)

    def _opened(self) -> None:
        self.connected = not self.error

    def send(self, data: bytes) -> int:
        """Takes what fits; SocketError for a broken connection."""
        if self.error:
            raise SocketError(self.error)
        if not self.connected:
            raise SocketError(ENOTCONN)
        if self._dead:
            self._lost = True
            taken = min(len(data), SEND_BUFFER_BYTES - self._unacknowledged)
            self._unacknowledged += taken
            self._network.on_air("up", taken)
            return taken
        if self._real is None and self._visit is None:
            self._break(ECONNRESET)
            raise SocketError(ECONNRESET)
        return self._send_up(data[: SEND_BUFFER_BYTES - self._line.queued_bytes])

    def _send_up(self, data: bytes) -> int:
        fault = self._network.fault
        cut = fault.cut_after_bytes
        if cut is not None and len(data) >= cut:
            self._pass_up(data[:cut])
            self._forward(self._split["up"].take_rest())
            fault.cut_after_bytes = None
            self._break(ECONNRESET)
            raise SocketError(ECONNRESET)
        if cut is not None:
            fault.cut_after_bytes = cut - len(data)
        self._line.took(len(data))
        self._pass_up(data)
        return len(data)

    def _pass_up(self, data: bytes) -> None:
        self._network.on_air("up", len(data))
        if self._visit is not None:
            self._tell_portal(self._visit, data)
            return
        self._moved_s = time.monotonic()
        if self.mqtt is None and data:
            self.mqtt = data[0] == 0x10  # CONNECT comes first (section 3.1)
            self._tls = data[0] == 0x16  # a handshake record (RFC 5246, section 6.2.1)
        self._network.up.total_bytes += len(data)
        if not self.mqtt:
            self._raw_pending = True
            self._network.up.stream(len(data))
            self._forward(data)
            return
        for packet in self._split["up"].feed(data):
            self._network.up.count(packet)
            drop = self._network.fault.drop
            if drop is not None and drop("up", packet):
                continue
            self.due.sent(packet)
            self._forward(packet)
        if self._split["up"].lost:
            self.mqtt = False
            self._forward(self._split["up"].take_rest())

    def _tell_portal(self, visit: Visit, data: bytes) -> None:
        answer = visit.hear(data)
        if answer:
            self._network.on_air("down", len(answer))
            self._deliver(answer)
        if visit.over:
            self._later(self._end)

    def _forward(self, data: bytes) -> None:
        if self._real is None or not data:
            return
        self._network.capture.add("up", data)
        try:
            self._real.setblocking(True)
            self._real.settimeout(self._network.bound_s)
            self._real.sendall(data)
            self._real.setblocking(False)
        except OSError:
            self._break(ECONNRESET)

    def pump(self) -> bool:
        """Takes in what the peer has sent; True if there was anything."""
        came = False
        while self._real is not None:
            try:
                data = self._real.recv(65536)
            except BlockingIOError:
                return came
            except OSError:
                self._break(ECONNRESET)
                return True
            came = True
            if not data:
                self._later(self._end)
                self._close_real()
                return True
            self._raw_pending = False
            self._moved_s = time.monotonic()
            self._take(data)
        return came

    def _take(self, data: bytes) -> None:
        network = self._network
        cut = network.fault.cut_down_after_bytes
        if cut is not None:
            network.fault.cut_down_after_bytes = None if cut <= len(data) else cut - len(data)
        if cut is not None and cut <= len(data):
            self._take_sound(data[:cut])
            self._deliver(self._split["down"].take_rest())
            self._close_real()
            self._later(self._reset_by_peer)
            return
        self._take_sound(data)

    def _reset_by_peer(self) -> None:
        self._break(ECONNRESET)
        self.heard()

    def _take_sound(self, data: bytes) -> None:
        network = self._network
        network.capture.add("down", data)
        network.down.total_bytes += len(data)
        if not self.mqtt:
            network.on_air("down", len(data))
            network.down.stream(len(data))
            self._deliver(data)
            return
        for packet in self._split["down"].feed(data):
            network.on_air("down", len(packet))  # not by the pieces in which the host's own network hands them over
            network.down.count(packet)
            self.due.came(packet)
            if network.fault.drop is None or not network.fault.drop("down", packet):
                self._deliver(packet)

    def _deliver(self, data: bytes) -> None:
        if self._dead:
            self._lost = True
        elif data:
            self._later(lambda: self._arrived(data), len(data))

    def _arrived(self, data: bytes) -> None:
        self.received.extend(data)
        self.heard()

    def _later(self, act: Callable[[], None], n_bytes: int = 0) -> None:
        clock = self._network.world.clock
        due_us = self._line.due_us(n_bytes, whole=bool(self.mqtt))
        if due_us > clock.now_us:
            clock.at(due_us, act)
        else:
            act()

    def _end(self) -> None:
        self.ended = True
        self.heard()

    def abort(self) -> None:
        """Its interface has lost its address."""
        self._break(ECONNABORTED)
        self.heard()

    def _break(self, errno: int) -> None:
        self.error = errno
        self.connected = False
        self._close_real()

    def _close_real(self) -> None:
        self.due = Due()
        self._raw_pending = False
        if self._real is not None:
            self._real.close()
            self._real = None

    def close(self, *, reset: bool = False) -> None:
        """Closes it; `reset` as when the power goes: the peer sees the connection reset."""
        if self._real is not None and reset:
            with contextlib.suppress(OSError):
                self._real.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.connected = False
        self._close_real()

    @property
    def writable(self) -> bool:
        """A write would not block."""
        held = max(self._unacknowledged, self._line.queued_bytes)
        return bool(self.error) or (self.connected and held < SEND_BUFFER_BYTES)

    @property
    def readable(self) -> bool:
        """A read would not block."""
        return bool(self.received or self.ended or self.error)

    @property
    def waiting(self) -> str:
        """What the peer still owes, empty for nothing."""
        if self._real is None or self._dead:
            return ""
        if self._tls:
            return "an end of what TLS hides" if time.monotonic() - self._moved_s < TLS_QUIET_S else ""
        return str(self.due) or ("an answer, perhaps" if self._raw_pending and not self.mqtt else "")

    @property
    def lost(self) -> bool:
        """Bytes of it vanished; neither end knows yet."""
        return self._lost

    @property
    def real(self) -> Peer | None:
        """The socket of the host."""
        return self._real
