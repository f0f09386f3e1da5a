"""Synthetic weather, what is inside a parcel or a van, and vibration: against published facts, physics, and the same seed."""

from __future__ import annotations

import datetime as dt
import itertools
import math
import statistics

import pytest

from hw_sim.errors import HwSimError
from hw_sim.world.drive import Drive, Sample
from hw_sim.world.enclosure import PARCEL, VAN, Enclosure, Kind
from hw_sim.world.surroundings import Surroundings
from hw_sim.world.vibration import STANDING, WALKING, State, Tilt, Vibration, clip, state_of
from hw_sim.world.weather import Weather, clear_sky_lx, sun

NOON = dt.datetime(2026, 6, 21, 11, tzinfo=dt.UTC).timestamp()
# Sunrise and sunset as almanacs publish them, UTC, to the minute.
PUBLISHED = [
    ("Greenwich", 51.4779, 0.0, dt.date(2026, 6, 21), "03:43", "20:21"),
    ("Greenwich", 51.4779, 0.0, dt.date(2026, 12, 21), "08:03", "15:53"),
    ("Sydney", -33.87, 151.21, dt.date(2026, 1, 1), "18:47", "09:09"),
]


@pytest.mark.parametrize(("place", "lat", "lon", "day", "rise", "down"), PUBLISHED)
def test_the_sun_rises_when_almanacs_say(
    place: str, lat: float, lon: float, day: dt.date, rise: str, down: str
) -> None:
    """Within a minute and a half."""
    found = Weather(lat, lon).sunrise_and_sunset(day)
    assert found is not None
    for unix_s, published in zip(found, (rise, down), strict=True):
        told = dt.datetime.fromtimestamp(unix_s, dt.UTC)
        hour, minute = map(int, published.split(":"))
        assert abs(told.hour * 60 + told.minute + told.second / 60 - hour * 60 - minute) < 1.5


def test_beyond_the_polar_circle_it_stays_up_or_down() -> None:
    """Tromsø at midsummer and at midwinter; in March it does rise."""
    tromso = Weather(69.65, 18.96)
    assert tromso.sunrise_and_sunset(dt.date(2026, 6, 21)) is None
    assert tromso.sunrise_and_sunset(dt.date(2026, 12, 21)) is None
    assert tromso.sunrise_and_sunset(dt.date(2026, 3, 21)) is not None


def test_the_noon_sun_stands_at_its_height() -> None:
    """At the solstice: 90° less the latitude, plus the tilt of the axis."""
    highest = max(sun(NOON + s, 52.5, 13.4)[0] for s in range(-7200, 7200, 60))
    assert highest == pytest.approx(90 - 52.5 + 23.44, abs=0.02)


def test_daylight_by_the_suns_height() -> None:
    """About 400 lx at sunset, 128 klx in the zenith, starlight at night; it never falls as the sun rises, at no joint either."""
    assert clear_sky_lx(-0.833) == pytest.approx(450, rel=0.15)
    assert clear_sky_lx(90) == pytest.approx(128_800, rel=0.01)
    assert clear_sky_lx(-50) == clear_sky_lx(-18) < 0.001
    heights = [clear_sky_lx(tenth / 10) for tenth in range(-180, 901)]
    assert all(b > a * 0.98 for a, b in itertools.pairwise(heights))
    for joint in (-12.0, -5.0, -0.8, 5.0, 20.0):
        assert clear_sky_lx(joint + 1e-6) == pytest.approx(clear_sky_lx(joint), rel=0.02)


def test_the_course_of_day_and_year() -> None:
    """Afternoons are warmer than nights, July than January in Berlin, the other way round in Sydney; one seed, one weather."""
    berlin, sydney = Weather(52.5, 13.4, 3), Weather(-33.9, 151.2, 3)

    def month(weather: Weather, number: int, hour: int) -> float:
        begin = dt.datetime(2026, number, 1, hour, tzinfo=dt.UTC).timestamp()
        return statistics.fmean(weather.temperature_c(begin + 86_400 * day) for day in range(28))

    assert month(berlin, 7, 14) > month(berlin, 7, 2) + 4
    assert 11 < month(berlin, 7, 2) < month(berlin, 7, 14) < 32
    assert month(berlin, 7, 14) > month(berlin, 1, 14) + 15
    assert month(sydney, 1, 4) > month(sydney, 7, 4) + 8
    again, other = Weather(52.5, 13.4, 3), Weather(52.5, 13.4, 4)
    times = [NOON + 977 * n for n in range(200)]
    assert [berlin.temperature_c(t) for t in times] == [again.temperature_c(t) for t in times]
    assert [berlin.temperature_c(t) for t in times] != [other.temperature_c(t) for t in times]
    assert len({round(berlin.clouds(t), 3) for t in times}) > 50


def test_a_place_that_is_nowhere_has_no_weather() -> None:
    """Degrees beyond the Earth, and none at all."""
    assert Weather(90, 180).temperature_c(NOON) < 10
    for lat, lon in ((90.1, 0.0), (0.0, 180.1), (math.nan, 0.0)):
        with pytest.raises(HwSimError, match="give degrees of latitude and longitude"):
            Weather(lat, lon)


START = 1_772_409_600.0  # a UTC midnight


def test_inside_lags_behind_as_a_first_order_does() -> None:
    """Outside jumps by 10 °C: after a time constant 63 % of it are inside, whatever the box, and whenever one asks."""
    for kind in (PARCEL, VAN):
        box = Enclosure(kind, lambda t: 10.0 if t >= START + 3600 else 0.0, lambda t: 0.0)
        late_first = box.temperature_c(START + 80_000)
        assert box.temperature_c(START + 3599) == 0.0
        assert box.temperature_c(START + 3600 + kind.lag_s) == pytest.approx(10 * (1 - math.exp(-1)), abs=0.05)
        assert late_first == pytest.approx(10.0, abs=0.01)
        assert box.temperature_c(START + 86_399.9) == pytest.approx(box.temperature_c(START + 86_400), abs=0.02)


def test_it_is_dark_until_somebody_opens_it() -> None:
    """Light comes in with the opening and goes with it; warmth comes in faster meanwhile."""
    spans = [(START + 7200, START + 7800)]
    opened = Enclosure(PARCEL, lambda t: 30.0 if t >= START + 7200 else 0.0, lambda t: 1000.0, spans)
    closed = Enclosure(PARCEL, lambda t: 30.0 if t >= START + 7200 else 0.0, lambda t: 1000.0)
    lux = [opened.illuminance_lx(START + t) for t in (7199, 7200, 7799, 7800)]
    assert lux == [0.0, 100.0, 100.0, 0.0]
    assert closed.illuminance_lx(START + 7500) == 0.0
    assert opened.temperature_c(START + 7800) > 3 * closed.temperature_c(START + 7800) > 0


@pytest.mark.parametrize(
    ("kind", "opened", "words"),
    [
        (PARCEL, [(5.0, 5.0)], "is opened for no time"),
        (PARCEL, [(0.0, 9.0), (5.0, 12.0)], "is opened while it is open; join"),
        (Kind("tin", 0, 0, 0, 0), [], "lags of 0 s closed"),
        (Kind("tin", 60, 600, 0, 0), [], "open is faster"),
    ],
)
def test_a_box_that_cannot_be_is_refused(kind: Kind, opened: list[tuple[float, float]], words: str) -> None:
    """One thing of a good box is changed each."""
    assert Enclosure(PARCEL, lambda t: 1.0, lambda t: 1.0, [(0.0, 5.0), (5.0, 9.0)]).is_open(7)
    with pytest.raises(HwSimError, match=words):
        Enclosure(kind, lambda t: 1.0, lambda t: 1.0, opened)


WAY = Drive(
    [
        Sample(START, 52.5, 13.4),
        Sample(START + 60, 52.5, 13.4),
        Sample(START + 120, 52.5007, 13.4),
        Sample(START + 180, 52.51, 13.4),
    ]
)


def test_vibration_follows_the_state_of_motion() -> None:
    """Lying still, carried at 1.3 m/s, driven at 17 m/s: the recordings' own samples, then a road that shakes more with speed."""
    motion = Vibration(lambda t: WAY.at(t).speed_m_s, seed=1)
    assert [motion.state(START + t) for t in (30, 90, 150)] == [State.STANDING, State.WALKING, State.DRIVING]
    assert motion.at(START + 30) in clip(STANDING)
    assert motion.at(START + 90) in clip(WALKING)
    road = [motion.at(START + 121 + n / 26) for n in range(26 * 50)]
    slowly = Vibration(lambda t: 3.0, seed=1)
    slow = [slowly.at(START + n / 26) for n in range(26 * 50)]
    shaking = [statistics.stdev(z for _, _, z in rows) for rows in (slow, road)]
    assert 20 < shaking[0] < shaking[1] < 130
    assert statistics.fmean(z for _, _, z in road) == pytest.approx(1000, abs=10)
    assert motion.at(START + 150) == Vibration(lambda t: WAY.at(t).speed_m_s, seed=1).at(START + 150)
    assert motion.at(START + 150) != Vibration(lambda t: WAY.at(t).speed_m_s, seed=2).at(START + 150)
    assert [state_of(speed) for speed in (0.5, 2.5, 2.6)] == [State.STANDING, State.WALKING, State.DRIVING]


def test_a_tilt_turns_gravity_and_stays() -> None:
    """By 90° within two seconds: 1 g moves from z to y, and its size is the same on the way."""
    around = Surroundings.constant()
    around.tilt(START, 90.0, 2.0)
    felt = [around.acceleration_mg(START + t) for t in (-1, 1, 2, 9999)]
    assert felt[0] == (0.0, 0.0, 1000.0)
    assert felt[1] == pytest.approx((0.0, 707.1, 707.1), abs=0.1)
    assert felt[2] == felt[3] == pytest.approx((0.0, 1000.0, 0.0), abs=0.1)
    with pytest.raises(HwSimError, match=r"a tilt of 90\.0 degrees in 0 s"):
        Tilt(START, 90.0, 0)


def test_modelled_surroundings_of_a_van() -> None:
    """One call for a drive: dark and slow to warm inside, weather of the place outside, the road while it drives."""
    inside = Surroundings.modelled(WAY, 1, within=VAN, opened=[(START + 60, START + 120)])
    outside = Surroundings.modelled(WAY, 1)
    noon = START + 43_200
    assert inside.illuminance_lx(noon) == 0.0 < outside.illuminance_lx(noon)
    days = [START + 1800 * n for n in range(96)]
    swings = [
        max(map(around.temperature_c, days)) - min(map(around.temperature_c, days)) for around in (inside, outside)
    ]
    assert 0 < swings[0] < swings[1]
    assert inside.acceleration_mg(START + 30) in clip(STANDING)
