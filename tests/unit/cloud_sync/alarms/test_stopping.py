"""What alarms do while a person is restricted, after an erasure, and when something fails that nobody expected."""

from __future__ import annotations

import pytest

from cloud_sync.alarms import Bounds, Shock, Zone
from cloud_sync.errors import ConfigError
from cloud_sync.model.keeping import Ground
from tests.unit.cloud_sync.alarms.alarm_world import AWAY, HOME, Watched

ZONE = Zone(HOME[0] / 1e7, HOME[1] / 1e7, 2_000)


def _left(watched: Watched) -> None:
    """A zone is left."""
    watched.send(watched.fixes(HOME, [60]), watched.fixes(AWAY, [960]))


def test_the_log_names_nobody_who_was_erased_meanwhile(watched: Watched) -> None:
    """What was read for a rule before the erasure is not logged under the person's name after it; without one it is."""
    watched.set(Bounds("temperature", above=80), "condition_monitoring")
    watched.send(watched.warm((60, 50)))
    assert len(watched.cloud.alarms._looker._followers) == 1
    watched.cloud.erase(subject="s-1")
    before = len(watched.entries("gate.allowed"))
    watched.cloud.alarms.stop()
    assert len(watched.entries("gate.allowed")) == before


def test_what_a_rule_read_is_logged_at_the_stop(watched: Watched) -> None:
    """The same without an erasure: one entry more, with how much was read."""
    watched.set(Bounds("temperature", above=80), "condition_monitoring")
    watched.send(watched.warm((60, 50)))
    before = len(watched.entries("gate.allowed"))
    watched.cloud.alarms.stop()
    assert [each["count"] for each in watched.entries("gate.allowed")[before:]] == [1]


def test_a_message_waits_while_its_person_is_restricted(watched: Watched) -> None:
    """Not sent and not thrown away: it goes once the restriction is lifted."""
    watched.sink.refuse.add(0)
    watched.set(ZONE, "tracking")
    _left(watched)
    watched.sink.refuse.clear()
    held = watched.cloud.restrictions.restrict("s-1", Ground.LEGAL_CLAIM, by="desk")
    watched.at(2000)
    watched.cloud.alarms.work()
    assert watched.told == 0 and watched.entries("alarm.undelivered") == []
    watched.cloud.restrictions.lift(held.restriction_id, by="desk", told=True)
    watched.at(2000 + 3600)
    watched.cloud.alarms.work()
    assert watched.told == 1


def test_a_restricted_person_costs_no_look_into_the_store(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a rule waits for its leave what came in is not fetched at every turn; before and after it is."""
    looked: list[str] = []
    real = watched.cloud.alarms._since
    monkeypatch.setattr(watched.cloud.alarms, "_since", lambda rule: [looked.append(rule.rule_id), real(rule)][1])
    alarm = watched.set(Shock(), "theft_alarm")
    held = watched.cloud.restrictions.restrict("s-1", Ground.LEGAL_CLAIM, by="desk")
    watched.at(60)
    watched.cloud.alarms.sweep()
    looked.clear()
    for _ in range(3):
        watched.cloud.alarms.work()
    assert looked == []
    watched.cloud.restrictions.lift(held.restriction_id, by="desk", told=True)
    watched.at(2000)
    watched.cloud.alarms.work()
    assert looked == [alarm.rule_id]


@pytest.mark.parametrize(
    "wrong", [{"channel": "me@example.org"}, {"channel": ""}, {"channel": "later", "to": "x" * 321}]
)
def test_a_channel_is_a_word_and_an_address_is_short(watched: Watched, wrong: dict[str, str]) -> None:
    """The channel's name stands in the clear, so it is no address; one that is not connected yet takes no book for one."""
    right = {"channel": "later", "to": "x" * 320}
    assert watched.set(Shock(), "theft_alarm", **right).channel == "later"
    with pytest.raises(ConfigError):
        watched.set(Shock(), "theft_alarm", **{**right, **wrong})


def test_the_thread_outlives_what_nobody_expected(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault of any kind in one turn is logged, and the next turn comes."""
    turns, alarms = list[int](), watched.cloud.alarms

    def work() -> int:
        turns.append(1)
        if len(turns) == 1:
            alarms._come.set()
            raise ValueError("unexpected")
        alarms._stopping.set()
        alarms._come.set()
        return 0

    monkeypatch.setattr(alarms, "work", work)
    alarms._stopping.clear()
    try:
        alarms._for_ever()
    finally:
        alarms._stopping.clear()
    assert len(turns) == 2
