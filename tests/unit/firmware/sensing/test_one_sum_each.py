"""An interval has one sum, whatever ends it early, and none if it began before its directive was issued."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.firmware.sensing.bench import GNSS, MOTION, START_S, TEMPERATURE, Bench

DAY_S = 86_400
SPAN_S = 600
NEXT_S = START_S - START_S % SPAN_S + SPAN_S  # the first interval that begins after the directive was issued
Act = Callable[[Bench, int], None]


def issued_again(bench: Bench, number: int) -> None:
    """A narrower directive, issued now."""
    lease_s = bench.rules.directive.lease_until - 1
    bench.narrow(number, aggregate=SPAN_S, lease_until=lease_s, issued_at=bench.clock.now_s())


def issued_as_before(bench: Bench, number: int) -> None:
    """One that says it was issued when the first was."""
    bench.narrow(number, aggregate=SPAN_S, lease_until=bench.rules.directive.lease_until - 1)


def pressed(bench: Bench, number: int) -> None:
    """The button, pressed twice."""
    bench.sensors.stop(())


def closed(bench: Bench, number: int) -> None:
    """All batches are sealed: no room in retained memory, a new generation of keys."""
    bench.sensors.close()


def sensed(act: Act, times: int = 1, pause_s: int = 60, **changes: Any) -> Bench:
    """Half an hour of temperature in sums of ten minutes; the act a few times within the first whole interval."""
    bench = Bench()

    async def story(bench: Bench) -> None:
        sensors = GNSS | TEMPERATURE | MOTION
        bench.permit(1, **({"aggregate": SPAN_S, "batch": 64, "batch_age": DAY_S, "sensors": sensors} | changes))
        await asyncio.sleep(NEXT_S - START_S + 70)
        for number in range(times):
            act(bench, 2 + number)
            await asyncio.sleep(pause_s)
        await asyncio.sleep(1800)
        bench.sensors.close()

    bench.run(story)
    return bench


@pytest.mark.parametrize("act", [issued_again, issued_as_before, pressed, closed])
def test_no_act_makes_two_sums_of_one_interval(act: Act) -> None:
    """Eight a minute apart: one sum of the interval, with the two readings of before the first; the next are whole."""
    entries = sensed(act, 8).environment()
    counts = Counter(entry[0] for entry in entries)
    assert set(counts.values()) == {1} and entries[0][:2] == (NEXT_S, 2)
    assert [entry[:2] for entry in entries[1:3]] == [(NEXT_S + SPAN_S, 10), (NEXT_S + 2 * SPAN_S, 10)]


def test_an_interval_that_began_before_the_directive_is_left_out() -> None:
    """The first sum is of the interval that begins behind it; issued at its very beginning an interval counts."""
    assert sensed(closed).environment()[0][0] == NEXT_S
    whole = sensed(closed, issued_at=START_S - START_S % SPAN_S)
    assert whole.environment()[0][0] == NEXT_S - SPAN_S


def test_intervals_of_other_lengths_do_not_overlap_one_that_was_told() -> None:
    """Of twenty minutes around ten that were told no sum leaves, though the directive says that it is old."""

    def longer(bench: Bench, number: int) -> None:
        bench.narrow(number, aggregate=2 * SPAN_S, issued_at=START_S - DAY_S)

    sent = sensed(longer).sent
    (_, _, (_, _, short)), (_, _, (_, span_s, long)) = [batch for batch in sent if batch[0] == 2]
    assert span_s == 2 * SPAN_S and long
    assert all(end >= begin + SPAN_S for begin in [entry[0] for entry in short] for end in [entry[0] for entry in long])


def test_what_was_told_survives_a_deep_sleep() -> None:
    """Pressed, asleep, awake: the interval stays closed; without that memory it would be told again."""

    def asleep(bench: Bench, number: int) -> None:
        bench.sensors.stop(())
        kept = bench.sensors.environment.keep()
        bench.sensors.environment._told = (0, 0)
        bench.sensors.environment.restore(kept, 1000)

    def forgetful(bench: Bench, number: int) -> None:
        bench.sensors.stop(())
        bench.sensors.environment._told = (0, 0)

    told = [Counter(entry[0] for entry in sensed(act).environment())[NEXT_S] for act in (asleep, forgetful)]
    assert told == [1, 2]


def test_sums_whose_directive_is_gone_do_not_leave() -> None:
    """Behind a deep sleep whose record of the directive was lost: no sum, and no fault."""

    def gone(bench: Bench, number: int) -> None:
        bench.rules.directive = None
        bench.sensors.environment.finish()

    assert sensed(gone).environment() == []


def test_nothing_is_read_for_a_sum_that_would_not_leave() -> None:
    """Before the first whole interval, and in what is left of one that was told early, the thermometer has no power."""
    bench = Bench()

    async def story(bench: Bench) -> None:
        chip = bench.board.temperature
        bench.permit(1, aggregate=SPAN_S, sensors=TEMPERATURE, batch=64, batch_age=DAY_S)
        await asyncio.sleep(NEXT_S - START_S - 10)
        assert chip.power_ons == 0
        await asyncio.sleep(130)
        bench.sensors.close()
        read = chip.power_ons
        assert read == 2
        await asyncio.sleep(SPAN_S - 130)
        assert chip.power_ons == read
        await asyncio.sleep(130)
        assert chip.power_ons == read + 2

    bench.run(story)
