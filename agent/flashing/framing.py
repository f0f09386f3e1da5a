"""Bytes on their way to a board's prompt: in pieces that a program there takes (writing.TAKE), compressed where that is shorter.

A piece is 16 hexadecimal digits (number of what it belongs to: 4, bytes on the line: 4, bytes unpacked: 8), their CRC-32 in 8
more, and the bytes, without those that a prompt obeys: Ctrl-C would stop the program, and what is left over where a cable was
pulled and the program is stopped comes to the prompt as text. 0x01 to 0x05 and 0x10 are 0x10 and the byte plus 0x40 there.
"""

from __future__ import annotations

import hashlib
import zlib

BLOCK_BYTES = 4096  # a sector of flash; what a board's heap has room for four times
ANSWER_BYTES = 16
OBEYED = b"\x01\x02\x03\x04\x05"  # MicroPython documentation, "The MicroPython Interactive Interpreter Mode"
_WBITS = 12  # a window of 4 KiB: a block


def piece(number: int, data: bytes, *, packed: bool) -> bytes:
    """At most BLOCK_BYTES of what has this number. `packed`: the board can unpack."""
    body = data
    if packed:
        packer = zlib.compressobj(9, zlib.DEFLATED, -_WBITS)
        squeezed = packer.compress(data) + packer.flush()
        body = squeezed if len(squeezed) < len(data) else data  # as long as the data, it is taken for the data
    for byte in (0x10, *OBEYED):  # what is escaped already gets no second escape
        body = body.replace(bytes([byte]), bytes([0x10, byte + 0x40]))
    return _head(number, len(body), len(data)) + body


def end() -> bytes:
    """Behind the last piece."""
    return _head(0, 0, 0)


def answer(data: bytes) -> bytes:
    """What the board says of a piece that it has: the first half of a quarter of its SHA-256, as text."""
    return hashlib.sha256(data).hexdigest()[:ANSWER_BYTES].encode()


def _head(number: int, line_bytes: int, size: int) -> bytes:
    text = b"%04x%04x%08x" % (number, line_bytes, size)
    return text + b"%08x" % zlib.crc32(text)
