"""A TCP connection for asyncio over a board's non-blocking sockets; whatever fails, the socket is closed."""

import asyncio

from firmware.const import const
from firmware.errors import LinkError

# What one read may take: more than the largest packet would only move bytes from the stack's buffer to the heap.
_READ_BYTES = const(512)
_MAX_ADDRESSES = const(3)  # of one name, 45 s in all: a resolver that answers with a hundred must not hold the link


class TcpTransport:
    """One connection at a time: `open`, then `fill` and `write`, then `close`; LinkError for errors of the socket."""

    def __init__(self, socket_module):
        self._socket_module = socket_module
        self._socket = None
        self._stream = None

    async def open(self, host: str, port: int, timeout_ms: int) -> None:
        """Resolve and connect, to the first address that answers within the time; LinkError if none does.

        The name is resolved anew each time [a broker that moved would never be found again]. `getaddrinfo` itself blocks:
        its bound is the watchdog's.
        """
        self.close()
        try:
            addresses = self._socket_module.getaddrinfo(host, port, 0, self._socket_module.SOCK_STREAM)
        except OSError:
            raise LinkError("no address for the broker")
        for address in addresses[:_MAX_ADDRESSES]:
            try:
                self._socket = self._socket_module.socket(address[0], address[1], address[2])
                self._socket.setblocking(False)
                await asyncio.wait_for_ms(self._connect(address[-1]), timeout_ms)
                self._reading(host)
                return
            except (OSError, ValueError, asyncio.TimeoutError):
                self.close()
            except (LinkError, asyncio.CancelledError):
                self.close()
                raise
        raise LinkError("no connection to the broker")

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

    def close(self) -> None:
        """Close the socket, whatever state it is in."""
        socket, self._socket, self._stream = self._socket, None, None
        if socket is not None:
            try:
                socket.close()
            except OSError:
                pass  # it is gone, which is all that was wanted
