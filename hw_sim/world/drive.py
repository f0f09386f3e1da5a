"""Recorded drives: where a vehicle truly was, at any instant.

Between two samples the vehicle moves on the great circle at constant speed (spherical linear interpolation); its speed
and course are those of that stretch. Before the first sample and after the last it stands still there. A pause in the
recording longer than `GAP_S` counts as standing at its beginning, then the stretch in the last second.
"""

import bisect
import csv
import datetime as dt
import math
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Self

from hw_sim.errors import DriveError

EARTH_RADIUS_M = 6_371_008.8  # mean radius, IUGG
SIZE_LIMIT_BYTES = 64 << 20  # a drive is read into memory whole


@dataclass(frozen=True)
class Sample:
    """One recorded position: Unix time in s, degrees, metres over the ellipsoid or the sea, as recorded."""

    t_s: float
    lat_deg: float
    lon_deg: float
    alt_m: float = 0.0


@dataclass(frozen=True)
class Truth:
    """Where the vehicle is: degrees, metres, m/s over ground, degrees from north."""

    lat_deg: float
    lon_deg: float
    alt_m: float
    speed_m_s: float
    course_deg: float


def distance_m(a: Sample, b: Sample) -> float:
    """Great-circle distance on the mean sphere (haversine)."""
    la, lb = math.radians(a.lat_deg), math.radians(b.lat_deg)
    dlon = math.radians(b.lon_deg - a.lon_deg)
    h = math.sin((lb - la) / 2) ** 2 + math.cos(la) * math.cos(lb) * math.sin(dlon / 2) ** 2
    return 2 * EARTH_RADIUS_M * math.asin(min(1.0, math.sqrt(h)))


def course_deg(a: Sample, b: Sample) -> float:
    """Initial course from a to b, 0 ≤ course < 360, clockwise from north."""
    la, lb = math.radians(a.lat_deg), math.radians(b.lat_deg)
    dlon = math.radians(b.lon_deg - a.lon_deg)
    y = math.sin(dlon) * math.cos(lb)
    x = math.cos(la) * math.sin(lb) - math.sin(la) * math.cos(lb) * math.cos(dlon)
    return math.degrees(math.atan2(y, x)) % 360.0


def _between(a: Sample, b: Sample, share: float) -> tuple[float, float]:
    """Point at `share` of the great circle from a to b, in degrees."""
    angle = distance_m(a, b) / EARTH_RADIUS_M
    if angle < 1e-12:
        return a.lat_deg, a.lon_deg
    ka, kb = math.sin((1 - share) * angle) / math.sin(angle), math.sin(share * angle) / math.sin(angle)
    la, lb = math.radians(a.lat_deg), math.radians(b.lat_deg)
    oa, ob = math.radians(a.lon_deg), math.radians(b.lon_deg)
    x = ka * math.cos(la) * math.cos(oa) + kb * math.cos(lb) * math.cos(ob)
    y = ka * math.cos(la) * math.sin(oa) + kb * math.cos(lb) * math.sin(ob)
    z = ka * math.sin(la) + kb * math.sin(lb)
    return math.degrees(math.atan2(z, math.hypot(x, y))), math.degrees(math.atan2(y, x))


class Drive:
    """Samples in the order of time, and the truth between them."""

    GAP_S = 300.0

    def __init__(self, samples: Iterable[Sample], name: str = "drive") -> None:
        unique = {s.t_s: s for s in samples}
        self.samples = [unique[t] for t in sorted(unique)]
        self.name = name
        if len(self.samples) < 2:
            raise DriveError(f"{name}: fewer than two samples with a time")
        for s in self.samples:
            if not (abs(s.lat_deg) <= 90 and abs(s.lon_deg) <= 180 and math.isfinite(s.alt_m)):
                raise DriveError(f"{name}: no position on earth: {s}")
        self._times = [s.t_s for s in self.samples]

    @property
    def start_unix_s(self) -> float:
        """Unix time of the first sample."""
        return self._times[0]

    @property
    def end_unix_s(self) -> float:
        """Unix time of the last sample."""
        return self._times[-1]

    @property
    def length_m(self) -> float:
        """Length of the way through all samples."""
        return sum(distance_m(a, b) for a, b in zip(self.samples, self.samples[1:], strict=False))

    @property
    def description(self) -> str:
        """Name, size and how the gaps are filled, in one line."""
        minutes = (self.end_unix_s - self.start_unix_s) / 60
        size = f"{len(self.samples)} samples in {minutes:.0f} min, {self.length_m / 1000:.1f} km"
        return f"{self.name}: {size}; great circle at constant speed between samples"

    def at(self, unix_s: float) -> Truth:
        """Where the vehicle is at that instant."""
        i = bisect.bisect_right(self._times, unix_s)
        if i == 0 or i == len(self._times):
            s = self.samples[0 if i == 0 else -1]
            return Truth(s.lat_deg, s.lon_deg, s.alt_m, 0.0, 0.0)
        a, b = self.samples[i - 1], self.samples[i]
        if b.t_s - a.t_s > self.GAP_S:
            a = replace(a, t_s=b.t_s - 1.0)
            if unix_s <= a.t_s:
                return Truth(a.lat_deg, a.lon_deg, a.alt_m, 0.0, 0.0)
        share = (unix_s - a.t_s) / (b.t_s - a.t_s)
        lat, lon = _between(a, b, share)
        speed = distance_m(a, b) / (b.t_s - a.t_s)
        course = course_deg(a, b) if speed > 0.1 else 0.0  # below walking pace the course of a stretch is noise
        return Truth(lat, lon, a.alt_m + share * (b.alt_m - a.alt_m), speed, course)

    def shifted(self, start_unix_s: float) -> Self:
        """The same drive, begun at another time."""
        by = start_unix_s - self.start_unix_s
        return type(self)((replace(s, t_s=s.t_s + by) for s in self.samples), self.name)

    def between(self, start_s: float, end_s: float) -> Self:
        """The part of the drive between two Unix times."""
        return type(self)((s for s in self.samples if start_s <= s.t_s <= end_s), self.name)

    @classmethod
    def parked(cls, lat_deg: float, lon_deg: float, *, start_s: float = 0.0) -> Self:
        """A vehicle that stands still."""
        return cls([Sample(start_s, lat_deg, lon_deg), Sample(start_s + 1, lat_deg, lon_deg)], "parked")

    @classmethod
    def demo(cls) -> Self:
        """The drive that comes with the package: a bus through Liverpool, 2026-01-26 (licence beside the file)."""
        file = resources.files("hw_sim") / "data" / "liverpool_bus_route14_trip1105.csv"
        with resources.as_file(file) as path:
            return cls.from_file(path, trip_id="1105")

    @classmethod
    def from_file(cls, path: Path | str, **only: str) -> Self:
        """Reads GPX or CSV by the file's suffix; of a CSV only rows with these values, as in `trip_id="1105"`.

        DriveError says what is wrong with the file; several vehicles in one drive are wrong too.
        """
        path = Path(path)
        try:
            if path.stat().st_size > SIZE_LIMIT_BYTES:
                raise DriveError(f"{path.name}: larger than {SIZE_LIMIT_BYTES >> 20} MiB")
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise DriveError(f"{path}: {error}") from error
        if path.suffix.lower() == ".gpx":
            return cls(_from_gpx(text, path.name), path.name)
        if path.suffix.lower() == ".csv":
            return cls(_from_csv(text, path.name, only), path.name)
        raise DriveError(f"{path.name}: neither .gpx nor .csv")


def _unix_s(text: str) -> float:
    """Unix time of an ISO 8601 time, taken as UTC where it names no zone."""
    when = dt.datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    return (when if when.tzinfo else when.replace(tzinfo=dt.UTC)).timestamp()


def _from_gpx(text: str, name: str) -> list[Sample]:
    """Track points with a time, from all tracks and segments (GPX 1.0 and 1.1)."""
    if "<!DOCTYPE" in text or "<!ENTITY" in text:  # entity expansion can fill the memory
        raise DriveError(f"{name}: declares XML entities; a GPX file needs none")
    try:
        root = ET.fromstring(text)  # noqa: S314 - entities are refused above
        points = [p for p in root.iter() if p.tag.rpartition("}")[2] == "trkpt"]
        return [_gpx_sample(p) for p in points if _child(p, "time")]
    except (ET.ParseError, ValueError, KeyError) as error:
        raise DriveError(f"{name}: {error}") from error


def _child(point: ET.Element, tag: str) -> str:
    return next((c.text or "" for c in point if c.tag.rpartition("}")[2] == tag), "")


def _gpx_sample(point: ET.Element) -> Sample:
    return Sample(
        _unix_s(_child(point, "time")),
        float(point.attrib["lat"]),
        float(point.attrib["lon"]),
        float(_child(point, "ele") or 0.0),
    )


def _from_csv(text: str, name: str, only: dict[str, str]) -> list[Sample]:
    """Rows with columns `timestamp` (ISO 8601 or Unix seconds), `latitude`, `longitude`, perhaps `altitude`."""
    rows = csv.DictReader(text.splitlines())
    missing = {"timestamp", "latitude", "longitude", *only} - set(rows.fieldnames or ())
    if missing:
        raise DriveError(f"{name}: no column {', '.join(sorted(missing))}")
    samples, vehicles = [], set()
    for number, row in enumerate(rows, start=2):
        if any(row[column] != value for column, value in only.items()):
            continue
        vehicles.add((row.get("vehicle_id"), row.get("trip_id")))
        try:
            samples.append(_csv_sample(row))
        except (ValueError, TypeError, AttributeError) as error:
            raise DriveError(f"{name}, line {number}: {error}") from error
    if len(vehicles) > 1:
        raise DriveError(f"{name}: {len(vehicles)} vehicles or trips; choose one, as in trip_id=...")
    return samples


def _csv_sample(row: dict[str, str]) -> Sample:
    stamp = row["timestamp"]
    t_s = float(stamp) if stamp.replace(".", "", 1).isdigit() else _unix_s(stamp)
    return Sample(t_s, float(row["latitude"]), float(row["longitude"]), float(row.get("altitude") or 0.0))
