"""Plaintext of the `environment` and `motion` envelopes (wire-format section 5).

An entry is (time_s, value, …) in the order of the wire: of `environment` the temperature in 0.1 °C and the class of
light, whichever its sensors have; of `motion` the bits of what happened. Its time is that of its step, in Unix seconds.
"""

from firmware.const import const
from firmware.errors import WireError
from firmware.wire import columns
from firmware.wire.batch import EPOCH_S, MAX_ENTRIES, check_time, unpack_padded
from firmware.wire.directive import LIGHT, TEMPERATURE, step_of  # noqa: F401 - the sensors take the step from here
from firmware.wire.msgpack import pack

_STEPS_S = const((60, 600, 3600))
_TEMPERATURE_DC = const((-550, 1500))  # least and most, of a TMP117
_LIGHT_CLASS = const((0, 72))
_MAX_LUX = const(262_143)  # the last of class 72
BEGAN, ENDED, SHOCK = 1, 2, 4  # bits of an entry of `motion`
_EVENTS = const((1, 7))
_RANGES = {
    TEMPERATURE: (_TEMPERATURE_DC,),
    LIGHT: (_LIGHT_CLASS,),
    TEMPERATURE | LIGHT: (_TEMPERATURE_DC, _LIGHT_CLASS),
}


def light_class(lux) -> int:
    """Class of an illuminance in lx, 0 to 72: four to each doubling."""
    lux = min(int(lux), _MAX_LUX)
    if lux < 1:
        return 0
    octave = 0
    while lux >> octave > 1:
        octave += 1
    return 1 + 4 * octave + (4 * lux >> octave & 3)


def pack_environment(sensors: int, step_s: int, entries: list, epoch: int) -> bytes:
    """Plaintext of 1 to 64 readings of the sensors whose bits are given. WireError for anything out of range."""
    return pack([sensors] + _body(step_s, entries, epoch, _ranges_of(sensors)))


def pack_motion(step_s: int, entries: list, epoch: int) -> bytes:
    """Plaintext of 1 to 64 steps in which something happened. WireError for anything out of range."""
    return pack(_body(step_s, entries, epoch, (_EVENTS,)))


def unpack_environment(data, epoch: int):
    """(sensors, step_s, entries) of what pack_environment made, padded or not."""
    value = unpack_padded(data)
    if not isinstance(value, list) or not value:
        raise WireError("an environment batch is an array")
    step_s, entries = _read(value[1:], epoch, _ranges_of(value[0]))
    return value[0], step_s, entries


def unpack_motion(data, epoch: int):
    """(step_s, entries) of what pack_motion made, padded or not."""
    return _read(unpack_padded(data), epoch, (_EVENTS,))


def _ranges_of(sensors):
    """(least, most) of each column."""
    if not isinstance(sensors, int) or sensors not in _RANGES:
        raise WireError("sensors of an environment batch are temperature, light or both")
    return _RANGES[sensors]


def _body(step_s, entries, epoch, ranges):
    """[step, n, time, value, …]."""
    start_s = epoch * EPOCH_S
    rows = [(entry[0] - start_s,) + tuple(entry[1:]) for entry in entries]
    _check(step_s, len(rows), rows, ranges)
    return [step_s, len(rows)] + [columns.encode([row[i] for row in rows]) for i in range(1 + len(ranges))]


def _read(body, epoch, ranges):
    """(step_s, entries) of such a body."""
    if not isinstance(body, list) or len(body) != 3 + len(ranges):
        raise WireError("a batch of readings has another number of fields")
    step_s, n = body[:2]
    if not isinstance(n, int) or not 1 <= n <= MAX_ENTRIES:
        raise WireError("a batch has 1 to 64 readings")
    decoded = [columns.decode(column, n) for column in body[2:]]
    rows = [tuple(column[i] for column in decoded) for i in range(n)]
    _check(step_s, n, rows, ranges)
    start_s = epoch * EPOCH_S
    return step_s, [(row[0] + start_s,) + row[1:] for row in rows]


def _check(step_s, n, rows, ranges):
    """All rows of a batch, their times in seconds since the start of the epoch."""
    if not isinstance(step_s, int) or step_s not in _STEPS_S:
        raise WireError("no such step")
    if not 1 <= n <= MAX_ENTRIES:
        raise WireError("a batch has 1 to 64 readings")
    before_s = None
    for row in rows:
        check_time(row[0], step_s)
        if before_s is not None and row[0] <= before_s:
            raise WireError("two readings of one step, or times that fall")
        before_s = row[0]
        _check_values(row, ranges)


def _check_values(row, ranges):
    if len(row) != 1 + len(ranges):
        raise WireError("a reading has one value for each sensor")
    for i in range(len(ranges)):
        least, most = ranges[i]
        if not isinstance(row[1 + i], int) or not least <= row[1 + i] <= most:
            raise WireError("reading out of range")
