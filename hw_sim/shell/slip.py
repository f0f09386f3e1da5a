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
        self._inside = False
        self._rest = b""
        self.strayed = False  # bytes came outside of packets, with the last `feed`

    def feed(self, data: bytes) -> list[bytes]:
        """The packets that are whole now."""
        before, *parts = data.split(_END)
        whole: list[bytes] = []
        self.strayed = False
        self._keep(before)
        for part in parts:
            if self._inside and self._rest:
                whole.append(self._unpacked(self._rest))
            self._inside = not (self._inside and self._rest)  # END after END: the first was noise, or another's
            self._rest = b""
            self._keep(part)
        return [packet for packet in whole if packet]

    def _keep(self, part: bytes) -> None:
        if self._inside:
            # As long as it can be with every byte escaped, and one too many.
            self._rest = (self._rest + part)[: 2 * self._most + 1]
        elif part:
            self.strayed = True

    def _unpacked(self, part: bytes) -> bytes:
        pieces = part.split(_ESC)
        if any(piece[:1] not in (b"\xdc", b"\xdd") for piece in pieces[1:]):
            return b""
        packet = pieces[0] + b"".join((_END if piece[0] == 0xDC else _ESC) + piece[1:] for piece in pieces[1:])
        return packet if len(packet) <= self._most else b""
