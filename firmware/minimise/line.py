"""Line: one-pass simplification. Entries leave out of which the track can be drawn again within a bound.

Between two neighbours that left the receiver of the data draws a straight line at constant speed, in latitude and
longitude. At the time of each entry that was dropped this line passes it within the bound: the synchronous Euclidean
distance. For that, the velocity from the anchor (the last that left) to the next that leaves must lie, for each entry
between, within bound / time of the velocity that leads to that entry. The octagon within this circle is the
intersection of four strips: north, east and the two diagonals. Intersections of octagons are kept as the four tightest
strips, eight fractions whatever the number of entries [after the velocity cones of Meratnia and de By's and Lin's
one-pass methods; the last entry always lies in the intersection, so it can leave when the next does not].
"""

from firmware.minimise.plane import ONE, cosine, east, length

_WIDEST = 1 << 22  # e7, 0.42°: how far towards the equator of its anchor a line may go


class Line:
    """Line(metres, longest_s): bound of the distance, and the longest time between two entries that leave."""

    def __init__(self, metres: int, longest_s: int):
        units = length(metres)
        # Of a regular octagon in the circle: cos(π/8) on the axes, √2·cos(π/8) on sums and differences; 2 for the
        # rounding of `east`.
        straight, diagonal = units * 92_387 // 100_000 - 2, units * 130_656 // 100_000 - 2
        self._widths = (straight, straight, diagonal, diagonal)
        self._longest_s = longest_s
        self._anchor: tuple = None
        self._latest: tuple = None  # the last that was held back
        self._cosine = 0
        self._strips: list = []  # (numerator, seconds) of the least and the most velocity of each strip

    def accept(self, point: tuple) -> list:
        """Points that leave at this one."""
        if self._anchor is None:
            self._start(point)
            return [point]
        points: list = []
        if self._latest and not self._between(point):
            points.append(self._latest)
            self._start(self._latest)
        if self._too_far(point):
            self._start(point)
            return points + [point]
        self._narrow(point)
        self._latest = point
        return points

    def flush(self) -> list:
        """The last that was held back; the next line begins with the next entry, so that days do not hang together."""
        points: list = [self._latest] if self._latest else []
        self._anchor = self._latest = None
        return points

    def _start(self, point):
        self._anchor, self._latest = point, None
        self._cosine = cosine(max(abs(point[0]) - _WIDEST, 0))
        self._strips = []

    def _too_far(self, point) -> bool:
        """Too long since the anchor, or at a latitude where its measure of longitudes would be too short."""
        if point[2][0] - self._anchor[2][0] >= self._longest_s:
            return True
        return abs(point[0]) + _WIDEST < abs(self._anchor[0])

    def _between(self, point) -> bool:
        """True if the line from the anchor to this point passes all that were held back."""
        if abs(point[0]) + _WIDEST < abs(self._anchor[0]):
            return False
        seconds, ways = self._ways(point)
        for index in range(4):
            (least, least_s), (most, most_s) = self._strips[index]
            if not least * seconds <= ways[index] * least_s or not ways[index] * most_s <= most * seconds:
                return False
        return True

    def _narrow(self, point):
        """The strips that pass this point as well."""
        seconds, ways = self._ways(point)
        for index in range(4):
            least = (ways[index] - self._widths[index], seconds)
            most = (ways[index] + self._widths[index], seconds)
            if self._latest is None:
                self._strips.append((least, most))
                continue
            before_least, before_most = self._strips[index]
            self._strips[index] = (
                least if least[0] * before_least[1] > before_least[0] * seconds else before_least,
                most if most[0] * before_most[1] < before_most[0] * seconds else before_most,
            )

    def _ways(self, point):
        """Seconds from the anchor, and the way north, east, north and east together, north less east."""
        north = point[0] - self._anchor[0]
        eastward = east(point[1], self._anchor[1]) * self._cosine // ONE
        return point[2][0] - self._anchor[2][0], (north, eastward, north + eastward, north - eastward)
