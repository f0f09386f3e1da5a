"""The one record of all key state: its layout in bytes, and nothing else.

Head, blur secret, then the ladders in the order of their streams, `down` first: number (32 bits), chain, and next spine
(zero for `down`). A body is a bytearray, so that it can be overwritten.
"""

import struct

from firmware.const import const
from firmware.wire import ladder

VERSION = 2
KEY_BYTES = 32
BLUR_BYTES = 16  # of 128 bits nobody guesses one, and a slot of 512 bytes keeps room

# record version, device, generation, epoch, floor, dark seconds, boots, refused, directive
_HEAD = const(">B16sHIIIIII")
_HEAD_BYTES = const(43)
_LADDERS_AT = const(_HEAD_BYTES + 16)  # BLUR_BYTES
_LADDER_BYTES = const(68)
_RECORD_BYTES = const(_LADDERS_AT + 5 * _LADDER_BYTES)


def blank() -> bytearray:
    """A body of zeros."""
    return bytearray(_RECORD_BYTES)


def fits(body) -> bool:
    """True for a body of this layout."""
    return body is not None and len(body) == _RECORD_BYTES and body[0] == VERSION


def pack_head(body, device: str, numbers: tuple) -> None:
    """numbers: generation, epoch, floor, dark seconds, boots, refused, directive."""
    struct.pack_into(_HEAD, body, 0, VERSION, device.encode(), *numbers)


def head(body) -> tuple:
    """(device: bytes, generation, epoch, floor, dark seconds, boots, refused, directive)."""
    return struct.unpack_from(_HEAD, body)[1:]


def put_blur(body, root) -> None:
    """The secret of blurred positions, from the enrolment's root (wire-format section 3)."""
    body[_HEAD_BYTES:_LADDERS_AT] = ladder.blur(root)[:BLUR_BYTES]


def blur(body) -> bytearray:
    """A copy of that secret."""
    return body[_HEAD_BYTES:_LADDERS_AT]


def put_day(body, stream: int, spine) -> None:
    """Chain of the spine value's day, and the spine of the day after; the leaf between them is never kept."""
    put_ladder(body, stream, 0, ladder.day_chain(spine, stream))
    at = _LADDERS_AT + stream * _LADDER_BYTES + 4 + KEY_BYTES
    body[at : at + KEY_BYTES] = ladder.next_spine(spine, stream)


def put_ladder(body, stream: int, number: int, chain) -> None:
    """The chain of a number."""
    at = _LADDERS_AT + stream * _LADDER_BYTES
    body[at : at + 4 + KEY_BYTES] = struct.pack(">I", number) + chain


def number_of(body, stream: int) -> int:
    """The number that the stored chain belongs to."""
    return struct.unpack_from(">I", body, _LADDERS_AT + stream * _LADDER_BYTES)[0]


def chain_of(body, stream: int) -> bytearray:
    """A copy of the stored chain."""
    at = _LADDERS_AT + stream * _LADDER_BYTES + 4
    return body[at : at + KEY_BYTES]


def spine_of(body, stream: int) -> bytearray:
    """A copy of the next day's spine value."""
    at = _LADDERS_AT + stream * _LADDER_BYTES + 4 + KEY_BYTES
    return body[at : at + KEY_BYTES]


def wipe(key) -> None:
    """Overwrite a bytearray with zeros; what MicroPython's own objects copied is out of reach."""
    for i in range(len(key)):
        key[i] = 0
