"""Leave on the simulated board: what the firmware senses, and what a directive, a lease and a button change."""

from __future__ import annotations

import pytest

from hw_sim.network.broker import Broker
from tests.unit.firmware.app.conftest import START_S, Rigged
from tests.unit.firmware.app.toy_server import APPLIED, BOOT, CELL_100M, CHALLENGE_WANTED, STOPPED

pytestmark = [pytest.mark.micropython, pytest.mark.mosquitto]


def test_without_a_directive_the_receiver_stays_unpowered(rigged: Rigged) -> None:
    """Ten minutes of driving without leave: no power, no location; time comes from the server's answer."""
    rigged.run(600)
    assert rigged.board.gnss.powered_s == 0 and rigged.server.fixes == []
    first, second = rigged.server.statuses
    assert (first.reason, first.time, first.directive, first.faults) == (BOOT, None, 0, 32)
    assert abs(second.time - (rigged.world.clock.unix_s - 300)) < 30 and second.faults == 0


def test_cells_are_all_that_leaves_the_device(rigged: Rigged) -> None:
    """At 100 m each fix is a cell's, its time a multiple of ten seconds."""
    rigged.server.permit(1, precision=CELL_100M)
    rigged.run(900)
    assert len(rigged.server.fixes) > 50
    assert all(fix.time % 10 == 0 and int(fix.precision) == CELL_100M for fix in rigged.server.fixes)


def test_a_withdrawal_unpowers_the_receiver_at_once(rigged: Rigged) -> None:
    """On receipt: power off, spool and batch without location, reported with its version; nothing more comes."""
    rigged.server.permit(1, heartbeat=60)
    rigged.run(600)
    assert rigged.board.gnss.powered
    lease = rigged.server.directive[2]
    rigged.server.permit(2, sensors=0, lease_until=lease, heartbeat=60)
    rigged.server.with_challenge = False
    rigged.run(70)
    assert not rigged.board.gnss.powered
    count, powered_s = len(rigged.server.fixes), rigged.board.gnss.powered_s
    rigged.run(600)
    assert (len(rigged.server.fixes), rigged.board.gnss.powered_s) == (count, powered_s)
    assert rigged.server.reasons[-1] != APPLIED and APPLIED in rigged.server.reasons
    assert rigged.server.statuses[-1].directive == 2 and rigged.server.statuses[-1].spooled == 0


def test_widening_without_the_challenge_is_asked_for(rigged: Rigged) -> None:
    """It stops sensing and is asked about once; with the next heartbeat it comes with the challenge."""
    rigged.server.permit(1, interval=20, heartbeat=60)
    rigged.run(300)
    rigged.server.with_challenge = False
    rigged.server.permit(2, interval=10, heartbeat=60)
    rigged.run(60)
    assert rigged.server.reasons.count(CHALLENGE_WANTED) == 1 and not rigged.board.gnss.powered
    rigged.server.with_challenge = True
    rigged.run(330)
    assert rigged.server.statuses[-1].directive == 2 and rigged.board.gnss.powered


def test_the_lease_ends_sensing_without_the_server(rigged: Rigged) -> None:
    """No renewal and no network: at lease end the receiver loses its power, across a restart too."""
    rigged.server.permit(1, lease_until=START_S + 900)
    rigged.run(600)
    assert rigged.board.gnss.powered
    rigged.net.fault.down = True
    rigged.run(310)
    assert not rigged.board.gnss.powered
    rigged.board.cut_power()
    rigged.board.power_on()
    powered_s = rigged.board.gnss.powered_s
    rigged.run(4000)
    assert not rigged.board.gnss.powered and rigged.board.gnss.powered_s - powered_s <= 900


def test_the_person_at_the_device_stops_it(rigged: Rigged) -> None:
    """Held for three seconds the button stops sensing, also after a restart; held again it goes on."""
    rigged.server.permit(1)
    rigged.run(300)

    def hold() -> None:
        rigged.board.press_button()
        rigged.run(3)
        rigged.board.release_button()
        rigged.run(10)

    hold()
    assert not rigged.board.gnss.powered and rigged.server.reasons[-1] == STOPPED
    rigged.board.cut_power()
    rigged.board.power_on()
    rigged.run(200)
    assert not rigged.board.gnss.powered
    hold()
    assert rigged.board.gnss.powered


def test_a_standing_link_takes_a_withdrawal_within_a_second(broker: Broker) -> None:
    """With "link": "always" the device stays connected: a directive that the server sends applies at once."""
    with Rigged(broker, link="always") as rigged:
        rigged.server.permit(1)
        rigged.run(600)
        assert rigged.board.gnss.powered
        lease = rigged.server.directive[2]
        rigged.server.permit(2, sensors=0, lease_until=lease)
        rigged.server.send_directive()
        rigged.run(1)
        assert not rigged.board.gnss.powered
