"""What an LIS2DH12 does with each sample: high-pass filter and the two interrupt generators, in one tight loop.

The filter is of first order: it takes away a mean that follows the input with the cut-off of AN5005 (ODR divided
by 50, 100, 200, 400). A generator compares magnitudes with its threshold: "high" events above, "low" events at or below;
it becomes active when its condition has held for DURATION further samples, and a latched one stays until its SRC is read.
"""

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

Vector = tuple[float, float, float]
Sense = Callable[[float], Vector]
CUT_OFF = (50, 100, 200, 400)  # ODR divided by the cut-off frequency, by HPCF
AND_EVENTS, ACTIVE = 0x80, 0x40


def follow(cut_off: int) -> float:
    """Share of the way that the mean of the filter goes in one sample."""
    return 1.0 - math.exp(-2.0 * math.pi / CUT_OFF[cut_off])


class Still:
    """A sense that never changes. `steady_until_s` may be offered by any: until when it says the same as at that Unix time."""

    def __init__(self, acceleration_mg: Vector = (0.0, 0.0, 1000.0)) -> None:
        self._acceleration_mg = acceleration_mg

    def __call__(self, unix_s: float) -> Vector:
        """What is felt, at any time."""
        return self._acceleration_mg

    def steady_until_s(self, unix_s: float) -> float:
        """For ever."""
        return math.inf


def steady_until_s(sense: Sense, unix_s: float) -> float:
    """Until when a sense stays as it is at that time, as far as it tells; the time itself where it does not."""
    told: Callable[[float], float] | None = getattr(sense, "steady_until_s", None)
    return unix_s if told is None else told(unix_s)


class Times(Sequence[float]):
    """Times of the samples from number `first` on, worked out when they are looked at: hours of sleep have millions."""

    def __init__(self, begin_s: float, period_s: float, first: int, last: int) -> None:
        self._begin_s, self._period_s, self._first, self._count = begin_s, period_s, first, max(0, last - first + 1)

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, i: int) -> float:  # type: ignore[override]  # nobody asks for a slice
        return self._begin_s + (self._first + i) * self._period_s


@dataclass(frozen=True, slots=True)
class Rule:
    """One generator as configured: `events` as in INT_CFG, bits 5 … 0 = ZH ZL YH YL XH XL."""

    events: int = 0
    all_of: bool = False
    threshold_mg: float = 0.0
    duration: int = 0
    filtered: bool = False
    latched: bool = False

    def holds(self, seen: int) -> bool:
        """The condition, given the events of a sample."""
        return seen & self.events == self.events if self.all_of else seen & self.events != 0


@dataclass(slots=True)
class Generator:
    """State of one generator: samples for which the condition has held, SRC register."""

    held: int = 0
    source: int = 0

    def waits(self, rule: Rule) -> bool:
        """It can still change by itself."""
        return bool(rule.events) and not (rule.latched and self.source & ACTIVE)


@dataclass(slots=True)
class State:
    """Filter and generators after a sample. `fresh`: the mean starts from the next sample."""

    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    fresh: bool = False
    generators: tuple[Generator, Generator] = field(default_factory=lambda: (Generator(), Generator()))

    def copy(self) -> "State":
        """Another one that can go its own way."""
        first, second = self.generators
        return State(self.mean, self.fresh, (replace(first), replace(second)))


@dataclass(frozen=True, slots=True)
class Settings:
    """What the registers ask for: `follow` 0 without a filter; `reset_by_event` for the filter's autoreset."""

    rules: tuple[Rule, Rule] = (Rule(), Rule())
    follow: float = 0.0
    reset_by_event: bool = False


def events_of(x: float, y: float, z: float, threshold: float) -> int:
    """The six events of a sample, as bits of INT_CFG and INT_SRC."""
    seen = 0x02 if abs(x) > threshold else 0x01
    seen |= 0x08 if abs(y) > threshold else 0x04
    return seen | (0x20 if abs(z) > threshold else 0x10)


def run(state: State, settings: Settings, sense: Sense, times_s: Sequence[float], *, until_change: bool = False) -> int:
    """Takes samples at these times into `state`; the number taken, which is less if `until_change` and an IA changed.

    A sample that has changed nothing changes nothing when it comes again, and is passed over.
    """
    rules = [(generator, rule) for generator, rule in zip(state.generators, settings.rules, strict=True) if rule.events]
    k = settings.follow
    mx, my, mz = state.mean
    tells: Callable[[float], float] | None = getattr(sense, "steady_until_s", None)
    settled: Vector | None = None  # the sample that has changed nothing
    count, end = 0, len(times_s)
    while count < end:
        at_s = times_s[count]
        count += 1
        sample = sense(at_s)
        if sample == settled:
            if tells is not None:
                count = bisect_left(times_s, tells(at_s), count)
            continue
        x, y, z = hx, hy, hz = sample
        settled = sample
        if k:
            if state.fresh:
                mx, my, mz, state.fresh = x, y, z, False
            hx, hy, hz = x - mx, y - my, z - mz
            before = mx, my, mz
            mx, my, mz = mx + k * hx, my + k * hy, mz + k * hz
            if before != (mx, my, mz):
                settled = None
        changed = False
        for generator, rule in rules:
            filtered, held, source = rule.filtered, generator.held, generator.source
            seen = events_of(hx if filtered else x, hy if filtered else y, hz if filtered else z, rule.threshold_mg)
            if _judge(generator, rule, seen):
                changed = True
                if settings.reset_by_event and generator.source & ACTIVE:
                    mx, my, mz = x, y, z
            if generator.held != held or generator.source != source:
                settled = None
        if changed and until_change:
            break
    state.mean = mx, my, mz
    return count


def _judge(generator: Generator, rule: Rule, seen: int) -> bool:
    """One sample's events for one generator; whether its IA changed."""
    was = generator.source & ACTIVE
    if was and rule.latched:
        return False
    if not rule.holds(seen):
        generator.held = 0
        generator.source = seen & rule.events
        return bool(was)
    generator.held += 1
    active = ACTIVE if generator.held > rule.duration else 0
    generator.source = active | seen & rule.events
    return active != was
