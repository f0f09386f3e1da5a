"""A peer of few words for simulated sockets: a server on loopback that knows three questions."""

from __future__ import annotations

import contextlib
import socket
import threading

CONNECT = bytes.fromhex("100d00044d51545404020000000161")
CONNACK = bytes.fromhex("20020000")
PING, PONG = bytes.fromhex("c000"), bytes.fromhex("d000")


class Peer:
    """Answers CONNECT, PINGREQ, and "many" with 3000 bytes."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._listener.getsockname()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._talk, args=(client,), daemon=True).start()

    def _talk(self, client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            while data := client.recv(65536):
                answer = CONNACK * data.count(CONNECT) + PONG * data.count(PING) + bytes(3000) * data.count(b"many")
                client.sendall(answer)

    def close(self) -> None:
        """Listens no more."""
        self._listener.close()
