"""Distance: an entry leaves when it is far enough from the last that left, or the course has turned."""

from firmware.const import const
from firmware.minimise.plane import ONE, cosine, length, step, within

_PIECE_M = const(25)  # five times a receiver's noise: it bends a piece by 11° then; or a quarter of the distance


class Distance:
    """Distance(metres, turn_deg, rest_s), the last two 0 for "not".

    The course is that of the way between entries, over pieces so long that a receiver's noise at rest turns nothing.
    """

    def __init__(self, metres: int, turn_deg: int, rest_s: int):
        self._far = length(metres)
        self._piece = min(self._far // 4, length(_PIECE_M))
        # The upper bound of the cosine on both sides of 90°: a turn counts at its angle or a little before.
        turn_e7 = turn_deg * 10_000_000
        self._cos = cosine(turn_e7) if turn_deg <= 90 else 10 - cosine(1_800_000_000 - turn_e7)
        self._turn = turn_deg
        self._rest_s = rest_s
        self._last: tuple = None  # that left
        self._at: tuple = None  # where the present piece of the way began
        self._way: tuple = None  # (north, east) of the piece before it
        self._told: tuple = None  # of that when the last left

    def accept(self, point: tuple) -> list:
        """The point, or nothing."""
        last = self._last
        if last is not None and not self._leaves(point, last):
            return []
        self._last = point
        self._told = self._way
        return [point]

    def flush(self) -> list:
        """Nothing is held back; the next entry leaves."""
        self._last = self._at = self._way = self._told = None
        return []

    def _leaves(self, point, last) -> bool:
        turned = self._turn and self._turned(point)
        if turned or not within(last, point, self._far - 1):
            return True
        return 0 < self._rest_s <= point[2][0] - last[2][0]

    def _turned(self, point) -> bool:
        """Follow the way; True if its course is `turn` off the one at the last point that left."""
        if self._at is None:
            self._at = self._last
        if within(self._at, point, self._piece):
            return False
        self._way = way = step(self._at, point)
        self._at = point
        told = self._told
        if told is None:
            self._told = way
            return False
        along = way[0] * told[0] + way[1] * told[1]
        squares = (way[0] * way[0] + way[1] * way[1]) * (told[0] * told[0] + told[1] * told[1])
        # along ≤ cos · |way| · |told|, squared with its sign.
        return along * abs(along) * ONE * ONE <= self._cos * abs(self._cos) * squares
