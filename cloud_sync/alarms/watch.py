"""What is watched: five kinds, each a small state machine over one device's readings in the order of capture. Pure.

A level has hysteresis: it changes where a reading is beyond the bound, and changes back only where one is clearly within [a van
that is parked on the edge of its zone, a fridge at its bound: an alarm a minute].
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Final, NamedTuple, Protocol

from cloud_sync.errors import ConfigError
from cloud_sync.model import Fix, MotionEvent, PlaceEvent, Precision, Reading
from cloud_sync.model.alarms import AlarmKind
from cloud_sync.read.sources import ENVIRONMENT, LOCATION, MOTION, PLACES, Source
from cloud_sync.wire.batch import WORST_QUALITY
from cloud_sync.wire.directive import grain_m

EARTH_M: Final = 6_371_008.8  # mean radius [IUGG]
METRES_A_DEGREE: Final = math.pi * EARTH_M / 180
LEAST_RADIUS_M, MOST_RADIUS_M = 50, 100_000
EDGE_M: Final = 50  # beyond the radius before it counts as left: the error of a receiver among houses
BOTH, ENTER, LEAVE = "both", "enter", "leave"


class Memory(NamedTuple):
    """What is remembered from one reading to the next: a level (None: not known yet), and since when."""

    level: int | None
    at: int


UNKNOWN: Final = Memory(None, 0)


class Step(NamedTuple):
    """What a reading does: the memory after it, and whether there is something to tell."""

    memory: Memory
    fires: bool


class Watch(Protocol):
    """One kind, with its parameters."""

    @property
    def kind(self) -> AlarmKind:
        """Which one."""

    @property
    def source(self) -> Source[Any]:
        """What it reads."""

    def origin(self, made_at: int) -> Memory:
        """What is taken for known when the rule is made."""

    def step(self, memory: Memory, item: Any, armed: bool) -> Step:
        """Take the next reading; `armed` says whether the person had armed the rule when it was captured."""


class _Unknown:
    """Nothing is known before the first reading."""

    def origin(self, made_at: int) -> Memory:
        """No level."""
        return UNKNOWN


class _Level(_Unknown):
    """What is told when a level changes."""

    on: str

    def turned(self, memory: Memory, level: int | None, at: int, *, first: bool = False) -> Step:
        """The step to a level; None leaves it. A first level is told only where `first` says so."""
        if level is None or level == memory.level:
            return Step(memory, False)
        wanted = self.on in (BOTH, ENTER if level else LEAVE)
        return Step(Memory(level, at), wanted and (memory.level is not None or (first and level == 1)))


@dataclass(frozen=True)
class Zone(_Level):
    """A circle of the person's own, entered or left. Degrees and metres."""

    lat: float
    lon: float
    radius_m: int
    on: str = BOTH
    kind: ClassVar[AlarmKind] = AlarmKind.ZONE

    def __post_init__(self) -> None:
        """ConfigError for what is no circle."""
        _check_on(self.on)
        if not (-90 <= self.lat <= 90 and -180 <= self.lon <= 180):
            raise ConfigError("a zone is a circle on the globe: latitude −90 to 90, longitude −180 to 180")
        if not LEAST_RADIUS_M <= self.radius_m <= MOST_RADIUS_M:
            raise ConfigError(f"the radius of a zone is {LEAST_RADIUS_M} to {MOST_RADIUS_M} m")

    @property
    def source(self) -> Source[Any]:
        """What it reads."""
        return LOCATION

    def step(self, memory: Memory, item: Fix, armed: bool) -> Step:
        """Inside the circle, or clearly beyond it; a fix that is less sure than the circle is wide says nothing."""
        unsure_m = _unsure_m(item)
        if unsure_m > self.radius_m:
            return Step(memory, False)
        away_m = _distance_m(self.lat, self.lon, item.lat, item.lon)
        level = 1 if away_m <= self.radius_m else 0 if away_m > self.radius_m + max(EDGE_M, unsure_m) else None
        return self.turned(memory, level, item.time)


@dataclass(frozen=True)
class PlaceWatch(_Level):
    """A place of the policy, entered or left; the device tells the event, and no position."""

    place: int
    on: str = BOTH
    kind: ClassVar[AlarmKind] = AlarmKind.PLACE

    def __post_init__(self) -> None:
        """ConfigError for an event that there is not."""
        _check_on(self.on)

    @property
    def source(self) -> Source[Any]:
        """What it reads."""
        return PLACES

    def step(self, memory: Memory, item: PlaceEvent, armed: bool) -> Step:
        """Events of other places say nothing; the first event is one."""
        if item.place != self.place or item.event is None:
            return Step(memory, False)
        level = int(item.entered)
        known = memory if memory.level is not None else Memory(1 - level, item.time)
        return self.turned(known, level, item.time)


@dataclass(frozen=True)
class Theft:
    """Motion or a shock while it stands: for `parked_s` nothing had moved, or (without it) the person has armed the rule."""

    parked_s: int | None = None
    kind: ClassVar[AlarmKind] = AlarmKind.THEFT

    def __post_init__(self) -> None:
        """ConfigError for a time that is no parking."""
        if self.parked_s is not None and not 60 <= self.parked_s <= 7 * 86_400:
            raise ConfigError("parked_s is 60 s to a week; leave it out for a rule that is armed by hand")

    @property
    def source(self) -> Source[Any]:
        """What it reads."""
        return MOTION

    def origin(self, made_at: int) -> Memory:
        """It stands: that something moves is told by its next event."""
        return Memory(0, made_at)

    def step(self, memory: Memory, item: MotionEvent, armed: bool) -> Step:
        """Level 1 while it moves; `at` is when something of motion was told last."""
        moved = item.began or item.shock
        stood_s = item.time - memory.at
        still = memory.level != 1 and (self.parked_s is None or stood_s >= self.parked_s)
        fires = moved and (armed if self.parked_s is None else still)
        level = 0 if item.ended else 1 if item.began else memory.level or 0
        return Step(Memory(level, item.time), fires)


@dataclass(frozen=True)
class Bounds(_Level):
    """Temperature in 0.1 °C, or light in lx, above or below a bound; within again once it is `back` inside both."""

    quantity: str  # "temperature" or "light"
    above: int | None = None
    below: int | None = None
    back: int = 0
    on: str = ENTER

    def __post_init__(self) -> None:
        """ConfigError for bounds between which nothing lies."""
        if self.quantity not in ("temperature", "light"):
            raise ConfigError("bounds are of temperature or of light")
        if self.above is None and self.below is None:
            raise ConfigError("name a bound: above, below, or both")
        if self.back < 0:
            raise ConfigError("back is how far within the bounds a value is before it counts as within: 0 or more")
        if self.above is not None and self.below is not None and self.above - self.back <= self.below + self.back:
            raise ConfigError("nothing lies between these bounds: above is the upper one, below the lower one")

    @property
    def kind(self) -> AlarmKind:
        """By the quantity."""
        return AlarmKind.TEMPERATURE if self.quantity == "temperature" else AlarmKind.LIGHT

    @property
    def source(self) -> Source[Any]:
        """What it reads."""
        return ENVIRONMENT

    def step(self, memory: Memory, item: Reading, armed: bool) -> Step:
        """The least and the most of what a reading tells, which are one value unless sums left the device."""
        values = _values(item, self.quantity)
        if values is None:
            return Step(memory, False)
        least, most = values
        beyond = (self.above is not None and most > self.above) or (self.below is not None and least < self.below)
        within = (self.above is None or most <= self.above - self.back) and (
            self.below is None or least >= self.below + self.back
        )
        return self.turned(memory, 1 if beyond else 0 if within else None, item.time, first=True)


@dataclass(frozen=True)
class Shock(_Unknown):
    """Every shock."""

    kind: ClassVar[AlarmKind] = AlarmKind.SHOCK

    @property
    def source(self) -> Source[Any]:
        """What it reads."""
        return MOTION

    def step(self, memory: Memory, item: MotionEvent, armed: bool) -> Step:
        """It has no memory."""
        return Step(memory, item.shock)


_KINDS: Final = {"zone": Zone, "place": PlaceWatch, "theft": Theft, "bounds": Bounds, "shock": Shock}


def watch_value(watch: Watch) -> dict[str, Any]:
    """The watch as JSON, to be sealed."""
    name = next(name for name, kind in _KINDS.items() if isinstance(watch, kind))
    return {"watch": name, **asdict(watch)}  # type: ignore[call-overload]


def watch_of(value: dict[str, Any]) -> Watch:
    """The watch out of JSON."""
    fields = {name: part for name, part in value.items() if name != "watch"}
    made: Watch = _KINDS[value["watch"]](**fields)
    return made


def _check_on(on: str) -> None:
    if on not in (BOTH, ENTER, LEAVE):
        raise ConfigError(f"on: {BOTH}, {ENTER} or {LEAVE}")


def _values(reading: Reading, quantity: str) -> Sequence[int] | None:
    if quantity == "temperature":
        one, many = reading.temperature_dc, reading.temperature
    else:
        one, many = reading.light_lx, reading.light
    if many is not None:
        return many.least, many.most
    return None if one is None else (one, one)


def _unsure_m(fix: Fix) -> int:
    """How far the true position may lie from the one told: half a cell and, where it is told, the receiver's accuracy."""
    cell_m = 0 if fix.precision is Precision.EXACT else grain_m(fix.precision, 0)
    return cell_m + (2**fix.quality if fix.quality < WORST_QUALITY else 0)


def _distance_m(lat: float, lon: float, other_lat: float, other_lon: float) -> float:
    """On a sphere, as the circles of zones are small against the globe: at most 0.5 % off."""
    mean = math.radians((lat + other_lat) / 2)
    north_m = (other_lat - lat) * METRES_A_DEGREE
    east = (other_lon - lon + 180) % 360 - 180
    return math.hypot(north_m, east * METRES_A_DEGREE * math.cos(mean))
