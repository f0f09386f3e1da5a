"""Sums of intervals in `environment`: docs/wire-format.md, section 5."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final, NamedTuple

from cloud_sync.errors import WireFormatError
from cloud_sync.model import EPOCH_SECONDS, Aggregate, Reading, Sensor
from cloud_sync.wire import codec, columns
from cloud_sync.wire.fields import array, whole, within
from cloud_sync.wire.light import MOST_LIGHT, least_lux, light_class

SUMS: Final = 128  # added to the sensors
MOST_INTERVALS: Final = 64
LEAST_SPAN_S: Final = 600
MOST_COUNT: Final = 1440  # one reading a minute, for a day
OF_A_SENSOR: Final = 4  # count, least, mean, most
RANGES: Final = {Sensor.TEMPERATURE: (-550, 1500, "temperature"), Sensor.LIGHT: (0, MOST_LIGHT, "light")}  # TMP117


class AggregateBatch(NamedTuple):
    """A checked batch: by sensor the columns count, least, mean and most, of light as classes. Times are Unix seconds."""

    sensors: Sensor
    step_s: int
    times: list[int]
    sums: dict[Sensor, list[list[int]]]

    def readings(self) -> list[Reading]:
        """One record an interval; of a class of light only its least value is ever derived."""
        warm = self._aggregates(Sensor.TEMPERATURE)
        lit = self._aggregates(Sensor.LIGHT)
        rows = zip(self.times, warm, lit, strict=True)
        return [
            Reading(time, self.step_s, t.mean if t else None, light.mean if light else None, t, light)
            for time, t, light in rows
        ]

    def _aggregates(self, sensor: Sensor) -> list[Aggregate] | list[None]:
        parts = self.sums.get(sensor)
        if parts is None:
            return [None] * len(self.times)
        counts, *values = parts
        if sensor is Sensor.LIGHT:
            values = [[least_lux(light) for light in column] for column in values]
        rows = zip(self.times, counts, *values, strict=True)
        return [Aggregate(time, self.step_s, *row) for time, *row in rows]


def decode_aggregates(value: list[Any], order: Sequence[Sensor], epoch: int) -> AggregateBatch:
    """Every check of section 5 on a batch of sums that was sealed in `epoch`; `order` are its sensors in the wire's order."""
    array(value, 4 + OF_A_SENSOR * len(order), 4 + OF_A_SENSOR * len(order), "a batch of sums")
    span_s = whole(value[1], LEAST_SPAN_S, EPOCH_SECONDS, "span")
    if EPOCH_SECONDS % span_s:
        raise WireFormatError("an interval does not divide the day")
    n = whole(value[2], 1, MOST_INTERVALS, "n")
    times, *data = (columns.decode(column, n) for column in value[3:])
    within(times, 0, EPOCH_SECONDS - 1, "time")
    if any(time % span_s for time in times) or any(after <= before for before, after in pairwise(times)):
        raise WireFormatError("times are not the beginnings of intervals, one entry each")
    sums = {sensor: data[OF_A_SENSOR * i : OF_A_SENSOR * (i + 1)] for i, sensor in enumerate(order)}
    for sensor, (counts, leasts, means, mosts) in sums.items():
        within(counts, 1, MOST_COUNT, "count")
        within([*leasts, *mosts], *RANGES[sensor])
        if any(not least <= mean <= most for least, mean, most in zip(leasts, means, mosts, strict=True)):
            raise WireFormatError("a mean lies outside its least and most")
    start = epoch * EPOCH_SECONDS
    return AggregateBatch(Sensor(value[0] - SUMS), span_s, [start + time for time in times], sums)


def pack_aggregates(order: Sequence[Sensor], span_s: int, readings: Sequence[Reading], epoch: int) -> bytes:
    """Seal-ready plaintext of 1 to 64 readings with an `Aggregate` for each sensor, for load generation and tests."""
    array(list(readings), 1, MOST_INTERVALS, "readings")
    data = [[reading.time - epoch * EPOCH_SECONDS for reading in readings]]
    for sensor in order:
        sums = [reading.light if sensor is Sensor.LIGHT else reading.temperature for reading in readings]
        known = [part for part in sums if part is not None]
        if len(known) != len(readings):
            raise WireFormatError(f"a reading has no sum of {RANGES[sensor][2]}")
        data.append([part.count for part in known])
        values = [[part.least, part.mean, part.most] for part in known]
        if sensor is Sensor.LIGHT:
            values = [[light_class(lux) for lux in row] for row in values]
        data += [list(column) for column in zip(*values, strict=True)]
    value: list[Any] = [SUMS + sum(order), span_s, len(readings), *(columns.encode(column) for column in data)]
    plaintext = codec.pack(value)
    decode_aggregates(value, order, epoch)
    return plaintext
