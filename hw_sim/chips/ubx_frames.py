"""Frames of u-blox receivers and NMEA sentences, as a receiver makes and takes them.

Source: u-blox M10 SPG 5.10 interface description, UBXDOC-963802114-12815: sections 3.2 (frame), 3.4 (checksum),
2.7 (NMEA).
"""

import struct
from collections.abc import Iterator
from functools import reduce

SYNC = b"\xb5\x62"
FRAME_LIMIT_BYTES = 1024  # longest poll or VALSET (64 items) stays below; a longer length is noise on the line


def checksum(data: bytes) -> bytes:
    """8-bit Fletcher sum over class, identifier, length and payload."""
    a = b = 0
    for byte in data:
        a = a + byte & 0xFF
        b = b + a & 0xFF
    return bytes((a, b))


def frame(cls: int, msg: int, payload: bytes = b"") -> bytes:
    """A whole UBX frame."""
    body = struct.pack("<BBH", cls, msg, len(payload)) + payload
    return SYNC + body + checksum(body)


def sentence(body: str) -> bytes:
    """A whole NMEA sentence of what stands between `$` and `*`."""
    total = reduce(lambda a, b: a ^ b, body.encode("ascii"), 0)
    return f"${body}*{total:02X}\r\n".encode("ascii")


class Parser:
    """Takes bytes as they come and yields (class, identifier, payload) of sound frames; all else is skipped."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def clear(self) -> None:
        """Forgets half a frame, as a receiver does without power."""
        self._buffer.clear()

    def feed(self, data: bytes) -> Iterator[tuple[int, int, bytes]]:
        """The frames that `data` completes."""
        self._buffer += data
        while (start := self._buffer.find(SYNC)) >= 0:
            del self._buffer[:start]
            if len(self._buffer) < 6:
                return
            cls, msg, size = struct.unpack_from("<BBH", self._buffer, 2)
            if size > FRAME_LIMIT_BYTES:
                del self._buffer[:2]
                continue
            if len(self._buffer) < size + 8:
                return
            body = bytes(self._buffer[2 : size + 6])
            if checksum(body) != self._buffer[size + 6 : size + 8]:
                del self._buffer[:2]
                continue
            del self._buffer[: size + 8]
            yield cls, msg, body[4:]
        del self._buffer[: -1 if self._buffer.endswith(SYNC[:1]) else len(self._buffer)]
