"""A captive portal: every name leads to it, and it answers for every address and port.

Plain HTTP is redirected to its page. TLS meets its certificate, which is not the server's, or a fatal alert if it has none.
Anything else is taken for bad HTTP, as a web server behind a redirected port does (nginx: `400 Bad Request`).
"""

import contextlib
import os
import ssl
import tempfile

from hw_sim.errors import HwSimError

HEAD_LIMIT_BYTES = 8192  # of a request; nginx's large_client_header_buffers
METHODS = (b"GET ", b"HEAD ", b"POST ", b"PUT ", b"OPTIONS ")
HANDSHAKE = 0x16  # RFC 8446, section 5.1: content type of a TLS record
NO_HANDSHAKE = bytes.fromhex("15030300020228")  # a fatal alert, handshake_failure (RFC 5246, section 7.2)
BAD_REQUEST = b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class Portal:
    """A captive portal at `address`; `certificate` are its certificate and key as PEM."""

    address = "10.10.0.1"  # a private address, as portals have it (RFC 1918)

    def __init__(
        self, *, certificate: tuple[bytes, bytes] | None = None, location: str = "http://portal.example/login"
    ) -> None:
        self.location = location
        self.context = _context(*certificate) if certificate else None
        self.visits = 0

    def visit(self) -> "Visit":
        """A new connection to it."""
        self.visits += 1
        return Visit(self)

    @property
    def redirect(self) -> bytes:
        """Its answer to HTTP (RFC 9110, section 15.4.3)."""
        return f"HTTP/1.1 302 Found\r\nLocation: {self.location}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".encode()


class Visit:
    """One connection: `hear` bytes of the board, get those of the portal; then `over` says that it has closed."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self._head = bytearray()
        self._tls: _Tls | None = None
        self.over = False

    def hear(self, data: bytes) -> bytes:
        """What it answers."""
        if self.over:
            return b""
        if self._tls is not None:
            return self._secure(self._tls, data)
        self._head += data
        if self._head[:1] == bytes([HANDSHAKE]):
            return self._begin_tls()
        return self._plain(bytes(self._head))

    def _begin_tls(self) -> bytes:
        if self._portal.context is None:
            self.over = True
            return NO_HANDSHAKE
        self._tls = _Tls(self._portal.context)
        return self._secure(self._tls, bytes(self._head))

    def _secure(self, tls: "_Tls", data: bytes) -> bytes:
        answer, self.over = tls.hear(data, self._portal.redirect)
        return answer

    def _plain(self, head: bytes) -> bytes:
        http = any(head.startswith(method[: len(head)]) for method in METHODS)
        if http and b"\r\n\r\n" not in head and len(head) < HEAD_LIMIT_BYTES:
            return b""
        self.over = True
        return self._portal.redirect if http and b"\r\n\r\n" in head else BAD_REQUEST


class _Tls:
    """The portal's end of TLS, in memory."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._end = context.wrap_bio(self._in, self._out, server_side=True)
        self._shaken = False

    def hear(self, data: bytes, page: bytes) -> tuple[bytes, bool]:
        """Its bytes, and whether it has closed."""
        self._in.write(data)
        over = False
        try:
            if not self._shaken:
                self._end.do_handshake()
                self._shaken = True
            if self._end.read(HEAD_LIMIT_BYTES):
                self._end.write(page)
                over = True
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:  # the board refuses the certificate, or goes
            over = True
        return self._out.read(), over


def _context(certificate: bytes, key: bytes) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with contextlib.ExitStack() as files:  # the library reads files only
        paths = []
        for content in (certificate, key):
            file = files.enter_context(tempfile.NamedTemporaryFile())
            os.fchmod(file.fileno(), 0o600)
            file.write(content)
            file.flush()
            paths.append(file.name)
        try:
            context.load_cert_chain(*paths)
        except (ssl.SSLError, OSError) as error:
            raise HwSimError(f"portal: certificate and key as PEM, please: {error}") from error
    return context
