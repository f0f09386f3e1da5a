"""What the tests of deep sleep share: a world that shakes, and what a sleep must have left whole."""

from __future__ import annotations

from tests.unit.firmware.app.conftest import START_S, Rigged

GNSS, TEMPERATURE, MOTION, WAKE = 1, 2, 8, 32
HOUR_S = 3600
STILL, SHAKEN = (0.0, 0.0, 1000.0), (500.0, 0.0, 1000.0)
LOCATION, ENVIRONMENT, STATUS = 1, 2, 4


def moving(rigged: Rigged, *spans: tuple[float, float]) -> None:
    """Shaken from one to the other second since the start, for each span, and still otherwise."""

    def acceleration(unix_s: float) -> tuple[float, float, float]:
        at_s = unix_s - START_S
        shaken = any(begin <= at_s < end for begin, end in spans) and int(unix_s * 10) % 2
        return SHAKEN if shaken else STILL

    rigged.board.sensors["motion"].acceleration_mg = acceleration  # type: ignore[attr-defined]


def times(rigged: Rigged) -> list[int]:
    """Seconds of the fixes since the start."""
    return [fix.time - START_S for fix in rigged.server.fixes]


def contiguous(rigged: Rigged) -> bool:
    """No number was skipped: in each stream and day they run from 0 on."""
    days: dict[tuple[int, ...], list[int]] = {}
    for generation, stream, epoch, counter in rigged.server.numbers:
        days.setdefault((generation, stream, epoch), []).append(counter)
    return all(sorted(counters) == list(range(len(counters))) for counters in days.values())


def sleeps(rigged: Rigged) -> int:
    """Deep sleeps so far."""
    return rigged.board.counters["deep sleeps"]
