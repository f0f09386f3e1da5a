"""TLS between the client and its socket: the broker proves who it is, or nothing is said to it; there is no way around."""

import asyncio
import binascii

from firmware.errors import LinkError
from firmware.link.transport import TcpTransport


def der_of(ca: str) -> bytes:
    """The one certificate of a PEM text (RFC 7468) as DER; LinkError if there is none."""
    begin, end = ca.find("-----BEGIN CERTIFICATE-----"), ca.find("-----END CERTIFICATE-----")
    try:
        der = binascii.a2b_base64(ca[begin + 27 : end]) if 0 <= begin < end else b""
    except ValueError:
        der = b""
    if der[:1] != b"\x30":
        raise LinkError("no CA certificate")
    return der


class SecureTransport(TcpTransport):
    """A TcpTransport whose bytes go through TLS to a broker that the CA vouches for under its name.

    `ca` is the PEM text of one certificate; `time_s()` the trusted time or None, `floor_s()` a time that is certainly past;
    `set_clock(unix_s)` sets the chip's clock, which TLS reads and nothing else here does.
    """

    def __init__(self, socket_module, ca: str, time_s, floor_s, set_clock):
        super().__init__(socket_module)
        self._ca = ca
        self._time_s = time_s
        self._floor_s = floor_s
        self._set_clock = set_clock
        self._begins_s = 0  # of the validity of the last certificate that a broker showed
        self._below = None

    def _reading(self, host: str) -> None:
        # 1. The time against which validity is judged [a certificate that was stolen and has run out]. Without trusted time
        # the floor serves. A certificate that begins after it is believed in that one thing: it was renewed while the
        # device lay in a drawer, and without the server it never learns the time. Chain, name and end still hold.
        now_s = self._time_s()
        self._set_clock(max(self._floor_s(), self._begins_s) if now_s is None else now_s)
        import tls  # with a CA in the settings only: a port without it needs none

        context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
        # 2. Only this CA vouches [any of a hundred public ones could name somebody else's broker], and one must.
        context.verify_mode = tls.CERT_REQUIRED  # type: ignore[attr-defined]  # the stubs lack it
        context.load_verify_locations(der_of(self._ca))
        context.verify_callback = self._seen  # type: ignore[attr-defined]  # likewise
        self._below = self._socket
        try:
            # 3. For this name [another customer's certificate of the same CA].
            self._socket = context.wrap_socket(self._below, server_hostname=host, do_handshake_on_connect=False)
        except MemoryError:
            self.close()
            raise LinkError("no memory for TLS")
        self._stream = asyncio.StreamReader(self._socket)

    def _seen(self, certificate, depth: int) -> int:
        """Look at a certificate of the chain while it is judged; has no say in that."""
        if depth == 0:
            self._begins_s = begins_s(certificate)
        return 0

    def close(self) -> None:
        """Close both sockets: after a handshake that failed the upper one knows the lower no more."""
        super().close()
        self._socket, self._below = self._below, None
        super().close()


def begins_s(certificate) -> int:
    """Unix seconds at which a certificate's validity begins (RFC 5280, section 4.1.2.5), 0 if that is not found."""
    from firmware.drivers.civil import unix_s

    data = bytes(certificate)
    at = data.find(b"\x17\x0d")  # UTCTime of 13 characters; what looks like one in a name is a guess like any other
    while at >= 0:
        digits = data[at + 2 : at + 14]
        if len(digits) == 12 and digits.isdigit():
            year, month, day, hour, minute, second = [int(digits[i : i + 2]) for i in range(0, 12, 2)]
            return max(0, unix_s((2000 + year, month, day), hour, minute, second))
        at = data.find(b"\x17\x0d", at + 1)
    return 0
