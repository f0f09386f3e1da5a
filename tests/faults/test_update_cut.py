"""The power is cut at every flash operation of an update, cleanly and in its middle: one good release always starts.

Whatever is cut: what starts is, byte for byte, a release that was confirmed, or the new one whole; the update can be gone on
with; and it ends with the new release confirmed.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.unit.firmware.nor import PowerCut, Supply
from tests.unit.firmware.update.update_world import FACTORY, Client, World, broker, image, release

FIRST, SECOND = release("1.0"), release("2.0", security=2)
OLD, NEW = image("1.0"), image("2.0")


def _update(world: World) -> None:
    """All of an update that is not done yet, over restarts."""
    if world.running == NEW:
        world.acknowledged()
        return
    world.offer(SECOND)
    assert world.contact(Client(broker(SECOND)))
    world.start()
    world.acknowledged()


def _from_factory(supply: Supply) -> World:
    world = World(supply)
    world.start()
    return world


def _from_first(supply: Supply) -> World:
    world = _from_factory(supply)
    world.install(FIRST)
    assert world.running == OLD
    return world


def _after_failure(supply: Supply) -> World:
    """The slot that is written holds the same release, given up before."""
    world = _from_first(supply)
    world.offer(SECOND)
    world.contact(Client(broker(SECOND)))
    for _ in range(4):
        world.start()
    assert world.running == OLD
    return world


BEGINNINGS: dict[str, tuple[Callable[[Supply], World], bytes]] = {
    "factory": (_from_factory, FACTORY),
    "second": (_from_first, OLD),
    "again": (_after_failure, OLD),
}


@pytest.mark.parametrize("torn", [False, True], ids=["clean", "torn"])
@pytest.mark.parametrize("name", BEGINNINGS)
def test_a_cut_anywhere_leaves_a_good_release(name: str, torn: bool) -> None:
    """Every operation from the offer to the confirmation is cut once, and the recovery goes to the end."""
    begin, before = BEGINNINGS[name]
    cuts = 0
    while True:
        supply = Supply(torn=torn, seed=cuts)
        world = begin(supply)
        supply.cut_at = supply.operations + cuts
        try:
            _update(world)
            break
        except PowerCut:
            cuts += 1
        supply.restart()
        assert world.start() in (before, NEW), f"cut {cuts}"
        _update(world)
        assert world.start() == NEW, f"cut {cuts}"
    assert cuts > 40, "the sweep covers the chunks, the marks and the erases"
    assert world.start() == NEW


@pytest.mark.parametrize("torn", [False, True], ids=["clean", "torn"])
def test_a_cut_at_any_start_on_trial_ends_at_the_old_release(torn: bool) -> None:
    """A release that never connects is cut at each mark of its starts: the starts still end, with the old one running."""
    cuts = 0
    while True:
        supply = Supply(torn=torn, seed=cuts)
        world = _from_first(supply)
        world.offer(SECOND)
        world.contact(Client(broker(SECOND)))
        supply.cut_at = supply.operations + cuts
        starts = cut = 0
        while starts < 6:
            try:
                started = world.start()
            except PowerCut:
                cut = 1
                supply.restart()
                continue
            assert started in (OLD, NEW)
            starts += 1
            if started == OLD:
                break
        assert started == OLD, f"cut {cuts}"
        assert starts <= 4
        assert world.start() == OLD
        if not cut:
            break
        cuts += 1
    assert cuts == 4  # three starts and the mark that ends them


def test_two_cuts_in_a_row_change_nothing_of_that() -> None:
    """A cut in the recovery of a cut, at operations a prime apart."""
    for first in range(0, 60, 7):
        for second in range(0, 40, 5):
            supply = Supply(torn=True, seed=first * 100 + second)
            world = _from_first(supply)
            for cut in (first, second):
                supply.cut_at = supply.operations + cut
                try:
                    _update(world)
                    break
                except PowerCut:
                    supply.restart()
                    assert world.start() in (OLD, NEW), (first, second)
            _update(world)
            assert world.start() == NEW, (first, second)
