"""Plaintext of a `location` envelope with events of places (wire-format section 5); loaded only where a directive has places.

An entry is (time_s, place, event): Unix seconds at the beginning of a minute, the number of the place, 1 entered or 2 left.
They go in the order of these three [that within a minute is finer than a minute].
"""

from firmware.const import const
from firmware.errors import WireError
from firmware.wire import columns
from firmware.wire.batch import EPOCH_S, MAX_ENTRIES, check_time, unpack_padded
from firmware.wire.msgpack import pack

_NONE = const(6)  # precision: no position
_STEP_S = const(60)


def pack_places(entries: list, epoch: int) -> bytes:
    """Plaintext of 1 to 64 events in any order. WireError for anything out of range."""
    rows = sorted([(entry[0] - epoch * EPOCH_S,) + tuple(entry[1:]) for entry in entries])
    _check(rows)
    return pack([_NONE, len(rows)] + [columns.encode([row[i] for row in rows]) for i in range(3)])


def unpack_places(data, epoch: int) -> list:
    """The entries of what pack_places made, padded or not."""
    value = unpack_padded(data)
    if not isinstance(value, list) or len(value) != 5 or value[0] != _NONE:
        raise WireError("events of places have five entries")
    n = value[1]
    if not isinstance(n, int) or not 1 <= n <= MAX_ENTRIES:
        raise WireError("a batch has 1 to 64 events")
    decoded = [columns.decode(column, n) for column in value[2:]]
    rows = [tuple(column[i] for column in decoded) for i in range(n)]
    _check(rows)
    return [(row[0] + epoch * EPOCH_S,) + row[1:] for row in rows]


def _check(rows):
    """All rows of a batch, their times in seconds since the start of the epoch."""
    if not 1 <= len(rows) <= MAX_ENTRIES:
        raise WireError("a batch has 1 to 64 events")
    if sorted(rows) != rows:
        raise WireError("events that are not in order")
    for time_s, place, event in rows:
        check_time(time_s, _STEP_S)
        if not 1 <= place <= 255 or not 1 <= event <= 2:
            raise WireError("place or event out of range")
