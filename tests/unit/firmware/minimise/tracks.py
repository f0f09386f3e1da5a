"""Trajectories as fixes of the firmware: recorded drives and walks, receivers' own logs, visits of two people.

Drives are sampled each ten seconds between their recorded positions, with a receiver's noise of a few metres from a
seeded generator; speed and course are the stretch's own. The visits' set has cell numbers and no coordinates: here they
lie in rows of 60, 750 m apart, a layout of our own.
"""

from __future__ import annotations

import csv
import datetime as dt
import random
from functools import cache
from pathlib import Path

from firmware.drivers import nmea, ubx
from hw_sim.world.drive import Drive
from tests.unit.firmware.drivers.recordings import gpsd

DATA = Path(__file__).parents[3] / "data"
INTERVAL_S = 10
Fix = tuple[int, ...]
DRIVES = {
    "car": ("around-visnjan-with-car.gpx", {}),
    "walk": ("cerknicko-jezero.gpx", {}),
    "bus": ("liverpool_bus_route14.csv", {"trip_id": "1105"}),
    "bus back": ("liverpool_bus_route14.csv", {"trip_id": "1111"}),
}


@cache
def drive(name: str, noise_m: float = 3.0, interval_s: int = INTERVAL_S) -> tuple[Fix, ...]:
    """A recorded drive as a receiver would tell of it."""
    file, only = DRIVES[name]
    recorded = Drive.from_file(DATA / "trajectories" / file, **only)
    noise = random.Random(name)
    fixes = []
    for time_s in range(-int(-recorded.start_unix_s // interval_s) * interval_s, int(recorded.end_unix_s), interval_s):
        truth = recorded.at(time_s)
        lat, lon = (round(deg * 1e7 + noise.gauss(0, noise_m) * 90) for deg in (truth.lat_deg, truth.lon_deg))
        speed, course = round(truth.speed_m_s * 1000), round(truth.course_deg * 1e5) % 36_000_000
        fixes.append((time_s, lat, lon, 4200, speed, course, 3, 9))
    return tuple(fixes)


@cache
def logs() -> dict[str, tuple[Fix, ...]]:
    """The fixes of gpsd's recorded receiver logs, of those that have ten or more."""
    found = {}
    for name, (data, _) in gpsd("ubx").items():
        frames = ubx.Parser().feed(data)
        found[name] = [ubx.decode_pvt(payload) for kind, payload in frames if kind == ubx.NAV_PVT]
    for name, (data, _) in gpsd("nmea").items():
        found[name + " (NMEA)"] = nmea.Epochs().feed(data)
    sound = {name: tuple(fix for fix in fixes if fix and fix[6] >= 2 and fix[0] > 0) for name, fixes in found.items()}
    return {name: fixes for name, fixes in sound.items() if len(fixes) >= 10}


@cache
def visits(user: str) -> tuple[Fix, ...]:
    """The first 500 visits of a person, each a fix at the middle of its cell with a receiver's noise."""
    noise, fixes = random.Random(user), []
    with (DATA / "trajectories" / "homelocator_two_users.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            if row["u_id"] != user:
                continue
            at = dt.datetime.fromisoformat(row["created_at"]).replace(tzinfo=dt.UTC)
            north, east = divmod(int(row["grid_id"]), 60)
            lat, lon = (
                round(13e6 + north * 67_400 + noise.gauss(0, 270)),
                round(1_038e6 + east * 67_400 + noise.gauss(0, 270)),
            )
            fixes.append((int(at.timestamp()), lat, lon, 4200, 0, 0, 3, 9))
    return tuple(fixes)


def all_tracks() -> dict[str, tuple[Fix, ...]]:
    """All of them by name."""
    people = {user: visits(user) for user in ("40153763", "90403900")}
    return {name: drive(name) for name in DRIVES} | people | logs()
