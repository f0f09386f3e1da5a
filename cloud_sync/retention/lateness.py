"""How late a sweep was: seconds from the end of a term to the end of what it was about."""

from __future__ import annotations

import math
from array import array
from typing import Protocol

PERCENTILE = 0.99


class Held(Protocol):
    """What a hold covers, at one moment."""

    def held(self, device: str, stream: int, capture: float) -> bool: ...
    def held_between(self, device: str, stream: int, start: float, end: float) -> bool: ...
    def released_after(self, device: str, stream: int, start: float, end: float, since: float) -> float | None: ...


class Holding(Protocol):
    """Where holds come from."""

    def view(self) -> Held: ...
    def lost(self) -> bool: ...


class NothingHeld:
    """No hold at all."""

    def view(self) -> NothingHeld:
        """Itself: nothing changes."""
        return self

    def lost(self) -> bool:
        """Never."""
        return False

    def held(self, device: str, stream: int, capture: float) -> bool:
        """Never."""
        return False

    def held_between(self, device: str, stream: int, start: float, end: float) -> bool:
        """Never."""
        return False

    def released_after(self, device: str, stream: int, start: float, end: float, since: float) -> float | None:
        """Never."""
        return None


class Lateness:
    """The lateness of everything that one sweep took; what a hold kept counts apart, from its release."""

    def __init__(self) -> None:
        self._late_s = array("d")  # eight bytes a row: a backlog of ten million rows is 80 MB, once
        self._held_s = array("d")

    def took(self, due: float, now: float, released: float | None = None) -> None:
        """Something went at `now` that was due at `due`, or was kept beyond that by a hold that was `released` then."""
        if released is None:
            self._late_s.append(max(0.0, now - due))
        else:
            self._held_s.append(max(0.0, now - released))

    @property
    def most_s(self) -> float:
        """Of the oldest that was overdue."""
        return max(self._late_s, default=0.0)

    @property
    def held_most_s(self) -> float:
        """Of what a hold had kept, from its release."""
        return max(self._held_s, default=0.0)

    @property
    def p99_s(self) -> float:
        """Ninety-nine of a hundred were no later."""
        return percentile(self._late_s, PERCENTILE)


def percentile(values: array[float], share: float) -> float:
    """The least value that so large a share of all does not exceed (nearest rank); 0 of none."""
    if not values:
        return 0.0
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
