"""How much a device sends under a policy, by stream: from the settings of its directive and from measured bytes.

Estimates for the EU Data Act, Art. 3(2)(a): of a device that is on, permitted everything and always moving. Thinning, private
zones, quiet hours and rest make it less; what is repeated over a bad link makes it more.
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import Final

from cloud_sync.model import LocationField, Precision, Sensor, Stream
from cloud_sync.policy import Policy
from cloud_sync.wire.batch import TIME_STEP_S

DAY_S: Final = 86_400
HOUR_S: Final = 3_600
#: Readings of the other sensors are a step of this at least apart [wire format section 5].
STEP_S: Final = 60


@dataclass(frozen=True, slots=True)
class Volume:
    """What one stream sends at most, as MQTT packets."""

    stream: Stream
    every_s: int  # between two readings; 0 for a stream of events
    least_s: int  # between two of either
    readings_day: int
    envelopes_day: int
    bytes_hour: int
    bytes_day: int


@dataclass(frozen=True, slots=True)
class Measured:
    """Bytes of an envelope with one reading, and of each further one."""

    envelope: int
    reading: float

    def of(self, readings: int) -> float:
        """Bytes of an envelope with so many."""
        return self.envelope + (readings - 1) * self.reading


@cache
def measured() -> Mapping[str, Measured]:
    """The figures of wire_bytes.toml, by stream and kind."""
    found = {name: each for name, each in _figures().items() if isinstance(each, dict)}
    return MappingProxyType(
        {name: Measured(each["envelope"], each.get("reading_tenths", 0) / 10) for name, each in found.items()}
    )


@cache
def _figures() -> Mapping[str, dict[str, int] | int]:
    text = resources.files(__package__).joinpath("wire_bytes.toml").read_text("utf-8")
    return MappingProxyType(tomllib.loads(text))


def volumes(policy: Policy) -> tuple[Volume, ...]:
    """The volume of every stream that some rule of the policy feeds, in the order of the streams."""
    streams = sorted({rule.stream for rule in policy.rules if rule.stream is not None})
    return tuple(_volume(policy, stream) for stream in streams)


def _volume(policy: Policy, stream: Stream) -> Volume:
    every_s, kind = _pace(policy, stream), measured()[_kind(policy, stream)]
    device = policy.device
    in_batch = 1 if stream is Stream.STATUS else min(device.batch, max(1, device.batch_age_s // every_s))
    readings = DAY_S // every_s
    envelopes = math.ceil(readings / in_batch)
    size = kind.of(in_batch)
    if device.padded_bytes and stream is not Stream.STATUS:
        size = max(size, device.padded_bytes + _around())
    events = stream is Stream.MOTION or _kind(policy, stream) == "location.places"
    return Volume(
        stream=stream,
        every_s=0 if events else every_s,
        least_s=every_s,
        readings_day=readings,
        envelopes_day=envelopes,
        bytes_hour=math.ceil(HOUR_S / every_s / in_batch * size),
        bytes_day=math.ceil(envelopes * size),
    )


def _around() -> int:
    around = _figures()["around"]
    return around if isinstance(around, int) else 0


def finest(policy: Policy) -> Precision:
    """The finest position that any rule of the stream `location` asks a device for."""
    rules = policy.rules_of_stream(Stream.LOCATION)
    return min((rule.precision for rule in rules if rule.has_position), default=Precision.NONE)


def _pace(policy: Policy, stream: Stream) -> int:
    """Seconds between two readings at least."""
    device, precision = policy.device, finest(policy)
    step_s = TIME_STEP_S[precision] if precision <= Precision.REGION else STEP_S
    if stream is Stream.STATUS:
        return device.heartbeat_s
    if stream is Stream.LOCATION:
        return max(device.interval_s, step_s)
    if stream is Stream.ENVIRONMENT and device.aggregate_s:
        return max(device.aggregate_s, STEP_S, step_s)
    return max(device.interval_s, STEP_S, step_s)


def _kind(policy: Policy, stream: Stream) -> str:
    """Which of the measured figures is that of a stream under this policy."""
    rules = policy.rules_of_stream(stream)
    if stream is Stream.LOCATION:
        precision = finest(policy)
        if precision > Precision.REGION:  # a country is of no receiver, and events of places go without positions
            return "location.places"
        side = any(rule.side_fields is not LocationField(0) for rule in rules)
        return "location.exact_speed_course" if side else f"location.{precision.name.lower()}"
    if stream is Stream.ENVIRONMENT:
        sensors = {sensor for rule in rules for sensor in rule.sensors}
        names = {Sensor.TEMPERATURE: "temperature", Sensor.LIGHT: "light"}
        name = "both" if sensors >= names.keys() else next(names[each] for each in names if each in sensors)
        return f"environment.{name}{'_sums' if policy.device.aggregate_s else ''}"
    return stream.name.lower()
