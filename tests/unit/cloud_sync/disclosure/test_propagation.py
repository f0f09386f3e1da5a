"""Alarms about copies outside that outlive a consent: one each, in time, whatever is answered afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud_sync.disclosure.propagation import Propagation
from tests.clauses.device.test_propagation import Away
from tests.clauses.made import CLERK, HOUR, Made, World

PURPOSE = "site_analysis"


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """CG's installation; U1 has agreed, a recipient has a copy, and is away; then U1 takes the consent back."""
    made = Made(tmp_path, pytest.MonkeyPatch())
    world = made.world("cg")
    away = Away()
    world.cloud.sinks["web_analytics"] = away
    world.yes("u-1", PURPOSE)
    record = world.cloud.intake.take("web_metadata", {"action": "map opened"}, subject="u-1", source="website")
    whose = {"purpose": PURPOSE, "subject": "u-1", "recipient": "web_analytics"}
    world.cloud.recipients.hand(record, actor=CLERK, **whose)
    away.there = False
    world.later(hours=1)
    world.withdraw("u-1", PURPOSE)
    yield world
    made.close()


def alarms(world: World, *, hours: float) -> int:
    """How many there are after a sweep so many hours from now."""
    world.later(hours=hours - 1)
    world.sweep()
    return len(world.logged("recipient.late", "u-1"))


def ask(world: World) -> None:
    """The person looks at the question once more."""
    world.cloud.consent.request("u-1", PURPOSE, world.evidence("u-1", "opened"), own_initiative=True)


def test_what_is_answered_after_the_end_does_not_put_the_alarm_off(world: World) -> None:
    """The 72 hours run from the withdrawal, whoever opens the question again meanwhile."""
    assert alarms(world, hours=60) == 0
    ask(world)
    assert alarms(world, hours=11) == 0 and alarms(world, hours=2) == 1


def test_one_end_is_one_alarm(world: World) -> None:
    """Neither a question, a second no, nor a restart raises it again; another end of another consent does."""
    assert alarms(world, hours=73) == 1
    ask(world)
    assert alarms(world, hours=80) == 1
    world.cloud.consent.refuse("u-1", PURPOSE, world.evidence("u-1", "tapped_no"))
    world.reopen()
    assert alarms(world, hours=80) == 1
    world.yes("u-1", PURPOSE)
    assert alarms(world, hours=80) == 1
    world.withdraw("u-1", PURPOSE)
    assert alarms(world, hours=71) == 1 and alarms(world, hours=2) == 2


def test_a_consent_that_lapsed_is_late_from_its_term_on(world: World) -> None:
    """Nobody has written down yet that the yes of years ago is over: the 72 hours run from the day on which it was."""
    world.yes("u-1", PURPOSE)
    ends = world.cloud.ledger.records("u-1", PURPOSE)[-1].validity_until
    assert ends is not None
    alarm = Propagation(
        policy=world.cloud.policy,
        ledger=world.cloud.ledger,
        database=world.cloud.database,
        clock=world.clock,
        audit=world.cloud.audit,
    ).alarm
    raised = []
    for hours in (-1, 1, 71, 73, 74):
        world.clock.at = ends + hours * HOUR
        raised.append(alarm())
    assert raised == [0, 0, 0, 1, 0]
