"""The error of a receiver, as a stated model: first-order Gauss-Markov on each axis, plus a little white noise.

The slow part stands for atmosphere and orbits: standard deviation 1.2 m, correlation time 100 s. The white part,
0.15 m, is the receiver's own. Together about 1.7 m in two dimensions, near the 1.5 m CEP of the MAX-M10S data sheet,
table 1. The same seed and the same sequence of epochs give the same errors.
"""

import math
import random
from dataclasses import dataclass

SLOW_SIGMA_M = 1.2
CORRELATION_S = 100.0
WHITE_SIGMA_M = 0.15


@dataclass(frozen=True)
class Offset:
    """Error towards north, east and up, in metres, and the standard deviation that the receiver believes."""

    north_m: float
    east_m: float
    up_m: float
    h_acc_m: float
    v_acc_m: float


class Noise:
    """The error process of one receiver."""

    def __init__(self, rng: random.Random, scale: float = 1.0) -> None:
        self._rng = rng
        self._scale = scale
        self._slow: list[float] | None = None
        self._at_s = 0.0

    def at(self, t_s: float) -> Offset:
        """The error at that time; times must not fall."""
        draw = [self._rng.gauss(0.0, SLOW_SIGMA_M) for _ in range(3)]
        if self._slow is None:
            self._slow = draw
        else:
            keep = math.exp(-max(0.0, t_s - self._at_s) / CORRELATION_S)
            self._slow = [keep * s + math.sqrt(1 - keep * keep) * d for s, d in zip(self._slow, draw, strict=True)]
        self._at_s = t_s
        north, east, up = ((s + self._rng.gauss(0.0, WHITE_SIGMA_M)) * self._scale for s in self._slow)
        believed = self._scale * math.hypot(SLOW_SIGMA_M, WHITE_SIGMA_M) * math.sqrt(2)
        return Offset(north, east, 1.6 * up, believed, 1.6 * believed)
