"""Zones around a place, against points that are laid around it by spherical trigonometry."""

from __future__ import annotations

import math
import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_sync.directive.zones import zones_around
from cloud_sync.errors import ConfigError
from cloud_sync.model import Precision
from cloud_sync.wire.cells import cell_of, centre_e7

EARTH_M = 6_371_008.8  # mean radius, IUGG
CELL_1KM = Precision.CELL_1KM


def moved(lat: float, lon: float, distance_m: float, bearing: float) -> tuple[float, float]:
    """The point at a distance and bearing (radians) on the sphere, in degrees."""
    phi, angle = math.radians(lat), distance_m / EARTH_M
    there = math.asin(
        min(1.0, max(-1.0, math.sin(phi) * math.cos(angle) + math.cos(phi) * math.sin(angle) * math.cos(bearing)))
    )
    turn = math.atan2(
        math.sin(bearing) * math.sin(angle) * math.cos(phi), math.cos(angle) - math.sin(phi) * math.sin(there)
    )
    return math.degrees(there), (lon + math.degrees(turn) + 180) % 360 - 180


def cell(lat: float, lon: float) -> tuple[int, int]:
    """The device's cell of a place."""
    return cell_of(round(lat * 1e7), round(lon * 1e7), CELL_1KM)


PLACES = st.tuples(st.floats(-88, 88), st.floats(-180, 180))


@given(PLACES, st.floats(1, 700), st.integers(0, 2**32))
@settings(max_examples=150, deadline=None)
def test_every_point_within_the_radius_lies_in_a_zone(place: tuple[float, float], radius_m: float, seed: int) -> None:
    """On the circle and within it, at every latitude, over the antimeridian as well."""
    zones = zones_around(*place, radius_m)
    rng = random.Random(seed)
    for n in range(32):
        distance = radius_m if n % 2 else radius_m * math.sqrt(rng.random())
        point = moved(*place, distance, 2 * math.pi * n / 32)
        assert cell(*point) in zones


@given(PLACES, st.floats(1, 700))
@settings(max_examples=150, deadline=None)
def test_no_zone_is_far_from_the_place(place: tuple[float, float], radius_m: float) -> None:
    """No cell is closed that the radius does not need: each comes within it, or misses it by rounding."""
    for row, col in zones_around(*place, radius_m):
        lat_e7, _ = centre_e7(row, col, CELL_1KM)
        height_e7 = 50_000  # half a cell
        nearest = min(max(place[0] * 1e7, lat_e7 - height_e7), lat_e7 + height_e7)
        assert abs(nearest / 1e7 - place[0]) * 110_574 <= radius_m + 1


def test_a_home_in_the_middle_of_a_cell_is_one_zone_and_on_a_corner_four() -> None:
    """The centre of a cell of 1.1 by 1.3 km is more than 500 m from its edges."""
    middle = centre_e7(5567, 628, CELL_1KM)
    assert zones_around(middle[0] / 1e7, middle[1] / 1e7) == ((5567, 628),)
    assert zones_around(55.67, 12.56) == ((5566, 627), (5566, 628), (5567, 627), (5567, 628))
    assert zones_around(55.67, 12.57) == ((5566, 628), (5567, 628))


def test_the_corner_of_a_cell_that_the_circle_does_not_reach_stays_out() -> None:
    """250 m from two edges: the two neighbours are within 300 m, the one across the corner is 353 m away."""
    lat, lon = moved(*moved(55.67, 12.56, 250, 0), 250, math.pi / 2)
    assert zones_around(lat, lon) == ((5566, 628), (5567, 627), (5567, 628))


def test_the_antimeridian_and_the_poles() -> None:
    """Both sides of 180 degrees, under their own names; at a pole the one cell around it, and no more."""
    assert {col for _, col in zones_around(0.005, 180.0)} == {-18000, 17999}
    assert zones_around(0.005, 180.0) == zones_around(0.005, -180.0)
    for lat in (90.0, -90.0):
        assert all(cell(*moved(lat, 0.0, 290, bearing)) in zones_around(lat, 0.0) for bearing in (0.0, 1.0, 2.0, 3.0))


REFUSED: dict[str, tuple[tuple[Any, ...], str]] = {
    "a latitude off the globe": ((90.1, 0.0), "latitude"),
    "a longitude off the globe": ((0.0, 180.1), "longitude"),
    "no number": ((float("nan"), 0.0), "latitude"),
    "a text": (("55.67", 12.56), "latitude"),
    "no radius": ((55.67, 12.56, 0), "positive"),
    "an endless radius": ((55.67, 12.56, float("inf")), "positive"),
    "too many cells": ((55.67, 12.56, 2500), "16 cells"),
    "half the globe": ((55.67, 12.56, 2e7), "16 cells"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_zones_is_refused(name: str) -> None:
    """The sentence says what to do; the place with its usual radius has zones."""
    assert zones_around(55.67, 12.56)
    arguments, word = REFUSED[name]
    with pytest.raises(ConfigError, match=word):
        zones_around(*arguments)
