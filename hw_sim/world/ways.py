"""A plausible way between two places without a map: corners, turns, stops at crossings, speeds of a town.

A stated simplification. The straight line is broken at corners that lie beside it by up to a fifth of its length; each
place has a few junctions of its own, 150 to 400 m away in fixed directions, and every way to or from it leads over one of
them, as the streets around a house do. A leg is driven at one speed drawn from a normal distribution, reached and left
through a second's steps at 1.5 m/s²; at a third of the corners the vehicle stands for some seconds. All numbers are made
up. No way follows a road, so a map matcher has nothing to find.
"""

import itertools
import math
import random
from dataclasses import dataclass

from hw_sim.world.geo import Sample, course_deg, distance_m, moved

SAMPLE_S = 15  # a sample at least so often while it moves
ACCELERATION_M_S2 = 1.5
_JUNCTIONS, _JUNCTION_M = 3, (150.0, 400.0)
_CORNER_M = 900.0  # a corner about so often
_STOP_SHARE, _STOP_S = 1 / 3, (5.0, 45.0)
Point = tuple[float, float]


@dataclass(frozen=True)
class Mode:
    """How somebody goes: m/s of a leg, mean, deviation, least; whether they wait at corners."""

    name: str
    mean_m_s: float
    deviation_m_s: float
    least_m_s: float
    stops: bool


WALK = Mode("walk", 1.35, 0.15, 0.9, stops=False)
CAR = Mode("car", 10.0, 2.5, 4.0, stops=True)
FAR = Mode("motorway", 27.0, 4.0, 15.0, stops=False)
FAR_M = 30_000.0  # from here on people take the motorway, with a corner each so many metres
WALK_M = 900.0  # up to here people walk


def junctions(at: Point, chance: random.Random) -> tuple[Point, ...]:
    """The junctions around a place; draw them once for each place."""
    found = []
    for _ in range(_JUNCTIONS):
        angle, metres = chance.uniform(0, 2 * math.pi), chance.uniform(*_JUNCTION_M)
        found.append(moved(*at, metres * math.cos(angle), metres * math.sin(angle)))
    return tuple(found)


def corners(
    begin: Point, end: Point, over: tuple[Point, ...], onto: tuple[Point, ...], chance: random.Random
) -> list[Point]:
    """The corners of a way, its ends among them; it leaves over a junction of `over` and arrives by one of `onto`."""
    if _metres(begin, end) <= WALK_M:
        return [begin, _beside(begin, end, 0.5, chance), end]
    leave, arrive = chance.choice(over), chance.choice(onto)
    metres = _metres(leave, arrive)
    count = max(1, round(metres / (_CORNER_M if metres <= FAR_M else 10 * _CORNER_M)))
    inner = [_beside(leave, arrive, (n + 1) / (count + 1), chance) for n in range(count)]
    return [begin, leave, *inner, arrive, end]


def travel(begin_s: int, points: list[Point], chance: random.Random) -> list[Sample]:
    """Samples of the way through these corners from that second on, with the last on arrival; whole seconds."""
    length = sum(_metres(a, b) for a, b in itertools.pairwise(points))
    mode = WALK if length <= 2 * WALK_M else CAR if length <= FAR_M else FAR
    samples, now = [Sample(begin_s, *points[0])], float(begin_s)
    for n, (a, b) in enumerate(itertools.pairwise(points)):
        now = _leg(samples, now, a, b, mode, chance)
        if mode.stops and n < len(points) - 2 and chance.random() < _STOP_SHARE:
            now += chance.uniform(*_STOP_S)
            _add(samples, now, b)
    return samples


def _leg(samples: list[Sample], now: float, a: Point, b: Point, mode: Mode, chance: random.Random) -> float:
    """One leg with its beginning and its end slower; when it is over."""
    metres = _metres(a, b)
    speed = max(mode.least_m_s, chance.gauss(mode.mean_m_s, mode.deviation_m_s))
    ramp_s = speed / ACCELERATION_M_S2
    if metres < 2 * speed * ramp_s or not mode.stops:
        pieces = [(0.0, 0.0), (metres / speed, metres)]
    else:
        ramp_m = speed * ramp_s / 2
        even_s = (metres - 2 * ramp_m) / speed
        pieces = [(0.0, 0.0), (ramp_s, ramp_m), (ramp_s + even_s, metres - ramp_m), (2 * ramp_s + even_s, metres)]
    for (begin_s, begin_m), (end_s, end_m) in itertools.pairwise(pieces):
        steps = max(1, math.ceil((end_s - begin_s) / SAMPLE_S))
        for step in range(1, steps + 1):
            share = step / steps
            way = (begin_m + (end_m - begin_m) * share) / metres if metres else 1.0
            at = a[0] + (b[0] - a[0]) * way, a[1] + (b[1] - a[1]) * way
            _add(samples, now + begin_s + (end_s - begin_s) * share, at)
    return now + pieces[-1][0]


def _add(samples: list[Sample], at_s: float, place: Point) -> None:
    """A sample at the whole second, if it is not that of the sample before."""
    second = round(at_s)
    if second > samples[-1].t_s:
        samples.append(Sample(second, round(place[0], 7), round(place[1], 7)))
    else:
        samples[-1] = Sample(samples[-1].t_s, round(place[0], 7), round(place[1], 7))


def _beside(a: Point, b: Point, share: float, chance: random.Random) -> Point:
    """A point beside the straight line at that share of it."""
    metres, course = _metres(a, b), math.radians(course_deg(Sample(0, *a), Sample(0, *b)))
    off = chance.uniform(-0.2, 0.2) * metres * math.sin(math.pi * share)
    at = a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share
    return moved(*at, -off * math.sin(course), off * math.cos(course))


def _metres(a: Point, b: Point) -> float:
    return distance_m(Sample(0, *a), Sample(0, *b))
