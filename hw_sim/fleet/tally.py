"""What became of each envelope of a fleet, in memory that does not grow with its number."""

import bisect
from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

STORED = "stored"
_EDGE_GROWTH = 1.02  # a percentile is known to 2 %
_EDGES_S = [1e-4 * _EDGE_GROWTH**n for n in range(700)]  # 0.1 ms to 100 s


class Key(NamedTuple):
    """An envelope: the number of its device in the fleet, and its own (epoch, counter) there."""

    device: int
    epoch: int
    counter: int


@dataclass(slots=True)
class Waiting:
    """A sealed envelope without a verdict: its bytes, when they first went out (0: not yet), and when they last did."""

    payload: bytes
    first_s: float = 0.0
    last_s: float = 0.0


class Latencies:
    """Seconds, counted in steps of 2 %."""

    def __init__(self) -> None:
        self._counts = [0] * (len(_EDGES_S) + 1)
        self.count = 0
        self.most_s = 0.0

    def add(self, seconds: float) -> None:
        """One more."""
        self._counts[bisect.bisect_left(_EDGES_S, seconds)] += 1
        self.count += 1
        self.most_s = max(self.most_s, seconds)

    def share(self, share: float) -> float:
        """The seconds that this share of all took at most, rounded up to a step; 0 without any."""
        left = share * self.count
        for edge, count in zip(_EDGES_S, self._counts, strict=False):
            left -= count
            if left <= 0:
                return min(edge, self.most_s)
        return self.most_s


@dataclass
class Tally:
    """Counts, and what waits for a verdict."""

    sealed: int = 0
    published: int = 0  # packets: first ones and repeats
    repeats: int = 0
    acknowledged: int = 0  # PUBACKs
    late_verdicts: int = 0  # of an envelope that has one already
    unreadable: int = 0  # downlinks that do not open
    reconnects: int = 0
    held_back: int = 0  # times that nothing was sealed because too many waited
    verdicts: Counter[str] = field(default_factory=Counter)
    latencies: Latencies = field(default_factory=Latencies)
    waiting: dict[Key, Waiting] = field(default_factory=dict)

    def verdict(self, key: Key, word: str, now_s: float) -> None:
        """One came for this envelope."""
        entry = self.waiting.pop(key, None)
        if entry is None:
            self.late_verdicts += 1
            return
        self.verdicts[word] += 1
        self.latencies.add(now_s - entry.first_s)

    @property
    def stored(self) -> int:
        """Envelopes of which the server said that they are stored."""
        return self.verdicts[STORED]

    @property
    def refused(self) -> dict[str, int]:
        """The others with a verdict, by what it said."""
        return {word: count for word, count in sorted(self.verdicts.items()) if word != STORED}

    @property
    def exact(self) -> bool:
        """Whether each sealed envelope is stored or refused."""
        return not self.waiting and self.sealed == self.stored + sum(self.refused.values())
