"""What an accelerometer feels of how it is moved: standing, walking, driving, with tilts and shocks on top.

Standing and walking are recordings (sources and licences in `hw_sim/data/README.md`), which run on from the Unix epoch.
Driving is made up, as no free recording of a vehicle came along: noise without memory on three axes at 26 Hz, by seed, stronger
with speed. Its strength is between a car's on a good road and a lorry's bed, for which ASTM D4169 tests with 0.5 g (root of
the mean square, 1 to 200 Hz); a detector that tells roads or vehicles apart needs recordings of its own.
"""

import csv
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from importlib import resources

from hw_sim.errors import HwSimError

Vector = tuple[float, float, float]  # x, y, z
CLIP_HZ = 26.0  # of the accelerometer's recordings, stm-har README
STANDING = "acceleration_stationary_25_26Hz_4g_mg.csv"
WALKING = "acceleration_walking_16_26Hz_4g_mg.csv"
MOVING_M_S = 0.5  # slower than any walk: the vehicle stands, its recorded position wanders
DRIVING_M_S = 2.5  # faster than any walk; who runs or cycles is taken for a driver
_ENGINE_MG, _ROAD_MG_A_M_S, _MOST_MG = 15.0, 4.0, 120.0  # made up: at walking pace, for each m/s more, at most
_SIDEWAYS = 0.5  # made up: share of the vertical that is felt along and across


class State(Enum):
    """How something is moved."""

    STANDING = "standing"
    WALKING = "walking"
    DRIVING = "driving"


def state_of(speed_m_s: float) -> State:
    """By its speed over ground."""
    if speed_m_s <= MOVING_M_S:
        return State.STANDING
    return State.WALKING if speed_m_s <= DRIVING_M_S else State.DRIVING


def clip(name: str) -> Sequence[Vector]:
    """A recording that comes along, in mg."""
    lines = (resources.files("hw_sim") / "data" / name).read_text(encoding="utf-8").splitlines()
    return [(float(x), float(y), float(z)) for x, y, z in csv.reader(lines)]


class Vibration:
    """Vibration(speed_m_s, seed): `at(unix_s)` in mg on three axes, gravity on z included, as the speed of then has it."""

    def __init__(self, speed_m_s: Callable[[float], float], seed: int = 0) -> None:
        self._speed_m_s, self._seed = speed_m_s, seed
        self._clips = {State.STANDING: clip(STANDING), State.WALKING: clip(WALKING)}

    def state(self, unix_s: float) -> State:
        """How it is moved then."""
        return state_of(self._speed_m_s(unix_s))

    def at(self, unix_s: float) -> Vector:
        """mg; a sample stands until the next."""
        speed = self._speed_m_s(unix_s)
        index = math.floor(unix_s * CLIP_HZ)
        recorded = self._clips.get(state_of(speed))
        if recorded is not None:
            return recorded[index % len(recorded)]
        strength = min(_MOST_MG, _ENGINE_MG + _ROAD_MG_A_M_S * speed)
        x, y, z = _drawn(self._seed, index)
        return _SIDEWAYS * strength * x, _SIDEWAYS * strength * y, 1000.0 + strength * z


@lru_cache(maxsize=256)  # ten seconds: an accelerometer looks ahead a little
def _drawn(seed: int, index: int) -> Vector:
    noise = random.Random(f"{seed}/road/{index}")
    return noise.gauss(0, 1), noise.gauss(0, 1), noise.gauss(0, 1)


@dataclass(frozen=True)
class Shock:
    """A blow: half a sine from `at_unix_s` on, as IEC 60068-2-27 has it, of that peak in mg."""

    at_unix_s: float
    peak_mg: Vector
    duration_s: float

    def at(self, unix_s: float) -> Vector:
        """What it adds at that time."""
        share = (unix_s - self.at_unix_s) / self.duration_s
        force = math.sin(math.pi * share) if 0 <= share <= 1 else 0.0
        return self.peak_mg[0] * force, self.peak_mg[1] * force, self.peak_mg[2] * force


@dataclass(frozen=True)
class Tilt:
    """A turn about the x axis by so many degrees, evenly within `duration_s` from `at_unix_s` on; it stays so."""

    at_unix_s: float
    degrees: float
    duration_s: float

    def __post_init__(self) -> None:
        """HwSimError for a tilt that is none."""
        if not (self.duration_s > 0 and abs(self.degrees) <= 360):
            raise HwSimError(
                f"a tilt of {self.degrees} degrees in {self.duration_s} s: at most 360, in more than no time"
            )

    def turn(self, unix_s: float, felt: Vector) -> Vector:
        """What is felt after it of what was felt before."""
        share = min(1.0, max(0.0, (unix_s - self.at_unix_s) / self.duration_s))
        angle = math.radians(self.degrees * share)
        x, y, z = felt
        return x, y * math.cos(angle) + z * math.sin(angle), z * math.cos(angle) - y * math.sin(angle)
