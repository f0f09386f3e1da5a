"""Clock: what may set it, what may not, and that a wrong time always heals."""

from __future__ import annotations

import random

import pytest

from firmware.clock import PERSIST_S, Challenge, Clock
from tests.unit.firmware.device import DAY_S, FIRST_EPOCH, NOW_S, Device, enrolled

GOOD = (True, True, True, True)


class World:
    """A device with a clock whose ticks the test moves."""

    def __init__(self, device: Device | None = None, lease_s: int = 30 * DAY_S) -> None:
        self.device = device or enrolled()
        self.ms = 1_000_000
        self.challenge = Challenge(random.Random(1).randbytes)
        self.clock = Clock(lambda: self.ms % 2**30, self.device.keys, self.challenge)
        self.clock.lease_until_s = NOW_S + lease_s

    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.ms += int(seconds * 1000)

    def server(self, time_s: int) -> bool:
        """The server answers the current challenge."""
        return self.clock.offer_server(time_s, self.challenge.value)


def test_no_time_after_a_boot() -> None:
    """Nothing is trusted; the epoch is the key store's."""
    world = World()
    assert world.clock.now_s() is None
    assert world.clock.epoch() == FIRST_EPOCH
    assert not world.clock.day_is_over()


def test_the_receiver_sets_the_clock_and_ticks_carry_it() -> None:
    """Also over the wrap of ticks_ms at 2**30 ms."""
    world = World()
    assert world.clock.offer_gnss(NOW_S + 50, *GOOD)
    for _ in range(30):
        world.wait(DAY_S / 2)
        assert world.clock.now_s() is not None
    assert world.clock.now_s() == NOW_S + 50 + 15 * DAY_S
    assert world.clock.epoch() == FIRST_EPOCH + 15
    assert world.clock.day_is_over()


@pytest.mark.parametrize("missing", range(4))
def test_each_flag_of_the_receiver_is_needed(missing: int) -> None:
    """gnssFixOK, validDate, validTime, fullyResolved."""
    world = World()
    flags = [True] * 4
    flags[missing] = False
    assert not world.clock.offer_gnss(NOW_S + 50, *flags)
    assert world.clock.now_s() is None
    assert world.clock.offer_gnss(NOW_S + 50, *GOOD)


def test_a_time_below_the_floor_is_refused() -> None:
    """From the receiver; the floor itself is accepted."""
    world = World()
    assert not world.clock.offer_gnss(NOW_S - 1, *GOOD)
    assert world.clock.wants_confirmation
    assert world.clock.now_s() is None
    assert world.clock.offer_gnss(NOW_S, *GOOD)
    assert not world.clock.wants_confirmation


def test_the_servers_word_takes_the_floor_back_but_not_beyond_the_day_before() -> None:
    """A floor that was carried ahead gives way to an answer to the challenge, down to the day before the epoch."""
    world = World()
    epoch = world.clock.epoch()
    assert not world.server((epoch - 1) * 86_400 - 1)
    assert world.clock.now_s() is None
    assert world.server(NOW_S - 3 * 3600)
    assert world.clock.now_s() == NOW_S - 3 * 3600
    assert world.clock.epoch() == epoch
    assert world.clock.offer_gnss(NOW_S - 3 * 3600 + 60, *GOOD)


def test_a_receiver_that_stands_still_does_not_stop_the_lease() -> None:
    """The same date again and again is taken as long as ticks may err, then no more: the lease ends in its time."""
    world = World(lease_s=2 * 3600)
    for minute in range(121):
        assert world.clock.offer_gnss(NOW_S + 60, *GOOD) == (minute <= 3)
        assert world.clock.lease_over() == (minute > 118 + 3)
        world.wait(60)
        world.clock.persist()
    world.wait(3 * 60)
    assert world.clock.lease_over()


def test_ticks_that_run_fast_refuse_no_honest_receiver() -> None:
    """Half a thousandth fast for a lease's 93 days: the receiver's time is taken each day."""
    world = World(lease_s=93 * DAY_S)
    for day in range(1, 93):
        world.wait(DAY_S * 1.0005)
        assert world.clock.offer_gnss(NOW_S + day * DAY_S, *GOOD)


def test_what_waits_can_be_dated_behind_the_lease() -> None:
    """When the receiver's word ends with the lease, and after a start without any time, the seconds are counted on."""
    world = World(lease_s=3600)
    world.clock.offer_gnss(NOW_S + 60, *GOOD)
    world.wait(2 * 3600)
    assert world.clock.now_s() is None
    assert world.clock.counted_s() == NOW_S + 60 + 2 * 3600
    world = World(Device(world.device.flash))
    world.wait(3600)
    assert world.clock.counted_s() == world.device.keys.floor_s + 3600


def test_a_step_of_more_than_a_day_waits_for_the_server() -> None:
    """A day is accepted, a second more is not, until the server says the same."""
    world = World()
    assert world.clock.offer_gnss(NOW_S + DAY_S, *GOOD)
    world = World()
    assert not world.clock.offer_gnss(NOW_S + DAY_S + 1, *GOOD)
    assert world.clock.wants_confirmation
    assert world.clock.now_s() is None
    assert world.server(NOW_S + DAY_S + 1)
    assert not world.clock.wants_confirmation
    assert world.clock.offer_gnss(NOW_S + DAY_S + 2, *GOOD)


def test_steps_below_a_day_do_not_add_up() -> None:
    """A receiver that leaps 23 hours at each fix gets one day, not a year."""
    world = World()
    accepted = [
        NOW_S + 23 * 3600 * leap for leap in range(1, 20) if world.clock.offer_gnss(NOW_S + 23 * 3600 * leap, *GOOD)
    ]
    assert accepted == [NOW_S + 23 * 3600]


def test_ticks_count_towards_the_day() -> None:
    """After three days without a fix the receiver's honest time is three days on, and is taken."""
    world = World()
    world.wait(3 * DAY_S)
    assert world.clock.offer_gnss(NOW_S + 3 * DAY_S + 40, *GOOD)


def test_the_receiver_cannot_pass_the_lease() -> None:
    """Neither in a leap nor by the clock's own ticks; with the server's word the epoch goes on."""
    world = World(lease_s=6 * 3600)
    assert not world.clock.offer_gnss(NOW_S + 6 * 3600 + 1, *GOOD)
    assert world.clock.offer_gnss(NOW_S + 6 * 3600 - 1, *GOOD)
    world.wait(2)
    assert world.clock.now_s() is None
    assert world.clock.wants_confirmation
    assert world.clock.lease_over()
    assert world.server(NOW_S + 40 * DAY_S)
    assert world.clock.epoch() == FIRST_EPOCH + 40


@pytest.mark.parametrize("year_s", [0, 2_114_380_800, 4_102_444_800, 2**32 - 1])
def test_any_date_of_the_receiver_heals(year_s: int) -> None:
    """1970, 2037, 2100 and the end of 32 bits: nothing is persisted, and the true time is accepted afterwards."""
    world = World()
    before = world.device.flash.raw()
    assert not world.clock.offer_gnss(year_s, *GOOD)
    world.clock.persist()
    assert world.device.flash.raw() == before
    assert world.clock.offer_gnss(NOW_S + 60, *GOOD)


def test_the_server_is_heard_in_answer_to_the_challenge_only() -> None:
    """A wrong, a short and a used challenge change nothing; each answer draws a fresh one."""
    world = World()
    first = world.challenge.value
    assert not world.clock.offer_server(NOW_S + 5, bytes(8))
    assert not world.clock.offer_server(NOW_S + 5, first[:7])
    assert not world.clock.offer_server(NOW_S + 5, b"")
    assert world.challenge.value == first
    assert world.clock.offer_server(NOW_S + 5, first)
    assert world.challenge.value != first
    assert not world.clock.offer_server(NOW_S + 9, first)
    assert world.clock.now_s() == NOW_S + 5


def test_the_servers_time_has_a_reach() -> None:
    """An epoch that the key store would refuse is not taken, and the clock goes on."""
    world = World()
    assert not world.server(NOW_S + 4097 * DAY_S)
    assert world.clock.now_s() is None
    assert world.server(NOW_S + 4096 * DAY_S)


def test_the_epoch_never_falls() -> None:
    """Past midnight by a fast clock, then the true time before it: the keys' epoch stands."""
    world = World()
    midnight_s = (FIRST_EPOCH + 1) * DAY_S
    assert world.clock.offer_gnss(midnight_s, *GOOD)
    world.device.keys.advance(world.clock.epoch(), world.clock.now_s())
    assert world.clock.offer_gnss(midnight_s - 100, *GOOD)
    assert world.clock.epoch() == FIRST_EPOCH + 1
    assert not world.clock.behind_epoch()
    assert not world.clock.day_is_over()


def test_a_clock_far_behind_the_epoch_says_so() -> None:
    """More than 120 s before the epoch of the keys the personal streams stop."""
    world = World()
    world.device.keys.advance(FIRST_EPOCH + 1, NOW_S)
    midnight_s = (FIRST_EPOCH + 1) * DAY_S
    assert world.clock.offer_gnss(midnight_s - 120, *GOOD)
    assert not world.clock.behind_epoch()
    assert world.clock.offer_gnss(midnight_s - 121, *GOOD)
    assert world.clock.behind_epoch()


def test_the_lease_ends_by_trusted_time() -> None:
    """To the second; without a lease it is over."""
    world = World(lease_s=3600)
    world.clock.offer_gnss(NOW_S + 3599, *GOOD)
    assert not world.clock.lease_over()
    world.wait(1)
    assert world.clock.lease_over()
    world.clock.lease_until_s = 0
    assert world.clock.lease_over()


def test_the_lease_ends_by_counted_seconds_over_boots() -> None:
    """Without any trusted time ten boots of three hours count: at most an hour of each is lost."""
    device = enrolled()
    hours = 0
    for _ in range(10):
        world = World(Device(device.flash), lease_s=24 * 3600)
        assert not world.clock.lease_over()
        for _ in range(3 * 60 + 1):
            world.clock.persist()
            world.wait(60)
        hours += 3
        if world.clock.lease_over():
            break
    assert 24 <= hours <= 30
    assert World(Device(device.flash), lease_s=24 * 3600).clock.lease_over()
    assert device.flash.log().load() is not None


def test_the_floor_is_persisted_once_an_hour() -> None:
    """A day with a trusted clock costs 24 records, and a boot starts from at most an hour and two minutes ago."""
    world = World()
    world.clock.offer_gnss(NOW_S, *GOOD)
    before = world.device.keys._log.sequence
    for _ in range(24 * 60):
        world.wait(60)
        world.clock.persist()
    assert world.device.keys._log.sequence - before <= 24
    assert NOW_S + DAY_S - PERSIST_S - 180 <= Device(world.device.flash).keys.floor_s <= NOW_S + DAY_S - 120
