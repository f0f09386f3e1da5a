"""The helper thread that makes sockets ready: the host's name, TCP, TLS. All else of a connection is the loop's.

paho's own `connect` holds its caller for as long as a dead host takes to be given up, and so would 32 ports be held.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections import deque
from contextlib import suppress

DIAL_S = 5.0  # TCP, then TLS: each at most so long; a broker on the same continent needs 0.1 s


class Dialer:
    """The helper thread: makes sockets ready, one after another, to the one broker there is."""

    def __init__(self, address: tuple[str, int], context: ssl.SSLContext | None) -> None:
        self._address = address
        self._context = context
        self._asked: deque[object] = deque()
        self._made: deque[tuple[object, socket.socket | None, str]] = deque()
        self._work = threading.Condition()
        self._thread: threading.Thread | None = None
        self._ended = False
        self._wake_in, self._wake_out = socket.socketpair()
        self._wake_in.setblocking(False)
        self._wake_out.setblocking(False)

    def fileno(self) -> int:
        """Readable when `results` has something."""
        return self._wake_in.fileno()

    def ask(self, who: object) -> None:
        """Make a socket ready for `who`; the answer comes in `results`."""
        if self._thread is None:  # a daemon: a name that is looked up for half a minute must not hold up the end
            self._thread = threading.Thread(target=self._run, name="gateway-dialer", daemon=True)
            self._thread.start()
        with self._work:
            self._asked.append(who)
            self._work.notify()

    def forget(self, who: object) -> bool:
        """Whether `who` still waited for its turn, and does no more [a slow host, and devices that come and go before it]."""
        with self._work:
            if who not in self._asked:
                return False
            self._asked.remove(who)
            return True

    def results(self) -> list[tuple[object, socket.socket | None, str]]:
        """Who asked, and a ready non-blocking socket or None with the reason."""
        with suppress(BlockingIOError):
            self._wake_in.recv(4096)
        made = []
        while self._made:
            made.append(self._made.popleft())
        return made

    def close(self) -> None:
        """Dials no more; does not wait for an attempt under way."""
        with self._work:
            self._ended = True
            self._work.notify()
        for _, sock, _ in self.results():
            if sock is not None:
                sock.close()

    def _run(self) -> None:
        while True:
            with self._work:
                while not self._asked and not self._ended:
                    self._work.wait()
                if self._ended:
                    return
                who = self._asked.popleft()
            sock, why = self._dial()
            self._made.append((who, sock, why))
            with self._work:
                if sock is None:  # the same host: who waits behind would wait for the same
                    self._made.extend((other, None, why) for other in self._asked)
                    self._asked.clear()
                if self._ended:
                    return
            with suppress(OSError):  # full: the loop is about to wake anyway
                self._wake_out.send(b"\0")

    def _dial(self) -> tuple[socket.socket | None, str]:
        raw: socket.socket | None = None
        try:
            raw = socket.create_connection(self._address, timeout=DIAL_S)
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock = raw if self._context is None else self._context.wrap_socket(raw, server_hostname=self._address[0])
            sock.setblocking(False)
        except (OSError, ValueError) as error:  # ValueError: a name that is none
            if raw is not None:
                raw.close()
            return None, reason_of(error)
        return sock, ""


def reason_of(error: BaseException) -> str:
    """Why a connection failed, for a log: no text that a peer has chosen."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate does not hold: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return f"no TLS: {error.reason or 'it ended'}"
    if isinstance(error, socket.gaierror):
        return "its name is not known"
    if isinstance(error, TimeoutError):
        return "no answer"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return "it cannot be reached"
