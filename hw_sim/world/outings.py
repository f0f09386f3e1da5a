"""What somebody does on a day: when they set off, and whereto. All numbers are made up (see `hw_sim.world.days`)."""

import random
from dataclasses import dataclass

from hw_sim.world.places import Circle, Place

_HOUR_S = 3600
_DELIVERIES = (15, 30)
_DELIVERY_S = 240  # median of what a delivery takes
LEAST_STAY_S = 120


@dataclass(frozen=True)
class Outing:
    """Setting off, so many seconds after midnight or as soon as one has been here for LEAST_STAY_S, to a place."""

    at_s: int
    place: Place


def outings(role: str, mine: Circle, kind: str, chance: random.Random) -> list[Outing]:
    """The outings of a day of that kind, in the order of time; somebody who is not away ends at home."""
    if kind == "away":
        return [Outing(_about(9, 0.7, chance), mine.away)]
    if kind == "back":
        return [Outing(_about(11, 1.0, chance), mine.home)]
    if role == "driver":
        return _round(mine, kind, chance)
    return _own_day(role, mine, kind, chance)


def _own_day(role: str, mine: Circle, kind: str, chance: random.Random) -> list[Outing]:
    found = []
    if kind == "work":
        begin, hours = (7.5, 6.5) if role == "pupil" else (7.7, 8.6)
        leave = _about(begin, 0.15 if role == "pupil" else 0.5, chance)
        back = leave + _about(hours, 0.4, chance)
        found.append(Outing(leave, mine.work))
        if role == "adult" and chance.random() < 0.35:
            shop = chance.choice(mine.shops)
            found.append(Outing(back, shop))
            back += _lasting(0.5, chance)
        found.append(Outing(back, mine.home))
        free_from, likely = 18.5, 0.3
    else:
        free_from, likely = 14.0, {"saturday": 0.7, "sunday": 0.55, "school-holiday": 0.8}[kind]
        if kind == "saturday" and chance.random() < 0.8:
            leave = _about(10.2, 1.0, chance)
            found += [Outing(leave, chance.choice(mine.shops)), Outing(leave + _lasting(0.8, chance), mine.home)]
    if chance.random() < likely:
        leave = max(_about(free_from, 0.8, chance), found[-1].at_s + _HOUR_S if found else 0)
        found += [Outing(leave, chance.choice(mine.leisure)), Outing(leave + _lasting(2.0, chance), mine.home)]
    return found


def _round(mine: Circle, kind: str, chance: random.Random) -> list[Outing]:
    """A van's round of deliveries, on working days and every other Saturday half of one."""
    if kind == "sunday" or (kind == "saturday" and chance.random() < 0.5):
        return []
    count = chance.randint(*_DELIVERIES) // (2 if kind == "saturday" else 1)
    at = _about(7.5, 0.25, chance)
    found = []
    for place in chance.sample(mine.deliveries, count):
        found.append(Outing(at, place))
        at += _lasting(_DELIVERY_S / _HOUR_S, chance)  # counted from setting off: mostly it leaves when it is done
    found.append(Outing(at, mine.home))
    return found


def _about(hour: float, deviation: float, chance: random.Random) -> int:
    """Seconds, normal, cut at two deviations."""
    return round(_HOUR_S * max(hour - 2 * deviation, min(hour + 2 * deviation, chance.gauss(hour, deviation))))


def _lasting(hours: float, chance: random.Random) -> int:
    """Seconds, log-normal with that median, at most four times it."""
    return round(_HOUR_S * min(4 * hours, hours * chance.lognormvariate(0, 0.5)))
