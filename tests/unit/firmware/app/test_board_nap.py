"""Light sleep on the simulated board: between solutions the processor draws 240 µA, and nothing that is said is missed."""

from __future__ import annotations

from itertools import pairwise

import pytest

from hw_sim.energy.meter import Mark
from hw_sim.network.broker import Broker
from tests.unit.firmware.app.conftest import Rigged
from tests.unit.firmware.app.sleeping import GNSS, MOTION, TEMPERATURE, moving
from tests.unit.firmware.app.toy_server import FAULT, STOPPED

pytestmark = [pytest.mark.micropython, pytest.mark.mosquitto]


def share(rigged: Rigged, mark: Mark, state: str) -> float:
    """Of the time since the mark that the processor was in a state."""
    report = rigged.board.meter.since(mark)
    return sum(row.seconds for row in report.rows if (row.part, row.state) == ("mcu", state)) / report.seconds


def test_fixes_every_ten_seconds_with_light_sleep_between(rigged: Rigged) -> None:
    """Half an hour: no solution is missed and none damaged, contacts go on, and the processor naps for three quarters of it."""
    rigged.server.permit(1)
    rigged.run(150)  # behind a start by hand its console can be reached for two minutes
    mark, fixes = rigged.board.meter.mark(), len(rigged.server.fixes)
    rigged.run(1800)
    assert len(rigged.server.fixes) - fixes >= 160 and rigged.server.gaps() == {10}
    assert share(rigged, mark, "light-sleep") > 0.75 and share(rigged, mark, "waiting") < 0.22
    assert rigged.board.meter.since(mark).average_ua < 20_000
    assert rigged.server.statuses[-1].boots == 1 and FAULT not in rigged.server.reasons


def test_who_has_just_plugged_it_in_finds_it_awake(rigged: Rigged) -> None:
    """No light sleep within two minutes of a start by hand."""
    mark = rigged.board.meter.mark()
    rigged.server.permit(1)
    rigged.run(115)
    assert rigged.board.gnss.emitted and share(rigged, mark, "light-sleep") == 0


@pytest.mark.parametrize("settings", [{"sleep": "never"}, {"link": "always"}, {"gnss": "nmea"}])
def test_where_something_may_come_at_any_time_it_stays_awake(broker: Broker, settings: dict[str, str]) -> None:
    """Told not to sleep, a link that stays, a receiver of its own rate: while that is on there is no light sleep."""
    with Rigged(broker, **settings) as rigged:
        rigged.server.permit(1)
        rigged.run(150)
        mark = rigged.board.meter.mark()
        rigged.run(300)
        assert share(rigged, mark, "light-sleep") == 0 and rigged.server.gaps() == {10}


def test_other_sensors_and_the_button_lose_nothing_by_it(rigged: Rigged) -> None:
    """A reading a minute, the begin and end of a motion, and a hold of two seconds that stops it all."""
    moving(rigged, (400, 460))
    rigged.board.sensors["temperature"].temperature_c = lambda unix_s: 21.44  # type: ignore[attr-defined]
    rigged.server.permit(1, sensors=GNSS | TEMPERATURE | MOTION)
    rigged.run(1000)
    times = [reading.time for reading in rigged.server.readings]
    assert len(times) >= 8 and {b - a for a, b in pairwise(times[1:])} == {60}
    assert [int(event.events) for event in rigged.server.motion] == [1, 2]
    rigged.board.press_button()
    rigged.run(4)
    rigged.board.release_button()
    rigged.run(60)
    assert STOPPED in rigged.server.reasons and not rigged.board.gnss.powered
