"""Plaintext of a `location` envelope (wire-format section 5).

An entry is what of a fix may be kept: (time_s, row, col, quality), or at precision 0 with speed and course
(time_s, row, col, quality, speed_dm_s, course_deg).
"""

from firmware.const import const
from firmware.errors import WireError
from firmware.wire import cells, columns
from firmware.wire.msgpack import pack, unpack_from

EPOCH_S = 86_400
MAX_ENTRIES = 64  # of any batch
_PADDING = const(0xC1)  # never used by MessagePack
SLACK_S = 60  # a capture may lie this far outside its epoch (wire-format section 6)
_EARLIEST_S = -SLACK_S
_LATEST_S = EPOCH_S + SLACK_S - 1
_MAX_SPEED_DM_S = const(10_000)
_MAX_COURSE_DEG = const(359)


def entry_of(fix: tuple, precision: int, side: bool) -> tuple:
    """Entry of a firmware fix; speed and course are in it if `side`, the precision is exact, and both are known."""
    time_s, lat_e7, lon_e7, h_acc_mm, speed_mm_s, course_e5 = fix[:6]
    row, col = cells.cell_of(lat_e7, lon_e7, precision)
    time_s -= time_s % cells.TIME_STEP_S[precision]
    entry = (time_s, row, col, cells.quality_of(h_acc_mm, precision))
    if side and precision == cells.EXACT and speed_mm_s >= 0 and course_e5 >= 0:
        return entry + (speed_mm_s // 100, course_e5 // 100_000)
    return entry


def pack_location(precision: int, entries: list, epoch: int) -> bytes:
    """Plaintext of 1 to 64 entries; speed and course go if every entry has them. WireError if one is out of range."""
    start_s = epoch * EPOCH_S
    side = all(len(entry) == 6 for entry in entries)
    rows = [(entry[0] - start_s,) + tuple(entry[1 : 6 if side else 4]) for entry in entries]
    if not 1 <= len(rows) <= MAX_ENTRIES:
        raise WireError("a batch has 1 to 64 fixes")
    for row in rows:
        _check(row, precision)
    encoded = [columns.encode([row[i] for row in rows]) for i in range(len(rows[0]))]
    return pack([precision, len(rows)] + encoded)


def unpack_location(data, epoch: int):
    """(precision, entries) of what pack_location made, padded or not."""
    value = unpack_padded(data)
    if not isinstance(value, list) or len(value) not in (6, 8):
        raise WireError("a location batch has 6 or 8 entries")
    precision, n = value[:2]
    if not isinstance(precision, int) or not isinstance(n, int) or not 1 <= n <= MAX_ENTRIES:
        raise WireError("a batch has 1 to 64 fixes")
    decoded = [columns.decode(column, n) for column in value[2:]]
    rows = [tuple(column[i] for column in decoded) for i in range(n)]
    for row in rows:
        _check(row, precision)
    start_s = epoch * EPOCH_S
    return precision, [(row[0] + start_s,) + row[1:] for row in rows]


def pad(plaintext: bytes, size: int) -> bytes:
    """Plaintext padded to `size` bytes (unchanged when longer), so that its length tells less."""
    return plaintext + bytes((_PADDING,)) * (size - len(plaintext))


def unpack_padded(data):
    """The value of a plaintext, with any padding behind it; another trailing byte raises WireError."""
    value, end = unpack_from(data, 0)
    if any(byte != _PADDING for byte in data[end:]):
        raise WireError("bytes after the value that are no padding")
    return value


def check_time(time_s: int, step_s: int) -> None:
    """WireError unless a time since the start of the epoch lies in it, or close by, and is a multiple of the step."""
    if not _EARLIEST_S // step_s * step_s <= time_s <= _LATEST_S:
        raise WireError("time lies outside the epoch")
    if time_s % step_s:
        raise WireError("time is finer than permitted")


def _check(row, precision):
    """One row of a batch, its time in seconds since the start of the epoch."""
    if not cells.EXACT <= precision <= cells.REGION:
        raise WireError("precision is never on the wire")
    step_s = cells.TIME_STEP_S[precision]
    time_s, cell_row, cell_col, quality = row[:4]
    check_time(time_s, step_s)
    cells.check_cell(cell_row, cell_col, precision)
    if not cells.LEAST_QUALITY[precision] <= quality <= 15:
        raise WireError("quality out of range for the precision")
    if len(row) == 6:
        _check_side(row[4], row[5], precision)


def _check_side(speed_dm_s, course_deg, precision):
    if precision != cells.EXACT:
        raise WireError("a cell carries no speed and no course")
    if not 0 <= speed_dm_s <= _MAX_SPEED_DM_S or not 0 <= course_deg <= _MAX_COURSE_DEG:
        raise WireError("speed or course out of range")
