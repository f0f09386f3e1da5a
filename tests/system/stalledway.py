"""A way to a broker that is long, or on which nothing passes for a while; then every connection is broken, with what was on it."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

LINGER_NOT = b"\1\0\0\0\0\0\0\0"  # close() resets the connection, and forgets what was not read (socket(7), SO_LINGER)


class Way:
    """A port on loopback that leads to another one, so far away that each piece takes `delay_s`, either way."""

    def __init__(self, port: int, *, delay_s: float = 0.0) -> None:
        self._there = ("127.0.0.1", port)
        self._door = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._door.getsockname()[1]
        self._delay_s = delay_s
        self._passes = threading.Event()
        self._passes.set()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._lock = threading.Lock()
        threading.Thread(target=self._accept, daemon=True).start()

    def stall(self, on: bool) -> None:
        """From now on nothing passes; or all passes again, on new connections."""
        if on:
            self._passes.clear()
        elif not self._passes.is_set():
            self._cut()
            self._passes.set()

    def close(self) -> None:
        """It leads nowhere."""
        with contextlib.suppress(OSError):
            self._door.shutdown(socket.SHUT_RDWR)
        self._door.close()
        self._cut()
        self._passes.set()

    def _cut(self) -> None:
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for end in (end for pair in pairs for end in pair):
            with contextlib.suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                here, _ = self._door.accept()
                try:
                    there = socket.create_connection(self._there)
                except OSError:
                    here.close()
                    continue
                for end in (here, there):
                    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                with self._lock:
                    self._pairs.append((here, there))
                for source, sink in ((here, there), (there, here)):
                    threading.Thread(target=self._carry, args=(source, sink), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        """Until one end is closed; what was read while nothing passed goes down with its connection."""
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                self._passes.wait()
                time.sleep(self._delay_s)
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
