"""Temperature and light by the firmware's own drivers and tasks: leave, steps, days, failures."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from hw_sim.chips.base import ChipFaults
from tests.unit.firmware.sensing.bench import GNSS, LIGHT, MOTION, START_S, TEMPERATURE, Bench

from firmware.wire import readings, report  # isort: skip

DAY_S = 86_400
MIDNIGHT_S = (START_S // DAY_S + 1) * DAY_S


def one_reading_a_minute(bench: Bench, seconds: int = 900, **changes: Any) -> list[tuple[int, ...]]:
    """Entries that a quarter of an hour under a directive gives."""

    async def story(bench: Bench) -> None:
        bench.permit(1, **changes)
        await asyncio.sleep(seconds)
        bench.sensors.close()

    bench.run(story)
    return bench.environment()


def test_a_reading_a_step_and_none_left_out() -> None:
    """Each minute one entry with both values, its time the begin of the minute, over a quarter of an hour."""
    bench = Bench()
    bench.board.temperature.temperature_c = lambda unix_s: -3.14
    bench.board.light.illuminance_lx = lambda unix_s: 700.0
    entries = one_reading_a_minute(bench)
    assert [entry[0] % 60 for entry in entries] == [0] * len(entries)
    gaps = [after[0] - before[0] for before, after in pairwise(entries)]
    assert gaps[0] in (60, 120) and set(gaps[1:]) == {60} and len(entries) >= 14
    assert {entry[2] for entry in entries} == {readings.light_class(700)}
    assert all(-34 <= entry[1] <= -30 for entry in entries)


@pytest.mark.parametrize(
    ("changes", "gap_s"),
    [
        ({"interval": 90}, 120),
        ({"interval": 300}, 300),
        ({"precision": 3, "interval": 60}, 600),
        ({"precision": 4}, 3600),
    ],
)
def test_interval_and_step_space_the_readings(changes: dict[str, int], gap_s: int) -> None:
    """Never closer than the interval and the step of the precision; the step is in the envelope."""
    bench = Bench()
    entries = one_reading_a_minute(bench, 3 * max(gap_s, 600) + 60, **changes)
    gaps = [after[0] - before[0] for before, after in pairwise(entries[1:])]
    assert gaps and min(gaps) >= changes.get("interval", 0) // 60 * 60 and max(gaps) == gap_s
    assert {content[1] for stream, _, content in bench.sent if stream == 2} == {readings.step_of(bench.rules.directive)}


@pytest.mark.parametrize(("sensors", "off"), [(TEMPERATURE, "light"), (LIGHT, "temperature"), (GNSS | MOTION, "both")])
def test_a_sensor_without_leave_is_never_powered(sensors: int, off: str) -> None:
    """Its switch is off: no power for a moment, and no column of it on the wire."""
    bench = Bench()
    entries = one_reading_a_minute(bench, sensors=sensors)
    unpowered = ["temperature", "light"] if off == "both" else [off]
    assert [bench.board.chips[name].power_ons for name in unpowered] == [0] * len(unpowered)
    assert len(entries) == 0 if off == "both" else {len(entry) for entry in entries} == {2}


def test_between_readings_there_is_no_power_and_the_lamp_is_dark() -> None:
    """Less than a second in a minute; the LED is lit for just as long."""
    bench = Bench()
    one_reading_a_minute(bench, sensors=TEMPERATURE | LIGHT)
    readings_ = len(bench.environment())
    assert bench.board.temperature.powered_s < 0.3 * readings_ and bench.board.light.powered_s < 0.5 * readings_
    assert len(bench.board.lit_at) == 2 * readings_ and not bench.board.lit


def test_withdrawing_one_leaves_the_other_running() -> None:
    """Light goes: it has no power any more, what waited of the stream is wiped, and temperature goes on alone."""
    bench = Bench()

    async def story(bench: Bench) -> None:
        bench.permit(1)
        await asyncio.sleep(400)
        assert bench.streams() == [2]
        bench.narrow(2, sensors=GNSS | TEMPERATURE | MOTION)
        assert bench.streams() == []
        before = bench.board.light.power_ons
        await asyncio.sleep(400)
        assert bench.board.light.power_ons == before

    bench.run(story)
    assert [(version, content[0]) for _, version, content in bench.sent][-1] == (2, TEMPERATURE)


def test_a_withdrawal_drops_the_open_batch() -> None:
    """Three readings lie open; when a sensor of the stream is withdrawn they are never sealed."""
    bench = Bench()

    async def story(bench: Bench) -> None:
        bench.permit(1, batch=64, batch_age=3600)
        await asyncio.sleep(200)
        assert len(bench.sensors.builders[1]) >= 3
        bench.narrow(2, sensors=GNSS | TEMPERATURE)
        await asyncio.sleep(1)

    bench.run(story)
    assert bench.environment() == [] and len(bench.sensors.builders[1]) <= 1


def test_a_narrower_directive_seals_the_open_batch_under_the_old_one() -> None:
    """What was sensed under version 1 says so."""
    bench = Bench()

    async def story(bench: Bench) -> None:
        bench.permit(1, batch=64, batch_age=3600)
        await asyncio.sleep(200)
        bench.narrow(2, interval=600)
        await asyncio.sleep(1300)
        bench.sensors.close()

    bench.run(story)
    assert [version for _, version, _ in bench.sent] == [1, 2] and len(bench.sent[0][2][2]) >= 3


def test_days_are_apart_and_no_minute_is_lost_at_midnight() -> None:
    """Over midnight: two batches, each in its own epoch, one reading a minute throughout."""
    bench = Bench()

    async def story(bench: Bench) -> None:
        bench.permit(1, batch=64, batch_age=7200)
        await asyncio.sleep(MIDNIGHT_S - START_S + 300)
        bench.sensors.close()

    bench.run(story)
    entries = bench.environment()
    gaps = {after[0] - before[0] for before, after in pairwise(entries[1:])}
    assert gaps == {60} and bench.sensors.builders[1].lost == 0
    days = [{entry[0] // DAY_S for entry in content[2]} for _, _, content in bench.sent]
    assert days == [{START_S // DAY_S}, {START_S // DAY_S + 1}]


def test_a_spent_counter_unpowers_the_sensors_of_its_stream_alone() -> None:
    """No number is left for `environment` today: its two sensors get no power, motion keeps its own."""
    bench = Bench()
    bench.keystore.spent = lambda stream: stream == 2
    one_reading_a_minute(bench)
    assert bench.board.temperature.power_ons == bench.board.light.power_ons == 0
    assert bench.board.motion.powered


def test_a_full_spool_gives_up_the_oldest_and_goes_on() -> None:
    """Days of readings into eight sectors: the newest are there, the rest is counted as lost."""
    bench = Bench()
    entries = one_reading_a_minute(bench, 16 * 3600, batch=1, sensors=TEMPERATURE)
    assert bench.spool.lost > 0 and len(entries) > 900
    assert bench.spool.count() + bench.spool.lost == len(entries)


FAILURES: dict[str, tuple[Callable[[Bench, str], None], int]] = {
    "absent": (lambda bench, name: setattr(bench.board.chips[name], "fault", ChipFaults(absent=True)), 0),
    "other chip": (lambda bench, name: setattr(bench.board.chips[name], "fault", ChipFaults(identity=0x1234)), 0),
    "zeros": (lambda bench, name: setattr(bench.board.chips[name], "fault", ChipFaults(answer=b"\0\0")), 0),
    "ones": (lambda bench, name: setattr(bench.board.chips[name], "fault", ChipFaults(answer=b"\xff")), 0),
    "turned bits": (lambda bench, name: setattr(bench.board.chips[name], "fault", ChipFaults(flip=0x21)), 0),
    "stretches": (lambda bench, name: setattr(bench.board.chips[name], "fault", ChipFaults(stretch_us=60_000)), 0),
    "data held": (lambda bench, name: bench.board.buses[name].hold("sda"), 0),
    "clock held": (lambda bench, name: bench.board.buses[name].hold("scl"), 0),
}


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize(
    ("name", "bit", "left"), [("temperature", 128, LIGHT), ("light", 256, TEMPERATURE)], ids=["temperature", "light"]
)
def test_a_failed_sensor_costs_itself_alone(failure: str, name: str, bit: int, left: int) -> None:
    """It is reported, unpowered and tried again each minute; the other goes on alone; healed, both are one batch again."""
    bench = Bench()

    async def story(bench: Bench) -> None:
        bench.permit(1, batch=64, batch_age=3600)
        await asyncio.sleep(130)
        assert bench.sensors.faults == 0
        FAILURES[failure][0](bench, name)
        before = bench.board.chips[name].power_ons
        await asyncio.sleep(300)
        assert bench.sensors.faults == bit and not bench.board.chips[name].powered
        assert 4 <= bench.board.chips[name].power_ons - before <= 6
        assert bench.board.motion.powered
        bench.board.chips[name].fault = ChipFaults()
        bench.board.buses[name].release()
        await asyncio.sleep(130)
        assert bench.sensors.faults == 0
        bench.sensors.close()

    bench.run(story)
    assert [content[0] for _, _, content in bench.sent] == [TEMPERATURE | LIGHT, left, TEMPERATURE | LIGHT]
    gaps = {b[0] - a[0] for a, b in pairwise(bench.environment()[1:])}
    assert gaps == {60}


def test_a_bus_that_a_chip_holds_is_healed_by_power() -> None:
    """A chip that hangs with the data line low is cured by its own supply: the next reading is there."""
    bench = Bench()

    async def story(bench: Bench) -> None:
        bench.permit(1, sensors=TEMPERATURE)
        await asyncio.sleep(65)
        bench.board.temperature.power(True)
        bench.board.buses["temperature"].hold("sda", by=bench.board.temperature)
        await asyncio.sleep(200)
        assert bench.sensors.faults == 0
        bench.sensors.close()

    bench.run(story)
    assert len(bench.environment()) >= 4


def test_a_failure_is_forgotten_with_the_leave() -> None:
    """The fault bit of a sensor that may not run any more is not reported for ever."""
    bench = Bench()

    async def story(bench: Bench) -> None:
        bench.permit(1)
        bench.board.light.fault = ChipFaults(absent=True)
        await asyncio.sleep(130)
        assert bench.sensors.faults == report.FAULT_LIGHT
        bench.narrow(2, sensors=TEMPERATURE)
        await asyncio.sleep(130)
        assert bench.sensors.faults == 0

    bench.run(story)


def test_quiet_hours_and_the_lease_stop_the_sensors() -> None:
    """Nothing is read in an hour in which nothing is sensed, nor behind the lease."""
    bench = Bench()
    minute = START_S % DAY_S // 60
    times = [
        entry[0]
        for entry in one_reading_a_minute(bench, 1500, hours=[[minute + 5, minute + 15]], lease_until=START_S + 1200)
    ]
    begin_s = START_S // 60 * 60
    assert all(not begin_s + 300 <= time_s < begin_s + 900 and time_s < START_S + 1200 for time_s in times)
    assert min(times) < begin_s + 300 and max(times) >= begin_s + 900


def test_the_sensors_lose_power_in_the_middle_of_a_reading() -> None:
    """A withdrawal that comes while the light is integrated: no power from that moment, and no reading."""
    bench = Bench()

    async def story(bench: Bench) -> None:
        bench.permit(1, sensors=LIGHT)
        while not bench.board.light.powered:
            await asyncio.sleep(0.01)
        bench.narrow(2, sensors=0)
        assert not bench.board.light.powered
        await asyncio.sleep(200)
        assert bench.board.light.power_ons == 1

    bench.run(story)
    assert bench.environment() == [] and len(bench.sensors.builders[1]) == 0


def test_what_is_taken_away_after_an_unanswered_question_is_wiped() -> None:
    """A wider directive without the challenge, then one that takes light away: no light of before is left to be sent."""
    bench = Bench()

    async def story(bench: Bench) -> None:
        bench.permit(1, sensors=TEMPERATURE | LIGHT, batch=1)
        await asyncio.sleep(200)

    bench.run(story)
    assert bench.streams()
    bench.apply(2, answered=False, sensors=TEMPERATURE | LIGHT, batch=1, interval=5)
    assert bench.streams()
    bench.apply(3, answered=True, sensors=TEMPERATURE, batch=1)
    assert bench.streams() == []


def test_what_stays_permitted_outlives_an_unanswered_question() -> None:
    """Nobody ever had light: a directive without it, after an unanswered question, takes no temperature away."""
    bench = Bench()

    async def story(bench: Bench) -> None:
        bench.permit(1, sensors=TEMPERATURE, batch=1)
        await asyncio.sleep(200)

    bench.run(story)
    kept = bench.streams()
    assert kept
    bench.apply(2, answered=False, sensors=TEMPERATURE, batch=1, interval=5)
    bench.apply(3, answered=True, sensors=TEMPERATURE, batch=1)
    assert bench.streams() == kept
