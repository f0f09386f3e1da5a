"""What a minimiser holds back leaves when the day, the directive or the sensing ends, and goes with a withdrawal."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.unit.firmware.sensing.bench import GNSS, START_S, TEMPERATURE, Bench

DAY_S = 86_400
MIDNIGHT_S = (START_S // DAY_S + 1) * DAY_S
STAY = [0, 0, 0, 100, 60, 0, 0]
ERROR = [0, 0, 0, 0, 0, 20, 0]


async def parked(bench: Bench, for_s: int) -> None:
    """So many seconds with a fix each ten of them, all at one place, as the receiver's task takes them."""
    for _ in range(for_s // 10):
        now_s = bench.clock.now_s()
        if now_s is not None and bench.rules.senses_location():
            fix = (now_s, 550_000_000, 100_000_000, 4200, 0, 0, 3, 9)
            assert bench.sensors.sampler._take(fix, bench.rules.directive, True)
        await asyncio.sleep(10)


def located(bench: Bench) -> list[tuple[int, list[int]]]:
    """(directive version, times of entries since the start) of each location batch."""
    found = [(version, content[1]) for stream, version, content in bench.sent if stream == 1]
    return [(version, [entry[0] - START_S for entry in entries]) for version, entries in found]


def story_of(bench: Bench, thinning: list[int], act: Any, before_s: int = 300, **changes: Any) -> None:
    """Parked under a directive with thinning, then an act."""

    async def story(bench: Bench) -> None:
        bench.permit(1, **({"sensors": GNSS, "thinning": thinning, "batch": 64, "batch_age": DAY_S} | changes))
        await parked(bench, before_s)
        assert located(bench) == []
        await act(bench)

    bench.run(story)


@pytest.mark.parametrize("thinning", [STAY, ERROR], ids=["stay", "error"])
def test_the_button_seals_what_is_held_back(thinning: list[int]) -> None:
    """Sensing stops at the device: the last fix of before leaves with the batch."""

    async def act(bench: Bench) -> None:
        bench.sensors.stop(())

    bench = Bench()
    story_of(bench, thinning, act)
    assert located(bench) == [(1, [0, 290])]


def test_a_narrower_directive_seals_it_under_the_old_one() -> None:
    """The end of the stay was sensed under version 1; under version 2 a new one begins."""

    async def act(bench: Bench) -> None:
        bench.narrow(2, interval=20, thinning=STAY)
        await parked(bench, 300)
        bench.sensors.stop(())

    bench = Bench()
    story_of(bench, STAY, act)
    assert located(bench) == [(1, [0, 290]), (2, [300, 580])]


def test_a_withdrawal_takes_it() -> None:
    """The receiver is withdrawn: neither the open batch nor what is held back is ever sealed."""

    async def act(bench: Bench) -> None:
        bench.narrow(2, sensors=TEMPERATURE)
        await asyncio.sleep(60)
        bench.sensors.close()

    bench = Bench()
    story_of(bench, STAY, act, sensors=GNSS | TEMPERATURE)
    assert located(bench) == []


def test_the_day_ends_a_stay_and_the_next_begins_one() -> None:
    """Over midnight: an end in the old epoch, a beginning in the new one, at the same position."""

    async def act(bench: Bench) -> None:
        await parked(bench, MIDNIGHT_S - START_S)
        bench.sensors.stop(())

    bench = Bench()
    story_of(bench, STAY, act)
    last_s = MIDNIGHT_S - START_S
    (_, first), (_, second) = located(bench)
    assert first[0] == 0 and last_s - 10 <= first[1] < last_s <= second[0] < last_s + 10 and len(first + second) == 4
    assert bench.sensors.builders[0].lost == 0
    assert len({entry[1:] for stream, _, content in bench.sent if stream == 1 for entry in content[1]}) == 1


def test_a_quiet_hour_ends_it() -> None:
    """At its first minute the end of the stay joins the batch; in it nothing is taken; behind it a new stay begins."""
    begin = START_S % DAY_S // 60 + 5

    async def act(bench: Bench) -> None:
        await parked(bench, 300)
        assert len(bench.sensors.builders[0]) == 2
        await parked(bench, 600)
        bench.sensors.stop(())

    bench = Bench()
    story_of(bench, STAY, act, before_s=100, hours=[[begin, begin + 5]])
    ((_, times),) = located(bench)
    quiet_s = begin * 60 - START_S % DAY_S
    assert len(times) == 4 and times[0] == 0 and quiet_s - 10 <= times[1] < quiet_s
    assert quiet_s + 300 <= times[2] < quiet_s + 310 and times[3] > times[2] + 60


@pytest.mark.parametrize(("lat_e7", "turn"), [(549_999_000, False), (550_001_000, True)], ids=["in it", "beside it"])
def test_a_fix_in_a_zone_takes_nobodys_turn(lat_e7: int, turn: bool) -> None:
    """Eleven metres to the south it is used, and neither what leaves nor the time of the next fix changes."""
    bench = Bench()

    async def act(bench: Bench) -> None:
        sampler, directive = bench.sensors.sampler, bench.rules.directive
        before = sampler._next_s
        fix = (bench.clock.now_s(), lat_e7, 100_000_000, 4200, 0, 0, 3, 9)
        assert sampler._take(fix, directive, True)
        assert (sampler._next_s != before) is turn
        bench.sensors.stop(())

    story_of(bench, STAY, act, zones=[[5499, 500]])
    assert located(bench) == [(1, [0, 300 if turn else 290])]
