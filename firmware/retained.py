"""What lies in retained memory over a deep sleep: how far each ladder was used, so that a wake skips no numbers.

Loaded at the two ends of a sleep. Record version, sequence of the record in flash that it belongs to, downlinks refused; then
for each stream its number and chain, 0xFF throughout for one that was not used; CRC-32 of it all.
"""

import struct
from binascii import crc32

from firmware.const import const

_VERSION = const(1)
_HEAD = const(">BII")
_HEAD_BYTES = const(9)
_LADDER_BYTES = const(36)
_BYTES = const(_HEAD_BYTES + 5 * _LADDER_BYTES + 4)


def pack(sequence: int, refused: int, working: list) -> bytes:
    """`working`: for each stream [next number, its chain], or None."""
    data = bytearray(struct.pack(_HEAD, _VERSION, sequence, refused))
    for used in working:
        data.extend(struct.pack(">I", used[0]) + used[1] if used else b"\xff" * _LADDER_BYTES)
    return bytes(data) + struct.pack(">I", crc32(data))


def take(board):
    """A copy of board.retained(), which is overwritten; None if it cannot be. After a wake from a deep sleep alone."""
    # 1. Copy, 2. overwrite in full, 3. see that it is gone, 4. only then use [trusting the reset cause alone reused
    # keys].
    data = bytearray(board.retained())
    board.retain(bytes(len(data)))
    return None if any(board.retained()) else data


def unpack(data: bytearray, sequence: int):
    """(refused, [[number, chain] for each stream]); None if it is none, or belongs to another record in flash."""
    end = _BYTES - 4
    if len(data) < _BYTES or crc32(data[:end]).to_bytes(4, "big") != data[end:_BYTES]:
        return None
    # 5. It belongs to the record in flash [an older export, left by a wake that never read it].
    version, of_record, refused = struct.unpack_from(_HEAD, data)
    if version != _VERSION or of_record != sequence:
        return None
    starts = [_HEAD_BYTES + stream * _LADDER_BYTES for stream in range(5)]
    return refused, [[int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + _LADDER_BYTES]] for at in starts]
