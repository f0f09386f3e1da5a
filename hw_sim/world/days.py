"""Synthetic days of people and vans, with the truth about them: where they live, and who was where and when.

What a day is made of follows its kind: a working day, a Saturday, a Sunday or public holiday (of the country and its
subdivision, from the `holidays` package), a day of school holidays, a day away from home. The times are normal and
log-normal distributions whose numbers are made up to look like a European town; nothing here is a survey's. That a person
makes about three trips a day is the order of travel surveys (Germany's MiD 2017 reports 3.1). Ways are those of
`hw_sim.world.ways`. The same arguments give the same bytes.
"""

import datetime as dt
import itertools
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from hw_sim.errors import HwSimError
from hw_sim.world import ways
from hw_sim.world.calendar import Calendar
from hw_sim.world.drive import Drive
from hw_sim.world.geo import Sample
from hw_sim.world.outings import LEAST_STAY_S, outings
from hw_sim.world.places import Circle, Place, circle

MOST_PEOPLE, MOST_DAYS = 1000, 366
MOST_PERSON_DAYS = 36_600  # some 200 samples each: about a gigabyte of them at this bound


@dataclass(frozen=True)
class Visit:
    """A person at a place, from one Unix second to another."""

    person: str
    place: str
    start_unix_s: int
    end_unix_s: int


@dataclass(frozen=True)
class GroundTruth:
    """What nobody must be able to tell from what leaves a device: places with names, visits with times."""

    circles: dict[str, Circle]
    visits: tuple[Visit, ...]

    def home(self, person: str) -> Place:
        """Where the person lives, or the van's depot."""
        return self.circles[person].home

    def neighbour(self, person: str) -> Place:
        """A house beside it that nobody visits."""
        return self.circles[person].neighbour

    def place(self, name: str) -> Place:
        """The place of that name."""
        return next(place for each in self.circles.values() for place in each.all if place.name == name)

    def of(self, person: str) -> Iterator[Visit]:
        """The person's visits in the order of time."""
        return (visit for visit in self.visits if visit.person == person)

    def to_json(self) -> str:
        """All of it, the same bytes for the same days."""
        places = [
            {"person": person, "name": p.name, "kind": p.kind, "lat_deg": p.lat_deg, "lon_deg": p.lon_deg}
            for person, each in self.circles.items()
            for p in each.all
        ]
        return json.dumps({"places": places, "visits": [vars(visit) for visit in self.visits]}, indent=1) + "\n"


@dataclass(frozen=True)
class Days:
    """`people` and `vans` for `days` from `first` on, in a town around `middle`; names are person-1 …, van-1 ….

    Of people each third is a pupil. Every life begins and ends at home, at midnight of `zone`.
    """

    people: int = 1
    days: int = 7
    seed: int = 0
    vans: int = 0
    first: dt.date = dt.date(2026, 3, 2)  # a Monday without holidays
    middle: tuple[float, float] = (52.45, 13.45)
    zone: str = "Europe/Berlin"
    country: str = "DE"
    subdivision: str = "BE"

    def __post_init__(self) -> None:
        """HwSimError for what cannot be: nobody, no days, no such place, zone or country."""
        if not (self.people >= 0 and self.vans >= 0 and 1 <= self.people + self.vans <= MOST_PEOPLE):
            raise HwSimError(f"{self.people} people and {self.vans} vans: give 1 to {MOST_PEOPLE} together")
        if not 1 <= self.days <= MOST_DAYS:
            raise HwSimError(f"{self.days} days: give 1 to {MOST_DAYS}")
        if (self.people + self.vans) * self.days > MOST_PERSON_DAYS:
            raise HwSimError(
                f"more than {MOST_PERSON_DAYS} days of all together; ask for fewer at once, with other seeds"
            )
        if not (abs(self.middle[0]) <= 80 and abs(self.middle[1]) <= 180):
            raise HwSimError(f"no town at {self.middle}: give degrees, and a latitude of at most 80")
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise HwSimError(f"no time zone {self.zone!r}; name one as Europe/Berlin") from error
        Calendar(self.country, self.subdivision)

    @property
    def names(self) -> tuple[str, ...]:
        """Of all people and vans."""
        return (
            *(f"person-{n + 1}" for n in range(self.people)),
            *(f"van-{n + 1}" for n in range(self.vans)),
        )

    def role(self, name: str) -> str:
        """adult, pupil or driver; HwSimError for a name that nobody has."""
        kind, _, number = name.partition("-")
        if name not in self.names:
            raise HwSimError(f"nobody is called {name}; there are {self.names[0]} to {self.names[-1]}")
        return "driver" if kind == "van" else "pupil" if int(number) % 3 == 0 else "adult"

    def drive(self, name: str) -> Drive:
        """Where that person or van was, from the first midnight to the last."""
        self.role(name)
        return Drive(self._lives[name][0], name)

    def truth(self) -> GroundTruth:
        """Where they live, and all visits in the order of names and time."""
        visits = tuple(itertools.chain.from_iterable(self._lives[name][1] for name in self.names))
        return GroundTruth(self._circles, visits)

    @cached_property
    def _circles(self) -> dict[str, Circle]:
        return {name: circle(name, self.role(name), self.middle, self._chance(name, "places")) for name in self.names}

    @cached_property
    def _lives(self) -> dict[str, tuple[list[Sample], list[Visit]]]:
        return {name: self._life(name) for name in self.names}

    def _chance(self, name: str, what: object) -> random.Random:
        return random.Random(f"{self.seed}/{name}/{what}")

    def _life(self, name: str) -> tuple[list[Sample], list[Visit]]:
        """Samples and visits of one, from the first midnight to the last."""
        mine, role = self._circles[name], self.role(name)
        calendar, zone = Calendar(self.country, self.subdivision), ZoneInfo(self.zone)
        life = _Life(name, mine.home, _midnight(self.first, zone))
        for number in range(self.days):
            date = self.first + dt.timedelta(days=number)
            kind = calendar.kind(date, role, self._chance(name, f"leave {date.year}"))
            chance, midnight = self._chance(name, date), _midnight(date, zone)
            for outing in outings(role, mine, kind, chance):
                life.go(midnight + outing.at_s, outing.place, chance)
        life.end(_midnight(self.first + dt.timedelta(days=self.days), zone))
        return life.samples, life.visits


def _midnight(date: dt.date, zone: ZoneInfo) -> int:
    return int(dt.datetime.combine(date, dt.time(), zone).timestamp())


class _Life:
    """Samples and visits as they are lived."""

    def __init__(self, name: str, at: Place, since_s: int) -> None:
        self.samples = [Sample(since_s, *at.at)]
        self.visits: list[Visit] = []
        self._name, self._at, self._since_s = name, at, since_s

    def go(self, at_s: int, place: Place, chance: random.Random) -> None:
        """Set off then, or as soon as the stay here has lasted long enough; nothing for who is there already."""
        if place is self._at:
            return
        leave = max(at_s, self._since_s + LEAST_STAY_S)
        self._stayed(leave)
        if leave > self.samples[-1].t_s:
            self.samples.append(Sample(leave, *self._at.at))
        points = ways.corners(self._at.at, place.at, self._at.junctions, place.junctions, chance)
        self.samples += ways.travel(leave, points, chance)[1:]
        self._at, self._since_s = place, int(self.samples[-1].t_s)

    def end(self, at_s: int) -> None:
        """That midnight; what would come after it is cut."""
        self._stayed(max(at_s, self._since_s))
        self.samples = [sample for sample in self.samples if sample.t_s < at_s]
        self.visits = [replace(v, end_unix_s=min(v.end_unix_s, at_s)) for v in self.visits if v.start_unix_s < at_s]
        last = self.samples[-1]
        self.samples.append(Sample(at_s, last.lat_deg, last.lon_deg))

    def _stayed(self, until_s: int) -> None:
        self.visits.append(Visit(self._name, self._at.name, self._since_s, until_s))
