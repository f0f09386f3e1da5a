"""Sums: count, least, mean and most of temperature and light over one interval of the UTC day; the readings themselves
are forgotten. Loaded only where the directive has `aggregate`.
"""

from firmware.wire.directive import LIGHT, TEMPERATURE
from firmware.wire.readings import light_class


class Sums:
    """Of the interval that began at `start_s`. Lux come whole, not as classes."""

    def __init__(self, start_s: int):
        self.start_s = start_s
        self._of: dict = {}  # sensor: [count, least, sum, most]

    def add(self, sensors: int, values: tuple) -> None:
        """One reading of the sensors whose bits are given, temperature first."""
        waiting = list(values)
        for sensor in (TEMPERATURE, LIGHT):
            if not sensors & sensor:
                continue
            value = int(waiting.pop(0))
            count, least, total, most = self._of.get(sensor, (0, value, 0, value))
            self._of[sensor] = (count + 1, min(least, value), total + value, max(most, value))

    def keep(self) -> list:
        """Integers for `restore` behind a deep sleep."""
        kept = [self.start_s]
        for sensor in self._of:
            kept += [sensor] + list(self._of[sensor])
        return kept

    def restore(self, kept: list) -> None:
        """Go on behind it."""
        for at in range(1, len(kept), 5):
            self._of[kept[at]] = tuple(kept[at + 1 : at + 5])

    def take(self) -> tuple:
        """(sensors, entry for wire.aggregates) of the interval. The mean is rounded down."""
        sensors, entry = 0, (self.start_s,)
        for sensor in (TEMPERATURE, LIGHT):
            if sensor not in self._of:
                continue
            sensors |= sensor
            count, least, total, most = self._of[sensor]
            values = (least, total // count, most)
            entry += (count,) + (values if sensor == TEMPERATURE else tuple(light_class(value) for value in values))
        return sensors, entry
