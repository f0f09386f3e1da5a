"""What ingest must know of an opened envelope: when it was captured, how fine it is, which sensors it tells of.

On the hot path a location batch is decoded no further than that: precision, number of fixes, times. The envelope is
authentic by then; the reader decodes all of it, strictly, before anybody sees a fix (`cloud_sync.wire.batch`). Batches of
the other sensors, one or two a device and hour, are decoded in full.
"""

from __future__ import annotations

from typing import NamedTuple

from cloud_sync.errors import WireFormatError
from cloud_sync.model import EPOCH_SECONDS, Header, HealAnswer, Precision, Sensor, StatusReport, Stream
from cloud_sync.wire import codec, columns
from cloud_sync.wire.aggregates import AggregateBatch
from cloud_sync.wire.batch import MOST_FIXES, PLACES_ENTRIES, SLACK_S, TIME_STEP_S, PlacesBatch, decode_location
from cloud_sync.wire.named import maker
from cloud_sync.wire.readings import decode_environment, decode_motion
from cloud_sync.wire.status import read_status

_PRECISIONS = {int(precision): precision for precision in Precision if precision <= Precision.REGION}
_LATEST_S = EPOCH_SECONDS + SLACK_S - 1
_EARLIEST_S = {precision: -SLACK_S // TIME_STEP_S[precision] * TIME_STEP_S[precision] for precision in _PRECISIONS}


class Sums(NamedTuple):
    """What a batch of sums of intervals tells of."""

    sensors: Sensor
    span_s: int


class Visits(NamedTuple):
    """What a batch of events of places tells of."""

    places: frozenset[int]


#: What a permission limits in a batch: how fine its positions are, or which sensors' readings, sums or places it holds.
Told = Precision | Sensor | Sums | Visits


class Contents(NamedTuple):
    """Facts of one opened envelope, times in Unix seconds; `told` is None for a status, `status` for all else.

    A `HealAnswer` stands where a report would; `cloud_sync.ingest.healing` takes it from here.
    """

    oldest_capture: float
    newest_capture: float
    told: Told | None
    status: StatusReport | HealAnswer | None


_CONTENTS = maker(Contents)


def screen(header: Header, plaintext: bytes) -> Contents:
    """Decode as far as ingest needs; WireFormatError for what breaks the format, captures outside the epoch included."""
    if header.stream == Stream.LOCATION:
        return _location(header.epoch, plaintext)
    if header.stream == Stream.STATUS:
        report = read_status(plaintext, header.epoch)
        told_at = None if isinstance(report, HealAnswer) else report.time
        time = float(told_at or header.epoch * EPOCH_SECONDS)
        return Contents(time, time, None, report)
    if header.stream == Stream.ENVIRONMENT:
        readings = decode_environment(plaintext, header.epoch)
        summed = isinstance(readings, AggregateBatch)
        told = Sums(readings.sensors, readings.step_s) if summed else readings.sensors
        return Contents(float(readings.times[0]), float(readings.times[-1]), told, None)
    if header.stream == Stream.MOTION:
        motion = decode_motion(plaintext, header.epoch)
        return Contents(float(motion.times[0]), float(motion.times[-1]), Sensor.MOTION, None)
    raise WireFormatError("a stream without an uplink")


def _location(epoch: int, plaintext: bytes) -> Contents:
    try:
        value = codec.parse(plaintext)
    except WireFormatError:
        value = codec.unpack_padded(plaintext)
    if type(value) is list and len(value) == PLACES_ENTRIES:
        return _visits(epoch, plaintext)
    if type(value) is not list or len(value) not in (6, 8):
        raise WireFormatError("a location batch has six or eight entries")
    precision, n, times = value[:3]
    if type(precision) is not int or type(n) is not int or not 1 <= n <= MOST_FIXES or precision not in _PRECISIONS:
        raise WireFormatError("no such precision, or no such number of fixes")
    if len(value) == 8 and precision:
        raise WireFormatError("speed and course go with precision exact only")
    oldest, newest = columns.extent(times, n)
    if oldest < _EARLIEST_S[precision] or newest > _LATEST_S:
        raise WireFormatError("a capture outside its epoch")
    start = epoch * EPOCH_SECONDS
    return _CONTENTS((float(start + oldest), start + newest, _PRECISIONS[precision], None))


def _visits(epoch: int, plaintext: bytes) -> Contents:
    batch = decode_location(plaintext, epoch)
    if not isinstance(batch, PlacesBatch):
        raise WireFormatError("a location batch is of positions or of events of places")
    return Contents(float(batch.times[0]), float(batch.times[-1]), Visits(frozenset(batch.places)), None)
