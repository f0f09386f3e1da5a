"""What a rule remembers of a span that its person erases."""

from __future__ import annotations

from cloud_sync.alarms import Bounds
from cloud_sync.model.keeping import Ground
from tests.unit.cloud_sync.alarms.alarm_world import START, Watched

COLD = Bounds("temperature", above=80)


def _times(watched: Watched) -> set[int]:
    """Moments in the memory of the one rule, in seconds after noon."""
    [row] = watched.cloud.database.alarm_rules()
    seen = watched.cloud.alarms._sealer.seen(row)
    found = {mark.at for each in seen.histories.values() for mark in each.marks}
    found |= {at for each in seen.histories.values() for at in [each.last, *each.told]}
    return {at - START for at in found | set(seen.pending or ())}


def test_a_rule_forgets_moments_of_an_erased_span(watched: Watched) -> None:
    """When it was warm says when somebody was there: of the erased half hour no level, alarm or link is left, of the rest all."""
    alarm = watched.set(COLD, "condition_monitoring")
    watched.send(watched.warm((60, 50)))
    watched.send(watched.warm((960, 90)))
    watched.send(watched.warm((1140, 50)))
    watched.send(watched.warm((3960, 90)))
    watched.send(watched.warm((4140, 50)))
    assert watched.starts() == [960, 3960] and {60, 960, 1140, 3960, 4140} <= _times(watched)
    watched.at(5000)
    watched.cloud.erase(subject="s-1", start=START + 900, end=START + 2700)
    watched.cloud.alarms.work()
    assert not any(900 <= at < 2700 for at in _times(watched)) and {3960, 4140} <= _times(watched)
    assert watched.starts() == [3960] and len(watched.cloud.database.alarm_messages(alarm.rule_id)) == 1
    watched.at(6000)
    watched.send(watched.tracker.environment([(START + 5880, 90, None)], version=99))
    assert watched.starts() == [3960, 5880]


def test_it_forgets_while_its_person_is_restricted_too(watched: Watched) -> None:
    """A rule that waits for its leave looks at nothing, and forgets all the same."""
    watched.set(COLD, "condition_monitoring")
    watched.send(watched.warm((60, 50)), watched.warm((960, 90)))
    watched.at(1980)
    watched.cloud.restrictions.restrict("s-1", Ground.LEGAL_CLAIM, by="desk")
    watched.cloud.alarms.sweep()
    assert 960 in _times(watched)
    watched.cloud.erase(subject="s-1", start=START + 900, end=START + 1900)
    watched.cloud.alarms.work()
    assert 960 not in _times(watched)


def test_what_waits_of_an_erased_span_is_not_told(watched: Watched) -> None:
    """Nobody took the message yet, and a second one waits for the quiet time: neither is told after the erasure."""
    watched.set(COLD, "condition_monitoring", quiet_s=3600)
    watched.sink.refuse.add(0)
    watched.send(watched.warm((60, 50)), watched.warm((960, 90)))
    watched.send(watched.warm((1140, 50)), watched.warm((1980, 90)))
    watched.sink.refuse.clear()
    watched.at(2600)
    watched.cloud.erase(subject="s-1", start=START + 900, end=START + 2500)
    watched.at(9000)
    watched.cloud.alarms.work()
    watched.cloud.alarms.sweep()
    assert watched.told == 0
