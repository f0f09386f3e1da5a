"""Power that goes while a release is flashed by cable: the programs of the prompt on raw flash, cut at their operations."""

from __future__ import annotations

import contextlib
import io
import sys
import types
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from tests.unit.firmware.update.update_world import FACTORY, World, image  # isort: skip  # lends CPython MicroPython's names

from agent.errors import BoardRefused, NotProven
from agent.flashing import flashing, slotting
from agent.flashing.filing import Sent
from agent.flashing.released import Release
from firmware import slots
from tests.unit.agent.flashing.bench import Segment
from tests.unit.firmware.nor import PowerCut, Supply


class Prompt:
    """A board's prompt under CPython."""

    port = "/dev/board"

    def __init__(self, world: World) -> None:
        self._world = world
        self._typed = io.BytesIO()
        self._said = bytearray()
        line = types.SimpleNamespace(readinto=self._typed_into, write=self._said.extend)
        own = types.SimpleNamespace(buffer=line)
        self._scope: dict[str, Any] = {
            "sys": types.SimpleNamespace(path=[], stdin=own, stdout=own),
            "bare": [],
            "path": [],
        }
        self._scope["feed"] = lambda: None

    def _typed_into(self, room: bytearray) -> None:
        room[:] = self._typed.read(len(room))

    def run(self, code: str) -> str:
        """What it prints."""
        said = io.StringIO()
        with self._world.machine(), contextlib.redirect_stdout(said):
            sys.modules["slots"] = slots
            exec(code, self._scope)  # noqa: S102 - what is typed
        return said.getvalue()

    def hand_over(self, code: str, pieces: Iterable[bytes], *, last: bytes, answer_bytes: int) -> Iterator[bytes]:
        """As Console."""
        self._typed = io.BytesIO(b"".join(pieces) + last)
        self._said.clear()
        self.run(code)
        said = bytes(self._said[1:])
        yield from (said[at : at + answer_bytes] for at in range(0, len(said), answer_bytes))


def a_world(supply: Supply) -> World:
    """A board with two slots, blank."""
    world = World()
    world.nor = Segment(world.nor.sectors, supply=supply)
    world.nor.data[:] = b"\xff" * len(world.nor.data)
    return world


def flash(world: World, name: str, security: int = 1) -> Sent:
    """As `agent flash` does it on a board with `slots` built in."""
    release = Release("esp32s3", name, security, {}, image(name))
    return slotting.send_image(Prompt(world), release, built=True, packed=True, show=flashing.quiet)  # type: ignore[arg-type]


@pytest.mark.parametrize("torn", [False, True], ids=["clean", "torn"])
@pytest.mark.parametrize("before", [[], ["older", "old"]], ids=["bare", "both slots"])
def test_power_that_goes_leaves_the_old_release_or_the_new(before: list[str], torn: bool) -> None:
    """Before and in the midst of the operations, all of the last ones: what starts is whole, confirmed, and one of the two."""
    supply = Supply(torn=torn)
    world = a_world(supply)
    for name in before:
        flash(world, name)
    old = image("old") if before else FACTORY
    assert world.start() == old
    kept, began = bytes(world.nor.data), supply.operations
    flash(world, "new")
    total = supply.operations - began
    assert world.start() == image("new")
    seen = set()
    for n in [*range(0, total - 6, 11), *range(total - 6, total)]:
        world.nor.data[:] = kept
        supply.restart(supply.operations + n)
        with pytest.raises(PowerCut):
            flash(world, "new")
        supply.restart()
        started = world.start()
        assert started in (old, image("new")), n
        seen.add(started)
        with world.machine():
            assert slots.choose()[1:] == (
                0,
                1 if before or started != old else 0,
            )  # no update under way, nothing on trial
        flash(world, "new")
        assert world.start() == image("new"), n
    assert old in seen


def test_flash_that_wears_out_is_said() -> None:
    """A sector of the image that takes nothing, and the last one, which says what the slot holds: the old release stays."""
    world = a_world(Supply())
    flash(world, "old")
    for sector in (4, 7):  # of slot 1: its first, its last
        world.nor.stuck = {sector}
        with pytest.raises(NotProven, match=r"other bytes|does not hold"):
            flash(world, "new")
        assert world.start() == image("old")
    world.nor.stuck = set()
    assert flash(world, "new").sent_bytes <= len(image("new")) and world.start() == image("new")


def test_never_below_what_was_confirmed() -> None:
    """Of the slots too, whichever of them starts: that of the higher security version may be damaged."""
    world = a_world(Supply())
    flash(world, "mended", security=3)
    for security in (0, 2):
        with pytest.raises(BoardRefused, match=f"security version {security} is below 3"):
            flash(world, "holed", security=security)
    assert world.start() == image("mended")
    flash(world, "newer", security=3)
    assert world.start() == image("newer")
