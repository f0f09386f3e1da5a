"""A TCP connection for asyncio over a board's non-blocking sockets; whatever fails, the socket is closed."""

import asyncio
import time

from firmware.const import const
from firmware.errors import LinkError

# What one read may take: more than the largest packet would only move bytes from the stack's buffer to the heap.
_READ_BYTES = const(512)
_MAX_ADDRESSES = const(3)  # of one name, 45 s in all: a resolver that answers with a hundred must not hold the link

# For so long an address that was proven serves. `getaddrinfo` does not say how long its answer holds; RFC 1912, 2.2,
# recommends days for names that seldom change, so an hour finds a broker that moved soon enough.
_KEPT_MS = const(3_600_000)


class TcpTransport:
    """One connection at a time: `open`, then `fill` and `write`, then `close`; LinkError for errors of the socket."""

    def __init__(self, socket_module):
        self._socket_module = socket_module
        self._socket = None
        self._stream = None
        self._tried: "tuple | None" = None  # (host, port, ticks at the answer, address) of the connection
        self._kept: "tuple | None" = None  # the same, once it was proven

    def prove(self) -> None:
        """Something has come that only the server can have sealed: this address serves the next connection too.

        So what a captive portal or a resolver has named is asked no second time: it has no key to seal with. Who passes
        all on to the server is kept, for an hour; he reads no more than any hop on the way: without TLS sealed envelopes and
        the user and password of the broker, and with TLS he must show the broker's certificate at each connection
        (docs/threat-model.md).
        """
        self._kept = self._tried

    async def open(self, host: str, port: int, timeout_ms: int) -> None:
        """Resolve and connect, to the first address that answers within the time; LinkError if none does.

        `getaddrinfo` blocks [7 s where no resolver answers, in which nobody sees the button]: its bound is the watchdog's.
        So an address that was proven is taken without asking; it must prove itself anew in each contact, else the next one
        asks [a broker that moved would never be found again]. It is in memory only.
        """
        self.close()
        kept, self._kept, self._tried = self._kept, None, None
        fresh = kept and kept[:2] == (host, port) and 0 <= time.ticks_diff(time.ticks_ms(), kept[2]) < _KEPT_MS
        if fresh and await self._opens(kept, timeout_ms):
            return
        try:
            addresses = self._socket_module.getaddrinfo(host, port, 0, self._socket_module.SOCK_STREAM)
        except OSError:
            raise LinkError("no address for the broker")
        for address in addresses[:_MAX_ADDRESSES]:
            if await self._opens((host, port, time.ticks_ms(), address), timeout_ms):
                return
        raise LinkError("no connection to the broker")

    async def _opens(self, tried: tuple, timeout_ms: int) -> bool:
        """Connect to this address; False if it does not answer."""
        address = tried[3]
        try:
            self._socket = self._socket_module.socket(address[0], address[1], address[2])
            self._socket.setblocking(False)
            await asyncio.wait_for_ms(self._connect(address[-1]), timeout_ms)
            self._reading(tried[0])
        except (OSError, ValueError, asyncio.TimeoutError):
            self.close()
            return False
        except (LinkError, asyncio.CancelledError):
            self.close()
            raise
        self._tried = tried
        return True

    def _reading(self, host: str) -> None:
        """The stream over the connected socket; `firmware.link.secure` puts TLS between the two."""

    def _connect(self, address):
        # A generator, as MicroPython's own coroutines are: waiting for a socket to become writable is a bare yield.
        import errno
        import select
        from asyncio import core  # type: ignore[attr-defined]  # the frozen module, which the stubs leave out

        try:
            self._socket.connect(address)
        except OSError as error:
            if error.errno != errno.EINPROGRESS:
                raise
        self._stream = asyncio.StreamReader(self._socket)
        # As asyncio.open_connection does; that function keeps the socket open when it is cancelled.
        yield core._io_queue.queue_write(self._socket)
        poller = select.poll()
        poller.register(self._socket, select.POLLOUT)
        for _, events in poller.poll(0):
            if events & (select.POLLERR | select.POLLHUP):  # refused: the next address of the name may be better
                raise OSError(errno.ECONNREFUSED)

    async def fill(self, parser) -> list:
        """Wait for bytes and give them to the parser at once: a cancelled wait loses none. LinkError at the end."""
        stream = self._stream
        if stream is None:
            raise LinkError("not connected")
        try:
            data = await stream.read(_READ_BYTES)
        except OSError:
            raise LinkError("connection lost")
        except ValueError as error:  # of TLS, about the broker's certificate
            raise LinkError(str(error).strip())
        if not data:
            raise LinkError("connection closed by the broker")
        return parser.feed(data)

    async def write(self, data: bytes) -> None:
        """Hand all bytes to the stack; bound it from outside."""
        stream = self._stream
        if stream is None:
            raise LinkError("not connected")
        try:
            stream.write(data)
            await stream.drain()
        except OSError:
            raise LinkError("connection lost")
        except ValueError as error:
            raise LinkError(str(error).strip())

    async def rest(self) -> None:
        """At once: what TCP loses it says again."""

    def close(self) -> None:
        """Close the socket, whatever state it is in."""
        socket, self._socket, self._stream = self._socket, None, None
        if socket is not None:
            try:
                socket.close()
            except OSError:
                pass  # it is gone, which is all that was wanted
