"""A server on loopback that speaks one version of TLS, or none, and keeps every byte that reached it in the clear."""

from __future__ import annotations

import contextlib
import socket
import ssl
import tempfile
import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from tests.system.certificates import authority

CA = "CA of the clauses"
NAME = "localhost"
TIMEOUT_S = 5.0
QUIET_S = 0.5
HTTP_DONE = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
CONNACK = b"\x20\x02\x00\x00"


class Listener:
    """Answers each connection's first bytes with `answer`; `version` None is a plain socket, `issuer` another CA's certificate."""

    def __init__(
        self, version: ssl.TLSVersion | None, answer: bytes = HTTP_DONE, *, name: str = NAME, issuer: str = CA
    ) -> None:
        self.heard = b""
        self.taken = 0  # bytes from the wire that were dealt with, answer and all
        self._answer = answer
        self._context = _context(version, name, issuer) if version is not None else None
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                peer, _ = self._socket.accept()
                peer.settimeout(TIMEOUT_S)
                with contextlib.suppress(OSError), peer:
                    self._serve(peer)

    def _serve(self, peer: socket.socket) -> None:
        """One connection, in pieces, so that it is known when each of them has been answered."""
        coming, going = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = self._context.wrap_bio(coming, going, server_side=True) if self._context else None
        while piece := peer.recv(65_536):
            if tls is None:
                self._hear(piece, peer.sendall)
            else:
                coming.write(piece)
                self._speak(tls)
                peer.sendall(going.read())
            self.taken += len(piece)

    def _speak(self, tls: ssl.SSLObject) -> None:
        """As far as the handshake, or what was said, has come; a handshake that fails leaves its alert to be sent."""
        with contextlib.suppress(ssl.SSLError):
            tls.do_handshake()
            while text := tls.read(65_536):
                self._hear(text, tls.write)

    def _hear(self, text: bytes, answer: Callable[[bytes], object]) -> None:
        self.heard += text
        answer(self._answer)

    def __enter__(self) -> Listener:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)  # wakes whoever waits for a connection
        self._socket.close()


class Quiet:
    """Whether the servers have dealt with all that was sent, or with nothing for half a second [what a broken connection loses]."""

    def __init__(self, behind: Callable[[], int]) -> None:
        self._behind = behind
        self._last, self._at = 0, time.monotonic()

    def __call__(self) -> bool:
        behind, now = self._behind(), time.monotonic()
        if behind != self._last:
            self._last, self._at = behind, now
        return behind >= 0 or now - self._at > QUIET_S


def _context(version: ssl.TLSVersion, name: str, issuer: str) -> ssl.SSLContext:
    """Of a server that speaks this version alone, however old."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.maximum_version = ssl.TLSVersion.MAXIMUM_SUPPORTED
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # it is what the old versions are here for
        context.minimum_version, context.maximum_version = version, version
    certificate, key = authority(issuer).certify(name)
    with tempfile.TemporaryDirectory() as folder:
        chain = Path(folder) / "chain.pem"
        chain.write_bytes(certificate + key)
        context.load_cert_chain(chain)
    return context


def ca_file(folder: Path) -> Path:
    """The certificate that vouches for a `Listener`."""
    path = folder / "ca.pem"
    path.write_bytes(authority(CA).pem)
    return path
