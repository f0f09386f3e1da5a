"""Labelled recordings of an accelerometer through the simulated chip, the driver and the task: still is told from moving."""

from __future__ import annotations

from tests.benchmarks import activity


def test_who_walks_or_runs_is_told_moving_and_a_thing_at_rest_is_not() -> None:
    """All 37 recordings of walking and running in each of their seconds, with knocks from running only; of 24
    `stationary` ones, which include a board on the wrist or in the hand of somebody who sits, half are told at rest.
    """
    table = activity.measure()
    assert [table[label]["recordings"] for label in activity.LABELS] == [24, 26, 11]
    for label in ("walking", "running"):
        assert table[label]["told moving"] == table[label]["recordings"]
        assert table[label]["seconds with motion"] == table[label]["seconds"]
    assert table["stationary"]["told still"] >= 12
    assert table["stationary"]["seconds with motion"] <= 0.17 * table["stationary"]["seconds"]
    assert [table[label]["knocked"] for label in activity.LABELS] == [0, 0, 11]
