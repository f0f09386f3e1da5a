"""One simulated socket over real TCP, and every fault on call."""

import contextlib
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hw_sim.interpreter.waits import DeviceError
from hw_sim.network.traffic import Direction, Due, Splitter

if TYPE_CHECKING:
    from hw_sim.network.net import Network

SEND_BUFFER_BYTES = 5760  # lwIP's TCP_SND_BUF on the ESP32: what a dead peer leaves unacknowledged before write blocks

# Inside TLS nobody sees what is still owed: broker and server behind it get this much real time after the last bytes.
TLS_QUIET_S = 0.15

EHOSTUNREACH, ECONNREFUSED, ECONNRESET, ENOTCONN, EBADF = 113, 111, 104, 128, 9
ECONNABORTED = 103


class SocketError(DeviceError):
    """An errno of a socket call."""


@dataclass(slots=True)  # a misspelt fault is an error, not a test that is green for nothing
class Faults:
    """What is wrong with the network at present; assign `Faults()` for nothing.

    `down`: no access point, no route. `refuse`: connections are refused. `half_open`: bytes vanish both ways and no
    close is seen. `drop(direction, packet)`: True loses that MQTT packet. `latency_ms`: virtual time from the peer to
    the board.
    """

    down: bool = False
    refuse: bool = False
    half_open: bool = False
    latency_ms: int = 0
    drop: Callable[[Direction, bytes], bool] | None = None
    cut_after_bytes: int | None = None

    def cut_after(self, n_bytes: int) -> None:
        """The connection breaks after this many more bytes up, in the middle of a packet if it falls so."""
        self.cut_after_bytes = n_bytes


class Connection:
    """One simulated socket."""

    def __init__(self, network: "Network") -> None:
        self._network = network
        self._real: socket.socket | None = None
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
        self._due_us = 0  # of what came down last

    @property
    def _dead(self) -> bool:
        fault = self._network.fault
        return self._lost or fault.half_open or fault.down or not self._network.carries()

    def connect(self, address: tuple[str, int]) -> None:
        """Opens the real connection; a refusal shows as an error of the socket."""
        fault = self._network.fault
        if not self._network.online:
            self.error = EHOSTUNREACH
            return
        self._network.on_air("up", 0)
        if not self._network.carries():
            self._lost = True  # and nobody answers
        elif fault.refuse:
            self.error = ECONNREFUSED
        elif fault.half_open:
            self._lost = True
            self._later(self._opened)  # some middle box answered
        else:
            self._dial(address)

    def _dial(self, address: tuple[str, int]) -> None:
        try:
            self._real = socket.create_connection(address, timeout=2)
        except OSError:
            self.error = ECONNREFUSED
            return
        self._real.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._real.setblocking(False)
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
        if self._real is None:
            self._break(ECONNRESET)
            raise SocketError(ECONNRESET)
        return self._send_up(data)

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
        self._pass_up(data)
        return len(data)

    def _pass_up(self, data: bytes) -> None:
        self._network.on_air("up", len(data))
        self._moved_s = time.monotonic()
        if self.mqtt is None and data:
            self.mqtt = data[0] == 0x10  # CONNECT comes first (section 3.1)
            self._tls = data[0] == 0x16  # a handshake record (RFC 5246, section 6.2.1)
        self._network.up.total_bytes += len(data)
        if not self.mqtt:
            self._raw_pending = True
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
        if self._real is None:
            return False
        came = False
        while True:
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

    def _take(self, data: bytes) -> None:
        network = self._network
        network.on_air("down", len(data))
        network.capture.add("down", data)
        network.down.total_bytes += len(data)
        if not self.mqtt:
            self._deliver(data)
            return
        for packet in self._split["down"].feed(data):
            network.down.count(packet)
            self.due.came(packet)
            if network.fault.drop is None or not network.fault.drop("down", packet):
                self._deliver(packet)

    def _deliver(self, data: bytes) -> None:
        if self._dead:
            self._lost = True
        else:
            self._later(lambda: self._arrived(data))

    def _arrived(self, data: bytes) -> None:
        self.received.extend(data)
        self.heard()

    def _later(self, act: Callable[[], None]) -> None:
        clock = self._network.world.clock
        latency_ms = self._network.fault.latency_ms + self._network.delay_ms()
        # What is delayed less must not overtake what was before it.
        self._due_us = max(self._due_us, clock.now_us + latency_ms * 1000)
        if self._due_us > clock.now_us:
            clock.at(self._due_us, act)
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
        return bool(self.error) or (self.connected and self._unacknowledged < SEND_BUFFER_BYTES)

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
    def real(self) -> socket.socket | None:
        """The socket of the host."""
        return self._real
