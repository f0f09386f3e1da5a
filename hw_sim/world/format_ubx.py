"""Drives as the frames of a u-blox receiver: UBX-NAV-PVT.

Source: u-blox interface descriptions (M8 UBX-13003221, M10 UBX-21035062), sections on frames, checksum and UBX-NAV-PVT;
84 bytes of payload up to protocol 14, 92 since. A fix counts with gnssFixOK, a fix type of 2D or better, and a date and a
time that are valid and fully resolved. Other frames, and NMEA or RTCM between them, are left out.
"""

import datetime as dt
import struct

from hw_sim.world.geo import Sample
from hw_sim.world.recording import Row, Tally

SYNC = b"\xb5\x62"
NAV_PVT = b"\x01\x07"
LENGTHS = (84, 92)
_PVT = struct.Struct("<4xHBBBBBB4xiBB2xii4xi")  # to hMSL
_RESOLVED = 0b111  # validDate, validTime, fullyResolved
_FIX_OK = 1
_FIXES = (2, 3, 4)  # 2D, 3D, GNSS with dead reckoning
_OVERHEAD_BYTES = 8


def checksum(body: bytes) -> bytes:
    """8-bit Fletcher over class, id, length and payload."""
    a = b = 0
    for byte in body:
        a = (a + byte) & 0xFF
        b = (b + a) & 0xFF
    return bytes((a, b))


def holds_positions(data: bytes) -> bool:
    """True if some bytes are the head of a NAV-PVT frame."""
    return any(SYNC + NAV_PVT + struct.pack("<H", length) in data for length in LENGTHS)


def rows(data: bytes, tally: Tally) -> list[Row]:
    """The fixes; damaged and unfinished NAV-PVT frames are counted."""
    found: list[Row] = []
    at = data.find(SYNC)
    while at >= 0:
        end = _frame_end(data, at)
        whole = end <= len(data) and checksum(data[at + 2 : end - 2]) == data[end - 2 : end]
        if data[at + 2 : at + 4] == NAV_PVT:
            if whole:
                _take(data[at + 6 : end - 2], f"byte {at}", tally, found)
            elif end > len(data):
                tally.unfinished += 1
            else:
                tally.damage(f"byte {at}")
        at = data.find(SYNC, end if whole else at + 2)
    return found


def _frame_end(data: bytes, at: int) -> int:
    """Offset behind the frame that begins at `at`, as its length says."""
    return at + _OVERHEAD_BYTES + int.from_bytes(data[at + 4 : at + 6], "little")


def _take(payload: bytes, where: str, tally: Tally, found: list[Row]) -> None:
    if len(payload) not in LENGTHS:
        tally.damage(where)
        return
    year, month, day, hour, minute, second, valid, nano, kind, flags, lon, lat, height = _PVT.unpack_from(payload)
    if not flags & _FIX_OK or kind not in _FIXES or valid & _RESOLVED != _RESOLVED:
        tally.without_fix += 1
        return
    try:
        when = dt.datetime(year, month, day, hour, minute, tzinfo=dt.UTC).timestamp()
    except ValueError:
        tally.damage(where)
        return
    t_s = round(when + second + nano * 1e-9, 3)
    found.append(Row(Sample(t_s, lat / 1e7, lon / 1e7, height / 1000), where))
