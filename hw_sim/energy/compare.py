"""Two runs side by side: mean current by part and state, the largest difference first."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from hw_sim.picture.recording import Recording


class Difference(NamedTuple):
    """One state of one part, or a whole part (state ""): mean current in µA of each run, and the second less the first."""

    part: str
    state: str
    before_ua: float
    after_ua: float

    @property
    def ua(self) -> float:
        """By how much more the second draws; negative for less."""
        return self.after_ua - self.before_ua

    @property
    def percent(self) -> float | None:
        """The same as a share of the first; None where that drew nothing."""
        return 100 * self.ua / self.before_ua if self.before_ua else None


def differences(before: Recording, after: Recording, *, by_state: bool = False) -> list[Difference]:
    """What differs, sorted by size; runs of different lengths compare, since means are taken."""
    first, second = _means(before, by_state), _means(after, by_state)
    found = [Difference(*key, first.get(key, 0.0), second.get(key, 0.0)) for key in {**first, **second}]
    return sorted(
        (each for each in found if each.before_ua or each.after_ua),
        key=lambda each: (-abs(each.ua), each.part, each.state),
    )


def _means(recording: Recording, by_state: bool) -> dict[tuple[str, str], float]:
    means: dict[tuple[str, str], float] = {}
    for row in recording.rows:
        key = row.part, row.state if by_state else ""
        means[key] = means.get(key, 0.0) + (row.microcoulomb / recording.seconds if recording.seconds else 0.0)
    return means
