"""Plaintext of an `environment` envelope with sums of intervals (wire-format section 5); loaded only where a directive has
`aggregate`.

An entry is (time_s, count, least, mean, most), with both sensors those of the temperature before those of the light:
Unix seconds at the beginning of the interval, 0.1 °C and classes of light.
"""

from firmware.const import const
from firmware.errors import WireError
from firmware.wire import columns
from firmware.wire.batch import EPOCH_S, MAX_ENTRIES, unpack_padded
from firmware.wire.directive import LIGHT, TEMPERATURE
from firmware.wire.msgpack import pack

_SUMS = const(128)  # added to the sensors
_MAX_COUNT = const(1440)  # one reading a minute, for a day
_LEAST_SPAN_S = const(600)


def pack_aggregates(sensors: int, span_s: int, entries: list, epoch: int) -> bytes:
    """Plaintext of 1 to 64 intervals of the sensors whose bits are given. WireError for anything out of range."""
    rows = [(entry[0] - epoch * EPOCH_S,) + tuple(entry[1:]) for entry in entries]
    _check(sensors, span_s, rows)
    encoded = [columns.encode([row[i] for row in rows]) for i in range(len(rows[0]))]
    return pack([_SUMS + sensors, span_s, len(rows)] + encoded)


def unpack_aggregates(data, epoch: int):
    """(sensors, span_s, entries) of what pack_aggregates made, padded or not."""
    value = unpack_padded(data)
    if not isinstance(value, list) or len(value) not in (8, 12) or any(not isinstance(part, int) for part in value[:3]):
        raise WireError("sums of intervals have eight or twelve entries")
    sensors, span_s, n = value[:3]
    if not 1 <= n <= MAX_ENTRIES:
        raise WireError("a batch has 1 to 64 intervals")
    decoded = [columns.decode(column, n) for column in value[3:]]
    rows = [tuple(column[i] for column in decoded) for i in range(n)]
    _check(sensors - _SUMS, span_s, rows)
    return sensors - _SUMS, span_s, [(row[0] + epoch * EPOCH_S,) + row[1:] for row in rows]


def _check(sensors, span_s, rows):
    """All rows of a batch, their times in seconds since the start of the epoch."""
    ranges: tuple = ((-550, 1500),) if sensors == TEMPERATURE else ((0, 72),)  # as in `firmware.wire.readings`
    if sensors == TEMPERATURE | LIGHT:
        ranges = ((-550, 1500), (0, 72))
    elif sensors not in (TEMPERATURE, LIGHT):
        raise WireError("sums are of temperature, light or both")
    if not _LEAST_SPAN_S <= span_s <= EPOCH_S or EPOCH_S % span_s:
        raise WireError("no such interval")
    if not 1 <= len(rows) <= MAX_ENTRIES:
        raise WireError("a batch has 1 to 64 intervals")
    before_s = None
    for row in rows:
        if not 0 <= row[0] < EPOCH_S or row[0] % span_s:
            raise WireError("no interval of the epoch begins then")
        if before_s is not None and row[0] <= before_s:
            raise WireError("two sums of one interval, or times that fall")
        before_s = row[0]
        if len(row) != 1 + 4 * len(ranges):
            raise WireError("a sum has four values for each sensor")
        for i, (low, high) in enumerate(ranges):
            count, least, mean, most = row[1 + 4 * i : 5 + 4 * i]
            if not 1 <= count <= _MAX_COUNT or not low <= least <= mean <= most <= high:
                raise WireError("sum out of range")
