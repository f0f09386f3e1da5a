"""A synthetic course of temperature and daylight for a place on Earth: a stated model, not a forecast.

With a source: the sun's position (Astronomical Almanac, page C5, "low precision formulas", good to a minute of arc from
1950 to 2050), sunrise at a centre 50' below the horizon (the same, page A12), illuminance under a clear sky by the
sun's altitude (Janiczek and DeYoung, US Naval Observatory Circular 171, 1987), and what clouds take of it (Kasten and
Czeplak, Solar Energy 24, 1980: 1 - 0.75 (N/8)^3.4).

Made up, to be plausible and no more: every number of the temperature's course below, and how clouds change. Everything
is a pure function of time, place and seed.
"""

import datetime as dt
import math
import random
from dataclasses import dataclass
from functools import lru_cache

from hw_sim.errors import HwSimError

DAY_S = 86_400
J2000_UNIX_S = 946_728_000  # 2000-01-01 12:00 UTC
SUNRISE_DEG = -5 / 6
# log10 of lux by the sun's altitude in units of 90°, piecewise: up to the altitude in degrees, coefficients from x^0 on.
_CLEAR_SKY = (
    (-12.0, (13.84, 262.72, 1447.42, 2797.93)),
    (-5.0, (2.70, 12.17, -431.69, -1899.83)),
    (-0.8, (2.88, 21.81, -258.11, -858.36)),
    (5.0, (2.88, 22.26, -207.64, 1034.30)),
    (20.0, (3.05, 13.28, -45.98, 64.33)),
    (90.0, (3.74, 3.97, -4.07, 1.47)),
)
_NIGHT_DEG = -18.0  # the fit begins here: 0.65 mlx, the sky without a moon
# Made up, in °C: the mean at the equator, and what is missing of it by the square and the eighth power of the latitude's sine, so
# that Berlin has 8 and the North Pole -18; half the year's course at a pole; half the day's
# under a clear sky, and the share of it that an overcast sky leaves; how far a week's weather goes beside all that.
_EQUATOR_C, _LESS_C, _POLAR_LESS_C, _YEAR_C, _DAY_C, _OVERCAST_SHARE, _WEATHER_C = 27.0, 25.0, 20.0, 12.0, 5.0, 0.4, 3.0
_WARMEST_DAY, _WARMEST_HOUR = (
    200.0,
    15.0,
)  # of the year in the north, some four weeks after the solstice; of the sun's day
_WEATHER_S, _CLOUDS_S = 2 * DAY_S, 3 * 3600  # a value is drawn so often; straight lines between


def sun(unix_s: float, lat_deg: float, lon_deg: float) -> tuple[float, float]:
    """Altitude of the sun's centre in degrees, without refraction, and its hour angle in degrees from -180 to 180."""
    days = (unix_s - J2000_UNIX_S) / DAY_S
    anomaly = math.radians(357.529 + 0.98560028 * days)
    longitude = math.radians(280.459 + 0.98564736 * days + 1.915 * math.sin(anomaly) + 0.020 * math.sin(2 * anomaly))
    tilt = math.radians(23.439 - 0.00000036 * days)
    ascension = math.atan2(math.cos(tilt) * math.sin(longitude), math.cos(longitude))
    declination = math.asin(math.sin(tilt) * math.sin(longitude))
    sidereal = math.radians((15 * (18.697374558 + 24.06570982441908 * days) + lon_deg) % 360)
    hour = (sidereal - ascension + math.pi) % (2 * math.pi) - math.pi
    lat = math.radians(lat_deg)
    height = math.sin(lat) * math.sin(declination) + math.cos(lat) * math.cos(declination) * math.cos(hour)
    return math.degrees(math.asin(max(-1.0, min(1.0, height)))), math.degrees(hour)


def clear_sky_lx(altitude_deg: float) -> float:
    """Illuminance on a level surface under a clear sky without a moon."""
    altitude = max(_NIGHT_DEG, min(90.0, altitude_deg))
    x = altitude / 90
    factors = next(factors for limit, factors in _CLEAR_SKY if altitude <= limit)
    exponent: float = sum(factor * x**power for power, factor in enumerate(factors))
    return math.pow(10.0, exponent)


@dataclass(frozen=True)
class Weather:
    """Temperature and daylight outside, at a place, for a seed."""

    lat_deg: float
    lon_deg: float
    seed: int = 0

    def __post_init__(self) -> None:
        """HwSimError for a place that is nowhere."""
        if not (abs(self.lat_deg) <= 90 and abs(self.lon_deg) <= 180):
            raise HwSimError(f"no weather at {self.lat_deg}, {self.lon_deg}: give degrees of latitude and longitude")

    def clouds(self, unix_s: float) -> float:
        """Share of the sky that is covered, 0 to 1."""
        return min(1.0, max(0.0, 0.55 + 0.4 * self._noise("clouds", unix_s / _CLOUDS_S)))

    def illuminance_lx(self, unix_s: float) -> float:
        """Daylight on a level surface."""
        altitude, _ = sun(unix_s, self.lat_deg, self.lon_deg)
        return clear_sky_lx(altitude) * (1 - 0.75 * math.pow(self.clouds(unix_s), 3.4))

    def temperature_c(self, unix_s: float) -> float:
        """Air in the shade."""
        polar = math.sin(math.radians(self.lat_deg))
        year = (unix_s - J2000_UNIX_S) / (365.2425 * DAY_S) - _WARMEST_DAY / 365.2425  # 2000-01-01 was a day 1
        season = _YEAR_C * polar * math.cos(2 * math.pi * year)
        _, hour_deg = sun(unix_s, self.lat_deg, self.lon_deg)
        bright = 1 - (1 - _OVERCAST_SHARE) * self.clouds(unix_s)
        day = _DAY_C * bright * math.cos(math.radians(hour_deg - 15 * (_WARMEST_HOUR - 12)))
        weather = _WEATHER_C * self._noise("weather", unix_s / _WEATHER_S)
        return _EQUATOR_C - _LESS_C * polar**2 - _POLAR_LESS_C * polar**8 + season + day + weather

    def sunrise_and_sunset(self, day: dt.date) -> tuple[float, float] | None:
        """Unix times between the two midnights of the place's mean solar time, to the second; None: it does not rise or set."""
        begin = dt.datetime.combine(day, dt.time(), dt.UTC).timestamp() - self.lon_deg * 240
        noon = max((begin + s for s in range(0, DAY_S + 1, 300)), key=self._altitude)
        if not self._altitude(noon) > SUNRISE_DEG > max(self._altitude(begin), self._altitude(begin + DAY_S)):
            return None
        return self._crossing(begin, noon), self._crossing(begin + DAY_S, noon)

    def _altitude(self, unix_s: float) -> float:
        return sun(unix_s, self.lat_deg, self.lon_deg)[0]

    def _crossing(self, below: float, above: float) -> float:
        """When the sun's centre stands at SUNRISE_DEG between a time below it and one above, by halving."""
        while abs(above - below) > 0.5:
            middle = (below + above) / 2
            below, above = (below, middle) if self._altitude(middle) > SUNRISE_DEG else (middle, above)
        return (below + above) / 2

    def _noise(self, name: str, at: float) -> float:
        """Straight lines between numbers with a normal distribution of deviation 1, one at each whole `at`."""
        index = math.floor(at)
        begin, end = _drawn(self.seed, name, index), _drawn(self.seed, name, index + 1)
        return begin + (end - begin) * (at - index)


@lru_cache(maxsize=4096)  # a year of clouds
def _drawn(seed: int, name: str, index: int) -> float:
    return random.Random(f"{seed}/weather/{name}/{index}").gauss(0, 1)
