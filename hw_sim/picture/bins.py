"""Sums over time in a bounded number of bins: when there would be too many, two and two become one."""

from __future__ import annotations

from hw_sim.picture.recording import MOST_BINS, Over

NAMES = ("states_s", "charge_uc", "bytes_up", "bytes_down", "flash_operations")
MOST_NAMES = 63  # of one kind; what comes later is summed under OTHERS
OTHERS = "others"


class Bins:
    """Bins from `begin_s` on. Widths are whole seconds times a power of two, so that the same run gives the same bins."""

    def __init__(self, begin_s: float, width_s: float = 1.0, most: int = MOST_BINS) -> None:
        self._begin_s, self.width_s, self._most = begin_s, width_s, most
        self._series: dict[str, dict[str, list[float]]] = {name: {} for name in NAMES}

    def add(self, kind: str, name: str, at_s: float, amount: float) -> None:
        """An amount at one time."""
        at = self._bin(at_s)
        row = self._row(kind, name)
        row += [0.0] * (at + 1 - len(row))
        row[at] += amount

    def spread(self, kind: str, name: str, from_s: float, until_s: float, amount: float) -> None:
        """An amount that came evenly between two times."""
        if until_s <= from_s:
            self.add(kind, name, until_s, amount)
            return
        last = self._bin(until_s)
        first = self._bin(from_s)
        row = self._row(kind, name)
        row += [0.0] * (last + 1 - len(row))
        rate = amount / (until_s - from_s)
        for at in range(first, last + 1):
            begin = self._begin_s + at * self.width_s
            row[at] += rate * max(0.0, min(until_s, begin + self.width_s) - max(from_s, begin))

    def over(self) -> Over:
        """As a recording has it; sums to a millionth."""
        rounded = {
            kind: {name: [round(each, 6) for each in row] for name, row in series.items()}
            for kind, series in self._series.items()
        }
        return Over(width_s=self.width_s, **rounded)

    def _row(self, kind: str, name: str) -> list[float]:
        series = self._series[kind]
        if name not in series and len(series) >= MOST_NAMES:
            name = OTHERS
        return series.setdefault(name, [])

    def _bin(self, at_s: float) -> int:
        while (at := int(max(0.0, at_s - self._begin_s) / self.width_s)) >= self._most:
            self._double()
        return at

    def _double(self) -> None:
        self.width_s *= 2
        for series in self._series.values():
            for row in series.values():
                row[:] = [sum(row[at : at + 2]) for at in range(0, len(row), 2)]
