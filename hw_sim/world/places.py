"""Where made-up people live, work, learn, shop: places with names around the middle of a made-up town."""

import math
import random
from dataclasses import dataclass, field

from hw_sim.world.geo import moved
from hw_sim.world.ways import Point, junctions

# Made up, in m: how far from the middle most homes lie, work from home (median and spread of a log-normal), a school,
# shops of the quarter; how far the neighbour of a home lives.
TOWN_M = 5000.0
_WORK_M, _WORK_SPREAD, _MOST_WORK_M = 7000.0, 0.7, 40_000.0
_SCHOOL_M, _SHOP_M, _LEISURE_M, _STOP_M = (400.0, 2500.0), (200.0, 1800.0), (800.0, 6000.0), (500.0, 9000.0)
_NEIGHBOUR_M = (25.0, 60.0)
_SHOPS, _LEISURE, _DELIVERIES = 3, 3, 40
_OWN_JUNCTIONS = 3


@dataclass(frozen=True)
class Place:
    """A place with its name and kind: home, neighbour, work, school, shop, leisure, depot, delivery, away."""

    name: str
    kind: str
    lat_deg: float
    lon_deg: float
    junctions: tuple[Point, ...] = field(repr=False, default=())

    @property
    def at(self) -> Point:
        """Degrees."""
        return self.lat_deg, self.lon_deg


@dataclass(frozen=True)
class Circle:
    """The places of one person; nobody visits `neighbour`, which is there for tests to confuse with home."""

    home: Place
    neighbour: Place
    work: Place
    shops: tuple[Place, ...]
    leisure: tuple[Place, ...]
    away: Place
    deliveries: tuple[Place, ...] = ()

    @property
    def all(self) -> tuple[Place, ...]:
        """All of them."""
        return (self.home, self.neighbour, self.work, *self.shops, *self.leisure, self.away, *self.deliveries)


def circle(person: str, role: str, middle: Point, chance: random.Random) -> Circle:
    """The places of a person of that role: adult, pupil or driver (of a van, whose home is its depot)."""

    def place(name: str, kind: str, around: Point, metres: float) -> Place:
        angle = chance.uniform(0, 2 * math.pi)
        lat, lon = moved(*around, metres * math.cos(angle), metres * math.sin(angle))
        at = round(lat, 7), round(lon, 7)
        return Place(f"{person}'s {name}", kind, *at, junctions(at, chance))

    driver = role == "driver"
    home = place("depot" if driver else "home", "depot" if driver else "home", middle, abs(chance.gauss(0, TOWN_M)))
    work_m = min(_MOST_WORK_M, chance.lognormvariate(math.log(_WORK_M), _WORK_SPREAD))
    pupil = role == "pupil"
    return Circle(
        home,
        place("neighbour", "neighbour", home.at, chance.uniform(*_NEIGHBOUR_M)),
        place(
            "school" if pupil else "work",
            "school" if pupil else "work",
            home.at,
            chance.uniform(*_SCHOOL_M) if pupil else work_m,
        ),
        tuple(place(f"shop {n + 1}", "shop", home.at, chance.uniform(*_SHOP_M)) for n in range(_SHOPS)),
        tuple(place(f"leisure {n + 1}", "leisure", home.at, chance.uniform(*_LEISURE_M)) for n in range(_LEISURE)),
        place("holidays", "away", home.at, chance.uniform(60_000, 250_000)),
        tuple(
            place(f"delivery {n + 1}", "delivery", home.at, chance.uniform(*_STOP_M))
            for n in range(_DELIVERIES * driver)
        ),
    )
