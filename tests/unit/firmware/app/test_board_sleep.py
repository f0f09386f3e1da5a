"""Deep sleep on the simulated board: the unmodified firmware sleeps whenever nothing is due, and loses nothing by it."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.unit.firmware.app.conftest import START_S, Rigged
from tests.unit.firmware.app.sleeping import (
    ENVIRONMENT,
    GNSS,
    HOUR_S,
    LOCATION,
    MOTION,
    TEMPERATURE,
    WAKE,
    contiguous,
    moving,
    sleeps,
    times,
)
from tests.unit.firmware.app.toy_server import DAY_S

pytestmark = [pytest.mark.micropython, pytest.mark.mosquitto]


def test_sparse_fixes_with_deep_sleep_between(rigged: Rigged) -> None:
    """Three hours at ten minutes: the batch outlives its sleeps, each number is there once, heap and current stay low."""
    rigged.server.permit(1, interval=600, batch=6, batch_age=2 * HOUR_S, heartbeat=6 * HOUR_S)
    rigged.run(150)  # behind a start by hand it stays awake for two minutes
    mark = rigged.board.meter.mark()
    rigged.run(3 * HOUR_S + 150)
    assert len(rigged.server.fixes) == 18 and all(600 <= b - a < 610 for a, b in pairwise(times(rigged)))
    assert sleeps(rigged) >= 18 and contiguous(rigged) and rigged.server.conflicts == 0
    assert [number[1] for number in sorted(rigged.server.numbers)].count(LOCATION) <= 5
    assert rigged.server.statuses[-1].boots == 1 and rigged.server.statuses[-1].uptime_s > 2.8 * HOUR_S
    assert rigged.board.meter.since(mark).average_ua < 700
    heaps = [status.heap_free for status in rigged.server.statuses[2:]]
    assert max(heaps) - min(heaps) < 2048


def test_at_rest_it_sleeps_until_it_is_moved(rigged: Rigged) -> None:
    """Still, moved for an hour, still: a fix when it sets off, each ten minutes on the way, one where it came to rest; nothing
    of the accelerometer leaves.
    """
    moving(rigged, (2 * HOUR_S, 3 * HOUR_S))
    rigged.server.permit(1, sensors=GNSS | WAKE, interval=600, rest=DAY_S, batch=1, heartbeat=12 * HOUR_S)
    rigged.run(2 * HOUR_S - 60)
    assert len(rigged.server.fixes) == 1 and sleeps(rigged) >= 1
    slept = sleeps(rigged)
    rigged.run(3 * HOUR_S)
    first, *way, last = times(rigged)[1:]
    assert 0 <= first - 2 * HOUR_S < 30 and len(way) == 5
    assert 3 * HOUR_S < last < 3 * HOUR_S + 630
    assert sleeps(rigged) - slept <= 12 and contiguous(rigged)
    assert rigged.server.motion == rigged.server.readings == [] and rigged.board.sensors["motion"].power_ons == 1


def test_at_rest_by_the_speed_of_the_receiver_alone(rigged: Rigged) -> None:
    """Without an accelerometer's leave: parked, the receiver's own speed is rest, and the next fix comes after `rest`."""
    from hw_sim.world.drive import Drive

    rigged.board.gnss.drive = Drive.parked(53.4, -2.9, start_s=START_S)
    rigged.server.permit(1, interval=10, rest=HOUR_S, batch=1, heartbeat=6 * HOUR_S)
    rigged.run(3 * HOUR_S)
    at = [b - a for a, b in pairwise(times(rigged))]
    assert at[:10] == [10] * 10 and [gap for gap in at if gap > 10] and all(gap == 10 or gap >= HOUR_S for gap in at)
    assert rigged.board.gnss.powered_s < 300 and rigged.board.sensors["motion"].power_ons == 0


def test_motion_is_told_though_it_sleeps(rigged: Rigged) -> None:
    """Two short motions hours apart: begin and end of each, to the minute, by a device that sleeps through the rest."""
    moving(rigged, (1800, 1840), (2 * HOUR_S, 2 * HOUR_S + 40))
    rigged.server.permit(
        1, sensors=GNSS | MOTION, interval=600, rest=DAY_S, batch=4, batch_age=HOUR_S, heartbeat=12 * HOUR_S
    )
    rigged.run(5 * HOUR_S)
    told = [(event.time - START_S, int(event.events)) for event in rigged.server.motion]
    assert [bits for _, bits in told] == [1, 2, 1, 2]
    began = [at for at, bits in told if bits == 1]
    assert abs(began[0] - 1800) <= 60 and abs(began[1] - 2 * HOUR_S) <= 60
    assert rigged.board.meter.report().table["mcu"]["deep-sleep"] > 0 and contiguous(rigged)


def test_readings_outlive_the_sleeps_between(rigged: Rigged) -> None:
    """A temperature each ten minutes beside the fixes: a row without a gap, in a handful of envelopes."""
    rigged.board.sensors["temperature"].temperature_c = lambda unix_s: 21.44  # type: ignore[attr-defined]
    rigged.server.permit(
        1, sensors=GNSS | TEMPERATURE, interval=600, batch=12, batch_age=2 * HOUR_S, heartbeat=6 * HOUR_S
    )
    rigged.run(4 * HOUR_S + 600)
    at = [reading.time for reading in rigged.server.readings]
    assert len(at) >= 18 and {b - a for a, b in pairwise(at[1:])} == {600}
    assert sum(number[1] == ENVIRONMENT for number in rigged.server.numbers) <= 4 and sleeps(rigged) > 20


def test_readings_in_a_directive_with_zones_wait_over_a_sleep(rigged: Rigged) -> None:
    """A reading waits for the fix behind it, which comes after a sleep; outside every zone it arrives all the same."""
    rigged.board.sensors["temperature"].temperature_c = lambda unix_s: 21.44  # type: ignore[attr-defined]
    rigged.server.permit(
        1, sensors=GNSS | TEMPERATURE, interval=600, batch=4, batch_age=HOUR_S, heartbeat=6 * HOUR_S, zones=[[0, 0]]
    )
    rigged.run(3 * HOUR_S)
    assert len(rigged.server.readings) >= 8 and sleeps(rigged) > 15
