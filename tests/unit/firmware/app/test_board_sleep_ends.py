"""What ends a deep sleep on the simulated board, and what a sleep must not outlast: leave, hours, button, power, link."""

from __future__ import annotations

import pytest

from hw_sim.network.broker import Broker
from hw_sim.network.net import Faults
from tests.unit.firmware.app.conftest import START_S, Rigged
from tests.unit.firmware.app.sleeping import GNSS, HOUR_S, WAKE, contiguous, moving, sleeps, times
from tests.unit.firmware.app.toy_server import DAY_S, STOPPED

pytestmark = [pytest.mark.micropython, pytest.mark.mosquitto]


def test_a_withdrawal_waits_for_the_next_contact_and_no_longer(rigged: Rigged) -> None:
    """Withdrawn while it sleeps: at the heartbeat the receiver's leave is gone, and no fix of later ever comes."""
    rigged.server.permit(1, interval=600, batch=24, batch_age=DAY_S, heartbeat=HOUR_S)
    rigged.run(HOUR_S + 900)
    before = len(rigged.server.fixes)  # sealed at midnight, which was 3200 s behind the start
    assert rigged.board.asleep and before == 6
    rigged.server.permit(2, sensors=0, interval=600, batch=24, batch_age=DAY_S, heartbeat=HOUR_S)
    rigged.run(HOUR_S)
    powered, statuses = rigged.board.gnss.power_ons, len(rigged.server.statuses)
    rigged.run(4 * HOUR_S)
    assert rigged.board.gnss.power_ons == powered and len(rigged.server.fixes) == before
    assert rigged.server.statuses[-1].directive == 2 and len(rigged.server.statuses) - statuses == 4


def test_the_lease_ends_in_sleep_too(rigged: Rigged) -> None:
    """At rest, accelerometer on: it loses its power at the lease's end, a minute at most behind it, and motion wakes nobody."""
    moving(rigged, (3 * HOUR_S, 4 * HOUR_S))
    end_s = START_S + 5000
    rigged.server.permit(
        1, sensors=GNSS | WAKE, interval=600, rest=DAY_S, batch=1, heartbeat=12 * HOUR_S, lease_until=end_s
    )
    rigged.run(4900)
    chip = rigged.board.sensors["motion"]
    assert rigged.board.asleep and chip.powered
    rigged.run(160)
    assert not chip.powered
    powered = rigged.board.gnss.power_ons
    rigged.run(4 * HOUR_S)
    assert not chip.powered and chip.power_ons == 1 and rigged.board.gnss.power_ons == powered
    assert max(times(rigged)) < 5000


def test_quiet_hours_are_kept_asleep(rigged: Rigged) -> None:
    """Nothing has power in the quiet hour, the device sleeps through it, and a fix comes within a minute of its end."""
    begin_minute = (START_S % DAY_S) // 60 + 20
    hours = [[begin_minute, begin_minute + 30]]  # before midnight, from 23:26 on
    rigged.server.permit(1, sensors=GNSS | WAKE, interval=600, rest=1200, batch=1, heartbeat=6 * HOUR_S, hours=hours)
    rigged.run(2 * HOUR_S)
    begin_s = begin_minute * 60 - START_S % DAY_S
    assert not [at for at in times(rigged) if begin_s <= at < begin_s + 1800]
    assert [at for at in times(rigged) if begin_s + 1800 <= at < begin_s + 1860]


@pytest.mark.parametrize("ppm", [-10_000, 10_000])
def test_a_sleeping_clock_that_is_wrong_heals(rigged: Rigged, ppm: int) -> None:
    """One in a hundred fast or slow: the times of the fixes are true, no day is begun twice, and nothing asks in vain."""
    rigged.board.rtc.asleep_ppm = ppm
    rigged.server.permit(1, interval=4 * HOUR_S, batch=1, heartbeat=8 * HOUR_S)
    rigged.run(30 * HOUR_S)
    truth = {emitted.time for emitted in rigged.board.gnss.emitted}
    assert len(rigged.server.fixes) >= 7 and all(fix.time in truth for fix in rigged.server.fixes)
    assert rigged.server.conflicts == 0 and contiguous(rigged)


def test_the_button_wakes_it(rigged: Rigged) -> None:
    """Held for two seconds while it sleeps: sensing stops at once, and stays stopped over later sleeps; held again it goes on."""
    rigged.server.permit(1, interval=600, batch=1, heartbeat=6 * HOUR_S)
    rigged.run(1300)
    assert rigged.board.asleep
    fixes = len(rigged.server.fixes)
    hold(rigged)
    rigged.run(3 * HOUR_S)
    assert rigged.server.reasons[-1] == STOPPED and len(rigged.server.fixes) == fixes
    hold(rigged)
    rigged.run(1300)
    assert len(rigged.server.fixes) >= fixes + 2


def hold(rigged: Rigged) -> None:
    """The button, for three seconds."""
    rigged.board.press_button()
    rigged.run(3)
    rigged.board.release_button()


def test_a_power_cut_asleep_costs_the_open_batch_alone(rigged: Rigged) -> None:
    """Retained memory goes with the power: numbers are skipped, none comes twice, and what was sealed arrives."""
    rigged.server.permit(1, interval=600, batch=6, batch_age=2 * HOUR_S, heartbeat=6 * HOUR_S)
    rigged.run(HOUR_S + 1900)
    assert rigged.board.asleep and len(rigged.server.fixes) == 6
    rigged.board.cut_power()
    rigged.board.power_on()
    rigged.run(2 * HOUR_S)
    assert rigged.server.conflicts == 0 and min(rigged.server.gaps()) > 0
    assert rigged.server.statuses[-1].boots == 2 and rigged.server.statuses[-1].lost == 0
    assert len(rigged.server.fixes) >= 12


def test_hours_without_a_link_are_slept_through(rigged: Rigged) -> None:
    """Tries a quarter of an hour apart at most, asleep between them; with the link back all that was sealed arrives."""
    rigged.server.permit(1, interval=1800, batch=2, batch_age=2 * HOUR_S, heartbeat=6 * HOUR_S)
    rigged.run(600)
    rigged.net.fault = Faults(down=True)
    mark = rigged.board.meter.mark()
    rigged.run(4 * HOUR_S)
    waiting = next(row for row in rigged.board.meter.since(mark).rows if (row.part, row.state) == ("mcu", "waiting"))
    assert waiting.seconds < 0.1 * 4 * HOUR_S
    rigged.net.fault = Faults()
    rigged.run(2 * HOUR_S)
    assert len(rigged.server.fixes) >= 10 and contiguous(rigged) and rigged.server.statuses[-1].lost == 0


def test_it_never_sleeps_where_it_was_told_so(broker: Broker) -> None:
    """By the settings "never", or with a link that always stands."""
    for settings in ({"sleep": "never"}, {"link": "always"}):
        with Rigged(broker, **settings) as rigged:
            rigged.server.permit(1, interval=600, batch=1)
            rigged.run(1900)
            assert sleeps(rigged) == 0 and len(rigged.server.fixes) == 4
