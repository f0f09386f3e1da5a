"""Private zones: of what is sensed in one nothing leaves, not the reading before it either; nor without a position."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from tests.unit.firmware.sensing.bench import (
    LIGHT,
    MOTION,
    START_S,
    TEMPERATURE,
    Bench,
    fixes,
    shaking,
)

from firmware.minimise import Minimiser  # isort: skip
from firmware.sensing import zones  # isort: skip

HOME = [556, 62]
DAY_S = 86_400
MINUTE_S = START_S // 60 * 60 + 60
MIDNIGHT_S = (START_S // DAY_S + 1) * DAY_S


def ride(seconds: int, inside: Callable[[int], bool], bench: Bench | None = None, **changes: Any) -> Bench:
    """A device that shakes all the time, with a zone and a fix each ten seconds; `inside(seconds since the minute)`."""
    bench = bench or Bench()
    bench.board.motion.acceleration_mg = shaking(0, 2**32, mg=5000.0)

    async def story(bench: Bench) -> None:
        bench.permit(1, **({"zones": [HOME], "batch": 64, "batch_age": 3600} | changes))
        await fixes(bench, seconds, inside=lambda now_s: inside(now_s - MINUTE_S))
        bench.sensors.close()

    bench.run(story)
    return bench


def times(bench: Bench) -> set[int]:
    """Times of all that was told, from the first whole minute."""
    return {entry[0] - MINUTE_S for entry in bench.environment()} | {entry[0] - MINUTE_S for entry in bench.motion()}


def test_with_fixes_outside_nothing_is_lost() -> None:
    """A zone far away changes nothing but the first moments: one reading a minute, motion told."""
    bench = ride(1800, lambda at_s: False)
    readings = [entry[0] for entry in bench.environment()]
    assert len(readings) >= 27 and {b - a for a, b in pairwise(readings[1:])} == {60}
    assert bench.motion()


def test_nothing_of_a_zone_leaves_and_nothing_is_powered_in_it() -> None:
    """Twenty minutes at home in an hour: no entry of a step that touches them, no sensor has power for a second."""
    bench = Bench()
    powered: list[float] = []
    for chip in bench.board.chips.values():
        switch = chip.power
        chip.power = lambda on, switch=switch: (
            powered.append(bench.board.world.clock.unix_s) if on else None,
            switch(on),
        )  # type: ignore[method-assign]
    ride(3600, lambda at_s: 1205 <= at_s < 2405, bench)
    assert not [at_s for at_s in powered if 1215 < at_s - MINUTE_S < 2405]
    told = times(bench)
    assert not [at_s for at_s in told if at_s + 60 > 1205 and at_s < 2405]
    assert min(told) < 600 and max(told) > 3000


@pytest.mark.parametrize("sensor", [TEMPERATURE, LIGHT, MOTION])
def test_the_reading_before_a_zone_is_forgotten(sensor: int) -> None:
    """Sensed after the last fix outside, before the first inside: it waits for that fix and goes with it."""
    bench = Bench()
    bench.board.motion.acceleration_mg = shaking(MINUTE_S + 122, 2**32, mg=5000.0)

    async def story(bench: Bench) -> None:
        bench.permit(1, sensors=1 | sensor, zones=[HOME], batch=64, batch_age=3600)
        # Up to the second in which a reading waits and no later fix has come.
        while not (len(bench.sensors.zones) and bench.clock.now_s() >= MINUTE_S + 120):
            now_s = bench.clock.now_s()
            if now_s % 10 == 5 and now_s < MINUTE_S + 120:
                bench.sensors.zones.fix(now_s, False)
            await asyncio.sleep(1)
        before = len(bench.sensors.builders[1]) + len(bench.sensors.builders[2])
        bench.sensors.zones.fix(bench.clock.now_s() + 1, True)
        assert len(bench.sensors.zones) == 0
        assert not any(chip.powered for chip in bench.board.chips.values())
        await asyncio.sleep(300)
        bench.sensors.zones.fix(bench.clock.now_s(), False)
        assert len(bench.sensors.builders[1]) + len(bench.sensors.builders[2]) == before
        bench.sensors.close()

    bench.run(story)
    assert not [at_s for at_s in times(bench) if at_s >= 120]


def test_without_a_fix_there_is_no_power() -> None:
    """A zone is set and the receiver sees no sky: for an hour no sensor has power."""
    bench = Bench()

    async def story(bench: Bench) -> None:
        bench.permit(1, zones=[HOME])
        await asyncio.sleep(3600)

    bench.run(story)
    assert [chip.power_ons for chip in bench.board.chips.values()] == [0, 0, 0] and bench.sent == []


def test_where_the_receiver_is_not_permitted_both_streams_are_silent() -> None:
    """A zone without a position: nobody can tell where the device is."""
    bench = Bench()

    async def story(bench: Bench) -> None:
        bench.permit(1, zones=[HOME], sensors=TEMPERATURE | LIGHT | MOTION)
        await asyncio.sleep(3600)

    bench.run(story)
    assert [chip.power_ons for chip in bench.board.chips.values()] == [0, 0, 0]


def test_a_stale_fix_ends_the_power_and_what_waited() -> None:
    """No fix for twice the interval and a minute: no power, and the readings since the last fix are forgotten."""
    bench = Bench()

    async def story(bench: Bench) -> None:
        bench.permit(1, zones=[HOME], batch=64, batch_age=7200)
        await fixes(bench, 300)
        before = len(bench.sensors.builders[1])
        await asyncio.sleep(85)
        assert not bench.board.motion.powered
        await asyncio.sleep(120)
        assert len(bench.sensors.zones) == 0
        bench.sensors.zones.fix(bench.clock.now_s(), False)
        assert len(bench.sensors.builders[1]) == before
        await fixes(bench, 200)
        assert len(bench.sensors.builders[1]) > before and bench.board.motion.powered

    bench.run(story)


def test_what_waits_over_midnight_is_told_in_the_new_day() -> None:
    """The reading of the day's last minute is confirmed in the next epoch: it lies in that one, a minute early at most."""
    bench = Bench()

    async def story(bench: Bench) -> None:
        bench.permit(1, zones=[HOME], batch=64, batch_age=7200, sensors=1 | TEMPERATURE)
        await fixes(bench, MIDNIGHT_S - START_S + 300)
        bench.sensors.close()

    bench.run(story)
    readings = [entry[0] for entry in bench.environment()]
    assert {b - a for a, b in pairwise(readings[1:])} == {60}
    assert bench.sensors.builders[1].lost == 0


def test_a_new_directive_forgets_what_waits() -> None:
    """A zone may have come with it: what waited was judged by the old ones."""
    bench = Bench()

    async def story(bench: Bench) -> None:
        bench.permit(1, zones=[HOME], batch=64)
        await fixes(bench, 100)
        while not len(bench.sensors.zones):
            bench.sensors.zones.fix(bench.clock.now_s(), False)
            await asyncio.sleep(1)
        bench.narrow(2, zones=[HOME, [557, 62]])
        assert len(bench.sensors.zones) == 0
        assert not bench.sensors.zones.clear(60)

    bench.run(story)


@pytest.mark.parametrize(("after_s", "told"), [(0, []), (1, [START_S + 60]), (80, [START_S + 60]), (81, [])])
def test_the_fix_behind_a_reading_is_close(after_s: int, told: list[int]) -> None:
    """In the same second it may be the older one; twice the interval and a minute later it tells nothing any more."""
    bench = Bench()
    bench.permit(1, zones=[HOME], interval=10)
    got: list[int] = []
    bench.sensors.zones.hold(START_S + 60, lambda at_s, value: got.append(at_s), 1)
    bench.sensors.zones.fix(START_S + 60 + after_s, False)
    assert got == told
    bench.sensors.zones.fix(START_S + 61 + after_s, False)
    assert got == (told or ([START_S + 60] if after_s == 0 else []))


def test_what_waits_is_bounded() -> None:
    """A hundred events without a fix: the newest batch of them is kept."""
    bench = Bench()
    bench.permit(1, zones=[HOME], interval=86_400)
    for at_s in range(100):
        bench.sensors.zones.hold(START_S + at_s, lambda *held: None, 1)
    assert len(bench.sensors.zones) == 64 == zones._MAX_WAITING


@pytest.mark.parametrize(
    ("changes", "tells"),
    [
        ({}, False),
        ({"lat_e7": 556_150_000, "lon_e7": 6_250_000}, True),
        ({"mode": 1}, None),
        ({"h_acc_mm": 1_024_000}, False),
        ({"h_acc_mm": 1_024_001}, None),
        ({"h_acc_mm": 30_000_000, "lat_e7": 556_150_000, "lon_e7": 6_250_000}, True),
        ({"lat_e7": 910_000_000}, None),
    ],
)
def test_which_fix_tells_of_a_zone(changes: dict[str, int], tells: bool | None) -> None:
    """Inside however poor it is; outside only within a kilometre; without a position not at all."""
    bench = Bench()
    directive = bench.directive(1, zones=[[5561, 31]])
    fix = {"time_s": START_S, "lat_e7": 550_000_000, "lon_e7": 6_250_000, "h_acc_mm": 5000, "speed": 0, "course": 0}
    fix |= {"mode": 3, "satellites": 9}
    assert Minimiser(directive).inside(tuple((fix | changes).values())) is tells
