"""Frames of the serial link (docs/serial-link.md, "Frames"): made, and found in whatever comes over a wire.

Written apart from firmware/link/serial.py and hw_sim/network/gateway.py; tests hold the three against each other.
"""

from __future__ import annotations

import struct
from collections import Counter
from typing import Final, NamedTuple
from zlib import crc32

HELLO, WELCOME, UP, ACCEPTED, DOWN, TAKEN, PING, PONG, BYE, STATE = range(1, 11)
AGAIN: Final = 0x80  # bit of the type: the sender may have sent the same frame before
VERSION: Final = 1
ENVELOPE_LIMIT_BYTES: Final = 1024  # docs/wire-format.md, section 4
STUFFED_LIMIT_BYTES: Final = 1038  # such an envelope in its frame, and one byte of stuffing for each 254

_HEAD = struct.Struct(">BHH")  # type, number, length of the body
_CRC = struct.Struct(">I")
_LEAST_BYTES = _HEAD.size + _CRC.size


class Frame(NamedTuple):
    """One frame; `kind` without bit 7, which is `again`."""

    kind: int
    number: int
    body: bytes
    again: bool = False


def pack(kind: int, number: int = 0, body: bytes = b"", *, again: bool = False) -> bytes:
    """The frame with a zero at each end. The body is at most 1024 bytes (ValueError: no receiver would take it)."""
    if len(body) > ENVELOPE_LIMIT_BYTES:
        raise ValueError(f"a body of {len(body)} bytes: at most {ENVELOPE_LIMIT_BYTES} fit a frame")
    data = _HEAD.pack(kind | AGAIN if again else kind, number, len(body)) + body
    pieces = [b"\0"]
    for run in (data + _CRC.pack(crc32(data))).split(b"\0"):
        whole = len(run) // 254 * 254
        for at in range(0, whole, 254):
            pieces += (b"\xff", run[at : at + 254])
        pieces += (bytes((len(run) - whole + 1,)), run[whole:])
    pieces.append(b"\0")
    return b"".join(pieces)


def _unstuff(stuffed: bytes) -> bytes | None:
    """What COBS made this of; None if a block reaches beyond the end. There is no zero in `stuffed`."""
    pieces, at, end = [], 0, len(stuffed)
    while at < end:
        code = stuffed[at]
        after = at + code
        pieces.append(stuffed[at + 1 : after])
        if code != 255 and after < end:
            pieces.append(b"\0")
        at = after
    return b"".join(pieces) if at == end else None


def _read(stuffed: bytes) -> Frame | str:
    """The frame of what stood between two zeros, or why it is none."""
    if len(stuffed) > STUFFED_LIMIT_BYTES:
        return "long"
    data = _unstuff(stuffed)
    if data is None:
        return "cobs"
    if len(data) < _LEAST_BYTES or _HEAD.unpack_from(data)[2] != len(data) - _LEAST_BYTES:
        return "length"
    if crc32(data[:-4]) != _CRC.unpack_from(data, len(data) - 4)[0]:
        return "crc"
    kind, number, _ = _HEAD.unpack_from(data)
    if not HELLO <= kind & ~AGAIN <= STATE:
        return "type"
    return Frame(kind & ~AGAIN, number, data[5:-4], kind >= AGAIN)


class Parser:
    """Finds frames between zeros, in pieces of any size; keeps 1038 bytes at most.

    `dropped` counts what was no frame, by reason: "long" (more than 1038 bytes between two zeros), "cobs", "length",
    "crc", "type" (unknown, bit 7 aside).
    """

    def __init__(self) -> None:
        """It begins behind a zero."""
        self.dropped: Counter[str] = Counter()
        self._open = b""  # what came since the last zero
        self._noise = False  # that was more than a frame can be, or has a hole: wait for a zero

    def feed(self, data: bytes) -> list[Frame]:
        """The frames that `data` completes, in order."""
        first, *others = data.split(b"\0")
        if not others:
            self._keep(first)
            return []
        last = others.pop()
        found = []
        for part in (self._closed(first), *others):
            frame = _read(part) if part else ""
            if isinstance(frame, Frame):
                found.append(frame)
            elif frame:
                self.dropped[frame] += 1
        self._keep(last)
        return found

    def reset(self) -> None:
        """Bytes were lost here: what is open is noise up to the next zero."""
        self._open, self._noise = b"", True

    def _keep(self, part: bytes) -> None:
        if self._noise:
            return
        if len(self._open) + len(part) > STUFFED_LIMIT_BYTES:
            self.dropped["long"] += 1
            self.reset()
        else:
            self._open += part

    def _closed(self, part: bytes) -> bytes:
        """What a zero ends; b"" for noise."""
        noise, part = self._noise, self._open + part
        self._open, self._noise = b"", False
        return b"" if noise else part
