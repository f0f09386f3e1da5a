"""The receiver on the simulated board: faults, garbage, wrong dates, sparse fixes, NMEA."""

from __future__ import annotations

import datetime as dt
from itertools import pairwise

import pytest

from hw_sim.network.broker import Broker
from tests.unit.firmware.app.conftest import START_S, Rigged
from tests.unit.firmware.app.toy_server import DAY_S, FAULT

pytestmark = [pytest.mark.micropython, pytest.mark.mosquitto]


@pytest.mark.parametrize(("name", "bit"), [("silent", 1), ("refuse", 2)])
def test_a_receiver_that_fails_is_reported_and_tried_again(rigged: Rigged, name: str, bit: int) -> None:
    """A silent or refusing receiver: fault bit and reason 5, power off between tries; once it works, fixes come."""
    setattr(rigged.board.gnss.fault, name, True)
    rigged.server.permit(1, heartbeat=60)
    rigged.run(300)
    assert FAULT in rigged.server.reasons and rigged.server.statuses[-1].faults & bit
    assert rigged.board.gnss.powered_s < 60
    setattr(rigged.board.gnss.fault, name, False)
    rigged.run(700)
    assert len(rigged.server.fixes) >= 20 and rigged.server.statuses[-1].faults == 0


@pytest.mark.parametrize("protocol", ["ubx", "nmea"])
def test_garbage_on_the_line_costs_few_fixes(broker: Broker, protocol: str) -> None:
    """Two hundred random bytes before each solution, in either protocol: the fixes arrive all the same."""
    with Rigged(broker, gnss=protocol) as rigged:
        rigged.board.gnss.fault.garbage = 200
        rigged.server.permit(1)
        rigged.run(900)
        assert len(rigged.server.fixes) >= 40 and rigged.server.gaps() <= {10, 20}


@pytest.mark.parametrize("protocol", ["ubx", "nmea"])
def test_satellites_on_one_side_make_no_fix(broker: Broker, protocol: str) -> None:
    """A dilution of 12, of which the receiver says that it is sound: nothing leaves until the sky is open."""
    with Rigged(broker, gnss=protocol) as rigged:
        rigged.board.gnss.fault.pdop = 12.0
        rigged.server.permit(1)
        rigged.run(150)
        assert rigged.board.gnss.emitted and rigged.server.fixes == []
        rigged.board.gnss.fault.pdop = 10.0
        rigged.run(300)
        assert len(rigged.server.fixes) >= 20 and rigged.server.gaps() == {10}


@pytest.mark.parametrize("off_s", [-27 * 365 * DAY_S, -7200, 2 * DAY_S, 11 * 365 * DAY_S])
def test_a_receiver_with_a_wrong_date_seals_nothing_and_recovers(rigged: Rigged, off_s: int) -> None:
    """1999, two hours ago, in two days, 2037: nothing is sealed under it; with the right date fixes come, once the receiver
    is tried again after its pause of a minute or two."""
    rigged.board.gnss.fault.date = dt.datetime.fromtimestamp(START_S + off_s, tz=dt.UTC)
    rigged.server.permit(1)
    rigged.run(600)
    assert rigged.board.gnss.powered_s > 200 and rigged.server.fixes == []
    assert rigged.server.statuses[-1].time is not None
    rigged.board.gnss.fault.date = None
    rigged.run(600)
    assert len(rigged.server.fixes) >= 20
    assert all(abs(fix.time - rigged.world.clock.unix_s) < 700 for fix in rigged.server.fixes)


def test_of_a_coarse_time_step_one_fix_is_taken(rigged: Rigged) -> None:
    """Ten kilometres and ten minutes are permitted, each ten seconds: one fix a step, none missing, the receiver off between
    them; with a zone each is needed.
    """
    rigged.server.permit(1, precision=3, batch=1)
    rigged.run(6300)
    times = [fix.time for fix in rigged.server.fixes]
    assert len(times) >= 10 and {b - a for a, b in pairwise(times)} == {600}
    assert rigged.board.gnss.powered_s < 300
    rigged.server.permit(2, precision=3, batch=1, zones=[[0, 0]])
    rigged.run(1300)
    assert rigged.board.gnss.powered_s > 700


def test_sparse_fixes_switch_the_receiver_off_in_between(rigged: Rigged) -> None:
    """A fix every ten minutes: one each, and the receiver under power for less than a tenth of the time."""
    rigged.server.permit(1, interval=600, batch=1)
    rigged.run(6000)
    assert 9 <= len(rigged.server.fixes) <= 11
    assert rigged.board.gnss.powered_s < 600


def test_nmea_gives_the_drive_too(broker: Broker) -> None:
    """With the receiver set to NMEA by the settings the fixes come at the same rate."""
    with Rigged(broker, gnss="nmea") as rigged:
        rigged.server.permit(1)
        rigged.run(900)
        assert len(rigged.server.fixes) >= 40 and rigged.server.gaps() == {10}
