"""Recorded drives: where a vehicle truly was, at any instant.

Between two samples the vehicle moves on the great circle at constant speed (spherical linear interpolation); its speed
and course are those of that stretch. Before the first sample and after the last it stands still there. A pause in the
recording longer than `GAP_S` counts as standing at its beginning, then the stretch in the last second.
"""

import bisect
import datetime as dt
import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from hw_sim.errors import DriveError
from hw_sim.world import formats
from hw_sim.world.geo import EARTH_RADIUS_M, Sample, between, course_deg, distance_m
from hw_sim.world.recording import Tally

__all__ = ["EARTH_RADIUS_M", "Drive", "Sample", "Tally", "Truth", "course_deg", "distance_m"]
MOST_SAMPLES = 2_000_000  # of a drive that is repeated: about 200 MB


@dataclass(frozen=True)
class Truth:
    """Where the vehicle is: degrees, metres, m/s over ground, degrees from north."""

    lat_deg: float
    lon_deg: float
    alt_m: float
    speed_m_s: float
    course_deg: float


class Drive:
    """Samples in the order of time, and the truth between them."""

    GAP_S = 300.0

    def __init__(self, samples: Iterable[Sample], name: str = "drive") -> None:
        unique = {s.t_s: s for s in samples}
        self.samples = [unique[t] for t in sorted(unique)]
        self.name = name
        self.tally: Tally | None = None  # of the file that it was read from
        if len(self.samples) < 2:
            raise DriveError(f"{name}: fewer than two samples with a time")
        for s in self.samples:
            if not (abs(s.lat_deg) <= 90 and abs(s.lon_deg) <= 180 and math.isfinite(s.alt_m) and math.isfinite(s.t_s)):
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
        return sum(distance_m(a, b) for a, b in itertools.pairwise(self.samples))

    @property
    def description(self) -> str:
        """Name, size and how the gaps are filled, in one line."""
        minutes = (self.end_unix_s - self.start_unix_s) / 60
        size = f"{len(self.samples)} samples in {minutes:.0f} min, {self.length_m / 1000:.1f} km"
        told = f"; {self.tally}" if self.tally and "," in str(self.tally) else ""
        return f"{self.name}: {size}; great circle at constant speed between samples{told}"

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
        lat, lon = between(a, b, share)
        speed = distance_m(a, b) / (b.t_s - a.t_s)
        course = course_deg(a, b) if speed > 0.1 else 0.0  # below walking pace the course of a stretch is noise
        return Truth(lat, lon, a.alt_m + share * (b.alt_m - a.alt_m), speed, course)

    def shifted(self, start_unix_s: float) -> Self:
        """The same drive, begun at another time."""
        by = start_unix_s - self.start_unix_s
        return type(self)((replace(s, t_s=s.t_s + by) for s in self.samples), self.name)

    def there_and_back(self) -> Self:
        """The drive, then the same way back at the same pace, so that it ends where it began."""
        turn = 2 * self.end_unix_s
        back = (replace(s, t_s=turn - s.t_s) for s in reversed(self.samples[:-1]))
        return type(self)(itertools.chain(self.samples, back), f"{self.name}, there and back")

    def looped(self, for_s: float) -> Self:
        """There and back again without a stop, for at least that many seconds."""
        lap = self.there_and_back()
        length = lap.end_unix_s - lap.start_unix_s
        starts = (lap.start_unix_s + n * length for n in range(max(1, math.ceil(for_s / length))))
        return lap._again(starts, f"{self.name}, looped")

    def on_days(
        self,
        first: dt.date,
        days: int,
        *,
        weekdays: Iterable[int] = range(5),
        zone: str = "UTC",
        without: Iterable[dt.date] = (),
    ) -> Self:
        """The drive at its time of day in `zone` on each of so many days that is one of `weekdays` (Monday is 0).

        `without`: days on which it is not driven, holidays say. The time of day on the wall is kept when the clocks change. In
        between it stands where it ended; a drive that ends elsewhere than it begins is back within the last second, so take
        `there_and_back()` of one.
        """
        try:
            civil = ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise DriveError(f"no time zone {zone!r}; name one as Europe/Berlin") from error
        wanted, out = set(weekdays), set(without)
        recorded = dt.datetime.fromtimestamp(self.start_unix_s, civil)
        dates = (first + dt.timedelta(days=n) for n in range(days))
        driven = [date for date in dates if date.weekday() in wanted and date not in out]
        if not driven:
            raise DriveError(f"{self.name}: none of {days} days from {first} is one on which it is driven")
        starts = (dt.datetime.combine(date, recorded.time(), civil).timestamp() for date in driven)
        return self._again(starts, f"{self.name} on {len(driven)} days")

    def _again(self, starts: Iterable[float], name: str) -> Self:
        """The drive once from each of these Unix times on; DriveError where one begins before the last has ended."""
        samples: list[Sample] = []
        for start in starts:
            if samples and start < samples[-1].t_s:
                raise DriveError(f"{self.name}: lasts longer than until it begins again; cut it with between()")
            if len(samples) + len(self.samples) > MOST_SAMPLES:
                raise DriveError(f"{name}: more than {MOST_SAMPLES} samples; repeat it for fewer days")
            by = start - self.start_unix_s
            samples += [replace(s, t_s=s.t_s + by) for s in self.samples]
        return type(self)(samples, name)

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
    def from_file(cls, path: Path | str, *, tolerant: bool = False, **only: str) -> Self:
        """Reads GPX, CSV, NMEA or UBX, told by the content; of a CSV only rows with these values, as in `trip_id="1105"`.

        DriveError says what is wrong, at which line or byte, and what to do. tolerant: rows that go back in time or jump
        are left out; `tally` counts these and whatever else was.
        """
        path = Path(path)
        samples, tally = formats.read(path, only, tolerant=tolerant)
        drive = cls(samples, path.name)
        tally.gaps = sum(b.t_s - a.t_s > cls.GAP_S for a, b in itertools.pairwise(drive.samples))
        drive.tally = tally
        return drive
