"""What is around the sensors of a board: temperature, light and acceleration as functions of Unix time.

The recorded surroundings are built from three recordings (sources and licences in `hw_sim/data/README.md`), each one day
or one clip, which repeats without end:

- temperature: a logger of a cold chain, every 2 min; straight lines between;
- illuminance: a light logger worn by a person, about once a minute; a reading stands until the next;
- acceleration: an accelerometer at 26 Hz, lying still while the vehicle stands, and carried at a walk, in place of the
  road, while it moves; a sample stands until the next, the clips run on from the Unix epoch.

The clocks of the first two are taken as UTC: what was recorded at half past four is there at half past four UTC of every
day of the world, whatever the season.
Readings of light that cannot be are dropped (`credible`). Everything is a pure function of time, so that a run repeats.
`Surroundings.modelled` has synthetic weather instead, outside or within a parcel or a van, and a road of its own.
"""

import bisect
import csv
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib import resources
from itertools import pairwise
from typing import Self

from hw_sim.chips.base import I2cChip
from hw_sim.chips.bh1750 import Bh1750
from hw_sim.chips.lis2dh12 import Lis2dh12
from hw_sim.chips.sht4x import Sht4x
from hw_sim.chips.tmp117 import Tmp117
from hw_sim.chips.veml7700 import Veml7700
from hw_sim.errors import HwSimError
from hw_sim.world.drive import Drive
from hw_sim.world.enclosure import Enclosure, Kind
from hw_sim.world.vibration import CLIP_HZ, MOVING_M_S, STANDING, Shock, Tilt, Vector, Vibration, clip
from hw_sim.world.vibration import WALKING as MOVING
from hw_sim.world.weather import Weather

DAY_S = 86_400
LIGHT_LIMIT_LX = 150_000  # the sun at its highest with a clear sky gives about 120 000 lx
TEMPERATURE = "temperature_elitech_rc5_2016-04-12.csv"
LIGHT = "light_lightlogr_2023-06-22.csv"


def credible(lux: float, melanopic_lux: float) -> bool:
    """A reading of light can be true: both of the logger's channels between darkness and the brightest daylight."""
    return 0 <= lux <= LIGHT_LIMIT_LX and 0 <= melanopic_lux <= LIGHT_LIMIT_LX


class Series:
    """Readings at times of day in s, repeated every day; `line` draws straight lines, else the last reading stands."""

    def __init__(self, readings: Iterable[tuple[float, float]], *, line: bool) -> None:
        ordered = sorted(readings)
        self._times = [t for t, _ in ordered]
        self._values = [value for _, value in ordered]
        self._line = line
        if not ordered or not 0 <= self._times[0] <= self._times[-1] < DAY_S:
            raise HwSimError("a series needs readings within one day")
        if any(a == b for a, b in pairwise(self._times)):
            raise HwSimError("a series has two readings at one time")

    def at(self, unix_s: float) -> float:
        """The value at that time of day, UTC."""
        time_s = unix_s % DAY_S
        i = bisect.bisect_right(self._times, time_s)  # 0: before the first one, the last of the day before stands
        before = self._values[i - 1]
        if not self._line:
            return before
        begin = self._times[i - 1] if i else self._times[-1] - DAY_S
        end = self._times[i] if i < len(self._times) else self._times[0] + DAY_S
        return before + (self._values[i % len(self._values)] - before) * (time_s - begin) / (end - begin)


@dataclass
class Surroundings:
    """Three functions of Unix time in s: °C, lux, and mg on the three axes at rest in the vehicle; and shocks on top.

    Each function can be replaced; a test writes `surroundings.temperature_c = lambda unix_s: 30.0`.
    """

    temperature_c: Callable[[float], float]
    illuminance_lx: Callable[[float], float]
    motion_mg: Callable[[float], Vector]
    shocks: list[Shock] = field(default_factory=list)
    tilts: list[Tilt] = field(default_factory=list)
    _accelerometers: list[Lis2dh12] = field(default_factory=list, repr=False)

    def acceleration_mg(self, unix_s: float) -> Vector:
        """What an accelerometer feels, gravity included."""
        x, y, z = self.motion_mg(unix_s)
        for tilt in self.tilts:
            if tilt.at_unix_s < unix_s:
                x, y, z = tilt.turn(unix_s, (x, y, z))
        for shock in self.shocks:
            if shock.at_unix_s <= unix_s <= shock.at_unix_s + shock.duration_s:
                dx, dy, dz = shock.at(unix_s)
                x, y, z = x + dx, y + dy, z + dz
        return x, y, z

    def shock(self, at_unix_s: float, peak_mg: Vector = (0.0, 0.0, 2000.0), duration_s: float = 0.3) -> None:
        """A blow at that time; as long as a wheel takes through a hole in the road, so that 10 samples a second meet it."""
        if duration_s <= 0:
            raise HwSimError(f"a shock of {duration_s} s")
        self.shocks.append(Shock(at_unix_s, peak_mg, duration_s))
        self._look_anew()

    def tilt(self, at_unix_s: float, degrees: float, duration_s: float = 1.0) -> None:
        """The board is turned about its x axis by so many degrees, and stays so."""
        self.tilts.append(Tilt(at_unix_s, degrees, duration_s))
        self._look_anew()

    def _look_anew(self) -> None:
        for chip in self._accelerometers:
            chip.acceleration_mg = self.acceleration_mg  # it has looked ahead

    def around(self, sensors: Mapping[str, I2cChip]) -> Self:
        """These surroundings are those of the chips of a board (`board.sensors`), also when a function is replaced later."""
        for chip in sensors.values():
            if isinstance(chip, Tmp117 | Sht4x):
                chip.temperature_c = lambda unix_s: self.temperature_c(unix_s)  # noqa: PLW0108 - it may be replaced
            elif isinstance(chip, Veml7700 | Bh1750):
                chip.illuminance_lx = lambda unix_s: self.illuminance_lx(unix_s)  # noqa: PLW0108 - the same
            elif isinstance(chip, Lis2dh12):
                chip.acceleration_mg = self.acceleration_mg
                self._accelerometers.append(chip)
        return self

    @classmethod
    def constant(
        cls, temperature_c: float = 21.0, illuminance_lx: float = 100.0, motion_mg: Vector = (0.0, 0.0, 1000.0)
    ) -> Self:
        """Surroundings that never change."""
        return cls(lambda unix_s: temperature_c, lambda unix_s: illuminance_lx, lambda unix_s: motion_mg)

    @classmethod
    def recorded(cls, drive: Drive | Callable[[], Drive | None]) -> Self:
        """The recorded ones for a vehicle on that drive; a function tells the drive of now, None: it stands."""
        now_on = drive if callable(drive) else lambda: drive
        standing, moving = clip(STANDING), clip(MOVING)

        def motion_mg(unix_s: float) -> Vector:
            at = now_on()
            moves = at is not None and at.at(unix_s).speed_m_s > MOVING_M_S
            felt = moving if moves else standing
            return felt[math.floor(unix_s * CLIP_HZ) % len(felt)]

        return cls(_temperature().at, _light().at, motion_mg)

    @classmethod
    def modelled(
        cls, drive: Drive, seed: int = 0, *, within: Kind | None = None, opened: Iterable[tuple[float, float]] = ()
    ) -> Self:
        """Synthetic weather where the drive begins, outside or `within` a parcel or a van, and vibration by the drive's speed."""
        start = drive.samples[0]
        weather = Weather(start.lat_deg, start.lon_deg, seed)
        motion = Vibration(lambda unix_s: drive.at(unix_s).speed_m_s, seed)
        if within is None:
            return cls(weather.temperature_c, weather.illuminance_lx, motion.at)
        inside = Enclosure(within, weather.temperature_c, weather.illuminance_lx, opened)
        return cls(inside.temperature_c, inside.illuminance_lx, motion.at)


def _lines(name: str) -> list[str]:
    return (resources.files("hw_sim") / "data" / name).read_text(encoding="utf-8").splitlines()


def _time_of_day_s(stamp: str) -> int:
    hours, minutes, seconds = stamp.partition(" ")[2].split(":")
    return int(hours) * 3600 + int(minutes) * 60 + int(seconds)


def _temperature() -> Series:
    rows = csv.DictReader(_lines(TEMPERATURE))
    return Series(((_time_of_day_s(row["time"]), float(row["celsius"])) for row in rows), line=True)


def _light() -> Series:
    rows = csv.DictReader(_lines(LIGHT))
    readings = ((_time_of_day_s(row["time"]), float(row["lux"]), float(row["medi"])) for row in rows)
    return Series(((time_s, lux) for time_s, lux, medi in readings if credible(lux, medi)), line=False)
