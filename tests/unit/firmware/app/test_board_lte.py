"""A board with a modem over a day: deep sleep and PSM together, what a day costs, and faults that outlive a sleep."""

from __future__ import annotations

import pytest

from hw_sim.chips.sim7080g import ModemFaults
from hw_sim.network.broker import Broker
from hw_sim.world.cell import Cell
from tests.unit.firmware.app.cellular import PSM, CellularRig

pytestmark = [pytest.mark.micropython, pytest.mark.mosquitto]

HOUR_S = 3600
GNSS, WAKE = 1, 32
STILL = {"sensors": GNSS | WAKE, "interval": 60, "rest": 6 * HOUR_S, "batch": 5, "heartbeat": HOUR_S}
FAULT_MODEM = 8192


def asleep(rig: CellularRig) -> None:
    """A parked device that reports once an hour, and sleeps in between."""
    rig.board.sensors["motion"].acceleration_mg = lambda unix_s: (0.0, 0.0, 1000.0)  # type: ignore[attr-defined]
    rig.server.permit(1, **STILL)
    rig.run(HOUR_S)
    assert rig.board.counters["deep sleeps"] > 0


def test_board_and_modem_sleep_together(broker: Broker) -> None:
    """Two hours: a contact each, one attach for all, and the modem in PSM while the board is in deep sleep."""
    with CellularRig(broker, section={"psm": PSM}) as rig:
        asleep(rig)
        mark, heard = rig.board.meter.mark(), len(rig.server.statuses)
        rig.run(2 * HOUR_S)
        seconds = {row.state: row.seconds for row in rig.board.meter.since(mark).rows if row.part == "modem"}
        assert len(rig.server.statuses) >= heard + 2
        assert rig.modem.counts["attaches"] == 1
        assert seconds["psm"] > 0.97 * 2 * HOUR_S and "off" not in seconds


def test_psm_costs_less_than_an_attach_an_hour(broker: Broker) -> None:
    """The same hours without PSM: an attach for each contact, and more charge in all."""
    spent = []
    for section in ({"psm": PSM}, {}):
        with CellularRig(broker, section=section) as rig:
            asleep(rig)
            mark = rig.board.meter.mark()
            rig.run(2 * HOUR_S)
            spent.append(rig.board.meter.since(mark).parts["modem"])
            assert (rig.modem.counts["attaches"] > 2) is (not section)
    assert spent[0] < spent[1]


def test_a_fault_outlives_deep_sleep_until_it_is_told(broker: Broker) -> None:
    """A silent modem for two hours, in which the board sleeps between its tries: the next status has the fault."""
    with CellularRig(broker, section={"psm": PSM}) as rig:
        asleep(rig)
        rig.modem.fault = ModemFaults(silent=True)
        sleeps = rig.board.counters["deep sleeps"]
        rig.run(2 * HOUR_S)
        assert rig.board.counters["deep sleeps"] > sleeps + 2
        rig.modem.fault = ModemFaults()
        rig.run(2 * HOUR_S)
        told = [report.faults & FAULT_MODEM for report in rig.server.statuses]
        assert FAULT_MODEM in told and told[-1] == 0


def test_without_a_network_the_board_sleeps_between_its_searches(broker: Broker) -> None:
    """Two hours in a garage: a search each quarter of an hour at most, no fault, and all arrives behind it."""
    with CellularRig(broker, section={"psm": PSM}) as rig:
        asleep(rig)
        rig.modem.cell = Cell(covered=False)
        mark = rig.board.meter.mark()
        rig.run(2 * HOUR_S)
        seconds = {row.state: row.seconds for row in rig.board.meter.since(mark).rows if row.part == "modem"}
        assert 300 < seconds["searching"] < 1800 and seconds["off"] > HOUR_S
        rig.modem.cell = Cell()
        heard = len(rig.server.statuses)
        rig.run(HOUR_S)
        assert len(rig.server.statuses) > heard
        assert {report.faults & FAULT_MODEM for report in rig.server.statuses} == {0}


def test_a_link_that_stays_stays(broker: Broker) -> None:
    """`"link": "always"` over PPP: one call for twenty minutes, and a lost network is found again; nothing is lost."""
    with CellularRig(broker, section={"edrx": 20.48}, link="always") as rig:
        rig.server.permit(1)
        rig.run(1200)
        assert rig.modem.counts["calls"] == 1 and rig.modem.kept["CEDRXS"] == '4,"0010"'
        rig.modem.cell = Cell(covered=False)
        rig.run(600)
        rig.modem.cell = Cell()
        rig.run(1200)
        assert rig.modem.counts["calls"] >= 2 and rig.modem.passes
        assert len(rig.server.fixes) > 200 and rig.server.gaps() == {10}
