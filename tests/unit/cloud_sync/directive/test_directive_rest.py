"""Two statuses on their way at once: device and server come to rest instead of answering each other for ever."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cloud_sync.directive import Outgoing
from cloud_sync.directive.state import ON_ITS_WAY_S
from cloud_sync.model import StatusReason, StatusReport
from tests.unit.cloud_sync.directive.test_directive_desk import CELL, DEVICE, NONE, World

ROUNDS = 20  # far more than there is to say


def applied(world: World, outgoing: Outgoing) -> StatusReport:
    """What the device says once it applied a directive, or asks for another answer, before it sees the next."""
    world.device.receive(outgoing)
    asks = StatusReason.CHALLENGE_WANTED if world.device.asking else StatusReason.DIRECTIVE_APPLIED
    return replace(world.device.report(), reason=asks)


def two_at_once(world: World, starts: int = 1) -> list[Outgoing]:
    """Two statuses arrive together, of two starts or of one, and each is answered."""
    before, world.device.draws = world.device.report(), starts - 1
    answers = world.desk.status(DEVICE, before, CELL) + world.desk.status(DEVICE, world.device.report(), CELL)
    assert len(answers) == 2
    return answers


@pytest.mark.parametrize("starts", [1, 2])
def test_two_answers_on_their_way_are_enough(starts: int) -> None:
    """Each directive is reported when it is applied; the newest follows, and the chase ends."""
    world = World()
    waiting, sent = two_at_once(world, starts), 2
    for _ in range(ROUNDS):
        reports = [applied(world, outgoing) for outgoing in waiting]
        waiting = [new for report in reports for new in world.desk.status(DEVICE, report, CELL)]
        sent += len(waiting)
    assert waiting == [] and sent < 6
    assert world.senses and world.device.highest == world.state.version


@pytest.mark.parametrize("late", [False, True])
def test_what_was_lost_is_said_again(late: bool) -> None:
    """The newest directive does not arrive: a report of the older one waits for it, and a minute later no longer."""
    world = World()
    older, _ = two_at_once(world)
    report = applied(world, older)
    world.clock.time += ON_ITS_WAY_S if late else ON_ITS_WAY_S - 1
    assert bool(world.desk.status(DEVICE, report, CELL)) == late


def test_a_heartbeat_is_always_answered() -> None:
    """Another reason than the applying of a directive says nothing about what is on its way."""
    world = World()
    older, _ = two_at_once(world)
    report = replace(applied(world, older), reason=StatusReason.HEARTBEAT)
    assert world.desk.status(DEVICE, report, CELL)


def test_a_withdrawal_goes_out_all_the_same() -> None:
    """What narrows needs no challenge, and waits for nothing."""
    world = World()
    older, _ = two_at_once(world)
    [narrower] = world.desk.status(DEVICE, applied(world, older), NONE)
    world.device.receive(narrower)
    assert not world.senses
