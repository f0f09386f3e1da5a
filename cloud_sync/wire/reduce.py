"""What is left of a day's batches when they may tell less: coarser positions, fewer fields (docs/wire-format.md section 5).

Positions become what a device would have sent at that precision: cells, times at the starts of steps, one fix a time step
[their number and order would tell the time within it], no speed and course. Fixes of many envelopes are packed together, so that
neither the number of envelopes nor their borders tell when there were how many.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Final

from cloud_sync.model import Fix, Precision, Sensor, Stream
from cloud_sync.wire import codec
from cloud_sync.wire.aggregates import OF_A_SENSOR, AggregateBatch
from cloud_sync.wire.batch import MOST_FIXES, TIME_STEP_S, WORST_QUALITY, PlacesBatch, decode_location, pack_location
from cloud_sync.wire.pieces import MOST_PLAINTEXT_BYTES, Piece
from cloud_sync.wire.readings import COLUMNS, decode_environment, decode_motion

_SIDE: Final = frozenset({"speed", "course"})
_PLACES: Final = frozenset({"place", "event"})
_POSITION: Final = frozenset({"lat", "lon"})
_SENSORS: Final = {"temperature": Sensor.TEMPERATURE, "light": Sensor.LIGHT}


def reduce(
    stream: int, plaintexts: Iterable[bytes], epoch: int, precision: Precision, fields: frozenset[str]
) -> list[Piece]:
    """What may stay of the batches of one stream and epoch, each within an envelope's size.

    WireFormatError if one breaks the format; what has nothing that may stay is left out.
    """
    if stream == Stream.LOCATION:
        return list(_location(plaintexts, epoch, precision, fields))
    if stream == Stream.ENVIRONMENT:
        return [piece for each in plaintexts for piece in _environment(each, epoch, fields)]
    if stream == Stream.MOTION:
        return [Piece(float(min(decode_motion(each, epoch).times)), each) for each in plaintexts if "motion" in fields]
    return []


def _location(plaintexts: Iterable[bytes], epoch: int, precision: Precision, fields: frozenset[str]) -> Iterator[Piece]:
    fixes: list[Fix] = []
    for plaintext in plaintexts:
        batch = decode_location(plaintext, epoch)
        if isinstance(batch, PlacesBatch):
            if fields >= _PLACES:
                yield Piece(float(min(batch.times)), plaintext)
        elif fields >= _POSITION and precision <= Precision.REGION:  # what is coarser has no cells
            fixes += batch.fixes()
    if not fields >= _SIDE or precision > Precision.EXACT:
        fixes = [replace(fix, speed_dm_s=None, course_deg=None) for fix in fixes]
    if "quality" not in fields:
        fixes = [replace(fix, quality=WORST_QUALITY) for fix in fixes]
    groups: dict[tuple[Precision, bool], list[Fix]] = defaultdict(list)
    for fix in _one_a_step(fixes, precision):
        # Side fields go with a batch only if each of its fixes has them.
        groups[max(fix.precision, precision), fix.speed_dm_s is not None].append(fix)
    for (each, _), members in sorted(groups.items()):
        for first in range(0, len(members), MOST_FIXES):
            yield from _packed(each, members[first : first + MOST_FIXES], epoch)


def _one_a_step(fixes: Iterable[Fix], precision: Precision) -> list[Fix]:
    """In order of time; of fixes that become coarser the first of each step."""
    found: list[Fix] = []
    seen: set[int] = set()
    for fix in sorted(fixes, key=lambda each: each.time):
        step = fix.time // TIME_STEP_S[precision]
        if fix.precision < precision:
            if step in seen:
                continue
            seen.add(step)
        found.append(fix)
    return found


def _packed(precision: Precision, fixes: Sequence[Fix], epoch: int) -> Iterator[Piece]:
    plaintext = pack_location(precision, fixes, epoch)
    if len(plaintext) <= MOST_PLAINTEXT_BYTES or len(fixes) == 1:
        step_s = TIME_STEP_S[precision]
        yield Piece(float(min(fix.time for fix in fixes) // step_s * step_s), plaintext)
        return
    half = len(fixes) // 2
    yield from _packed(precision, fixes[:half], epoch)
    yield from _packed(precision, fixes[half:], epoch)


def _environment(plaintext: bytes, epoch: int, fields: frozenset[str]) -> Iterator[Piece]:
    """The batch without the columns of sensors whose field is not among those that may stay."""
    batch = decode_environment(plaintext, epoch)
    stays = Sensor(0)
    for field in fields & _SENSORS.keys():
        stays |= _SENSORS[field] & batch.sensors
    oldest = float(min(batch.times))
    if stays == batch.sensors:
        yield Piece(oldest, plaintext)
    elif stays:
        value: list[Any] = codec.unpack_padded(plaintext)
        width = OF_A_SENSOR if isinstance(batch, AggregateBatch) else 1
        order = COLUMNS[int(batch.sensors)]
        chosen = [value[4 + order.index(each) * width :][:width] for each in order if each in stays]
        head = [value[0] - int(batch.sensors) + int(stays), *value[1:4]]
        yield Piece(oldest, codec.pack([*head, *(column for part in chosen for column in part)]))
