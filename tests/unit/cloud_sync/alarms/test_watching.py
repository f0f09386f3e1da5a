"""The kinds of alarm over readings of a device, each with its hysteresis, repeats and captures out of order."""

from __future__ import annotations

import pytest

from cloud_sync.alarms import Bounds, Shock, Theft, Zone
from cloud_sync.errors import ConfigError
from cloud_sync.wire.cells import cell_of, centre_e7
from tests.unit.cloud_sync.alarms.alarm_world import AWAY, HOME, START, Watched
from tests.unit.cloud_sync.disclosure.outlet_world import ME

BEGAN, ENDED, SHOCK = 1, 2, 4
FRIDGE = Bounds("temperature", above=80, below=20, back=5)
ZONE = Zone(lat=HOME[0] / 1e7, lon=HOME[1] / 1e7, radius_m=2_000)


def test_a_bound_is_told_once_until_it_is_clearly_within_again(watched: Watched) -> None:
    """8.1 °C is beyond, 7.8 °C is not within yet, 7.4 °C is; then 8.5 °C is another alarm."""
    watched.set(FRIDGE, "condition_monitoring")
    for at, value in ((0, 50), (900, 81), (1800, 78), (2700, 82), (3600, 74), (4500, 85)):
        watched.send(watched.warm((at, value)))
    assert watched.starts() == [900, 4500]


def test_the_lower_bound_counts_as_well_and_the_first_reading_may_be_beyond(watched: Watched) -> None:
    """1.9 °C at the first reading; 2.4 °C is not within by half a degree, 2.6 °C is."""
    watched.set(FRIDGE, "condition_monitoring")
    for at, value in ((0, 19), (900, 24), (1800, 19), (2700, 26), (3600, 19)):
        watched.send(watched.warm((at, value)))
    assert watched.starts() == [0, 3600]


def test_light_tells_of_an_opening(watched: Watched) -> None:
    """A dark box that is opened, and stays open."""
    watched.set(Bounds("light", above=10), "condition_monitoring")
    for at, light in ((0, 0), (900, 400), (1800, 400)):
        watched.at(at)
        watched.send(watched.tracker.environment([(int(watched.clock.at), None, light)], version=1))
    assert watched.starts() == [900]


def test_a_zone_is_left_and_entered(watched: Watched) -> None:
    """Where it is at first is no alarm; eleven kilometres away it was left, back it was entered."""
    watched.set(ZONE, "tracking")
    for n, place in enumerate((HOME, AWAY, AWAY, HOME)):
        watched.send(watched.fixes(place, [900 * n]))
    assert watched.starts() == [900, 2700]


@pytest.mark.parametrize(("on", "starts"), [("enter", [2700]), ("leave", [900])])
def test_only_what_was_asked_is_told(watched: Watched, on: str, starts: list[int]) -> None:
    """Entering alone, or leaving alone."""
    watched.set(Zone(ZONE.lat, ZONE.lon, 2_000, on=on), "tracking")
    for n, place in enumerate((HOME, AWAY, AWAY, HOME)):
        watched.send(watched.fixes(place, [900 * n]))
    assert watched.starts() == starts


def test_a_fix_less_sure_than_the_zone_is_wide_says_nothing(watched: Watched) -> None:
    """The zone lies in the middle of a cell of 10 km, and a cell decides nothing about a circle of 2 km; fixes of 100 m do."""
    middle = centre_e7(*cell_of(*HOME, 3), 3)
    watched.set(Zone(middle[0] / 1e7, middle[1] / 1e7, 2_000), "tracking")
    far = (middle[0] + 3_000_000, middle[1])
    for n, place in enumerate((middle, far)):
        watched.at(900 * n)
        watched.send(watched.tracker.fixes([int(watched.clock.at)], place=place, precision=3, version=1))
    assert watched.told == 0
    for n, place in enumerate((middle, far)):
        watched.send(watched.fixes(place, [1800 + 900 * n]))
    assert watched.starts() == [2700]


def test_motion_after_it_had_stood_is_theft(watched: Watched) -> None:
    """It drives, stops for five minutes at a light (no alarm), then stands for an hour and moves."""
    watched.set(Theft(parked_s=600), "theft_alarm")
    for at, bits in ((60, BEGAN), (300, ENDED), (600, BEGAN), (900, ENDED), (4500, BEGAN), (4560, ENDED)):
        watched.send(watched.moved((at, bits)))
    assert watched.starts() == [4500]


def test_armed_by_hand_it_tells_of_any_motion_and_disarmed_of_none(watched: Watched) -> None:
    """What is captured counts as it was armed at its capture, not when it comes in."""
    alarm = watched.set(Theft(), "theft_alarm")
    watched.send(watched.moved((60, BEGAN)))
    watched.at(600)
    watched.cloud.alarms.arm(ME, alarm.rule_id)
    watched.at(1800)
    watched.cloud.alarms.arm(ME, alarm.rule_id, on=False)
    late = watched.moved((900, SHOCK))
    watched.at(2000)
    watched.send(late, watched.moved((1900, BEGAN)))
    assert watched.starts() == [900]


def test_a_shock_is_told(watched: Watched) -> None:
    """And other motion is not."""
    watched.set(Shock(), "theft_alarm")
    watched.send(watched.moved((60, BEGAN), (120, ENDED)), watched.moved((1200, SHOCK)))
    assert watched.starts() == [1200]


def test_two_devices_of_a_person_are_watched_apart(watched: Watched) -> None:
    """One at home and one away is no coming and going."""
    other = watched.enrol("s-1")
    watched.clock.at += 1
    watched.set(ZONE, "tracking")
    for n in range(1, 4):
        watched.send(watched.fixes(HOME, [900 * n]))
        watched.take(other, [other.fixes([int(watched.clock.at)], place=AWAY, version=1)])
        watched.cloud.alarms.work()
    assert watched.told == 0


# Repeats, order, silence


def test_a_repeat_tells_nothing_again(watched: Watched) -> None:
    """The same envelopes once more, and again after a restart."""
    watched.set(FRIDGE, "condition_monitoring")
    payloads = [watched.warm((0, 50)), watched.warm((900, 90))]
    watched.send(*payloads)
    for _ in range(2):
        watched.cloud.handle([(watched.tracker.topic, payload) for payload in payloads])
        watched.cloud.alarms.work()
        watched.at(7200)
        watched.cloud.alarms.sweep()
        watched.reopen()
    assert watched.starts() == [900]


def test_what_comes_late_is_put_where_it_belongs(watched: Watched) -> None:
    """The newest came first; of what had waited, only the excursion of an hour before is news."""
    watched.set(FRIDGE, "condition_monitoring")
    early = [watched.warm((60, 50)), watched.warm((120, 90), (1000, 90)), watched.warm((1500, 50))]
    watched.send(watched.warm((4000, 50)))
    assert watched.told == 0
    watched.send(early[2])
    watched.send(early[1])
    watched.send(early[0])
    assert watched.starts() == [120]
    watched.send(watched.warm((5040, 90)))
    assert watched.starts() == [120, 5040]


def test_an_earlier_beginning_of_what_was_told_is_not_told_again(watched: Watched) -> None:
    """Too warm since 3000 was told; that it was so at 1500 already, without a break, is the same alarm."""
    watched.set(FRIDGE, "condition_monitoring")
    early = watched.warm((1500, 85))
    watched.send(watched.warm((3000, 90)))
    watched.send(early)
    assert watched.starts() == [3000]


def test_a_level_in_between_makes_it_another_one(watched: Watched) -> None:
    """The same, with a reading that was within in between: an alarm of its own."""
    watched.set(FRIDGE, "condition_monitoring")
    early = watched.warm((1500, 85)), watched.warm((2000, 50))
    watched.send(watched.warm((3000, 90)))
    watched.send(*early)
    watched.at(4000)
    watched.cloud.alarms.work()
    assert watched.starts() == [3000, 1500]


def test_captures_of_before_the_rule_raise_nothing(watched: Watched) -> None:
    """Too warm before the rule was made, and told after it; too warm since then is."""
    before = watched.warm((0, 90))
    watched.at(60)
    watched.set(FRIDGE, "condition_monitoring")
    watched.at(120)
    watched.send(before)
    assert watched.told == 0
    watched.send(watched.warm((180, 90)))
    assert watched.starts() == [180]


def test_captures_of_long_ago_raise_nothing(watched: Watched) -> None:
    """Too warm two days before it came in; of an hour before it is told."""
    watched.set(FRIDGE, "condition_monitoring")
    old = watched.warm((120, 90))
    watched.at(2 * 86_400)
    watched.send(old)
    assert watched.told == 0
    watched.at(2 * 86_400 + 3600)
    watched.send(watched.warm((2 * 86_400, 90), now=False))
    assert watched.starts() == [2 * 86_400]


def test_after_a_late_excursion_the_next_one_is_told(watched: Watched) -> None:
    """It was within at 4000 already when that of 120 came in: at 5040 it is another one."""
    watched.set(FRIDGE, "condition_monitoring")
    late = watched.warm((120, 90))
    watched.send(watched.warm((4000, 50)))
    watched.send(late)
    watched.send(watched.warm((5040, 90)))
    assert watched.starts() == [120, 5040]


def test_late_captures_of_one_device_are_not_mixed_with_the_other(watched: Watched) -> None:
    """The first was away in between, which comes late; the second has been at home all the time."""
    other = watched.enrol("s-1")
    watched.clock.at += 1
    watched.set(ZONE, "tracking", quiet_s=60)
    late = watched.fixes(HOME, [960])
    for at in (900, 1800, 2700):
        watched.at(at)
        watched.take(other, [other.fixes([START + at], place=AWAY, version=1)])
    watched.send(watched.fixes(HOME, [2700]))
    watched.send(late)
    assert watched.told == 0


def test_a_rule_that_spoke_is_quiet_and_then_tells_the_rest_in_one(watched: Watched) -> None:
    """Three shocks within ten minutes: one message, and one for the other two when the rule may speak again."""
    watched.set(Shock(), "theft_alarm", quiet_s=60)
    payloads = [watched.moved((at, SHOCK)) for at in (60, 180, 300)]
    watched.at(600)
    watched.send(payloads[0])
    watched.at(610)
    watched.send(*payloads[1:])
    assert watched.starts() == [60]
    watched.at(660)
    watched.cloud.alarms.work()
    watched.cloud.alarms.work()
    assert watched.starts() == [60, 180]
    last = watched.cloud.database.alert(watched.sink.taken[1].key)
    assert last is not None and last.end > START + 300


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (lambda: Zone(91, 0, 100), "on the globe"),
        (lambda: Zone(0, 0, 10), "radius"),
        (lambda: Zone(0, 0, 100, on="often"), "both, enter or leave"),
        (lambda: Theft(parked_s=1), "parked_s"),
        (lambda: Bounds("temperature"), "name a bound"),
        (lambda: Bounds("humidity", above=1), "temperature or of light"),
        (lambda: Bounds("temperature", above=20, below=20), "nothing lies between"),
        (lambda: Bounds("temperature", above=20, back=-1), "0 or more"),
    ],
)
def test_what_cannot_be_watched_is_refused_with_a_sentence(wrong: object, sentence: str) -> None:
    """Each changes one thing of a rule that is taken."""
    with pytest.raises(ConfigError, match=sentence):
        wrong()  # type: ignore[operator]
