"""Which network is heard where: areas of access points and of mobile cells, and a board that is driven through them.

Files: TOML, a list of `[[area]]`; or GeoJSON (RFC 7946), where a Point with `radius_m` is a circle.
"""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from hw_sim.errors import HwSimError

if TYPE_CHECKING:
    from hw_sim.board import Board
    from hw_sim.world.clock import Handle
    from hw_sim.world.drive import Drive

CELL = "cell"  # the name of areas that the modem hears; any other is an access point's
EDGE_DBM = -90  # at the rim of a circle: where stations let go (ESP-IDF's connections end near -90)
MIDDLE_DBM = -61  # a usable link
NEAR = 0.05  # of its radius: within it a circle has the signal of its middle
STEP_S = 1.0  # a car passes 30 m meanwhile
EARTH_RADIUS_M = 6_371_008.8  # mean radius, IUGG
SIZE_LIMIT_BYTES = 16 << 20  # a map of a country's cells; it is read into memory whole
AREAS_LIMIT = 10_000  # each is looked at once a second of a drive
POINTS_LIMIT = 100_000  # of one polygon

Point = tuple[float, float]  # latitude, longitude in degrees


class Place(Protocol):
    """Where something is."""

    @property
    def lat_deg(self) -> float:
        """Degrees north."""
        ...

    @property
    def lon_deg(self) -> float:
        """Degrees east."""
        ...


class CoverageError(HwSimError):
    """A map of coverage that cannot be read, or says what cannot be."""


@dataclass(frozen=True)
class Area:
    """A circle (`centre`, `radius_m`) or a polygon (`rings`: the outer one, then holes) of one network.

    `network` is the name of an access point, or "cell". `signal_dbm` holds in the middle of a circle and falls with the
    logarithm of the distance to EDGE_DBM at its rim (log-distance path loss); in a polygon it holds everywhere.
    """

    network: str
    centre: Point | None = None
    radius_m: float = 0.0
    rings: tuple[tuple[Point, ...], ...] = ()
    signal_dbm: int = MIDDLE_DBM

    def __post_init__(self) -> None:
        """CoverageError for an area that is none."""
        if not self.network or len(self.network.encode()) > 32:  # IEEE 802.11: an SSID has at most 32 bytes
            raise CoverageError(f"area {self.network!r}: a network's name has 1 to 32 bytes")
        if (self.centre is None) != bool(self.rings):
            raise CoverageError(f"area {self.network}: either a centre with a radius_m, or a polygon")
        if self.centre is not None and not 0 < self.radius_m <= 100_000:  # GSM's largest cell has 35 km, LTE's 100 km
            raise CoverageError(f"area {self.network}: radius_m above 0, up to 100000")
        if not -127 <= self.signal_dbm <= 0:
            raise CoverageError(f"area {self.network}: signal_dbm from -127 to 0")
        self._check_points()

    def _check_points(self) -> None:
        points = [self.centre] if self.centre else [point for ring in self.rings for point in ring]
        if len(points) > POINTS_LIMIT or any(len(ring) < 3 for ring in self.rings):
            raise CoverageError(f"area {self.network}: a ring has at least 3 points, an area at most {POINTS_LIMIT}")
        if not all(abs(lat) <= 90 and abs(lon) <= 180 for lat, lon in points):  # not so for NaN either
            raise CoverageError(f"area {self.network}: latitudes to ±90, longitudes to ±180 degrees")
        longitudes = [lon for _, lon in points]
        if max(longitudes) - min(longitudes) > 180:
            raise CoverageError(f"area {self.network}: it crosses the date line; split it there (RFC 7946, 3.1.9)")

    def signal_at(self, lat_deg: float, lon_deg: float) -> int | None:
        """In dBm, None outside."""
        if self.centre is None:
            return self.signal_dbm if self._inside(lat_deg, lon_deg) else None
        share = _distance_m(self.centre, (lat_deg, lon_deg)) / self.radius_m
        if share > 1:
            return None
        fallen = 1 - math.log(max(share, NEAR)) / math.log(NEAR)
        return round(self.signal_dbm + fallen * (min(EDGE_DBM, self.signal_dbm) - self.signal_dbm))

    def _inside(self, lat: float, lon: float) -> bool:
        """By even and odd crossings, so holes are holes."""
        inside = False
        for ring in self.rings:
            for (lat_a, lon_a), (lat_b, lon_b) in zip(ring, (*ring[1:], ring[0]), strict=True):
                if (lat_a > lat) != (lat_b > lat) and lon < lon_a + (lat - lat_a) / (lat_b - lat_a) * (lon_b - lon_a):
                    inside = not inside
        return inside


class Change(NamedTuple):
    """From that Unix time on these networks are heard."""

    unix_s: float
    heard: frozenset[str]


class Coverage:
    """Areas; a network that is in none of them is heard nowhere."""

    def __init__(self, areas: Iterable[Area]) -> None:
        self.areas = tuple(areas)
        if len(self.areas) > AREAS_LIMIT:
            raise CoverageError(f"{len(self.areas)} areas; at most {AREAS_LIMIT}")
        self.networks = frozenset(area.network for area in self.areas)

    @classmethod
    def load(cls, path: Path | str) -> Coverage:
        """From a `.toml`, `.json` or `.geojson` file; CoverageError says what is wrong with it."""
        path = Path(path)
        try:
            if path.stat().st_size > SIZE_LIMIT_BYTES:
                raise CoverageError(f"{path.name}: larger than {SIZE_LIMIT_BYTES >> 20} MiB")
            text = path.read_text(encoding="utf-8")
            areas = _from_toml(text) if path.suffix == ".toml" else _from_geojson(text)
            return cls(areas)
        except OSError as error:
            raise CoverageError(f"{path}: {error.strerror}") from error
        except CoverageError as error:
            raise CoverageError(f"{path.name}: {error}") from error
        except (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError) as error:
            raise CoverageError(f"{path.name}: {type(error).__name__}: {error}") from error

    def signal(self, network: str, place: Place) -> int | None:
        """The best there, in dBm; None where it is not heard."""
        heard = [area.signal_at(place.lat_deg, place.lon_deg) for area in self.areas if area.network == network]
        return max((dbm for dbm in heard if dbm is not None), default=None)

    def heard(self, place: Place) -> frozenset[str]:
        """The networks that are heard there."""
        return frozenset(network for network in self.networks if self.signal(network, place) is not None)

    def changes(self, drive: Drive, step_s: float = STEP_S) -> list[Change]:
        """What is heard along a drive, each time it changes; the first is its start."""
        found: list[Change] = []
        steps = math.ceil((drive.end_unix_s - drive.start_unix_s) / step_s)
        for n in range(steps + 1):
            unix_s = min(drive.start_unix_s + n * step_s, drive.end_unix_s)
            heard = self.heard(drive.at(unix_s))
            if not found or heard != found[-1].heard:
                found.append(Change(unix_s, heard))
        return found

    def follow(self, board: Board, drive: Drive) -> Following:
        """From now on the board hears what is heard where the drive is; `end()` gives it back what it had."""
        return Following(self, board, drive)


class Following:
    """A board under a map of coverage: access points by its network, cells by its modem."""

    def __init__(self, coverage: Coverage, board: Board, drive: Drive) -> None:
        self._coverage, self._board, self._drive = coverage, board, drive
        self._clock = board.world.clock
        self._before: Callable[[str], int | None] = board.network.reach
        self._now: tuple[str, int] = ("", -1)
        self._signal: int | None = None
        board.network.reach = self._reach
        self._timers: list[Handle] = []
        self._covered = board.modem.cell.covered if board.modem is not None else True
        if board.modem is not None and CELL in coverage.networks:
            for change in coverage.changes(drive):
                self._plan(change)

    def _reach(self, ssid: str) -> int | None:
        """Asked again for each second of the world."""
        if ssid not in self._coverage.networks:
            return None
        second = self._clock.now_us // 1_000_000
        if self._now != (ssid, second):
            self._now = ssid, second
            self._signal = self._coverage.signal(ssid, self._drive.at(self._clock.unix_s))
        return self._signal

    def _plan(self, change: Change) -> None:
        covered = CELL in change.heard
        if self._clock.us_of(change.unix_s) <= self._clock.now_us:
            self._cover(covered)
        else:
            self._timers.append(self._clock.at(self._clock.us_of(change.unix_s), lambda: self._cover(covered)))

    def _cover(self, covered: bool) -> None:
        modem = self._board.modem
        if modem is not None:
            modem.cell = replace(modem.cell, covered=covered)

    def end(self) -> None:
        """It hears what it heard before."""
        for timer in self._timers:
            timer.cancel()
        self._board.network.reach = self._before
        self._cover(self._covered)


def _distance_m(a: Point, b: Point) -> float:
    """Great-circle distance on the mean sphere (haversine)."""
    (lat_a, lon_a), (lat_b, lon_b) = a, b
    la, lb, dlon = math.radians(lat_a), math.radians(lat_b), math.radians(lon_b - lon_a)
    h = math.sin((lb - la) / 2) ** 2 + math.cos(la) * math.cos(lb) * math.sin(dlon / 2) ** 2
    return 2 * EARTH_RADIUS_M * math.asin(min(1.0, math.sqrt(h)))


def _from_toml(text: str) -> list[Area]:
    """`[[area]]` with network, signal_dbm, and centre = [lat, lon] with radius_m, or polygon = [[lat, lon], ...]."""
    data = tomllib.loads(text)
    unknown = set(data) - {"area"}
    if unknown:
        raise CoverageError(f"no such key: {', '.join(sorted(unknown))}; a map has [[area]] only")
    return [_toml_area(row) for row in data.get("area", [])]


def _toml_area(row: dict[str, Any]) -> Area:
    unknown = set(row) - {"network", "signal_dbm", "centre", "radius_m", "polygon"}
    if unknown:
        raise CoverageError(f"no such key of an area: {', '.join(sorted(unknown))}")
    ring = tuple(_point(pair) for pair in row.get("polygon", ()))
    return Area(
        str(row["network"]),
        _point(row["centre"]) if "centre" in row else None,
        float(row.get("radius_m", 0.0)),
        (ring,) if ring else (),
        int(row.get("signal_dbm", MIDDLE_DBM)),
    )


def _from_geojson(text: str) -> list[Area]:
    """Features with the properties network, signal_dbm, and of a Point radius_m."""
    data = json.loads(text)
    features = data["features"] if data["type"] == "FeatureCollection" else [data]
    return [area for feature in features for area in _feature(feature)]


def _feature(feature: dict[str, Any]) -> list[Area]:
    told, shape = feature.get("properties") or {}, feature["geometry"]
    network, signal = str(told["network"]), int(told.get("signal_dbm", MIDDLE_DBM))
    kind, places = shape["type"], shape["coordinates"]
    if kind == "Point":
        return [Area(network, _turned(places), float(told["radius_m"]), signal_dbm=signal)]
    if kind not in ("Polygon", "MultiPolygon"):
        raise CoverageError(f"a {kind} has no area: Point with radius_m, Polygon or MultiPolygon")
    polygons = [places] if kind == "Polygon" else places
    return [
        Area(network, rings=tuple(tuple(_turned(place) for place in ring) for ring in rings), signal_dbm=signal)
        for rings in polygons
    ]


def _point(pair: Sequence[float]) -> Point:
    lat, lon = pair
    return float(lat), float(lon)


def _turned(place: Sequence[float]) -> Point:
    """GeoJSON has longitude first, and perhaps a height behind."""
    return float(place[1]), float(place[0])
