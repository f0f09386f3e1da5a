"""What a deep sleep carries: the clock with its doubt, the minimisers' memory, open batches, waiting readings."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from tests.unit.firmware.app.rig import DAY_S, START_S, Rig, micro  # noqa: F401

from firmware import sleep  # isort: skip
from firmware.clock import Clock  # isort: skip
from firmware.minimise import Minimiser  # isort: skip
from firmware.sensing.sums import Sums  # isort: skip
from firmware.sensing.zones import Zones  # isort: skip

GOOD = (True, True, True, True)


def woken(rig: Rig, asleep_ms: int) -> Clock:
    """The rig's clock behind a sleep that its oscillator counted so long."""
    kept = rig.clock.keep()
    clock = Clock(lambda: rig.ticks, rig.keystore, rig.challenge)
    clock.lease_until_s = rig.clock.lease_until_s
    clock.resume(kept, asleep_ms)
    return clock


def timed(lease_s: int = 30 * DAY_S) -> Rig:
    """A rig with the receiver's time."""
    rig = Rig()
    rig.clock.lease_until_s = START_S + lease_s
    assert rig.clock.offer_gnss(START_S + 100, *GOOD)
    return rig


def test_the_time_goes_on_to_the_second() -> None:
    """A thousand sleeps of 1.7 s: no rounding adds up."""
    rig = timed()
    for _ in range(1000):
        rig.clock = woken(rig, 1700)
        rig.ticks += 300
        assert rig.clock.now_s() is not None
    assert rig.clock.now_s() == START_S + 100 + 2000


@pytest.mark.parametrize(("asleep_s", "trusted"), [(3839, True), (3840, False)])
def test_beyond_two_minutes_of_doubt_it_is_not_trusted(asleep_s: int, trusted: bool) -> None:
    """A thirty-second of what was slept may be wrong: 120 s in 64 minutes."""
    clock = woken(timed(), asleep_s * 1000)
    assert (clock.now_s() == START_S + 100 + asleep_s) if trusted else clock.now_s() is None


def test_the_doubt_of_sleeps_adds_up_and_a_fix_ends_it() -> None:
    """Two sleeps of 40 minutes are too much; with a fix between them they are not."""
    rig = timed()
    rig.clock = woken(rig, 2_400_000)
    assert woken(rig, 2_400_000).now_s() is None
    assert rig.clock.offer_gnss(START_S + 2510, *GOOD)
    assert woken(rig, 2_400_000).now_s() == START_S + 2510 + 2400


@pytest.mark.parametrize("wrong_s", [-270, 270])
def test_a_receiver_heals_what_the_sleep_led_astray(wrong_s: int) -> None:
    """Three hours counted 2.5 % fast or slow: the true time is taken, ahead or behind."""
    true_s = START_S + 100 + 10_800
    clock = woken(timed(), (10_800 + wrong_s) * 1000)
    assert clock.now_s() is None and clock.offer_gnss(true_s, *GOOD) and clock.now_s() == true_s


@pytest.mark.parametrize("ppm", [-30_000, 0, 30_000])
def test_light_sleeps_lead_the_bounds_of_time_nowhere(ppm: int) -> None:
    """A day of naps between fixes, counted 3 % fast or slow: every true time is taken, and none but the true one."""
    rig = timed()
    rig.clock.offer_server(START_S + 100, rig.challenge.value)
    true_ms = 0
    for _ in range(8640):
        for ms in (900,) * 10:
            assert rig.clock.nap_ms(ms)
            rig.ticks += ms + ms * ppm // 1_000_000
            rig.clock.now_s()
        true_ms += 10_000
        rig.ticks += 1000
        assert rig.clock.offer_gnss(START_S + 100 + true_ms // 1000, *GOOD)
    assert not rig.clock.offer_gnss(START_S + 100 + true_ms // 1000 - 7200, *GOOD)


def test_without_a_fix_the_naps_end() -> None:
    """Half of the doubt that a trusted time bears, and no further; a fix begins anew. Without a time there is none."""
    rig = timed()
    naps = 0
    while rig.clock.nap_ms(1000):
        naps += 1
    assert 1700 < naps < 1920
    assert rig.clock.offer_gnss(START_S + 130, *GOOD) and rig.clock.nap_ms(1000)
    rig.boot()
    assert rig.clock.now_s() is None and not rig.clock.nap_ms(1000)


def test_a_receiver_that_holds_time_still_is_refused_behind_a_sleep() -> None:
    """Ten hours slept: the time of before, or nine hours of it, is not believed [no lease would ever end]."""
    clock = woken(timed(), 36_000_000)
    assert not clock.offer_gnss(START_S + 101, *GOOD) and not clock.offer_gnss(START_S + 9 * 3600, *GOOD)
    assert clock.wants_confirmation


@pytest.mark.parametrize(("asleep_s", "over"), [(9_000, False), (9_700, True), (11_000, True)])
def test_a_lease_ends_by_what_was_slept(asleep_s: int, over: bool) -> None:
    """Untrusted, it is counted on the long side: three per cent early rather than late."""
    assert woken(timed(lease_s=10_000), asleep_s * 1000).lease_over() is over


def test_without_a_time_the_sleep_counts_towards_the_lease() -> None:
    """No receiver, no server: the seconds of the sleep are counted, and persisted with the next hour."""
    rig = Rig()
    rig.clock.lease_until_s = START_S + 8000
    clock = woken(rig, 7_200_000)
    assert clock.counted_s() >= START_S + 7200 and not clock.lease_over()
    clock.persist()
    assert rig.keystore.dark_s >= 7200 and woken(rig, 9_000_000).lease_over()


STAGES: list[dict[str, Any]] = [
    {"precision": 1},
    {"thinning": [0, 300, 30, 0, 0, 0, 0]},
    {"thinning": [0, 0, 0, 100, 120, 0, 0]},
    {"thinning": [0, 0, 0, 0, 0, 50, 0]},
    {"thinning": [0, 100, 0, 200, 60, 30, 0]},
    {"precision": 6, "places": [[1, 5_200_000, 1_300_000, 300], [7, 5_200_400, 1_300_000, 100]]},
    {"thinning": [0, 0, 0, 0, 0, 0, 500]},
]


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("seed", range(4))
def test_a_minimiser_forgets_nothing_asleep(stage: dict[str, Any], seed: int) -> None:
    """A walk of three hundred fixes with a sleep behind any of them: the same entries leave as without a sleep."""
    directive, rng = Rig().directive(1, interval=10, **stage), random.Random(seed)
    awake, asleep = Minimiser(directive, b"s" * 32), Minimiser(directive, b"s" * 32)
    lat, lon, told = 520_000_000, 130_000_000, 0
    for step in range(300):
        pace = rng.choice((0, 300, 5000))
        lat, lon = lat + rng.randint(-pace, pace), lon + rng.randint(-pace, pace)
        fix = (START_S + 10 * step, lat, lon, 4000, 1000, 9_000_000, 3, 9)
        here = [list(entry) for entry in awake.accept(fix)]
        assert here == [list(entry) for entry in asleep.accept(fix)]
        told += len(here)
        if rng.random() < 0.2:
            kept = json.loads(json.dumps(sleep._minimiser(asleep)))
            asleep = Minimiser(directive, b"s" * 32)
            sleep._resume_minimiser(asleep, kept)
    assert told > 0 and [list(entry) for entry in awake.flush()] == [list(entry) for entry in asleep.flush()]


def test_sums_and_waiting_readings_go_on() -> None:
    """Count, least, sum and most of an interval; events and readings that wait for a fix, in their order."""
    sums, again = Sums(START_S), Sums(START_S)
    sums.add(6, (215, 40))
    sums.add(2, (190,))
    again.restore(sums.keep())
    assert again.take() == sums.take()
    rig = Rig()
    rig.apply(1, zones=[[0, 0]])
    zones, later = Zones(rig.rules, rig.clock), Zones(rig.rules, rig.clock)
    told: list[Any] = []
    zones.hold(START_S, told.append, 5)
    zones.hold(START_S + 1, told.append, (6, (215, 40)))
    later.restore(
        zones.keep(), lambda at_s, bits: told.append((at_s, bits)), lambda at_s, value: told.append((at_s, value))
    )
    later.fix(START_S + 10, False)
    assert told == [(START_S, 5), (START_S + 1, (6, (215, 40)))]
