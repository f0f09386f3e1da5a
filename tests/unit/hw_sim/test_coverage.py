"""Maps of coverage: what is heard where, files of them, and a radio and a modem under them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hw_sim.network.coverage import Area, Coverage, CoverageError
from hw_sim.network.net import Network
from hw_sim.network.radio import BEACON_TIMEOUT, CONNECTING, GOT_IP, NO_AP_FOUND, Radio
from hw_sim.world.cell import Cell
from hw_sim.world.clock import World
from hw_sim.world.drive import Drive, Sample

DEPOT = (53.40, -2.98)
SQUARE = ((53.0, -3.0), (53.0, -2.0), (54.0, -2.0), (54.0, -3.0))
HOLE = ((53.4, -2.6), (53.4, -2.4), (53.6, -2.4), (53.6, -2.6))
START_S = 1_768_000_000.0


@dataclass
class At:
    """A place."""

    lat_deg: float
    lon_deg: float


def eastwards(seconds: int = 100) -> Drive:
    """A drive along a parallel at about 20 m/s, away from the depot."""
    step = 20 / 66_400  # degrees of longitude at 53.4° north
    return Drive([Sample(START_S + n, DEPOT[0], DEPOT[1] + n * step) for n in range(seconds + 1)])


def test_a_circle_is_strongest_in_its_middle() -> None:
    """From −50 dBm it falls to −90 at the rim, and beyond there is nothing."""
    area = Area("depot", DEPOT, 200.0, signal_dbm=-50)
    heard = [area.signal_at(DEPOT[0] + north_m / 111_195, DEPOT[1]) for north_m in (0, 50, 100, 199, 201)]
    assert heard[0] == -50
    assert heard[3] == -90
    assert heard[4] is None
    assert heard[:4] == sorted((dbm for dbm in heard if dbm is not None), reverse=True)


def test_a_polygon_has_holes() -> None:
    """Inside it is heard, in the hole and outside not."""
    area = Area("cell", rings=(SQUARE, HOLE))
    assert area.signal_at(53.1, -2.5) == -61
    assert area.signal_at(53.5, -2.5) is None
    assert area.signal_at(54.1, -2.5) is None


def test_the_best_of_several_counts() -> None:
    """Two access points of one name; another name is another network."""
    coverage = Coverage([Area("depot", DEPOT, 500.0, signal_dbm=-70), Area("depot", DEPOT, 100.0, signal_dbm=-40)])
    assert coverage.signal("depot", At(*DEPOT)) == -40
    assert coverage.signal("other", At(*DEPOT)) is None
    assert coverage.heard(At(*DEPOT)) == {"depot"}
    assert coverage.heard(At(0, 0)) == frozenset()


@pytest.mark.parametrize(
    "wrong",
    [
        {"network": ""},
        {"network": "x" * 33},
        {"centre": None},
        {"rings": (SQUARE,)},
        {"radius_m": 0.0},
        {"radius_m": 100_001.0},
        {"radius_m": float("nan")},
        {"signal_dbm": 1},
        {"centre": (91.0, 0.0)},
        {"centre": (0.0, float("nan"))},
        {"centre": None, "rings": (SQUARE[:2],)},
        {"centre": None, "rings": (((0, 179), (0, -179), (1, 0)),)},
    ],
)
def test_an_area_that_is_none_is_refused(wrong: dict[str, Any]) -> None:
    """One thing of a good one is changed."""
    good: dict[str, Any] = {"network": "x" * 32, "centre": DEPOT, "radius_m": 100_000.0, "signal_dbm": 0}
    Area(**good)
    with pytest.raises(CoverageError, match="area"):
        Area(**{**good, **wrong})


TOML = """
[[area]]
network = "depot"
centre = [53.4, -2.98]
radius_m = 200
signal_dbm = -50
[[area]]
network = "cell"
polygon = [[53.0, -3.0], [53.0, -2.0], [54.0, -2.0], [54.0, -3.0]]
"""
GEOJSON = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "properties": {"network": "depot", "radius_m": 200, "signal_dbm": -50},
            "geometry": {"type": "Point", "coordinates": [-2.98, 53.4, 12.0]},
        },
        {
            "type": "Feature",
            "properties": {"network": "cell"},
            "geometry": {"type": "Polygon", "coordinates": [[[lon, lat] for lat, lon in SQUARE]]},
        },
    ],
}


def test_both_kinds_of_file_say_the_same(tmp_path: Path) -> None:
    """TOML has latitude first, GeoJSON longitude."""
    (tmp_path / "map.toml").write_text(TOML)
    (tmp_path / "map.geojson").write_text(json.dumps(GEOJSON))
    from_toml, from_geojson = Coverage.load(tmp_path / "map.toml"), Coverage.load(tmp_path / "map.geojson")
    assert from_toml.areas == from_geojson.areas
    assert from_toml.areas == (Area("depot", DEPOT, 200.0, signal_dbm=-50), Area("cell", rings=(SQUARE,)))


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("map.toml", "[[area]]", "[[areas]]"),
        ("map.toml", "radius_m", "radius"),
        ("map.toml", "radius_m = 200", "radius_m = -1"),
        ("map.toml", "[53.4, -2.98]", "[53.4]"),
        ("map.toml", "[53.4, -2.98]", "53.4"),
        ("map.toml", 'network = "depot"', ""),
        ("map.geojson", '"Polygon"', '"LineString"'),
        ("map.geojson", '"radius_m": 200, ', ""),
        ("map.geojson", "[-2.98, 53.4, 12.0]", "null"),
        ("map.geojson", '"FeatureCollection"', '"Feature"'),
        ("map.geojson", "{", "["),
    ],
)
def test_a_bad_file_is_refused_with_its_name(tmp_path: Path, name: str, old: str, new: str) -> None:
    """One change to a good file."""
    good = TOML if name.endswith("toml") else json.dumps(GEOJSON)
    assert old in good
    (tmp_path / name).write_text(good.replace(old, new))
    with pytest.raises(CoverageError, match=name):
        Coverage.load(tmp_path / name)


def test_a_file_that_is_not_there_or_too_deep_is_refused(tmp_path: Path) -> None:
    """A missing one, and one of brackets only."""
    with pytest.raises(CoverageError, match="No such file"):
        Coverage.load(tmp_path / "none.toml")
    (tmp_path / "deep.json").write_text("[" * 100_000)
    with pytest.raises(CoverageError, match=r"deep\.json"):
        Coverage.load(tmp_path / "deep.json")


def test_changes_along_a_drive() -> None:
    """Heard at the start, not any more after 200 m, which is 10 s."""
    coverage = Coverage([Area("depot", DEPOT, 200.0)])
    changes = coverage.changes(eastwards())
    assert [sorted(change.heard) for change in changes] == [["depot"], []]
    assert abs(changes[1].unix_s - START_S - 10) <= 1


def a_board(world: World, network: Network, modem: object = None) -> Any:
    """What of a board the coverage looks at."""
    return SimpleNamespace(world=world, network=network, modem=modem)


def test_a_radio_loses_its_access_point_and_finds_it_again() -> None:
    """In reach it associates, out of it the beacons are missed and none is found; after `end` it is in reach."""
    world = World(start_unix_s=START_S)
    network = Network(world, wifi={"depot": "k", "elsewhere": "k"})
    radio = Radio(world.clock, network, 500)
    following = Coverage([Area("depot", DEPOT, 200.0, signal_dbm=-50)]).follow(a_board(world, network), eastwards())
    radio.set_active(True)
    radio.connect("depot", "k")
    world.clock.advance_to(5_000_000)
    assert (radio.status, radio.joined, network.online) == (GOT_IP, "depot", True)
    assert -90 < radio.rssi_dbm < -50
    world.clock.advance_to(12_000_000)
    assert not network.online
    assert radio.status == BEACON_TIMEOUT
    world.clock.advance_to(20_000_000)
    assert radio.status == NO_AP_FOUND
    following.end()
    world.clock.advance_to(30_000_000)
    assert (radio.status, network.online) == (GOT_IP, True)


def test_what_is_on_no_map_is_not_heard() -> None:
    """An access point that the network knows and the map does not; one of both is associated with."""
    world = World(start_unix_s=START_S)
    network = Network(world, wifi={"depot": "k", "elsewhere": "k"})
    radio = Radio(world.clock, network, 500)
    Coverage([Area("depot", DEPOT, 200.0)]).follow(a_board(world, network), eastwards())
    radio.set_active(True)
    radio.connect("elsewhere", "k")
    world.clock.advance_to(1_000_000)
    assert radio.status == NO_AP_FOUND
    radio.connect("depot", "k")
    assert radio.status == CONNECTING
    world.clock.advance_to(2_000_000)
    assert radio.status == GOT_IP


def test_a_modem_leaves_its_cell() -> None:
    """Covered for 10 s of the drive, then not; `end` gives it back what it had, and nothing of the map happens any more."""
    world, modem = World(start_unix_s=START_S), SimpleNamespace(cell=Cell(latency_ms=7))
    coverage = Coverage([Area("cell", DEPOT, 200.0)])
    board = a_board(world, Network(world), modem)
    following = coverage.follow(board, eastwards())
    world.clock.advance_to(8_000_000)
    assert modem.cell == Cell(latency_ms=7)
    world.clock.advance_to(12_000_000)
    assert modem.cell == Cell(latency_ms=7, covered=False)
    following.end()
    assert modem.cell == Cell(latency_ms=7)
    following = coverage.follow(board, eastwards().shifted(START_S + 20))
    following.end()
    world.clock.advance_to(60_000_000)
    assert modem.cell == Cell(latency_ms=7)
