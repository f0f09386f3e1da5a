"""The types of what devices have sensed, as readers get it; `cloud_sync.model` has them for all others."""

from __future__ import annotations

from dataclasses import dataclass

from cloud_sync.model.link import Motion, PlaceChange, Precision


@dataclass(frozen=True, slots=True)
class Fix:
    """One position with time and quality, as the device was permitted to tell it.

    For a cell, `lat` and `lon` are its centre. `quality` is a class: horizontal accuracy ≤ 2**quality metres.
    """

    time: int  # Unix seconds
    lat_e7: int
    lon_e7: int
    precision: Precision
    quality: int
    speed_dm_s: int | None = None  # 0.1 m/s
    course_deg: int | None = None

    @property
    def lat(self) -> float:
        """Latitude in degrees."""
        return self.lat_e7 / 1e7

    @property
    def lon(self) -> float:
        """Longitude in degrees."""
        return self.lon_e7 / 1e7


@dataclass(frozen=True, slots=True)
class PlaceEvent:
    """A device entered a place of the policy, or left it; None for what the purpose or the reader leaves out."""

    time: int  # Unix seconds at the start of the minute
    place: int | None  # its `id` in the policy
    event: PlaceChange | None
    name: str = ""  # in the policy in force; empty for a place that it no longer has

    @property
    def entered(self) -> bool:
        """It was entered."""
        return self.event is PlaceChange.ENTERED

    @property
    def left(self) -> bool:
        """It was left."""
        return self.event is PlaceChange.LEFT


@dataclass(frozen=True, slots=True)
class Aggregate:
    """The readings of one sensor in an interval, of which no single one left the device: temperature in 0.1 °C, light in lx."""

    time: int  # Unix seconds at the start of the interval
    span_s: int
    count: int
    least: int
    mean: int
    most: int


@dataclass(frozen=True, slots=True)
class Reading:
    """What the sensors of the surroundings said within one step; None for a sensor that sent nothing, or is not asked for.

    Light travels as a class; `light_lx` is the least of it, the next class begins a quarter higher at most. Where only sums of
    an interval left the device, the step is that interval, the value its mean, and `temperature` and `light` have the rest.
    """

    time: int  # Unix seconds at the start of the step
    step_s: int
    temperature_dc: int | None = None  # 0.1 °C
    light_lx: int | None = None
    temperature: Aggregate | None = None
    light: Aggregate | None = None

    @property
    def temperature_c(self) -> float | None:
        """Degrees Celsius."""
        return None if self.temperature_dc is None else self.temperature_dc / 10


@dataclass(frozen=True, slots=True)
class MotionEvent:
    """What happened within one step; in which order is not told."""

    time: int  # Unix seconds at the start of the step
    step_s: int
    events: Motion

    @property
    def began(self) -> bool:
        """Motion began."""
        return Motion.BEGAN in self.events

    @property
    def ended(self) -> bool:
        """Motion ended."""
        return Motion.ENDED in self.events

    @property
    def shock(self) -> bool:
        """There was a shock."""
        return Motion.SHOCK in self.events
