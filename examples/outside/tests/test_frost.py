"""The frost logger on a simulated board: minutes and hours of virtual time, a real broker, and things that go wrong."""

import pytest

pytestmark = pytest.mark.board(
    "board.toml",
    firmware="firmware",
    wifi={"farm": "hay and straw"},
    hosts={"mqtt.farm.example": "broker"},
)


def told(published):
    """Temperatures that the broker got."""
    return [float(message.payload.split()[1]) for message in published()]


@pytest.fixture
def freezing(board):
    """A board that is on, in four degrees of frost."""
    board.sensors["temperature"].temperature_c = lambda unix_s: -4.0
    board.power_on()
    return board


def test_frost_is_told(freezing, published):
    """Within two minutes, to a tenth of a degree."""
    freezing.run(for_s=125)
    assert told(published) == pytest.approx([-4.0, -4.0], abs=0.11)


def test_a_warm_night_is_quiet(board, published):
    """Nothing is told, and the radio stays off."""
    board.sensors["temperature"].temperature_c = lambda unix_s: 6.0
    board.power_on()
    board.run(for_s=3600)
    assert told(published) == []
    assert board.radio.active_s == 0


def test_what_happens_while_the_broker_is_away_is_told_later(freezing, fault, published):
    """Ten minutes of outage: nothing is lost."""
    with fault("broker-gone"):
        freezing.run(for_s=605)
        assert told(published) == []
    freezing.run(for_s=120)
    assert len(told(published)) == 12


def test_a_lost_acknowledgement_is_no_lost_frost(freezing, fault, published):
    """The broker has it, the board does not know: it is told again."""
    fault("lost-packets", packet="PUBACK", first=1)
    freezing.run(for_s=200)
    assert len(told(published)) >= 3


def test_a_sensor_that_is_gone_ends_nothing(freezing, fault, published):
    """The program says so and goes on; with the sensor back frost is told again."""
    with fault("sensor-absent", sensor="temperature"):
        freezing.run(for_s=125)
        assert "sensor:" in freezing.console
    freezing.run(for_s=60)
    assert len(told(published)) == 1


@pytest.mark.parametrize("operation", [1, 2, 3, 5, 8])
def test_a_power_cut_while_the_queue_is_written_costs_one_reading_at_most(freezing, fault, published, operation):
    """Torn in the middle of a flash operation: the file system mounts again, and the night goes on."""
    away = fault("wifi-gone")
    freezing.run(for_s=150)  # two readings wait: each costs a search for the access point
    cut = fault("power-cut-in-flash", operation=operation, torn=True)
    freezing.run(for_s=600, until=lambda: cut.holds)
    assert cut.holds
    written = freezing.console.mark
    cut.end()  # the power is back
    away.end()
    freezing.run(for_s=65)
    assert "Traceback" not in freezing.console.since(written)
    assert len(told(published)) >= 3  # those two and the one of now; that of the cut may be lost


def test_a_whole_night(scenario):
    """The scenario with its bounds."""
    run = scenario("night.toml")
    assert run.ok, run.broken
