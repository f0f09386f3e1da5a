"""A ledger of charge: which part was in which state for how long, at what current, and what single acts cost.

A meter keeps whole microseconds by (part, state, current) and sums of one-off charges as fractions; the product is taken
when somebody asks. So a report is exact for the currents that it was given: no error grows with time or with the number
of changes. Currents are decimal numbers as data sheets print them (0.15 µA is 3/20 µA).
"""

from collections import Counter
from collections.abc import Callable, ItemsView
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple, Protocol

from hw_sim.errors import HwSimError
from hw_sim.world.clock import VirtualClock

OFF = "off"
Hears = Callable[[str, str], None]  # of a part and the state in which it is from now on
_Draw = tuple[str, float]  # state, µA
_NOTHING: _Draw = (OFF, 0.0)


class Load(Protocol):
    """What a part of a board says about the current that it draws."""

    def draw(self, state: str, ua: float) -> None:
        """From now on it is in this state, which draws so many µA. Whatever was planned is dropped."""

    def then(self, after_us: int, state: str, ua: float) -> None:
        """So long from now this state follows by itself, unless `draw` or `then` is called before."""

    def spend(self, state: str, uc: float, events: int = 1) -> None:
        """Single acts under this name have cost so many µC in all, beside what the state draws."""


class _Unmetered:
    def draw(self, state: str, ua: float) -> None:
        pass

    def then(self, after_us: int, state: str, ua: float) -> None:
        pass

    def spend(self, state: str, uc: float, events: int = 1) -> None:
        pass


UNMETERED: Load = _Unmetered()  # for a part that no meter watches


class Row(NamedTuple):
    """One state of one part: time in it in s, charge in µC, and how many single acts are in that charge."""

    part: str
    state: str
    seconds: float
    microcoulomb: Fraction
    events: int

    @property
    def millicoulomb(self) -> float:
        """Charge in mC."""
        return float(self.microcoulomb / 1000)


@dataclass(frozen=True)
class Report:
    """The ledger over a stretch of time of `seconds`."""

    seconds: float
    rows: tuple[Row, ...]

    @property
    def microcoulomb(self) -> Fraction:
        """All charge, in µC."""
        return sum((row.microcoulomb for row in self.rows), Fraction(0))

    @property
    def millicoulomb(self) -> float:
        """All charge, in mC."""
        return float(self.microcoulomb / 1000)

    @property
    def average_ua(self) -> float:
        """Average current in µA, 0 over no time."""
        return float(self.microcoulomb) / self.seconds if self.seconds else 0.0

    @property
    def parts(self) -> dict[str, float]:
        """mC by part."""
        sums: dict[str, Fraction] = {}
        for row in self.rows:
            sums[row.part] = sums.get(row.part, Fraction(0)) + row.microcoulomb
        return {part: float(uc / 1000) for part, uc in sums.items()}

    @property
    def table(self) -> dict[str, dict[str, float]]:
        """mC by part and state."""
        table: dict[str, dict[str, float]] = {}
        for row in self.rows:
            table.setdefault(row.part, {})[row.state] = row.millicoulomb
        return table

    def items(self) -> ItemsView[str, dict[str, float]]:
        """Of `table`."""
        return self.table.items()


@dataclass(frozen=True)
class _Account:
    """What one part has done so far: µs by state and current, µC and number of single acts by their name."""

    us: Counter[_Draw]
    uc: dict[str, Fraction]
    events: Counter[str]

    def less(self, before: "_Account | None") -> "_Account":
        if before is None:
            return self
        us = Counter({draw: n - before.us[draw] for draw, n in self.us.items()})
        uc = {state: charge - before.uc.get(state, Fraction(0)) for state, charge in self.uc.items()}
        return _Account(us, uc, Counter({state: n - before.events[state] for state, n in self.events.items()}))

    def rows(self, part: str) -> list[Row]:
        us: Counter[str] = Counter()
        uc: dict[str, Fraction] = {}
        for (state, ua), n in self.us.items():
            us[state] += n
            uc[state] = uc.get(state, Fraction(0)) + _exact(ua) * n / 1_000_000
        for state, charge in self.uc.items():
            uc[state] = uc.get(state, Fraction(0)) + charge
        rows = [Row(part, state, us[state] / 1e6, uc[state], self.events[state]) for state in uc]
        return [row for row in rows if row.seconds or row.microcoulomb or row.events]


class Mark(NamedTuple):
    """The ledger at one instant, to count from."""

    now_us: int
    accounts: dict[str, _Account]


class Part:
    """The ledger of one part; a `Load`. It is off until it says otherwise. `hearers` are told of each change by `draw`."""

    def __init__(self, clock: VirtualClock, start_us: int, name: str = "", hearers: list[Hears] | None = None) -> None:
        self._clock = clock
        self._name, self._hearers = name, [] if hearers is None else hearers
        self._account = _Account(Counter(), {}, Counter())
        self._now: _Draw = _NOTHING
        self._since_us = start_us
        self._plan: tuple[int, _Draw] | None = None

    @property
    def state(self) -> str:
        """The state it is in."""
        self.settle()
        return self._now[0]

    @property
    def ua(self) -> float:
        """What it draws now, in µA."""
        self.settle()
        return self._now[1]

    @property
    def uc(self) -> float:
        """What it has cost so far, in µC."""
        account = self.settle()
        return sum(ua * us for (_, ua), us in account.us.items()) / 1e6 + float(sum(account.uc.values()))

    def draw(self, state: str, ua: float) -> None:
        """As in `Load`."""
        if self._plan is None and self._now == (state, ua):
            return
        _exact(ua)
        self.settle()
        self._now, self._plan = (state, ua), None
        for hear in self._hearers:
            hear(self._name, state)

    def then(self, after_us: int, state: str, ua: float) -> None:
        """As in `Load`."""
        _exact(ua)
        self.settle()
        self._plan = (self._clock.now_us + after_us, (state, ua))

    def spend(self, state: str, uc: float, events: int = 1) -> None:
        """As in `Load`."""
        account = self._account
        account.uc[state] = account.uc.get(state, Fraction(0)) + _exact(uc)
        account.events[state] += events

    def settle(self) -> _Account:
        """Writes down the time up to now."""
        now_us = self._clock.now_us
        if self._plan is not None and self._plan[0] <= now_us:
            self._pass(self._plan[0])
            self._now, self._plan = self._plan[1], None
        self._pass(now_us)
        return self._account

    def _pass(self, until_us: int) -> None:
        if until_us > self._since_us:
            self._account.us[self._now] += until_us - self._since_us
            self._since_us = until_us


class Meter:
    """The charge of one board, by part and state, since the meter was made. `heard` is told of each change of a state."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self.heard: list[Hears] = []
        self._start_us = clock.now_us
        self._parts: dict[str, Part] = {}

    def part(self, name: str) -> Part:
        """The ledger of the part of this name; a new one counts as off since the meter was made."""
        if name not in self._parts:
            self._parts[name] = Part(self._clock, self._start_us, name, self.heard)
        return self._parts[name]

    @property
    def currents(self) -> dict[str, float]:
        """What each part draws now, in µA."""
        return {name: part.ua for name, part in self._parts.items()}

    @property
    def uc_by_part(self) -> dict[str, float]:
        """Charge of each part so far, in µC."""
        return {name: part.uc for name, part in self._parts.items()}

    def cut(self) -> None:
        """The supply is gone: no part draws anything, until it says otherwise."""
        for part in self._parts.values():
            part.draw(*_NOTHING)

    def mark(self) -> Mark:
        """The ledger as it is now, for `since`."""
        accounts = {name: part.settle() for name, part in self._parts.items()}
        return Mark(
            self._clock.now_us,
            {name: _Account(a.us.copy(), dict(a.uc), a.events.copy()) for name, a in accounts.items()},
        )

    def since(self, mark: Mark) -> Report:
        """What came after the mark."""
        # A part that did not exist at the mark was off until then.
        unborn = _Account(Counter({_NOTHING: mark.now_us - self._start_us}), {}, Counter())
        rows = [
            row
            for name, part in self._parts.items()
            for row in part.settle().less(mark.accounts.get(name, unborn)).rows(name)
        ]
        return Report((self._clock.now_us - mark.now_us) / 1e6, tuple(rows))

    def report(self) -> Report:
        """Everything."""
        return self.since(Mark(self._start_us, {}))


@lru_cache(maxsize=4096)
def _exact(number: float) -> Fraction:
    """The decimal number that was meant; HwSimError for one that is no current and no charge."""
    if not 0 <= number < float("inf"):
        raise HwSimError(f"{number} is no current or charge: 0 or more is meant")
    return Fraction(str(number))
