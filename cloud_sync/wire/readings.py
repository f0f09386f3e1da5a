"""Batches of `environment` and `motion`: docs/wire-format.md, section 5."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple

from cloud_sync.errors import WireFormatError
from cloud_sync.model import EPOCH_SECONDS, Motion, MotionEvent, Reading, Sensor
from cloud_sync.wire import codec, columns
from cloud_sync.wire.aggregates import OF_A_SENSOR, RANGES, SUMS, AggregateBatch, decode_aggregates, pack_aggregates
from cloud_sync.wire.batch import SLACK_S
from cloud_sync.wire.fields import array, whole, within
from cloud_sync.wire.light import least_lux, light_class

MOST_READINGS: Final = 64  # a directive's largest batch
STEPS_S: Final = (60, 600, 3600)
#: Which sensors' columns a batch may hold; a tuple keeps the order of the wire.
COLUMNS: Final = {
    int(Sensor.TEMPERATURE): (Sensor.TEMPERATURE,),
    int(Sensor.LIGHT): (Sensor.LIGHT,),
    int(Sensor.TEMPERATURE | Sensor.LIGHT): (Sensor.TEMPERATURE, Sensor.LIGHT),
}
MOST_EVENTS: Final = 7


class EnvironmentBatch(NamedTuple):
    """A checked batch, column by column. Times are Unix seconds; a column is None where its sensor sent none."""

    sensors: Sensor
    step_s: int
    times: list[int]
    temperatures_dc: list[int] | None
    lights: list[int] | None  # classes

    def readings(self) -> list[Reading]:
        """One record a step; of a class of light only its least value is ever derived."""
        nothing: list[None] = [None] * len(self.times)
        lights_lx = [least_lux(light) for light in self.lights] if self.lights is not None else nothing
        rows = zip(self.times, self.temperatures_dc or nothing, lights_lx, strict=True)
        return [Reading(time, self.step_s, temperature, light) for time, temperature, light in rows]


class MotionBatch(NamedTuple):
    """A checked batch, column by column. Times are Unix seconds, `events` bits of `model.Motion`."""

    step_s: int
    times: list[int]
    events: list[int]

    def motions(self) -> list[MotionEvent]:
        """One record for each step in which something happened."""
        return [
            MotionEvent(time, self.step_s, Motion(bits)) for time, bits in zip(self.times, self.events, strict=True)
        ]


def decode_environment(plaintext: bytes, epoch: int) -> EnvironmentBatch | AggregateBatch:
    """Every check of section 5 on an environment plaintext that was sealed in `epoch`; WireFormatError if one fails."""
    value = array(codec.unpack_padded(plaintext), 5, 4 + 2 * OF_A_SENSOR, "an environment batch")
    sensors = whole(value[0], 0, SUMS + max(COLUMNS), "sensors")
    if sensors > SUMS and (summed := COLUMNS.get(sensors - SUMS)) is not None:
        return decode_aggregates(value, summed, epoch)
    order = COLUMNS.get(sensors)
    if order is None or len(value) != 4 + len(order):
        raise WireFormatError("sensors are not those of the columns that follow")
    step_s, times, data = _columns(value[1:], epoch)
    found: dict[Sensor, list[int]] = dict(zip(order, data, strict=True))
    for sensor, values in found.items():
        within(values, *RANGES[sensor])
    return EnvironmentBatch(Sensor(value[0]), step_s, times, found.get(Sensor.TEMPERATURE), found.get(Sensor.LIGHT))


def decode_motion(plaintext: bytes, epoch: int) -> MotionBatch:
    """Every check of section 5 on a motion plaintext that was sealed in `epoch`; WireFormatError if one fails."""
    value = array(codec.unpack_padded(plaintext), 4, 4, "a motion batch")
    step_s, times, [events] = _columns(value, epoch)
    within(events, 1, MOST_EVENTS, "events")
    return MotionBatch(step_s, times, events)


def unpack_environment(plaintext: bytes, epoch: int) -> list[Reading]:
    """The readings of an environment plaintext; WireFormatError if it breaks a rule of section 5."""
    return decode_environment(plaintext, epoch).readings()


def unpack_motion(plaintext: bytes, epoch: int) -> list[MotionEvent]:
    """The events of a motion plaintext; WireFormatError if it breaks a rule of section 5."""
    return decode_motion(plaintext, epoch).motions()


def pack_environment(sensors: int, step_s: int, readings: Sequence[Reading], epoch: int) -> bytes:
    """Seal-ready plaintext of 1 to 64 readings, times rounded down to `step_s`, for load generation and tests.

    Only the columns of `sensors` travel, whatever else the readings hold; each reading must have their values.
    """
    order = _order(sensors)
    lights = [None if reading.light_lx is None else light_class(reading.light_lx) for reading in readings]
    known = {Sensor.TEMPERATURE: [reading.temperature_dc for reading in readings], Sensor.LIGHT: lights}
    data: list[list[int]] = []
    for sensor in order:
        values = [value for value in known[sensor] if value is not None]
        if len(values) != len(readings):
            raise WireFormatError(f"a reading has no {RANGES[sensor][2]}")
        data.append(values)
    plaintext = _pack([int(sensors)], step_s, [reading.time for reading in readings], data, epoch)
    decode_environment(plaintext, epoch)
    return plaintext


def pack_sums(sensors: int, span_s: int, readings: Sequence[Reading], epoch: int) -> bytes:
    """Seal-ready plaintext of 1 to 64 intervals of `span_s`; each reading must have an `Aggregate` for each of the sensors."""
    return pack_aggregates(_order(sensors), span_s, readings, epoch)


def _order(sensors: int) -> tuple[Sensor, ...]:
    order = COLUMNS.get(sensors)
    if order is None:
        raise WireFormatError("no such sensors of an environment batch")
    return order


def pack_motion(step_s: int, motions: Sequence[MotionEvent], epoch: int) -> bytes:
    """Seal-ready plaintext of 1 to 64 steps with events, for load generation and tests."""
    events = [int(motion.events) for motion in motions]
    plaintext = _pack([], step_s, [motion.time for motion in motions], [events], epoch)
    decode_motion(plaintext, epoch)
    return plaintext


def earliest_s(step_s: int) -> int:
    """The first step that a batch may begin with, in seconds since the start of its epoch."""
    return -SLACK_S // step_s * step_s


def _columns(value: list[Any], epoch: int) -> tuple[int, list[int], list[list[int]]]:
    """Step, times and the other columns of `[step, n, time, …]`."""
    step_s = whole(value[0], STEPS_S[0], STEPS_S[-1], "step")
    if step_s not in STEPS_S:
        raise WireFormatError("no such step")
    n = whole(value[1], 1, MOST_READINGS, "n")
    times, *data = (columns.decode(column, n) for column in value[2:])
    within(times, earliest_s(step_s), EPOCH_SECONDS + SLACK_S - 1, "time")
    if any(time % step_s for time in times):
        raise WireFormatError("a time is finer than the step")
    if any(after <= before for before, after in pairwise(times)):
        raise WireFormatError("times do not increase: one reading a step at most")
    start = epoch * EPOCH_SECONDS
    return step_s, [start + time for time in times], data


def _pack(head: list[int], step_s: int, times: Sequence[int], data: list[list[int]], epoch: int) -> bytes:
    if step_s not in STEPS_S:
        raise WireFormatError("no such step")
    array(list(times), 1, MOST_READINGS, "readings")
    start = epoch * EPOCH_SECONDS
    stepped = [(time - start) // step_s * step_s for time in times]
    return codec.pack([*head, step_s, len(times), *(columns.encode(column) for column in (stepped, *data))])
