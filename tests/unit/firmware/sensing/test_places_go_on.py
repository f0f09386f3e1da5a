"""Events of places over a new directive, and batches over a clock that is taken back."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.unit.firmware.sensing.bench import GNSS, START_S, TEMPERATURE, Bench

DAY_S = 86_400
LAT_E7, LON_E7 = 550_000_000, 100_000_000
PLACE = [7, LAT_E7 // 100, LON_E7 // 100, 200]
OTHER = [8, LAT_E7 // 100, LON_E7 // 100, 500]
HERE, AWAY = 0, 60_000  # 667 m
PLACES: dict[str, Any] = {"precision": 6, "places": [PLACE, OTHER]}
STAY = [0, 0, 0, 100, 60, 0, 0]


def at(bench: Bench, north_e7: int, time_s: int | None = None) -> None:
    """A fix so far north of the place, as the receiver's task takes it."""
    now_s = bench.clock.now_s() if time_s is None else time_s
    fix = (now_s, LAT_E7 + north_e7, LON_E7, 4200, 0, 0, 3, 9)
    assert bench.sensors.sampler._take(fix, bench.rules.directive, True)


def told(bench: Bench) -> list[tuple[int, int, int]]:
    """(directive version, place, event) of each event that was sealed."""
    return [(version, *entry[1:]) for stream, version, entries in bench.sent if stream == 1 for entry in entries]


def over(act: Any, **changes: Any) -> Bench:
    """There for twenty seconds under one directive; then an act, and the batch is sealed."""
    bench = Bench()

    async def story(bench: Bench) -> None:
        bench.permit(1, **({"sensors": GNSS, "batch": 64, "batch_age": DAY_S} | PLACES | changes))
        for _ in range(3):
            at(bench, HERE)
            await asyncio.sleep(10)
        await act(bench)
        bench.sensors.close()

    bench.run(story)
    return bench


ENTERED = [(1, 7, 1), (1, 8, 1)]


@pytest.mark.parametrize("tick_s", [0, 3])
def test_a_renewal_repeats_no_event(tick_s: int) -> None:
    """Who was inside still is; it is left when it is left, told under the new directive."""

    async def renewed(bench: Bench) -> None:
        bench.permit(2, sensors=GNSS, **PLACES)
        await asyncio.sleep(tick_s)
        at(bench, HERE)
        await asyncio.sleep(10)
        at(bench, AWAY)

    assert told(over(renewed)) == [*ENTERED, (2, 7, 2), (2, 8, 2)]


def test_who_leaves_while_a_directive_is_applied_has_left() -> None:
    """The first fix under the new one is far away."""

    async def renewed(bench: Bench) -> None:
        await asyncio.sleep(10)
        bench.permit(2, sensors=GNSS, **PLACES)
        at(bench, AWAY)

    assert told(over(renewed)) == [*ENTERED, (2, 7, 2), (2, 8, 2)]


def test_the_day_may_end_before_the_next_fix() -> None:
    """A directive, midnight, and a deep sleep one behind the other lose nothing."""

    async def renewed(bench: Bench) -> None:
        bench.permit(2, sensors=GNSS, **PLACES)
        bench.sensors.close()
        bench.permit(3, sensors=GNSS, **PLACES)
        bench.sensors.sampler.keep()
        assert bench.rules.minimiser.places._inside == 3
        await asyncio.sleep(10)
        at(bench, AWAY)

    assert told(over(renewed)) == [*ENTERED, (3, 7, 2), (3, 8, 2)]


@pytest.mark.parametrize(
    ("changes", "again"),
    [
        ({}, []),
        ({"places": [OTHER, PLACE]}, [7, 8]),
        ({"places": [PLACE]}, [7]),
        ({"zones": [[0, 0]]}, [7, 8]),
        ({"hours": [[0, 1]]}, [7, 8]),
    ],
    ids=["the same", "another order", "fewer", "a zone", "an hour"],
)
def test_with_other_places_zones_or_hours_it_begins_anew(changes: dict[str, Any], again: list[int]) -> None:
    """What another directive left out may not be concluded from what the first knew."""

    async def changed(bench: Bench) -> None:
        bench.permit(2, **({"sensors": GNSS} | PLACES | changes))
        at(bench, HERE)

    assert told(over(changed)) == [*ENTERED, *((2, place, 1) for place in again)]


def test_a_withdrawal_is_forgotten() -> None:
    """The receiver is withdrawn and permitted again: nothing is known of before."""

    async def withdrawn(bench: Bench) -> None:
        bench.sensors.close()
        bench.narrow(2, sensors=TEMPERATURE, **PLACES)
        bench.permit(3, sensors=GNSS, **PLACES)
        assert bench.rules.minimiser.places._inside == 0
        at(bench, HERE)

    assert told(over(withdrawn, sensors=GNSS | TEMPERATURE)) == [*ENTERED, (3, 7, 1), (3, 8, 1)]


@pytest.mark.parametrize("changes", [PLACES, {}, {"thinning": STAY}], ids=["places", "positions", "stay"])
def test_a_batch_holds_no_falling_times(changes: dict[str, Any]) -> None:
    """Half an hour fast, then right: what was sensed before leaves in a batch of its own, in order; nothing is lost."""
    bench = Bench()

    async def story(bench: Bench) -> None:
        bench.permit(1, **({"sensors": GNSS, "batch": 64, "batch_age": DAY_S} | changes))
        for begin_s in (START_S + 1800, START_S + 60):
            bench.clock._trusted = (begin_s - bench.clock._elapsed_s(), True)
            for north_e7 in (AWAY, HERE, HERE, AWAY):
                at(bench, north_e7)
                await asyncio.sleep(90)
        bench.sensors.close()

    bench.run(story)
    batches = [content[-1] if isinstance(content, tuple) else content for _, _, content in bench.sent]
    assert len(batches) == 2 and bench.sensors.builders[0].lost == 0
    first, second = [[entry[0] - START_S for entry in entries] for entries in batches]
    assert first == sorted(first) and second == sorted(second) and first[0] >= 1740 and second[-1] < 500
    assert len(first) == len(second) == 4


def test_events_of_one_minute_are_kept_through_a_deep_sleep() -> None:
    """The open batch has them as they came, its plaintext in order: it is the same batch."""
    bench = over_two()
    builder = bench.sensors.builders[0]
    kept = builder.keep()
    from firmware.sleep import _entries

    entries = _entries(1, builder.directive, kept[3], kept[0])
    assert builder.holds(entries) and not builder.holds(entries[1:])
    assert entries == sorted(builder._entries) != builder._entries


def over_two() -> Bench:
    """In a minute left, then entered: the batch lies open."""
    bench = Bench()

    async def story(bench: Bench) -> None:
        bench.permit(1, sensors=GNSS, batch=64, batch_age=DAY_S, **PLACES)
        begin_s = START_S // 60 * 60 + 60
        bench.clock._trusted = (begin_s - bench.clock._elapsed_s(), True)
        for north_e7 in (HERE, 24_000, HERE):
            at(bench, north_e7)
            await asyncio.sleep(15)

    bench.run(story)
    return bench
