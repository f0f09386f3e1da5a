# TCP sockets; the simulator carries them over real TCP to where its configuration points.
import io

import _link
import _ops

AF_INET = 2
SOCK_STREAM = 1
SOCK_DGRAM = 2
SOL_SOCKET = 4095
SO_REUSEADDR = 4
SO_KEEPALIVE = 8
IPPROTO_TCP = 6
TCP_NODELAY = 1

_EAGAIN = 11
_EINPROGRESS = 115
_ETIMEDOUT = 110
_STREAM_POLL = 3
_STREAM_CLOSE = 4


def getaddrinfo(host, port, af=0, type=0, proto=0, flags=0):  # noqa: PLR0917 - MicroPython's signature
    addresses = _link.ask(_ops.RESOLVE, data=host.encode()).decode().split(",")
    return [(AF_INET, SOCK_STREAM, 6, "", (address, port)) for address in addresses]


class socket(io.IOBase):
    def __init__(self, af=AF_INET, type=SOCK_STREAM, proto=6):
        if af not in (0, AF_INET) or type != SOCK_STREAM:
            _link.missing("socket other than TCP over IPv4")
        self.poll_id = _link.call(_ops.SOCKET)
        self._timeout_us = -1  # -1 block, 0 never wait

    def setblocking(self, on):
        self._timeout_us = -1 if on else 0

    def settimeout(self, s):
        self._timeout_us = -1 if s is None else int(s * 1000000)

    def setsockopt(self, level, option, value):
        if (level, option) not in ((SOL_SOCKET, SO_REUSEADDR), (SOL_SOCKET, SO_KEEPALIVE), (IPPROTO_TCP, TCP_NODELAY)):
            _link.missing("this option of socket.setsockopt")

    def connect(self, address):
        _link.call(_ops.CONNECT, self.poll_id, self._timeout_us, ("%s:%d" % address).encode())
        if not self._timeout_us:
            raise OSError(_EINPROGRESS)

    def send(self, data):
        return _link.call(_ops.SEND, self.poll_id, self._timeout_us, data)

    def sendall(self, data):
        view = memoryview(data)
        while view:
            view = view[self.send(view) :]

    def _receive(self, n, into=None):
        return _link._exchange(_ops.RECV, self.poll_id, n << 40 | self._timeout_us + 1, b"", into)

    def recv(self, n):
        return self._receive(n)[1]

    def write(self, data, n=None):
        # As a stream: all of it when blocking, what fits (None for nothing) when not.
        view = memoryview(data) if n is None else memoryview(data)[:n]
        done = 0
        while done < len(view):
            try:
                done += self.send(view[done:])
            except OSError as error:
                if error.errno != _EAGAIN or self._timeout_us:
                    raise
                return done or None
        return done

    def readinto(self, buf, n=None):
        view = memoryview(buf) if n is None else memoryview(buf)[:n]
        done = 0
        while done < len(view):
            try:
                got = self._receive(len(view) - done, view[done:])[0]
            except OSError as error:
                if error.errno != _EAGAIN or self._timeout_us:
                    raise
                return done or None
            if not got:
                break
            done += got
        return done

    def read(self, n=-1):
        if n is not None and n >= 0:
            buf = bytearray(n)
            got = self.readinto(buf)
            return None if got is None else bytes(memoryview(buf)[:got])
        parts = b""
        while True:
            part = self.read(512)
            if not part:
                return parts or part
            parts += part

    def readline(self):
        line = b""
        while not line.endswith(b"\n"):
            try:
                part = self.recv(1)
            except OSError as error:
                if error.errno != _EAGAIN or self._timeout_us:
                    raise
                return line or None
            if not part:
                break
            line += part
        return line

    def makefile(self, *args):
        return self

    def close(self):
        if self.poll_id is not None:
            _link.call(_ops.CLOSE, self.poll_id)

    def ioctl(self, request, arg):
        if request == _STREAM_CLOSE:
            self.close()
            return 0
        if request == _STREAM_POLL:
            import sys

            secure = sys.modules.get("_secure")
            if secure and secure.asked is not None:
                secure.asked = (self.poll_id, arg)
                return 0
            import select

            poller = select.poll()
            poller.register(self, arg)
            ready = poller.poll(0)
            return ready[0][1] if ready else 0
        return -22

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.close()

    def bind(self, *args):
        _link.missing("a listening socket")

    listen = accept = recvfrom = sendto = bind
