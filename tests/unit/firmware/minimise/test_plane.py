"""Distances in integers: never shorter than on Earth, and no float anywhere in what is counted with positions."""

from __future__ import annotations

import ast
import math
import random
from pathlib import Path

import pytest

import firmware.minimise
from firmware.minimise import plane
from tests.unit.firmware.minimise.leaving import metres

MODULES = sorted(Path(str(firmware.minimise.__file__)).parent.glob("*.py"))


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_no_minimiser_counts_in_floats(module: Path) -> None:
    """No float, true division, `math` or float(): on a chip's 24 bits a position in e7 is up to 64 units off."""
    assert len(MODULES) == 8
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        assert not (isinstance(node, ast.Constant) and isinstance(node.value, float)), ast.dump(node)
        assert not isinstance(node, ast.Div), "true division"
        assert not (isinstance(node, ast.Name) and node.id in ("float", "round", "math")), ast.dump(node)
        assert not (isinstance(node, ast.Import | ast.ImportFrom) and "math" in ast.dump(node)), ast.dump(node)


def test_the_cosine_is_an_upper_bound() -> None:
    """At each hundredth of a degree, on both sides of the equator: not below the cosine, and at most ten more."""
    for centi in range(9001):
        bound, cosine = plane.cosine(centi * 100_000), math.cos(math.radians(centi / 100))
        assert plane.ONE * cosine <= bound + 1e-9 and bound <= plane.ONE * cosine + 10
        assert plane.cosine(-centi * 100_000) == bound
    assert plane.cosine(0) == plane.ONE and plane.cosine(900_000_000) >= 1


def test_a_distance_is_never_shorter_than_on_earth() -> None:
    """Thousands of pairs up to 20 km apart: what counts as within a radius is; half a percent further is not."""
    choose = random.Random(1)
    near = far = 0
    for _ in range(20_000):
        lat = choose.randint(-890_000_000, 890_000_000)
        start = (lat, choose.randint(-1_800_000_000, 1_800_000_000))
        reach = choose.choice((10, 100, 1000, 20_000))
        north = choose.uniform(-1.2, 1.2) * reach * 90
        east = choose.uniform(-1.2, 1.2) * reach * 90 / max(math.cos(math.radians(lat / 1e7)), 0.01)
        end = (round(lat + north), (round(start[1] + east) + 1_800_000_000) % 3_600_000_000 - 1_800_000_000)
        if abs(end[0]) > 900_000_000:
            continue
        true_m = metres(start, end)
        if plane.within(start, end, plane.length(reach)):
            near += 1
            assert true_m <= reach + 0.02
        elif abs(lat) < 700_000_000:
            far += 1
            assert true_m > reach * 0.98 - 0.03
    assert near > 2000 and far > 2000


def test_the_shorter_way_around() -> None:
    """Two positions on both sides of the antimeridian are metres apart."""
    assert plane.east(-1_799_999_990, 1_799_999_990) == 20 and plane.east(1_799_999_990, -1_799_999_990) == -20
    assert plane.within((0, 1_799_999_990), (0, -1_799_999_990), 20)
