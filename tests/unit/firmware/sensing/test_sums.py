"""Aggregates: only count, least, mean and most of an interval of the UTC day leave, never over a change of directive."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

import pytest

from hw_sim.chips.base import ChipFaults
from tests.unit.firmware.sensing.bench import GNSS, LIGHT, MOTION, START_S, TEMPERATURE, Bench, fixes

from firmware.sensing.sums import Sums  # isort: skip
from firmware.wire.readings import light_class  # isort: skip

DAY_S = 86_400
MIDNIGHT_S = (START_S // DAY_S + 1) * DAY_S
SPAN_S = 600
HOME = [556, 62]


def sensed(bench: Bench, for_s: int, **changes: object) -> list[tuple[int, ...]]:
    """Entries that so many seconds under a directive with sums of ten minutes give."""

    async def story(bench: Bench) -> None:
        bench.permit(1, **({"aggregate": SPAN_S, "batch_age": DAY_S} | changes))
        await asyncio.sleep(for_s)
        bench.sensors.close()

    bench.run(story)
    return bench.environment()


def test_the_sums_are_those_of_the_readings() -> None:
    """Random readings: count, least, floor of the mean and most; light as classes of the whole lux."""
    choose = random.Random(1)
    for _ in range(200):
        celsius = [choose.randint(-550, 1500) for _ in range(choose.randint(1, 60))]
        lux = [choose.uniform(0, 100_000) for _ in celsius]
        sums = Sums(1200)
        for reading in zip(celsius, lux, strict=True):
            sums.add(6, reading)
        sensors, entry = sums.take()
        whole = [int(value) for value in lux]
        classes = [light_class(value) for value in (min(whole), sum(whole) // len(whole), max(whole))]
        mean = sum(celsius) // len(celsius)
        assert sensors == 6
        assert entry == (1200, len(celsius), min(celsius), mean, max(celsius), len(lux), *classes)


def test_ten_minutes_leave_as_one_entry_each() -> None:
    """An hour and a half: intervals of the day, ten readings each, values as the surroundings were."""
    bench = Bench()
    bench.board.temperature.temperature_c = lambda unix_s: -5 + (unix_s % SPAN_S) / 60
    bench.board.light.illuminance_lx = lambda unix_s: 100.0 if unix_s % SPAN_S < 300 else 1000.0
    entries = sensed(bench, 5400)
    whole = entries[1:-1]
    assert len(whole) >= 7 and all(entry[0] % SPAN_S == 0 for entry in entries)
    assert {entry[1] for entry in whole} == {10} == {entry[5] for entry in whole}
    for _, _, least, mean, most, _, dark, middle, bright in whole:
        assert -51 <= least <= -49 and 39 <= most <= 41 and -7 <= mean <= -4
        assert (dark, bright) == (light_class(100), light_class(1000)) and dark < middle < bright
    assert {content[1] for _, _, content in bench.sent} == {SPAN_S}


@pytest.mark.parametrize("sensor", [TEMPERATURE, LIGHT])
def test_only_what_is_permitted_is_summed(sensor: int) -> None:
    """One sensor: four numbers, and the other one has no power."""
    bench = Bench()
    entries = sensed(bench, 1800, sensors=GNSS | sensor)
    assert entries and {len(entry) for entry in entries} == {5}
    assert bench.board.chips["light" if sensor == TEMPERATURE else "temperature"].power_ons == 0


def test_a_sensor_that_fails_for_an_interval_closes_the_batch() -> None:
    """Its bit is not in the batches of that time; the other's sums go on."""
    bench = Bench()

    async def story(bench: Bench) -> None:
        bench.permit(1, aggregate=SPAN_S, batch=64, batch_age=DAY_S)
        await asyncio.sleep(1300)
        bench.board.light.fault = ChipFaults(absent=True)
        await asyncio.sleep(1500)
        bench.sensors.close()

    bench.run(story)
    assert [content[0] for _, _, content in bench.sent] == [TEMPERATURE | LIGHT, TEMPERATURE]


def test_no_sums_reach_over_midnight() -> None:
    """The day's last interval ends with it, in its own epoch; nothing is lost."""
    bench = Bench()
    entries = sensed(bench, MIDNIGHT_S - START_S + 1300, batch=64)
    days = [{entry[0] // DAY_S for entry in content[2]} for _, _, content in bench.sent]
    assert days == [{START_S // DAY_S}, {START_S // DAY_S + 1}]
    assert MIDNIGHT_S - SPAN_S in {entry[0] for entry in entries} and bench.sensors.builders[1].lost == 0


def test_a_new_directive_begins_new_sums() -> None:
    """What was summed under version 1 is sealed under it; under version 2 the next interval is the first."""
    bench = Bench()

    async def story(bench: Bench) -> None:
        bench.permit(1, aggregate=SPAN_S, batch=64, batch_age=DAY_S)
        await asyncio.sleep(SPAN_S - START_S % SPAN_S + 200)
        bench.narrow(2, aggregate=SPAN_S, batch=60)
        await asyncio.sleep(900)
        bench.sensors.close()

    bench.run(story)
    assert [version for _, version, _ in bench.sent] == [1, 2]
    last, first = bench.sent[0][2][2][-1], bench.sent[1][2][2][0]
    assert last[0] + SPAN_S == first[0] and last[1] < 9 <= first[1]


def test_a_withdrawal_takes_the_open_sums_with_it() -> None:
    """Light is withdrawn: of the interval nothing is sealed, and the temperature's sums begin anew."""
    bench = Bench()

    async def story(bench: Bench) -> None:
        bench.permit(1, aggregate=SPAN_S, batch=64, batch_age=DAY_S)
        await asyncio.sleep(400)
        bench.narrow(2, sensors=GNSS | TEMPERATURE | MOTION, aggregate=SPAN_S)
        assert bench.sent == []
        await asyncio.sleep(700)
        bench.sensors.close()

    bench.run(story)
    assert {(version, content[0]) for stream, version, content in bench.sent if stream == 2} == {(2, TEMPERATURE)}


def in_zone(inside: Callable[[int], bool], temperature_c: Callable[[float], float]) -> Bench:
    """Ninety minutes with a zone, a fix each ten seconds."""
    bench = Bench()
    bench.board.temperature.temperature_c = temperature_c

    async def story(bench: Bench) -> None:
        bench.permit(1, aggregate=SPAN_S, zones=[HOME], sensors=GNSS | TEMPERATURE, batch=64, batch_age=DAY_S)
        await fixes(bench, 5400, inside=inside)
        bench.sensors.close()

    bench.run(story)
    return bench


def test_what_was_sensed_in_a_zone_is_in_no_sum() -> None:
    """Forty degrees in the zone, twenty outside: no sum knows of it, and counts are of the readings outside."""

    def inside(now_s: int) -> bool:
        return START_S + 1900 <= now_s < START_S + 3300

    def warm(unix_s: float) -> float:
        return 40.0 if START_S + 1890 <= unix_s < START_S + 3300 else 20.0

    entries = in_zone(inside, warm).environment()
    assert entries and all(entry[2:] == (200, 200, 200) or entry[4] <= 201 for entry in entries)
    assert {entry[2:] for entry in in_zone(lambda now_s: False, warm).environment()} - {(200, 200, 200)}
    other = in_zone(inside, lambda unix_s: -30.0 if START_S + 1890 <= unix_s < START_S + 3300 else 20.0)
    assert other.environment() == entries
