"""Stay: fixes around one point leave as two, the beginning and the end, both at the point where the stay began."""

from firmware.minimise.plane import length, within


class Stay:
    """Stay(metres, time_s): a stay is `time_s` or more within `metres` of its first entry.

    Of a halt that was shorter its first and its last entry leave, each where it was. What is between is forgotten as it
    comes, so that nothing of the ways within a stay can leave.
    """

    def __init__(self, metres: int, time_s: int):
        self._near = length(metres)
        self._time_s = time_s
        self._place: tuple = None  # the point at which it began
        self._began_s = 0
        self._first: tuple = None  # beginning that has not left
        self._latest: tuple = None  # last point in it, if that is not the first
        self._told = False  # the beginning has left, and it is a stay

    def accept(self, point: tuple) -> list:
        """Points that leave at this one."""
        if self._place is None or not within(self._place, point, self._near):
            points = self.end()
            self._place = self._first = point
            self._began_s = point[2][0]
            return points
        if self._first is None and not self._told:  # the stay goes on behind a flush
            self._first = self._there(point)
        else:
            self._latest = point
        if self._told or point[2][0] - self._began_s < self._time_s:
            return []
        self._told = True
        first, self._first = self._first, None
        return [first]

    def end(self) -> list:
        """It was left, or nobody knows: its end leaves, or of a short halt first and last."""
        latest = self._latest
        points: list = [latest if self._first else self._there(latest)] if latest else []
        if self._first:
            points.insert(0, self._first)
        self._place = self._first = self._latest = None
        self._told = False
        return points

    def flush(self) -> list:
        """What is held back, at the one position: the stay may go on, and then begins again there."""
        points: list = [self._first] if self._first else []
        if self._latest:
            points.append(self._there(self._latest))
        self._first = self._latest = None
        self._told = False
        return points

    def _there(self, point) -> tuple:
        """A point of the same time where the stay began; it tells no speed and no accuracy of its own."""
        place = self._place[2]
        entry = (point[2][0],) + place[1:4]
        if len(place) == 6:
            entry += (0, place[5])
        return self._place[:2] + (entry,)
