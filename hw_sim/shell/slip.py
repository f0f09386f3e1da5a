"""Packets on a serial line as a boot loader of Espressif's frames them.

Source: RFC 1055 (SLIP), with an END at both ends of a packet (esptool documentation, "Serial Protocol").
"""

from __future__ import annotations

_END, _ESC = b"\xc0", b"\xdb"
_ESC_END, _ESC_ESC = b"\xdb\xdc", b"\xdb\xdd"


def packed(packet: bytes) -> bytes:
    """The packet as it goes over the line."""
    return _END + packet.replace(_ESC, _ESC_ESC).replace(_END, _ESC_END) + _END


class Reader:
    """Packets out of what comes. One longer than `most_bytes` is dropped, as one with a wrong escape is [a line full of
    another program's output never ends a packet]."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The packets that are whole now."""
        *whole, self._rest = (self._rest + data).split(_END)
        self._rest = self._rest[: 2 * self._most + 1]  # as long as it can be with every byte escaped, and one too many
        return [packet for packet in map(self._unpacked, whole) if packet]

    def _unpacked(self, part: bytes) -> bytes:
        pieces = part.split(_ESC)
        if any(piece[:1] not in (b"\xdc", b"\xdd") for piece in pieces[1:]):
            return b""
        packet = pieces[0] + b"".join((_END if piece[0] == 0xDC else _ESC) + piece[1:] for piece in pieces[1:])
        return packet if len(packet) <= self._most else b""
