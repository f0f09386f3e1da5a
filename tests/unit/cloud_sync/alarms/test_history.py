"""What a rule remembers does not depend on the order in which captures come in."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from cloud_sync.alarms import Bounds, Theft
from cloud_sync.alarms.history import MOST_MARKS, History
from cloud_sync.alarms.watch import Memory, Watch
from cloud_sync.model import Motion, MotionEvent, Reading

FRIDGE = Bounds("temperature", above=80, back=5)


def _readings(values: list[int]) -> list[Reading]:
    return [Reading(60 * n, 60, value, None) for n, value in enumerate(values)]


def _fed(watch: Watch, items: list[Reading], order: list[int]) -> tuple[History, list[int]]:
    """One reading after the other in this order, each time with all that there is from there on; and what was told."""
    history, there, told = History(), list[Reading](), list[int]()
    for place in order:
        item = items[place]
        there = sorted([*there, item], key=lambda each: each.time)
        late = item.time <= history.last
        told += history.take(watch, [each for each in there if each.time >= item.time] if late else [item])
    return history, told


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_levels_are_the_same_in_whatever_order_captures_come(data: st.DataObject) -> None:
    """Readings in any order: the levels are those of the right order; something is told if anything is to be told,
    never twice, and nothing that was not so.
    """
    items = _readings(data.draw(st.lists(st.sampled_from([70, 76, 78, 82, 90]), min_size=2, max_size=12)))
    order = data.draw(st.permutations(range(len(items))))
    right, beginnings = _fed(FRIDGE, items, list(range(len(items))))
    other, told = _fed(FRIDGE, items, order)
    assert other.marks == right.marks and other.last == right.last
    assert bool(told) == bool(beginnings) and len(set(told)) == len(told)
    assert all(items[at // 60].temperature_dc > 80 for at in told)  # type: ignore[operator]


def test_what_is_remembered_is_bounded_and_older_levels_are_unknown() -> None:
    """After so many changes the oldest is forgotten; before it nothing is known, and theft falls back on how it began."""
    history = History()
    history.take(FRIDGE, _readings([90, 50] * MOST_MARKS))
    assert len(history.marks) == MOST_MARKS and history.before(0) == Memory(None, 0)
    assert history.before(0, Memory(0, 5)) == Memory(0, 5)
    assert Theft(parked_s=600).origin(7) == Memory(0, 7)


def test_a_history_is_the_same_out_of_its_value() -> None:
    """As it is stored, sealed."""
    history = History()
    history.take(FRIDGE, _readings([50, 90]))
    assert History.of_value(history.to_value()) == history


def test_what_lies_within_the_quiet_time_is_one_alarm() -> None:
    """Shocks a minute apart with ten minutes of quiet, on either side."""
    shocks = [MotionEvent(at, 60, Motion.SHOCK) for at in (0, 600, 660, 1260)]
    history = History()
    assert history.take(Theft(), shocks[1:3], armed=((0, True),), quiet_s=600) == [600]
    again = history.take(Theft(), shocks, armed=((0, True),), quiet_s=600)
    assert again == [0, 1260]
