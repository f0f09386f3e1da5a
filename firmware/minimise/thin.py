"""Thin: which entries leave, in the order of wire-format section 7 (thinning): distance, stay, error.

A stage has `accept(point) -> points` and `flush() -> points`; a point is (lat_e7, lon_e7, entry), its position the one
that the entry tells. A stage keeps a handful of numbers, however long the drive is.
"""

from firmware.wire.cells import centre_e7

_NEAR_S = 60  # beside twice the interval: fixes further apart than that say nothing about the time between them
_DAY_S = 86_400


class Thin:
    """The stages that a directive asks for, one behind the other. `accept` and `flush` as of Minimiser, for entries."""

    def __init__(self, directive):
        self._directive = directive
        self._before_s = None  # time of the last entry
        self._stages: list = []
        self._stay = 0  # index behind the stay's stage, 0 if there is none
        if directive.distance:
            from firmware.minimise.distance import Distance

            self._stages.append(Distance(directive.distance, directive.turn, directive.rest))
        if directive.stay:
            from firmware.minimise.stay import Stay

            self._stages.append(Stay(directive.stay, directive.stay_time))
            self._stay = len(self._stages)
        if directive.error:
            from firmware.minimise.line import Line

            self._stages.append(Line(directive.error, directive.batch_age))

    def accept(self, entry: tuple, interval_s: int) -> list:
        """Entries that leave at this one; times rise from call to call."""
        points = []
        if self._stay and self._parted(entry[0], interval_s):
            points = self._through(self._stages[self._stay - 1].end(), self._stay)
        self._before_s = entry[0]
        lat_e7, lon_e7 = centre_e7(entry[1], entry[2], self._directive.precision)
        return [point[2] for point in points + self._through([(lat_e7, lon_e7, entry)], 0)]

    def flush(self) -> list:
        """Entries that were held back, each by the stage behind which they leave."""
        points: list = []
        for index in range(len(self._stages)):
            points = self._through(points, index, index + 1) + self._stages[index].flush()
        return [point[2] for point in points]

    def _through(self, points: list, begin: int, end: int = 3) -> list:
        """What the stages from `begin` to before `end` let through."""
        for stage in self._stages[begin:end]:
            points = [passed for point in points for passed in stage.accept(point)]
        return points

    def _parted(self, time_s: int, interval_s: int) -> bool:
        """True if nobody knows where it was since the last entry: no fix for long, or a quiet hour [a stay must not
        reach over a time that was spent in a zone].
        """
        directive, before_s = self._directive, self._before_s
        if before_s is None:
            return False
        gap_s = time_s - before_s
        if gap_s > 2 * max(directive.interval, directive.rest, interval_s) + _NEAR_S:
            return True
        return any((begin * 60 - before_s) % _DAY_S < gap_s for begin, _ in directive.hours)
