"""Four sensors on the simulated board: the unmodified firmware in the real interpreter, silicon at register level."""

from __future__ import annotations

from itertools import pairwise

import pytest

from hw_sim.chips.base import ChipFaults
from hw_sim.world.drive import Drive
from tests.unit.firmware.app.conftest import START_S, Rigged
from tests.unit.firmware.app.toy_server import FAULT

pytestmark = [pytest.mark.micropython, pytest.mark.mosquitto]

GNSS, TEMPERATURE, LIGHT, MOTION = 1, 2, 4, 8
ALL = GNSS | TEMPERATURE | LIGHT | MOTION
HEAP_BYTES = 32 * 1024  # free at least: an hour's peak of a contact is 20 KB


def furnish(rigged: Rigged) -> None:
    """A world of 21.4 °C and 320 lx in which the device is shaken now and then."""
    sensors = rigged.board.sensors
    sensors["temperature"].temperature_c = lambda unix_s: 21.44  # type: ignore[attr-defined]
    sensors["light"].illuminance_lx = lambda unix_s: 330.0  # type: ignore[attr-defined]
    sensors["motion"].acceleration_mg = lambda unix_s: (  # type: ignore[attr-defined]
        500.0 if unix_s % 900 < 60 and int(unix_s * 10) % 2 else 0.0,
        0.0,
        1000.0,
    )


def test_an_hour_of_all_four(rigged: Rigged) -> None:
    """Fixes, a reading a minute, begins and ends of motion; nothing restarts, and the heap does not run low."""
    furnish(rigged)
    rigged.server.permit(1, sensors=ALL, heartbeat=300)
    rigged.run(3700)
    server = rigged.server
    assert len(server.fixes) > 330 and server.conflicts == 0
    times = [reading.time for reading in server.readings]
    assert len(times) >= 50 and {b - a for a, b in pairwise(times[1:])} == {60}
    assert {reading.light_lx for reading in server.readings} == {320}
    assert all(212 <= reading.temperature_dc <= 216 for reading in server.readings)
    assert {int(event.events) for event in server.motion} == {1, 2} and len(server.motion) >= 6
    assert [status.faults for status in server.statuses[1:]] == [0] * (len(server.statuses) - 1)
    assert min(status.heap_free for status in server.statuses) > HEAP_BYTES
    assert rigged.board.counters["boots after watchdog"] == 0


def test_a_switch_for_each_sensor(rigged: Rigged) -> None:
    """Light and motion without leave: no power for a moment; then motion alone is permitted, and the others lose theirs."""
    furnish(rigged)
    rigged.server.permit(1, sensors=GNSS | TEMPERATURE, heartbeat=60)
    rigged.run(900)
    chips = rigged.board.sensors
    assert chips["light"].power_ons == chips["motion"].power_ons == 0
    assert rigged.server.readings and all(reading.light_lx is None for reading in rigged.server.readings)
    rigged.server.permit(2, sensors=MOTION, heartbeat=60)
    rigged.run(120)
    assert chips["motion"].powered and not rigged.board.gnss.powered
    readings = len(rigged.server.readings)
    rigged.run(900)
    assert len(rigged.server.readings) == readings and chips["light"].power_ons == 0


def test_a_chip_that_fails_is_reported_and_costs_itself_alone(rigged: Rigged) -> None:
    """The thermometer is torn off, then the accelerometer's data line shorted: two bits, two reports, the rest goes on."""
    furnish(rigged)
    rigged.server.permit(1, sensors=ALL)
    rigged.run(400)
    rigged.board.sensors["temperature"].fault = ChipFaults(absent=True)
    rigged.run(200)
    assert rigged.server.statuses[-1].faults == 128 and rigged.server.reasons[-1] == FAULT
    bus = rigged.board.sensors["motion"].bus
    assert bus is not None
    bus.hold("sda")
    rigged.run(200)
    assert rigged.server.statuses[-1].faults == 128 | 512
    fixes = len(rigged.server.fixes)
    rigged.run(600)
    assert len(rigged.server.fixes) > fixes + 40
    assert {reading.temperature_dc is None for reading in rigged.server.readings} == {True, False}
    rigged.board.sensors["temperature"].fault = ChipFaults()
    bus.release()
    rigged.run(700)
    assert rigged.server.statuses[-1].faults == 0


def test_nothing_of_a_private_zone_leaves(rigged: Rigged) -> None:
    """Parked at home for half an hour: not a fix, not a reading, not a wake-up, and no power but the receiver's."""
    furnish(rigged)
    rigged.board.gnss.drive = Drive.parked(53.415, -2.91, start_s=START_S)
    zone = [5341, -146]  # of 0.01 degrees, twice as wide at this latitude
    rigged.server.permit(1, sensors=ALL, zones=[zone])
    rigged.run(1800)
    assert rigged.board.gnss.powered_s > 1000 and len(rigged.board.gnss.emitted) > 100
    assert [chip.power_ons for chip in rigged.board.sensors.values()] == [0, 0, 0]
    assert rigged.server.fixes == rigged.server.readings == rigged.server.motion == []
    assert {number[1] for number in rigged.server.numbers} == {4}


def test_a_watchdog_restart_leaves_no_sensor_powered_without_leave(rigged: Rigged) -> None:
    """The power is cut in the middle of it all and the lease ends meanwhile: after the start no sensor has power."""
    furnish(rigged)
    rigged.server.permit(1, sensors=ALL, lease_until=START_S + 1200)
    rigged.run(600)
    rigged.net.fault.down = True
    rigged.board.cut_power()
    rigged.world.clock.advance_to(rigged.world.clock.now_us + 1_000_000_000)
    rigged.board.power_on()
    before = [chip.power_ons for chip in rigged.board.sensors.values()]
    rigged.run(900)
    assert [chip.power_ons for chip in rigged.board.sensors.values()] == before
